/* test_canonical.c - the text that a registry stores. */
#include "schema-registry/avro/canonical.h"

#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static weir_schema *parse(const char *text)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    if (schema == NULL)
        fail_msg("%s", err.message);
    return schema;
}

static weir_schema *parse_known(const char *text, const weir_schema *known)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse_with(weir_cstr(text), &known, 1, &err);

    if (schema == NULL)
        fail_msg("%s", err.message);
    return schema;
}

/* Frees the schema. */
static void assert_text(void (*write)(const weir_schema *, weir_buf *), weir_schema *schema,
                        const char *expected)
{
    weir_buf out = {0};

    write(schema, &out);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
    avro_schema_free(schema);
}

static void an_object_that_is_only_a_type_becomes_its_name(void **state)
{
    (void)state;
    assert_text(avro_canonical, parse("{\"type\":\"string\"}"), "\"string\"");
}

static void attributes_stand_in_javas_order(void **state)
{
    (void)state;
    assert_text(
        avro_canonical,
        parse("{ \"aliases\":[\"b.Z\",\"a.Y\"], \"x\": [1, {\"y\": \"\\u001f\"}],\"fields\":[{"
              "\"order\":\"ignore\",\"default\":1.0,\"p\":null,\"aliases\":[\"h\"],"
              "\"doc\":\"d\",\"type\":\"double\",\"name\":\"f\"}], \"doc\":\"\","
              "\"namespace\":\"a\",\"name\":\"R\",\"type\":\"record\"}"),
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"doc\":\"\",\"fields\":[{"
        "\"name\":\"f\",\"type\":\"double\",\"doc\":\"d\",\"default\":1.0,\"order\":\"ignore\","
        "\"aliases\":[\"h\"],\"p\":null}],\"x\":[1,{\"y\":\"\\u001F\"}],"
        "\"aliases\":[\"b.Z\",\"Y\"]}");
}

static void a_reference_stays_a_name(void **state)
{
    weir_schema *known = parse("{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":4}");
    const char *text =
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":[{\"name\":"
        "\"f\",\"type\":\"F\"}]}";

    (void)state;
    assert_text(avro_canonical, parse_known(text, known), text);
    assert_text(
        avro_resolved, parse_known(text, known),
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":[{\"name\":\"f\","
        "\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}}]}");
    avro_schema_free(known);
}

static void a_text_may_be_only_the_name_of_a_reference(void **state)
{
    weir_schema *known = parse("{\"type\":\"enum\",\"name\":\"a.E\",\"symbols\":[\"A\"]}");

    (void)state;
    assert_text(avro_canonical, parse_known("\"a.E\"", known), "\"a.E\"");
    assert_text(avro_parsing_form, parse_known("\"a.E\"", known),
                "{\"name\":\"a.E\",\"type\":\"enum\",\"symbols\":[\"A\"]}");
    avro_schema_free(known);
}

static void normalizing_sorts_properties_and_aliases(void **state)
{
    (void)state;
    assert_text(
        avro_normalize,
        parse("{\"type\":\"fixed\",\"z\":1,\"scale\":1,\"name\":\"F\",\"a\":2,\"precision\":4,"
              "\"logicalType\":\"decimal\",\"size\":4,\"doc\":\"\",\"aliases\":[\"Z\",\"B\"]}"),
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
        "\"precision\":4,\"scale\":1,\"a\":2,\"z\":1,\"aliases\":[\"B\",\"Z\"]}");
}

static void normalizing_sorts_objects_and_writes_defaults_as_their_types_do(void **state)
{
    (void)state;
    assert_text(
        avro_normalize,
        parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"float\","
              "\"default\":1},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"double\"},"
              "\"default\":{\"b\":1,\"a\":0.1}},{\"name\":\"u\",\"type\":[\"null\",\"double\"],"
              "\"default\":2}],\"p\":{\"z\":[{\"d\":1,\"c\":2}],\"y\":1}}"),
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"float\","
        "\"default\":1.0},"
        "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"double\"},\"default\":{\"a\":0.1,"
        "\"b\":1.0}},"
        "{\"name\":\"u\",\"type\":[\"null\",\"double\"],\"default\":2.0}],"
        "\"p\":{\"y\":1,\"z\":[{\"c\":2,\"d\":1}]}}");
}

