/* test_retry.c - pauses as Kafka Connect makes them: 300 ms, doubled, never past the deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/retry.h"

static void a_timeout_of_zero_tries_nothing_again(void **state)
{
    retry rules = {.timeout_ms = 0, .delay_max_ms = 60000, .attempts_min = 1};
    (void)state;

    assert_int_equal(retry_after(&rules, 5000, 1), -1);
}

static void pauses_begin_with_300_ms_and_double(void **state)
{
    static const int64_t pauses[] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400};
    retry rules = {.timeout_ms = -1, .delay_max_ms = 60000, .attempts_min = 1};
    (void)state;

    for (int i = 0; i < 8; i++)
        assert_int_equal(retry_after(&rules, 5000, 1), pauses[i]);
}

static void a_pause_that_would_be_longer_than_the_most_is_a_random_part_of_it(void **state)
{
    retry rules = {.timeout_ms = -1, .delay_max_ms = 500, .attempts_min = 1};
    (void)state;

    assert_int_equal(retry_after(&rules, 0, 77), 300);
    assert_int_equal(retry_after(&rules, 0, 77), 77);
    assert_int_equal(retry_after(&rules, 0, 499), 499);
    assert_int_equal(retry_after(&rules, 0, 500), 0);
}

static void the_last_attempt_is_at_the_deadline(void **state)
{
    retry rules = {.timeout_ms = 1000, .delay_max_ms = 60000, .attempts_min = 1};
    (void)state;

    assert_int_equal(retry_after(&rules, 5000, 1), 300);
    assert_int_equal(retry_after(&rules, 5300, 1), 600);
    assert_int_equal(retry_after(&rules, 5900, 1), 100);
    assert_int_equal(retry_after(&rules, 6000, 1), -1);
}

static void minus_one_tries_for_ever(void **state)
{
    retry rules = {.timeout_ms = -1, .delay_max_ms = 60000, .attempts_min = 1};
    (void)state;

    for (int64_t i = 0; i < 100000; i++)
        assert_in_range(retry_after(&rules, i * 60000, (uint64_t)i), 0, 60000);
}

static void the_least_attempts_are_made_without_a_timeout(void **state)
{
    retry rules = {.timeout_ms = 0, .delay_max_ms = 60000, .attempts_min = 3};
    (void)state;

    assert_int_equal(retry_after(&rules, 5000, 1), 300);
    assert_int_equal(retry_after(&rules, 5300, 1), 600);
    assert_int_equal(retry_after(&rules, 5900, 1), -1);
}

static void a_restart_waits_longer_with_each_failure_up_to_the_most(void **state)
{
    retry_restart rules = {.first_ms = 500, .most_ms = 60000};
    const int64_t pauses[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    (void)state;

    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        rules.failure_count = (int64_t)i;
        assert_int_equal(retry_restart_after(&rules, 0), pauses[i] / 2);
        assert_int_equal(retry_restart_after(&rules, (uint64_t)pauses[i] / 2), pauses[i]);
    }
    rules.failure_count = INT64_MAX;
    assert_int_equal(retry_restart_after(&rules, 30000), 60000);
}

/* A server that was away for hours is found within seconds. */
static void after_a_passing_fault_a_restart_never_waits_long(void **state)
{
    retry_restart rules = {.first_ms = 500, .most_ms = 60000, .is_passing = true};
    (void)state;

    assert_int_equal(retry_restart_after(&rules, 250), 500);
    rules.failure_count = 3;
    assert_int_equal(retry_restart_after(&rules, RETRY_PASSING_MS / 2), RETRY_PASSING_MS);
    rules.failure_count = 1000;
    for (uint64_t chance = 0; chance < 10000; chance += 7)
        assert_in_range(retry_restart_after(&rules, chance), RETRY_PASSING_MS / 2,
                        RETRY_PASSING_MS);
}

static void settings_of_a_restart_hold_for_passing_faults_too(void **state)
{
    retry_restart slow = {
        .first_ms = 30000, .most_ms = 60000, .failure_count = 9, .is_passing = true};
    retry_restart fast = {.first_ms = 1, .most_ms = 2, .failure_count = 9, .is_passing = true};
    (void)state;

    assert_int_equal(retry_restart_after(&slow, 15000), 30000); /* asked for: never sooner */
    assert_int_equal(retry_restart_after(&fast, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_of_zero_tries_nothing_again),
        cmocka_unit_test(pauses_begin_with_300_ms_and_double),
        cmocka_unit_test(a_pause_that_would_be_longer_than_the_most_is_a_random_part_of_it),
        cmocka_unit_test(the_last_attempt_is_at_the_deadline),
        cmocka_unit_test(minus_one_tries_for_ever),
        cmocka_unit_test(the_least_attempts_are_made_without_a_timeout),
        cmocka_unit_test(a_restart_waits_longer_with_each_failure_up_to_the_most),
        cmocka_unit_test(after_a_passing_fault_a_restart_never_waits_long),
        cmocka_unit_test(settings_of_a_restart_hold_for_passing_faults_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
