/* test_slot.c - where a server's history left an older timeline. */
#include "connectors/postgres-cdc/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void the_fork_is_found_by_its_timeline(void **state)
{
    static const char history[] = "1\t0/3000060\tno recovery target specified\n\n"
                                  "2\tA/4000000\tbefore 2024-01-01 00:00:00\n"
                                  "13\t1B/5000000\treason";
    (void)state;

    assert_int_equal(slot_fork_in(weir_cstr(history), 1), 0x3000060);
    assert_int_equal(slot_fork_in(weir_cstr(history), 2), 0xA04000000);
    assert_int_equal(slot_fork_in(weir_cstr(history), 13), 0x1B05000000);
    assert_int_equal(slot_fork_in(weir_cstr(history), 3), 0); /* of another branch */
    assert_int_equal(slot_fork_in(WEIR_STR(""), 1), 0);
    assert_int_equal(slot_fork_in(WEIR_STR("1"), 1), 0);
    assert_int_equal(slot_fork_in(WEIR_STR("1\tnothing\n"), 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fork_is_found_by_its_timeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
