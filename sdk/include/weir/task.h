/* task.h - what a running task may ask of its worker.
 *
 * All functions are called from the task's own thread, between open and close.
 */
#ifndef WEIR_TASK_H
#define WEIR_TASK_H

#include "weir/base.h"
#include "weir/batch.h"
#include "weir/config.h"
#include "weir/schema.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_task weir_task; /* the worker's side of a running task */

/* "shop.source" and 0: for names of slots, ledgers, threads. */
WEIR_API weir_str weir_task_connector(const weir_task *task);
WEIR_API int weir_task_number(const weir_task *task);

/* An identity of the log that outlives restarts and differs between data directories: a UUID as text.
 * Destinations keep it beside what they remember of the log's offsets. */
WEIR_API weir_str weir_task_log_id(const weir_task *task);

/* The identity of a topic of the log: another one after it was deleted and made again. Empty when
 * there is no such topic. */
WEIR_API weir_str weir_task_topic_id(weir_task *task, weir_str topic);

/* Grows by one whenever the task is started: what an older start still does can be fenced by it. */
WEIR_API int64_t weir_task_epoch(const weir_task *task);

/* True when the task shall stop: a callback that waits for long looks at it and returns WEIR_RETRY. */
WEIR_API bool weir_task_stopping(const weir_task *task);

/* Zeroed memory that lives until close. */
WEIR_API void *weir_task_alloc(weir_task *task, size_t size);
/* A copy of text, with a NUL behind it, that lives until close. */
WEIR_API weir_str weir_task_copy(weir_task *task, weir_str text);

/* Parses an Avro schema for the lifetime of the task; the same schema for the same text. NULL on
 * error. */
WEIR_API const weir_schema *weir_task_schema(weir_task *task, weir_str avro_json, weir_error *err);

typedef enum weir_level { WEIR_DEBUG, WEIR_INFO, WEIR_WARN, WEIR_ERROR } weir_level;

/* Writes a diagnostic: one line, with the connector and the task added. For what does not end in an
 * error; a failure is returned, not written. */
WEIR_API void weir_task_diag(weir_task *task, weir_level level, const char *fmt, ...)
    WEIR_PRINTF(3, 4);

/* What the task is doing, in a few words, shown in its status: "snapshot of public.orders". The
 * counts are for progress; total_count 0 when it is not known. */
WEIR_API void weir_task_progress(weir_task *task, const char *phase, int64_t done_count,
                                 int64_t total_count);

/* Sets a gauge of this task, shown at /metrics as weir_task_NAME. name is a literal. */
WEIR_API void weir_task_gauge(weir_task *task, const char *name, double value);

/* --- Configuring ---------------------------------------------------------------------------- */

typedef struct weir_planner weir_planner; /* takes the configurations of a connector's tasks */

/* Adds a task that has the connector's configuration, with these settings changed on top. settings
 * is a flat array of name, value, name, value; count is its length. All of it is copied. */
WEIR_API void weir_planner_add(weir_planner *planner, const weir_str *settings, size_t count);

#ifdef __cplusplus
}
#endif

#endif
