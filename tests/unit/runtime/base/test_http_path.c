/* test_http_path.c - paths are cut into segments, matched, and then decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/http_path.h"

static void assert_matched(const char *text, const char *pattern, const char *first,
                           const char *second)
{
    http_path path = {0};

    http_path_set(&path, weir_cstr("/something/longer/that/was/there/before"));
    http_path_set(&path, weir_cstr(text));
    if (!http_path_matches(&path, pattern))
        fail_msg("%s is none of %s", text, pattern);
    if (first != NULL)
        assert_string_equal(path.parameters[0], first);
    else
        assert_null(path.parameters[0]);
    if (second != NULL)
        assert_string_equal(path.parameters[1], second);
    else
        assert_null(path.parameters[1]);
    http_path_done(&path);
}

static void segments_in_braces_are_parameters(void **state)
{
    (void)state;
    assert_matched("/", "/", NULL, NULL);
    assert_matched("/a", "/a", NULL, NULL);
    assert_matched("/a/", "/a", NULL, NULL);
    assert_matched("/a/x/b", "/a/{n}/b", "x", NULL);
    assert_matched("/a/x/b/7", "/a/{n}/b/{t}", "x", "7");
}

static void a_segment_is_decoded_after_it_was_cut(void **state)
{
    (void)state;
    assert_matched("/a/x%2Fy", "/a/{n}", "x/y", NULL);
    assert_matched("/a/%C3%A4%20+", "/a/{n}", "\xc3\xa4 +", NULL);
    assert_matched("/a/%25", "/a/{n}", "%", NULL);
    assert_matched("/%41", "/{n}", "A", NULL);
}

static void what_is_malformed_or_another_path_does_not_match(void **state)
{
    static const char *const cases[][2] = {
        {"/a", "/b"},         {"/a/b", "/a"},       {"/a", "/a/{n}"},   {"/a/", "/a/{n}"},
        {"/a//b", "/a/b"},    {"/a/%zz", "/a/{n}"}, {"/a/%", "/a/{n}"}, {"/a/%4", "/a/{n}"},
        {"/a/%00", "/a/{n}"}, {"/%61", "/a"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        http_path path = {0};

        http_path_set(&path, weir_cstr(cases[i][0]));
        if (http_path_matches(&path, cases[i][1]))
            fail_msg("%s is one of %s", cases[i][0], cases[i][1]);
        http_path_done(&path);
    }
}

static void a_pattern_that_matches_in_part_leaves_no_parameters(void **state)
{
    http_path path = {0};
    (void)state;

    http_path_set(&path, weir_cstr("/a/x/c"));
    assert_false(http_path_matches(&path, "/a/{n}/b"));
    assert_true(http_path_matches(&path, "/a/x/c"));
    assert_null(path.parameters[0]);
    http_path_done(&path);
}

static void parameters_together_are_as_long_as_the_path(void **state)
{
    char text[900], name[500];
    (void)state;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(text, sizeof(text), "/%s/%.300s", name, name);
    assert_matched(text, "/{n}/{m}", name, name + sizeof(name) - 1 - 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_in_braces_are_parameters),
        cmocka_unit_test(a_segment_is_decoded_after_it_was_cut),
        cmocka_unit_test(what_is_malformed_or_another_path_does_not_match),
        cmocka_unit_test(a_pattern_that_matches_in_part_leaves_no_parameters),
        cmocka_unit_test(parameters_together_are_as_long_as_the_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
