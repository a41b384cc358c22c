/* test_settings.c - what the table of settings cannot say for itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/settings.h"

static void user_and_api_key_exclude_each_other(void **state)
{
    es_settings settings = {
        .username = WEIR_STR("u"), .api_key = WEIR_STR("k"), .bulk_size_bytes = -1};
    weir_error err;
    (void)state;

    assert_int_equal(settings_validate(&settings, &err), WEIR_CONFIG);
    settings.username = WEIR_STR("");
    assert_int_equal(settings_validate(&settings, &err), WEIR_OK);
}

static void a_request_is_not_too_small_or_it_has_no_limit(void **state)
{
    static const struct {
        int64_t bytes;
        weir_code code;
    } cases[] = {{-1, WEIR_OK}, {0, WEIR_CONFIG}, {1023, WEIR_CONFIG}, {1024, WEIR_OK}};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        es_settings settings = {.bulk_size_bytes = cases[i].bytes};
        weir_error err;

        assert_int_equal(settings_validate(&settings, &err), cases[i].code);
    }
}

static void tls_is_insisted_on_for_each_address(void **state)
{
    weir_str urls[] = {WEIR_STR("https://a:1"), WEIR_STR("b")};
    es_settings settings = {
        .urls = {urls, 1}, .bulk_size_bytes = -1, .security_protocol = {.index = SECURITY_SSL}};
    weir_error err;
    (void)state;

    assert_int_equal(settings_validate(&settings, &err), WEIR_OK);
    settings.urls.count = 2;
    assert_int_equal(settings_validate(&settings, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "\"b\""));
}

static void keys_and_schemas_are_ignored_for_all_topics_or_for_some(void **state)
{
    weir_str topics[] = {WEIR_STR("a"), WEIR_STR("b")};
    es_settings settings = {.key_ignore_topics = {topics, 2}, .schema_ignore = true};
    (void)state;

    assert_true(settings_key_is_ignored(&settings, WEIR_STR("b")));
    assert_false(settings_key_is_ignored(&settings, WEIR_STR("c")));
    assert_true(settings_schema_is_ignored(&settings, WEIR_STR("c")));
}

static void every_field_is_bound_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const weir_field *field = &settings_fields[i];

        assert_true(field->bound || field->ignored != NULL || field->unsupported != NULL);
        assert_non_null(field->doc);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(field->name, settings_fields[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_and_api_key_exclude_each_other),
        cmocka_unit_test(a_request_is_not_too_small_or_it_has_no_limit),
        cmocka_unit_test(tls_is_insisted_on_for_each_address),
        cmocka_unit_test(keys_and_schemas_are_ignored_for_all_topics_or_for_some),
        cmocka_unit_test(every_field_is_bound_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
