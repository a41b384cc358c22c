/* worker_status.c - states: their names, and the log's record of them. */
#include "runtime/connect/worker_state.h"

#include <assert.h>
#include <stdio.h>

static const char *const target_names[] = {"RUNNING", "PAUSED", "STOPPED"};

const char *target_state_name(target_state state)
{
    return target_names[state];
}

bool target_state_parse(weir_str name, target_state *out)
{
    for (int i = TARGET_RUNNING; i <= TARGET_STOPPED; i++)
        if (weir_str_eq(weir_cstr(target_names[i]), name)) {
            *out = (target_state)i;
            return true;
        }
    return false;
}

const char *slot_state_name(const connector *one, const task_slot *slot)
{
    bool running = false;

    switch (slot->state) {
    case TASK_STARTED:
        pthread_mutex_lock(&slot->task->view.lock);
        running = slot->task->view.is_running;
        pthread_mutex_unlock(&slot->task->view.lock);
        return running ? "RUNNING" : slot->failure_count > 0 ? "RESTARTING" : "UNASSIGNED";
    case TASK_STOPPED:
        return target_state_name(one->target == TARGET_RUNNING ? TARGET_STOPPED : one->target);
    case TASK_WAITING: /* what should pass by itself is no failure yet */
        return slot->task->outcome == WEIR_RETRY ? "RESTARTING" : "FAILED";
    case TASK_FAILED:
        return "FAILED";
    case TASK_COMPLETED:
        return "COMPLETED";
    }
    return "UNASSIGNED";
}

const char *connector_state_name(const connector *one)
{
    return one->trace[0] != '\0' ? "FAILED" : target_state_name(one->target);
}

const char *slot_trace(const task_slot *slot)
{
    return slot->state == TASK_FAILED || slot->state == TASK_WAITING ? slot->last_error : "";
}

static void note_task(worker *self, const connector *one, int number, const char *state)
{
    const task_slot *slot = &one->tasks[number];

    assert(one->plugin != NULL); /* without one there are no tasks */
    status_put(self->statuses, one->name, number,
               &(status_record){.state = weir_cstr(state),
                                .trace = weir_cstr(slot_trace(slot)),
                                .worker_id = weir_cstr(self->id),
                                .version = weir_cstr(one->plugin->version),
                                .restart_count = slot->restart_count,
                                .failure_count = slot->failure_count,
                                .last_error = weir_cstr(slot->last_error),
                                .failed_at_ms = slot->failed_at_ms});
}

static void note_connector(worker *self, const connector *one, const char *state)
{
    status_put(self->statuses, one->name, STATUS_CONNECTOR,
               &(status_record){.state = weir_cstr(state),
                                .trace = weir_cstr(one->trace),
                                .worker_id = weir_cstr(self->id),
                                .version = one->plugin != NULL ? weir_cstr(one->plugin->version)
                                                               : (weir_str){0}});
}

bool states_publish(worker *self)
{
    void *value;

    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);) {
        const connector *one = value;

        note_connector(self, one, connector_state_name(one));
        for (int i = 0; i < one->task_count; i++)
            note_task(self, one, i, slot_state_name(one, &one->tasks[i]));
    }
    return status_send(self->statuses);
}

void states_restore(worker *self, connector *one)
{
    status_record known;

    for (int i = 0; i < one->task_count; i++) {
        task_slot *slot = &one->tasks[i];

        if (!status_get(self->statuses, one->name, i, &known))
            continue;
        slot->restart_count = known.restart_count;
        slot->failure_count = known.failure_count;
        slot->failed_at_ms = known.failed_at_ms;
        snprintf(slot->last_error, sizeof(slot->last_error), "%.*s", WEIR_ARG(known.last_error));
    }
    if (one->plugin != NULL)
        status_remove(self->statuses, one->name, one->task_count); /* there were more once */
}

void states_close(worker *self)
{
    void *value;

    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);) {
        const connector *one = value;

        if (one->plugin != NULL && one->target == TARGET_RUNNING)
            note_connector(self, one, "UNASSIGNED");
        for (int i = 0; i < one->task_count; i++)
            if (one->target == TARGET_RUNNING && one->tasks[i].state == TASK_STOPPED)
                note_task(self, one, i, "UNASSIGNED");
    }
}
