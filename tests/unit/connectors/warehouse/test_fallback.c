/* test_fallback.c - defaults of a schema as literals. */
#include "connectors/warehouse/fallback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void expect(value_source source, const char *json, const char *literal)
{
    weir_buf out = {0};
    bool found = fallback_sql(&source, weir_cstr(json), &out);

    assert_int_equal(found, literal != NULL);
    assert_string_equal(weir_buf_cstr(&out), literal != NULL ? literal : "");
    weir_buf_done(&out);
}

static void scalars_are_literals(void **state)
{
    (void)state;
    expect((value_source){.form = FORM_BOOLEAN}, "true", "true");
    expect((value_source){.form = FORM_INTEGER}, "-7", "-7");
    expect((value_source){.form = FORM_NUMBER}, "1.5E-7", "1.5E-7");
    expect((value_source){.form = FORM_DECIMAL, .scale = 2}, "\"\\u0004\\u00d2\"", "12.34");
    expect((value_source){.form = FORM_DECIMAL, .scale = 2}, "\"\xc3\xbf\"", "-0.01");
    expect((value_source){.form = FORM_TEXT}, "\"it's \\\"\\u00e9\\ud83d\\ude00\xc3\xa4\\n\\\\\"",
           "'it''s \"\xc3\xa9\xf0\x9f\x98\x80\xc3\xa4\n\\'");
    expect((value_source){.form = FORM_TEXT}, "\"\"", "''");
}

static void what_is_no_literal_gives_none(void **state)
{
    (void)state;
    static const weir_schema *const any = (const weir_schema *)(const void *)"";

    expect((value_source){.form = FORM_TEXT}, "", NULL);
    expect((value_source){.form = FORM_TEXT}, "null", NULL);
    expect((value_source){.form = FORM_TEXT}, "\"\\u0000\"", NULL);
    expect((value_source){.form = FORM_TEXT}, "\"\\ud800\"", NULL);
    expect((value_source){.form = FORM_TEXT}, "\"\\x\"", NULL);
    expect((value_source){.form = FORM_TEXT}, "\"", NULL);
    expect((value_source){.form = FORM_INTEGER}, "null", NULL);
    expect((value_source){.form = FORM_INTEGER}, "1;DROP", NULL);
    expect((value_source){.form = FORM_BOOLEAN}, "null", NULL);
    expect((value_source){.form = FORM_DECIMAL}, "\"\\u0100\"", NULL);
    expect((value_source){.form = FORM_DAYS}, "1", NULL);
    expect((value_source){.form = FORM_INTEGER, .array = any}, "1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_literals),
        cmocka_unit_test(what_is_no_literal_gives_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
