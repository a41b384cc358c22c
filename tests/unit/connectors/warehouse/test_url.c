/* test_url.c - connection.url in its three spellings. */
#include "connectors/warehouse/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static void a_jdbc_url_loses_its_prefix_and_parameters(void **state)
{
    (void)state;
    url parsed;
    weir_error err;

    assert_int_equal(
        url_parse(WEIR_STR("jdbc:postgresql://h:5/d?user=a%40b&currentSchema=x"), &parsed, &err),
        WEIR_OK);
    assert_true(parsed.is_jdbc);
    assert_string_equal(parsed.base.ptr, "postgresql://h:5/d");
    assert_string_equal(url_parameter_value(&parsed, "user").ptr, "a@b");
    assert_string_equal(url_parameter_value(&parsed, "currentSchema").ptr, "x");
    assert_null(url_parameter_value(&parsed, "other").ptr);
    url_done(&parsed);
}

static void a_postgresql_url_keeps_its_escapes_for_libpq(void **state)
{
    (void)state;
    url parsed;
    weir_error err;

    assert_int_equal(url_parse(WEIR_STR("postgresql://u:p%20w@h/d"), &parsed, &err), WEIR_OK);
    assert_string_equal(parsed.base.ptr, "postgresql://u:p%20w@h/d");
    assert_int_equal(parsed.kind, URL_POSTGRES);
    url_done(&parsed);
}

static void an_adbc_url_is_a_path_and_options(void **state)
{
    (void)state;
    url parsed;
    weir_error err;

    assert_int_equal(
        url_parse(WEIR_STR("adbc:/a%20b/x.so?entrypoint=duckdb_adbc_init&path=/t/%25.db&empty="),
                  &parsed, &err),
        WEIR_OK);
    assert_int_equal(parsed.kind, URL_ADBC);
    assert_string_equal(parsed.base.ptr, "/a b/x.so");
    assert_string_equal(url_parameter_value(&parsed, "path").ptr, "/t/%.db");
    assert_int_equal(url_parameter_value(&parsed, "empty").len, 0);
    assert_int_equal(parsed.parameter_count, 3);
    url_done(&parsed);
}

static void anything_else_is_refused_with_the_three(void **state)
{
    (void)state;
    weir_error err;

    assert_int_equal(url_check(WEIR_STR("jdbc:mysql://h/d"), &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "jdbc:postgresql://"));
    assert_int_equal(url_check(WEIR_STR("adbc:?entrypoint=duckdb_adbc_init"), &err), WEIR_CONFIG);
    assert_int_equal(url_check(WEIR_STR(""), &err), WEIR_CONFIG);
}

static void a_vendor_without_a_dialect_is_refused_before_anything_is_loaded(void **state)
{
    (void)state;
    weir_error err;

    assert_int_equal(url_check(WEIR_STR("adbc:/x.so?entrypoint=Snow"), &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "\"Snow\""));
    assert_non_null(strstr(err.message, "DuckDB"));
    assert_int_equal(url_check(WEIR_STR("adbc:/x.so"), &err), WEIR_CONFIG);
    assert_int_equal(url_check(WEIR_STR("adbc:/x.so?entrypoint=duckdb_adbc_init"), &err), WEIR_OK);
}

static void too_many_parameters_are_refused(void **state)
{
    (void)state;
    char text[1024] = "postgresql://h/d?";
    url parsed;
    weir_error err;

    for (int i = 0; i < URL_PARAMETERS_MAX; i++)
        strncat(text, "a=1&", sizeof(text) - strlen(text) - 1);
    assert_int_equal(url_parse(weir_cstr(text), &parsed, &err), WEIR_OK);
    url_done(&parsed);
    strncat(text, "a=1&", sizeof(text) - strlen(text) - 1);
    assert_int_equal(url_parse(weir_cstr(text), &parsed, &err), WEIR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jdbc_url_loses_its_prefix_and_parameters),
        cmocka_unit_test(a_postgresql_url_keeps_its_escapes_for_libpq),
        cmocka_unit_test(an_adbc_url_is_a_path_and_options),
        cmocka_unit_test(anything_else_is_refused_with_the_three),
        cmocka_unit_test(a_vendor_without_a_dialect_is_refused_before_anything_is_loaded),
        cmocka_unit_test(too_many_parameters_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
