/* sink.h - how a sink connector looks to its author.
 *
 * A sink takes batches and may buffer them. Only flush makes promises: what it reports durable is
 * durable in the destination, and the worker commits those offsets and no others.
 *
 * All calls to one task come from one thread: open, then put and flush in any order, then close.
 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include "weir/task.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One offset for each partition of the log that this task reads: the next one to read. */
typedef struct weir_offsets weir_offsets;

typedef struct weir_sink {
    const char *name;         /* in pipeline files: "elasticsearch" */
    const char *version;      /* of the connector: "1.2.0" */
    const char *summary;      /* one sentence, shown in listings */
    const weir_field *fields; /* the configuration; see config.h */
    size_t field_count;
    size_t state_size; /* each task gets this much zeroed memory, with its fields filled in */

    /* Java class names of the connectors it replaces, NULL behind the last; NULL: none. */
    const char *const *aliases;

    /* What no single field can say about the configuration. Connects nowhere. Optional. */
    weir_code (*validate)(const void *state, weir_error *err);

    /* Connects. Optional. */
    weir_code (*open)(weir_task *task, void *state, weir_error *err);

    /* This task now reads, or no longer reads, a partition. A sink that keeps offsets in its
     * destination sets *resume to where it wants to go on; -1 leaves it to the worker. A position
     * that the log no longer has fails the task. Optional. */
    weir_code (*assigned)(weir_task *task, void *state, weir_str topic, int32_t partition,
                          int64_t *resume, weir_error *err);
    weir_code (*revoked)(weir_task *task, void *state, weir_str topic, int32_t partition,
                         weir_error *err);

    /* Takes the records of a batch in order; they live until put returns. After WEIR_RETRY the same
     * batch comes again, so writing a record twice must do no harm. */
    weir_code (*put)(weir_task *task, void *state, const weir_batch *batch, weir_error *err);

    /* Makes what was put durable, and takes out of offsets, which holds everything that was put,
     * what could not be made durable yet; then it is called again, records or none. After
     * WEIR_RETRY the task is closed, opened again and reads from the last offsets that were
     * durable. */
    weir_code (*flush)(weir_task *task, void *state, weir_offsets *offsets, weir_error *err);

    /* Moves the offset that the destination keeps: somebody has set it while the connector was stopped.
     * Runs after open and before assigned of this partition, perhaps twice; offset -1 forgets the
     * partition. Needed by sinks whose assigned sets *resume. */
    weir_code (*alter_offsets)(weir_task *task, void *state, weir_str topic, int32_t partition,
                               int64_t offset, weir_error *err);

    /* Gives back what open took. Optional. Also runs after an open that failed half-way. */
    void (*close)(weir_task *task, void *state);

    /* Flush at least this often while records wait; 0: as the connector's settings say (offset.flush.
     * interval.ms). A sink whose flush is costly asks for longer. */
    int64_t flush_interval_ms;
} weir_sink;

/* The index of a record whose batch is gone: a sink that learns later that a record cannot be written
 * fills log_topic, log_partition and log_offset, and the worker reads it again. */
#define WEIR_RECORD_GONE UINT32_MAX

/* This one record can never succeed: the pipeline's error policy decides what becomes of it, and
 * the rest of the batch goes on. WEIR_FATAL when the policy tolerates no error. */
WEIR_API WEIR_MUST_CHECK weir_code weir_task_reject(weir_task *task, const weir_record *record,
                                                    weir_error *err, const char *fmt, ...)
    WEIR_PRINTF(4, 5);

/* Steps through the offsets: `size_t at = 0; while (weir_offsets_next(offsets, &at, &t, &p, &o))`. */
WEIR_API bool weir_offsets_next(const weir_offsets *offsets, size_t *at, weir_str *topic,
                                int32_t *partition, int64_t *offset);
/* The offset of a partition; -1 when it is not there. */
WEIR_API int64_t weir_offsets_get(const weir_offsets *offsets, weir_str topic, int32_t partition);
/* Lowers the offset of a partition that is there: only what lies below it is durable. */
WEIR_API void weir_offsets_set(weir_offsets *offsets, weir_str topic, int32_t partition,
                               int64_t offset);

#ifdef __cplusplus
}
#endif

#endif
