/* worker.c - the control thread: connectors, the starting and ending of tasks, commands. */
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

enum { TICK_MS = 1000 };

/* --- The mailbox ------------------------------------------------------------------------------ */

void worker_call(worker *self, void (*run)(worker *self, void *context), void *context)
{
    command mine = {.run = run, .context = context};

    pthread_mutex_lock(&self->lock);
    if (self->last != NULL)
        self->last->next = &mine;
    else
        self->first = &mine;
    self->last = &mine;
    pthread_cond_signal(&self->posted);
    while (!mine.done)
        pthread_cond_wait(&self->finished, &self->lock);
    pthread_mutex_unlock(&self->lock);
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

static void task_ended(void *context, connect_task *task)
{
    worker *self = context;

    pthread_mutex_lock(&self->lock);
    assert(self->ended_count < TASKS_MAX);
    self->ended[self->ended_count++] = task;
    pthread_cond_signal(&self->posted);
    pthread_mutex_unlock(&self->lock);
}

/* --- Connectors ------------------------------------------------------------------------------- */

connector *worker_find(worker *self, weir_str name)
{
    return weir_map_get(self->connectors, name);
}

static void find_plugin(worker *self, connector *one)
{
    weir_error err;

    one->plugin = plugins_find(self->options.plugins, one->common.class_name, PLUGIN_ANY, &err);
    if (one->plugin != NULL && one->plugin->kind == PLUGIN_SOURCE &&
        (one->common.topics.count > 0 || one->common.topics_regex.len > 0)) {
        const plugin *sink =
            plugins_find(self->options.plugins, one->common.class_name, PLUGIN_SINK, &err);

        one->plugin = sink != NULL ? sink : one->plugin; /* a name of both: topics make it a sink */
    }
    if (one->plugin == NULL)
        snprintf(one->trace, sizeof(one->trace), "%s", err.message);
}

connector *connector_new(worker *self, weir_str name, const config_setting *settings, size_t count)
{
    connector *one = mem_zalloc(1, sizeof(*one));
    config_table table = settings_table();
    config_issues issues = {0};

    one->name = arena_copy(&one->memory, name);
    one->settings = arena_alloc(&one->memory, count + 1, sizeof(*settings));
    one->setting_count = count;
    for (size_t i = 0; i < count; i++) {
        one->settings[i].name = arena_copy(&one->memory, settings[i].name);
        one->settings[i].value = arena_copy(&one->memory, settings[i].value);
    }
    task_init(&one->bound, one->name, 0, NULL, NULL);
    config_bind(&table, one->settings, count, CONFIG_WARNING, NULL, &one->bound, &one->common,
                &issues);
    config_issues_done(&issues); /* each task finds them again, and fails with them */
    find_plugin(self, one);
    one->task_count = one->plugin == NULL ? 0
                      : one->plugin->kind == PLUGIN_SINK && one->common.tasks_max > 0
                          ? (int)one->common.tasks_max
                          : 1;
    one->tasks = mem_zalloc((size_t)one->task_count + 1, sizeof(task_slot));
    for (int i = 0; i < one->task_count; i++)
        one->tasks[i].state = TASK_STOPPED;
    return one;
}

void connector_free(connector *one)
{
    for (int i = 0; i < one->task_count; i++)
        task_free(one->tasks[i].task);
    free(one->tasks);
    task_done(&one->bound);
    arena_done(&one->memory);
    free(one);
}

static void start_task(worker *self, connector *one, int number)
{
    task_slot *slot = &one->tasks[number];

    task_free(slot->task);
    slot->task = task_new(&self->world, one->plugin, one->name, number, one->task_count,
                          one->settings, one->setting_count);
    slot->state = TASK_STARTED;
    slot->again = false;
    task_start(slot->task);
}

void connector_pursue(worker *self, connector *one)
{
    for (int i = 0; i < one->task_count; i++) {
        task_slot *slot = &one->tasks[i];

        if (one->target != TARGET_RUNNING && slot->state == TASK_STARTED)
            task_ask_to_stop(slot->task);
        else if (one->target != TARGET_RUNNING && slot->state == TASK_WAITING)
            slot->state = TASK_STOPPED;
        else if (one->target == TARGET_RUNNING && slot->state == TASK_STOPPED)
            start_task(self, one, i);
        else if (one->target == TARGET_RUNNING && slot->state == TASK_STARTED &&
                 task_is_stopping(slot->task))
            slot->again = true;
    }
    worker_changed(self);
}

void connector_hold(worker *self, const connector *one)
{
    /* Retention passes nothing that a deployed sink has not committed, also while it is stopped. What it
     * has no offset for yet is held from the beginning by the reading task; before that, here. */
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0}, where = {0};
    weir_str after = {0};
    log_topic topic;

    if (one->plugin == NULL || one->plugin->kind != PLUGIN_SINK)
        return;
    while (log_topic_next(self->options.log, &after, &topic))
        for (int32_t p = 0; p < topic.config.partitions; p++) {
            int64_t offset;

            weir_buf_clear(&where);
            weir_buf_clear(&key);
            weir_buf_clear(&value);
            durable_sink_partition(topic.name, p, &where);
            durable_offset_key(one->name, weir_buf_str(&where), &key);
            if (durable_offset(self->durable, weir_buf_str(&key), &value) &&
                weir_offset_int(weir_buf_str(&value), "kafka_offset", &offset))
                log_hold(self->options.log, one->name, topic.name, p, offset);
        }
}

