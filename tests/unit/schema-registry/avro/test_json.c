/* test_json.c - values as the JSON of Connect's JsonConverter. The expected texts were worked out from
 * what AvroData and JsonConverter do, type by type. */
#include "schema-registry/avro/json.h"

#include "schema-registry/avro/avro.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) ((weir_str){literal, sizeof(literal) - 1})

static weir_schema *parse(const char *json)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    if (schema == NULL)
        fail_msg("%s: %s", json, err.message);
    return schema;
}

static void assert_json(const char *type, weir_str value, const char *expected)
{
    weir_schema *schema = parse(type);
    weir_buf out = {0};
    weir_error err = {0};

    if (weir_value_json(schema, value, &out, &err) != WEIR_OK)
        fail_msg("%s: %s", type, err.message);
    if (strcmp(weir_buf_cstr(&out), expected) != 0)
        fail_msg("%s: %s is not %s", type, weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
    avro_schema_free(schema);
}

static void primitives_are_what_json_has_for_them(void **state)
{
    (void)state;
    assert_json("\"null\"", BYTES(""), "null");
    assert_json("\"boolean\"", BYTES("\x01"), "true");
    assert_json("\"boolean\"", BYTES("\x00"), "false");
    assert_json("\"int\"", BYTES("\x01"), "-1");
    assert_json("\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                "-9223372036854775808");
    assert_json("\"long\"", BYTES("\x00"), "0");
    assert_json("{\"type\":\"int\",\"logicalType\":\"date\"}", BYTES("\x02"), "1");
    assert_json("\"string\"", BYTES("\x06\xe2\x82\xac"), "\"\xe2\x82\xac\"");
    assert_json("\"string\"", BYTES("\x04\"\n"), "\"\\\"\\n\"");
    assert_json("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", BYTES("\x02"),
                "\"B\"");
}

static void bytes_are_base64(void **state)
{
    (void)state;
    assert_json("\"bytes\"", BYTES("\x00"), "\"\"");
    assert_json("\"bytes\"", BYTES("\x02M"), "\"TQ==\"");
    assert_json("\"bytes\"", BYTES("\x04Ma"), "\"TWE=\"");
    assert_json("\"bytes\"", BYTES("\x06Man"), "\"TWFu\"");
    assert_json("\"bytes\"", BYTES("\x08\xfb\xff\xfe\x00"), "\"+//+AA==\"");
    assert_json("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", BYTES("Man"), "\"TWFu\"");
}

static void decimals_are_their_unscaled_number_in_as_few_bytes_as_it_takes(void **state)
{
    static const char *const decimal =
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}";

    (void)state;
    assert_json(decimal, BYTES("\x04\x30\x39"), "\"MDk=\"");
    assert_json(decimal, BYTES("\x06\x00\x00\x7f"), "\"fw==\"");
    assert_json(decimal, BYTES("\x06\x00\x00\x80"), "\"AIA=\"");
    assert_json(decimal, BYTES("\x06\xff\xff\x80"), "\"gA==\"");
    assert_json(decimal, BYTES("\x04\x00\x00"), "\"AA==\"");
    assert_json("{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
                "\"precision\":9}",
                BYTES("\xff\xff\xff\xff"), "\"/w==\"");
}

static void unions_have_a_wrapper_only_beyond_null_and_one_type(void **state)
{
    static const char *const wide =
        "[\"null\",\"int\",\"string\",{\"type\":\"record\",\"name\":\"a.R\",\"fields\":["
        "{\"name\":\"x\",\"type\":\"int\"}]}]";

    (void)state;
    assert_json("[\"null\",\"int\"]", BYTES("\x00"), "null");
    assert_json("[\"int\",\"null\"]", BYTES("\x00\x04"), "2");
    assert_json("[\"int\"]", BYTES("\x00\x04"), "2");
    assert_json(wide, BYTES("\x00"), "null");
    assert_json(wide, BYTES("\x02\x04"), "{\"int\":2,\"string\":null,\"R\":null}");
    assert_json(wide, BYTES("\x06\x04"), "{\"int\":null,\"string\":null,\"R\":{\"x\":2}}");
}

static void records_arrays_and_maps_nest(void **state)
{
    (void)state;
    assert_json("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                "{\"name\":\"Key_x20Id\",\"weir.name\":\"Key Id\",\"type\":\"int\"},"
                "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"string\"]}},"
                "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"boolean\"}}]}",
                BYTES("\x02"
                      "\x02\x02\x02x\x02\x00\x00"
                      "\x04\x02k\x01\x02\"\x00\x00"),
                "{\"Key Id\":1,\"tags\":[\"x\",null],\"m\":{\"k\":true,\"\\\"\":false}}");
    assert_json("{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x00"), "[]");
    assert_json("{\"type\":\"map\",\"values\":\"int\"}", BYTES("\x00"), "{}");
    assert_json("{\"type\":\"array\",\"items\":\"int\"}", BYTES("\x03\x04\x02\x04\x02\x06\x00"),
                "[1,2,3]");
}

static void the_entries_of_a_map_with_other_keys_are_pairs(void **state)
{
#define ENTRIES(key)                                                                               \
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"MapEntry\",\"namespace\":"      \
    "\"io.confluent.connect.avro\",\"fields\":[{\"name\":\"key\",\"type\":" key                    \
    "},{\"name\":\"value\",\"type\":\"boolean\"}]}}"
    weir_schema *schema = parse(ENTRIES("[\"null\",\"string\"]"));
    weir_buf out = {0};
    weir_error err = {0};

    (void)state;
    assert_json(ENTRIES("\"int\""), BYTES("\x04\x02\x01\x04\x00\x00"), "[[1,true],[2,false]]");
    assert_json(ENTRIES("[\"null\",\"string\"]"), BYTES("\x02\x02\x02k\x01\x00"), "{\"k\":true}");
    assert_int_equal(weir_value_json(schema, BYTES("\x02\x00\x01\x00"), &out, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "a null as the key"));
    weir_buf_done(&out);
    avro_schema_free(schema);
}

static void null_becomes_the_default_only_when_asked_for(void **state)
{
    weir_schema *schema =
        parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
              "{\"name\":\"a\",\"type\":[{\"type\":\"int\",\"connect.default\":7},\"null\"]},"
              "{\"name\":\"b\",\"type\":[{\"type\":\"bytes\",\"connect.default\":\"\xc3\xbf\"},"
              "\"null\"]},"
              "{\"name\":\"c\",\"type\":[{\"type\":\"int\",\"connect.default\":\"no int\"},"
              "\"null\"]},"
              "{\"name\":\"d\",\"type\":[{\"type\":\"int\",\"connect.default\":7},\"null\"]}]}");
    weir_str value = BYTES("\x02\x02\x02\x00\x02");
    avro_json_options options = {.replace_null = true};
    weir_buf out = {0};
    weir_error err = {0};

    (void)state;
    assert_int_equal(avro_json_value(schema, value, &options, &out, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&out), "{\"a\":7,\"b\":\"/w==\",\"c\":null,\"d\":1}");
    weir_buf_clear(&out);
    assert_int_equal(weir_value_json(schema, value, &out, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&out), "{\"a\":null,\"b\":null,\"c\":null,\"d\":1}");
    weir_buf_done(&out);
    avro_schema_free(schema);
}

