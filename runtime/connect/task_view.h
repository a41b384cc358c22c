/* task_view.h - what others may see of a running task: progress, positions, what waits.
 *
 * Threads: the task writes it, anybody reads it; the lock is held for copying only.
 */
#ifndef RUNTIME_CONNECT_TASK_VIEW_H
#define RUNTIME_CONNECT_TASK_VIEW_H

#include "weir/base.h"

#include <pthread.h>

enum {
    TASK_GAUGES_MAX = 32,
    TASK_PARTITIONS_MAX = 1024,
    TASK_TOPICS_MAX = 1024,
    TASK_HELD_MAX = 64
};

typedef struct task_gauge {
    const char *name;
    double value;
} task_gauge;

typedef struct task_partition {
    weir_str topic; /* as long as the task */
    int32_t partition;
    int64_t position, committed; /* the next offset to read; what is durable in the destination */
} task_partition;

/* A source's topic whose records wait, and why: runtime/connect/held.h. */
typedef struct task_held {
    weir_str topic; /* as long as the task */
    char reason[sizeof(((weir_error *)0)->message)];
} task_held;

typedef struct task_view {
    pthread_mutex_t lock;
    char phase[128];
    int64_t done_count, total_count;
    int64_t record_count, byte_count, error_count, commit_count;
    int64_t dead_letter_count;
    int64_t last_record_ms;   /* a source: when records came last; 0: none yet */
    int64_t pending_since_ms; /* a sink: of the oldest record that is not durable yet; 0: none */
    int64_t in_flight_bytes;  /* a source: sent to the log, and not known to be durable */
    char waits_for[sizeof(((weir_error *)0)->message)]; /* a source: what is full; empty: nothing */
    bool is_running;                                    /* open has succeeded */
    bool is_idle; /* a sink: everything that was there is flushed */
    task_gauge gauges[TASK_GAUGES_MAX];
    size_t gauge_count;
    task_partition *partitions;
    size_t partition_count;
    weir_str *topics; /* a source: those it has written to; as long as the task */
    size_t topic_count;
    task_held *held;
    size_t held_count;
} task_view;

#endif
