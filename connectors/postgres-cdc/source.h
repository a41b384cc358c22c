/* source.h - the state of the connector's task, shared by its modules. */
#ifndef POSTGRES_CDC_SOURCE_H
#define POSTGRES_CDC_SOURCE_H

#include "event.h"
#include "position.h"
#include "publication.h"
#include "slot.h"

#include "weir/source.h"

/* What becomes durable together is so much at the most, and one row: the worker has it in memory until then. */
#define SOURCE_UNIT_RECORDS 10000
#define SOURCE_UNIT_BYTES   (INT64_C(16) << 20)

/* In the order they follow each other; some are left out. */
typedef enum source_phase {
    SOURCE_CREATING_SLOT,
    SOURCE_SNAPSHOT,
    SOURCE_STREAMING,
    SOURCE_ENDED,
} source_phase;

typedef struct snapshot snapshot;
typedef struct stream stream;

typedef struct source {
    settings settings; /* first: the fields of the table are bound to it */
    weir_task *task;
    weir_str partition;
    filter *filter;
    catalog catalog;
    relation_context context;
    event event;
    PGconn *sql;         /* catalog queries */
    PGconn *replication; /* makes the slot, exports its snapshot, then streams */
    weir_buf publications;
    position position;
    source_phase phase;
    slot_created created; /* its snapshot is empty when the slot was there before */
    int64_t next_wait_ms; /* when to look again what the slot waits for */
    snapshot *snapshot;   /* NULL unless it is read */
    stream *stream;       /* NULL until it has started */
} source;

#endif
