/* test_numeric.c - decimals survive the way into PostgreSQL's binary form and out as text. */
#include "connectors/warehouse/numeric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static const char *text_of(weir_buf *binary, weir_buf *text)
{
    weir_buf_clear(text);
    numeric_text(weir_buf_str(binary), text);
    return weir_buf_cstr(text);
}

static void a_decimal_is_written_digit_by_digit(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int scale;
        const char *text;
    } cases[] = {
        {"\x00", 1, 0, "0"},
        {"\x00", 1, 3, "0.000"},
        {"\x01", 1, 0, "1"},
        {"\xff", 1, 0, "-1"},
        {"\x80", 1, 2, "-1.28"},
        {"\x04\xd2", 2, 2, "12.34"},
        {"\x27\x10", 2, 0, "10000"},
        {"\x27\x10", 2, 4, "1.0000"},
        {"\x01", 1, 5, "0.00001"},
        {"\x01", 1, -5, "100000"},
        {"\xfb\x2e", 2, -3, "-1234000"},
        {"\x7f\xff\xff\xff\xff\xff\xff\xff", 8, 6, "9223372036854.775807"},
        {"\x80\x00\x00\x00\x00\x00\x00\x00", 8, 0, "-9223372036854775808"},
        {"\x4b\x3b\x4c\xa8\x5a\x86\xc4\x7a\x09\x8a\x22\x3f\xff\xff\xff\xff", 16, 38,
         "0.99999999999999999999999999999999999999"},
        {"\xb4\xc4\xb3\x57\xa5\x79\x3b\x85\xf6\x75\xdd\xc0\x00\x00\x00\x01", 16, 0,
         "-99999999999999999999999999999999999999"},
    };
    weir_buf binary = {0}, text = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_buf_clear(&binary);
        assert_int_equal(numeric_encode((weir_str){cases[i].bytes, cases[i].size}, cases[i].scale,
                                        &binary, &err),
                         WEIR_OK);
        assert_string_equal(text_of(&binary, &text), cases[i].text);
    }
    weir_buf_done(&binary);
    weir_buf_done(&text);
}

static void the_binary_form_is_postgresqls(void **state)
{
    (void)state;
    /* 12.34: two digits 0012 3400, weight 0, positive, two behind the point */
    static const char expected[] = "\x00\x02\x00\x00\x00\x00\x00\x02\x00\x0c\x0d\x48";
    weir_buf binary = {0};
    weir_error err;

    assert_int_equal(numeric_encode(WEIR_STR("\x04\xd2"), 2, &binary, &err), WEIR_OK);
    assert_int_equal(binary.len, sizeof(expected) - 1);
    assert_memory_equal(binary.ptr, expected, binary.len);
    weir_buf_done(&binary);
}

static void small_and_large_ways_of_dividing_agree(void **state)
{
    (void)state;
    weir_buf small = {0}, large = {0};
    weir_error err;
    uint64_t seed = 42;

    for (int i = 0; i < 2000; i++) {
        char wide[20];
        int scale = i % 23 - 6;

        for (size_t k = 0; k < sizeof(wide);
             k++, seed = seed * 6364136223846793005u + 1442695040888963407u)
            wide[k] = (char)(seed >> 56);
        memset(wide, wide[8] < 0 ? 0xff : 0, 8); /* sign extension: the same number, wider */
        weir_buf_clear(&small);
        weir_buf_clear(&large);
        assert_int_equal(numeric_encode((weir_str){wide + 8, 12}, scale, &small, &err), WEIR_OK);
        assert_int_equal(numeric_encode((weir_str){wide, 20}, scale, &large, &err), WEIR_OK);
        assert_int_equal(small.len, large.len);
        assert_memory_equal(small.ptr, large.ptr, small.len);
    }
    weir_buf_done(&small);
    weir_buf_done(&large);
}

static void what_postgresql_cannot_hold_is_rejected(void **state)
{
    (void)state;
    weir_buf out = {0};
    weir_error err;

    assert_int_equal(numeric_encode(WEIR_STR("\x01"), 16384, &out, &err), WEIR_REJECT);
    assert_int_equal(numeric_encode(WEIR_STR("\x01"), -200000, &out, &err), WEIR_REJECT);
    assert_int_equal(numeric_encode(WEIR_STR("\x0a"), -131072, &out, &err), WEIR_REJECT);
    assert_int_equal(out.len, 0);
    assert_int_equal(numeric_encode(WEIR_STR("\x01"), -131071, &out, &err), WEIR_OK);
    weir_buf_done(&out);
}

static void a_numeric_becomes_an_integer_of_a_given_scale(void **state)
{
    (void)state;
    static const struct {
        int64_t unscaled;
        int scale, wanted;
        bool fits;
        int64_t result;
    } cases[] = {
        {1234, 2, 2, true, 1234},       {1234, 2, 5, true, 1234000}, {1230, 2, 1, true, 123},
        {1234, 2, 1, false, 0},         {-5, 0, 3, true, -5000},     {0, 4, 2, true, 0},
        {100000, 4, 0, true, 10},       {100001, 4, 0, false, 0},    {1, 9, 9, true, 1},
        {70000, 0, 4, true, 700000000},
    };
    weir_buf out = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t big = __builtin_bswap64((uint64_t)cases[i].unscaled);
        __int128 value = 0;

        weir_buf_clear(&out);
        assert_int_equal(
            numeric_encode((weir_str){(const char *)&big, 8}, cases[i].scale, &out, &err), WEIR_OK);
        assert_int_equal(numeric_to_int128(weir_buf_str(&out), cases[i].wanted, &value),
                         cases[i].fits);
        assert_true(!cases[i].fits || value == cases[i].result);
    }
    weir_buf_done(&out);
}

static void the_last_digit_that_is_not_zero_says_how_many_places_are_needed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int scale, places; /* negative: so many zeros before the point */
    } cases[] = {
        {"\x7b", 1, 0, 0},      /* 123 */
        {"\x7b", 1, 2, 2},      /* 1.23 */
        {"\x7b", 1, 9, 9},      /* 0.000000123 */
        {"\x78", 1, 2, 1},      /* 1.20 */
        {"\x04\xb0", 2, 0, -2}, /* 1200 */
        {"\x01", 1, -5, -5},    /* 100000 */
        {"\x27\x10", 2, 4, 0},  /* 1.0000 */
        {"\xff\x85", 2, 3, 3},  /* -0.123 */
    };
    weir_buf binary = {0};
    weir_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_buf_clear(&binary);
        assert_int_equal(numeric_encode((weir_str){cases[i].bytes, cases[i].size}, cases[i].scale,
                                        &binary, &err),
                         WEIR_OK);
        assert_true(numeric_has_scale(weir_buf_str(&binary), cases[i].places));
        assert_false(numeric_has_scale(weir_buf_str(&binary), cases[i].places - 1));
    }
    weir_buf_clear(&binary);
    assert_int_equal(numeric_encode(WEIR_STR("\0"), 3, &binary, &err), WEIR_OK);
    assert_true(numeric_has_scale(weir_buf_str(&binary), -1000)); /* zero is zero everywhere */
    weir_buf_done(&binary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_is_written_digit_by_digit),
        cmocka_unit_test(the_binary_form_is_postgresqls),
        cmocka_unit_test(small_and_large_ways_of_dividing_agree),
        cmocka_unit_test(what_postgresql_cannot_hold_is_rejected),
        cmocka_unit_test(the_last_digit_that_is_not_zero_says_how_many_places_are_needed),
        cmocka_unit_test(a_numeric_becomes_an_integer_of_a_given_scale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
