/* test_encode.c - fields of records as PostgreSQL's binary form, byte by byte. */
#include "connectors/warehouse/encode.h"

#include "connectors/warehouse/copy.h"

#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#define BYTES(literal)    ((weir_str){literal, sizeof(literal) - 1})
#define NAMED(base, name) "{\"type\":\"" base "\",\"connect.name\":\"" name "\"}"

static weir_schema *parse(const char *json)
{
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    assert_non_null(schema);
    return schema;
}

/* Encodes an Avro value for a column of a type; WEIR_OK and the field in out, or the refusal. */
static weir_code encode(const char *json, weir_str value, const column_type *target, weir_buf *out,
                        weir_error *err)
{
    weir_schema *schema = parse(json);
    value_source source = type_of_schema(schema);
    weir_slot slots[8];
    weir_code code;

    assert_int_equal(weir_plan_decode(weir_schema_plan(schema), value, slots, err), WEIR_OK);
    weir_buf_clear(out);
    assert_true(encode_is_direct(&source, target != NULL ? *target : source.type));
    code = encode_field(&source, target != NULL ? *target : source.type, &slots[0], out, err);
    avro_schema_free(schema);
    return code;
}

static void each_type_has_postgresqls_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        weir_str value, field;
    } cases[] = {
        {"\"boolean\"", BYTES("\x01"), BYTES("\0\0\0\x01\x01")},
        {"\"int\"", BYTES("\x03"), BYTES("\0\0\0\x04\xff\xff\xff\xfe")},
        {"\"long\"", BYTES("\x02"), BYTES("\0\0\0\x08\0\0\0\0\0\0\0\x01")},
        {"{\"type\":\"int\",\"connect.type\":\"int16\"}", BYTES("\x04"), BYTES("\0\0\0\x02\0\x02")},
        {"\"float\"", BYTES("\0\0\xc0\x3f"), BYTES("\0\0\0\x04\x3f\xc0\0\0")},
        {"\"double\"", BYTES("\0\0\0\0\0\0\xf8\x3f"), BYTES("\0\0\0\x08\x3f\xf8\0\0\0\0\0\0")},
        {"\"string\"", BYTES("\x04hi"), BYTES("\0\0\0\x02hi")},
        {"\"bytes\"", BYTES("\x04\0\xff"), BYTES("\0\0\0\x02\0\xff")},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
         BYTES("\x04\x04\xd2"), BYTES("\0\0\0\x0c\0\x02\0\0\0\0\0\x02\0\x0c\x0d\x48")},
        {NAMED("int", "io.debezium.time.Date"), BYTES("\x00"), BYTES("\0\0\0\x04\xff\xff\xd5\x33")},
        {NAMED("int", "io.debezium.time.Time"), BYTES("\x02"),
         BYTES("\0\0\0\x08\0\0\0\0\0\0\x03\xe8")},
        {NAMED("long", "io.debezium.time.NanoTime"), BYTES("\xd0\x0f"),
         BYTES("\0\0\0\x08\0\0\0\0\0\0\0\x01")},
        {NAMED("string", "io.debezium.time.ZonedTimestamp"),
         BYTES("\x28"
               "2000-01-01T00:00:01Z"),
         BYTES("\0\0\0\x08\0\0\0\0\0\x0f\x42\x40")},
        {NAMED("string", "io.debezium.time.ZonedTime"),
         BYTES("\x1c"
               "00:00:00+01:00"),
         BYTES("\0\0\0\x0c\0\0\0\0\0\0\0\0\xff\xff\xf1\xf0")},
        {NAMED("long", "io.debezium.time.MicroDuration"), BYTES("\x02"),
         BYTES("\0\0\0\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0")},
        {NAMED("string", "io.debezium.data.Json"), BYTES("\x04{}"), BYTES("\0\0\0\x03\x01{}")},
        {NAMED("string", "io.debezium.data.Uuid"),
         BYTES("\x48"
               "00010203-0405-0607-0809-0a0b0c0d0e0f"),
         BYTES("\0\0\0\x10\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\",\"bc\"]}", BYTES("\x02"),
         BYTES("\0\0\0\x02"
               "bc")},
        {"{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", BYTES("\x04\x02\x02\x00\x00"),
         BYTES("\0\0\0\x20\0\0\0\x01\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x04\0\0\0\x01"
               "\xff\xff\xff\xff")},
        {"{\"type\":\"array\",\"items\":\"string\"}", BYTES("\x00"),
         BYTES("\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\x19")},
        {"{\"type\":\"map\",\"values\":\"int\"}", BYTES("\x02\x02k\x02\x00"),
         BYTES("\0\0\0\x08\x01{\"k\":1}")},
    };
    weir_buf out = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(encode(cases[i].schema, cases[i].value, NULL, &out, &err), WEIR_OK);
        assert_int_equal(out.len, cases[i].field.len);
        assert_memory_equal(out.ptr, cases[i].field.ptr, out.len);
    }
    weir_buf_done(&out);
}

