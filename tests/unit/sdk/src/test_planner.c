/* test_planner.c - what a plan says of each task comes out as it went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sdk/src/planner.h"

static void assert_next(const weir_planner *planner, size_t task, size_t *at, const char *name,
                        const char *value)
{
    weir_str got_name, got_value;

    assert_true(planner_next(planner, task, at, &got_name, &got_value));
    assert_true(weir_str_eq(got_name, weir_cstr(name)));
    assert_true(weir_str_eq(got_value, weir_cstr(value)));
}

static void assert_no_more(const weir_planner *planner, size_t task, size_t at)
{
    weir_str name, value;

    assert_false(planner_next(planner, task, &at, &name, &value));
}

static void each_task_has_its_own_settings(void **state)
{
    WEIR_CLEANUP(planner_done) weir_planner planner = {0};
    const weir_str first[] = {WEIR_STR("a"), WEIR_STR("1"), WEIR_STR("b"), WEIR_STR("")};
    const weir_str third[] = {WEIR_STR("a"), WEIR_STR("3")};
    size_t at = 0;
    (void)state;

    assert_int_equal(planner_count(&planner), 0);
    weir_planner_add(&planner, first, 4);
    weir_planner_add(&planner, NULL, 0);
    weir_planner_add(&planner, third, 2);
    assert_int_equal(planner_count(&planner), 3);
    assert_next(&planner, 0, &at, "a", "1");
    assert_next(&planner, 0, &at, "b", "");
    assert_no_more(&planner, 0, at);
    assert_no_more(&planner, 1, 0);
    at = 0;
    assert_next(&planner, 2, &at, "a", "3");
    assert_no_more(&planner, 2, at);
}

static void texts_are_copied(void **state)
{
    WEIR_CLEANUP(planner_done) weir_planner planner = {0};
    char text[8];
    size_t at = 0;
    (void)state;

    for (int i = 0; i < 1000; i++) {
        weir_str settings[2] = {WEIR_STR("n"), {text, 0}};

        settings[1].len = (size_t)snprintf(text, sizeof(text), "%d", i);
        weir_planner_add(&planner, settings, 2);
    }
    assert_next(&planner, 7, &at, "n", "7");
    at = 0;
    assert_next(&planner, 999, &at, "n", "999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_has_its_own_settings),
        cmocka_unit_test(texts_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
