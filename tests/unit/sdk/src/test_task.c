/* test_task.c - a task's memory, schemas and offsets; what it says reaches its host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/src/task.h"

typedef struct fixture {
    weir_task task;
    char said[64];
    weir_level level;
} fixture;

static void keep_diag(void *host, weir_level level, weir_str text)
{
    fixture *one = host;

    one->level = level;
    snprintf(one->said, sizeof(one->said), "%.*s", WEIR_ARG(text));
}

static weir_code refuse(void *host, const weir_record *record, const char *reason, weir_error *err)
{
    (void)host, (void)record;
    return weir_fail(err, WEIR_FATAL, "refused: %s", reason);
}

static int set_up(void **state)
{
    static fixture one;
    static const task_host host = {.diag = keep_diag, .reject = refuse};

    one = (fixture){0};
    task_init(&one.task, WEIR_STR("shop"), 3, &host, &one);
    *state = &one;
    return 0;
}

static int tear_down(void **state)
{
    task_done(&((fixture *)*state)->task);
    return 0;
}

static void memory_of_a_task_is_zeroed_and_aligned_in_every_size(void **state)
{
    fixture *one = *state;

    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        unsigned char *memory = weir_task_alloc(&one->task, size);

        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
    }
}

static void a_copy_ends_with_a_nul(void **state)
{
    fixture *one = *state;
    weir_str copy = weir_task_copy(&one->task, (weir_str){"abcdef", 3});

    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.ptr, "abc");
    assert_string_equal(weir_task_copy(&one->task, (weir_str){0}).ptr, "");
}

static void the_same_text_is_the_same_schema(void **state)
{
    fixture *one = *state;
    weir_error err;
    const weir_schema *first = weir_task_schema(&one->task, WEIR_STR("\"long\""), &err);

    assert_non_null(first);
    assert_ptr_equal(weir_task_schema(&one->task, WEIR_STR("\"long\""), &err), first);
    assert_null(weir_task_schema(&one->task, WEIR_STR("\"lung\""), &err));
    assert_int_equal(err.code, WEIR_REJECT);
}

static void a_diagnostic_reaches_the_host(void **state)
{
    fixture *one = *state;

    weir_task_diag(&one->task, WEIR_WARN, "%d left", 2);
    assert_string_equal(one->said, "2 left");
    assert_int_equal(one->level, WEIR_WARN);
}

static void the_host_decides_on_a_rejected_record(void **state)
{
    fixture *one = *state;
    weir_record record = {0};
    weir_error err;

    assert_int_equal(weir_task_reject(&one->task, &record, &err, "too %s", "old"), WEIR_FATAL);
    assert_string_equal(err.message, "refused: too old");
}

static void a_source_learns_where_it_was(void **state)
{
    fixture *one = *state;
    weir_str partition, offset;
    size_t at = 0;

    assert_int_equal(weir_task_offset(&one->task, WEIR_STR("{}")).len, 0);
    task_set_offset(&one->task, WEIR_STR("{}"), WEIR_STR("{\"n\":1}"));
    assert_true(weir_str_eq(weir_task_offset(&one->task, WEIR_STR("{}")), WEIR_STR("{\"n\":1}")));
    assert_true(weir_task_offset_next(&one->task, &at, &partition, &offset));
    assert_true(weir_str_eq(partition, WEIR_STR("{}")));
    assert_false(weir_task_offset_next(&one->task, &at, &partition, &offset));
    task_reset(&one->task);
    assert_int_equal(weir_task_offset(&one->task, WEIR_STR("{}")).len, 0);
}

static void integers_of_an_offset_are_read_and_nothing_else(void **state)
{
    weir_str offset =
        WEIR_STR("{\"a\":-9223372036854775808,\"b\":\"1\",\"c\":1.0,\"d\":{\"e\":1}}");
    int64_t value = 5;
    (void)state;

    assert_true(weir_offset_int(offset, "a", &value));
    assert_true(value == INT64_MIN);
    value = 5;
    assert_false(weir_offset_int(offset, "b", &value));
    assert_false(weir_offset_int(offset, "c", &value));
    assert_false(weir_offset_int(offset, "e", &value));
    assert_false(weir_offset_int((weir_str){0}, "a", &value));
    assert_false(weir_offset_int(WEIR_STR("[1]"), "a", &value));
    assert_false(weir_offset_int(WEIR_STR("{\"a\":1"), "a", &value));
    assert_int_equal(value, 5);
}

static void texts_of_an_offset_come_without_escapes(void **state)
{
    fixture *one = *state;
    weir_str offset = WEIR_STR("{\"a\":\"x\\n\\u00e9\",\"b\":1}");

    assert_true(weir_str_eq(weir_offset_text(&one->task, offset, "a"), WEIR_STR("x\n\xc3\xa9")));
    assert_null(weir_offset_text(&one->task, offset, "b").ptr);
    assert_null(weir_offset_text(&one->task, offset, "c").ptr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_of_a_task_is_zeroed_and_aligned_in_every_size),
        TEST(a_copy_ends_with_a_nul),
        TEST(the_same_text_is_the_same_schema),
        TEST(a_diagnostic_reaches_the_host),
        TEST(the_host_decides_on_a_rejected_record),
        TEST(a_source_learns_where_it_was),
        TEST(integers_of_an_offset_are_read_and_nothing_else),
        TEST(texts_of_an_offset_come_without_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
