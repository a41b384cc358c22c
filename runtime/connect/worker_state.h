/* worker_state.h - the inside of a worker, shared by worker.c, worker_command.c and worker_query.c only.
 *
 * Everything here but the mailbox belongs to the control thread. Others put a command into the mailbox and
 * wait until the control thread has run it.
 */
#ifndef RUNTIME_CONNECT_WORKER_STATE_H
#define RUNTIME_CONNECT_WORKER_STATE_H

#include "runtime/base/arena.h"
#include "runtime/connect/task.h"
#include "runtime/connect/worker.h"

enum { TASKS_MAX = 1000 };

/* What became of a task, while it has no thread. */
typedef enum task_state {
    TASK_STARTED,   /* it has a thread */
    TASK_STOPPED,   /* asked to: paused or stopped */
    TASK_WAITING,   /* failed; starts again at restart_at_ms */
    TASK_FAILED,    /* failed for good */
    TASK_COMPLETED, /* its source has ended */
} task_state;

typedef struct task_slot {
    connect_task *task; /* of the last start; NULL: never started */
    task_state state;
    bool again;        /* start as soon as its thread has ended */
    int restart_count; /* since it was last useful */
    int64_t restart_at_ms, total_restarts;
    char trace[1200];
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
    task_slot *tasks;
    int task_count;
    char trace[1200];
} connector;

/* A command: runs on the control thread. */
typedef struct command {
    struct command *next;
    void (*run)(struct worker *self, void *context);
    void *context;
    bool done;
} command;

struct worker {
    worker_options options;
    task_world world;
    durable *durable;
    schema_store *schemas;
    char id[128];
    weir_map *connectors; /* name -> connector */
    bool closing;

    pthread_t thread;
    pthread_mutex_t lock;  /* of all below */
    pthread_cond_t posted; /* to the control thread */
    pthread_cond_t finished, changed;
    command *first, *last;
    connect_task *ended[TASKS_MAX];
    size_t ended_count;
    uint64_t generation;
    bool quit;
};

/* Runs a function on the control thread and waits for it. */
void worker_call(worker *self, void (*run)(worker *self, void *context), void *context);
void worker_changed(worker *self);

connector *worker_find(worker *self, weir_str name);
/* Makes a connector from settings that are known to be right, or right once; starts nothing. */
connector *connector_new(worker *self, weir_str name, const config_setting *settings, size_t count);
void connector_free(connector *one);
/* Starts what the target state asks for, stops what it does not. Waits for nothing. */
void connector_pursue(worker *self, connector *one);
/* Stops all tasks and waits for them. */
void connector_halt(worker *self, connector *one);
/* Says to the log what this connector has not read yet. */
void connector_hold(worker *self, const connector *one);

#endif
