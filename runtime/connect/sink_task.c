/* sink_task.c - a sink: read, convert, transform, put, flush, and only then commit its offsets.
 *
 * The task finds its partitions itself: of all partitions of matching topics, in the order of their names,
 * every count-th one. New topics are picked up while it runs. What is not flushed is read again after a
 * restart; the log keeps it (log_hold) until the committed offset has passed it, also while the connector is
 * paused or stopped.
 */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/connect/task.h"
#include "runtime/connect/unsent.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <inttypes.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 4 << 20,
    READ_MS = 200,     /* how soon stops and new topics are noticed while nothing comes */
    DIRTY_READ_MS = 5, /* nothing more for so long: what was put is flushed */
    PUT_TRIES = 5,     /* of the same batch, before the task is restarted */
    COMMIT_WAIT_MS = 1000,
};

typedef struct sink_task {
    connect_task *task;
    const weir_sink *sink;
    void *state;
    log_reader *reader;
    log_writer *writer;
    weir_batch *batch;
    pcre2_code *regex;
    pcre2_match_data *match;
    uint64_t topics_generation;
    weir_offsets *put;       /* the next offset to put, of each partition */
    weir_offsets *committed; /* what was committed last */
    bool dirty;              /* something was put since the last flush */
    int64_t flushed_at_ms;
} sink_task;

/* --- Partitions ------------------------------------------------------------------------------- */

static weir_code compile_regex(sink_task *self, weir_error *err)
{
    weir_str regex = self->task->common.topics_regex;
    int problem;
    PCRE2_SIZE at;

    if (regex.len == 0)
        return WEIR_OK;
    self->regex =
        pcre2_compile((PCRE2_SPTR)regex.ptr, regex.len,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &problem, &at, NULL);
    if (self->regex == NULL)
        return weir_fail(err, WEIR_CONFIG, "topics.regex \"%.*s\" is no regular expression",
                         WEIR_ARG(regex));
    self->match = pcre2_match_data_create_from_pattern(self->regex, NULL);
    return WEIR_OK;
}

static bool is_internal(weir_str topic)
{
    return (topic.len > 2 && memcmp(topic.ptr, "__", 2) == 0) ||
           weir_str_eq(topic, WEIR_STR("_schemas"));
}

static bool matches(const sink_task *self, weir_str topic)
{
    weir_list topics = self->task->common.topics;

    for (size_t i = 0; i < topics.count; i++)
        if (weir_str_eq(topics.items[i], topic))
            return true;
    return self->regex != NULL && !is_internal(topic) &&
           pcre2_match(self->regex, (PCRE2_SPTR)topic.ptr, topic.len, 0, 0, self->match, NULL) >= 0;
}

/* Where the worker would go on: the committed offset, if it was of this very topic, else the beginning. */
static weir_code committed_offset(sink_task *self, const log_topic *topic, int32_t partition,
                                  int64_t *offset, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf where = {0}, key = {0}, value = {0};
    connect_task *task = self->task;
    weir_str id;

    durable_sink_partition(topic->name, partition, &where);
    durable_offset_key(task->connector, weir_buf_str(&where), &key);
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

static void show_partition(sink_task *self, weir_str topic, int32_t partition, int64_t offset)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    if (view->partition_count < TASK_PARTITIONS_MAX)
        view->partitions[view->partition_count++] =
            (task_partition){weir_task_copy(&self->task->memory, topic), partition, offset, offset};
    pthread_mutex_unlock(&view->lock);
}

static weir_code assign(sink_task *self, const log_topic *topic, int32_t partition, weir_error *err)
{
    connect_task *task = self->task;
    int64_t offset, resume = -1;

    if (committed_offset(self, topic, partition, &offset, err) != WEIR_OK)
        return err->code;
    if (self->sink->assigned != NULL && self->sink->assigned(&task->base, self->state, topic->name,
                                                             partition, &resume, err) != WEIR_OK)
        return err->code;
    if (resume >= 0)
        offset = resume;
    if (log_reader_assign(self->reader, topic->name, partition, offset, err) != WEIR_OK)
        return weir_wrap(err, "resuming at offset %" PRId64 " of %.*s-%d", offset,
                         WEIR_ARG(topic->name), partition);
    log_hold(task->world->log, task->connector, topic->name, partition, offset);
    offsets_put(self->put, topic->name, partition, offset);
    offsets_put(self->committed, topic->name, partition, offset);
    show_partition(self, topic->name, partition, offset);
    return WEIR_OK;
}

