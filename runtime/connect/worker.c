/* worker.c - the mailbox, the control thread, opening and closing. */
#include "runtime/connect/worker_state.h"

#include "runtime/base/arena.h"
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TICK_MS = 1000,
    STATUS_MS = 5,          /* how soon a commit of statuses is looked at again */
    STATUS_CLOSE_MS = 5000, /* for the last statuses to become durable */
    PATIENCE_MS = 30000,
};

/* --- The mailbox ------------------------------------------------------------------------------ */

/* The lock is held. */
static void post(worker *self, command *one)
{
    if (self->last != NULL)
        self->last->next = one;
    else
        self->first = one;
    self->last = one;
    pthread_cond_signal(&self->posted);
}

void worker_call(worker *self, command_run *run, void *context)
{
    command mine = {.run = run, .context = context}; /* off the list when this function returns */

    pthread_mutex_lock(&self->lock);
    post(self, &mine);
    while (!mine.done)
        pthread_cond_wait(&self->finished, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

bool worker_call_in_time(worker *self, command_run *run, void *context, void (*forget)(void *))
{
    command *mine = mem_zalloc(1, sizeof(*mine));
    struct timespec until;
    bool done;
    int result = 0;

    *mine = (command){.run = run, .context = context, .forget = forget};
    clock_deadline(&until, self->options.patience_ms);
    pthread_mutex_lock(&self->lock);
    post(self, mine);
    while (!mine->done && result == 0)
        result = pthread_cond_timedwait(&self->finished, &self->lock, &until);
    done = mine->done;
    mine->is_left = !done; /* from here on it is the control thread's */
    pthread_mutex_unlock(&self->lock);
    if (done)
        free(mine);
    return done;
}

weir_code worker_late(const worker *self, weir_str name, weir_error *err)
{
    return weir_fail(err, WEIR_RETRY,
                     "Request timed out. A task of connector \"%.*s\" has not ended within %d ms; "
                     "what was asked for is done when it has",
                     WEIR_ARG(name), self->options.patience_ms);
}

void worker_changed(worker *self)
{
    pthread_mutex_lock(&self->lock);
    self->generation++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void task_changed(void *context)
{
    worker_changed(context);
}

static void some_task_opened(void *context)
{
    worker *self = context;

    pthread_mutex_lock(&self->lock);
    self->look = true;
    pthread_cond_signal(&self->posted);
    pthread_mutex_unlock(&self->lock);
    worker_changed(self);
}

static void task_ended(void *context, connect_task *task)
{
    worker *self = context;

    pthread_mutex_lock(&self->lock);
    task->next_ended = self->ended;
    self->ended = task;
    pthread_cond_signal(&self->posted);
    pthread_mutex_unlock(&self->lock);
}

connector *worker_find(worker *self, weir_str name)
{
    return weir_map_get(self->connectors, name);
}

/* --- The control thread ------------------------------------------------------------------------ */

/* Waits for a mail, or so long. The lock is held. */
static void wait_for_mail(worker *self, int64_t timeout_ms)
{
    struct timespec until;

    clock_deadline(&until, timeout_ms);
    (void)pthread_cond_timedwait(&self->posted, &self->lock, &until); /* either way, look again */
}

static void forget(command *one)
{
    one->forget(one->context);
    free(one);
}

static void run_command(worker *self, command *one)
{
    bool is_left;

    if (!one->run(self, one->context)) {
        one->next = NULL;
        if (self->waiting != NULL)
            self->last_waiting->next = one;
        else
            self->waiting = one;
        self->last_waiting = one;
        return;
    }
    pthread_mutex_lock(&self->lock);
    one->done = true;
    is_left = one->is_left;
    pthread_cond_broadcast(&self->finished);
    pthread_mutex_unlock(&self->lock);
    if (is_left)
        forget(one);
}

static void run_commands(worker *self)
{
    for (;;) {
        command *next;

        pthread_mutex_lock(&self->lock);
        next = self->first;
        if (next != NULL) {
            self->first = next->next;
            self->last = self->first == NULL ? NULL : self->last;
        }
        pthread_mutex_unlock(&self->lock);
        if (next == NULL)
            return;
        run_command(self, next);
    }
}

/* Those that wait for tasks to end, in their order: what was commanded last shall hold. */
static void run_waiting(worker *self)
{
    command *next = self->waiting;

    self->waiting = NULL;
    while (next != NULL) {
        command *one = next;

        next = one->next; /* before it is done: then it is its caller's again */
        run_command(self, one);
    }
}

static void *control(void *context)
{
    worker *self = context;
    bool quit = false;

    while (!quit) {
        int64_t wait_ms;

        run_commands(self);
        if (tasks_take_endings(self))
            run_waiting(self);
        holds_refresh(self->holds); /* topics that others made */
        wait_ms = tasks_start_waiting(self, TICK_MS);
        if (states_publish(self))
            wait_ms = STATUS_MS;
        pthread_mutex_lock(&self->lock);
        if (self->first == NULL && self->ended == NULL && !self->look && !self->quit)
            wait_for_mail(self, wait_ms);
        self->look = false;
        quit = self->quit && self->first == NULL;
        pthread_mutex_unlock(&self->lock);
    }
    return NULL;
}

/* --- Opening and closing ----------------------------------------------------------------------- */

/* A record of __weir_configs: "connector-NAME" {"properties":{...}}, "target-state-NAME" {"state":"..."}. */
static void restore_connector(worker *self, weir_str name, weir_str text)
{
    json_t *root = json_loadb(text.ptr, text.len, 0, NULL);
    json_t *properties = json_object_get(root, "properties"), *value;
    config_setting *settings = mem_zalloc(json_object_size(properties) + 1, sizeof(*settings));
    size_t count = 0;
    const char *key;

    json_object_foreach(properties, key, value)
    {
        if (json_is_string(value))
            settings[count++] =
                (config_setting){weir_cstr(key), weir_cstr(json_string_value(value))};
    }
    weir_map_put(self->connectors, name, connector_new(self, name, settings, count));
    free(settings);
    json_decref(root);
}

static void restore_target(worker *self, weir_str name, weir_str text)
{
    json_t *root = json_loadb(text.ptr, text.len, 0, NULL);
    const char *state = json_string_value(json_object_get(root, "state"));
    connector *one = worker_find(self, name);

    if (one != NULL && state != NULL)
        (void)target_state_parse(weir_cstr(state), &one->target); /* unknown: it runs */
    json_decref(root);
}

static void restore_all(worker *self, weir_str prefix,
                        void (*restore)(worker *self, weir_str name, weir_str text))
{
    weir_str key, value;

    for (size_t at = 0; durable_next_config(self->durable, &at, &key, &value);)
        if (key.len > prefix.len && memcmp(key.ptr, prefix.ptr, prefix.len) == 0)
            restore(self, (weir_str){key.ptr + prefix.len, key.len - prefix.len}, value);
}

static bool restore(worker *self, void *context)
{
    void *value;
    (void)context;

    restore_all(self, WEIR_STR("connector-"), restore_connector);
    restore_all(self, WEIR_STR("target-state-"), restore_target);
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);) {
        connector_hold(self, value);
        states_restore(self, value);
    }
    log_start_retention(self->options.log);
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        connector_pursue(self, value);
    return true;
}

static void init_lock(worker *self)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->posted, &attributes);
    pthread_cond_init(&self->finished, &attributes);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

