/* test_plan.c - columns, and values decoded into slots. */
#include "schema-registry/avro/avro.h"
#include "weir/batch.h" /* weir_put_varint */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) ((weir_str){literal, sizeof(literal) - 1})

static const char *const change =
    "{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":["
    "{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Row\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"name\",\"type\":[\"string\",\"null\"]}]}]},"
    "{\"name\":\"after\",\"type\":[\"null\",\"Row\"]},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"op\",\"type\":\"string\"}]}";

static weir_schema *parse(const char *json)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    if (schema == NULL)
        fail_msg("%s: %s", json, err.message);
    return schema;
}

static void assert_text(weir_str actual, const char *expected)
{
    if (!weir_str_eq(actual, weir_cstr(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", WEIR_ARG(actual), expected);
}

/* --- Columns ------------------------------------------------------------------------------------ */

static void the_columns_of_nested_records_follow_theirs(void **state)
{
    static const struct {
        const char *path;
        bool nullable;
        int parent, next, field_index;
    } expected[] = {
        {"before", true, -1, 3, 0}, {"before.id", false, 0, 2, 0}, {"before.name", true, 0, 3, 1},
        {"after", true, -1, 6, 1},  {"after.id", false, 3, 5, 0},  {"after.name", true, 3, 6, 1},
        {"tags", false, -1, 7, 2},  {"op", false, -1, 8, 3},
    };
    weir_schema *schema = parse(change);
    const weir_plan *plan = weir_schema_plan(schema);

    (void)state;
    assert_int_equal(weir_plan_column_count(plan), 8);
    for (size_t i = 0; i < 8; i++) {
        const weir_column *column = weir_plan_column(plan, i);

        assert_text(column->path, expected[i].path);
        assert_int_equal(column->nullable, expected[i].nullable);
        assert_int_equal(column->parent, expected[i].parent);
        assert_int_equal(column->next, expected[i].next);
        assert_int_equal(column->field_index, expected[i].field_index);
        assert_int_equal(weir_plan_find(plan, weir_cstr(expected[i].path)), i);
    }
    assert_text(weir_plan_column(plan, 2)->name, "name");
    assert_int_equal(weir_schema_type(weir_plan_column(plan, 0)->schema), WEIR_TYPE_RECORD);
    assert_int_equal(weir_plan_find(plan, WEIR_STR("before.none")), -1);
    assert_ptr_equal(weir_schema_plan(schema), plan);
    avro_schema_free(schema);
}

static void a_schema_that_is_no_record_has_one_column_without_a_name(void **state)
{
    weir_schema *schema = parse("\"long\"");
    const weir_plan *plan = weir_schema_plan(schema);

    (void)state;
    assert_int_equal(weir_plan_column_count(plan), 1);
    assert_int_equal(weir_plan_column(plan, 0)->name.len, 0);
    assert_int_equal(weir_plan_column(plan, 0)->parent, -1);
    assert_int_equal(weir_plan_find(plan, WEIR_STR("")), 0);
    avro_schema_free(schema);

    schema = parse("[\"null\",{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                   "{\"name\":\"a\",\"type\":\"int\"}]}]");
    plan = weir_schema_plan(schema);
    assert_int_equal(weir_plan_column_count(plan), 2);
    assert_true(weir_plan_column(plan, 0)->nullable);
    assert_text(weir_plan_column(plan, 1)->path, "a");
    assert_int_equal(weir_plan_column(plan, 1)->parent, 0);
    avro_schema_free(schema);
}

static void a_record_inside_itself_is_one_nested_column(void **state)
{
    weir_schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"List\",\"fields\":["
        "{\"name\":\"value\",\"type\":\"int\"},{\"name\":\"next\",\"type\":[\"null\",\"List\"]}"
        "]}");
    const weir_plan *plan = weir_schema_plan(schema);
    weir_slot slots[2];
    weir_error err = {0};

    (void)state;
    assert_int_equal(weir_plan_column_count(plan), 2);
    assert_int_equal(weir_plan_decode(plan, BYTES("\x02\x02\x04\x02\x06\x00"), slots, &err),
                     WEIR_OK);
    assert_int_equal(slots[1].kind, WEIR_SLOT_NESTED);
    assert_int_equal(slots[1].bytes.len, 4);
    avro_schema_free(schema);
}

/* Each record has the one before twice: fully expanded, 2^40 columns. */
static void a_plan_stays_bounded_however_often_records_are_used(void **state)
{
    weir_buf json = {0};

    (void)state;
    weir_buf_printf(&json, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    weir_buf_printf(&json, "{\"name\":\"f0\",\"type\":{\"type\":\"record\",\"name\":\"R0\","
                           "\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}}");
    for (int i = 1; i <= 40; i++)
        weir_buf_printf(&json,
                        ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\","
                        "\"fields\":[{\"name\":\"a\",\"type\":\"R%d\"},"
                        "{\"name\":\"b\",\"type\":\"R%d\"}]}}",
                        i, i, i - 1, i - 1);
    weir_buf_printf(&json, "]}");
    weir_schema *schema = parse(weir_buf_cstr(&json));
    const weir_plan *plan = weir_schema_plan(schema);

    assert_true(weir_plan_column_count(plan) < 100000);
    assert_true(weir_plan_find(plan, WEIR_STR("f40")) > 0);
    weir_buf_done(&json);
    avro_schema_free(schema);
}

/* --- Decoding ----------------------------------------------------------------------------------- */

static void a_value_becomes_one_slot_per_column(void **state)
{
    weir_schema *schema = parse(change);
    weir_slot slots[8];
    weir_error err = {0};
    /* before null; after {id -2, name "ab"}; tags [1], [2] in two blocks, the second sized; op "c" */
    weir_str value = BYTES("\x00"
                           "\x02\x03\x00\x04"
                           "ab"
                           "\x02\x02\x01\x02\x04\x00"
                           "\x02"
                           "c");

    (void)state;
    assert_int_equal(weir_plan_decode(weir_schema_plan(schema), value, slots, &err), WEIR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(slots[i].kind, WEIR_SLOT_NULL);
    assert_int_equal(slots[3].kind, WEIR_SLOT_NESTED);
    assert_ptr_equal(slots[3].bytes.ptr, value.ptr + 2);
    assert_int_equal(slots[3].bytes.len, 5);
    assert_int_equal(slots[4].kind, WEIR_SLOT_INTEGER);
    assert_int_equal(slots[4].integer, -2);
    assert_int_equal(slots[4].bytes.len, 1);
    assert_int_equal(slots[5].kind, WEIR_SLOT_BYTES);
    assert_text(slots[5].bytes, "ab");
    assert_int_equal(slots[6].kind, WEIR_SLOT_NESTED);
    assert_int_equal(slots[6].bytes.len, 6);
    assert_text(slots[7].bytes, "c");
    avro_schema_free(schema);
}

static void every_primitive_has_its_slot(void **state)
{
    weir_schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"n\",\"type\":\"null\"},{\"name\":\"b\",\"type\":\"boolean\"},"
        "{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"l\",\"type\":\"long\"},"
        "{\"name\":\"f\",\"type\":\"float\"},{\"name\":\"d\",\"type\":\"double\"},"
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
        "{\"name\":\"u\",\"type\":[\"int\",\"null\",\"string\"]},"
        "{\"name\":\"v\",\"type\":[\"int\",\"null\",\"string\"]}]}");
    uint8_t bytes[64], *at = bytes;
    weir_slot slots[10];
    weir_error err = {0};
    float f = 1.5F;
    double d = -2.25;

    (void)state;
    *at++ = 1;
    at = weir_put_varint(at, INT32_MIN);
    at = weir_put_varint(at, INT64_MIN);
    memcpy(at, &f, 4);
    memcpy(at + 4, &d, 8);
    at += 12;
    *at++ = 'x';
    *at++ = 'y';
    *at++ = 2; /* B */
    memcpy(at, "\x04\x02z\x02", 4);
    at += 4;
    weir_str value = {(const char *)bytes, (size_t)(at - bytes)};

    assert_int_equal(weir_plan_decode(weir_schema_plan(schema), value, slots, &err), WEIR_OK);
    assert_int_equal(slots[0].kind, WEIR_SLOT_NULL);
    assert_int_equal(slots[1].kind, WEIR_SLOT_BOOLEAN);
    assert_int_equal(slots[1].integer, 1);
    assert_true(slots[2].integer == INT32_MIN);
    assert_true(slots[3].integer == INT64_MIN);
    assert_int_equal(slots[4].kind, WEIR_SLOT_NUMBER);
    assert_true(slots[4].number == 1.5);
    assert_true(slots[5].number == -2.25);
    assert_text(slots[6].bytes, "xy");
    assert_int_equal(slots[7].integer, 1);
    assert_int_equal(slots[8].kind, WEIR_SLOT_NESTED);
    assert_int_equal(slots[8].branch, 2);
    assert_text(slots[8].bytes, "\x04\x02z");
    assert_int_equal(slots[9].kind, WEIR_SLOT_NULL);
    avro_schema_free(schema);
}

static void what_is_no_value_is_refused(void **state)
{
    static const struct {
        const char *type;
        weir_str value;
        const char *message;
    } cases[] = {
        {"\"int\"", BYTES(""), "the bytes end in a number"},
        {"\"int\"", BYTES("\x80"), "the bytes end in a number"},
        {"\"int\"", BYTES("\x02\x02"), "more bytes than the value has"},
        {"\"int\"", BYTES("\x80\x80\x80\x80\x10"), "does not fit into 32 bits"},
        {"\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "it is too long"},
        {"\"long\"", BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), "it is too long"},
        {"\"boolean\"", BYTES("\x02"), "neither 0 nor 1"},
        {"\"float\"", BYTES("abc"), "the bytes end in a value"},
        {"\"double\"", BYTES("abcdefg"), "the bytes end in a value"},
        {"\"string\"",
         BYTES("\x04"
               "a"),
         "the bytes end in a value"},
        {"\"string\"", BYTES("\x01"), "a length is negative"},
        {"\"bytes\"", BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "the bytes end"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", BYTES("ab"), "the bytes end"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", BYTES("\x02"), "a symbol"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", BYTES("\x01"), "a symbol"},
        {"[\"null\",\"int\"]", BYTES("\x04"), "a branch"},
        {"[\"null\",\"int\",\"long\"]", BYTES("\x06"), "a branch"},
        {"[]", BYTES("\x00"), "a branch"},
        {"{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x04\x02\x00"), "the bytes end"},
        {"{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x7e\x02\x00"), "more items than"},
        {"{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x01\x04\x02\x00"), "does not end where"},
        {"{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x01\x7e\x02\x00"), "longer than"},
        {"{\"type\":\"array\",\"items\":\"int\"}",
         BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), "longer than"},
        {"{\"type\":\"array\",\"items\":\"null\"}", BYTES("\xfe\xff\xff\x01\x00"), "more items"},
        {"{\"type\":\"map\",\"values\":\"null\"}", BYTES("\x02\x02"), "the bytes end"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_schema *schema = parse(cases[i].type);
        weir_error err = {0}, again = {0};
        weir_slot slot;

        if (weir_plan_decode(weir_schema_plan(schema), cases[i].value, &slot, &err) !=
                WEIR_REJECT ||
            strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu, %s: \"%s\"", i, cases[i].type, err.message);
        if (avro_validate(schema, cases[i].value, &again) != WEIR_REJECT ||
            strstr(again.message, cases[i].message) == NULL)
            fail_msg("case %zu, validating %s: \"%s\"", i, cases[i].type, again.message);
        avro_schema_free(schema);
    }
}

static void a_refusal_names_the_field(void **state)
{
    weir_schema *schema = parse(change);
    weir_slot slots[8];
    weir_error err = {0};

    (void)state;
    assert_int_equal(weir_plan_decode(weir_schema_plan(schema), BYTES("\x02\x02\x04"), slots, &err),
                     WEIR_REJECT);
    assert_string_equal(err.message, "not a value of Envelope, at byte 3 of 3, field "
                                     "\"before.name\": a symbol or a branch that the schema does "
                                     "not have");
    avro_schema_free(schema);
}

static void values_nested_deeper_than_the_limit_are_refused(void **state)
{
    weir_schema *schema = parse("{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                                "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}");
    char value[AVRO_DEPTH_MAX + 1];
    weir_error err = {0};

    (void)state;
    memset(value, 2, sizeof(value));
    value[AVRO_DEPTH_MAX] = 0;
    assert_int_equal(avro_validate(schema, (weir_str){value, AVRO_DEPTH_MAX + 1}, &err),
                     WEIR_REJECT);
    assert_non_null(strstr(err.message, "nested too deep"));
    assert_int_equal(avro_validate(schema, (weir_str){value + 1, AVRO_DEPTH_MAX}, &err), WEIR_OK);
    avro_schema_free(schema);
}

/* R{R0{}, ...}: walking it field by field would take 2^60 steps for no byte at all. */
static void values_without_bytes_cost_nothing(void **state)
{
    weir_buf json = {0};
    weir_error err = {0};

    (void)state;
    weir_buf_printf(&json, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    weir_buf_printf(&json, "{\"name\":\"f0\",\"type\":{\"type\":\"record\",\"name\":\"R0\","
                           "\"fields\":[{\"name\":\"x\",\"type\":\"null\"}]}}");
    for (int i = 1; i <= 60; i++)
        weir_buf_printf(&json,
                        ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\","
                        "\"fields\":[{\"name\":\"a\",\"type\":\"R%d\"},"
                        "{\"name\":\"b\",\"type\":\"R%d\"}]}}",
                        i, i, i - 1, i - 1);
    weir_buf_printf(&json, "]}");
    weir_schema *schema = parse(weir_buf_cstr(&json));

    assert_int_equal(avro_validate(schema, (weir_str){0}, &err), WEIR_OK);
    weir_buf_done(&json);
    avro_schema_free(schema);
}

/* --- Threads ------------------------------------------------------------------------------------ */

typedef struct taker {
    const weir_schema *schema;
    const weir_plan *plan;
    weir_str text;
} taker;

static void *take_plan(void *context)
{
    taker *t = context;

    t->plan = weir_schema_plan(t->schema);
    t->text = weir_schema_text(t->schema);
    return NULL;
}

static void all_threads_get_the_same_plan(void **state)
{
    weir_schema *schema = parse(change);
    pthread_t threads[4];
    taker takers[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        takers[i] = (taker){.schema = schema};
        assert_int_equal(pthread_create(&threads[i], NULL, take_plan, &takers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(takers[i].plan, weir_schema_plan(schema));
        assert_ptr_equal(takers[i].text.ptr, weir_schema_text(schema).ptr);
    }
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_of_nested_records_follow_theirs),
        cmocka_unit_test(a_schema_that_is_no_record_has_one_column_without_a_name),
        cmocka_unit_test(a_record_inside_itself_is_one_nested_column),
        cmocka_unit_test(a_plan_stays_bounded_however_often_records_are_used),
        cmocka_unit_test(a_value_becomes_one_slot_per_column),
        cmocka_unit_test(every_primitive_has_its_slot),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(a_refusal_names_the_field),
        cmocka_unit_test(values_nested_deeper_than_the_limit_are_refused),
        cmocka_unit_test(values_without_bytes_cost_nothing),
        cmocka_unit_test(all_threads_get_the_same_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
