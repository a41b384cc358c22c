/* sink_partitions.c - which partitions a sink's task reads, and from where. */
#include "runtime/connect/sink_state.h"

#include "runtime/base/diag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t sink_partition_count(const sink_task *self)
{
    return self->partitions.len / sizeof(sink_partition);
}

sink_partition *sink_partition_at(const sink_task *self, size_t i)
{
    return (sink_partition *)(void *)self->partitions.ptr + i;
}

sink_partition *sink_partition_find(const sink_task *self, weir_str topic, int32_t partition)
{
    for (size_t i = 0; i < sink_partition_count(self); i++) {
        sink_partition *found = sink_partition_at(self, i);

        if (found->partition == partition && weir_str_eq(found->topic, topic))
            return found;
    }
    return NULL;
}

/* --- Taking ----------------------------------------------------------------------------------- */

/* Where the worker would go on: the committed offset, if it was of this very topic, else the beginning. */
static weir_code committed_offset(sink_task *self, const log_topic *topic, int32_t partition,
                                  int64_t *offset, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    connect_task *task = self->task;
    weir_str id;

    durable_sink_key(task->connector, topic->name, partition, &key);
    if (!durable_offset(task->world->durable, weir_buf_str(&key), &value))
        return log_offset_of(task->world->log, topic->name, partition, LOG_EARLIEST, offset, err);
    id = weir_offset_text(&task->base, weir_buf_str(&value), "topic_id");
    if (id.len > 0 && !weir_str_eq(id, weir_cstr(topic->id)))
        return weir_fail(
            err, WEIR_FATAL,
            "topic %.*s was deleted and made again since offsets of it were committed; "
            "delete the connector's offsets to read it from the beginning",
            WEIR_ARG(topic->name));
    if (!weir_offset_int(weir_buf_str(&value), "kafka_offset", offset))
        return weir_fail(err, WEIR_FATAL, "the committed offset of %.*s-%d has no \"kafka_offset\"",
                         WEIR_ARG(topic->name), partition);
    return WEIR_OK;
}

/* Tells the destination where somebody has set the offset while the connector was stopped, and takes the mark away:
 * after a crash between the two it is told once more, with nothing written since. */
static weir_code tell_altered(sink_task *self, weir_str topic, int32_t partition, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0}, where = {0};
    connect_task *task = self->task;
    int64_t offset = -1;

    durable_sink_partition(topic, partition, &where);
    durable_altered_key(task->connector, weir_buf_str(&where), &key);
    if (!durable_offset(task->world->durable, weir_buf_str(&key), &value))
        return WEIR_OK;
    if (!weir_offset_int(weir_buf_str(&value), "kafka_offset", &offset))
        return weir_fail(err, WEIR_FATAL, "the altered offset of %.*s-%d has no \"kafka_offset\"",
                         WEIR_ARG(topic), partition);
    if (self->sink->alter_offsets != NULL &&
        plugin_outcome(
            task->plugin,
            self->sink->alter_offsets(&task->base, self->state, topic, partition, offset, err),
            err) != WEIR_OK)
        return err->code;
    return durable_put_offset(task->world->durable, weir_buf_str(&key), (weir_str){0}, err);
}

static void show_partition(sink_task *self, weir_str topic, int32_t partition, int64_t offset)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    if (view->partition_count < TASK_PARTITIONS_MAX)
        view->partitions[view->partition_count++] =
            (task_partition){topic, partition, offset, offset};
    pthread_mutex_unlock(&view->lock);
}

/* The destination's commit comes before ours, which has the dead letters: between the two a crash may have come. */
static void warn_of_letters(const sink_task *self, const log_topic *topic, int32_t partition,
                            int64_t committed, int64_t resume)
{
    const connector_settings *common = &self->task->common;

    if (resume > committed && common->dead_letter_topic.len > 0)
        diag(WEIR_WARN,
             "the destination has %.*s-%" PRId32 " up to offset %" PRId64
             ", but only what was refused below %" PRId64
             " is in the dead letter queue %.*s for sure: the worker ended between the two commits",
             WEIR_ARG(topic->name), partition, resume, committed,
             WEIR_ARG(common->dead_letter_topic));
}

