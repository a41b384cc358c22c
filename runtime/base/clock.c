/* clock.c - the machine's clock. */
#include "runtime/base/clock.h"

#include <assert.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);

    assert(failed == 0); /* both clocks exist on every Linux */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_wall_us(clock_source *clock)
{
    (void)clock;
    return read_ns(CLOCK_REALTIME) / 1000;
}

static int64_t system_mono_ns(clock_source *clock)
{
    (void)clock;
    return read_ns(CLOCK_MONOTONIC);
}

clock_source *clock_system(void)
{
    static clock_source clock = {.wall_us = system_wall_us, .mono_ns = system_mono_ns};

    return &clock;
}
