/* test_pgoutput.c - every message of the protocol, and bytes that are none. */
#include "connectors/postgres-cdc/pgoutput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#define BYTES(literal) ((weir_str){literal, sizeof(literal) - 1})

static pgoutput_decoder decoder;
static pgoutput_message message;
static weir_error err;

static void a_begin_has_the_place_of_its_commit_its_time_and_its_xid(void **state)
{
    (void)state;
    weir_str bytes = BYTES("B\0\0\0\1\0\0\0\2\0\2\x8e\xd9\xa8\xc1\xd8\0\0\0\2\xe7");

    assert_int_equal(pgoutput_decode(&decoder, bytes, &message, &err), WEIR_OK);
    assert_int_equal(message.begin.final_lsn, 0x100000002);
    assert_int_equal(message.begin.time_us, 0x00028ed9a8c1d800);
    assert_int_equal(message.begin.xid, 743);
}

static void a_commit_has_the_end_that_can_be_confirmed(void **state)
{
    (void)state;
    weir_str bytes = BYTES("C\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\x30\0\0\0\0\0\0\0\5");

    assert_int_equal(pgoutput_decode(&decoder, bytes, &message, &err), WEIR_OK);
    assert_int_equal(message.commit.lsn, 7);
    assert_int_equal(message.commit.end_lsn, 0x30);
    assert_int_equal(message.commit.time_us, 5);
}

static void a_relation_lists_its_columns_and_what_identifies_a_row(void **state)
{
    (void)state;
    weir_str bytes = BYTES("R\0\0\x40\1public\0orders\0d\0\2\1id\0\0\0\0\x17\xff\xff\xff\xff"
                           "\0amount\0\0\0\6\xa4\0\xa\0\6");

    assert_int_equal(pgoutput_decode(&decoder, bytes, &message, &err), WEIR_OK);
    assert_int_equal(message.relation, 16385);
    assert_true(weir_str_eq(message.table.schema, WEIR_STR("public")));
    assert_true(weir_str_eq(message.table.name, WEIR_STR("orders")));
    assert_int_equal(message.table.identity, 'd');
    assert_int_equal(message.table.count, 2);
    assert_true(message.table.columns[0].identity);
    assert_int_equal(message.table.columns[0].type, 23);
    assert_int_equal(message.table.columns[0].modifier, -1);
    assert_false(message.table.columns[1].identity);
    assert_true(weir_str_eq(message.table.columns[1].name, WEIR_STR("amount")));
    assert_int_equal(message.table.columns[1].modifier, 0xa0006);
}

static void each_value_of_a_row_says_its_form_for_itself(void **state)
{
    (void)state;
    weir_str bytes = BYTES("I\0\0\x40\1N\0\4nut\0\0\0\2abb\0\0\0\3\0\1\2");
    static const pgoutput_form forms[] = {PGOUTPUT_NULL, PGOUTPUT_UNCHANGED, PGOUTPUT_TEXT,
                                          PGOUTPUT_BINARY};

    assert_int_equal(pgoutput_decode(&decoder, bytes, &message, &err), WEIR_OK);
    assert_int_equal(message.change.new_tuple.count, 4);
    assert_null(message.change.old_tuple.values);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(message.change.new_tuple.values[i].form, forms[i]);
    assert_true(weir_str_eq(message.change.new_tuple.values[2].bytes, WEIR_STR("ab")));
    assert_int_equal(message.change.new_tuple.values[3].bytes.len, 3);
}

static void an_update_may_bring_the_old_key_or_the_old_row_or_neither(void **state)
{
    (void)state;
    static const struct {
        weir_str bytes;
        char old_kind;
    } cases[] = {
        {BYTES("U\0\0\0\1N\0\1n"), 0},
        {BYTES("U\0\0\0\1K\0\1t\0\0\0\0019N\0\1n"), 'K'},
        {BYTES("U\0\0\0\1O\0\1t\0\0\0\0019N\0\1n"), 'O'},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(pgoutput_decode(&decoder, cases[i].bytes, &message, &err), WEIR_OK);
        assert_int_equal(message.change.old_kind, cases[i].old_kind);
        assert_int_equal(message.change.old_tuple.values != NULL, cases[i].old_kind != 0);
        assert_int_equal(message.change.new_tuple.count, 1);
    }
}

static void a_truncate_names_all_its_tables(void **state)
{
    (void)state;
    weir_str bytes = BYTES("T\0\0\0\2\1\0\0\0\7\0\0\1\0");

    assert_int_equal(pgoutput_decode(&decoder, bytes, &message, &err), WEIR_OK);
    assert_int_equal(message.truncate.count, 2);
    assert_int_equal(pgoutput_truncated(&message, 0), 7);
    assert_int_equal(pgoutput_truncated(&message, 1), 256);
}

static void what_is_not_needed_is_read_to_its_end(void **state)
{
    (void)state;
    static const weir_str cases[] = {
        BYTES("O\0\0\0\0\0\0\0\1origin\0"),
        BYTES("Y\0\0\x40\1public\0mood\0"),
        BYTES("M\1\0\0\0\0\0\0\0\1prefix\0\0\0\0\2hi"),
        BYTES("D\0\0\0\1K\0\1t\0\0\0\0019"),
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(pgoutput_decode(&decoder, cases[i], &message, &err), WEIR_OK);
}

static void bytes_that_are_no_message_are_refused(void **state)
{
    (void)state;
    static const weir_str cases[] = {
        BYTES(""),
        BYTES("x"),
        BYTES("B\0\0"),
        BYTES("S\0\0\0\1\1"),                     /* of protocol version 2 */
        BYTES("I\0\0\0\1N\0\1"),                  /* a value is missing */
        BYTES("I\0\0\0\1N\0\1t\0\0\0\2a"),        /* shorter than it says */
        BYTES("I\0\0\0\1N\0\1t\xff\xff\xff\xff"), /* much shorter */
        BYTES("I\0\0\0\1N\0\1q"),                 /* no form of a value */
        BYTES("I\0\0\0\1O\0\1n"),                 /* an insert has no old row */
        BYTES("I\0\0\0\1N\0\1nn"),                /* longer than the message */
        BYTES("I\0\0\0\1N\x7f\xffn"),             /* more columns than a table has */
        BYTES("D\0\0\0\1N\0\1n"),
        BYTES("U\0\0\0\1K\0\1n"),
        BYTES("T\xff\xff\xff\xff\0\0\0\0\1"),
        BYTES("R\0\0\0\1public\0t\0d\xff\xff"),
        BYTES("R\0\0\0\1public"),
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(pgoutput_decode(&decoder, cases[i], &message, &err), WEIR_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_begin_has_the_place_of_its_commit_its_time_and_its_xid),
        cmocka_unit_test(a_commit_has_the_end_that_can_be_confirmed),
        cmocka_unit_test(a_relation_lists_its_columns_and_what_identifies_a_row),
        cmocka_unit_test(each_value_of_a_row_says_its_form_for_itself),
        cmocka_unit_test(an_update_may_bring_the_old_key_or_the_old_row_or_neither),
        cmocka_unit_test(a_truncate_names_all_its_tables),
        cmocka_unit_test(what_is_not_needed_is_read_to_its_end),
        cmocka_unit_test(bytes_that_are_no_message_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
