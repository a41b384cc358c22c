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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_has_the_verdict_and_the_reasons_of_java),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
