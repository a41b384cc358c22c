/* sink_state.h - the inside of a sink's task, shared by the files sink_*.c only.
 *
 *     sink_task.c        read, convert, transform, put; the loop
 *     sink_partitions.c  which partitions it reads, and from where
 *     sink_commit.c      flush, and the commit of offsets and dead letters
 *
 * All of it belongs to the task's thread.
 */
#ifndef RUNTIME_CONNECT_SINK_STATE_H
#define RUNTIME_CONNECT_SINK_STATE_H

#include "runtime/connect/dead_letter.h"
#include "runtime/connect/selector.h"
#include "runtime/connect/task.h"

/* A partition that is assigned. */
typedef struct sink_partition {
    weir_str topic; /* as long as the task */
    int32_t partition;
    char topic_id[37]; /* offsets are of this very topic */
} sink_partition;

typedef struct sink_task {
    connect_task *task;
    const weir_sink *sink;
    void *state;
    log_reader *reader;
    log_writer *writer;
    weir_batch *batch;
    selector *selector;
    weir_buf partitions;                               /* of sink_partition */
    uint64_t topics_generation, assignment_generation; /* when partitions were looked for */
    weir_offsets *put;       /* the next offset to put, of each partition */
    weir_offsets *committed; /* what was committed last */
    bool is_dirty;           /* something was put that is not durable yet */
    bool is_partial;         /* the last flush left some of it */
    int64_t flushed_at_ms;
} sink_task;

/* Takes partitions that are new and this task's, gives up those whose topic is gone. */
WEIR_MUST_CHECK weir_code sink_find_partitions(sink_task *self, weir_error *err);
/* Something has changed since: a topic, or what another task has. */
bool sink_may_have_others(const sink_task *self);
size_t sink_partition_count(const sink_task *self);
sink_partition *sink_partition_at(const sink_task *self, size_t i);
/* NULL: it is not assigned. */
sink_partition *sink_partition_find(const sink_task *self, weir_str topic, int32_t partition);

/* Makes what was put durable, as far as the connector can, and commits that. */
WEIR_MUST_CHECK weir_code sink_flush(sink_task *self, weir_error *err);

#endif
