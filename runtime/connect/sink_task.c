/* sink_task.c - a sink: read, convert, transform, put, flush, and only then commit its offsets.
 *
 * New topics are picked up while it runs, and those that are gone given up. What is not flushed is read again
 * after a restart; the log keeps it (log_hold) until the committed offset has passed it, also while the
 * connector is paused or stopped.
 */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/connect/sink_state.h"
#include "runtime/connect/unsent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 4 << 20, /* at most; less where the settings allow less under way */
    READ_MS = 200,         /* how soon stops and new topics are noticed while nothing comes */
    DIRTY_READ_MS = 5,     /* nothing more for so long: what was put is flushed */
    PUT_ATTEMPTS = 5,      /* of the same batch at least, before the task is started again */
    REFUSED_MAX = 1000,    /* so many are noted: flush, so that they are committed */
};

/* --- Records ---------------------------------------------------------------------------------- */

/* One attempt; *stage says where it failed. */
static weir_code convert(sink_task *self, uint32_t index, const char **stage, weir_error *err)
{
    connect_task *task = self->task;
    batch_entry *entry = batch_at(self->batch, index);

    *stage = "KEY_CONVERTER";
    if (converter_read(task->key_converter, self->batch, entry, err) != WEIR_OK)
        return err->code;
    *stage = "VALUE_CONVERTER";
    if (converter_read(task->value_converter, self->batch, entry, err) != WEIR_OK ||
        unsent_read(self->batch, index, err) != WEIR_OK)
        return err->code;
    *stage = "TRANSFORMATION";
    return transform_apply(task->transforms, self->batch, entry, err);
}

static weir_str class_at(const connect_task *task, const char *stage)
{
    if (strcmp(stage, "KEY_CONVERTER") == 0)
        return task->common.key_converter;
    if (strcmp(stage, "VALUE_CONVERTER") == 0)
        return task->common.value_converter;
    return WEIR_STR("org.apache.kafka.connect.transforms.Transformation");
}

static weir_code refuse(sink_task *self, const batch_entry *entry, const char *stage,
                        weir_code code, weir_error *err)
{
    char reason[sizeof(err->message)];

    snprintf(reason, sizeof(reason), "%s", err->message);
    return dead_letters_add(
        self->task->dead_letters,
        &(dead_letter){.topic = batch_topic_name(self->batch, entry->log_topic),
                       .partition = entry->log_partition,
                       .offset = entry->log_offset,
                       .timestamp_ms = entry->timestamp_ms,
                       .stage = stage,
                       .class_name = class_at(self->task, stage),
                       .exception = code == WEIR_RETRY
                                        ? "org.apache.kafka.connect.errors.RetriableException"
                                        : "org.apache.kafka.connect.errors.DataException",
                       .reason = reason},
        err);
}

static weir_code prepare_record(sink_task *self, uint32_t index, weir_error *err)
{
    connect_task *task = self->task;
    const batch_entry before = *batch_at(self->batch, index);
    retry rules = task_retry(task);
    const char *stage;
    weir_code code;

    while ((code = convert(self, index, &stage, err)) == WEIR_RETRY && task_try_again(task, &rules))
        *batch_at(self->batch, index) = before; /* some of it was converted already */
    if (code == WEIR_OK || (code != WEIR_REJECT && code != WEIR_RETRY) ||
        (code == WEIR_RETRY && task_is_stopping(task)))
        return code;
    batch_at(self->batch, index)->dropped = true;
    return refuse(self, &before, stage, code, err);
}

/* The same batch again after a passing fault; the connector keeps what it needs to make that harmless. What
 * does not pass so is left to a new start, which connects anew. */
static weir_code put_batch(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;
    retry rules = task_retry(task);
    weir_code code;

    rules.attempts_min = PUT_ATTEMPTS;
    do
        code = plugin_outcome(task->plugin,
                              self->sink->put(&task->base, self->state, self->batch, err), err);
    while (code == WEIR_RETRY && task_try_again(task, &rules));
    return code;
}

static void show_progress(sink_task *self)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    view->record_count += batch_count(self->batch);
    view->byte_count += (int64_t)batch_bytes(self->batch);
    for (size_t i = 0; i < view->partition_count; i++) {
        task_partition *shown = &view->partitions[i];

        shown->position = log_reader_position(self->reader, shown->topic, shown->partition);
    }
    pthread_mutex_unlock(&view->lock);
}

/* From here on there is something that the destination does not have for sure. */
static void show_pending(sink_task *self)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    if (view->pending_since_ms == 0)
        view->pending_since_ms = batch_at(self->batch, 0)->timestamp_ms;
    pthread_mutex_unlock(&view->lock);
}