static void numbers_are_written_as_java_prints_them(void **state)
{
    static const char *const cases[][2] = {
        {"0.0", "0.0"},
        {"-0.0", "-0.0"},
        {"1e3", "1000.0"},
        {"0.001", "0.001"},
        {"1e-4", "1.0E-4"},
        {"9999999.5", "9999999.5"},
        {"1e7", "1.0E7"},
        {"-1.25e-7", "-1.25E-7"},
        {"123456789.125", "1.23456789125E8"},
        {"4.9e-324", "4.9E-324"},
        {"1.7976931348623157e308", "1.7976931348623157E308"},
        {"0.1", "0.1"},
        {"100", "100"},
        {"-0", "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[100], expected[100];

        snprintf(text, sizeof(text), "{\"type\":\"int\",\"p\":%s}", cases[i][0]);
        snprintf(expected, sizeof(expected), "{\"type\":\"int\",\"p\":%s}", cases[i][1]);
        assert_text(avro_canonical, parse(text), expected);
    }
}

static void a_definition_that_comes_again_is_written_once(void **state)
{
    (void)state;
    assert_text(
        avro_canonical,
        parse("[{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}},"
              "{\"type\":\"fixed\",\"size\":1,\"name\":\"F\"}]"),
        "[{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}},\"F\"]");
}

/* Confluent's references are the types at their roots: what else they define is written out. */
static void a_type_inside_a_reference_is_written_out_and_may_be_read_again(void **state)
{
    weir_schema *known =
        parse("{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"e\",\"type\":"
              "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}}]}");
    const char *written = "[\"K\",{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}]";

    (void)state;
    assert_text(avro_canonical, parse_known("[\"K\",\"E\"]", known), written);
    assert_text(avro_canonical, parse_known(written, known), written);
    avro_schema_free(known);
}

static void a_reference_that_is_defined_differently_is_refused(void **state)
{
    weir_schema *first = parse("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}");
    weir_schema *second = parse("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}");
    const weir_schema *known[] = {first, second};
    weir_error err = {0};

    (void)state;
    assert_null(avro_parse_with(WEIR_STR("\"F\""), known, 2, &err));
    assert_non_null(strstr(err.message, "two references define type \"F\""));
    assert_null(avro_parse_with(WEIR_STR("{\"type\":\"enum\",\"name\":\"F\",\"symbols\":[]}"),
                                known, 1, &err));
    assert_non_null(strstr(err.message, "\"F\" is defined a second time, and differently"));
    avro_schema_free(first);
    avro_schema_free(second);
}

static void more_references_than_the_limit_are_refused(void **state)
{
    const weir_schema *known[AVRO_KNOWN_MAX + 1];
    weir_schema *one = parse("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}"), *last = NULL;
    weir_error err = {0};

    (void)state;
    for (size_t i = 0; i <= AVRO_KNOWN_MAX; i++)
        known[i] = one;
    last = avro_parse_with(WEIR_STR("\"F\""), known, AVRO_KNOWN_MAX, &err);
    assert_non_null(last);
    assert_null(avro_parse_with(WEIR_STR("\"F\""), known, AVRO_KNOWN_MAX + 1, &err));
    assert_non_null(strstr(err.message, "1001 references, more than 1000"));
    avro_schema_free(last);
    avro_schema_free(one);
}

/* The values are those of share/test/data/schema-tests.txt of Apache Avro. */
static void fingerprints_are_those_of_the_specification(void **state)
{
    weir_schema *null = parse("\"null\""), *number = parse("{\"type\":\"int\"}");
    static const uint8_t start[] = {0x3f, 0x2b, 0x87, 0xa9, 0xfe, 0x7c, 0xc9, 0xb1};
    uint8_t digest[32];

    (void)state;
    assert_int_equal(avro_fingerprint64(null), UINT64_C(7195948357588979594));
    assert_int_equal(avro_fingerprint64(number), UINT64_C(8247732601305521295));
    avro_fingerprint_sha256(number, digest);
    assert_memory_equal(digest, start, sizeof(start));
    avro_schema_free(null);
    avro_schema_free(number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_that_is_only_a_type_becomes_its_name),
        cmocka_unit_test(attributes_stand_in_javas_order),
        cmocka_unit_test(a_reference_stays_a_name),
        cmocka_unit_test(a_text_may_be_only_the_name_of_a_reference),
        cmocka_unit_test(normalizing_sorts_properties_and_aliases),
        cmocka_unit_test(normalizing_sorts_objects_and_writes_defaults_as_their_types_do),
        cmocka_unit_test(numbers_are_written_as_java_prints_them),
        cmocka_unit_test(a_definition_that_comes_again_is_written_once),
        cmocka_unit_test(a_type_inside_a_reference_is_written_out_and_may_be_read_again),
        cmocka_unit_test(a_reference_that_is_defined_differently_is_refused),
        cmocka_unit_test(more_references_than_the_limit_are_refused),
        cmocka_unit_test(fingerprints_are_those_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
