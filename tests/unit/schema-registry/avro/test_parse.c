/* test_parse.c - what is a schema, what is none, and where it says so. */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/avro/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void assert_text(weir_str actual, const char *expected)
{
    if (!weir_str_eq(actual, weir_cstr(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", WEIR_ARG(actual), expected);
}

/* --- Refusals ----------------------------------------------------------------------------------- */

#define R(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

typedef struct refusal {
    const char *json, *message;
} refusal;

static void assert_refused(const refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir_error err = {0};
        weir_schema *schema = avro_parse(weir_cstr(cases[i].json), &err);

        if (schema != NULL || err.code != WEIR_REJECT ||
            strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].json, err.message,
                     cases[i].message);
        avro_schema_free(schema);
    }
}

static void what_the_specification_forbids_is_refused_with_its_place(void **state)
{
    static const refusal cases[] = {
        {"", "not JSON"},
        {"{\"type\":\"int\"", "not JSON, line 1"},
        {"{\"type\":\"int\",\"type\":\"int\"}", "not JSON"},
        {"5", "at \"/\": a type is a number"},
        {"null", "at \"/\": a type is null"},
        {"\"no.such\"", "type \"no.such\" is not known here"},
        {"{}", "\"type\" is missing"},
        {"{\"type\":{\"type\":\"int\"}}", "\"type\" is an object"},
        {"{\"type\":\"record\",\"fields\":[]}", "a type \"record\" without a name"},
        {"{\"type\":\"record\",\"name\":5,\"fields\":[]}", "at \"/name\": is a number"},
        {"{\"type\":\"record\",\"name\":\"1a\",\"fields\":[]}", "\"1a\" is not a name"},
        {"{\"type\":\"record\",\"name\":\"a..b\",\"fields\":[]}", "\"a..b\" is not a name"},
        {"{\"type\":\"record\",\"name\":\"\",\"fields\":[]}", "\"\" is not a name"},
        {"{\"type\":\"fixed\",\"name\":\"int\",\"size\":1}", "the name of a primitive type"},
        {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a-b\",\"fields\":[]}", "namespace"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "\"fields\" is missing"},
        {"{\"type\":\"record\",\"name\":\"R\",\"doc\":1,\"fields\":[]}", "at \"/doc\""},
        {"{\"type\":\"record\",\"name\":\"R\",\"aliases\":\"S\",\"fields\":[]}", "\"aliases\""},
        {"{\"type\":\"record\",\"name\":\"R\",\"aliases\":[\"S\",1],\"fields\":[]}",
         "at \"/aliases/1\""},
        {R("5"), "at \"/fields/0\": a field is a number"},
        {R("{\"type\":\"int\"}"), "a field without a name"},
        {R("{\"name\":\"a b\",\"type\":\"int\"}"), "\"a b\" is not a name"},
        {R("{\"name\":\"a\"}"), "at \"/fields/0/type\": a type is missing"},
        {R("{\"name\":\"a\",\"type\":\"x\"}"), "at \"/fields/0/type\": type \"x\""},
        {R("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}"),
         "a second field \"a\""},
        {R("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"int\","
           "\"weir.name\":\"a\"}"),
         "a second field called \"a\""},
        {R("{\"name\":\"a\",\"type\":\"int\",\"order\":\"up\"}"), "order \"up\""},
        {R("{\"name\":\"a\",\"type\":\"int\",\"aliases\":[\"b.c\"]}"), "\"b.c\" is not a name"},
        {R("{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"int\",\"q\"]}}"),
         "at \"/fields/0/type/items/1\""},
        {R("{\"name\":\"a\",\"type\":{\"type\":\"map\"}}"), "at \"/fields/0/type/values\""},
        {"[\"int\",\"int\"]", "at \"/1\": a second \"int\""},
        {"[\"int\",[\"long\"]]", "a union directly inside a union"},
        {"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},"
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}]",
         "at \"/1\": a second \"F\" in one union"},
        {"{\"type\":\"enum\",\"name\":\"E\"}", "\"symbols\" is missing"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "a second symbol \"A\""},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a-b\"]}", "at \"/symbols/0\""},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[1]}", "at \"/symbols/0\""},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}",
         "default \"B\" is not one of the symbols"},
        {"{\"type\":\"fixed\",\"name\":\"F\"}", "\"size\""},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "\"size\""},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1.5}", "\"size\""},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":3000000000}", "\"size\""},
    };

    (void)state;
    assert_refused(cases, sizeof(cases) / sizeof(cases[0]));
}

