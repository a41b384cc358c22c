/* source_state.h - what the files of a source's task share: source_task.c runs it and commits units,
 * source_record.c puts records into them. */
#ifndef RUNTIME_CONNECT_SOURCE_STATE_H
#define RUNTIME_CONNECT_SOURCE_STATE_H

#include "runtime/connect/held.h"
#include "runtime/connect/task.h"

enum { SOURCE_PENDING_MAX = 256 };

/* A commit under way: what to tell the connector when it is durable. */
typedef struct pending {
    log_ticket ticket;
    size_t bytes;
    weir_buf offsets; /* of pairs (weir_str partition, weir_str offset), their bytes in texts */
    weir_buf texts;
} pending;

typedef struct offset_pair {
    size_t partition_at, partition_len, offset_at, offset_len;
    bool is_ours; /* no business of the connector's: partition is the whole key */
} offset_pair;

typedef struct source_task {
    connect_task *task;
    const weir_source *source;
    void *state;
    log_writer *writer;
    weir_batch *batch;
    pending ring[SOURCE_PENDING_MAX];
    uint64_t first, next; /* of the ring; next is the unit that is being built */
    size_t in_flight_bytes;
    uint64_t topics_generation;
    weir_map *topics; /* those that are known to be there; values are not looked at */
    weir_buf unsent;  /* the header of the record that is being added */
    held *held;
    bool ended;    /* the connector said WEIR_END */
    bool was_told; /* that records are dropped */
    int64_t
        full_told_ms; /* when it was last told that a topic is full; 0: not since there was room */
} source_task;

/* Lets the connector answer what its source wants to hear while it is not polled. */
WEIR_MUST_CHECK weir_code source_serve(source_task *self, weir_error *err);

/* Transforms, converts and adds one record of the batch to the unit that is being built. WEIR_OK also when a
 * transform or the error policy takes it out. */
WEIR_MUST_CHECK weir_code source_record_process(source_task *self, uint32_t index, weir_error *err);

#endif
