/* test_text.c - schemas as text: short, complete, and the same after a round. */
#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(const char *json, const char *expected)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    if (schema == NULL)
        fail_msg("%s: %s", json, err.message);
    weir_str text = weir_schema_text(schema);

    if (!weir_str_eq(text, weir_cstr(expected)))
        fail_msg("%.*s\n  is not %s", WEIR_ARG(text), expected);
    weir_schema *again = avro_parse(text, &err);

    assert_non_null(again);
    assert_true(weir_str_eq(weir_schema_text(again), text));
    assert_ptr_equal(weir_schema_text(schema).ptr, text.ptr);
    avro_schema_free(again);
    avro_schema_free(schema);
}

static void a_type_without_attributes_is_its_name(void **state)
{
    (void)state;
    assert_text("{ \"type\" : \"string\" }", "\"string\"");
    assert_text("{\"type\":\"string\",\"doc\":\"reserved, so not a property\"}", "\"string\"");
    assert_text("[\"null\", {\"type\":\"long\"}]", "[\"null\",\"long\"]");
    assert_text("[]", "[]");
    assert_text("{\"items\":{\"type\":\"int\"},\"type\":\"array\"}",
                "{\"type\":\"array\",\"items\":\"int\"}");
    assert_text("{\"type\":\"map\",\"values\":\"bytes\",\"p\":null}",
                "{\"type\":\"map\",\"values\":\"bytes\",\"p\":null}");
    assert_text("{\"logicalType\":\"date\",\"type\":\"int\",\"connect.version\":1}",
                "{\"type\":\"int\",\"logicalType\":\"date\",\"connect.version\":1}");
}

static void all_attributes_are_kept_in_the_order_of_java(void **state)
{
    (void)state;
    assert_text(
        "{\"connect.name\":\"x\",\"aliases\":[\"Old\",\"other.Older\"],\"fields\":["
        "{\"weir.name\":\"q\\\"\",\"aliases\":[\"z\"],\"order\":\"descending\","
        "\"default\":1.5,\"doc\":\"f\",\"type\":\"double\",\"name\":\"a\"},"
        "{\"order\":\"ascending\",\"name\":\"b\",\"type\":\"int\"},"
        "{\"order\":\"ignore\",\"name\":\"c\",\"type\":\"int\"}],"
        "\"doc\":\"d \\u20ac\",\"namespace\":\"n.s\",\"name\":\"R\",\"type\":\"record\"}",
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n.s\",\"doc\":\"d \xe2\x82\xac\","
        "\"fields\":[{\"name\":\"a\",\"type\":\"double\",\"doc\":\"f\",\"default\":1.5,"
        "\"order\":\"descending\",\"aliases\":[\"z\"],\"weir.name\":\"q\\\"\"},"
        "{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"c\",\"type\":\"int\",\"order\":\"ignore\"}],"
        "\"connect.name\":\"x\",\"aliases\":[\"Old\",\"other.Older\"]}");
    assert_text("{\"name\":\"E\",\"type\":\"enum\",\"default\":\"A\",\"doc\":\"\",\"symbols\":"
                "[\"A\",\"B\"]}",
                "{\"type\":\"enum\",\"name\":\"E\",\"doc\":\"\",\"symbols\":[\"A\",\"B\"],"
                "\"default\":\"A\"}");
    assert_text("{\"name\":\"E\",\"type\":\"error\",\"fields\":[]}",
                "{\"type\":\"error\",\"name\":\"E\",\"fields\":[]}");
}

static void a_namespace_is_written_where_it_changes(void **state)
{
    (void)state;
    assert_text(
        "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":["
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":0}},"
        "{\"name\":\"y\",\"type\":{\"type\":\"fixed\",\"name\":\"b.F\",\"size\":1}},"
        "{\"name\":\"z\",\"type\":{\"type\":\"fixed\",\"name\":\"G\",\"namespace\":\"\","
        "\"size\":1}},"
        "{\"name\":\"s\",\"type\":{\"type\":\"fixed\",\"name\":\"a.string\",\"size\":1}},"
        "{\"name\":\"all\",\"type\":[\"a.R\",\"a.F\",\"b.F\",\"G\",\"a.string\",\"string\"]}]}",
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":["
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}},"
        "{\"name\":\"y\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"b\","
        "\"size\":1}},"
        "{\"name\":\"z\",\"type\":{\"type\":\"fixed\",\"name\":\"G\",\"namespace\":\"\","
        "\"size\":1}},"
        "{\"name\":\"s\",\"type\":{\"type\":\"fixed\",\"name\":\"string\",\"size\":1}},"
        "{\"name\":\"all\",\"type\":[\"R\",\"F\",\"b.F\",\"G\",\"a.string\",\"string\"]}]}");
}

static void a_node_inside_has_a_text_that_stands_alone(void **state)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(
        WEIR_STR("{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"a\",\"type\":"
                 "[\"null\",\"R\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}]},"
                 "{\"name\":\"b\",\"type\":\"F\"}]}"),
        &err);

    (void)state;
    assert_non_null(schema);
    assert_string_equal(weir_schema_text(weir_schema_field(schema, 1)).ptr,
                        "{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"n\",\"size\":1}");
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_without_attributes_is_its_name),
        cmocka_unit_test(all_attributes_are_kept_in_the_order_of_java),
        cmocka_unit_test(a_namespace_is_written_where_it_changes),
        cmocka_unit_test(a_node_inside_has_a_text_that_stands_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
