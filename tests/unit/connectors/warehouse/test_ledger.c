/* test_ledger.c - whose the log's offsets in the destination are, and how they move. */
#include "connectors/warehouse/ledger.h"

#include "tests/unit/connectors/warehouse/fake_dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

typedef struct fixture {
    fake_dialect fake;
    ledger ledger;
} fixture;

static int set_up(void **state)
{
    static fixture one;

    fake_init(&one.fake);
    ledger_init(&one.ledger, &one.fake.base);
    *state = &one;
    return 0;
}

static int tear_down(void **state)
{
    fixture *one = *state;

    ledger_done(&one->ledger);
    fake_done(&one->fake);
    return 0;
}

static const fake_answer ours[] = {
    {.has = "RETURNING CAST(log_id", .row_count = 1, .cells = {"log-1", "id-1", "42", "NULL"}}};

static ledger_row *claim(fixture *one, const fake_answer *answer, weir_error *err)
{
    ledger_row *row = NULL;

    one->fake.answers = answer;
    one->fake.answer_count = 1;
    return ledger_claim(&one->ledger, WEIR_STR("orders"), 2, &row, err) == WEIR_OK ? row : NULL;
}

static void a_claim_resumes_where_the_destination_says(void **state)
{
    fixture *one = *state;
    weir_error err;
    ledger_row *row = claim(one, ours, &err);

    assert_non_null(row);
    assert_int_equal(row->next, 42);
    assert_int_equal(row->careful_to, -1);
    assert_ptr_equal(ledger_find(&one->ledger, WEIR_STR("orders"), 2), row);
    assert_null(ledger_find(&one->ledger, WEIR_STR("orders"), 1));
    ledger_forget(&one->ledger, WEIR_STR("orders"), 2);
    assert_null(ledger_find(&one->ledger, WEIR_STR("orders"), 2));
    ledger_forget(&one->ledger, WEIR_STR("orders"), 2); /* again is no harm */
}

static void a_row_is_taken_from_other_tasks_and_from_older_starts_only(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_non_null(claim(one, ours, &err));
    assert_non_null(strstr(fake_said(&one->fake),
                           "SET task = 3, epoch = 7 WHERE connector = "
                           "'it''s.dwh' AND topic = 'orders' AND "
                           "\"partition\" = 2 AND (task <> 3 OR epoch <= 7)"));
}

static void a_newer_start_is_not_overruled(void **state)
{
    static const fake_answer none[] = {{.has = "RETURNING", .row_count = 0}};
    weir_error err;

    assert_null(claim(*state, none, &err));
    assert_int_equal(err.code, WEIR_FATAL);
    assert_non_null(
        strstr(err.message, "a newer start of this task writes \"orders\" partition 2"));
}

static void offsets_of_another_log_or_topic_are_refused_with_the_choices(void **state)
{
    static const fake_answer others[] = {
        {.has = "RETURNING", .row_count = 1, .cells = {"log-2", "id-1", "42", "NULL"}},
        {.has = "RETURNING", .row_count = 1, .cells = {"log-1", "id-9", "42", "NULL"}}};
    static const char *const words[] = {"another log", "another topic of this name"};

    for (size_t i = 0; i < 2; i++) {
        weir_error err;

        assert_null(claim(*state, &others[i], &err));
        assert_int_equal(err.code, WEIR_FATAL);
        assert_non_null(strstr(err.message, words[i]));
        assert_non_null(strstr(err.message, "old data directory"));
        assert_non_null(strstr(err.message, "set the connector's offsets"));
        assert_non_null(strstr(err.message, "another name and empty tables"));
    }
}