static void an_integer_fits_the_column_or_is_rejected(void **state)
{
    (void)state;
    const column_type narrow = {.id = TYPE_INT2};
    const column_type decimal = {.id = TYPE_NUMERIC};
    weir_buf out = {0};
    weir_error err;

    assert_int_equal(encode("\"long\"", BYTES("\xfe\xff\x03"), &narrow, &out, &err), WEIR_OK);
    assert_memory_equal(out.ptr, "\0\0\0\x02\x7f\xff", out.len);
    assert_int_equal(encode("\"long\"", BYTES("\x80\x80\x04"), &narrow, &out, &err), WEIR_REJECT);
    assert_string_equal(err.message, "32768 does not fit into a column of type smallint");
    assert_int_equal(out.len, 0);
    assert_int_equal(encode("\"long\"", BYTES("\x0e"), &decimal, &out, &err), WEIR_OK);
    assert_memory_equal(out.ptr, "\0\0\0\x0a\0\x01\0\0\0\0\0\0\0\x07", out.len);
    weir_buf_done(&out);
}

static void what_a_column_cannot_hold_exactly_is_rejected(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        weir_str value;
    } cases[] = {
        {"\"string\"", BYTES("\x06"
                             "a\0b")},
        {NAMED("string", "io.debezium.data.Uuid"), BYTES("\x04xy")},
        {NAMED("string", "io.debezium.time.ZonedTimestamp"), BYTES("\x04xy")},
        {NAMED("long", "io.debezium.time.NanoTimestamp"), BYTES("\x02")},
        {NAMED("int", "io.debezium.time.Time"), BYTES("\x01")},
        {"{\"type\":\"array\",\"items\":\"string\"}", BYTES("\x02\x02\0\0")},
    };
    weir_buf out = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(encode(cases[i].schema, cases[i].value, NULL, &out, &err), WEIR_REJECT);
        assert_int_equal(out.len, 0);
    }
    weir_buf_done(&out);
}

static void null_and_unsent_are_two_markers(void **state)
{
    (void)state;
    const value_source source = {.form = FORM_TEXT, .type = {.id = TYPE_TEXT}};
    weir_slot slot = {.kind = WEIR_SLOT_NULL};
    weir_buf out = {0};
    weir_error err;

    assert_int_equal(encode_field(&source, source.type, &slot, &out, &err), WEIR_OK);
    assert_int_equal(copy_length(out.ptr), COPY_NULL);
    slot.kind = WEIR_SLOT_UNSENT;
    weir_buf_clear(&out);
    assert_int_equal(encode_field(&source, source.type, &slot, &out, &err), WEIR_OK);
    assert_int_equal(copy_length(out.ptr), COPY_UNSENT);
    weir_buf_done(&out);
}

/* Decimals of four places, as the bytes behind their length. */
#define DECIMAL "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":12,\"scale\":4}"
#define MICROS  NAMED("long", "io.debezium.time.MicroTimestamp")

