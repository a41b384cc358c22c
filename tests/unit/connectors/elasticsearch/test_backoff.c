/* test_backoff.c - pauses grow, but never so long that a server that is back is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connectors/elasticsearch/backoff.h"

static void a_pause_doubles_up_to_the_limit(void **state)
{
    static const int64_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    (void)state;

    for (int i = 0; i < 9; i++)
        assert_int_equal(backoff_pause(100, i + 1), expected[i]);
    assert_int_equal(backoff_pause(100, INT32_MAX), BACKOFF_MAX_MS);
}

static void a_first_pause_above_the_limit_is_kept(void **state)
{
    (void)state;
    assert_int_equal(backoff_pause(86400000, 1), 86400000);
    assert_int_equal(backoff_pause(86400000, 1000), 86400000);
    assert_int_equal(backoff_pause(1, 1), 1);
}

static void jitter_takes_away_half_at_most(void **state)
{
    int64_t least = INT64_MAX, most = 0;
    (void)state;

    for (unsigned chance = 0; chance < 1000; chance++) {
        int64_t pause = backoff_jitter(101, chance);

        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    assert_int_equal(least, 51);
    assert_int_equal(most, 101);
    assert_int_equal(backoff_jitter(1, 7), 1);
    assert_int_equal(backoff_jitter(0, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_doubles_up_to_the_limit),
        cmocka_unit_test(a_first_pause_above_the_limit_is_kept),
        cmocka_unit_test(jitter_takes_away_half_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
