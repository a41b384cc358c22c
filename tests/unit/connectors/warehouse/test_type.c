/* test_type.c - the column that a schema becomes, and how its values are read. */
#include "connectors/warehouse/type.h"

#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define NAMED(base, name)      "{\"type\":\"" base "\",\"connect.name\":\"" name "\"}"
#define LOGICAL(base, logical) "{\"type\":\"" base "\",\"logicalType\":\"" logical "\"}"
#define DECIMAL(precision, scale)                                                                  \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" precision ",\"scale\":" scale \
    "}"

static void a_schema_becomes_the_column_that_its_meaning_asks_for(void **state)
{
    static const struct {
        const char *schema;
        value_form form;
        type_id id;
    } cases[] = {
        {"\"boolean\"", FORM_BOOLEAN, TYPE_BOOL},
        {"\"int\"", FORM_INTEGER, TYPE_INT4},
        {"{\"type\":\"int\",\"connect.type\":\"int16\"}", FORM_INTEGER, TYPE_INT2},
        {"{\"type\":\"int\",\"connect.type\":\"int8\"}", FORM_INTEGER, TYPE_INT2},
        {"\"long\"", FORM_INTEGER, TYPE_INT8},
        {"\"float\"", FORM_NUMBER, TYPE_FLOAT4},
        {"\"double\"", FORM_NUMBER, TYPE_FLOAT8},
        {"\"string\"", FORM_TEXT, TYPE_TEXT},
        {"\"bytes\"", FORM_BYTES, TYPE_BYTES},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", FORM_ENUM, TYPE_TEXT},
        {"{\"type\":\"map\",\"values\":\"int\"}", FORM_NESTED, TYPE_JSONB},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}", FORM_NESTED, TYPE_JSONB},
        {LOGICAL("int", "date"), FORM_DAYS, TYPE_DATE},
        {LOGICAL("long", "timestamp-micros"), FORM_TIMESTAMP, TYPE_TIMESTAMP},
        {LOGICAL("long", "local-timestamp-millis"), FORM_TIMESTAMP, TYPE_TIMESTAMP},
        {LOGICAL("string", "uuid"), FORM_UUID, TYPE_UUID},
        {NAMED("int", "io.debezium.time.Date"), FORM_DAYS, TYPE_DATE},
        {NAMED("long", "io.debezium.time.MicroTimestamp"), FORM_TIMESTAMP, TYPE_TIMESTAMP},
        {NAMED("string", "io.debezium.time.ZonedTimestamp"), FORM_ZONED_TIMESTAMP,
         TYPE_TIMESTAMPTZ},
        {NAMED("string", "io.debezium.data.Uuid"), FORM_UUID, TYPE_UUID},
        {NAMED("long", "nobody.knows.This"), FORM_INTEGER, TYPE_INT8},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err;
        weir_schema *schema = avro_parse(weir_cstr(cases[i].schema), &err);
        value_source source;

        assert_non_null(schema);
        source = type_of_schema(schema);
        if (source.form != cases[i].form || source.type.id != cases[i].id)
            fail_msg("%s is read as %d into %s", cases[i].schema, source.form,
                     type_name(source.type.id));
        assert_false(source.type.is_array);
        avro_schema_free(schema);
    }
}

static value_source of(const char *text, weir_schema **schema)
{
    weir_error err;

    *schema = avro_parse(weir_cstr(text), &err);
    assert_non_null(*schema);
    return type_of_schema(*schema);
}

static void a_decimal_is_bounded_where_its_precision_is_known(void **state)
{
    weir_schema *schema;
    value_source source = of(DECIMAL("10", "2"), &schema);
    (void)state;

    assert_int_equal(source.form, FORM_DECIMAL);
    assert_int_equal(source.type.precision, 10);
    assert_int_equal(source.type.scale, 2);
    avro_schema_free(schema);
    source = of(DECIMAL("64", "2"), &schema); /* Kafka Connect's way to say that it does not know */
    assert_int_equal(source.type.precision, 0);
    assert_int_equal(source.scale, 2);
    avro_schema_free(schema);
}

static void an_array_of_scalars_is_an_array_and_one_of_records_is_json(void **state)
{
    weir_schema *schema;
    value_source source = of("{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", &schema);
    (void)state;

    assert_true(source.type.is_array);
    assert_int_equal(source.type.id, TYPE_INT4);
    assert_int_equal(source.form, FORM_INTEGER);
    assert_ptr_equal(source.array, schema);
    avro_schema_free(schema);
    source = of("{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"int\"}}", &schema);
    assert_false(source.type.is_array);
    assert_int_equal(source.type.id, TYPE_JSONB);
    assert_null(source.array);
    avro_schema_free(schema);
}

static void the_catalogues_names_are_known_and_others_are_written_through_a_cast(void **state)
{
    (void)state;
    assert_int_equal(type_from_catalog(WEIR_STR("bpchar")), TYPE_TEXT);
    assert_int_equal(type_from_catalog(WEIR_STR("float4")), TYPE_FLOAT4);
    assert_int_equal(type_from_catalog(WEIR_STR("timestamptz")), TYPE_TIMESTAMPTZ);
    assert_int_equal(type_from_catalog(WEIR_STR("money")), TYPE_OTHER);
    assert_int_equal(type_from_catalog(WEIR_STR("")), TYPE_OTHER);
    assert_string_equal(type_name(TYPE_FLOAT8), "double precision");
    assert_string_equal(type_name(TYPE_OTHER), "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_becomes_the_column_that_its_meaning_asks_for),
        cmocka_unit_test(a_decimal_is_bounded_where_its_precision_is_known),
        cmocka_unit_test(an_array_of_scalars_is_an_array_and_one_of_records_is_json),
        cmocka_unit_test(the_catalogues_names_are_known_and_others_are_written_through_a_cast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
