/* test_numeric.c - numerics of any size, from both forms, without loss. */
#include "connectors/postgres-cdc/numeric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static weir_buf scratch, out, work;

static int release(void **state)
{
    (void)state;
    weir_buf_done(&scratch);
    weir_buf_done(&out);
    weir_buf_done(&work);
    return 0;
}

static void the_unscaled_integer_is_as_short_as_it_can_be(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int scale;
        weir_str bytes;
    } cases[] = {
        {"0", 2, {"\0", 1}},           {"0.00", 2, {"\0", 1}},
        {"1.50", 2, {"\0\x96", 2}},    {"-0.01", 2, {"\xff", 1}},
        {"1.27", 2, {"\x7f", 1}},      {"-1.28", 2, {"\x80", 1}},
        {"-1.29", 2, {"\xff\x7f", 2}}, {"12345678.90", 2, {"\x49\x96\x02\xd2", 4}},
        {"100", 0, {"\x64", 1}},       {"0.0001", 4, {"\x01", 1}},
        {"10000", 0, {"\x27\x10", 2}}, {"99999", 1, {"\x0f\x42\x36", 3}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        numeric value;

        assert_true(numeric_from_text(weir_cstr(cases[i].text), &scratch, &value));
        assert_true(numeric_unscaled(&value, cases[i].scale, &out, &work));
        assert_int_equal(out.len, cases[i].bytes.len);
        assert_memory_equal(out.ptr, cases[i].bytes.ptr, out.len);
    }
}

static void a_value_beyond_128_bits_is_exact(void **state)
{
    (void)state;
    numeric value;
    /* 2^128, and its negative */
    assert_true(
        numeric_from_text(WEIR_STR("340282366920938463463374607431768211456"), &scratch, &value));
    assert_true(numeric_unscaled(&value, 0, &out, &work));
    assert_int_equal(out.len, 17);
    assert_memory_equal(out.ptr, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
    assert_true(
        numeric_from_text(WEIR_STR("-340282366920938463463374607431768211456"), &scratch, &value));
    assert_true(numeric_unscaled(&value, 0, &out, &work));
    assert_int_equal(out.len, 17);
    assert_memory_equal(out.ptr, "\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
}

static void the_largest_numeric_is_taken(void **state)
{
    (void)state;
    static char digits[131072];
    numeric value;

    memset(digits, '9', sizeof(digits));
    assert_true(numeric_from_text((weir_str){digits, sizeof(digits)}, &scratch, &value));
    assert_true(numeric_unscaled(&value, 0, &out, &work));
    assert_int_equal(out.len, 54427); /* 131072 * log2(10) / 8, and the sign */
    numeric_text(&value, &out);
    assert_int_equal(out.len, sizeof(digits));
    assert_memory_equal(out.ptr, digits, out.len);
}

static void text_and_binary_are_the_same_value(void **state)
{
    (void)state;
    static const struct {
        weir_str binary;
        const char *text;
    } cases[] = {
        /* count, weight, sign, scale, digits */
        {{"\0\2\0\0\0\0\0\2\0\1\x13\x88", 12}, "1.50"},
        {{"\0\0\0\0\0\0\0\2", 8}, "0.00"},
        {{"\0\1\xff\xff\x40\0\0\2\0\x64", 10}, "-0.01"},
        {{"\0\1\xff\xfe\0\0\0\6\0\x64", 10}, "0.000001"},
        {{"\0\1\0\2\0\0\0\0\0\1", 10}, "100000000"},
        {{"\0\3\0\1\0\0\0\1\0\1\x09\x29\x03\xe8", 14}, "12345.1"},
        {{"\0\0\0\0\xc0\0\0\0", 8}, "NaN"},
        {{"\0\0\0\0\xd0\0\0\x20", 8}, "Infinity"},
        {{"\0\0\0\0\xf0\0\0\x20", 8}, "-Infinity"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        numeric value;

        assert_true(numeric_from_binary(cases[i].binary, &value));
        numeric_text(&value, &out);
        assert_string_equal(weir_buf_cstr(&out), cases[i].text);
        assert_true(numeric_from_text(weir_cstr(cases[i].text), &scratch, &value));
        numeric_text(&value, &out);
        assert_string_equal(weir_buf_cstr(&out), cases[i].text);
    }
}

static void the_minimal_scale_drops_trailing_zeros_and_is_never_negative(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int scale;
    } cases[] = {{"0", 0},   {"0.000", 0},   {"1.500", 1},
                 {"100", 0}, {"0.00010", 4}, {"123.45678", 5}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        numeric value;

        assert_true(numeric_from_text(weir_cstr(cases[i].text), &scratch, &value));
        assert_int_equal(numeric_minimal_scale(&value), cases[i].scale);
    }
}

static void more_places_than_the_scale_are_not_rounded_away(void **state)
{
    (void)state;
    numeric value;

    assert_true(numeric_from_text(WEIR_STR("1.234"), &scratch, &value));
    assert_false(numeric_unscaled(&value, 2, &out, &work));
    assert_true(numeric_from_text(WEIR_STR("123456789012345678901234567890123456789012345678.234"),
                                  &scratch, &value));
    assert_false(numeric_unscaled(&value, 2, &out, &work));
}

static void what_is_no_numeric_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "-", ".", "1e5", "1.2.3", "abc", "1 ", "nan", "--1"};
    static const weir_str binaries[] = {
        {"", 0},
        {"\0\1\0\0\0\0\0\0", 8},          /* a digit is missing */
        {"\0\0\0\0\x12\x34\0\0", 8},      /* no sign */
        {"\0\1\0\0\0\0\0\0\x27\x10", 10}, /* a digit of 10000 */
        {"\0\0\0\0\0\0\0\0\0", 9},        /* too long */
    };
    numeric value;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(numeric_from_text(weir_cstr(texts[i]), &scratch, &value));
    for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++)
        assert_false(numeric_from_binary(binaries[i], &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unscaled_integer_is_as_short_as_it_can_be),
        cmocka_unit_test(a_value_beyond_128_bits_is_exact),
        cmocka_unit_test(the_largest_numeric_is_taken),
        cmocka_unit_test(text_and_binary_are_the_same_value),
        cmocka_unit_test(the_minimal_scale_drops_trailing_zeros_and_is_never_negative),
        cmocka_unit_test(more_places_than_the_scale_are_not_rounded_away),
        cmocka_unit_test(what_is_no_numeric_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
