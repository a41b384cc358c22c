/* backoff.c - pauses that double, up to a limit, with jitter. */
#include "backoff.h"

int64_t backoff_pause(int64_t first_ms, int failures)
{
    int64_t limit = first_ms > BACKOFF_MAX_MS ? first_ms : BACKOFF_MAX_MS;
    int64_t pause = first_ms;

    for (int i = 1; i < failures && pause < limit; i++)
        pause *= 2;
    return pause < limit ? pause : limit;
}

int64_t backoff_jitter(int64_t pause_ms, unsigned chance)
{
    int64_t half = pause_ms / 2;

    return pause_ms - half + (int64_t)(chance % (uint64_t)(half + 1));
}
