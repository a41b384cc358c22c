/* test_writer.c - records become rows that wait, and when they are written. */
#include "connectors/warehouse/writer.h"

#include "tests/unit/connectors/warehouse/fake_dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define BYTES(literal)    ((weir_str){literal, sizeof(literal) - 1})
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define ROW(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define KEY               ROW("K", FIELD("id", "\"long\""))
#define OPTIONAL_KEY      ROW("K", FIELD("id", "[\"null\",\"long\"]"))
#define VALUE             ROW("V", FIELD("id", "\"long\"") "," FIELD("name", "\"string\""))
#define WIDER                                                                                      \
    ROW("V", FIELD("id", "\"long\"") "," FIELD("name", "\"string\"") "," FIELD("n", "\"int\""))
#define EVENT                                                                                      \
    "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"after\",\"type\":["               \
    "\"null\"," VALUE "]},"                                                                        \
    "{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}}," FIELD(    \
        "op", "\"string\"") "]}"

static const table_column columns[] = {
    {.name = {"id", 2}, .type = {.id = TYPE_INT8}, .nullable = true},
    {.name = {"name", 4}, .type = {.id = TYPE_TEXT}, .nullable = true},
    {.name = {"n", 1}, .type = {.id = TYPE_INT4}, .nullable = true},
};

typedef struct fixture {
    fake_dialect fake;
    writer writer;
    bool own; /* what the last add said */
} fixture;

static int set_up(void **state)
{
    static fixture one;

    fake_init(&one.fake);
    one.fake.columns = columns;
    one.fake.column_count = 3;
    one.fake.settings.insert_mode.index = INSERT_MODE_UPSERT;
    one.fake.settings.pk_mode.index = PK_RECORD_KEY;
    one.fake.settings.delete_enabled = true;
    writer_init(&one.writer, &one.fake.base);
    *state = &one;
    return 0;
}

static int tear_down(void **state)
{
    fixture *one = *state;

    writer_done(&one->writer);
    fake_done(&one->fake);
    return 0;
}

/* key and value: encoded; ptr NULL for none. */
static weir_code add(fixture *one, const char *key_schema, weir_str key, const char *value_schema,
                     weir_str value, weir_error *err)
{
    weir_record record = {.topic = WEIR_STR("orders"), .key = key, .value = value};

    record.key_schema = weir_task_schema(&one->fake.task, weir_cstr(key_schema), err);
    if (value_schema != NULL)
        record.value_schema = weir_task_schema(&one->fake.task, weir_cstr(value_schema), err);
    return writer_add(&one->writer, &record, &one->own, err);
}

static weir_code upsert(fixture *one, weir_str key, weir_str value, weir_error *err)
{
    return add(one, KEY, key, value.ptr != NULL ? VALUE : NULL, value, err);
}

static void changes_of_a_key_wait_as_one_until_they_are_finished(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(upsert(one, BYTES("\x02"),
                            BYTES("\x02\x02"
                                  "a"),
                            &err),
                     WEIR_OK);
    assert_int_equal(upsert(one, BYTES("\x02"),
                            BYTES("\x02\x02"
                                  "b"),
                            &err),
                     WEIR_OK);
    assert_int_equal(upsert(one, BYTES("\x04"),
                            BYTES("\x04\x02"
                                  "c"),
                            &err),
                     WEIR_OK);
    assert_int_equal(upsert(one, BYTES("\x06"), (weir_str){0}, &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "");
    assert_int_equal(writer_finish(&one->writer, &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "write \"orders\" uud\n");
    assert_int_equal(writer_finish(&one->writer, &err), WEIR_OK); /* nothing waits any more */
    assert_string_equal(fake_said(&one->fake), "write \"orders\" uud\n");
}

static void rows_are_written_when_they_take_too_much_memory(void **state)
{
    fixture *one = *state;
    weir_error err;
    char value[300] = "\x02\xc8\x01";

    one->fake.settings.buffer_bytes = 1000;
    memset(value + 3, 'x', 100);
    for (int i = 0; i < 20; i++) {
        const char key[] = {(char)(2 * i), '\0'};

        assert_int_equal(upsert(one, (weir_str){key, 1}, (weir_str){value, 103}, &err), WEIR_OK);
    }
    assert_non_null(strstr(fake_said(&one->fake), "write \"orders\" uuu"));
}

static void another_layout_writes_what_waits_first(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(upsert(one, BYTES("\x02"),
                            BYTES("\x02\x02"
                                  "a"),
                            &err),
                     WEIR_OK);
    assert_int_equal(add(one, KEY, BYTES("\x04"), WIDER,
                         BYTES("\x04\x02"
                               "b\x06"),
                         &err),
                     WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "write \"orders\" u\n");
    assert_int_equal(upsert(one, BYTES("\x08"), (weir_str){0}, &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake),
                        "write \"orders\" u\n"); /* a delete takes what is there */
}

static void a_refusal_of_rows_in_the_way_is_not_the_records_fault(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(upsert(one, BYTES("\x02"),
                            BYTES("\x02\x02"
                                  "a"),
                            &err),
                     WEIR_OK);
    one->fake.write_code = WEIR_REJECT;
    assert_int_equal(add(one, KEY, BYTES("\x04"), WIDER,
                         BYTES("\x04\x02"
                               "b\x06"),
                         &err),
                     WEIR_REJECT);
    assert_false(one->own);
}

static void a_record_that_has_no_row_is_rejected_for_its_own_fault(void **state)
{
    static const struct {
        const char *key_schema;
        weir_str key;
        const char *value_schema;
        weir_str value;
        const char *message;
    } cases[] = {
        {OPTIONAL_KEY,
         {"\0", 1},
         VALUE,
         {"\x02\x02"
          "a",
          3},
         "field \"id\" of the key is NULL"},
        {KEY, {"\x02", 1}, NULL, {"raw", 3}, "the value has no schema"},
        {KEY,
         {"\x02", 1},
         VALUE,
         {"\x02\x02"
          "a!",
          4},
         "value"},
        {KEY,
         {"", 0},
         VALUE,
         {"\x02\x02"
          "a",
          3},
         "key"},
        {KEY, {"\x02", 1}, VALUE, {"\x02\x02\0", 3}, "field \"name\""},
        {KEY, {"\x02", 1}, EVENT, {"\0\x02z", 3}, "op is none of"},
        {KEY, {"\x02", 1}, EVENT, {"\0\x02u", 3}, "has no row after it"},
    };
    fixture *one = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err;

        assert_int_equal(add(one, cases[i].key_schema, cases[i].key, cases[i].value_schema,
                             cases[i].value, &err),
                         WEIR_REJECT);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_true(one->own);
    }
    assert_string_equal(fake_said(&one->fake), "");
}

static void a_tombstone_without_delete_enabled_is_rejected_or_passed_over(void **state)
{
    fixture *one = *state;
    weir_error err;

    one->fake.settings.delete_enabled = false;
    assert_int_equal(upsert(one, BYTES("\x02"), (weir_str){0}, &err), WEIR_REJECT);
    assert_true(one->own);
    assert_non_null(strstr(err.message, "delete.enabled"));
    one->fake.settings.passes_deletes = true;
    assert_int_equal(upsert(one, BYTES("\x02"), (weir_str){0}, &err), WEIR_OK);
    assert_int_equal(add(one, KEY, BYTES("\x02"), EVENT,
                         BYTES("\0\x02"
                               "d"),
                         &err),
                     WEIR_OK);
    assert_int_equal(writer_finish(&one->writer, &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "");
}

static void a_change_event_is_its_row_its_delete_or_its_truncate(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(add(one, KEY, BYTES("\x02"), EVENT,
                         BYTES("\x02\x02\x02"
                               "a\x02"
                               "c"),
                         &err),
                     WEIR_OK);
    assert_int_equal(add(one, KEY, BYTES("\x04"), EVENT,
                         BYTES("\0\x02"
                               "d"),
                         &err),
                     WEIR_OK);
    assert_int_equal(add(one, KEY, (weir_str){0}, EVENT, BYTES("\0\x02t"), &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), ""); /* truncate.enabled is false */
    one->fake.settings.truncate_enabled = true;
    assert_int_equal(add(one, KEY, (weir_str){0}, EVENT, BYTES("\0\x02t"), &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "write \"orders\" ud\nDELETE FROM \"orders\"\n");
}

static void a_table_is_only_emptied_when_it_may_be(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(writer_empty(&one->writer, WEIR_STR("orders"), &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "truncate.enabled=true"));
    one->fake.settings.truncate_enabled = true;
    assert_int_equal(writer_empty(&one->writer, WEIR_STR("orders"), &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "DELETE FROM \"orders\"\n");
}

static void what_waits_is_dropped_by_a_rollback_and_kept_by_nothing_else(void **state)
{
    fixture *one = *state;
    weir_error err;

    assert_int_equal(upsert(one, BYTES("\x02"),
                            BYTES("\x02\x02"
                                  "a"),
                            &err),
                     WEIR_OK);
    writer_reset(&one->writer, true);
    assert_int_equal(writer_finish(&one->writer, &err), WEIR_OK);
    assert_string_equal(fake_said(&one->fake), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_of_a_key_wait_as_one_until_they_are_finished),
        TEST(rows_are_written_when_they_take_too_much_memory),
        TEST(another_layout_writes_what_waits_first),
        TEST(a_refusal_of_rows_in_the_way_is_not_the_records_fault),
        TEST(a_record_that_has_no_row_is_rejected_for_its_own_fault),
        TEST(a_tombstone_without_delete_enabled_is_rejected_or_passed_over),
        TEST(a_change_event_is_its_row_its_delete_or_its_truncate),
        TEST(a_table_is_only_emptied_when_it_may_be),
        TEST(what_waits_is_dropped_by_a_rollback_and_kept_by_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
