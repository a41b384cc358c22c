/* test_compat.c - the verdicts and reasons of Avro Java, case by case. */
#include "schema-registry/compat/compat.h"

#include "schema-registry/avro/avro.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OLD_MAX 16

static weir_schema *parse(const json_t *json, const char *name)
{
    weir_error err = {0};
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    if (schema == NULL)
        print_error("%s: %s\n", name, err.message);
    free(text);
    return schema;
}

/* The errors are a set: each one found is listed, and each one listed is found. */
static bool same_errors(const compat_result *result, const json_t *expected)
{
    bool is_same = true;
    json_t *found = json_object();
    size_t i = 0;
    json_t *item = NULL;

    for (i = 0; i < compat_result_count(result); i++) {
        const compat_error *e = compat_result_at(result, i);
        char line[512];

        snprintf(line, sizeof(line), "%s %.*s", compat_kind_name(e->kind), WEIR_ARG(e->path));
        json_object_set_new(found, line, json_true());
    }
    json_array_foreach((json_t *)expected, i, item)
    {
        if (json_object_get(found, json_string_value(item)) == NULL)
            is_same = false;
    }
    is_same = is_same && json_object_size(found) == json_array_size(expected);
    json_decref(found);
    return is_same;
}

static bool passes(const json_t *one)
{
    const char *name = json_string_value(json_object_get(one, "name"));
    const json_t *versions = json_object_get(one, "old");
    size_t count = json_array_size(versions);
    weir_schema *old[OLD_MAX] = {0}, *candidate = parse(json_object_get(one, "new"), name);
    compat_result result = {0};
    compat_level level = COMPAT_NONE;
    bool is_good = candidate != NULL;

    assert_true(count <= OLD_MAX);
    assert_true(
        compat_level_parse(weir_cstr(json_string_value(json_object_get(one, "level"))), &level));
    for (size_t i = 0; i < count; i++) {
        old[i] = parse(json_array_get(versions, i), name);
        is_good = is_good && old[i] != NULL;
    }
    if (is_good) {
        bool verdict =
            compat_check(candidate, (const weir_schema *const *)old, count, level, &result);

        is_good = verdict == json_is_true(json_object_get(one, "expect")) &&
                  same_errors(&result, json_object_get(one, "errors"));
    }
    if (!is_good)
        print_error("%s\n", name);
    for (size_t i = 0; i < compat_result_count(&result) && !is_good; i++)
        print_error("  found %s %.*s\n", compat_kind_name(compat_result_at(&result, i)->kind),
                    WEIR_ARG(compat_result_at(&result, i)->path));
    compat_result_done(&result);
    for (size_t i = 0; i < count; i++)
        avro_schema_free(old[i]);
    avro_schema_free(candidate);
    return is_good;
}

static void every_case_has_the_verdict_and_the_reasons_of_java(void **state)
{
    json_t *cases = json_load_file("tests/fixtures/avro-compat-cases.json", JSON_ALLOW_NUL, NULL);
    json_t *one = NULL;
    size_t i = 0, failed = 0;

    (void)state;
    assert_int_equal(json_array_size(cases), 316);
    json_array_foreach(cases, i, one)
    {
        failed += !passes(one);
    }
    json_decref(cases);
    assert_int_equal(failed, 0);
}

/* --- Messages --------------------------------------------------------------------------------- */

static weir_schema *parse_text(const char *text)
{
    weir_error err = {0};
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    if (schema == NULL)
        fail_msg("%s", err.message);
    return schema;
}

/* Each incompatibility in its order: kind, path, message. */
static void assert_found(const char *reader, const char *writer, const char *expected)
{
    weir_schema *first = parse_text(reader), *second = parse_text(writer);
    compat_result result = {0};
    weir_buf found = {0};

    assert_int_equal(compat_reads(first, second, &result), expected[0] == '\0');
    for (size_t i = 0; i < compat_result_count(&result); i++) {
        const compat_error *e = compat_result_at(&result, i);

        weir_buf_printf(&found, "%s %.*s %.*s\n", compat_kind_name(e->kind), WEIR_ARG(e->path),
                        WEIR_ARG(e->message));
    }
    assert_string_equal(weir_buf_cstr(&found), expected);
    weir_buf_done(&found);
    compat_result_done(&result);
    avro_schema_free(first);
    avro_schema_free(second);
}

#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define FIXED(size)       "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" size "}"

static void missing_symbols_are_listed_sorted(void **state)
{
    (void)state;
    assert_found("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}",
                 "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"Z\",\"C\",\"A\",\"B\"]}",
                 "MISSING_ENUM_SYMBOLS /symbols [B, C, Z]\n");
}

