/* test_clock.c - the machine's clock gives plausible time that does not go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"

static void wall_time_is_after_2020_in_every_unit(void **state)
{
    clock_source *clock = clock_system();
    (void)state;

    assert_true(clock->wall_us(clock) > 1577836800000000);
    assert_true(clock_wall_ms(clock) > 1577836800000);
    assert_true(clock_wall_ms(clock) < 7258118400000);
}

static void monotonic_time_does_not_go_back(void **state)
{
    clock_source *clock = clock_system();
    int64_t before = clock->mono_ns(clock);
    (void)state;

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock->mono_ns(clock);

        assert_true(now >= before);
        before = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_after_2020_in_every_unit),
        cmocka_unit_test(monotonic_time_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
