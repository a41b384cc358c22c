/* sink_commit.c - flush, and only then the commit of what became durable: offsets and dead letters in one unit.
 *
 * A commit whose outcome is not known ends the task: its next start reads the offsets from the log. Nothing in
 * memory moves before the outcome is known: durable, holds and what others see move together, behind it.
 */
#include "runtime/connect/sink_state.h"

#include <inttypes.h>
#include <string.h>

enum { COMMIT_WAIT_MS = 1000, STOP_WAIT_MS = 30000 };

static bool has_moved(const sink_task *self, const weir_offsets *durable_now,
                      const sink_partition *of)
{
    return weir_offsets_get(durable_now, of->topic, of->partition) >
           weir_offsets_get(self->committed, of->topic, of->partition);
}

static void write_offset(const sink_task *self, const sink_partition *of, int64_t offset,
                         weir_buf *key, weir_buf *value)
{
    durable_sink_key(self->task->connector, of->topic, of->partition, key);
    durable_offset_value(of->topic_id, offset, value);
}

static weir_code add_offsets(sink_task *self, const weir_offsets *durable_now, weir_error *err)
{
    for (size_t i = 0; i < sink_partition_count(self); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
        const sink_partition *of = sink_partition_at(self, i);

        if (!has_moved(self, durable_now, of))
            continue;
        write_offset(self, of, weir_offsets_get(durable_now, of->topic, of->partition), &key,
                     &value);
        if (log_add(self->writer,
                    &(log_record){.topic = DURABLE_OFFSETS,
                                  .partition = 0,
                                  .timestamp_ms = -1,
                                  .key = weir_buf_str(&key),
                                  .value = weir_buf_str(&value)},
                    err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static void show_committed(sink_task *self, const sink_partition *of, int64_t offset)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    for (size_t i = 0; i < view->partition_count; i++)
        if (view->partitions[i].partition == of->partition &&
            weir_str_eq(view->partitions[i].topic, of->topic))
            view->partitions[i].committed = offset;
    pthread_mutex_unlock(&view->lock);
}

/* The unit is in the log: now everybody may know. */
static void take_note(sink_task *self, const weir_offsets *durable_now)
{
    connect_task *task = self->task;
    int64_t waiting;

    for (size_t i = 0; i < sink_partition_count(self); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
        const sink_partition *of = sink_partition_at(self, i);
        int64_t offset = weir_offsets_get(durable_now, of->topic, of->partition);

        if (!has_moved(self, durable_now, of))
            continue;
        write_offset(self, of, offset, &key, &value);
        durable_committed(task->world->durable, weir_buf_str(&key), weir_buf_str(&value));
        offsets_put(self->committed, of->topic, of->partition, offset);
        log_hold(task->world->log, task->connector, of->topic, of->partition, offset);
        show_committed(self, of, offset);
    }
    waiting = (int64_t)dead_letters_count(task->dead_letters);
    dead_letters_forget(task->dead_letters, durable_now);
    waiting -= (int64_t)dead_letters_count(task->dead_letters);
    pthread_mutex_lock(&task->view.lock);
    if (task->common.dead_letter_topic.len > 0)
        task->view.dead_letter_count += waiting; /* they do not wait any more */
    pthread_mutex_unlock(&task->view.lock);
    task->was_useful = true;
}

/* A commit may wait for room in the log; a task that shall stop does not, or not for long. */
static log_outcome wait_for_outcome(sink_task *self, log_ticket ticket, weir_error *err)
{
    clock_source *time = self->task->world->clock;
    int64_t stop_at_ms = INT64_MAX;
    log_outcome outcome;

    while ((outcome = log_wait(self->writer, ticket, COMMIT_WAIT_MS, err)) == LOG_PENDING) {
        if (task_is_stopping(self->task) && stop_at_ms == INT64_MAX)
            stop_at_ms = clock_mono_ms(time) + STOP_WAIT_MS;
        if (clock_mono_ms(time) >= stop_at_ms)
            break;
    }
    return outcome;
}

static weir_code take_outcome(sink_task *self, log_outcome outcome, weir_error *err)
{
    switch (outcome) {
    case LOG_COMMITTED:
        return WEIR_OK;
    case LOG_PENDING:
        task_distrust(self->task);
        return weir_fail(err, WEIR_RETRY, "committing offsets took too long for a task that stops");
    case LOG_ABORTED:
        return weir_fail(err, WEIR_RETRY,
                         "the commit of offsets was aborted; the task resumes from those before");
    case LOG_UNKNOWN: /* the log alone knows where to go on */
        task_distrust(self->task);
        return weir_fail(err, WEIR_RETRY,
                         "the outcome of a commit of offsets is not known; the task resumes from "
                         "those in the log");
    case LOG_FENCED:
        self->task->was_fenced = true;
        return weir_fail(err, WEIR_FATAL, "a newer start of this task has taken over");
    case LOG_STOPPED:
        return err->code == WEIR_RETRY ? err->code : (err->code = WEIR_FATAL);
    }
    return weir_fail(err, WEIR_FATAL, "a commit ended in a way that is not known");
}

static weir_code commit(sink_task *self, const weir_offsets *durable_now, weir_error *err)
{
    weir_code code;

    if (add_offsets(self, durable_now, err) != WEIR_OK ||
        dead_letters_write(self->task->dead_letters, self->writer, durable_now, err) != WEIR_OK) {
        log_discard(self->writer);
        return err->code;
    }
    if (log_unit_bytes(self->writer) == 0)
        return WEIR_OK;
    code = take_outcome(self, wait_for_outcome(self, log_commit(self->writer), err), err);
    if (code == WEIR_OK)
        take_note(self, durable_now);
    return code;
}

static bool is_everything(const sink_task *self, const weir_offsets *durable_now)
{
    for (size_t i = 0; i < sink_partition_count(self); i++) {
        const sink_partition *of = sink_partition_at(self, i);

        if (weir_offsets_get(durable_now, of->topic, of->partition) <
            weir_offsets_get(self->put, of->topic, of->partition))
            return false;
    }
    return true;
}

weir_code sink_flush(sink_task *self, weir_error *err)
{
    WEIR_CLEANUP(offsets_freep) weir_offsets *offsets = offsets_new();
    connect_task *task = self->task;
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;

    while (weir_offsets_next(self->put, &at, &topic, &partition, &offset))
        offsets_put(offsets, topic, partition, offset);
    if (plugin_outcome(task->plugin, self->sink->flush(&task->base, self->state, offsets, err),
                       err) != WEIR_OK)
        return err->code;
    self->is_partial = self->is_dirty = !is_everything(self, offsets);
    self->flushed_at_ms = clock_mono_ms(task->world->clock);
    pthread_mutex_lock(&task->view.lock);
    task->view.commit_count++;
    if (!self->is_dirty)
        task->view.pending_since_ms = 0;
    pthread_mutex_unlock(&task->view.lock);
    return commit(self, offsets, err);
}
