/* task.h - one running task of a connector: a thread, its connector's state, and what others may see of it.
 *
 * The control thread makes a task, starts it, asks it to stop, and hears from it once, when its thread has
 * ended: how, and why. A task never starts itself again; the control thread decides that.
 *
 * Threads: task_view is the one part that others read; its lock is held for copying only. All else belongs to
 * the control thread until task_start and after task_join, to the task's thread between.
 */
#ifndef RUNTIME_CONNECT_TASK_H
#define RUNTIME_CONNECT_TASK_H

#include "runtime/base/clock.h"
#include "runtime/connect/assignment.h"
#include "runtime/connect/converter.h"
#include "runtime/connect/holds.h"
#include "runtime/connect/plugin.h"
#include "runtime/connect/retry.h"
#include "runtime/connect/task_view.h"
#include "runtime/connect/transform.h"
#include "sdk/src/task.h"

#include <pthread.h>

typedef struct connect_task connect_task;

/* What all tasks of a worker share. */
typedef struct task_world {
    log *log;
    durable *durable;
    registry *registry;
    holds *holds;
    clock_source *clock;
    /* Tell the control thread that a task's thread has ended, that its connector is open, or that something
     * in its view has changed. */
    void (*ended)(void *context, connect_task *task);
    void (*opened)(void *context);
    void (*changed)(void *context);
    void *context;
} task_world;

/* Which task of what. */
typedef struct task_role {
    const plugin *plugin;
    weir_str connector;
    int number;
    bool has_siblings;      /* the connector has more tasks than this one */
    assignment *assignment; /* of a sink's partitions; the connector's */
} task_role;

struct connect_task {
    const task_world *world;
    const plugin *plugin;
    weir_str connector; /* a copy */
    int number;
    bool has_siblings;
    assignment *assignment;
    connector_settings common;
    config_setting *settings; /* resolved: no references to secrets are left */
    size_t setting_count;
    weir_task base;
    weir_task memory; /* what settings live in: outlives restarts of the connector */
    void *state;      /* of the connector */
    transform_chain *transforms;
    converter *key_converter, *value_converter;
    task_view view;
    pthread_t thread;
    void (*wake)(connect_task *task); /* interrupts a wait; any thread; NULL while there is none */
    void *wake_target;
    pthread_mutex_t wake_lock;
    pthread_cond_t stop_asked;         /* for task_pause */
    struct dead_letters *dead_letters; /* of a sink; NULL: it has none (yet) */

    /* How it ended; valid after `ended`. WEIR_OK: it was asked to stop. */
    weir_code outcome;
    weir_error error;
    bool was_useful; /* it committed something: the back-off begins anew */
    bool was_fenced; /* a newer start has taken over: this one is not started again */
    bool has_thread;
    connect_task *next_ended; /* the control thread's */
};

/* Makes a task from the connector's settings; settings are copied. Never NULL; a problem with the settings
 * shows when it runs. */
connect_task *task_new(const task_world *world, const task_role *role,
                       const config_setting *settings, size_t setting_count);
void task_free(connect_task *task);

/* Runs the task in a thread of its own. */
void task_start(connect_task *task);
/* Runs it in the caller's thread, to its end. */
void task_run(connect_task *task);
void task_ask_to_stop(connect_task *task);
void task_join(connect_task *task);

/* --- For source_task.c and sink_task.c -------------------------------------------------------- */

/* The body of a task's thread after its settings are bound: opens the connector, runs it, closes it. */
weir_code source_task_run(connect_task *task, weir_error *err);
weir_code sink_task_run(connect_task *task, weir_error *err);

bool task_is_stopping(const connect_task *task);
/* The connector is open: others may see that the task runs. */
void task_opened(connect_task *task);
/* Whom task_ask_to_stop wakes; NULL: nobody. */
void task_set_wake(connect_task *task, void (*wake)(connect_task *task), void *target);
/* Opens the task's writer, which fences what older starts of it still do; from then on its epoch is known, and
 * the offsets in memory are those of the log. */
WEIR_MUST_CHECK weir_code task_open_writer(connect_task *task, log_writer **out, weir_error *err);
/* The id of a task's writer: that of every start of this task. */
void task_writer_id(weir_str connector, int number, weir_buf *out);
/* What became of a commit of the task is not known, or will not be waited for. */
void task_distrust(connect_task *task);

/* Waits so long, or until the task shall stop. */
void task_pause(connect_task *task, int64_t timeout_ms);
/* How failures that may pass are tried again, by the connector's settings. */
retry task_retry(const connect_task *task);
/* After such a failure: waits as the rules say. False: no more attempts, or the task shall stop. */
bool task_try_again(connect_task *task, retry *rules);

/* Makes a topic as the connector's settings say, when it is not there. What sinks read of it is held from its
 * first record on. */
WEIR_MUST_CHECK weir_code task_ensure_topic(connect_task *task, weir_str topic, weir_error *err);

#endif
