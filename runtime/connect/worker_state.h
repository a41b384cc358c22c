/* worker_state.h - the inside of a worker, shared by the files worker*.c only.
 *
 * Everything here but the mailbox belongs to the control thread. Others put a command into the mailbox and
 * wait until the control thread has run it. The control thread waits for nobody: a command that needs tasks to
 * end first is run again when one has.
 *
 *     worker.c          the mailbox, the control thread, opening and closing
 *     worker_plan.c     how many tasks a connector has, and what each is told
 *     worker_tasks.c    connectors and their tasks: starting, ending, starting again
 *     worker_status.c   states: their names, and the log's record of them
 *     worker_command.c  what changes connectors
 *     worker_offsets.c  sets and forgets offsets
 *     worker_query.c    what is told of them
 */
#ifndef RUNTIME_CONNECT_WORKER_STATE_H
#define RUNTIME_CONNECT_WORKER_STATE_H

#include "runtime/base/arena.h"
#include "runtime/connect/status.h"
#include "runtime/connect/task.h"
#include "runtime/connect/worker.h"

/* What became of a task, while it has no thread. */
typedef enum task_state {
    TASK_STARTED,   /* it has a thread */
    TASK_STOPPED,   /* asked to: paused or stopped */
    TASK_WAITING,   /* failed; starts again at restart_at_ms */
    TASK_FAILED,    /* failed for good */
    TASK_COMPLETED, /* its source has ended */
} task_state;

typedef struct task_slot {
    config_setting *settings; /* the connector's, and on top what its plan says of this task */
    size_t setting_count;
    connect_task *task; /* of the last start; NULL: never started */
    task_state state;
    int64_t failure_count; /* since it was last useful: the back-off */
    int64_t restart_count; /* automatic ones, ever */
    int64_t restart_at_ms; /* of the monotonic clock */
    int64_t failed_at_ms;  /* of the wall clock: when last_error was */
    char last_error[1200]; /* empty: it never failed */
} task_slot;

typedef struct connector {
    weir_str name; /* text behind the struct's arena */
    arena memory;  /* of the settings as they were given */
    config_setting *settings;
    size_t setting_count;
    const plugin *plugin; /* NULL: it could not be found; trace says why */
    connector_settings common;
    weir_task bound; /* memory of `common` */
    target_state target;
    bool is_ending; /* a command waits for its tasks to end, to replace or remove it */
    arena planned;  /* of the tasks' settings */
    task_slot *tasks;
    int task_count;             /* 0: it failed, and trace says why */
    assignment *assignment;     /* of a sink's partitions to its tasks */
    char trace[1200];           /* empty: the connector itself is well */
    int64_t plan_failure_count; /* in a row, of those that may pass */
    int64_t replan_at_ms;       /* of the monotonic clock; 0: not by itself */
} connector;

/* Runs on the control thread. False: run it again when a task has ended. */
typedef bool command_run(struct worker *self, void *context);

typedef struct command {
    struct command *next;
    command_run *run;
    void *context;
    void (*forget)(void *context); /* when nobody waits for it any more */
    bool done, is_left;
} command;

struct worker {
    worker_options options;
    task_world world;
    durable *durable;
    registry *registry; /* its own, or that of the options */
    status_store *statuses;
    holds *holds;
    char id[128];
    weir_map *connectors;            /* name -> connector */
    command *waiting, *last_waiting; /* to be run again, in the order in which they came */
    uint64_t
        config_writes; /* of __weir_configs: who waits sees whether somebody else wrote since */
    bool closing;

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;  /* of all below */
    pthread_cond_t posted; /* to the control thread */
    pthread_cond_t finished, changed;
    command *first, *last;
    connect_task *ended; /* a list */
    uint64_t generation;
    bool look; /* something that statuses tell of has changed */
    bool quit;
};

/* Runs a function on the control thread and waits until it says that it is done. */
void worker_call(worker *self, command_run *run, void *context);
/* The same for one that may wait for tasks, which a connector can keep from ending. False: it took too long; it goes
 * on without the caller, and forget gets the context when it is done. */
WEIR_MUST_CHECK bool worker_call_in_time(worker *self, command_run *run, void *context,
                                         void (*forget)(void *context));
/* What to say then. */
weir_code worker_late(const worker *self, weir_str name, weir_error *err);
void worker_changed(worker *self);
connector *worker_find(worker *self, weir_str name);

/* --- worker_plan.c ---------------------------------------------------------------------------- */

/* Gives a connector its tasks, all stopped. None of them has a thread now. */
void connector_plan(worker *self, connector *one);
void connector_forget_plan(connector *one);

/* --- worker_tasks.c --------------------------------------------------------------------------- */

/* Makes a connector from settings that are known to be right, or right once; starts nothing. */
connector *connector_new(worker *self, weir_str name, const config_setting *settings, size_t count);
void connector_free(connector *one);
/* Starts what the target state asks for, stops what it does not. */
void connector_pursue(worker *self, connector *one);
/* Asks all tasks to end. True when none has a thread any more. */
bool connector_stop(connector *one);
/* Says to the log what a sink has not read yet; a source reads nothing. */
void connector_hold(worker *self, const connector *one);
/* Takes note of tasks that have ended; true when there were some. */
bool tasks_take_endings(worker *self);
/* Plans and starts what has waited long enough; returns how long until the next one has, at most timeout_ms. */
int64_t tasks_start_waiting(worker *self, int64_t timeout_ms);

/* --- worker_status.c -------------------------------------------------------------------------- */

/* A task's state as Kafka Connect writes it, with our RESTARTING and COMPLETED. */
const char *slot_state_name(const connector *one, const task_slot *slot);
const char *connector_state_name(const connector *one);
/* Why a task does not run; empty when it does. */
const char *slot_trace(const task_slot *slot);
/* Brings the log's record of all states up to date. True: again soon. */
bool states_publish(worker *self);
/* What the log knows of a connector's tasks, into its slots. */
void states_restore(worker *self, connector *one);
/* The worker closes: what runs has no worker from now on. */
void states_close(worker *self);

#endif