static void what_java_and_the_specification_see_differently_is_refused(void **state)
{
    static const refusal cases[] = {
        {"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"array\",\"items\":"
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}}]",
         "at \"/1/items\": type \"F\" is defined a second time, and differently"},
        {R("{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}}"),
         "type \"R\" is defined a second time, and differently"},
        {R("{\"name\":\"a\",\"type\":\"int\",\"doc\":1}"), "at \"/fields/0/doc\": is a number"},
        {R("{\"name\":\"a\",\"type\":\"int\",\"order\":null}"), "order \"\""},
        {R("{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"n.R\",\"fields\":["
           "{\"name\":\"b\",\"type\":[\"null\",\"S\"]}]}}"),
         "at \"/fields/0/type/fields/0/type/1\": type \"n.S\" is not known here"},
        {R("{\"name\":\"a\",\"type\":[\"double\"],\"default\":\"NaN\"}"),
         "at \"/fields/0/default\": \"NaN\" is not a value of any type of the \"union\""},
        {R("{\"name\":\"a\",\"type\":[\"null\",\"int\"],\"default\":\"a\"}"),
         "is not a value of any type of the \"union\""},
    };

    (void)state;
    assert_refused(cases, sizeof(cases) / sizeof(cases[0]));
}

#define B(definition) "{\"name\":\"b\",\"type\":" definition "}"