/* Takes partitions that are new and this task's. */
static weir_code find_partitions(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_str after = {0};
    log_topic topic;
    int place = 0;

    self->topics_generation = log_topics_generation(task->world->log);
    while (log_topic_next(task->world->log, &after, &topic)) {
        if (!matches(self, topic.name))
            continue;
        for (int32_t p = 0; p < topic.config.partitions; p++, place++) {
            if (place % task->count != task->number ||
                weir_offsets_get(self->put, topic.name, p) >= 0)
                continue;
            if (assign(self, &topic, p, err) != WEIR_OK)
                return err->code;
        }
    }
    return WEIR_OK;
}

/* --- Records ---------------------------------------------------------------------------------- */

static weir_code prepare_record(sink_task *self, uint32_t index, weir_error *err)
{
    connect_task *task = self->task;
    batch_entry *entry = batch_at(self->batch, index);
    const char *stage = "KEY_CONVERTER";
    weir_code code = converter_read(task->key_converter, self->batch, entry, err);

    if (code == WEIR_OK) {
        stage = "VALUE_CONVERTER";
        code = converter_read(task->value_converter, self->batch, entry, err);
    }
    if (code == WEIR_OK)
        code = unsent_read(self->batch, index, err);
    if (code == WEIR_OK) {
        stage = "TRANSFORMATION";
        code = transform_apply(task->transforms, self->batch, entry, err);
    }
    if (code != WEIR_REJECT)
        return code;
    entry->dropped = true;
    return task_reject(task, batch_topic_name(self->batch, entry->log_topic), entry->log_partition,
                       entry->log_offset, stage, strdupa(err->message), err);
}

