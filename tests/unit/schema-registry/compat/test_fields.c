/* test_fields.c - a person is told which field it is, however deep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/avro/avro.h"
#include "schema-registry/compat/fields.h"

#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define INNER(fields)     "{\"type\":\"record\",\"name\":\"In\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

#define AFTER(type) RECORD("{\"name\":\"after\",\"type\":[\"null\"," INNER(FIELD("v", type)) "]}")
#define LIST(type)                                                                                 \
    RECORD(                                                                                        \
        "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":" INNER(FIELD("v", type)) "}}")

static void assert_fields(const char *reader_text, const char *writer_text, const char *expected)
{
    weir_error err;
    weir_schema *reader = avro_parse(weir_cstr(reader_text), &err);
    weir_schema *writer = avro_parse(weir_cstr(writer_text), &err);
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

    assert_non_null(reader);
    assert_non_null(writer);
    compat_fields(reader, writer, &out);
    assert_string_equal(weir_buf_cstr(&out), expected);
    avro_schema_free(reader);
    avro_schema_free(writer);
}

static void compatible_schemas_have_none(void **state)
{
    (void)state;
    assert_fields(RECORD(FIELD("a", "\"long\"")), RECORD(FIELD("a", "\"int\"")), "");
}

static void a_field_of_another_type_is_named_with_both(void **state)
{
    (void)state;
    assert_fields(RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
                  RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"string\"")),
                  "b was string and is int");
}

static void a_new_field_without_default_is_named(void **state)
{
    (void)state;
    assert_fields(RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
                  RECORD(FIELD("a", "\"int\"")), "b has no default");
}

static void a_field_inside_a_nullable_record_is_named_by_its_path(void **state)
{
    (void)state;
    assert_fields(AFTER("[\"null\",\"string\"]"), AFTER("[\"null\",\"int\"]"),
                  "after.v was int and is string");
}

static void items_of_an_array_are_looked_into(void **state)
{
    (void)state;
    assert_fields(LIST("\"int\""), LIST("\"string\""), "list.v was string and is int");
}

static void a_field_that_may_not_be_null_any_more_is_named(void **state)
{
    (void)state;
    assert_fields(RECORD(FIELD("a", "\"int\"")), RECORD(FIELD("a", "[\"null\",\"int\"]")),
                  "a was nullable and is not");
}

static void an_enum_without_a_symbol_is_named(void **state)
{
    (void)state;
    assert_fields(
        RECORD(FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}")),
        RECORD(FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}")),
        "e is another E than before");
}

static void a_schema_that_contains_itself_comes_to_an_end(void **state)
{
    (void)state;
    assert_fields(RECORD(FIELD("next", "[\"null\",\"R\"]") "," FIELD("v", "\"int\"")),
                  RECORD(FIELD("next", "[\"null\",\"R\"]") "," FIELD("v", "\"string\"")),
                  "v was string and is int");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compatible_schemas_have_none),
        cmocka_unit_test(a_field_of_another_type_is_named_with_both),
        cmocka_unit_test(a_new_field_without_default_is_named),
        cmocka_unit_test(a_field_inside_a_nullable_record_is_named_by_its_path),
        cmocka_unit_test(items_of_an_array_are_looked_into),
        cmocka_unit_test(a_field_that_may_not_be_null_any_more_is_named),
        cmocka_unit_test(an_enum_without_a_symbol_is_named),
        cmocka_unit_test(a_schema_that_contains_itself_comes_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