static weir_code take_batch(sink_task *self, weir_error *err)
{
    show_pending(self);
    for (uint32_t i = 0; i < batch_count(self->batch); i++)
        if (prepare_record(self, i, err) != WEIR_OK)
            return err->code;
    if (put_batch(self, err) != WEIR_OK)
        return err->code;
    self->is_dirty = true;
    for (size_t i = 0; i < sink_partition_count(self); i++) {
        const sink_partition *of = sink_partition_at(self, i);

        offsets_put(self->put, of->topic, of->partition,
                    log_reader_position(self->reader, of->topic, of->partition));
    }
    show_progress(self);
    return WEIR_OK;
}

/* --- Running ---------------------------------------------------------------------------------- */

/* Others may ask whether all that was there is flushed. */
static void show_idle(sink_task *self, bool idle)
{
    task_view *view = &self->task->view;
    bool changed;

    pthread_mutex_lock(&view->lock);
    changed = view->is_idle != idle;
    view->is_idle = idle;
    pthread_mutex_unlock(&view->lock);
    if (changed)
        self->task->world->changed(self->task->world->context);
}

/* When there is nothing more to put, and under load from time to time. What a flush left waits for that time,
 * too: it would not be durable a moment later. */
static bool is_flush_due(const sink_task *self, bool has_records)
{
    const connect_task *task = self->task;
    int64_t interval = self->sink->flush_interval_ms > 0 ? self->sink->flush_interval_ms
                                                         : task->common.flush_interval_ms;

    if (!self->is_dirty)
        return false;
    return (!has_records && !self->is_partial) ||
           dead_letters_count(task->dead_letters) >= REFUSED_MAX ||
           clock_mono_ms(task->world->clock) - self->flushed_at_ms >= interval;
}

static weir_code step(sink_task *self, weir_error *err)
{
    bool has_records;

    if (sink_may_have_others(self) && sink_find_partitions(self, err) != WEIR_OK)
        return err->code;
    batch_clear(self->batch);
    if (log_read(self->reader, self->batch,
                 self->is_dirty && !self->is_partial ? DIRTY_READ_MS : READ_MS, err) != WEIR_OK)
        return sink_may_have_others(self) ? WEIR_OK
                                          : err->code; /* a topic went while it was read */
    has_records = batch_count(self->batch) > 0;
    if (has_records) {
        show_idle(self, false);
        if (take_batch(self, err) != WEIR_OK)
            return err->code;
    }
    if (is_flush_due(self, has_records) && sink_flush(self, err) != WEIR_OK)
        return err->code;
    if (!has_records && !self->is_dirty)
        show_idle(self, true);
    return WEIR_OK;
}

static weir_code run(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_code code = WEIR_OK;

    if (self->sink->open != NULL)
        code = plugin_outcome(task->plugin, self->sink->open(&task->base, self->state, err), err);
    if (code == WEIR_OK)
        code = sink_find_partitions(self, err);
    if (code == WEIR_OK) {
        task_opened(task);
        self->flushed_at_ms = clock_mono_ms(task->world->clock);
    }
    while (code == WEIR_OK && !task_is_stopping(task))
        code = step(self, err);
    if (code == WEIR_OK && self->is_dirty)
        code = sink_flush(self, err);
    if (self->sink->close != NULL)
        self->sink->close(&task->base, self->state);
    return code;
}

static void wake_reader(connect_task *task)
{
    log_reader_wake(task->wake_target);
}

static weir_code open_log(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;

    if (selector_new(task->common.topics, task->common.topics_regex, &self->selector, err) !=
            WEIR_OK ||
        task_open_writer(task, &self->writer, err) != WEIR_OK)
        return err->code;
    return log_reader_open(task->world->log, &self->reader, err);
}

weir_code sink_task_run(connect_task *task, weir_error *err)
{
    sink_task *self = mem_zalloc(1, sizeof(*self));
    weir_code code;

    self->task = task;
    self->sink = &task->plugin->sink;
    self->state = task->state;
    self->batch =
        batch_new(task->common.in_flight_bytes < BATCH_BYTES ? (size_t)task->common.in_flight_bytes
                                                             : BATCH_BYTES);
    self->put = offsets_new();
    self->committed = offsets_new();
    task->dead_letters = dead_letters_new(task);
    code = open_log(self, err);
    if (code == WEIR_OK) {
        task_set_wake(task, wake_reader, self->reader);
        code = run(self, err);
        task_set_wake(task, NULL, NULL);
    }
    if (self->reader != NULL)
        log_reader_close(self->reader);
    log_writer_close(self->writer);
    dead_letters_free(task->dead_letters);
    task->dead_letters = NULL;
    selector_free(self->selector);
    weir_buf_done(&self->partitions);
    offsets_free(self->put);
    offsets_free(self->committed);
    batch_free(self->batch);
    free(self);
    return code;
}