static void only_what_moved_is_written_and_by_one_statement(void **state)
{
    static const fake_answer one_row[] = {{.has = "FROM (VALUES", .row_count = 1}};
    fixture *one = *state;
    weir_error err;
    ledger_row *row = claim(one, ours, &err);

    assert_int_equal(ledger_write(&one->ledger, &err), WEIR_OK);
    assert_null(strstr(fake_said(&one->fake), "VALUES ('orders', 2, CAST")); /* nothing moved */
    row->pending = 50;
    one->fake.answers = one_row;
    assert_int_equal(ledger_write(&one->ledger, &err), WEIR_OK);
    assert_non_null(
        strstr(fake_said(&one->fake), "VALUES ('orders', 2, CAST(50 AS bigint))) AS v"));
    assert_non_null(strstr(fake_said(&one->fake), "l.task = 3 AND l.epoch = 7"));
    ledger_committed(&one->ledger);
    assert_int_equal(row->next, 50);
    assert_int_equal(row->pending, -1);
}

static void a_row_that_is_no_longer_ours_fails_the_whole_write(void **state)
{
    static const fake_answer gone[] = {{.has = "FROM (VALUES", .row_count = 0}};
    fixture *one = *state;
    weir_error err;
    ledger_row *row = claim(one, ours, &err);

    row->pending = 50;
    one->fake.answers = gone;
    assert_int_equal(ledger_write(&one->ledger, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "taken over 1 of its 1 partitions: nothing was written"));
}

static void a_claim_that_was_rolled_back_is_made_again(void **state)
{
    fixture *one = *state;
    weir_error err;
    ledger_row *row = claim(one, ours, &err);

    row->pending = 50;
    ledger_rolled_back(&one->ledger);
    assert_null(ledger_find(&one->ledger, WEIR_STR("orders"), 2));
    row = claim(one, ours, &err);
    ledger_committed(&one->ledger);
    row->pending = 50;
    ledger_rolled_back(&one->ledger); /* of another transaction */
    row = ledger_find(&one->ledger, WEIR_STR("orders"), 2);
    assert_non_null(row);
    assert_int_equal(row->next, 42);
    assert_int_equal(row->pending, -1);
}

static void care_ends_when_its_offset_is_passed(void **state)
{
    static const fake_answer careful[] = {
        {.has = "RETURNING", .row_count = 1, .cells = {"log-1", "id-1", "42", "60"}}};
    fixture *one = *state;
    weir_error err;
    ledger_row *row = claim(one, careful, &err);

    assert_true(ledger_is_careful(&one->ledger));
    row->pending = 59;
    ledger_committed(&one->ledger);
    assert_true(ledger_is_careful(&one->ledger));
    row->pending = 60;
    ledger_committed(&one->ledger);
    assert_false(ledger_is_careful(&one->ledger));
}

static void an_offset_is_set_whatever_log_it_counted_in_or_forgotten(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(ledger_set(&one->ledger, WEIR_STR("orders"), 0, -1, &err), WEIR_OK);
    assert_non_null(strstr(fake_said(&one->fake), "DELETE FROM \"weir_ledger\""));
    assert_null(strstr(fake_said(&one->fake), "INSERT"));
    assert_int_equal(ledger_set(&one->ledger, WEIR_STR("orders"), 0, 9, &err), WEIR_OK);
    assert_non_null(strstr(fake_said(&one->fake), "'orders', 0, 'log-1', 'id-1', 3, 7, 9)"));
}

static void two_tasks_that_make_the_table_at_once_come_again(void **state)
{
    static const fake_answer collide[] = {{.has = "CREATE TABLE", .code = WEIR_REJECT}};
    fixture *one = *state;
    weir_error err;

    one->fake.answers = collide;
    one->fake.answer_count = 1;
    assert_int_equal(ledger_create(&one->ledger, &err), WEIR_RETRY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_claim_resumes_where_the_destination_says),
        TEST(a_row_is_taken_from_other_tasks_and_from_older_starts_only),
        TEST(a_newer_start_is_not_overruled),
        TEST(offsets_of_another_log_or_topic_are_refused_with_the_choices),
        TEST(only_what_moved_is_written_and_by_one_statement),
        TEST(a_row_that_is_no_longer_ours_fails_the_whole_write),
        TEST(a_claim_that_was_rolled_back_is_made_again),
        TEST(care_ends_when_its_offset_is_passed),
        TEST(an_offset_is_set_whatever_log_it_counted_in_or_forgotten),
        TEST(two_tasks_that_make_the_table_at_once_come_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