static void a_refused_value_leaves_the_output_as_it_was(void **state)
{
    weir_schema *schema = parse("{\"type\":\"array\",\"items\":\"int\"}");
    avro_json_options small = {.max_size = 4};
    weir_buf out = {0};
    weir_error err = {0};

    (void)state;
    weir_buf_add_str(&out, WEIR_STR("before"));
    assert_int_equal(weir_value_json(schema, BYTES("\x04\x02"), &out, &err), WEIR_REJECT);
    assert_string_equal(weir_buf_cstr(&out), "before");
    assert_int_equal(weir_value_json(schema, BYTES("\x00\x00"), &out, &err), WEIR_REJECT);
    assert_string_equal(weir_buf_cstr(&out), "before");
    assert_int_equal(avro_json_value(schema, BYTES("\x06\x02\x02\x02\x00"), &small, &out, &err),
                     WEIR_REJECT);
    assert_non_null(strstr(err.message, "too long"));
    assert_string_equal(weir_buf_cstr(&out), "before");
    weir_buf_done(&out);
    avro_schema_free(schema);
}

/* --- Numbers ------------------------------------------------------------------------------------ */

static void assert_double(double value, const char *expected)
{
    weir_buf out = {0};

    avro_json_double(&out, value);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void assert_float(float value, const char *expected)
{
    weir_buf out = {0};

    avro_json_float(&out, value);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void floating_point_numbers_have_as_few_digits_as_they_need(void **state)
{
    (void)state;
    assert_double(0, "0.0");
    assert_double(-0.0, "-0.0");
    assert_double(1, "1.0");
    assert_double(0.1, "0.1");
    assert_double(-12.25, "-12.25");
    assert_double(0.000001, "0.000001");
    assert_double(1.05, "1.05");
    assert_double(999999999999999.0, "999999999999999.0");
    assert_double(0.1 + 0.2, "0.30000000000000004");
    assert_double(1e15, "1e+15");
    assert_double(5e-324, "5e-324");
    assert_double(1.7976931348623157e308, "1.7976931348623157e+308");
    assert_double((double)NAN, "\"NaN\"");
    assert_double((double)INFINITY, "\"Infinity\"");
    assert_double(-(double)INFINITY, "\"-Infinity\"");
    assert_float(0.1F, "0.1");
    assert_float(16777216.0F, "16777216");
    assert_float(123.456F, "123.456");
    assert_float(3.4028235e38F, "3.4028235e+38");
    assert_float(-2.5F, "-2.5");
    assert_float(NAN, "\"NaN\"");
}

static void a_number_reads_back_as_the_same(void **state)
{
    uint64_t bits = 88172645463325252u;
    weir_buf out = {0};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        double value;
        float small;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        memcpy(&small, &bits, sizeof(small));
        weir_buf_clear(&out);
        avro_json_double(&out, value);
        if (isfinite(value) && strtod(weir_buf_cstr(&out), NULL) != value)
            fail_msg("%a as %s", value, weir_buf_cstr(&out));
        value = (double)(int64_t)(bits >> 20) / 100; /* amounts of money */
        weir_buf_clear(&out);
        avro_json_double(&out, value);
        if (strtod(weir_buf_cstr(&out), NULL) != value || out.len > 18)
            fail_msg("%a as %s", value, weir_buf_cstr(&out));
        weir_buf_clear(&out);
        avro_json_float(&out, small);
        if (isfinite(small) && strtof(weir_buf_cstr(&out), NULL) != small)
            fail_msg("%a as %s", (double)small, weir_buf_cstr(&out));
    }
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_are_what_json_has_for_them),
        cmocka_unit_test(bytes_are_base64),
        cmocka_unit_test(decimals_are_their_unscaled_number_in_as_few_bytes_as_it_takes),
        cmocka_unit_test(unions_have_a_wrapper_only_beyond_null_and_one_type),
        cmocka_unit_test(records_arrays_and_maps_nest),
        cmocka_unit_test(the_entries_of_a_map_with_other_keys_are_pairs),
        cmocka_unit_test(null_becomes_the_default_only_when_asked_for),
        cmocka_unit_test(a_refused_value_leaves_the_output_as_it_was),
        cmocka_unit_test(floating_point_numbers_have_as_few_digits_as_they_need),
        cmocka_unit_test(a_number_reads_back_as_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
