/* test_java_regex.c - expressions mean what they mean in Java, or are refused with place and remedy.
 *
 * The expected values are those of java.util.regex.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/connect/java_regex.h"

static java_regex *compiled(const char *pattern)
{
    java_regex *self;
    weir_error err;

    if (java_regex_new(weir_cstr(pattern), &self, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    return self;
}

static void the_whole_text_has_to_match(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool expected;
    } cases[] = {
        {"shop\\.(a|b)", "shop.a", true},
        {"shop\\.(a|b)", "shop.ab", false},
        {"shop\\.(a|b)", "my.shop.a", false},
        {"a|ab", "ab", true},
        {"a*", "", true},
        {"[a-z]+", "abc", true},
        {"[]a]+", "]a]", true},
        {"[^]a]", "b", true},
        {"\\Qa.b[\\E.", "a.b[x", true},
        {"\\Qa.b", "a.b", true},
        {"\\u0041b", "Ab", true},
        {"[\\u0041-\\u0043]+", "ABC", true},
        {"\\p{Alpha}+", "abC", true},
        {"\\p{Alpha}+", "a1", false},
        {"[\\p{Lower}\\p{Digit}_]+", "a_1", true},
        {"[\\p{Lower}\\p{Digit}_]+", "A", false},
        {"\\P{Digit}+", "abc", true},
        {"[\\P{Digit}]+", "a1", false},
        {"\\d+", "\xd9\xa3", false}, /* an Arabic digit: \d is ASCII's */
        {"\\w", "\xc3\xa4", false},
        {".", "\xc3\xa4", true}, /* a character, not a byte */
        {".", "\n", false},
        {"(?i)orders", "ORDERS", true},
        {"(?<x>a)\\k<x>", "aa", true},
        {"a++b", "aab", true},
        {"(?!internal).*", "internal.x", false},
        {"\\[x\\]", "[x]", true},
        {"[\\[x]+", "[x", true},
        {"a\\&&b", "a&&b", true},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        java_regex *self = compiled(cases[i].pattern);
        bool matches;
        weir_error err;

        assert_int_equal(java_regex_matches(self, weir_cstr(cases[i].text), &matches, &err),
                         WEIR_OK);
        if (matches != cases[i].expected)
            fail_msg("%s on %s", cases[i].pattern, cases[i].text);
        java_regex_free(self);
    }
}

static void the_first_match_is_replaced(void **state)
{
    static const struct {
        const char *pattern, *text, *replacement, *expected;
    } cases[] = {
        {"(.*)\\.public\\.(.*)", "shop.public.orders", "$1-$2", "shop-orders"},
        {"a|ab", "ab", "x", "xb"}, /* replaceFirst looks for the first match, not for the whole */
        {"b", "abab", "x", "axab"},
        {"x", "abab", "y", "abab"},
        {"(a)(b)?", "a", "[$1$2]", "[a]"},
        {"(a)", "a", "$12", "a2"}, /* there is no group 12 */
        {"(a)", "a", "$0$0", "aa"},
        {"(?<name>.*)", "t", "${name}_${name}", "t_t"},
        {".*", "t", "\\$1\\\\", "$1\\"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};
        java_regex *self = compiled(cases[i].pattern);
        weir_error err;

        assert_int_equal(java_regex_check_replacement(self, weir_cstr(cases[i].replacement), &err),
                         WEIR_OK);
        assert_int_equal(java_regex_replace(self, weir_cstr(cases[i].text),
                                            weir_cstr(cases[i].replacement), &out, &err),
                         WEIR_OK);
        assert_string_equal(weir_buf_cstr(&out), cases[i].expected);
        java_regex_free(self);
    }
}

static void a_replacement_that_names_no_group_is_refused(void **state)
{
    static const char *const wrong[] = {"$2", "$x", "a$", "${none}", "${", "${}"};
    java_regex *self = compiled("(a)");
    weir_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(java_regex_check_replacement(self, weir_cstr(wrong[i]), &err),
                         WEIR_CONFIG);
        assert_non_null(strstr(err.message, "names a group that \"(a)\" does not have"));
    }
    java_regex_free(self);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    static const struct {
        const char *pattern, *expected;
    } cases[] = {
        {"shop.(", "missing closing parenthesis at character 7"},
        {"*a", "at character 1"},
        {"\\u0041\\u0042[a", "at character 15"}, /* in what was written, not in the translation */
        {"\xc3\xa4\xc3\xa4(", "at character 4"},
        {"[a-z&&[^b]]", "an intersection of classes is not supported"},
        {"[a[bc]]", "a class within a class is not supported; write \\[ for the bracket itself at "
                    "character 3"},
        {"[[:alpha:]]", "a class within a class"},
        {"\xff", "UTF-8"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err;

        assert_int_equal(java_regex_check(weir_cstr(cases[i].pattern), &err), WEIR_CONFIG);
        assert_non_null(strstr(err.message, " is no regular expression: "));
        if (strstr(err.message, cases[i].expected) == NULL)
            fail_msg("%s", err.message);
    }
    assert_int_equal(java_regex_check(WEIR_STR(""), &(weir_error){0}), WEIR_OK);
}

static void an_expression_that_takes_too_long_is_an_error_and_no_answer(void **state)
{
    java_regex *self = compiled("(a|a|a|a)*b(?=x)");
    bool matches;
    weir_error err;
    (void)state;

    assert_int_equal(java_regex_matches(self,
                                        WEIR_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
                                        &matches, &err),
                     WEIR_CONFIG);
    assert_non_null(strstr(err.message, "takes too many steps"));
    java_regex_free(self);
}

static void an_overlong_expression_is_refused(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf pattern = {0};
    weir_error err;
    (void)state;

    for (int i = 0; i < 70000; i++)
        weir_buf_add_byte(&pattern, 'a');
    assert_int_equal(java_regex_check(weir_buf_str(&pattern), &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "70000 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_text_has_to_match),
        cmocka_unit_test(the_first_match_is_replaced),
        cmocka_unit_test(a_replacement_that_names_no_group_is_refused),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(an_expression_that_takes_too_long_is_an_error_and_no_answer),
        cmocka_unit_test(an_overlong_expression_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
