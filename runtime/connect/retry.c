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
