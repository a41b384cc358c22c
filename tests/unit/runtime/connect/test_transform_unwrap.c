/* test_transform_unwrap.c - rows out of change events, as Debezium's ExtractNewRecordState makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/connect/transform.h"
#include "schema-registry/avro/avro.h"

#include <string.h>

#define ROW                                                                                        \
    "{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"s.public.t\",\"fields\":["            \
    "{\"name\":\"id\",\"type\":\"int\"},"                                                          \
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"],\"default\":null},"                         \
    "{\"name\":\"note\",\"type\":\"string\"}]}"
#define ENVELOPE                                                                                   \
    "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"s.public.t\",\"fields\":["         \
    "{\"name\":\"before\",\"type\":[\"null\"," ROW "],\"default\":null},"                          \
    "{\"name\":\"after\",\"type\":[\"null\",\"Value\"],\"default\":null},"                         \
    "{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"Source\",\"fields\":["          \
    "{\"name\":\"ts_ms\",\"type\":\"long\"},{\"name\":\"lsn\",\"type\":[\"null\",\"long\"]}]}},"   \
    "{\"name\":\"op\",\"type\":\"string\"},"                                                       \
    "{\"name\":\"ts_ms\",\"type\":[\"null\",\"long\"],\"default\":null}]}"

typedef struct bench {
    weir_schema *envelope, *key;
    weir_batch *batch;
    transform_chain *chain;
} bench;

static bench *b;

static int setup(void **state)
{
    weir_error err;
    static bench made;

    (void)state;
    b = &made;
    *b = (bench){.envelope = avro_parse(WEIR_STR(ENVELOPE), &err), .batch = batch_new(1 << 16)};
    b->key = avro_parse(WEIR_STR("{\"type\":\"record\",\"name\":\"Key\",\"fields\":["
                                 "{\"name\":\"id\",\"type\":\"int\"},"
                                 "{\"name\":\"name\",\"type\":[\"null\",\"string\"]}]}"),
                        &err);
    assert_non_null(b->envelope);
    assert_non_null(b->key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    batch_free(b->batch);
    transform_chain_close(b->chain);
    avro_schema_free(b->envelope);
    avro_schema_free(b->key);
    return 0;
}

/* settings: "name=value" texts behind transforms.u., NULL behind the last. */
static weir_code open_chain(const char *const *settings, weir_error *err)
{
    config_setting all[16] = {
        {.name = WEIR_STR("transforms"), .value = WEIR_STR("u")},
        {.name = WEIR_STR("transforms.u.type"), .value = WEIR_STR("unwrap")},
    };
    static char names[16][64];
    size_t count = 2;

    for (; *settings != NULL; settings++, count++) {
        const char *equals = strchr(*settings, '=');
        size_t length = (size_t)(equals - *settings);

        memcpy(names[count], "transforms.u.", 13);
        memcpy(names[count] + 13, *settings, length);
        all[count].name = (weir_str){names[count], 13 + length};
        all[count].value = weir_cstr(equals + 1);
    }
    return transform_chain_open(all, count, CONFIG_ERROR, NULL, &b->chain, err);
}

#define OPEN(...)                                                                                  \
    do {                                                                                           \
        weir_error open_err;                                                                       \
        assert_int_equal(open_chain((const char *const[]){__VA_ARGS__, NULL}, &open_err),          \
                         WEIR_OK);                                                                 \
    } while (0)

static void put_row(int32_t id, const char *name, const char *note)
{
    weir_put_branch(b->batch, 1);
    weir_put_int(b->batch, id);
    weir_put_branch(b->batch, name != NULL);
    if (name != NULL)
        weir_put_text(b->batch, weir_cstr(name));
    else
        weir_put_null(b->batch);
    weir_put_text(b->batch, weir_cstr(note));
}

static void put_nothing(void)
{
    weir_put_branch(b->batch, 0);
    weir_put_null(b->batch);
}

/* before and after are notes of rows, or NULL. unsent: a column of the envelope, or -1. */
static void add_event(const char *op, const char *before, const char *after, int unsent)
{
    weir_error err;

    batch_clear(b->batch);
    assert_true(weir_record_begin(b->batch, WEIR_STR("s.public.t")));
    weir_record_header(b->batch, WEIR_STR("drop"), WEIR_STR("[\"name\",\"note\"]"));
    weir_record_key(b->batch, b->key);
    weir_put_int(b->batch, 7);
    weir_put_branch(b->batch, 1);
    weir_put_text(b->batch, WEIR_STR("k"));
    weir_record_value(b->batch, b->envelope);
    before != NULL ? put_row(7, "old", before) : put_nothing();
    after != NULL ? put_row(7, "new", after) : put_nothing();
    weir_put_long(b->batch, 1700000000000);
    weir_put_branch(b->batch, 1);
    weir_put_long(b->batch, 4711);
    weir_put_text(b->batch, weir_cstr(op));
    weir_put_branch(b->batch, 1);
    weir_put_long(b->batch, 99);
    if (unsent >= 0)
        weir_record_unsent(b->batch, unsent);
    assert_int_equal(weir_record_end(b->batch, &err), WEIR_OK);
}