/* As in Java, where the definition then stands at the first use. */
static void a_type_may_be_used_before_it_is_defined(void **state)
{
    static const struct {
        const char *json, *canonical; /* NULL: refused */
    } cases[] = {
        {R("{\"name\":\"a\",\"type\":\"S\"}," B("{\"type\":\"fixed\",\"name\":\"S\",\"size\":2}")),
         R("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"S\",\"size\":2}}," B("\"S\""))},
        {R("{\"name\":\"a\",\"type\":[\"null\",\"n.S\"],\"default\":null}," B(
             "{\"type\":\"record\",\"name\":\"n.S\",\"fields\":[{\"name\":\"up\",\"type\":\"n.S\"}]"
             "}")),
         R("{\"name\":\"a\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"S\",\"namespace\":"
           "\"n\","
           "\"fields\":[{\"name\":\"up\",\"type\":\"S\"}]}],\"default\":null}," B("\"n.S\""))},
        {R("{\"name\":\"a\",\"type\":\"S\",\"default\":{}}," B(
             "{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}")),
         R("{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[]},"
           "\"default\":{}}," B("\"S\""))},
        {R("{\"name\":\"a\",\"type\":\"S\",\"default\":\"Q\"}," B(
             "{\"type\":\"enum\",\"name\":\"S\",\"symbols\":[\"Q\"]}")),
         NULL}, /* what it is is not known where the default is checked */
        {"[\"S\",{\"type\":\"fixed\",\"name\":\"S\",\"size\":2}]", NULL},
        {R("{\"name\":\"a\",\"type\":\"S\"},{\"name\":\"c\",\"type\":\"T\"}," B(
             "{\"type\":\"fixed\",\"name\":\"T\",\"size\":2}")),
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
        weir_error err;
        weir_schema *schema = avro_parse(weir_cstr(cases[i].json), &err);

        if ((schema == NULL) != (cases[i].canonical == NULL))
            fail_msg("%s: %s", cases[i].json, schema == NULL ? err.message : "was taken");
        if (schema == NULL)
            continue;
        avro_canonical(schema, &text);
        assert_string_equal(weir_buf_cstr(&text), cases[i].canonical);
        avro_schema_free(schema);
    }
}

/* Else an array of them could have any number of items in no bytes. */
static void what_takes_no_bytes_is_known_also_of_types_that_come_later(void **state)
{
    static const char text[] =
        "{\"type\":\"array\",\"items\":" R("{\"name\":\"a\",\"type\":\"S\"}," B(
            "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"x\",\"type\":\"T\"},"
            "{\"name\":\"y\",\"type\":{\"type\":\"fixed\",\"name\":\"T\",\"size\":0}}]}")) "}";
    static const char many[] = "\x80\x80\x80\x80\x80\x80\x01\0";
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    (void)state;
    assert_non_null(schema);
    assert_true(weir_schema_items(schema)->is_zero);
    assert_int_equal(avro_validate(schema, (weir_str){many, sizeof(many) - 1}, &err), WEIR_REJECT);
    avro_schema_free(schema);
}

/* T0 has a field of T1, which has one of T2, ...: each defined behind it, none inside another. */
static void types_that_come_later_do_not_nest_deeper_than_others(void **state)
{
    (void)state;
    for (int count = 30; count <= 30000; count *= 1000) {
        WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, again = {0};
        weir_error err;
        weir_schema *schema;

        weir_buf_printf(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
        for (int i = 0; i < count; i++)
            weir_buf_printf(&text,
                            "%s{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"T%d\","
                            "\"fields\":[{\"name\":\"x\",\"type\":%s%d%s}]}}",
                            i > 0 ? "," : "", i, i, i + 1 < count ? "\"T" : "[\"null\",\"T", i + 1,
                            i + 1 < count ? "\"" : "\"]");
        weir_buf_printf(&text,
                        ",{\"name\":\"z\",\"type\":{\"type\":\"fixed\",\"name\":\"T%d\","
                        "\"size\":0}}]}",
                        count);
        schema = avro_parse(weir_buf_str(&text), &err);
        assert_int_equal(schema != NULL, count == 30);
        if (schema == NULL) {
            assert_non_null(strstr(err.message, "types are nested more than 100 deep"));
            continue;
        }
        avro_canonical(schema, &again);
        avro_schema_free(schema);
        schema = avro_parse(weir_buf_str(&again), &err);
        assert_non_null(schema);
        avro_schema_free(schema);
    }
}

static void what_is_stored_may_have_defaults_and_namespaces_that_are_none(void **state)
{
    static const char *const cases[] = {
        R("{\"name\":\"a\",\"type\":\"string\",\"default\":null}"),
        R("{\"name\":\"a\",\"type\":[\"null\",\"int\"],\"default\":[1,{\"x\":2}]}"),
        "{\"type\":\"record\",\"name\":\"A\",\"namespace\":\"a-bad.ns\",\"fields\":[],"
        "\"aliases\":[\"also-bad\"]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, normal = {0};
        weir_error err;
        weir_schema *schema = avro_parse(weir_cstr(cases[i]), &err);

        assert_null(schema);
        schema = avro_parse_stored(weir_cstr(cases[i]), NULL, 0, &err);
        assert_non_null(schema);
        avro_canonical(schema, &text);
        assert_string_equal(weir_buf_cstr(&text), cases[i]);
        avro_normalize(schema, &normal);
        avro_schema_free(schema);
    }
    assert_null(avro_parse_stored(WEIR_STR(R("{\"name\":\"a-b\",\"type\":\"int\"}")), NULL, 0,
                                  &(weir_error){0}));
}

static void a_default_fits_the_type_of_its_field(void **state)
{
    static const struct {
        const char *type, *value;
        bool fits;
    } cases[] = {
        {"\"null\"", "null", true},
        {"\"null\"", "0", false},
        {"\"boolean\"", "true", true},
        {"\"boolean\"", "1", false},
        {"\"int\"", "2147483647", true},
        {"\"int\"", "2147483648", false},
        {"\"int\"", "-2147483649", false},
        {"\"int\"", "1.0", false},
        {"\"int\"", "null", false},
        {"\"long\"", "9223372036854775807", true},
        {"\"long\"", "\"1\"", false},
        {"\"float\"", "1", true},
        {"\"double\"", "1.5", true},
        {"\"double\"", "\"NaN\"", true},
        {"\"float\"", "\"-Infinity\"", true},
        {"\"double\"", "\"nan\"", false},
        {"\"string\"", "\"\xe2\x82\xac\"", true},
        {"\"string\"", "1", false},
        {"\"bytes\"", "\"\\u0000\xc3\xbf\"", true},
        {"\"bytes\"", "\"\\u0100\"", false},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}",
         "\"\xc3\xbf"
         "a\"",
         true},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"abc\"", false},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\"A\"", true},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\"B\"", false},
        {"{\"type\":\"array\",\"items\":\"int\"}", "[1,2]", true},
        {"{\"type\":\"array\",\"items\":\"int\"}", "[1,\"2\"]", false},
        {"{\"type\":\"array\",\"items\":\"int\"}", "{}", false},
        {"{\"type\":\"map\",\"values\":\"int\"}", "{\"a\":1}", true},
        {"{\"type\":\"map\",\"values\":\"int\"}", "{\"a\":null}", false},
        {"{\"type\":\"map\",\"values\":\"int\"}", "[]", false},
        {"[\"null\",\"int\"]", "null", true},
        {"[\"null\",\"int\"]", "1", true},
        {"[\"int\",\"null\"]", "1", true},
        {"[\"int\",\"null\"]", "null", true},
        {"[]", "null", false},
        {"{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"},"
         "{\"name\":\"y\",\"type\":\"int\",\"default\":1}]}",
         "{\"x\":1}", true},
        {"{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}",
         "{}", false},
        {"{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}",
         "[]", false},
        {"\"R\"", "{}", false}, /* it would have no end */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[600];
        weir_error err = {0};

        snprintf(json, sizeof(json), R("{\"name\":\"a\",\"type\":%s,\"default\":%s}"),
                 cases[i].type, cases[i].value);
        weir_schema *schema = avro_parse(weir_cstr(json), &err);

        if ((schema != NULL) != cases[i].fits)
            fail_msg("default %s of %s: %s", cases[i].value, cases[i].type, err.message);
        if (schema == NULL)
            assert_non_null(strstr(err.message, "at \"/fields/0/default\""));
        else
            assert_text(weir_schema_field_default(schema, 0), cases[i].value);
        avro_schema_free(schema);
    }
}

