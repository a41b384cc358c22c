/* test_mapping.c - the types of fields that an index is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/mapping.h"
#include "schema-registry/avro/avro.h"

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define INDEX(mappings)   "{\"i\":{\"mappings\":{" mappings "}}}"

/* expected NULL: nothing is missing. */
static void assert_missing(const char *there, const char *schema, const char *expected)
{
    weir_error err = {0};
    weir_schema *parsed = avro_parse(weir_cstr(schema), &err);
    weir_buf out = {0};

    assert_non_null(parsed);
    assert_int_equal(mapping_add_missing(weir_cstr(there), parsed, &out), expected != NULL);
    assert_string_equal(weir_buf_cstr(&out), expected != NULL ? expected : "");
    weir_buf_done(&out);
    avro_schema_free(parsed);
}

static void a_mapping_follows_from_the_schema(void **state)
{
    (void)state;
    assert_missing(
        "",
        RECORD(FIELD("a", "[\"null\",\"long\"]") "," FIELD(
            "b", "{\"type\":\"array\",\"items\":"
                 "\"double\"}") "," FIELD("c",
                                          "{\"type\":\"record\",\"name\":\"C\",\"fields\":[" FIELD(
                                              "d", "\"boolean\"") "]}")),
        "{\"a\":{\"type\":\"long\"},\"b\":{\"type\":\"double\"},"
        "\"c\":{\"properties\":{\"d\":{\"type\":\"boolean\"}}}}");
}

static void what_the_index_has_is_left_out(void **state)
{
    static const char two[] = RECORD(FIELD("a", "\"long\"") "," FIELD("b", "\"int\""));
    (void)state;

    assert_missing(INDEX("\"properties\":{\"a\":{\"type\":\"keyword\"}}"), two,
                   "{\"b\":{\"type\":\"integer\"}}");
    assert_missing(INDEX("\"properties\":{\"b\":{},\"a\":{},\"c\":{}}"), two, NULL);
    assert_missing(INDEX(""), RECORD(""), NULL);
}

static void an_index_with_rules_of_its_own_is_left_to_them(void **state)
{
    static const char one[] = RECORD(FIELD("a", "\"long\""));
    static const struct {
        const char *mapping;
        bool has_rules;
    } cases[] = {
        {INDEX("\"dynamic\":\"strict\""), true},
        {INDEX("\"dynamic\":\"runtime\""), true},
        {INDEX("\"dynamic\":\"false\""), true},
        {INDEX("\"dynamic\":false"), true},
        {INDEX("\"dynamic\":\"true\""), false},
        {INDEX("\"dynamic\":true"), false},
        {INDEX("\"dynamic_templates\":[{\"texts\":{}}]"), true},
        {INDEX("\"dynamic_templates\":[]"), false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_missing(cases[i].mapping, one,
                       cases[i].has_rules ? NULL : "{\"a\":{\"type\":\"long\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_follows_from_the_schema),
        cmocka_unit_test(what_the_index_has_is_left_out),
        cmocka_unit_test(an_index_with_rules_of_its_own_is_left_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
