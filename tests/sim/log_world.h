/* log_world.h - one run of the log on the simulated disk, and the model that it is compared with.
 *
 * The model is plain: which units were submitted, which of them were acknowledged, and with which offsets.
 * After each recovery every partition is read from its start: a unit that was acknowledged is there, whole,
 * once, at its offsets and in its order; one that was not is there whole or not at all, and stays so.
 */
#ifndef TESTS_SIM_LOG_WORLD_H
#define TESTS_SIM_LOG_WORLD_H

#include "tests/fixtures/sim_disk.h"

typedef struct world_totals {
    sim_counts counts;
    uint64_t seeds, operations, crashes, recoveries, replayed, units, acknowledged,
        kept_unacknowledged;
    uint64_t lost_unacknowledged, stops, trims, topics_made, topics_deleted, large, mixed,
        least_operations;
    uint64_t compactions, compacted, meanwhile;
} world_totals;

/* Runs one seed. False: the log broke a promise; message says which. */
bool world_run(uint64_t seed, bool verbose, world_totals *totals, char *message,
               size_t message_bytes);

#endif