static void a_narrower_column_takes_what_it_holds_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        weir_str value;
        column_type target;
        weir_str field; /* ptr NULL: rejected */
    } cases[] = {
        /* 1.2300 and 1.2345 */
        {DECIMAL,
         BYTES("\x04\x30\x0c"),
         {.id = TYPE_NUMERIC, .precision = 5, .scale = 2},
         BYTES("\0\0\0\x0c\0\x02\0\0\0\0\0\x04\0\x01\x08\xfc")},
        {DECIMAL, BYTES("\x04\x30\x39"), {.id = TYPE_NUMERIC, .precision = 5, .scale = 2}, {0}},
        /* 7.0000 and 7.0001 */
        {DECIMAL, BYTES("\x06\x01\x11\x70"), {.id = TYPE_INT4}, BYTES("\0\0\0\x04\0\0\0\x07")},
        {DECIMAL, BYTES("\x06\x01\x11\x71"), {.id = TYPE_INT4}, {0}},
        {"\"int\"",
         BYTES("\xc8\x01"),
         {.id = TYPE_NUMERIC, .precision = 3, .scale = -2},
         BYTES("\0\0\0\x0a\0\x01\0\0\0\0\0\0\0\x64")},
        {"\"int\"", BYTES("\xca\x01"), {.id = TYPE_NUMERIC, .precision = 3, .scale = -2}, {0}},
        {"\"double\"",
         BYTES("\0\0\0\0\0\0\x14\xc0"),
         {.id = TYPE_INT2},
         BYTES("\0\0\0\x02\xff\xfb")},
        {"\"double\"", BYTES("\0\0\0\0\0\0\xf8\x3f"), {.id = TYPE_INT2}, {0}},
        {"\"double\"", BYTES("\0\0\0\0\0\0\xe0\x43"), {.id = TYPE_INT8}, {0}}, /* 2^63 */
        {"\"double\"", BYTES("\0\0\0\0\0\0\xf8\x7f"), {.id = TYPE_INT8}, {0}}, /* NaN */
        /* 1970-01-01 00:00:00.001 and .000001 */
        {MICROS,
         BYTES("\xd0\x0f"),
         {.id = TYPE_TIMESTAMP, .step_micros = 1000},
         BYTES("\0\0\0\x08\xff\xfc\xa2\xfe\xc4\xc8\x23\xe8")},
        {MICROS, BYTES("\x02"), {.id = TYPE_TIMESTAMP, .step_micros = 1000}, {0}},
        {MICROS, BYTES("\0"), {.id = TYPE_DATE}, BYTES("\0\0\0\x04\xff\xff\xd5\x33")},
        {MICROS, BYTES("\x02"), {.id = TYPE_DATE}, {0}},
        {NAMED("long", "io.debezium.time.MicroDuration"),
         BYTES("\x02"),
         {.id = TYPE_INTERVAL, .step_micros = 1000000},
         {0}},
        {NAMED("long", "io.debezium.time.MicroTime"),
         BYTES("\x02"),
         {.id = TYPE_TIME, .step_micros = 10},
         {0}},
    };
    weir_buf out = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_code code = encode(cases[i].schema, cases[i].value, &cases[i].target, &out, &err);

        assert_int_equal(code, cases[i].field.ptr != NULL ? WEIR_OK : WEIR_REJECT);
        assert_int_equal(out.len, cases[i].field.len);
        if (out.len > 0)
            assert_memory_equal(out.ptr, cases[i].field.ptr, out.len);
    }
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_postgresqls_bytes),
        cmocka_unit_test(an_integer_fits_the_column_or_is_rejected),
        cmocka_unit_test(what_a_column_cannot_hold_exactly_is_rejected),
        cmocka_unit_test(null_and_unsent_are_two_markers),
        cmocka_unit_test(a_narrower_column_takes_what_it_holds_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
