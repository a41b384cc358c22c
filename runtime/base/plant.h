/* plant.h - places where a test-only build can be made to err, so that the simulation shows it would notice.
 *
 * In every other build PLANTED is constant false, and what depends on it is not compiled. With
 * -DWEIR_PLANTS (`make BUILD=planted`) the bug whose number plant_active holds is there: a simulation sets it,
 * and in the program the environment does, WEIR_PLANT=acked_before_commit.
 */
#ifndef RUNTIME_BASE_PLANT_H
#define RUNTIME_BASE_PLANT_H

#include <stdbool.h>

typedef enum plant {
    PLANT_NONE,
    PLANT_NO_SYNC,             /* the journal is not synced before the acknowledgement */
    PLANT_ACK_FIRST,           /* acknowledged, then synced */
    PLANT_TORN_TAIL,           /* recovery believes an entry whose CRC is wrong */
    PLANT_CHECKPOINT_FIRST,    /* the checkpoint is written before the segments are synced */
    PLANT_OFFSET_AHEAD,        /* the journal speaks of large data that is never synced */
    PLANT_ACKED_BEFORE_COMMIT, /* a source is told that a unit is durable before it is sent */
    PLANT_HOLD_IGNORED,        /* trimming and retention pass what a sink holds */
    PLANT_LAST_VALUE_DROPPED,  /* compaction removes the last value of some keys */
    PLANT_SWAP_NOT_SYNCED,    /* what replaces segments has no durable name when they are removed */
    PLANT_LAST_SEGMENT_FREED, /* what the checkpoint ends in may be removed */
    PLANTS,
} plant;

#ifdef WEIR_PLANTS
extern int plant_active;
/* How long a bug of a running program keeps its window open, so that a crash finds it; 0 in simulations. */
extern int plant_window_ms;
void plant_wait(int timeout_ms);
#define PLANTED(number) (plant_active == (number))
#else
#define PLANTED(number) false
#endif

#endif
