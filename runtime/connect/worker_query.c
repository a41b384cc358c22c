/* worker_query.c - what a worker tells about its connectors. */
#include "runtime/connect/worker_state.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct inquiry {
    weir_str name;
    json_t *answer;
    bool yes;
    weir_error *err;
} inquiry;

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *text(weir_str value)
{
    return json_stringn(value.ptr != NULL ? value.ptr : "", value.len);
}

/* Sorts the names in place, and returns them as an array. */
static json_t *sorted_array(const char **all, size_t count)
{
    json_t *array = json_array();

    qsort(all, count, sizeof(*all), compare_names);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(all[i]));
    return array;
}

static bool names(worker *self, void *context)
{
    inquiry *question = context;
    const char **all = mem_zalloc(weir_map_count(self->connectors) + 1, sizeof(*all));
    size_t count = 0;
    void *value;

    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value);)
        all[count++] = ((connector *)value)->name.ptr;
    question->answer = sorted_array(all, count);
    free(all);
    return true;
}

json_t *worker_names(worker *self)
{
    inquiry question = {0};

    worker_call(self, names, &question);
    return question.answer;
}

static json_t *object_of(const config_setting *settings, size_t count)
{
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, settings[i].name.ptr, text(settings[i].value));
    return object;
}

static bool config(worker *self, void *context)
{
    inquiry *question = context;
    const connector *one = worker_find(self, question->name);

    if (one == NULL)
        return true;
    question->answer = object_of(one->settings, one->setting_count);
    return true;
}

json_t *worker_config(worker *self, weir_str name)
{
    inquiry question = {.name = name};

    worker_call(self, config, &question);
    return question.answer;
}

static bool task_configs(worker *self, void *context)
{
    inquiry *question = context;
    const connector *one = worker_find(self, question->name);

    if (one == NULL)
        return true;
    question->answer = json_array();
    for (int i = 0; i < one->task_count; i++)
        json_array_append_new(question->answer,
                              object_of(one->tasks[i].settings, one->tasks[i].setting_count));
    return true;
}

json_t *worker_task_configs(worker *self, weir_str name)
{
    inquiry question = {.name = name};

    worker_call(self, task_configs, &question);
    return question.answer;
}

static void add_view(worker *self, task_view *view, json_t *task)
{
    json_t *partitions = json_array(), *gauges = json_object(), *held = json_array();

    pthread_mutex_lock(&view->lock);
    json_object_set_new(task, "phase", json_string(view->phase));
    json_object_set_new(task, "done", json_integer(view->done_count));
    json_object_set_new(task, "total", json_integer(view->total_count));
    json_object_set_new(task, "records", json_integer(view->record_count));
    json_object_set_new(task, "bytes", json_integer(view->byte_count));
    json_object_set_new(task, "errors", json_integer(view->error_count));
    json_object_set_new(task, "commits", json_integer(view->commit_count));
    json_object_set_new(task, "dead_letters", json_integer(view->dead_letter_count));
    json_object_set_new(task, "last_record_ms", json_integer(view->last_record_ms));
    json_object_set_new(task, "pending_since_ms", json_integer(view->pending_since_ms));
    json_object_set_new(task, "in_flight_bytes", json_integer(view->in_flight_bytes));
    json_object_set_new(task, "waits", json_integer(view->waits_for[0] != 0));
    json_object_set_new(task, "waits_for", json_string(view->waits_for));
    for (size_t i = 0; i < view->partition_count; i++) {
        const task_partition *partition = &view->partitions[i];
        int64_t end = partition->position;
        weir_error err; /* without an end there is no lag to show */

        (void)!log_offset_of(self->options.log, partition->topic, partition->partition, LOG_LATEST,
                             &end, &err);
        json_array_append_new(
            partitions, json_pack("{s:s%,s:i,s:I,s:I,s:I}", "topic", partition->topic.ptr,
                                  partition->topic.len, "partition", partition->partition,
                                  "position", (json_int_t)partition->position, "end",
                                  (json_int_t)end, "committed", (json_int_t)partition->committed));
    }
    for (size_t i = 0; i < view->held_count; i++)
        json_array_append_new(held,
                              json_pack("{s:s%,s:s}", "topic", view->held[i].topic.ptr,
                                        view->held[i].topic.len, "reason", view->held[i].reason));
    for (size_t i = 0; i < view->gauge_count; i++)
        json_object_set_new(gauges, view->gauges[i].name, json_real(view->gauges[i].value));
    pthread_mutex_unlock(&view->lock);
    json_object_set_new(task, "partitions", partitions);
    json_object_set_new(task, "gauges", gauges);
    if (json_array_size(held) > 0)
        json_object_set(task, "held", held);
    json_decref(held);
}

