/* test_seen.c - a change that a later snapshot saw is known by its transaction. */
#include "connectors/postgres-cdc/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static seen_state state_of(uint64_t until, const char *snapshot)
{
    return (seen_state){.until = until, .snapshot = weir_cstr(snapshot)};
}

static void a_transaction_that_had_ended_was_seen(void **state)
{
    (void)state;
    seen list = {0};
    seen_state read = state_of(500, "100:110:102,107");

    seen_add(&list, 7, &read);
    assert_true(seen_has(&list, 7, 99));
    assert_true(seen_has(&list, 7, 101));
    assert_false(seen_has(&list, 7, 102)); /* it was open then */
    assert_false(seen_has(&list, 7, 107));
    assert_true(seen_has(&list, 7, 109));
    assert_false(seen_has(&list, 7, 110)); /* it began later */
    assert_false(seen_has(&list, 8, 99));
    seen_done(&list);
}

static void numbers_of_transactions_go_round(void **state)
{
    (void)state;
    seen list = {0};
    seen_state read = state_of(500, "8589934590:8589934594:8589934591"); /* 2^33 + 2 */

    seen_add(&list, 7, &read);
    assert_true(seen_has(&list, 7, 1));
    assert_true(seen_has(&list, 7, UINT32_MAX - 1));
    assert_false(seen_has(&list, 7, UINT32_MAX)); /* 2^33 - 1 was open */
    assert_false(seen_has(&list, 7, 2));
    seen_done(&list);
}

static void the_last_reading_of_a_table_counts(void **state)
{
    (void)state;
    seen list = {0};
    seen_state first = state_of(500, "100:110:"), second = state_of(900, "200:210:");

    seen_add(&list, 7, &first);
    seen_add(&list, 8, &first);
    seen_add(&list, 7, &second);
    assert_true(seen_has(&list, 7, 150));
    assert_false(seen_has(&list, 8, 150));
    seen_done(&list);
}

static void what_the_stream_has_passed_is_forgotten(void **state)
{
    (void)state;
    seen list = {0};
    seen_state first = state_of(500, "100:110:"), second = state_of(900, "200:210:");

    seen_add(&list, 7, &first);
    seen_add(&list, 8, &second);
    seen_forget(&list, 499);
    assert_true(seen_has(&list, 7, 50));
    seen_forget(&list, 500);
    assert_false(seen_has(&list, 7, 50));
    assert_true(seen_has(&list, 8, 50));
    seen_forget(&list, 900);
    assert_int_equal(list.text.len, 0);
    seen_done(&list);
}

static void entries_survive_the_offset_and_nonsense_is_refused(void **state)
{
    (void)state;
    seen list = {0}, again = {0};
    seen_state first = state_of(500, "100:110:102"), second = state_of(900, "200:210:");
    static const char *const wrong[] = {"7", "7:500", "7:500:110", "x:1:2:;", "7:500:110:;8", ";"};

    seen_add(&list, 7, &first);
    seen_add(&list, 8, &second);
    assert_true(seen_read(&again, weir_buf_str(&list.text)));
    assert_true(seen_has(&again, 7, 101));
    assert_false(seen_has(&again, 7, 102));
    assert_true(seen_has(&again, 8, 209));
    assert_true(seen_read(&again, (weir_str){0}));
    assert_false(seen_has(&again, 8, 209));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(seen_read(&again, weir_cstr(wrong[i])));
    seen_done(&list);
    seen_done(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_that_had_ended_was_seen),
        cmocka_unit_test(numbers_of_transactions_go_round),
        cmocka_unit_test(the_last_reading_of_a_table_counts),
        cmocka_unit_test(what_the_stream_has_passed_is_forgotten),
        cmocka_unit_test(entries_survive_the_offset_and_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
