/* test_stage.c - rows of a staging table. */
#include "connectors/warehouse/stage.h"

#include "connectors/warehouse/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static void a_whole_row_has_its_kind_and_no_mask(void **state)
{
    weir_buf row = {0}, out = {0};
    (void)state;

    copy_row(&row, 2);
    copy_int32(&row, 7);
    copy_text(&row, WEIR_STR("ab"));
    stage_row(&out, weir_buf_str(&row), FOLD_UPSERT);
    assert_int_equal(out.len, 2 + 8 + 6 + 5 + 4);
    assert_memory_equal(out.ptr, "\0\4\0\0\0\4\0\0\0\7\0\0\0\2ab\0\0\0\1u\xff\xff\xff\xff",
                        out.len);
    weir_buf_done(&row);
    weir_buf_done(&out);
}

static void what_was_not_sent_is_null_and_has_a_zero_in_the_mask(void **state)
{
    weir_buf row = {0}, out = {0};
    (void)state;

    copy_row(&row, 4);
    copy_text(&row, WEIR_STR("k"));
    copy_marker(&row, COPY_UNSENT);
    copy_marker(&row, COPY_NULL); /* sent, and NULL */
    copy_text(&row, WEIR_STR(""));
    stage_row(&out, weir_buf_str(&row), FOLD_PARTIAL);
    assert_memory_equal(out.ptr,
                        "\0\6\0\0\0\1k\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\1p\0\0\0\4"
                        "1011",
                        out.len);
    assert_int_equal(out.len, 2 + 5 + 4 + 4 + 4 + 5 + 8);
    weir_buf_done(&row);
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_row_has_its_kind_and_no_mask),
        cmocka_unit_test(what_was_not_sent_is_null_and_has_a_zero_in_the_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
