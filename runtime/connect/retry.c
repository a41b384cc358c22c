/* retry.c - pauses between attempts. */
#include "runtime/connect/retry.h"

#include <assert.h>

enum { FIRST_PAUSE_MS = 300, DOUBLINGS_MAX = 40 };

int64_t retry_after(retry *self, int64_t now_ms, uint64_t chance)
{
    int doublings = self->failure_count < DOUBLINGS_MAX ? self->failure_count : DOUBLINGS_MAX;
    int64_t pause = (int64_t)FIRST_PAUSE_MS << doublings;

    assert(self->delay_max_ms > 0);
    if (self->failure_count++ == 0)
        self->deadline_ms = now_ms + (self->timeout_ms > 0 ? self->timeout_ms : 0);
    if (pause > self->delay_max_ms)
        pause = (int64_t)(chance % (uint64_t)self->delay_max_ms);
    if (self->timeout_ms < 0 || self->failure_count < self->attempts_min)
        return pause;
    if (now_ms >= self->deadline_ms)
        return -1;
    return pause < self->deadline_ms - now_ms ? pause : self->deadline_ms - now_ms;
}

int64_t retry_restart_after(const retry_restart *rules, uint64_t chance)
{
    int64_t most = rules->most_ms, pause = rules->first_ms;

    assert(pause > 0 && most > 0);
    if (rules->is_passing && most > RETRY_PASSING_MS)
        most = pause > RETRY_PASSING_MS && pause < most ? pause : RETRY_PASSING_MS;
    for (int64_t i = 0; i < rules->failure_count && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    return pause / 2 + (int64_t)(chance % (uint64_t)(pause / 2 + 1));
}