static void types_nested_deeper_than_the_limit_are_refused(void **state)
{
    char json[3000] = "";
    weir_error err = {0};
    size_t len = 0;

    (void)state;
    for (int depth = 1; depth <= AVRO_SCHEMA_DEPTH_MAX; depth++)
        len += (size_t)snprintf(json + len, sizeof(json) - len, "{\"type\":\"map\",\"values\":");
    len += (size_t)snprintf(json + len, sizeof(json) - len, "\"int\"");
    for (int depth = 1; depth <= AVRO_SCHEMA_DEPTH_MAX; depth++)
        json[len++] = '}';
    assert_null(avro_parse((weir_str){json, len}, &err));
    assert_non_null(strstr(err.message, "nested more than 100 deep"));

    size_t less = strlen("{\"type\":\"map\",\"values\":");
    weir_schema *schema = avro_parse((weir_str){json + less, len - less - 1}, &err);

    assert_non_null(schema);
    avro_schema_free(schema);
}

static void widths_beyond_the_limits_are_refused(void **state)
{
    weir_buf json = {0};
    weir_error err = {0};

    (void)state;
    weir_buf_add_str(&json, WEIR_STR("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"S\""));
    for (int i = 0; i < AVRO_WIDTH_MAX; i++)
        weir_buf_printf(&json, ",\"S%d\"", i);
    weir_buf_add_str(&json, WEIR_STR("]}"));
    assert_null(avro_parse(weir_buf_str(&json), &err));
    assert_non_null(strstr(err.message, "more than 65535 symbols"));

    weir_buf_clear(&json);
    weir_buf_reserve(&json, AVRO_TEXT_MAX + 1);
    memset(json.ptr, ' ', AVRO_TEXT_MAX + 1);
    assert_null(avro_parse((weir_str){json.ptr, AVRO_TEXT_MAX + 1}, &err));
    assert_non_null(strstr(err.message, "more than 16777216"));

    weir_buf_add_str(&json, WEIR_STR("[\"int\""));
    for (int i = 0; i < AVRO_BRANCHES_MAX; i++)
        weir_buf_printf(&json, ",{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1}", i);
    weir_buf_add_byte(&json, ']');
    assert_null(avro_parse(weir_buf_str(&json), &err));
    assert_non_null(strstr(err.message, "a union of more than 1024"));
    weir_buf_done(&json);
}

