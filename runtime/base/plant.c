/* plant.c - which planted bug is active, in a test-only build. */
#include "runtime/base/plant.h"

#ifdef WEIR_PLANTS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WINDOW_MS = 400 };

static const char *const names[PLANTS] = {
    [PLANT_NO_SYNC] = "no_fdatasync",
    [PLANT_ACK_FIRST] = "ack_before_sync",
    [PLANT_TORN_TAIL] = "torn_tail_accepted",
    [PLANT_CHECKPOINT_FIRST] = "checkpoint_before_segments",
    [PLANT_OFFSET_AHEAD] = "offset_ahead_of_data",
    [PLANT_ACKED_BEFORE_COMMIT] = "acked_before_commit",
    [PLANT_HOLD_IGNORED] = "hold_ignored",
    [PLANT_LAST_VALUE_DROPPED] = "last_value_dropped",
    [PLANT_SWAP_NOT_SYNCED] = "swap_not_synced",
    [PLANT_LAST_SEGMENT_FREED] = "last_segment_freed",
};

int plant_active = PLANT_NONE;
int plant_window_ms;

void plant_wait(int timeout_ms)
{
    struct timespec pause = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};

    (void)nanosleep(&pause, NULL); /* shorter after a signal: no matter */
}

/* Before main: no thread reads the environment yet. */
__attribute__((constructor)) static void read_environment(void)
{
    const char *wanted = getenv("WEIR_PLANT"); /* NOLINT(concurrency-mt-unsafe) */

    for (int i = PLANT_NONE + 1; wanted != NULL && i < PLANTS; i++)
        if (names[i] != NULL && strcmp(names[i], wanted) == 0) {
            plant_active = i;
            plant_window_ms = WINDOW_MS;
            fprintf(stderr, "this build errs: %s\n", wanted);
        }
}
#endif