static void add_tombstone(void)
{
    weir_error err;

    batch_clear(b->batch);
    assert_true(weir_record_begin(b->batch, WEIR_STR("s.public.t")));
    weir_record_key(b->batch, b->key);
    weir_put_int(b->batch, 7);
    weir_put_branch(b->batch, 0);
    weir_put_null(b->batch);
    assert_int_equal(weir_record_end(b->batch, &err), WEIR_OK);
}

static weir_code apply(weir_error *err)
{
    return transform_apply(b->chain, b->batch, batch_at(b->batch, 0), err);
}

/* The record after the transform; false when it was taken out. */
static bool result(weir_record *out)
{
    weir_error err;

    assert_int_equal(apply(&err), WEIR_OK);
    *out = (weir_record){0};
    return weir_record_next(b->batch, out);
}

static void assert_json(const weir_schema *schema, weir_str value, const char *expected)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf json = {0};
    weir_error err;

    assert_int_equal(avro_validate(schema, value, &err), WEIR_OK);
    assert_int_equal(weir_value_json(schema, value, &json, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&json), expected);
}

static void assert_header(const weir_record *record, const char *name, const char *expected)
{
    weir_str value = weir_record_header_find(b->batch, record, weir_cstr(name));

    assert_true(weir_str_eq(value, weir_cstr(expected)));
}

static void the_row_is_a_slice_of_the_event(void **state)
{
    weir_record record;
    size_t before;

    (void)state;
    OPEN("add.fields.prefix=__");
    add_event("u", "a", "b", -1);
    before = batch_bytes(b->batch);
    assert_true(result(&record));
    assert_int_equal(batch_bytes(b->batch), before);
    assert_json(record.value_schema, record.value, "{\"id\":7,\"name\":\"new\",\"note\":\"b\"}");
}

static void a_deletion_leaves_one_tombstone(void **state)
{
    weir_record record;

    (void)state;
    OPEN("add.fields.prefix=__");
    add_event("d", "a", NULL, -1);
    assert_true(result(&record));
    assert_null(record.value.ptr);
    add_tombstone();
    assert_false(result(&record));
}

static void drop_leaves_nothing_of_a_deletion(void **state)
{
    weir_record record;

    (void)state;
    OPEN("delete.tombstone.handling.mode=drop");
    add_event("d", "a", NULL, -1);
    assert_false(result(&record));
    add_tombstone();
    assert_false(result(&record));
}

static void rewrite_marks_rows(void **state)
{
    weir_record record;

    (void)state;
    OPEN("delete.tombstone.handling.mode=rewrite");
    add_event("d", "a", NULL, -1);
    assert_true(result(&record));
    assert_json(record.value_schema, record.value,
                "{\"id\":7,\"name\":\"old\",\"note\":\"a\",\"__deleted\":\"true\"}");
    add_event("c", NULL, "b", -1);
    assert_true(result(&record));
    assert_json(record.value_schema, record.value,
                "{\"id\":7,\"name\":\"new\",\"note\":\"b\",\"__deleted\":\"false\"}");
    add_tombstone();
    assert_false(result(&record));
}

static void rewrite_with_tombstone_keeps_it(void **state)
{
    weir_record record;

    (void)state;
    OPEN("delete.tombstone.handling.mode=rewrite-with-tombstone");
    add_tombstone();
    assert_true(result(&record));
    assert_null(record.value.ptr);
}

static void fields_of_the_event_are_added(void **state)
{
    weir_record record;
    weir_str text,
        added = WEIR_STR("{\"name\":\"__op\",\"type\":[\"null\",\"string\"],\"default\":null}");

    (void)state;
    OPEN("add.fields=op,lsn,source.ts_ms,ts_ms:read_at,no_such",
         "delete.tombstone.handling.mode=rewrite");
    add_event("c", NULL, "b", -1);
    assert_true(result(&record));
    assert_json(record.value_schema, record.value,
                "{\"id\":7,\"name\":\"new\",\"note\":\"b\",\"__deleted\":\"false\",\"__op\":\"c\","
                "\"__lsn\":4711,\"__source_ts_ms\":1700000000000,\"__read_at\":99}");
    text = weir_schema_text(record.value_schema);
    assert_non_null(memmem(text.ptr, text.len, added.ptr, added.len));
}

