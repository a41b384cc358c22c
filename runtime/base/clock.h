/* clock.h - time, through one interface, so that the simulation can replace it.
 *
 * Any thread.
 */
#ifndef RUNTIME_BASE_CLOCK_H
#define RUNTIME_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef struct clock_source clock_source;

struct clock_source {
    int64_t (*wall_us)(clock_source *); /* since 1970-01-01T00:00:00Z */
    int64_t (*mono_ns)(clock_source *); /* never goes back */
};

/* The machine's own clock. */
clock_source *clock_system(void);

static inline int64_t clock_wall_ms(clock_source *clock)
{
    return clock->wall_us(clock) / 1000;
}

static inline int64_t clock_mono_ms(clock_source *clock)
{
    return clock->mono_ns(clock) / 1000000;
}

/* A moment from now, for conditions that wait by CLOCK_MONOTONIC: threads wait by the machine's clock, whatever the
 * source is. */
void clock_deadline(struct timespec *deadline, int64_t timeout_ms);

#endif