static json_t *task_status(worker *self, const connector *one, int number)
{
    const task_slot *slot = &one->tasks[number];
    json_t *task = json_object();

    assert(one->plugin != NULL); /* without one there are no tasks */
    json_object_set_new(task, "id", json_integer(number));
    json_object_set_new(task, "state", json_string(slot_state_name(one, slot)));
    json_object_set_new(task, "worker_id", json_string(self->id));
    json_object_set_new(task, "version", json_string(one->plugin->version));
    if (slot_trace(slot)[0] != '\0')
        json_object_set_new(task, "trace", json_string(slot_trace(slot)));
    json_object_set_new(task, "restarts", json_integer(slot->restart_count));
    if (slot->last_error[0] != '\0') {
        json_object_set_new(task, "last_error", json_string(slot->last_error));
        json_object_set_new(task, "last_error_ms", json_integer(slot->failed_at_ms));
    }
    if (slot->state == TASK_WAITING)
        json_object_set_new(task, "retry_at_ms",
                            json_integer(clock_wall_ms(self->options.clock) + slot->restart_at_ms -
                                         clock_mono_ms(self->options.clock)));
    if (slot->task != NULL)
        add_view(self, &slot->task->view, task);
    return task;
}

static bool status(worker *self, void *context)
{
    inquiry *question = context;
    const connector *one = worker_find(self, question->name);
    json_t *head, *tasks = json_array();
    bool is_sink;

    if (one == NULL) {
        json_decref(tasks);
        return true;
    }
    is_sink = one->plugin != NULL
                  ? one->plugin->kind == PLUGIN_SINK
                  : one->common.topics.count > 0 || one->common.topics_regex.len > 0;
    head = json_object();
    json_object_set_new(head, "state", json_string(connector_state_name(one)));
    json_object_set_new(head, "worker_id", json_string(self->id));
    if (one->trace[0] != '\0')
        json_object_set_new(head, "trace", json_string(one->trace));
    if (one->plugin != NULL)
        json_object_set_new(head, "version", json_string(one->plugin->version));
    for (int i = 0; i < one->task_count; i++)
        json_array_append_new(tasks, task_status(self, one, i));
    question->answer = json_object();
    json_object_set_new(question->answer, "name", text(one->name));
    json_object_set_new(question->answer, "connector", head);
    json_object_set_new(question->answer, "tasks", tasks);
    json_object_set_new(question->answer, "type", json_string(is_sink ? "sink" : "source"));
    return true;
}

json_t *worker_status(worker *self, weir_str name)
{
    inquiry question = {.name = name};

    worker_call(self, status, &question);
    return question.answer;
}

static void add_offset(void *context, weir_str partition, weir_str offset)
{
    json_array_append_new(context,
                          json_pack("{s:o,s:o}", "partition",
                                    json_loadb(partition.ptr, partition.len, 0, NULL), "offset",
                                    json_loadb(offset.ptr, offset.len, 0, NULL)));
}

static bool offsets(worker *self, void *context)
{
    inquiry *question = context;

    if (worker_find(self, question->name) == NULL)
        return true;
    question->answer = json_array();
    durable_each_offset(self->durable, question->name, add_offset, question->answer);
    return true;
}

json_t *worker_offsets(worker *self, weir_str name)
{
    inquiry question = {.name = name};

    worker_call(self, offsets, &question);
    return question.answer;
}

