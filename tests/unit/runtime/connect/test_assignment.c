/* test_assignment.c - partitions are shared evenly, and stay where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/assignment.h"

#define TOPIC WEIR_STR("orders")

static void partitions_are_shared_evenly(void **state)
{
    assignment *self = assignment_new(3);
    int counts[3] = {0};
    (void)state;

    for (int32_t p = 0; p < 10; p++)
        counts[assignment_owner(self, TOPIC, p)]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i], 3, 4);
    assignment_free(self);
}

static void a_partition_stays_with_its_task_whatever_comes(void **state)
{
    assignment *self = assignment_new(4);
    int owner = assignment_owner(self, TOPIC, 0);
    (void)state;

    for (int32_t p = 0; p < 100; p++)
        (void)assignment_owner(self, WEIR_STR("a topic before it"), p);
    assert_int_equal(assignment_owner(self, TOPIC, 0), owner);
    assignment_free(self);
}

static void what_was_given_back_makes_room(void **state)
{
    assignment *self = assignment_new(2);
    int first = assignment_owner(self, TOPIC, 0), second = assignment_owner(self, TOPIC, 1);
    (void)state;

    assert_int_not_equal(first, second);
    assignment_give_back(self, TOPIC, 1);
    assignment_give_back(self, TOPIC, 1); /* twice is once */
    assert_int_equal(assignment_owner(self, TOPIC, 2), second);
    assert_int_equal(assignment_owner(self, TOPIC, 3), first);
    assignment_free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_shared_evenly),
        cmocka_unit_test(a_partition_stays_with_its_task_whatever_comes),
        cmocka_unit_test(what_was_given_back_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