/* --- Endings ---------------------------------------------------------------------------------- */

static int64_t back_off(const worker *self, const connector *one, int tries)
{
    int64_t pause = one->common.restart_backoff_ms;

    for (int i = 0; i < tries && pause < one->common.restart_backoff_max_ms; i++)
        pause *= 2;
    if (pause > one->common.restart_backoff_max_ms)
        pause = one->common.restart_backoff_max_ms;
    /* Jitter from the clock's last digits: tasks that failed together do not start together. */
    return pause / 2 + (self->options.clock->mono_ns(self->options.clock) / 1000) % (pause / 2 + 1);
}

static void report_end(const connector *one, int number, const task_slot *slot, weir_code code)
{
    char text[16];
    diag_pair pairs[] = {
        {"connector", one->name},
        {"task", {text, (size_t)snprintf(text, sizeof(text), "%d", number)}},
    };

    if (code == WEIR_END)
        diag_with(WEIR_INFO, pairs, 2, "task has completed");
    else if (slot->state == TASK_WAITING)
        diag_with(code == WEIR_RETRY ? WEIR_WARN : WEIR_ERROR, pairs, 2,
                  "task failed and is started again: %s", slot->trace);
    else if (slot->state == TASK_FAILED)
        diag_with(WEIR_ERROR, pairs, 2, "task failed: %s", slot->trace);
}

static void task_has_ended(worker *self, connector *one, int number)
{
    task_slot *slot = &one->tasks[number];
    connect_task *task = slot->task;
    weir_code code = task->outcome;

    task_join(task);
    if (task->was_useful)
        slot->restart_count = 0;
    if (code == WEIR_OK || (code == WEIR_RETRY && task_is_stopping(task))) {
        slot->state = TASK_STOPPED;
    } else if (code == WEIR_END) {
        slot->state = TASK_COMPLETED;
    } else {
        snprintf(slot->trace, sizeof(slot->trace), "%s", task->error.message);
        slot->state = code == WEIR_CONFIG ? TASK_FAILED : TASK_WAITING;
        slot->restart_at_ms =
            clock_mono_ms(self->options.clock) + back_off(self, one, slot->restart_count);
        slot->restart_count++;
        slot->total_restarts++;
    }
    report_end(one, number, slot, code);
    if (!self->closing)
        connector_pursue(self, one);
    else
        worker_changed(self);
}

static void take_endings(worker *self)
{
    connect_task *ended[TASKS_MAX];
    size_t count;
    void *value;

    pthread_mutex_lock(&self->lock);
    count = self->ended_count;
    memcpy(ended, self->ended, count * sizeof(ended[0]));
    self->ended_count = 0;
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);) {
            connector *one = value;

            for (int t = 0; t < one->task_count; t++)
                if (one->tasks[t].task == ended[i] && one->tasks[t].state == TASK_STARTED)
                    task_has_ended(self, one, t);
        }
}

static bool has_thread(const connector *one)
{
    for (int i = 0; i < one->task_count; i++)
        if (one->tasks[i].state == TASK_STARTED)
            return true;
    return false;
}

/* Waits for a mail, or until deadline_ms of the monotonic clock. The lock is held. */
static void wait_for_mail(worker *self, int64_t timeout_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_cond_timedwait(&self->posted, &self->lock, &until); /* either way, look again */
}

