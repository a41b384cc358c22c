/* test_value.c - Avro values as the JSON that Elasticsearch takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/value.h"
#include "schema-registry/avro/avro.h"

#define BYTES(literal) ((weir_str){literal, sizeof(literal) - 1})

/* The only column of a value, as a sink would decode it. */
static weir_code write(const char *type, weir_str value, weir_buf *out, weir_error *err)
{
    weir_schema *schema = avro_parse(weir_cstr(type), err);
    const weir_plan *plan;
    weir_slot slots[16];
    weir_code code;

    assert_non_null(schema);
    plan = weir_schema_plan(schema);
    code = weir_plan_decode(plan, value, slots, err);
    if (code == WEIR_OK)
        code = value_json(weir_plan_column(plan, 0)->schema, &slots[0], out, err);
    avro_schema_free(schema);
    return code;
}

static void assert_json(const char *type, weir_str value, const char *expected)
{
    weir_buf out = {0};
    weir_error err = {0};

    if (write(type, value, &out, &err) != WEIR_OK)
        fail_msg("%s: %s", type, err.message);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void assert_rejected(const char *type, weir_str value, const char *reason)
{
    weir_buf out = {0};
    weir_error err = {0};

    assert_int_equal(write(type, value, &out, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, reason));
    weir_buf_done(&out);
}

static void plain_values_are_plain_json(void **state)
{
    (void)state;
    assert_json("\"boolean\"", BYTES("\1"), "true");
    assert_json("\"long\"", BYTES("\1"), "-1");
    assert_json("\"long\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                "-9223372036854775808");
    assert_json("\"float\"", BYTES("\xcd\xcc\xcc\x3d"), "0.1");
    assert_json("\"string\"", BYTES("\x08\"\n\xc3\xbc"), "\"\\\"\\n\xc3\xbc\"");
    assert_json("\"bytes\"", BYTES("\x02\xff"), "\"/w==\"");
    assert_json("\"bytes\"", BYTES("\x06\x00\x01\x02"), "\"AAEC\"");
    assert_json("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", BYTES("\x02"),
                "\"B\"");
    assert_json("[\"null\",\"int\"]", BYTES("\0"), "null");
}

#define DECIMAL(scale)                                                                             \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":60,\"scale\":" scale "}"

static void a_decimal_keeps_all_its_digits(void **state)
{
    (void)state;
    assert_json(DECIMAL("0"), BYTES("\x02\0"), "0");
    assert_json(DECIMAL("2"), BYTES("\x02\0"), "0.00");
    assert_json(DECIMAL("2"), BYTES("\x02\x05"), "0.05");
    assert_json(DECIMAL("2"), BYTES("\x02\xfb"), "-0.05");
    assert_json(DECIMAL("2"), BYTES("\x04\x04\xe2"), "12.50");
    assert_json(DECIMAL("0"), BYTES("\x02\x80"), "-128");
    assert_json(DECIMAL("20"), BYTES("\x14\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                "6044.62909807314587353087");
    assert_json(DECIMAL("0"), BYTES("\x1a\x0c\x9f\x2c\x9c\xd0\x46\x74\xed\xea\x40\x00\x00\x00"),
                "1000000000000000000000000000000");
    assert_rejected(DECIMAL("0"), BYTES("\0"), "a decimal of 0 bytes");
}

static void a_number_that_json_has_not_is_rejected_at_any_depth(void **state)
{
    (void)state;
    assert_rejected("\"float\"", BYTES("\0\0\x80\x7f"), "Infinity");
    assert_rejected("\"double\"", BYTES("\0\0\0\0\0\0\xf0\xff"), "-Infinity");
    assert_rejected("{\"type\":\"array\",\"items\":\"float\"}", BYTES("\x02\0\0\xc0\x7f\0"), "NaN");
}

static void a_text_that_is_not_utf8_is_rejected_at_any_depth(void **state)
{
    (void)state;
    assert_rejected("\"string\"", BYTES("\x06xy\xc3"), "not UTF-8");
    assert_rejected("\"string\"", BYTES("\x06\xed\xa0\x80"), "not UTF-8"); /* a surrogate */
    assert_rejected("{\"type\":\"map\",\"values\":\"int\"}", BYTES("\x02\x02\xff\x02\0"),
                    "not UTF-8");
    assert_json("\"string\"", BYTES("\x06\xef\xbf\xbd"), "\"\xef\xbf\xbd\"");
}

static void nested_values_are_written_by_the_same_rules(void **state)
{
    (void)state;
    assert_json("{\"type\":\"array\",\"items\":[\"null\"," DECIMAL("1") "]}",
                BYTES("\x05\x0e\0\x02\x02\x05\x02\x02\xf6\0"), "[null,0.5,-1.0]");
    assert_json("{\"type\":\"map\",\"values\":\"bytes\"}", BYTES("\x02\x02k\x02\xff\0"),
                "{\"k\":\"/w==\"}");
    assert_json("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                "{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"boolean\"}]}}",
                BYTES("\x04\x02\1\x04\0\0"), "[{\"a\":1,\"b\":true},{\"a\":2,\"b\":false}]");
    assert_json("{\"type\":\"array\",\"items\":\"int\"}", BYTES("\0"), "[]");
    assert_json("[\"int\",\"string\"]", BYTES("\x02\x02x"), "{\"int\":null,\"string\":\"x\"}");
}

static void a_value_that_contains_itself_too_often_is_rejected(void **state)
{
    char deep[300];
    (void)state;

    memset(deep, 2, 200); /* branch 1, again and again */
    deep[200] = 0;
    assert_rejected("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"next\",\"type\":["
                    "\"null\",\"L\"]}]}",
                    (weir_str){deep, 201}, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values_are_plain_json),
        cmocka_unit_test(a_decimal_keeps_all_its_digits),
        cmocka_unit_test(a_number_that_json_has_not_is_rejected_at_any_depth),
        cmocka_unit_test(a_text_that_is_not_utf8_is_rejected_at_any_depth),
        cmocka_unit_test(nested_values_are_written_by_the_same_rules),
        cmocka_unit_test(a_value_that_contains_itself_too_often_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