/* --- What is kept ------------------------------------------------------------------------------- */

static void names_inherit_the_namespace_around_them(void **state)
{
    weir_schema *schema =
        parse("{\"type\":\"record\",\"name\":\"a.b.R\",\"namespace\":\"ignored\",\"fields\":["
              "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}},"
              "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"c\","
              "\"size\":3}},"
              "{\"name\":\"g\",\"type\":{\"type\":\"fixed\",\"name\":\"G\",\"namespace\":\"\","
              "\"size\":4}},"
              "{\"name\":\"e2\",\"type\":\"E\"},{\"name\":\"f2\",\"type\":\"c.F\"},"
              "{\"name\":\"g2\",\"type\":\"G\"},{\"name\":\"r\",\"type\":[\"null\",\"R\"]}]}");

    (void)state;
    assert_text(weir_schema_name(schema), "a.b.R");
    assert_text(weir_schema_name(weir_schema_field(schema, 0)), "a.b.E");
    assert_text(weir_schema_name(weir_schema_field(schema, 1)), "c.F");
    assert_text(weir_schema_name(weir_schema_field(schema, 2)), "G");
    assert_ptr_equal(weir_schema_field(schema, 3), weir_schema_field(schema, 0));
    assert_ptr_equal(weir_schema_field(schema, 4), weir_schema_field(schema, 1));
    assert_ptr_equal(weir_schema_field(schema, 5), weir_schema_field(schema, 2));
    assert_ptr_equal(weir_schema_unwrap(weir_schema_field(schema, 6)), schema);
    avro_schema_free(schema);
}

static void properties_defaults_and_names_are_kept(void **state)
{
    weir_schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"Envelope\",\"connect.name\":\"shop.orders.Envelope\","
        "\"connect.version\":1, \"x\": {\"a\" : [1, 2.50, \"q\\\"\"]}, \"fields\":["
        "{\"name\":\"Key_x20Id\",\"weir.name\":\"Key Id\",\"type\":{\"type\":\"int\","
        "\"connect.type\":\"int16\"},\"default\":7},{\"name\":\"b\",\"type\":\"string\"}]}");

    (void)state;
    assert_text(weir_schema_connect_name(schema), "shop.orders.Envelope");
    assert_text(weir_schema_property(schema, "connect.version"), "1");
    assert_text(weir_schema_property(schema, "x"), "{\"a\":[1,2.5,\"q\\\"\"]}");
    assert_int_equal(weir_schema_property(schema, "none").len, 0);
    assert_text(weir_schema_field_name(schema, 0), "Key Id");
    assert_text(weir_schema_field_avro_name(schema, 0), "Key_x20Id");
    assert_text(weir_schema_property(weir_schema_field(schema, 0), "connect.type"), "\"int16\"");
    assert_text(weir_schema_field_default(schema, 0), "7");
    assert_int_equal(weir_schema_field_default(schema, 1).len, 0);
    assert_int_equal(weir_schema_field_index(schema, WEIR_STR("Key Id")), 0);
    assert_int_equal(weir_schema_field_index(schema, WEIR_STR("Key_x20Id")), -1);
    assert_text(weir_schema_connect_name(weir_schema_field(schema, 1)), "");
    avro_schema_free(schema);
}