void connector_halt(worker *self, connector *one)
{
    for (int i = 0; i < one->task_count; i++) {
        if (one->tasks[i].state == TASK_STARTED)
            task_ask_to_stop(one->tasks[i].task);
        else if (one->tasks[i].state == TASK_WAITING)
            one->tasks[i].state = TASK_STOPPED;
    }
    for (;;) {
        take_endings(self);
        if (!has_thread(one))
            return;
        pthread_mutex_lock(&self->lock);
        if (self->ended_count == 0)
            wait_for_mail(self, TICK_MS);
        pthread_mutex_unlock(&self->lock);
    }
}

/* --- The control thread ------------------------------------------------------------------------ */

/* Starts what has waited long enough; returns how long until the next one has, in ms. */
static int64_t start_waiting(worker *self)
{
    int64_t now = clock_mono_ms(self->options.clock), next = TICK_MS;
    void *value;

    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);) {
        connector *one = value;

        for (int i = 0; i < one->task_count; i++) {
            task_slot *slot = &one->tasks[i];

            if (slot->state != TASK_WAITING)
                continue;
            if (slot->restart_at_ms <= now)
                start_task(self, one, i);
            else if (slot->restart_at_ms - now < next)
                next = slot->restart_at_ms - now;
        }
    }
    return next;
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
        next->run(self, next->context);
        pthread_mutex_lock(&self->lock);
        next->done = true;
        pthread_cond_broadcast(&self->finished);
        pthread_mutex_unlock(&self->lock);
    }
}

static void *control(void *context)
{
    worker *self = context;
    bool quit = false;

    while (!quit) {
        int64_t wait_ms;

        run_commands(self);
        take_endings(self);
        wait_ms = start_waiting(self);
        pthread_mutex_lock(&self->lock);
        if (self->first == NULL && self->ended_count == 0 && !self->quit)
            wait_for_mail(self, wait_ms);
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

static void restore(worker *self, void *context)
{
    void *value;
    (void)context;

    restore_all(self, WEIR_STR("connector-"), restore_connector);
    restore_all(self, WEIR_STR("target-state-"), restore_target);
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        connector_hold(self, value);
    log_start_retention(self->options.log);
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        connector_pursue(self, value);
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
    snprintf(self->id, sizeof(self->id), "%.*s", WEIR_ARG(options->id));
    self->generation = 1;
    init_lock(self);
    self->connectors = weir_map_new();
    if (durable_open(options->log, &self->durable, err) != WEIR_OK ||
        schema_store_open(options->log, &self->schemas, err) != WEIR_OK) {
        worker_close(self);
        return err->code;
    }
    self->world = (task_world){.log = options->log,
                               .durable = self->durable,
                               .schemas = self->schemas,
                               .clock = options->clock,
                               .ended = task_ended,
                               .changed = task_changed,
                               .context = self};
    result = pthread_create(&self->thread, NULL, control, self);
    if (result != 0) {
        schema_store_close(self->schemas);
        self->schemas = NULL;
        worker_close(self);
        return weir_fail(err, WEIR_FATAL, "could not start the control thread: %s",
                         strerror(result)); /* NOLINT(concurrency-mt-unsafe) */
    }
    worker_call(self, restore, NULL);
    *out = self;
    return WEIR_OK;
}

static void stop_all(worker *self, void *context)
{
    void *value;
    (void)context;

    self->closing = true;
    /* Sources first, so that sinks may still take what is in the log by then. */
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        for (int i = 0; i < ((connector *)value)->task_count; i++)
            if (((connector *)value)->tasks[i].state == TASK_STARTED)
                task_ask_to_stop(((connector *)value)->tasks[i].task);
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        connector_halt(self, value);
}

void worker_close(worker *self)
{
    void *value;

    if (self == NULL)
        return;
    if (self->schemas != NULL) { /* the control thread runs */
        worker_call(self, stop_all, NULL);
        pthread_mutex_lock(&self->lock);
        self->quit = true;
        pthread_cond_signal(&self->posted);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        connector_free(value);
    weir_map_free(self->connectors);
    schema_store_close(self->schemas);
    durable_close(self->durable);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->posted);
    pthread_cond_destroy(&self->finished);
    pthread_cond_destroy(&self->changed);
    free(self);
}
