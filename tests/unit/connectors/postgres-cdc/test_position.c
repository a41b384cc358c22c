/* test_position.c - what was delivered before a restart is known by commit and place in it. */
#include "connectors/postgres-cdc/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static void changes_of_a_transaction_that_was_delivered_are_old(void **state)
{
    (void)state;
    position done = {.commit = 100};

    /* a change is older than commits that were delivered before its own */
    assert_true(position_has(&done, 90, 50, 1));
    assert_false(position_has(&done, 100, 50, 1));
    assert_false(position_has(&done, 150, 50, 1));
}

static void a_large_transaction_goes_on_behind_its_last_delivered_change(void **state)
{
    (void)state;
    position done = {.commit = 100, .open = 150, .change = 60, .same_count = 2};
    static const struct {
        uint64_t final, change;
        int64_t index;
        bool old;
    } cases[] = {
        {150, 55, 1, true},  {150, 60, 1, true},  {150, 60, 2, true}, {150, 60, 3, false},
        {150, 61, 1, false}, {160, 55, 1, false}, {90, 99, 1, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(position_has(&done, cases[i].final, cases[i].change, cases[i].index),
                         cases[i].old);
}

static void the_slot_is_not_confirmed_by_a_snapshot(void **state)
{
    (void)state;
    assert_int_equal(position_confirmed(WEIR_STR("{\"snapshot\":1,\"lsn_commit\":7}")), 0);
    assert_int_equal(position_confirmed(WEIR_STR("{\"lsn_commit\":7}")), 7);
    assert_int_equal(
        position_confirmed(WEIR_STR("{\"lsn_commit\":7,\"lsn_open\":9,\"lsn\":8,\"event\":1}")), 7);
    assert_int_equal(position_confirmed(WEIR_STR("{}")), 0);
}

static void a_promotion_is_survived_when_all_that_was_delivered_lies_before_it(void **state)
{
    (void)state;
    static const struct {
        position at;
        bool survives;
    } cases[] = {
        {{.commit = 100}, true},
        {{.commit = 101}, false},                /* a commit that the new primary never had */
        {{.commit = 90, .open = 99}, true},      /* delivered in part, and whole at the new one */
        {{.commit = 90, .open = 100}, false},    /* its commit record is not in the history */
        {{.commit = 90, .read_to = 101}, false}, /* the snapshot may have seen what is lost */
        {{.commit = 90, .read_to = 100}, true},
        {{.commit = 90, .in_snapshot = true}, false}, /* rows were read, of whatever there was */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(position_survives(&cases[i].at, 100), cases[i].survives);
    assert_false(position_survives(&(position){.commit = 1}, 0)); /* another history */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_of_a_transaction_that_was_delivered_are_old),
        cmocka_unit_test(a_large_transaction_goes_on_behind_its_last_delivered_change),
        cmocka_unit_test(the_slot_is_not_confirmed_by_a_snapshot),
        cmocka_unit_test(a_promotion_is_survived_when_all_that_was_delivered_lies_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
