/* worker.h - connectors, their tasks, and the commands that change them.
 *
 * One control thread owns the state of all connectors. Everybody else, REST and command line included, sends
 * it commands through the functions here, which wait for the answer; queries return copies. A task runs in a
 * thread of its own and tells the control thread how it ended.
 *
 * What is deployed lives in the log: __weir_configs (settings and target states), __weir_offsets (of sources
 * and sinks), _schemas. worker_open reads them and brings every connector back.
 *
 * Threads: every function may be called from any thread, but worker_open and worker_close from one.
 */
#ifndef RUNTIME_CONNECT_WORKER_H
#define RUNTIME_CONNECT_WORKER_H

#include "runtime/base/clock.h"
#include "runtime/connect/plugin.h"
#include "runtime/log/log.h"

#include <jansson.h>

typedef struct worker worker;

typedef struct worker_options {
    log *log;         /* stays the caller's */
    plugins *plugins; /* stays the caller's */
    /* Over this log; stays the caller's. NULL: the worker has one of its own. */
    struct registry *registry;
    clock_source *clock;
    weir_str id;     /* "127.0.0.1:8083": worker_id in statuses */
    int patience_ms; /* 0: 30 s; so long a command waits for tasks to end */
} worker_options;

/* Starts the control thread and what is deployed. */
WEIR_MUST_CHECK weir_code worker_open(const worker_options *options, worker **out, weir_error *err);
/* Stops all tasks: sources commit what they read, sinks flush what they took. NULL is fine. */
void worker_close(worker *worker);

/* What a connector shall do, and what it does. */
typedef enum target_state { TARGET_RUNNING, TARGET_PAUSED, TARGET_STOPPED } target_state;

/* "RUNNING", "PAUSED", ... as Kafka Connect writes them. */
const char *target_state_name(target_state state);
bool target_state_parse(weir_str name, target_state *out);

/* --- Commands: WEIR_CONFIG with a message when they are refused ------------------------------
 *
 * WEIR_RETRY: a task has not ended in time, and the command goes on by itself; or the log has no room. */

/* Checks settings without deploying them. strict: unknown names are errors, not warnings. is_sink and the
 * plugin are found by connector.class. */
void worker_validate(worker *worker, const config_setting *settings, size_t count, bool strict,
                     config_issues *issues);

/* The same without a worker, for what only checks. */
void connector_validate(plugins *plugins, const config_setting *settings, size_t count, bool strict,
                        config_issues *issues);

/* Makes a connector, or gives it new settings; durable when it returns. target NULL: as it was, RUNNING for
 * a new one. Settings must have been validated by the caller: what is wrong with them is refused here too,
 * by the first error. */
WEIR_MUST_CHECK weir_code worker_put(worker *worker, weir_str name, const config_setting *settings,
                                     size_t count, const target_state *target, weir_error *err);
/* The same for a connector that must not be there yet: WEIR_REJECT when it is. */
WEIR_MUST_CHECK weir_code worker_create(worker *worker, weir_str name,
                                        const config_setting *settings, size_t count,
                                        const target_state *target, weir_error *err);
/* WEIR_END: there is no such connector. So everywhere below. */
WEIR_MUST_CHECK weir_code worker_remove(worker *worker, weir_str name, weir_error *err);
WEIR_MUST_CHECK weir_code worker_set_target(worker *worker, weir_str name, target_state target,
                                            weir_error *err);
/* task -1: the connector and, as asked for, its tasks. */
WEIR_MUST_CHECK weir_code worker_restart(worker *worker, weir_str name, int task,
                                         bool include_tasks, bool only_failed, weir_error *err);
/* Sets or (offsets NULL) forgets offsets of a stopped connector: an array as Kafka Connect's REST API has
 * it, [{"partition":{...},"offset":{...}|null}]. */
WEIR_MUST_CHECK weir_code worker_alter_offsets(worker *worker, weir_str name, const json_t *offsets,
                                               weir_error *err);

/* --- Queries: the caller decrefs what it gets; NULL: there is no such connector --------------- */

json_t *worker_names(worker *worker); /* array of texts, sorted */
/* The settings as they were given, secrets included: callers mask them. */
json_t *worker_config(worker *worker, weir_str name);
/* An array, by task: the connector's settings with what its plan says of this task. */
json_t *worker_task_configs(worker *worker, weir_str name);
/* {"name","type":"source"|"sink","connector":{"state","worker_id","trace"},"tasks":[{"id","state",
 * "worker_id","trace","phase","done","total","records","bytes","errors","in_flight_bytes","waits","waits_for",
 * "restarts","retry_at_ms",
 * "partitions":[{"topic","partition","position","end","committed"}],"gauges":{...}}]}
 * Task states: RUNNING, PAUSED, STOPPED, FAILED, RESTARTING, UNASSIGNED, COMPLETED. */
json_t *worker_status(worker *worker, weir_str name);
json_t *worker_offsets(worker *worker, weir_str name);
json_t *worker_topics(worker *worker, weir_str name); /* used since the start, sorted */

/* True when every source has ended and every sink has flushed all that was in its topics then. */
bool worker_is_finished(worker *worker);
/* The first failure that no restart will mend; false when there is none. */
bool worker_failure(worker *worker, weir_error *err);
/* Waits until something changed (a state, a deployment), for at most timeout_ms. generation is what the
 * last call returned, 0 at first. */
uint64_t worker_wait_change(worker *worker, uint64_t generation, int timeout_ms);

#endif
