/* delivery_world.h - one run of the delivery protocol over the fake log, and the model that it is compared with.
 *
 * A source system of numbers, which forgets what it was told is durable; a source task; the log, which aborts,
 * delays, fills up and does not know; two sink tasks; a destination. The model is plain:
 *
 *   - what a source is told durable is in the log at that moment;
 *   - the log has each number once, in order, for each partition;
 *   - a start of a sink sees every record from somewhere at or before the end of what its destination has, in
 *     order and without a gap;
 *   - a committed offset is never ahead of the destination, and a hold never ahead of either;
 *   - a refused record is in the dead letter queue exactly once.
 */
#ifndef TESTS_SIM_DELIVERY_WORLD_H
#define TESTS_SIM_DELIVERY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What happened, so that a run shows that it did. */
#define DELIVERY_EVENTS                                                                            \
    X(SOURCE_STARTS, "source starts")                                                              \
    X(SINK_STARTS, "sink starts")                                                                  \
    X(WORKER_STARTS, "worker starts")                                                              \
    X(CRASH_POLL, "crash in poll")                                                                 \
    X(CRASH_ACKED, "crash in acked")                                                               \
    X(CRASH_PUT, "crash in put")                                                                   \
    X(CRASH_FLUSH, "crash in flush")                                                               \
    X(STOPS, "stopped while running")                                                              \
    X(RETRIES, "passing faults")                                                                   \
    X(ABORTED, "commits aborted")                                                                  \
    X(UNKNOWN, "commits unknown")                                                                  \
    X(DELAYED, "commits delayed")                                                                  \
    X(FULL, "log was full")                                                                        \
    X(ZOMBIES, "zombies fenced")                                                                   \
    X(PARTIAL, "flushes that left some")                                                           \
    X(REFUSED, "records refused")                                                                  \
    X(TRIMMED, "records removed by retention")

typedef enum delivery_event {
#define X(name, text) EVENT_##name,
    DELIVERY_EVENTS
#undef X
        EVENTS
} delivery_event;

extern const char *const DELIVERY_EVENT_NAMES[EVENTS];

typedef struct delivery_totals {
    uint64_t seeds, records, events[EVENTS];
} delivery_totals;

/* Runs one seed. False: a promise was broken; message says which. */
bool delivery_run(uint64_t seed, delivery_totals *totals, char *message, size_t message_bytes);

#endif