static void add_topics(task_view *view, json_t *set)
{
    pthread_mutex_lock(&view->lock);
    for (size_t p = 0; p < view->partition_count; p++)
        json_object_setn_new(set, view->partitions[p].topic.ptr, view->partitions[p].topic.len,
                             json_true());
    for (size_t t = 0; t < view->topic_count; t++)
        json_object_setn_new(set, view->topics[t].ptr, view->topics[t].len, json_true());
    pthread_mutex_unlock(&view->lock);
}

/* Each once, whatever number of tasks and partitions it has. */
static bool topics(worker *self, void *context)
{
    inquiry *question = context;
    const connector *one = worker_find(self, question->name);
    json_t *set, *value;
    const char **all, *name;
    size_t count = 0;

    if (one == NULL)
        return true;
    set = json_object();
    for (int i = 0; i < one->task_count; i++)
        if (one->tasks[i].task != NULL)
            add_topics(&one->tasks[i].task->view, set);
    all = mem_zalloc(json_object_size(set) + 1, sizeof(*all));
    json_object_foreach(set, name, value) all[count++] = name;
    question->answer = sorted_array(all, count);
    free(all);
    json_decref(set);
    return true;
}

json_t *worker_topics(worker *self, weir_str name)
{
    inquiry question = {.name = name};

    worker_call(self, topics, &question);
    return question.answer;
}

/* A sink is through when it is idle and stands at the end of all its partitions. */
static bool sink_is_through(worker *self, const task_slot *slot)
{
    task_view *view = &slot->task->view;
    bool through;

    pthread_mutex_lock(&view->lock);
    through = view->is_running && view->is_idle;
    for (size_t i = 0; i < view->partition_count && through; i++) {
        const task_partition *partition = &view->partitions[i];
        int64_t end = 0;
        weir_error err; /* an end that cannot be read is not reached */

        through = log_offset_of(self->options.log, partition->topic, partition->partition,
                                LOG_LATEST, &end, &err) == WEIR_OK &&
                  partition->position >= end;
    }
    pthread_mutex_unlock(&view->lock);
    return through;
}

static bool finished(worker *self, void *context)
{
    inquiry *question = context;
    bool has_source = false;
    void *value;

    question->yes = true;
    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value) && question->yes;) {
        const connector *one = value;

        if (one->task_count == 0 || one->target == TARGET_STOPPED)
            continue; /* what failed or is stopped has nothing to finish */
        has_source |= one->plugin->kind == PLUGIN_SOURCE;
        for (int i = 0; i < one->task_count && question->yes; i++) {
            const task_slot *slot = &one->tasks[i];

            if (one->plugin->kind == PLUGIN_SOURCE)
                question->yes = slot->state == TASK_COMPLETED;
            else
                question->yes = slot->state == TASK_STARTED && sink_is_through(self, slot);
        }
    }
    question->yes &= has_source;
    return true;
}

bool worker_is_finished(worker *self)
{
    inquiry question = {0};

    worker_call(self, finished, &question);
    return question.yes;
}

static bool failure(worker *self, void *context)
{
    inquiry *question = context;
    void *value;

    for (size_t at = 0; weir_map_next(self->connectors, &at, NULL, &value) && !question->yes;) {
        const connector *one = value;
        const char *trace = one->trace[0] != '\0' ? one->trace : NULL;

        for (int i = 0; i < one->task_count && trace == NULL; i++)
            if (one->tasks[i].state == TASK_FAILED)
                trace = one->tasks[i].last_error;
        if (trace == NULL)
            continue;
        question->yes = true;
        weir_fail(question->err, WEIR_FATAL, "connector %.*s: %s", WEIR_ARG(one->name), trace);
    }
    return true;
}

bool worker_failure(worker *self, weir_error *err)
{
    inquiry question = {.err = err};

    worker_call(self, failure, &question);
    return question.yes;
}

uint64_t worker_wait_change(worker *self, uint64_t generation, int timeout_ms)
{
    struct timespec until;
    uint64_t now;

    clock_deadline(&until, timeout_ms);
    pthread_mutex_lock(&self->lock);
    while (self->generation == generation &&
           pthread_cond_timedwait(&self->changed, &self->lock, &until) != ETIMEDOUT)
        continue;
    now = self->generation;
    pthread_mutex_unlock(&self->lock);
    return now;
}
