/* test_json_schema.c - Avro schemas as Connect schemas. Compared as parsed JSON: the order of members
 * means nothing. The expected texts follow AvroData.toConnectSchema with its default settings. */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static weir_schema *parse(const char *json)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    if (schema == NULL)
        fail_msg("%s: %s", json, err.message);
    return schema;
}

static void assert_connect(const char *avro, const char *expected)
{
    weir_schema *schema = parse(avro);
    weir_buf out = {0};
    weir_error err = {0};

    if (avro_json_schema(schema, &out, &err) != WEIR_OK)
        fail_msg("%s: %s", avro, err.message);
    json_t *actual = json_loadb(out.ptr, out.len, 0, NULL);
    json_t *wanted = json_loads(expected, 0, NULL);

    assert_non_null(wanted);
    if (!json_equal(actual, wanted))
        fail_msg("%s:\n%s\n  is not\n%s", avro, weir_buf_cstr(&out), expected);
    json_decref(actual);
    json_decref(wanted);
    weir_buf_done(&out);
    avro_schema_free(schema);
}

static void primitives_have_connects_types(void **state)
{
    static const char *const pairs[][2] = {
        {"\"boolean\"", "{\"type\":\"boolean\",\"optional\":false}"},
        {"\"int\"", "{\"type\":\"int32\",\"optional\":false}"},
        {"{\"type\":\"int\",\"connect.type\":\"int8\"}", "{\"type\":\"int8\",\"optional\":false}"},
        {"{\"type\":\"int\",\"connect.type\":\"int16\"}",
         "{\"type\":\"int16\",\"optional\":false}"},
        {"\"long\"", "{\"type\":\"int64\",\"optional\":false}"},
        {"\"float\"", "{\"type\":\"float\",\"optional\":false}"},
        {"\"double\"", "{\"type\":\"double\",\"optional\":false}"},
        {"\"bytes\"", "{\"type\":\"bytes\",\"optional\":false}"},
        {"\"string\"", "{\"type\":\"string\",\"optional\":false}"},
        {"[\"null\",\"string\"]", "{\"type\":\"string\",\"optional\":true}"},
        {"[\"string\"]", "{\"type\":\"string\",\"optional\":false}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_connect(pairs[i][0], pairs[i][1]);
}

static void logical_types_have_connects_names(void **state)
{
    (void)state;
    assert_connect("{\"type\":\"int\",\"logicalType\":\"date\"}",
                   "{\"type\":\"int32\",\"optional\":false,\"version\":1,"
                   "\"name\":\"org.apache.kafka.connect.data.Date\"}");
    assert_connect("{\"type\":\"int\",\"logicalType\":\"time-millis\"}",
                   "{\"type\":\"int32\",\"optional\":false,\"version\":1,"
                   "\"name\":\"org.apache.kafka.connect.data.Time\"}");
    assert_connect("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
                   "{\"type\":\"int64\",\"optional\":false,\"version\":1,"
                   "\"name\":\"org.apache.kafka.connect.data.Timestamp\"}");
    assert_connect("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
                   "{\"type\":\"int64\",\"optional\":false}");
    assert_connect("{\"type\":\"bytes\",\"scale\":2,\"precision\":9,\"connect.version\":1,"
                   "\"connect.parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"9\"},"
                   "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\","
                   "\"logicalType\":\"decimal\"}",
                   "{\"type\":\"bytes\",\"optional\":false,\"version\":1,"
                   "\"name\":\"org.apache.kafka.connect.data.Decimal\","
                   "\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"9\"}}");
    assert_connect("{\"type\":\"bytes\",\"precision\":64,\"logicalType\":\"decimal\"}",
                   "{\"type\":\"bytes\",\"optional\":false,\"version\":1,"
                   "\"name\":\"org.apache.kafka.connect.data.Decimal\","
                   "\"parameters\":{\"scale\":\"0\"}}");
    assert_connect("{\"type\":\"long\",\"connect.version\":1,"
                   "\"connect.name\":\"io.debezium.time.MicroTimestamp\"}",
                   "{\"type\":\"int64\",\"optional\":false,\"version\":1,"
                   "\"name\":\"io.debezium.time.MicroTimestamp\"}");
}

static void a_record_is_a_struct_with_what_its_fields_say(void **state)
{
    (void)state;
    assert_connect(
        "{\"type\":\"record\",\"name\":\"Row\",\"namespace\":\"shop\",\"doc\":\"a row\","
        "\"connect.doc\":\"doc\",\"connect.version\":3,\"fields\":["
        "{\"name\":\"id\",\"type\":\"int\",\"default\":0},"
        "{\"name\":\"n_x20\",\"weir.name\":\"n \",\"doc\":\"d\",\"type\":[\"null\",\"string\"],"
        "\"default\":null},"
        "{\"name\":\"c\",\"type\":[{\"type\":\"string\",\"connect.default\":\"x\"},\"null\"],"
        "\"default\":\"x\"},"
        "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"connect.default\":\"a\"},\"default\":\"a\"}"
        "]}",
        "{\"type\":\"struct\",\"optional\":false,\"name\":\"shop.Row\",\"version\":3,"
        "\"doc\":\"doc\",\"parameters\":{\"io.confluent.connect.avro.record.doc\":\"a row\","
        "\"io.confluent.connect.avro.field.doc.n \":\"d\"},\"fields\":["
        "{\"type\":\"int32\",\"optional\":false,\"field\":\"id\",\"default\":0,"
        "\"parameters\":{\"io.confluent.connect.avro.field.default\":\"true\"}},"
        "{\"type\":\"string\",\"optional\":true,\"field\":\"n \"},"
        "{\"type\":\"string\",\"optional\":true,\"field\":\"c\",\"default\":\"x\"},"
        "{\"type\":\"bytes\",\"optional\":false,\"field\":\"d\",\"default\":\"YQ==\"}]}");
}

static void parameters_of_a_field_are_added_to_its_schema(void **state)
{
    (void)state;
    assert_connect(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
        "\"int\",\"connect.parameters\":{\"a\":\"1\",\"b\":\"2\"}},"
        "\"connect.parameters\":{\"b\":\"3\",\"c\":4}}]}",
        "{\"type\":\"struct\",\"optional\":false,\"name\":\"R\",\"fields\":["
        "{\"type\":\"int32\",\"optional\":false,\"field\":\"a\","
        "\"parameters\":{\"a\":\"1\",\"b\":\"3\",\"c\":\"4\"}}]}");
}

static void arrays_maps_enums_fixeds_and_unions_follow_avrodata(void **state)
{
    (void)state;
    assert_connect("{\"type\":\"array\",\"items\":[\"null\",\"int\"]}",
                   "{\"type\":\"array\",\"optional\":false,"
                   "\"items\":{\"type\":\"int32\",\"optional\":true}}");
    assert_connect("{\"type\":\"map\",\"values\":\"int\"}",
                   "{\"type\":\"map\",\"optional\":false,"
                   "\"keys\":{\"type\":\"string\",\"optional\":false},"
                   "\"values\":{\"type\":\"int32\",\"optional\":false}}");
    assert_connect("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"X\","
                   "\"connect.internal.type\":\"MapEntry\",\"fields\":["
                   "{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"long\"}]}}",
                   "{\"type\":\"map\",\"optional\":false,"
                   "\"keys\":{\"type\":\"int32\",\"optional\":false},"
                   "\"values\":{\"type\":\"int64\",\"optional\":false}}");
    assert_connect("{\"type\":\"enum\",\"name\":\"n.E\",\"symbols\":[\"A\",\"B\"],"
                   "\"default\":\"A\",\"doc\":\"e\"}",
                   "{\"type\":\"string\",\"optional\":false,\"name\":\"n.E\",\"parameters\":{"
                   "\"io.confluent.connect.avro.enum.doc.E\":\"e\","
                   "\"io.confluent.connect.avro.enum.default.E\":\"A\","
                   "\"io.confluent.connect.avro.Enum\":\"n.E\","
                   "\"io.confluent.connect.avro.Enum.A\":\"A\","
                   "\"io.confluent.connect.avro.Enum.B\":\"B\"}}");
    assert_connect("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}",
                   "{\"type\":\"bytes\",\"optional\":false,\"name\":\"F\","
                   "\"parameters\":{\"connect.fixed.size\":\"3\"}}");
    assert_connect("[\"null\",\"int\",{\"type\":\"string\",\"avro.java.string\":\"String\"}]",
                   "{\"type\":\"struct\",\"optional\":true,"
                   "\"name\":\"io.confluent.connect.avro.Union\",\"fields\":["
                   "{\"type\":\"int32\",\"optional\":true,\"field\":\"int\"},"
                   "{\"type\":\"string\",\"optional\":true,\"field\":\"string\","
                   "\"parameters\":{\"avro.java.string\":\"String\"}}]}");
    assert_connect("{\"type\":\"record\",\"name\":\"ConnectDefault\","
                   "\"namespace\":\"io.confluent.connect.avro\",\"fields\":[]}",
                   "{\"type\":\"struct\",\"optional\":false,\"fields\":[]}");
}

static void what_connect_cannot_have_is_refused(void **state)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"\"null\"", "null alone"},
        {"{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"n\",\"type\":[\"null\","
         "\"L\"]}]}",
         "it contains itself"},
        {"[\"int\",{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":1},{\"type\":\"fixed\",\"name\":"
         "\"b.F\",\"size\":1}]",
         "the same simple name"},
        {"{\"type\":\"int\",\"connect.type\":\"int9\"}", "neither int8 nor int16"},
        {"{\"type\":\"int\",\"connect.version\":\"1\"}", "connect.version"},
        {"{\"type\":\"int\",\"logicalType\":\"date\",\"connect.version\":2}", "connect.version"},
        {"{\"type\":\"int\",\"logicalType\":\"date\",\"connect.name\":\"x\"}", "connect.name"},
        {"{\"type\":\"int\",\"connect.name\":5}", "connect.name is not a string"},
        {"{\"type\":\"int\",\"connect.parameters\":[]}", "connect.parameters is not an object"},
        {"{\"type\":\"int\",\"connect.parameters\":{\"a\":1}}", "is not a string"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":\"9\"}", "precision"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_schema *schema = parse(cases[i].json);
        weir_buf out = {0};
        weir_error err = {0};

        if (avro_json_schema(schema, &out, &err) != WEIR_REJECT ||
            strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s: \"%s\"", cases[i].json, err.message);
        assert_int_equal(out.len, 0);
        weir_buf_done(&out);
        avro_schema_free(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_have_connects_types),
        cmocka_unit_test(logical_types_have_connects_names),
        cmocka_unit_test(a_record_is_a_struct_with_what_its_fields_say),
        cmocka_unit_test(parameters_of_a_field_are_added_to_its_schema),
        cmocka_unit_test(arrays_maps_enums_fixeds_and_unions_follow_avrodata),
        cmocka_unit_test(what_connect_cannot_have_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
