/* test_subject_name.c - contexts in the names of subjects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/subject_name.h"

static void names_have_a_context_and_one_spelling(void **state)
{
    static const struct {
        const char *text, *context, *subject, *spelling;
    } cases[] = {
        {"a", ".", "a", "a"},
        {"", ".", "", ""},
        {":.:a", ".", "a", "a"},
        {":.c:a", ".c", "a", ":.c:a"},
        {":.c:", ".c", "", ":.c:"},
        {":.c", ".c", "", ":.c:"},
        {":*:a", "*", "a", ":*:a"},
        {":c:a", ".", ":c:a", ":c:a"},
        {":.c:a:b", ".c", "a:b", ":.c:a:b"},
        {":", ".", ":", ":"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};
        subject_name name = subject_name_of(weir_cstr(cases[i].text));

        assert_true(weir_str_eq(name.context, weir_cstr(cases[i].context)));
        assert_true(weir_str_eq(name.subject, weir_cstr(cases[i].subject)));
        subject_name_add(name, &out);
        assert_string_equal(weir_buf_cstr(&out), cases[i].spelling);
    }
}

static void reserved_words_and_control_characters_are_refused(void **state)
{
    (void)state;
    assert_true(subject_name_is_valid(WEIR_STR("a/b c:\xc3\xa9"), false));
    assert_true(subject_name_is_valid(WEIR_STR(""), false));
    assert_false(subject_name_is_valid(WEIR_STR("a\x01"), false));
    assert_false(subject_name_is_valid(WEIR_STR("a\xc2\x85"), false));
    assert_false(subject_name_is_valid(WEIR_STR("__GLOBAL"), true));
    assert_false(subject_name_is_valid(WEIR_STR(":.c:__EMPTY"), true));
    assert_false(subject_name_is_valid(WEIR_STR(":.__GLOBAL:"), false));
    assert_true(subject_name_is_valid(WEIR_STR(":.__GLOBAL:"), true));
}

static void a_reference_is_in_its_parents_context_unless_it_says_another(void **state)
{
    static const struct {
        const char *parent, *subject, *full;
    } cases[] = {{"a", "b", "b"},
                 {":.c:a", "b", ":.c:b"},
                 {":.c:a", ":.d:b", ":.d:b"},
                 {"a", ":.d:b", ":.d:b"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

        subject_name_add_beside(weir_cstr(cases[i].parent), weir_cstr(cases[i].subject), &out);
        assert_string_equal(weir_buf_cstr(&out), cases[i].full);
    }
}

static void a_context_stands_for_its_subjects(void **state)
{
    (void)state;
    assert_true(subject_name_matches((weir_str){0}, WEIR_STR(":.c:a")));
    assert_true(subject_name_matches(WEIR_STR(":.c:"), WEIR_STR(":.c:a")));
    assert_false(subject_name_matches(WEIR_STR(":.c:"), WEIR_STR("a")));
    assert_true(subject_name_matches(WEIR_STR("a"), WEIR_STR("a")));
    assert_false(subject_name_matches(WEIR_STR("a"), WEIR_STR("ab")));
    assert_true(subject_name_matches(WEIR_STR(":.__GLOBAL:"), WEIR_STR("ab")));
    assert_true(subject_name_is_default_context(WEIR_STR(":.:")));
    assert_true(subject_name_is_default_context((weir_str){0}));
    assert_false(subject_name_is_default_context(WEIR_STR("a")));
    assert_true(subject_name_is_global_context(WEIR_STR(":.__GLOBAL:")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_a_context_and_one_spelling),
        cmocka_unit_test(reserved_words_and_control_characters_are_refused),
        cmocka_unit_test(a_reference_is_in_its_parents_context_unless_it_says_another),
        cmocka_unit_test(a_context_stands_for_its_subjects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
