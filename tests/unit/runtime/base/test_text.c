/* test_text.c - slips of the pen find the name that was meant; numbers are whole numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/text.h"

static const char *const names[] = {
    "table.include.list", "table.exclude.list", "slot.name", "topic.prefix", "x", NULL};

static void distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(text_distance(WEIR_STR(""), WEIR_STR("")), 0);
    assert_int_equal(text_distance(WEIR_STR("abc"), WEIR_STR("")), 3);
    assert_int_equal(text_distance(WEIR_STR("abc"), WEIR_STR("ABC")), 0);
    assert_int_equal(text_distance(WEIR_STR("kitten"), WEIR_STR("sitting")), 3);
    assert_int_equal(text_distance(WEIR_STR("nmae"), WEIR_STR("name")), 1);
}

static void texts_past_the_limit_are_told_apart_by_their_length(void **state)
{
    char a[100], b[80];
    (void)state;

    for (size_t i = 0; i < sizeof(a); i++)
        a[i] = 'a';
    for (size_t i = 0; i < sizeof(b); i++)
        b[i] = 'a';
    assert_int_equal(text_distance((weir_str){a, 100}, (weir_str){b, 80}), 36 + 16);
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    assert_string_equal(text_nearest(WEIR_STR("table.inlcude.list"), names), "table.include.list");
    assert_string_equal(text_nearest(WEIR_STR("table.exclude.lists"), names), "table.exclude.list");
    assert_string_equal(text_nearest(WEIR_STR("slotname"), names), "slot.name");
}

static void nothing_near_gives_no_hint(void **state)
{
    (void)state;
    assert_null(text_nearest(WEIR_STR("something.else"), names));
    assert_null(text_nearest(WEIR_STR(""), (const char *const[]){"slot.name", NULL}));
}

static void whole_numbers_are_read_up_to_the_limits(void **state)
{
    int64_t value = 7;
    (void)state;

    assert_true(text_to_int(WEIR_STR("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(text_to_int(WEIR_STR("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(text_to_int(WEIR_STR("0"), &value));
    assert_int_equal(value, 0);
}

static void what_is_no_number_leaves_the_result_alone(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t value = 7;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_to_int(weir_cstr(bad[i]), &value));
        assert_int_equal(value, 7);
    }
}

static void trimming_takes_blanks_and_controls_off_both_ends(void **state)
{
    (void)state;
    assert_true(weir_str_eq(text_trim(WEIR_STR(" \t a b\r\n")), WEIR_STR("a b")));
    assert_true(weir_str_eq(text_trim(WEIR_STR("a")), WEIR_STR("a")));
    assert_int_equal(text_trim(WEIR_STR(" \n ")).len, 0);
    assert_int_equal(text_trim((weir_str){0}).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(texts_past_the_limit_are_told_apart_by_their_length),
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(nothing_near_gives_no_hint),
        cmocka_unit_test(whole_numbers_are_read_up_to_the_limits),
        cmocka_unit_test(what_is_no_number_leaves_the_result_alone),
        cmocka_unit_test(trimming_takes_blanks_and_controls_off_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
