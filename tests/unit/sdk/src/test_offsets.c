/* test_offsets.c - the offsets of a sink's partitions: a sink may only lower them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdk/src/task.h"

#define A WEIR_STR("a")
#define B WEIR_STR("b")

static void an_offset_is_kept_by_topic_and_partition(void **state)
{
    WEIR_CLEANUP(offsets_freep) weir_offsets *offsets = offsets_new();
    (void)state;

    offsets_put(offsets, A, 0, 10);
    offsets_put(offsets, A, 1, 11);
    offsets_put(offsets, B, 0, 12);
    offsets_put(offsets, A, 0, 13);
    assert_int_equal(offsets_count(offsets), 3);
    assert_int_equal(weir_offsets_get(offsets, A, 0), 13);
    assert_int_equal(weir_offsets_get(offsets, A, 1), 11);
    assert_int_equal(weir_offsets_get(offsets, B, 0), 12);
    assert_int_equal(weir_offsets_get(offsets, B, 1), -1);
}

static void a_sink_lowers_and_never_raises_or_adds(void **state)
{
    WEIR_CLEANUP(offsets_freep) weir_offsets *offsets = offsets_new();
    (void)state;

    offsets_put(offsets, A, 0, 10);
    weir_offsets_set(offsets, A, 0, 11);
    assert_int_equal(weir_offsets_get(offsets, A, 0), 10);
    weir_offsets_set(offsets, A, 0, 4);
    assert_int_equal(weir_offsets_get(offsets, A, 0), 4);
    weir_offsets_set(offsets, B, 0, 4);
    assert_int_equal(offsets_count(offsets), 1);
}

static void all_are_stepped_through_once(void **state)
{
    WEIR_CLEANUP(offsets_freep) weir_offsets *offsets = offsets_new();
    int64_t sum = 0, offset;
    int32_t partition;
    weir_str topic;
    size_t at = 0;
    (void)state;

    for (int32_t i = 0; i < 100; i++)
        offsets_put(offsets, A, i, i);
    offsets_remove(offsets, A, 50);
    offsets_remove(offsets, A, 500);
    while (weir_offsets_next(offsets, &at, &topic, &partition, &offset)) {
        assert_int_equal(partition, offset);
        sum += offset;
    }
    assert_int_equal(sum, 4950 - 50);
    offsets_clear(offsets);
    at = 0;
    assert_false(weir_offsets_next(offsets, &at, &topic, &partition, &offset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offset_is_kept_by_topic_and_partition),
        cmocka_unit_test(a_sink_lowers_and_never_raises_or_adds),
        cmocka_unit_test(all_are_stepped_through_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