static void a_field_that_two_fields_may_be_read_into_leaves_the_pair_undecided(void **state)
{
    (void)state;
    assert_found(
        RECORD("{\"name\":\"x\",\"type\":\"int\"},"
               "{\"name\":\"a\",\"type\":[\"int\"],\"aliases\":[\"b\"]}"),
        RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
        "UNDECIDED  Reader record field a type:UNION pos:1 matches multiple fields in writer "
        "record schema " RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")) "\n");
}

static void a_type_that_is_met_again_has_the_place_where_it_was_first_met(void **state)
{
    (void)state;
    assert_found(RECORD(FIELD("a", FIXED("1")) "," FIELD("b", "\"F\"")),
                 RECORD(FIELD("a", FIXED("2")) "," FIELD("b", "\"F\"")),
                 "FIXED_SIZE_MISMATCH /fields/0/type/size expected: 2, found: 1\n"
                 "FIXED_SIZE_MISMATCH /fields/0/type/size expected: 2, found: 1\n");
    assert_found(
        RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
        RECORD(FIELD("a", FIXED("2")) "," FIELD("b", "\"F\"")),
        "TYPE_MISMATCH /fields/0/type reader type: INT not compatible with writer type: FIXED\n"
        "TYPE_MISMATCH /fields/1/type reader type: INT not compatible with writer type: "
        "FIXED\n");
}

static void what_is_found_while_a_union_is_tried_has_places_that_begin_there(void **state)
{
    (void)state;
    assert_found(RECORD(FIELD("a", "[\"null\"," FIXED("1") "]") "," FIELD("b", "\"F\"")),
                 RECORD(FIELD("a", "[\"null\"," FIXED("2") "]") "," FIELD("b", "\"F\"")),
                 "MISSING_UNION_BRANCH /fields/0/type/1 reader union lacking writer type: FIXED\n"
                 "FIXED_SIZE_MISMATCH /size expected: 2, found: 1\n");
}

/* --- Bounds ----------------------------------------------------------------------------------- */

/* count records R0, R1, ..., each with width fields of the next one's type; the last has width of the
 * type inmost. */
static weir_schema *make_deep(int count, int width, const char *inmost)
{
    weir_buf text = {0};
    weir_error err = {0};
    weir_schema *schema = NULL;

    for (int i = 0; i < count; i++)
        weir_buf_printf(
            &text,
            "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"f0\",\"type\":", i);
    weir_buf_add_str(&text, weir_cstr(inmost));
    for (int i = count - 1; i >= 0; i--) {
        for (int k = 1; k < width; k++) {
            weir_buf_printf(&text, "},{\"name\":\"f%d\",\"type\":", k);
            if (i == count - 1)
                weir_buf_add_str(&text, weir_cstr(inmost));
            else
                weir_buf_printf(&text, "\"R%d\"", i + 1);
        }
        weir_buf_add_str(&text, WEIR_STR("}]}"));
    }
    schema = avro_parse(weir_buf_str(&text), &err);
    if (schema == NULL)
        fail_msg("%s", err.message);
    weir_buf_done(&text);
    return schema;
}

static void wide_records_fifty_deep_are_compared_in_one_pass(void **state)
{
    weir_schema *reader = make_deep(50, 5000, "\"int\""),
                *writer = make_deep(50, 5000, "\"string\"");
    compat_result result = {0};

    (void)state;
    assert_true(compat_reads(reader, reader, &result));
    assert_int_equal(compat_result_count(&result), 0);
    assert_false(compat_reads(reader, writer, &result));
    assert_int_equal(compat_result_count(&result), COMPAT_ERRORS_MAX);
    compat_result_done(&result);
    avro_schema_free(reader);
    avro_schema_free(writer);
}

/* A union of count records, each with width fields of the types of all records. */
static weir_schema *make_mesh(int count, int width, const char *last)
{
    weir_buf text = {0};
    weir_error err = {0};
    weir_schema *schema = NULL;

    weir_buf_add_byte(&text, '[');
    for (int i = 0; i < count; i++) {
        weir_buf_printf(&text, "%s{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[",
                        i > 0 ? "," : "", i);
        for (int k = 0; k < width; k++)
            weir_buf_printf(&text, "{\"name\":\"f%d\",\"type\":[\"null\",\"R%d\"]},", k,
                            k % (i + 1));
        weir_buf_printf(&text, "{\"name\":\"last\",\"type\":%s}]}", last);
    }
    weir_buf_add_byte(&text, ']');
    schema = avro_parse(weir_buf_str(&text), &err);
    if (schema == NULL)
        fail_msg("%s", err.message);
    weir_buf_done(&text);
    return schema;
}

static void types_that_contain_one_another_are_compared_in_bounded_steps(void **state)
{
    weir_schema *reader = make_mesh(60, 20, "\"int\""), *writer = make_mesh(60, 20, "\"string\"");
    compat_result result = {0};

    (void)state;
    assert_true(compat_reads(reader, reader, &result));
    assert_false(compat_reads(reader, writer, &result));
    compat_result_done(&result);
    avro_schema_free(reader);
    avro_schema_free(writer);
}

static void schemas_that_take_too_many_steps_are_undecided(void **state)
{
    weir_schema *reader = make_mesh(1000, 50, "\"int\""),
                *writer = make_mesh(1000, 50, "\"string\"");
    compat_result result = {0};

    (void)state;
    assert_false(compat_reads(reader, writer, &result));
    assert_int_equal(compat_result_count(&result), 1);
    assert_int_equal(compat_result_at(&result, 0)->kind, COMPAT_UNDECIDED);
    compat_result_done(&result);
    avro_schema_free(reader);
    avro_schema_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_has_the_verdict_and_the_reasons_of_java),
        cmocka_unit_test(missing_symbols_are_listed_sorted),
        cmocka_unit_test(a_field_that_two_fields_may_be_read_into_leaves_the_pair_undecided),
        cmocka_unit_test(a_type_that_is_met_again_has_the_place_where_it_was_first_met),
        cmocka_unit_test(what_is_found_while_a_union_is_tried_has_places_that_begin_there),
        cmocka_unit_test(wide_records_fifty_deep_are_compared_in_one_pass),
        cmocka_unit_test(types_that_contain_one_another_are_compared_in_bounded_steps),
        cmocka_unit_test(schemas_that_take_too_many_steps_are_undecided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
