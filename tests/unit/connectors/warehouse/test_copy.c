/* test_copy.c - what rows and fields of PostgreSQL's binary form are made of. */
#include "connectors/warehouse/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void a_copy_begins_and_ends_as_the_manual_says(void **state)
{
    (void)state;
    weir_buf out = {0};

    copy_header(&out);
    copy_row(&out, 258);
    copy_trailer(&out);
    assert_int_equal(out.len, 23);
    assert_memory_equal(out.ptr, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\x01\x02\xff\xff", 23);
    weir_buf_done(&out);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    weir_buf out = {0};

    copy_int32(&out, -2);
    copy_int64(&out, INT64_MIN);
    copy_text(&out, WEIR_STR("hi"));
    copy_marker(&out, COPY_NULL);
    copy_marker(&out, COPY_UNSENT);
    assert_int_equal(out.len, 8 + 12 + 6 + 4 + 4);
    assert_int_equal(copy_length(out.ptr), 4);
    assert_int_equal(copy_read_int(out.ptr + 4, 4), -2);
    assert_int_equal(copy_length(out.ptr + 8), 8);
    assert_int_equal(copy_read_int(out.ptr + 12, 8), INT64_MIN);
    assert_memory_equal(out.ptr + 20, "\0\0\0\x02hi", 6);
    assert_int_equal(copy_length(out.ptr + 26), COPY_NULL);
    assert_int_equal(copy_length(out.ptr + 30), COPY_UNSENT);
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_begins_and_ends_as_the_manual_says),
        cmocka_unit_test(what_was_written_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
