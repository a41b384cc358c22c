/* test_context_path.c - which path of the API a path of a context stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/api/context_path.h"

static void what_a_path_of_a_context_names_is_in_that_context(void **state)
{
    static const struct {
        const char *path, *stands_for; /* NULL: for itself */
    } cases[] = {
        {"/contexts/.c/subjects/a/versions", "/subjects/:.c:a/versions"},
        {"/contexts/c/subjects/a%2Fb", "/subjects/:.c:a%2Fb"},
        {"/contexts/:.c:/subjects/a", "/subjects/:.c:a"},
        {"/contexts/%3A.c%3a/subjects/a", "/subjects/:.c:a"},
        {"/contexts/.c/subjects/:.d:a", "/subjects/:.d:a"},
        {"/contexts/.c/subjects/%3A.d:a", "/subjects/%3A.d:a"},
        {"/contexts/.c/subjects/:*:a", "/subjects/:*:a"},
        {"/contexts/:.:/subjects/a", "/subjects/a"},
        {"/contexts/./subjects/a", "/subjects/a"},
        {"/contexts/.c/subjects", "/subjects"},
        {"/contexts/.c/subjects/subjects/versions", "/subjects/:.c:subjects/versions"},
        {"/contexts/.c/compatibility/subjects/a/versions/1",
         "/compatibility/subjects/:.c:a/versions/1"},
        {"/contexts/.c/config", "/config/:.c:"},
        {"/contexts/.c/mode/", "/mode/:.c:"},
        {"/contexts/.c/mode/a", "/mode/:.c:a"},
        {"/contexts/:.:/mode", "/mode"},
        {"/contexts/.c/subjects/config", "/subjects/:.c:config"},
        {"/contexts/.c/schemas/ids/1", "/schemas/ids/1"},
        {"/contexts/.c/contexts", "/contexts"},
        {"/contexts/.c//subjects//a", "/subjects/:.c:a"},
        {"/contexts", NULL},
        {"/contexts/", NULL},
        {"/contexts/.c", NULL},
        {"/contexts/.c/", NULL},
        {"/contexts/a:b/subjects", NULL},
        {"/contexts/a%3Ab/subjects", NULL},
        {"/contextsx/.c/subjects", NULL},
        {"/subjects/contexts/versions", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};
        bool is_other = context_path_rewrite(weir_cstr(cases[i].path), &out);

        if (is_other != (cases[i].stands_for != NULL))
            fail_msg("%s: %s", cases[i].path, weir_buf_cstr(&out));
        if (is_other)
            assert_string_equal(weir_buf_cstr(&out), cases[i].stands_for);
    }
}

static void the_context_of_a_path_begins_its_subjects(void **state)
{
    static const struct {
        const char *path, *context; /* NULL: none */
    } cases[] = {
        {"/contexts/.c/subjects", ":.c:"},
        {"/contexts/%3A.%c3%BC/x", ":.\xc3\xbc:"},
        {"/contexts/:.:/subjects", ""},
        {"/contexts/.c%/subjects", ":.c%:"},
        {"/subjects", NULL},
        {"/contexts/a:b/x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

        assert_int_equal(context_path_add(weir_cstr(cases[i].path), &out),
                         cases[i].context != NULL);
        if (cases[i].context != NULL)
            assert_string_equal(weir_buf_cstr(&out), cases[i].context);
    }
}

static void a_name_with_a_context_or_for_all_of_them_is_qualified(void **state)
{
    (void)state;
    assert_true(context_path_is_qualified(WEIR_STR(":.c:a")));
    assert_true(context_path_is_qualified(WEIR_STR(":.:")));
    assert_true(context_path_is_qualified(WEIR_STR(":*:a")));
    assert_false(context_path_is_qualified(WEIR_STR("a:.c:")));
    assert_false(context_path_is_qualified(WEIR_STR(":*a")));
    assert_false(context_path_is_qualified((weir_str){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_path_of_a_context_names_is_in_that_context),
        cmocka_unit_test(the_context_of_a_path_begins_its_subjects),
        cmocka_unit_test(a_name_with_a_context_or_for_all_of_them_is_qualified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
