/* test_selector.c - a sink reads the topics it names, or those whose whole name its expression matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/selector.h"

#include <string.h>

static selector *by_regex(const char *regex)
{
    selector *made;
    weir_error err;

    assert_int_equal(selector_new((weir_list){0}, weir_cstr(regex), &made, &err), WEIR_OK);
    return made;
}

static bool matches(const selector *self, weir_str topic)
{
    bool yes;
    weir_error err;

    assert_int_equal(selector_matches(self, topic, &yes, &err), WEIR_OK);
    return yes;
}

static void names_are_matched_as_they_are(void **state)
{
    weir_str names[] = {WEIR_STR("orders"), WEIR_STR("__weir_status")};
    selector *self;
    weir_error err;
    (void)state;

    assert_int_equal(selector_new((weir_list){names, 2}, (weir_str){0}, &self, &err), WEIR_OK);
    assert_true(matches(self, WEIR_STR("orders")));
    assert_true(matches(self, WEIR_STR("__weir_status"))); /* it asks for it */
    assert_false(matches(self, WEIR_STR("orders2")));
    assert_false(matches(self, WEIR_STR("order")));
    selector_free(self);
}

static void an_expression_matches_whole_names(void **state)
{
    selector *self = by_regex("shop\\.(a|b)");
    (void)state;

    assert_true(matches(self, WEIR_STR("shop.a")));
    assert_false(matches(self, WEIR_STR("shop.ab")));
    assert_false(matches(self, WEIR_STR("my.shop.a")));
    selector_free(self);
}

static void an_expression_matches_no_internal_topic(void **state)
{
    selector *self = by_regex(".*");
    (void)state;

    assert_true(matches(self, WEIR_STR("orders")));
    assert_true(matches(self, WEIR_STR("_orders")));
    assert_false(matches(self, WEIR_STR("__weir_offsets")));
    assert_false(matches(self, WEIR_STR("__consumer_offsets")));
    assert_false(matches(self, WEIR_STR("_schemas")));
    selector_free(self);
}

static void what_is_no_expression_is_refused_with_its_place(void **state)
{
    selector *self;
    weir_error err;
    (void)state;

    assert_int_equal(selector_new((weir_list){0}, WEIR_STR("shop.("), &self, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "topics.regex: \"shop.(\" is no regular expression: "));
    assert_non_null(strstr(err.message, "at character 7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_matched_as_they_are),
        cmocka_unit_test(an_expression_matches_whole_names),
        cmocka_unit_test(an_expression_matches_no_internal_topic),
        cmocka_unit_test(what_is_no_expression_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
