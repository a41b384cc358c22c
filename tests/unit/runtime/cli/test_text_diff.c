/* test_text_diff.c - the difference of two texts, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/text_diff.h"

static void assert_diff(const char *before, const char *after, bool differs, const char *expected)
{
    weir_buf out = {0};

    assert_int_equal(text_diff(weir_cstr(before), weir_cstr(after), &out), differs);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void lines_of_both_stay_and_the_others_are_marked(void **state)
{
    (void)state;
    assert_diff("", "", false, "");
    assert_diff("a\nb\n", "a\nb", false, "  a\n  b\n");
    assert_diff("a\nb\nc", "a\nc", true, "  a\n- b\n  c\n");
    assert_diff("a\nc", "a\nb\nc", true, "  a\n+ b\n  c\n");
    assert_diff("a\nb\nc\nd", "x\nb\ny\nd", true, "- a\n+ x\n  b\n- c\n+ y\n  d\n");
    assert_diff("", "a\n", true, "+ a\n");
    assert_diff("a\n", "", true, "- a\n");
    assert_diff("a\na", "a", true, "  a\n- a\n");
}

/* What is left of each side when the other's lines are taken away is that side. */
static void assert_side(const weir_buf *out, char other, const char *expected)
{
    weir_buf side = {0};

    for (size_t i = 0; i < out->len;) {
        const char *end = memchr(out->ptr + i, '\n', out->len - i);
        size_t length = (size_t)(end - (out->ptr + i)) + 1;

        if (out->ptr[i] != other)
            weir_buf_add(&side, out->ptr + i + 2, length - 2);
        i += length;
    }
    assert_string_equal(weir_buf_cstr(&side), expected);
    weir_buf_done(&side);
}

static void random_texts_can_be_told_from_their_difference(void **state)
{
    unsigned seed = 7;
    (void)state;

    for (int round = 0; round < 300; round++) {
        char before[128] = "", after[128] = "";
        weir_buf out = {0};

        for (int i = 0; i < 30; i++) {
            char *text = i % 2 == 0 ? before : after;
            size_t end = strlen(text);

            seed = seed * 1103515245 + 12345;
            if ((seed >> 16) % 4 == 0)
                continue;
            text[end] = (char)('a' + (seed >> 18) % 4);
            text[end + 1] = '\n';
            text[end + 2] = '\0';
        }
        assert_int_equal(text_diff(weir_cstr(before), weir_cstr(after), &out),
                         strcmp(before, after) != 0);
        assert_side(&out, '+', before);
        assert_side(&out, '-', after);
        weir_buf_done(&out);
    }
}

static void more_lines_than_the_limit_are_all_removed_and_all_added(void **state)
{
    weir_buf before = {0}, after = {0}, out = {0};
    (void)state;

    for (int i = 0; i <= TEXT_DIFF_LINES; i++) {
        weir_buf_printf(&before, "a%d\n", i);
        weir_buf_printf(&after, "b%d\n", i);
    }
    assert_true(text_diff(weir_buf_str(&before), weir_buf_str(&after), &out));
    assert_int_equal(out.len, before.len + after.len + (size_t)4 * (TEXT_DIFF_LINES + 1));
    weir_buf_done(&before);
    weir_buf_done(&after);
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_both_stay_and_the_others_are_marked),
        cmocka_unit_test(random_texts_can_be_told_from_their_difference),
        cmocka_unit_test(more_lines_than_the_limit_are_all_removed_and_all_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
