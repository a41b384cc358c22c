/* worker_tasks.c - connectors and their tasks: starting, ending, starting again.
 *
 * A task that fails starts again after a pause that doubles with each failure in a row and has jitter, and stays
 * short while the fault is one that passes; a failure after something was committed is the first of a new row. What only another configuration can mend does not
 * start again, nor does a task that was fenced: its successor runs.
 */
#include "runtime/connect/worker_state.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Connectors ------------------------------------------------------------------------------- */

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
    config_issues issues = {0};

    one->name = arena_copy(&one->memory, name);
    one->settings = arena_alloc(&one->memory, count + 1, sizeof(*settings));
    one->setting_count = count;
    for (size_t i = 0; i < count; i++) {
        one->settings[i].name = arena_copy(&one->memory, settings[i].name);
        one->settings[i].value = arena_copy(&one->memory, settings[i].value);
    }
    task_init(&one->bound, one->name, 0, NULL, NULL);
    settings_bind(one->settings, count, &one->bound, &one->common, &issues);
    config_issues_done(&issues); /* each task finds them again, and fails with them */
    find_plugin(self, one);
    if (one->plugin != NULL)
        connector_plan(self, one);
    return one;
}

void connector_free(connector *one)
{
    connector_forget_plan(one);
    task_done(&one->bound);
    arena_done(&one->memory);
    free(one);
}

/* Without its plugin it cannot run, but it has not read its topics for all that. */
static bool is_sink(const connector *one)
{
    return one->plugin != NULL ? one->plugin->kind == PLUGIN_SINK
                               : one->common.topics.count > 0 || one->common.topics_regex.len > 0;
}

void connector_hold(worker *self, const connector *one)
{
    if (is_sink(one))
        holds_add(self->holds, one->name, one->common.topics, one->common.topics_regex);
    else
        holds_remove(self->holds, one->name); /* it was a sink, perhaps, before it was changed */
}

/* --- Starting --------------------------------------------------------------------------------- */

static void start_task(worker *self, connector *one, int number)
{
    task_slot *slot = &one->tasks[number];

    task_free(slot->task);
    slot->task = task_new(&self->world,
                          &(task_role){.plugin = one->plugin,
                                       .connector = one->name,
                                       .number = number,
                                       .has_siblings = one->task_count > 1,
                                       .assignment = one->assignment},
                          slot->settings, slot->setting_count);
    slot->state = TASK_STARTED;
    task_start(slot->task);
}

void connector_pursue(worker *self, connector *one)
{
    bool runs = one->target == TARGET_RUNNING && !one->is_ending;

    for (int i = 0; i < one->task_count; i++) {
        task_slot *slot = &one->tasks[i];

        if (!runs && slot->state == TASK_STARTED)
            task_ask_to_stop(slot->task);
        else if (!runs && slot->state == TASK_WAITING)
            slot->state = TASK_STOPPED;
        else if (runs && slot->state == TASK_STOPPED)
            start_task(self, one, i); /* one that is still stopping starts when it has */
    }
    worker_changed(self);
}

/* The plan, or the tasks, of one; returns how long until something else is due, at most `next`. */
static int64_t start_waiting(worker *self, connector *one, int64_t now, int64_t next)
{
    if (one->replan_at_ms != 0 && one->replan_at_ms <= now && !one->is_ending) {
        connector_plan(self, one);
        connector_pursue(self, one);
    }
    if (one->replan_at_ms > now && one->replan_at_ms - now < next)
        next = one->replan_at_ms - now;
    for (int i = 0; i < one->task_count; i++) {
        task_slot *slot = &one->tasks[i];

        if (slot->state != TASK_WAITING)
            continue;
        if (slot->restart_at_ms <= now)
            start_task(self, one, i);
        else if (slot->restart_at_ms - now < next)
            next = slot->restart_at_ms - now;
    }
    return next;
}

