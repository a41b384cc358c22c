/* task.h - a task as its host sees it: what the functions of weir/task.h work on.
 *
 * The host is the worker, or the kit. It fills a weir_task, calls the connector's callbacks from one thread,
 * and answers the few calls that leave the task through the table of host functions. Everything but
 * `stopping` belongs to the task's thread.
 */
#ifndef SDK_SRC_TASK_H
#define SDK_SRC_TASK_H

#include "weir/map.h"
#include "weir/sink.h"
#include "weir/source.h"

#include <stdatomic.h>

typedef struct task_host {
    void (*diag)(void *host, weir_level level, weir_str text);
    void (*progress)(void *host, weir_str phase, int64_t done_count, int64_t total_count);
    void (*gauge)(void *host, const char *name, double value);
    /* The topic's identity, empty when there is none; lives until the next call. */
    weir_str (*topic_id)(void *host, weir_str topic);
    /* The error policy's word on a record. */
    weir_code (*reject)(void *host, const weir_record *record, const char *reason, weir_error *err);
} task_host;

struct weir_task {
    weir_str connector;
    int number;
    weir_str log_id;
    int64_t epoch;
    atomic_bool stopping;
    const task_host *host;
    void *host_context;

    weir_map *schemas; /* text -> weir_schema */
    weir_map *offsets; /* of a source: partition -> weir_str in the arena */
    struct task_chunk *chunks;
};

/* connector and log_id must outlive the task. */
void task_init(weir_task *task, weir_str connector, int number, const task_host *host,
               void *host_context);

/* Releases all memory that callbacks took; the task can be opened again. */
void task_reset(weir_task *task);
/* The same, and what init took. */
void task_done(weir_task *task);

/* Tells a source where it was; before open. */
void task_set_offset(weir_task *task, weir_str partition, weir_str offset);

/* The offsets of a sink's partitions. */
weir_offsets *offsets_new(void);
void offsets_free(weir_offsets *offsets);
void offsets_freep(weir_offsets **offsets);
/* Sets a partition's offset, adding it when it is not there. */
void offsets_put(weir_offsets *offsets, weir_str topic, int32_t partition, int64_t offset);
void offsets_remove(weir_offsets *offsets, weir_str topic, int32_t partition);
void offsets_clear(weir_offsets *offsets);
size_t offsets_count(const weir_offsets *offsets);

#endif