weir_code worker_open(const worker_options *options, worker **out, weir_error *err)
{
    worker *self = mem_zalloc(1, sizeof(*self));
    int result;

    self->options = *options;
    if (self->options.patience_ms == 0)
        self->options.patience_ms = PATIENCE_MS;
    self->registry = options->registry;
    snprintf(self->id, sizeof(self->id), "%.*s", WEIR_ARG(options->id));
    self->generation = 1;
    init_lock(self);
    self->connectors = weir_map_new();
    if (durable_open(options->log, &self->durable, err) != WEIR_OK ||
        (self->registry == NULL &&
         registry_open(options->log, &REGISTRY_DEFAULTS, &self->registry, err) != WEIR_OK) ||
        status_open(options->log, &self->statuses, err) != WEIR_OK) {
        worker_close(self);
        return err->code;
    }
    self->holds = holds_new(options->log, self->durable);
    self->world = (task_world){.log = options->log,
                               .durable = self->durable,
                               .registry = self->registry,
                               .holds = self->holds,
                               .clock = options->clock,
                               .ended = task_ended,
                               .opened = some_task_opened,
                               .changed = task_changed,
                               .context = self};
    result = pthread_create(&self->thread, NULL, control, self);
    if (result != 0) {
        worker_close(self);
        return weir_fail(err, WEIR_FATAL, "could not start the control thread: %s",
                         strerror(result)); /* NOLINT(concurrency-mt-unsafe) */
    }
    self->has_thread = true;
    worker_call(self, restore, NULL);
    *out = self;
    return WEIR_OK;
}

static bool stop_all(worker *self, void *context)
{
    bool all = true;
    void *value;
    (void)context;

    self->closing = true;
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        all &= connector_stop(value);
    return all;
}

void worker_close(worker *self)
{
    void *value;

    if (self == NULL)
        return;
    if (self->has_thread) {
        worker_call(self, stop_all, NULL);
        pthread_mutex_lock(&self->lock);
        self->quit = true;
        pthread_cond_signal(&self->posted);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
        states_close(self);
        status_flush(self->statuses, STATUS_CLOSE_MS);
    }
    while (self->waiting != NULL) { /* what nobody waits for, and no task has ended for */
        command *one = self->waiting;

        self->waiting = one->next;
        forget(one);
    }
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        connector_free(value);
    weir_map_free(self->connectors);
    holds_free(self->holds);
    status_close(self->statuses);
    if (self->options.registry == NULL)
        registry_close(self->registry);
    durable_close(self->durable);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->posted);
    pthread_cond_destroy(&self->finished);
    pthread_cond_destroy(&self->changed);
    free(self);
}
