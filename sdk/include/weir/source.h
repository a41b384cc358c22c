/* source.h - how a source connector looks to its author.
 *
 * A source fills batches. It may block, it starts no thread, and it never stores its own offset: a
 * checkpoint in the batch says where it would resume, and the worker keeps that together with the
 * records, in one atomic commit.
 *
 * All calls to one task come from one thread: open, then poll, idle and acked in any order, then
 * close. Whatever happens downstream, poll or idle is called at least once a second.
 */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include "weir/task.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A change to the structure of what a source captures, tried out before it is made: what would be written
 * before it, and after. Filled by the worker; grows at its end. */
typedef struct weir_rehearsal {
    weir_str target;      /* where it is tried, in the words of the outside system: a URL */
    weir_str script;      /* the change: SQL */
    weir_str script_name; /* how messages name it: "migration.sql" */
    weir_batch *before;   /* empty; get specimens, see rehearse */
    weir_batch *after;
} weir_rehearsal;

typedef struct weir_source {
    const char *name;         /* in pipeline files: "postgres-cdc" */
    const char *version;      /* of the connector: "1.2.0" */
    const char *summary;      /* one sentence, shown in listings */
    const weir_field *fields; /* the configuration; see config.h */
    size_t field_count;
    size_t state_size; /* each task gets this much zeroed memory, with its fields filled in */

    /* Java class names of the connectors it replaces, NULL behind the last; NULL: none. */
    const char *const *aliases;

    /* What no single field can say about the configuration. Connects nowhere. Optional. */
    weir_code (*validate)(const void *state, weir_error *err);

    /* Splits the work into at most max_tasks tasks, at least one. Connects nowhere. Optional: one
     * task, with the whole of it. Another configuration may give another split: offsets belong to the
     * connector, so each task resumes the partitions that are its own now, whose they were before. */
    weir_code (*plan)(const void *state, int max_tasks, weir_planner *planner, weir_error *err);

    /* Connects, and resumes from weir_task_offset. Optional. */
    weir_code (*open)(weir_task *task, void *state, weir_error *err);

    /* Adds what is ready, waiting at most timeout_ms for the first record; returns within timeout_ms
     * + 100 ms. An empty batch means "nothing now"; WEIR_END means "nothing ever again" (the batch
     * may hold the last records; what is behind the last checkpoint becomes durable, too). After WEIR_RETRY what is in the batch since the last checkpoint is
     * thrown away, and the task is closed and opened again after a back-off. */
    weir_code (*poll)(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                      weir_error *err);

    /* Called instead of poll while nothing can be taken (log full, commit running): answers what the
     * outside system wants to hear, adds no records, returns within 100 ms. Optional. */
    weir_code (*idle)(weir_task *task, void *state, weir_error *err);

    /* Everything up to this offset is durable: the source system may forget it. Optional. */
    weir_code (*acked)(weir_task *task, void *state, weir_str partition, weir_str offset,
                       weir_error *err);

    /* Gives back what open took. Optional. Also runs after an open that failed half-way. */
    void (*close)(weir_task *task, void *state);

    /* Says what the source would write after a change to what it captures, without making the change:
     * applies the script to the target, which holds a copy of the structure and never is the source itself,
     * looks at it before and behind the script with the code that captures, and takes everything back. Both
     * batches get specimens: for each topic, key schema and value schema that could be written at least one
     * record that has them, tombstones included; its values mean nothing. Topics whose schema does not change
     * are in both. What a person should know besides (a table is gone, a column can't be captured any more) are
     * diagnostics of level WEIR_WARN.
     *
     * Called instead of open, on a state of its own, at any time, also while other tasks of the connector run;
     * secrets that are not known here are as if not set. Blocks as long as the script takes. close is called
     * behind it. WEIR_CONFIG: the target, the script or the settings make it impossible, and nothing was
     * changed; WEIR_RETRY: the target was not reached. Optional. */
    weir_code (*rehearse)(weir_task *task, void *state, const weir_rehearsal *what,
                          weir_error *err);
} weir_source;

/* The offset last committed for a source partition; len 0 when there is none. Valid until close. */
WEIR_API weir_str weir_task_offset(weir_task *task, weir_str partition);

/* Steps through all committed source partitions of this connector: `size_t at = 0; while (...)`. */
WEIR_API bool weir_task_offset_next(weir_task *task, size_t *at, weir_str *partition,
                                    weir_str *offset);

/* The integer called name in an offset; false, and *out as it was, when there is none. */
WEIR_API WEIR_MUST_CHECK bool weir_offset_int(weir_str offset, const char *name, int64_t *out);

/* The text called name in an offset, JSON escapes resolved, as a copy that lives until close; ptr
 * NULL when there is none. */
WEIR_API weir_str weir_offset_text(weir_task *task, weir_str offset, const char *name);

#ifdef __cplusplus
}
#endif

#endif