int64_t tasks_start_waiting(worker *self, int64_t timeout_ms)
{
    int64_t now = clock_mono_ms(self->options.clock), next = timeout_ms;
    void *value;

    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value) && !self->closing;)
        next = start_waiting(self, value, now, next);
    return next;
}

/* --- Ending ----------------------------------------------------------------------------------- */

static int64_t back_off(const worker *self, const connector *one, const task_slot *slot)
{
    const retry_restart rules = {.first_ms = one->common.restart_backoff_ms,
                                 .most_ms = one->common.restart_backoff_max_ms,
                                 .failure_count = slot->failure_count,
                                 .is_passing = slot->task->outcome == WEIR_RETRY};

    /* The clock's last digits are chance enough: tasks that failed together do not start together. */
    return retry_restart_after(&rules,
                               (uint64_t)self->options.clock->mono_ns(self->options.clock) / 1000);
}

static void report_end(const connector *one, int number, const task_slot *slot)
{
    char text[16];
    diag_pair pairs[] = {
        {"connector", one->name},
        {"task", {text, (size_t)snprintf(text, sizeof(text), "%d", number)}},
    };

    if (slot->state == TASK_COMPLETED)
        diag_with(WEIR_INFO, pairs, 2, "task has completed");
    else if (slot->state == TASK_WAITING)
        diag_with(slot->task->outcome == WEIR_RETRY ? WEIR_WARN : WEIR_ERROR, pairs, 2,
                  "task failed and is started again: %s", slot->last_error);
    else if (slot->state == TASK_FAILED)
        diag_with(WEIR_ERROR, pairs, 2, "task failed: %s", slot->last_error);
}

static void note_failure(worker *self, const connector *one, task_slot *slot)
{
    const connect_task *task = slot->task;
    int64_t limit = one->common.restart_max;

    snprintf(slot->last_error, sizeof(slot->last_error), "%s", task->error.message);
    slot->failed_at_ms = clock_wall_ms(self->options.clock);
    if (task->outcome == WEIR_CONFIG || task->was_fenced ||
        (limit >= 0 && slot->failure_count >= limit)) {
        slot->state = TASK_FAILED;
        slot->failure_count++;
        return;
    }
    slot->state = TASK_WAITING;
    slot->restart_at_ms = clock_mono_ms(self->options.clock) + back_off(self, one, slot);
    slot->failure_count++;
    slot->restart_count++;
}

static void task_has_ended(worker *self, connector *one, int number)
{
    task_slot *slot = &one->tasks[number];
    connect_task *task = slot->task;

    task_join(task);
    if (task->was_useful)
        slot->failure_count = 0;
    if (task->outcome == WEIR_OK || (task->outcome == WEIR_RETRY && task_is_stopping(task)))
        slot->state = TASK_STOPPED;
    else if (task->outcome == WEIR_END)
        slot->state = TASK_COMPLETED;
    else
        note_failure(self, one, slot);
    report_end(one, number, slot);
    if (!self->closing)
        connector_pursue(self, one);
    else
        worker_changed(self);
}

bool tasks_take_endings(worker *self)
{
    connect_task *ended;
    bool any;

    pthread_mutex_lock(&self->lock);
    ended = self->ended;
    self->ended = NULL;
    pthread_mutex_unlock(&self->lock);
    any = ended != NULL;
    while (ended != NULL) {
        connect_task *next = ended->next_ended;
        connector *one = worker_find(self, ended->connector);

        task_has_ended(self, one, ended->number);
        ended = next;
    }
    return any;
}

bool connector_stop(connector *one)
{
    bool has_thread = false;

    for (int i = 0; i < one->task_count; i++) {
        task_slot *slot = &one->tasks[i];

        if (slot->state == TASK_STARTED)
            task_ask_to_stop(slot->task);
        else if (slot->state == TASK_WAITING)
            slot->state = TASK_STOPPED;
        has_thread |= slot->state == TASK_STARTED;
    }
    return !has_thread;
}
