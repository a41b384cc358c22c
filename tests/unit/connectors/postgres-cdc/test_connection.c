/* test_connection.c - positions as texts, and which failures pass by themselves. */
#include "connectors/postgres-cdc/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void a_position_is_two_hexadecimal_halves(void **state)
{
    (void)state;
    char text[32];

    assert_true(connection_lsn(WEIR_STR("16/B374D848")) == 0x16B374D848);
    assert_true(connection_lsn(WEIR_STR("FFFFFFFF/FFFFFFFF")) == UINT64_MAX);
    assert_true(connection_lsn(WEIR_STR("0/1")) == 1);
    (void)snprintf(text, sizeof(text), CONNECTION_LSN_FORMAT, CONNECTION_LSN_ARGS(0x16B374D848));
    assert_string_equal(text, "16/B374D848");
}

static void what_is_no_position_is_zero(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "16", "16/b374", "16/1/1", "x/1", "-1/1", "1 /2"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(connection_lsn(weir_cstr(cases[i])) == 0);
}

static void what_passes_by_itself_is_tried_again_and_nothing_else(void **state)
{
    (void)state;
    static const char *const passing[] = {"08006", "40001", "53300", "55006", "57P01", "58030"};
    static const char *const lasting[] = {"42501", "42P01", "22021", "54000", "28P01", "XX000", ""};

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        assert_int_equal(connection_code_of(passing[i]), WEIR_RETRY);
    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
        assert_int_equal(connection_code_of(lasting[i]), WEIR_FATAL);
}

static void a_row_that_is_too_large_is_known_by_its_state_or_its_words(void **state)
{
    (void)state;
    weir_error err;

    assert_true(connection_exceeds_limit("54000", "out of memory"));
    assert_true(connection_exceeds_limit("XX000", "invalid memory alloc request size 1080000062"));
    assert_false(connection_exceeds_limit("53200", "out of memory"));
    (void)weir_fail(&err, WEIR_FATAL, "reading it: out of memory");
    assert_false(connection_is_too_large(&err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_two_hexadecimal_halves),
        cmocka_unit_test(what_is_no_position_is_zero),
        cmocka_unit_test(what_passes_by_itself_is_tried_again_and_nothing_else),
        cmocka_unit_test(a_row_that_is_too_large_is_known_by_its_state_or_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
