/* test_schema_tags.c - tags on the records and fields of a schema: put there, taken away, found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/avro/avro.h"
#include "schema-registry/registry/schema_tags.h"

#include <string.h>

#define TAG(path, type, tags)                                                                      \
    "{\"schemaEntity\":{\"entityPath\":\"" path "\",\"entityType\":\"" type "\"},\"tags\":[" tags  \
    "]}"

static const char nested[] =
    "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":[{\"name\":\"f\",\"type\":"
    "[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":{\"type\":\"record\","
    "\"name\":\"m.S\",\"fields\":[{\"name\":\"g\",\"type\":[\"null\",\"m.S\"]}]}}}]}]}";

static void an_entity_is_found_wherever_it_is(void **state)
{
    static const struct {
        const char *list, *expected; /* a part of the text; NULL: refused */
    } cases[] = {
        {TAG("n.R", "sr_record", "\"A\",\"B\",\"A\""), "}]}],\"confluent:tags\":[\"A\",\"B\"]}"},
        {TAG("R", "sr_record", "\"A\""), ",\"confluent:tags\":[\"A\"]}"},
        {TAG(".n.R.f", "sr_field", "\"A\""), "],\"confluent:tags\":[\"A\"]}]}"},
        {TAG("m.S.g", "sr_field", "\"A\""), "\"m.S\"],\"confluent:tags\":[\"A\"]}]}"},
        {TAG("m.S", "sr_record", "\"A\""), "}],\"confluent:tags\":[\"A\"]}}}"},
        {TAG("n.S", "sr_record", "\"A\""), NULL},
        {TAG("n.R.x", "sr_field", "\"A\""), NULL},
        {TAG("n.R", "sr_other", "\"A\""), NULL},
        {TAG("", "sr_field", "\"A\""), NULL},
        {TAG("n.R", "sr_record", "1"), NULL},
        {"{}", NULL},
        {"1", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf list = {0}, out = {0}, reason = {0};
        bool is_good;

        weir_buf_printf(&list, "[%s]", cases[i].list);
        is_good = schema_tags_change(weir_cstr(nested), weir_buf_str(&list), (weir_str){0}, &out,
                                     &reason);
        if (is_good != (cases[i].expected != NULL))
            fail_msg("%s: %s%s", cases[i].list, weir_buf_cstr(&out), weir_buf_cstr(&reason));
        if (is_good && strstr(weir_buf_cstr(&out), cases[i].expected) == NULL)
            fail_msg("no %s in %s", cases[i].expected, weir_buf_cstr(&out));
        assert_true(is_good || reason.len > 0);
    }
}

static void what_is_added_may_be_taken_away_again(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0}, reason = {0};

    (void)state;
    assert_true(schema_tags_change(
        weir_cstr(nested), WEIR_STR("[" TAG("R", "sr_record", "\"A\"") "]"),
        WEIR_STR("[" TAG("n.R", "sr_record", "\"A\",\"B\"") "]"), &out, &reason));
    assert_string_equal(weir_buf_cstr(&out), nested);
    assert_false(schema_tags_change(WEIR_STR("{"), (weir_str){0}, (weir_str){0}, &out, &reason));
    assert_false(schema_tags_change((weir_str){0}, WEIR_STR("[]"), (weir_str){0}, &out, &reason));
    assert_false(
        schema_tags_change(weir_cstr(nested), WEIR_STR("{}"), (weir_str){0}, &out, &reason));
}

static void only_wanted_tags_are_found_in_the_order_of_the_text(void **state)
{
    static const weir_str any[] = {WEIR_STR("*")}, some[] = {WEIR_STR("X"), WEIR_STR("B")};
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0}, reason = {0}, found = {0};
    weir_error err;
    weir_schema *schema;

    (void)state;
    assert_true(schema_tags_change(weir_cstr(nested),
                                   WEIR_STR("[" TAG("m.S.g", "sr_field", "\"B\",\"C\"") "," TAG(
                                       "n.R", "sr_record", "\"A\"") "]"),
                                   (weir_str){0}, &out, &reason));
    schema = avro_parse(weir_buf_str(&out), &err);
    assert_non_null(schema);
    schema_tags_find(schema, any, 1, &found);
    assert_string_equal(weir_buf_cstr(&found), "[" TAG("n.R", "sr_record", "\"A\"") "," TAG(
                                                   "m.S.g", "sr_field", "\"B\",\"C\"") "]");
    weir_buf_clear(&found);
    schema_tags_find(schema, some, 2, &found);
    assert_string_equal(weir_buf_cstr(&found), "[" TAG("m.S.g", "sr_field", "\"B\",\"C\"") "]");
    weir_buf_clear(&found);
    schema_tags_find(schema, some, 1, &found);
    assert_int_equal(found.len, 0);
    avro_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entity_is_found_wherever_it_is),
        cmocka_unit_test(what_is_added_may_be_taken_away_again),
        cmocka_unit_test(only_wanted_tags_are_found_in_the_order_of_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
