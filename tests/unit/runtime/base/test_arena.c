/* test_arena.c - what an arena gives out does not overlap, stays, and is aligned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runtime/base/arena.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    arena a = {0};
    unsigned char *pieces[300];
    (void)state;

    for (size_t i = 0; i < 300; i++) {
        pieces[i] = arena_alloc(&a, 1, 1 + i * 7);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t n = 0; n < 1 + i * 7; n++)
            assert_int_equal(pieces[i][n], 0);
        memset(pieces[i], (int)(i % 251), 1 + i * 7);
    }
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(pieces[i][i * 7], i % 251);
    arena_done(&a);
    assert_null(a.last);
}

static void an_array_grows_and_keeps_its_items(void **state)
{
    arena a = {0};
    size_t *items = NULL;
    (void)state;

    for (size_t i = 0; i < 1000; i++) {
        items = arena_grow(&a, items, i, sizeof(*items));
        items[i] = i;
    }
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    arena_done(&a);
}

static void texts_are_copied_and_end_with_nul(void **state)
{
    arena a = {0};
    char long_text[20001];
    (void)state;

    memset(long_text, 'x', 20000);
    long_text[20000] = '\0';
    assert_string_equal(arena_copy(&a, (weir_str){"abcdef", 3}).ptr, "abc");
    assert_string_equal(arena_copy(&a, (weir_str){0}).ptr, "");
    assert_string_equal(arena_printf(&a, "%s=%d", "n", 7).ptr, "n=7");
    assert_int_equal(arena_printf(&a, "%s", long_text).len, 20000);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(an_array_grows_and_keeps_its_items),
        cmocka_unit_test(texts_are_copied_and_end_with_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