static void a_logical_type_counts_only_where_it_fits(void **state)
{
    static const struct {
        const char *json;
        weir_logical logical;
        int precision, scale;
    } cases[] = {
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", WEIR_LOGICAL_DATE, 0, 0},
        {"{\"type\":\"long\",\"logicalType\":\"date\"}", WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", WEIR_LOGICAL_TIME_MILLIS, 0, 0},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", WEIR_LOGICAL_TIME_MICROS, 0, 0},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", WEIR_LOGICAL_TIMESTAMP_MILLIS,
         0, 0},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", WEIR_LOGICAL_TIMESTAMP_MICROS,
         0, 0},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}",
         WEIR_LOGICAL_LOCAL_TIMESTAMP_MILLIS, 0, 0},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}",
         WEIR_LOGICAL_LOCAL_TIMESTAMP_MICROS, 0, 0},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", WEIR_LOGICAL_UUID, 0, 0},
        {"{\"type\":\"string\",\"logicalType\":5}", WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"string\",\"logicalType\":\"phone\"}", WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"fixed\",\"name\":\"D\",\"size\":12,\"logicalType\":\"duration\"}",
         WEIR_LOGICAL_DURATION, 0, 0},
        {"{\"type\":\"fixed\",\"name\":\"D\",\"size\":11,\"logicalType\":\"duration\"}",
         WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10,\"scale\":2}",
         WEIR_LOGICAL_DECIMAL, 10, 2},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10}", WEIR_LOGICAL_DECIMAL,
         10, 0},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\"}", WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}",
         WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":-1}",
         WEIR_LOGICAL_NONE, 0, 0},
        {"{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":2}", WEIR_LOGICAL_NONE, 0,
         0},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
         "\"precision\":9}",
         WEIR_LOGICAL_DECIMAL, 9, 0},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
         "\"precision\":10}",
         WEIR_LOGICAL_NONE, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_schema *schema = parse(cases[i].json);

        if (weir_schema_logical(schema) != cases[i].logical ||
            weir_schema_precision(schema) != cases[i].precision ||
            weir_schema_scale(schema) != cases[i].scale)
            fail_msg("%s: logical type %d", cases[i].json, (int)weir_schema_logical(schema));
        avro_schema_free(schema);
    }
}

static void a_union_of_null_and_one_type_unwraps_to_the_type(void **state)
{
    weir_schema *schema = parse("[\"int\",\"null\"]");

    (void)state;
    assert_true(weir_schema_is_nullable(schema));
    assert_int_equal(weir_schema_type(weir_schema_unwrap(schema)), WEIR_TYPE_INT);
    assert_int_equal(weir_schema_branch_count(schema), 2);
    avro_schema_free(schema);

    schema = parse("[\"int\",\"null\",\"string\"]");
    assert_true(weir_schema_is_nullable(schema));
    assert_ptr_equal(weir_schema_unwrap(schema), schema);
    avro_schema_free(schema);

    schema = parse("[\"int\",\"string\"]");
    assert_false(weir_schema_is_nullable(schema));
    assert_ptr_equal(weir_schema_unwrap(schema), schema);
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_specification_forbids_is_refused_with_its_place),
        cmocka_unit_test(what_java_and_the_specification_see_differently_is_refused),
        cmocka_unit_test(a_type_may_be_used_before_it_is_defined),
        cmocka_unit_test(what_takes_no_bytes_is_known_also_of_types_that_come_later),
        cmocka_unit_test(types_that_come_later_do_not_nest_deeper_than_others),
        cmocka_unit_test(what_is_stored_may_have_defaults_and_namespaces_that_are_none),
        cmocka_unit_test(a_default_fits_the_type_of_its_field),
        cmocka_unit_test(types_nested_deeper_than_the_limit_are_refused),
        cmocka_unit_test(widths_beyond_the_limits_are_refused),
        cmocka_unit_test(names_inherit_the_namespace_around_them),
        cmocka_unit_test(properties_defaults_and_names_are_kept),
        cmocka_unit_test(a_logical_type_counts_only_where_it_fits),
        cmocka_unit_test(a_union_of_null_and_one_type_unwraps_to_the_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