static void added_headers_carry_text(void **state)
{
    weir_record record;

    (void)state;
    OPEN("add.headers=op,source.lsn", "add.headers.prefix=cdc.");
    add_event("u", "a", "b", -1);
    assert_true(result(&record));
    assert_int_equal(record.header_count, 3);
    assert_header(&record, "cdc.op", "u");
    assert_header(&record, "cdc.source_lsn", "4711");
    assert_header(&record, "drop", "[\"name\",\"note\"]");
    assert_json(record.value_schema, record.value, "{\"id\":7,\"name\":\"new\",\"note\":\"b\"}");
}

static void a_field_may_name_the_topic(void **state)
{
    weir_record record;
    weir_error err;

    (void)state;
    OPEN("route.by.field=note");
    add_event("c", NULL, "elsewhere", -1);
    assert_true(result(&record));
    assert_true(weir_str_eq(record.topic, WEIR_STR("elsewhere")));
    assert_true(weir_str_eq(record.log_topic, WEIR_STR("s.public.t")));
    add_event("d", "gone", NULL, -1);
    assert_true(result(&record));
    assert_true(weir_str_eq(record.topic, WEIR_STR("gone")));
    transform_chain_close(b->chain);
    OPEN("route.by.field=id");
    add_event("c", NULL, "b", -1);
    assert_int_equal(apply(&err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "\"id\" is no text field"));
}

static void named_fields_are_dropped(void **state)
{
    weir_record record;

    (void)state;
    OPEN("drop.fields.header.name=drop");
    add_event("c", NULL, "b", -1); /* note may not be null: it stays */
    assert_true(result(&record));
    assert_json(record.value_schema, record.value, "{\"id\":7,\"note\":\"b\"}");
    transform_chain_close(b->chain);
    OPEN("drop.fields.header.name=drop", "drop.fields.keep.schema.compatible=false",
         "drop.fields.from.key=true");
    add_event("c", NULL, "b", -1);
    assert_true(result(&record));
    assert_json(record.value_schema, record.value, "{\"id\":7}");
    assert_json(record.key_schema, record.key, "{\"id\":7}");
}

static void what_was_not_sent_stays_unsent(void **state)
{
    int note = weir_plan_find(weir_schema_plan(b->envelope), WEIR_STR("after.note"));
    weir_record record;

    (void)state;
    OPEN("add.fields.prefix=__");
    add_event("u", "a", "b", note);
    assert_true(result(&record));
    assert_true(weir_record_is_unsent(&record, 2));
    assert_false(weir_record_is_unsent(&record, 1));
    transform_chain_close(b->chain);
    OPEN("drop.fields.header.name=drop", "add.fields=op");
    add_event("u", "a", "b", note);
    assert_true(result(&record)); /* id, note, __op */
    assert_true(weir_record_is_unsent(&record, 1));
    assert_false(weir_record_is_unsent(&record, 2));
}

static void other_values_pass_as_they_are(void **state)
{
    weir_record record;
    weir_error err;

    (void)state;
    OPEN("add.fields=op");
    batch_clear(b->batch);
    assert_true(weir_record_begin(b->batch, WEIR_STR("t")));
    weir_record_value(b->batch, b->key);
    weir_put_int(b->batch, 1);
    weir_put_branch(b->batch, 0);
    weir_put_null(b->batch);
    assert_int_equal(weir_record_end(b->batch, &err), WEIR_OK);
    assert_true(result(&record));
    assert_ptr_equal(record.value_schema, b->key);
    add_event("t", NULL, NULL, -1); /* truncate has no row */
    assert_false(result(&record));
}

static void a_wrong_reference_is_refused(void **state)
{
    weir_error err;

    (void)state;
    assert_int_equal(open_chain((const char *const[]){"add.fields=a.b.c", NULL}, &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "\"a.b.c\" is no field of a change event"));
    assert_int_equal(open_chain((const char *const[]){"drop.tombstones=true", NULL}, &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "delete.tombstone.handling.mode"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_row_is_a_slice_of_the_event, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deletion_leaves_one_tombstone, setup, teardown),
        cmocka_unit_test_setup_teardown(drop_leaves_nothing_of_a_deletion, setup, teardown),
        cmocka_unit_test_setup_teardown(rewrite_marks_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(rewrite_with_tombstone_keeps_it, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_of_the_event_are_added, setup, teardown),
        cmocka_unit_test_setup_teardown(added_headers_carry_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_field_may_name_the_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(named_fields_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_sent_stays_unsent, setup, teardown),
        cmocka_unit_test_setup_teardown(other_values_pass_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_reference_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
