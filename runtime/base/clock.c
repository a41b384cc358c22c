/* clock.c - the machine's clock. */
#include "runtime/base/clock.h"

#include <assert.h>

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

void clock_deadline(struct timespec *deadline, int64_t timeout_ms)
{
    clock_gettime(CLOCK_MONOTONIC, deadline);
    deadline->tv_sec += timeout_ms / 1000;
    deadline->tv_nsec += timeout_ms % 1000 * 1000000;
    if (deadline->tv_nsec >= 1000000000) {
        deadline->tv_sec++;
        deadline->tv_nsec -= 1000000000;
    }
}