/* The same batch again after a passing fault; the connector keeps what it needs to make that harmless. */
static weir_code put_batch(sink_task *self, weir_error *err)
{
    weir_code code = WEIR_OK;

    for (int tries = 0; tries < PUT_TRIES; tries++) {
        code = self->sink->put(&self->task->base, self->state, self->batch, err);
        if (code != WEIR_RETRY || task_is_stopping(self->task))
            break;
    }
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

static weir_code take_batch(sink_task *self, weir_error *err)
{
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;

    for (uint32_t i = 0; i < batch_count(self->batch); i++)
        if (prepare_record(self, i, err) != WEIR_OK)
            return err->code;
    if (put_batch(self, err) != WEIR_OK)
        return err->code;
    self->dirty = true;
    while (weir_offsets_next(self->put, &at, &topic, &partition, &offset))
        offsets_put(self->put, topic, partition,
                    log_reader_position(self->reader, topic, partition));
    show_progress(self);
    return WEIR_OK;
}

/* --- Flushing --------------------------------------------------------------------------------- */

/* Adds the offsets that moved to a unit; returns how many, or -1. */
static int add_offsets(sink_task *self, const weir_offsets *durable_now, weir_error *err)
{
    connect_task *task = self->task;
    int count = 0;
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;

    while (weir_offsets_next(durable_now, &at, &topic, &partition, &offset)) {
        WEIR_CLEANUP(weir_buf_done) weir_buf where = {0}, key = {0}, value = {0};
        log_topic found;

        if (offset <= weir_offsets_get(self->committed, topic, partition) ||
            !log_topic_find(task->world->log, topic, &found))
            continue;
        durable_sink_partition(topic, partition, &where);
        durable_offset_key(task->connector, weir_buf_str(&where), &key);
        weir_buf_printf(&value, "{\"kafka_offset\":%" PRId64 ",\"topic_id\":\"%s\"}", offset,
                        found.id);
        if (log_add(self->writer,
                    &(log_record){.topic = DURABLE_OFFSETS,
                                  .partition = 0,
                                  .timestamp_ms = -1,
                                  .key = weir_buf_str(&key),
                                  .value = weir_buf_str(&value)},
                    err) != WEIR_OK)
            return -1;
        durable_committed(task->world->durable, weir_buf_str(&key), weir_buf_str(&value));
        count++;
    }
    return count;
}

static void move_holds(sink_task *self, const weir_offsets *durable_now)
{
    connect_task *task = self->task;
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;

    while (weir_offsets_next(durable_now, &at, &topic, &partition, &offset)) {
        if (offset <= weir_offsets_get(self->committed, topic, partition))
            continue;
        offsets_put(self->committed, topic, partition, offset);
        log_hold(task->world->log, task->connector, topic, partition, offset);
        pthread_mutex_lock(&task->view.lock);
        for (size_t i = 0; i < task->view.partition_count; i++) {
            task_partition *shown = &task->view.partitions[i];

            if (shown->partition == partition && weir_str_eq(shown->topic, topic))
                shown->committed = offset;
        }
        pthread_mutex_unlock(&task->view.lock);
    }
}

static weir_code commit_offsets(sink_task *self, const weir_offsets *durable_now, weir_error *err)
{
    int count = add_offsets(self, durable_now, err);
    log_outcome outcome;
    log_ticket ticket;

    if (count < 0)
        return err->code;
    if (count == 0)
        return WEIR_OK;
    ticket = log_commit(self->writer);
    do
        outcome = log_wait(self->writer, ticket, COMMIT_WAIT_MS, err);
    while (outcome == LOG_PENDING);
    if (outcome != LOG_COMMITTED)
        return weir_fail(err, outcome == LOG_FENCED ? WEIR_FATAL : WEIR_RETRY,
                         "committing the sink's offsets: %s", strdupa(err->message));
    self->task->was_useful = true;
    move_holds(self, durable_now);
    return WEIR_OK;
}

/* Whether the sink could not make all of it durable yet: then it is flushed again, records or none. */
static bool is_behind(const sink_task *self, const weir_offsets *durable_now)
{
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;

    while (weir_offsets_next(self->put, &at, &topic, &partition, &offset))
        if (weir_offsets_get(durable_now, topic, partition) < offset)
            return true;
    return false;
}

static weir_code flush(sink_task *self, weir_error *err)
{
    WEIR_CLEANUP(offsets_freep) weir_offsets *offsets = offsets_new();
    connect_task *task = self->task;
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;

    while (weir_offsets_next(self->put, &at, &topic, &partition, &offset))
        offsets_put(offsets, topic, partition, offset);
    if (self->sink->flush(&task->base, self->state, offsets, err) != WEIR_OK)
        return err->code;
    self->dirty = is_behind(self, offsets);
    self->flushed_at_ms = clock_mono_ms(task->world->clock);
    pthread_mutex_lock(&task->view.lock);
    task->view.commit_count++;
    pthread_mutex_unlock(&task->view.lock);
    return commit_offsets(self, offsets, err);
}

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

/* --- Running ---------------------------------------------------------------------------------- */

static weir_code step(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;
    int64_t interval = self->sink->flush_interval_ms > 0 ? self->sink->flush_interval_ms
                                                         : task->common.flush_interval_ms;
    bool has_records;

    if (log_topics_generation(task->world->log) != self->topics_generation &&
        find_partitions(self, err) != WEIR_OK)
        return err->code;
    batch_clear(self->batch);
    if (log_read(self->reader, self->batch, self->dirty ? DIRTY_READ_MS : READ_MS, err) != WEIR_OK)
        return err->code;
    has_records = batch_count(self->batch) > 0;
    if (has_records) {
        show_idle(self, false);
        if (take_batch(self, err) != WEIR_OK)
            return err->code;
    }
    if (self->dirty &&
        (!has_records || clock_mono_ms(task->world->clock) - self->flushed_at_ms >= interval) &&
        flush(self, err) != WEIR_OK)
        return err->code;
    if (!has_records && !self->dirty)
        show_idle(self, true);
    return WEIR_OK;
}

static weir_code run(sink_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_code code = WEIR_OK;

    if (self->sink->open != NULL)
        code = self->sink->open(&task->base, self->state, err);
    if (code == WEIR_OK)
        code = find_partitions(self, err);
    if (code == WEIR_OK) {
        task_opened(task);
        self->flushed_at_ms = clock_mono_ms(task->world->clock);
    }
    while (code == WEIR_OK && !task_is_stopping(task))
        code = step(self, err);
    if (code == WEIR_OK && self->dirty)
        code = flush(self, err);
    if (self->sink->close != NULL)
        self->sink->close(&task->base, self->state);
    return code;
}

static void wake_reader(connect_task *task)
{
    log_reader_wake(task->wake_target);
}

weir_code sink_task_run(connect_task *task, weir_error *err)
{
    sink_task *self = mem_zalloc(1, sizeof(*self));
    char id[300];
    weir_code code;

    self->task = task;
    self->sink = &task->plugin->sink;
    self->state = task->state;
    self->batch = batch_new(BATCH_BYTES);
    self->put = offsets_new();
    self->committed = offsets_new();
    snprintf(id, sizeof(id), "%.*s-%d", WEIR_ARG(task->connector), task->number);
    code = compile_regex(self, err);
    if (code == WEIR_OK)
        code = log_writer_open(task->world->log, weir_cstr(id), &self->writer, err);
    if (code == WEIR_OK)
        code = log_reader_open(task->world->log, &self->reader, err);
    if (code == WEIR_OK) {
        task->base.epoch = log_writer_epoch(self->writer);
        task_set_wake(task, wake_reader, self->reader);
        code = run(self, err);
        task_set_wake(task, NULL, NULL);
    }
    if (self->reader != NULL)
        log_reader_close(self->reader);
    log_writer_close(self->writer);
    pcre2_match_data_free(self->match);
    pcre2_code_free(self->regex);
    offsets_free(self->put);
    offsets_free(self->committed);
    batch_free(self->batch);
    free(self);
    return code;
}