static weir_code take(sink_task *self, const log_topic *topic, int32_t partition, weir_error *err)
{
    connect_task *task = self->task;
    sink_partition taken = {.partition = partition};
    int64_t offset = 0, resume = -1;

    if (committed_offset(self, topic, partition, &offset, err) != WEIR_OK ||
        tell_altered(self, topic->name, partition, err) != WEIR_OK)
        return err->code;
    if (self->sink->assigned != NULL &&
        plugin_outcome(
            task->plugin,
            self->sink->assigned(&task->base, self->state, topic->name, partition, &resume, err),
            err) != WEIR_OK)
        return err->code;
    warn_of_letters(self, topic, partition, offset, resume);
    if (resume >= 0)
        offset = resume;
    if (log_reader_assign(self->reader, topic->name, partition, offset, err) != WEIR_OK)
        return weir_wrap(err, "resuming at offset %" PRId64 " of %.*s-%d", offset,
                         WEIR_ARG(topic->name), partition);
    log_hold(task->world->log, task->connector, topic->name, partition, offset);
    offsets_put(self->put, topic->name, partition, offset);
    offsets_put(self->committed, topic->name, partition, offset);
    taken.topic = weir_task_copy(&task->memory, topic->name);
    memcpy(taken.topic_id, topic->id, sizeof(taken.topic_id));
    weir_buf_add(&self->partitions, &taken, sizeof(taken));
    show_partition(self, taken.topic, partition, offset);
    return WEIR_OK;
}

static weir_code take_new(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_str after = {0};
    log_topic topic;

    while (log_topic_next(task->world->log, &after, &topic)) {
        bool reads;

        if (selector_matches(self->selector, topic.name, &reads, err) != WEIR_OK)
            return err->code;
        if (!reads)
            continue;
        for (int32_t p = 0; p < topic.config.partitions; p++) {
            if (sink_partition_find(self, topic.name, p) != NULL ||
                assignment_owner(task->assignment, topic.name, p) != task->number)
                continue;
            if (take(self, &topic, p, err) != WEIR_OK)
                return err->code;
        }
    }
    return WEIR_OK;
}

/* --- Giving up -------------------------------------------------------------------------------- */

static bool is_gone(const sink_task *self, const sink_partition *assigned)
{
    log_topic topic;

    return !log_topic_find(self->task->world->log, assigned->topic, &topic) ||
           memcmp(topic.id, assigned->topic_id, sizeof(topic.id)) != 0;
}

static void hide_partition(sink_task *self, const sink_partition *gone)
{
    task_view *view = &self->task->view;
    size_t i = 0;

    pthread_mutex_lock(&view->lock);
    while (i < view->partition_count && (view->partitions[i].partition != gone->partition ||
                                         !weir_str_eq(view->partitions[i].topic, gone->topic)))
        i++;
    if (i < view->partition_count)
        view->partitions[i] = view->partitions[--view->partition_count];
    pthread_mutex_unlock(&view->lock);
}

static weir_code give_up(sink_task *self, size_t i, weir_error *err)
{
    connect_task *task = self->task;
    sink_partition gone = *sink_partition_at(self, i);
    log_topic again;

    self->partitions.len -= sizeof(gone);
    *sink_partition_at(self, i) = *sink_partition_at(self, sink_partition_count(self));
    log_reader_revoke(self->reader, gone.topic, gone.partition);
    offsets_remove(self->put, gone.topic, gone.partition);
    offsets_remove(self->committed, gone.topic, gone.partition);
    if (!log_topic_find(task->world->log, gone.topic, &again)) /* else it is the new one's */
        log_hold(task->world->log, task->connector, gone.topic, gone.partition, -1);
    hide_partition(self, &gone);
    assignment_give_back(task->assignment, gone.topic, gone.partition);
    diag(WEIR_WARN, "topic %.*s is gone; partition %" PRId32 " of it is no longer read",
         WEIR_ARG(gone.topic), gone.partition);
    if (self->sink->revoked == NULL)
        return WEIR_OK;
    return plugin_outcome(
        task->plugin,
        self->sink->revoked(&task->base, self->state, gone.topic, gone.partition, err), err);
}

static weir_code give_up_gone(sink_task *self, weir_error *err)
{
    bool any = false;

    for (size_t i = 0; i < sink_partition_count(self); i++)
        if (is_gone(self, sink_partition_at(self, i))) {
            dead_letters_drop(self->task->dead_letters, sink_partition_at(self, i)->topic);
            any = true;
        }
    /* What was put of them is still wanted at the destination. */
    if (any && self->is_dirty && sink_flush(self, err) != WEIR_OK)
        return err->code;
    for (size_t i = sink_partition_count(self); any && i-- > 0;)
        if (is_gone(self, sink_partition_at(self, i)) && give_up(self, i, err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

bool sink_may_have_others(const sink_task *self)
{
    return log_topics_generation(self->task->world->log) != self->topics_generation ||
           assignment_generation(self->task->assignment) != self->assignment_generation;
}

weir_code sink_find_partitions(sink_task *self, weir_error *err)
{
    self->topics_generation = log_topics_generation(self->task->world->log);
    self->assignment_generation = assignment_generation(self->task->assignment);
    if (give_up_gone(self, err) != WEIR_OK)
        return err->code;
    return take_new(self, err);
}
