/* source_task.c - a source: poll, transform, convert, append with its offsets, and only then acked.
 *
 *     poll -> batch -> unit of records and offsets -> commit under way ... -> committed -> acked
 *
 * A unit ends at a checkpoint of the connector, never elsewhere: its records and the offsets behind them are
 * one entry of the log. Several commits may be under way, bounded by bytes; outcomes come in their order. A
 * unit whose outcome is bad, or not known, ends the task: the next start reads the committed offset, and the
 * connector resumes there.
 */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/connect/task.h"
#include "runtime/connect/unsent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 2 << 20,
    UNIT_BYTES = 1 << 20, /* a unit is sent at the first checkpoint from here on */
    POLL_MS = 100,        /* how soon acks and stops are noticed while nothing comes */
    STOP_WAIT_MS = 30000, /* for the outcome of what was committed, when stopping */
    PENDING_MAX = 256,
    HEADERS_MAX = 64,
    FULL_TOLD_EVERY_MS = 60000,
};

/* A commit under way: what to tell the connector when it is durable. */
typedef struct pending {
    log_ticket ticket;
    size_t bytes;
    weir_buf offsets; /* of pairs (weir_str partition, weir_str offset), their bytes in texts */
    weir_buf texts;
} pending;

typedef struct offset_pair {
    size_t partition_at, partition_len, offset_at, offset_len;
} offset_pair;

typedef struct source_task {
    connect_task *task;
    const weir_source *source;
    void *state;
    log_writer *writer;
    weir_batch *batch;
    pending ring[PENDING_MAX];
    uint64_t first, next; /* of the ring; next is the unit that is being built */
    size_t in_flight_bytes;
    uint64_t topics_generation;
    weir_map *topics; /* those that are known to be there; values are not looked at */
    weir_buf unsent;  /* the header of the record that is being added */
    bool ended;       /* the connector said WEIR_END */
    bool was_told;    /* that records are dropped */
    int64_t
        full_told_ms; /* when it was last told that a topic is full; 0: not since there was room */
} source_task;

static pending *unit_at(source_task *self, uint64_t number)
{
    return &self->ring[number % PENDING_MAX];
}

/* --- Outcomes --------------------------------------------------------------------------------- */

static weir_code tell_connector(source_task *self, const pending *unit, weir_error *err)
{
    const offset_pair *pairs = (const void *)unit->offsets.ptr;
    size_t count = unit->offsets.len / sizeof(*pairs);

    for (size_t i = 0; i < count; i++) {
        weir_str partition = {unit->texts.ptr + pairs[i].partition_at, pairs[i].partition_len};
        weir_str offset = {unit->texts.ptr + pairs[i].offset_at, pairs[i].offset_len};
        WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

        durable_offset_key(self->task->connector, partition, &key);
        durable_committed(self->task->world->durable, weir_buf_str(&key), offset);
        if (self->source->acked != NULL &&
            self->source->acked(&self->task->base, self->state, partition, offset, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code take_outcome(source_task *self, pending *unit, log_outcome outcome,
                              weir_error *err)
{
    switch (outcome) {
    case LOG_PENDING:
        return WEIR_OK;
    case LOG_COMMITTED:
        self->first++;
        self->in_flight_bytes -= unit->bytes;
        self->task->was_useful = true;
        return tell_connector(self, unit, err);
    case LOG_ABORTED:
        return weir_fail(err, WEIR_RETRY,
                         "a commit was aborted; the task resumes from its committed offset");
    case LOG_UNKNOWN: /* the log alone knows where to go on; see finish */
        return weir_fail(
            err, WEIR_RETRY,
            "the outcome of a commit is not known; the task resumes from the offset in "
            "the log");
    case LOG_FENCED:
        self->task->was_fenced = true;
        return weir_fail(err, WEIR_FATAL, "a newer start of this task has taken over");
    case LOG_STOPPED:
        return err->code == WEIR_RETRY ? err->code : WEIR_FATAL;
    }
    return weir_fail(err, WEIR_FATAL, "a commit ended in a way that is not known");
}

/* Takes what is known, waiting at most timeout_ms for the first. */
static weir_code take_outcomes(source_task *self, int timeout_ms, weir_error *err)
{
    while (self->first < self->next) {
        pending *unit = unit_at(self, self->first);
        log_outcome outcome = log_wait(self->writer, unit->ticket, timeout_ms, err);
        weir_code code;

        if (outcome == LOG_PENDING)
            return WEIR_OK;
        code = take_outcome(self, unit, outcome, err);
        if (code != WEIR_OK)
            return code;
        timeout_ms = 0;
    }
    return WEIR_OK;
}

/* --- Building units --------------------------------------------------------------------------- */

/* For those who ask what the source has written to. A start after the first knows some already. */
static void show_topic(connect_task *task, weir_str topic)
{
    task_view *view = &task->view;
    bool known = false;

    pthread_mutex_lock(&view->lock);
    for (size_t i = 0; i < view->topic_count; i++)
        known |= weir_str_eq(view->topics[i], topic);
    if (!known && view->topic_count < TASK_TOPICS_MAX)
        view->topics[view->topic_count++] = weir_task_copy(&task->memory, topic);
    pthread_mutex_unlock(&view->lock);
}

static weir_code ensure_topic(source_task *self, weir_str topic, weir_error *err)
{
    if (weir_map_get(self->topics, topic) != NULL)
        return WEIR_OK;
    if (task_ensure_topic(self->task, topic, err) != WEIR_OK)
        return err->code;
    weir_map_put(self->topics, topic, self);
    show_topic(self->task, topic);
    return WEIR_OK;
}

static weir_code add_record(source_task *self, const weir_record *record, weir_error *err)
{
    connect_task *task = self->task;
    weir_header headers[HEADERS_MAX + 1];
    uint32_t header_count = record->header_count;
    converted key, value;
    const batch_entry *entry = batch_at(self->batch, record->index);

    if (ensure_topic(self, record->topic, err) != WEIR_OK)
        return err->code;
    if (converter_write(task->key_converter, record->topic, record->key_schema, record->key, &key,
                        err) != WEIR_OK ||
        converter_write(task->value_converter, record->topic, record->value_schema, record->value,
                        &value, err) != WEIR_OK)
        return err->code;
    if (record->header_count > HEADERS_MAX)
        return weir_fail(err, WEIR_REJECT, "the record has %u headers, %d are the most",
                         record->header_count, HEADERS_MAX);
    batch_headers(self->batch, entry, headers);
    if (record->unsent != NULL) {
        weir_buf_clear(&self->unsent);
        unsent_write(record, &self->unsent);
        headers[header_count++] = (weir_header){UNSENT_HEADER, weir_buf_str(&self->unsent)};
    }
    return log_add(self->writer,
                   &(log_record){.topic = record->topic,
                                 .partition = entry->partition,
                                 .timestamp_ms = record->timestamp_ms,
                                 .key_prefix = key.prefix,
                                 .key = key.content,
                                 .value_prefix = value.prefix,
                                 .value = value.content,
                                 .headers = headers,
                                 .header_count = header_count},
                   err);
}

/* A record that cannot be written fails a source: it has no place in the log to be told by, and passing it
 * over silently would lose it. With errors.tolerance=all it is dropped. */
static weir_code refuse_record(source_task *self, const weir_record *record, weir_error *err)
{
    connect_task *task = self->task;

    pthread_mutex_lock(&task->view.lock);
    task->view.error_count++;
    pthread_mutex_unlock(&task->view.lock);
    if (task->common.errors_tolerance.index == 0)
        return weir_fail(err, WEIR_FATAL, "%s (topic %.*s; errors.tolerance is \"none\")",
                         strdupa(err->message), WEIR_ARG(record->topic));
    if (task->common.errors_log)
        diag(WEIR_ERROR, "a record for topic %.*s is dropped: %s", WEIR_ARG(record->topic),
             err->message);
    else if (!self->was_told)
        diag(WEIR_WARN, "records that cannot be written are dropped, as errors.tolerance says; "
                        "errors.log.enable=true shows each of them");
    self->was_told = true;
    return WEIR_OK;
}

/* One attempt: WEIR_OK also when a transform takes the record out. */
static weir_code convert_record(source_task *self, uint32_t index, weir_record *record,
                                weir_error *err)
{
    batch_entry *entry = batch_at(self->batch, index);
    weir_code code = WEIR_OK;

    if (!entry->dropped)
        code = transform_apply(self->task->transforms, self->batch, entry, err);
    if (code == WEIR_OK && batch_at(self->batch, index)->dropped)
        return WEIR_OK;
    *record = (weir_record){0};
    if (index > 0) /* as if the one before it had been stepped to */
        *record = (weir_record){.topic = WEIR_STR(""), .index = index - 1};
    if (!weir_record_next(self->batch, record) || code != WEIR_OK)
        return code;
    return add_record(self, record, err);
}

/* A converter or transform whose fault may pass is asked again; the source is served meanwhile. */
static bool try_again(source_task *self, retry *rules, weir_error *err)
{
    enum { STEP_MS = 500 };
    connect_task *task = self->task;
    int64_t pause_ms = retry_after(rules, clock_mono_ms(task->world->clock),
                                   (uint64_t)task->world->clock->mono_ns(task->world->clock) / 64);
    weir_error idle_err;

    if (pause_ms < 0)
        return false;
    for (; pause_ms > 0 && !task_is_stopping(task); pause_ms -= STEP_MS) {
        task_pause(task, pause_ms < STEP_MS ? pause_ms : STEP_MS);
        if (self->source->idle != NULL &&
            self->source->idle(&task->base, self->state, &idle_err) != WEIR_OK) {
            *err = idle_err;
            return false;
        }
    }
    return !task_is_stopping(task);
}

static weir_code process_record(source_task *self, uint32_t index, weir_error *err)
{
    const batch_entry before = *batch_at(self->batch, index);
    retry rules = task_retry(self->task);
    weir_record record = {0};
    weir_code code;

    while ((code = convert_record(self, index, &record, err)) == WEIR_RETRY &&
           rules.timeout_ms != 0 && try_again(self, &rules, err))
        *batch_at(self->batch, index) = before; /* some of it was transformed already */
    return code == WEIR_REJECT ? refuse_record(self, &record, err) : code;
}

/* An offset goes into the unit as a record of __weir_offsets, and is remembered for acked. */
static weir_code add_offset(source_task *self, const batch_mark *mark, weir_error *err)
{
    pending *unit = unit_at(self, self->next);
    weir_str partition = batch_bytes_of(self->batch, mark->partition);
    weir_str offset = batch_bytes_of(self->batch, mark->offset);
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    offset_pair *pairs = (void *)unit->offsets.ptr;
    offset_pair pair = {unit->texts.len, partition.len, unit->texts.len + partition.len,
                        offset.len};
    size_t count = unit->offsets.len / sizeof(pair), i = 0;

    weir_buf_add_str(&unit->texts, partition);
    weir_buf_add_str(&unit->texts, offset);
    while (i < count &&
           !weir_str_eq((weir_str){unit->texts.ptr + pairs[i].partition_at, pairs[i].partition_len},
                        partition))
        i++;
    if (i < count) /* only the newest of a unit matters to the connector */
        pairs[i] = pair;
    else
        weir_buf_add(&unit->offsets, &pair, sizeof(pair));
    durable_offset_key(self->task->connector, partition, &key);
    return log_add(self->writer,
                   &(log_record){.topic = DURABLE_OFFSETS,
                                 .partition = 0,
                                 .timestamp_ms = -1,
                                 .key = weir_buf_str(&key),
                                 .value = offset.len > 0 ? offset : (weir_str){0}},
                   err);
}

static void send_unit(source_task *self)
{
    pending *unit = unit_at(self, self->next);

    unit->bytes = log_unit_bytes(self->writer);
    unit->ticket = log_commit(self->writer);
    self->in_flight_bytes += unit->bytes;
    self->next++;
    unit = unit_at(self, self->next);
    weir_buf_clear(&unit->offsets);
    weir_buf_clear(&unit->texts);
}

/* Only the last offset of each partition before a checkpoint is written. */
static bool is_overtaken(source_task *self, size_t mark)
{
    weir_str partition = batch_bytes_of(self->batch, batch_mark_at(self->batch, mark)->partition);

    for (size_t i = mark + 1; i < batch_mark_count(self->batch); i++) {
        const batch_mark *later = batch_mark_at(self->batch, i);

        if (later->is_checkpoint)
            return false;
        if (weir_str_eq(batch_bytes_of(self->batch, later->partition), partition))
            return true;
    }
    return false;
}

/* True while a topic is full; whoever looks after it is told at first and then each minute, because the source's
 * own backlog grows meanwhile. */
static bool waits_for_topic(source_task *self)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reason = {0};
    int64_t now_ms = clock_mono_ms(self->task->world->clock);

    if (!log_is_full(self->writer, &reason)) {
        self->full_told_ms = 0;
        return false;
    }
    if (self->full_told_ms == 0 || now_ms - self->full_told_ms >= FULL_TOLD_EVERY_MS) {
        self->full_told_ms = now_ms;
        diag(WEIR_WARN, "the source waits: %s", weir_buf_cstr(&reason));
    }
    return true;
}

/* While no more may be on its way, the connector still serves its source. */
static weir_code wait_for_room(source_task *self, weir_error *err)
{
    connect_task *task = self->task;

    while (self->next - self->first >= PENDING_MAX - 1 ||
           self->in_flight_bytes > (size_t)task->common.in_flight_bytes || waits_for_topic(self)) {
        if (take_outcomes(self, POLL_MS, err) != WEIR_OK)
            return err->code;
        if (self->source->idle != NULL &&
            self->source->idle(&task->base, self->state, err) != WEIR_OK)
            return err->code;
        if (task_is_stopping(task))
            return WEIR_OK;
    }
    return WEIR_OK;
}

#ifdef WEIR_PLANTS
/* The planted bug: tells the connector what is not even sent, and keeps that state up for a while. */
static weir_code ack_early(source_task *self, weir_error *err)
{
    enum { STEP_MS = 50 };

    if (tell_connector(self, unit_at(self, self->next), err) != WEIR_OK)
        return err->code;
    for (int waited = 0; waited < plant_window_ms; waited += STEP_MS) {
        plant_wait(STEP_MS);
        if (self->source->idle != NULL &&
            self->source->idle(&self->task->base, self->state, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}
#endif

static weir_code end_unit(source_task *self, weir_error *err)
{
#ifdef WEIR_PLANTS
    if (PLANTED(PLANT_ACKED_BEFORE_COMMIT) && ack_early(self, err) != WEIR_OK)
        return err->code;
#endif
    if (wait_for_room(self, err) != WEIR_OK)
        return err->code;
    send_unit(self);
    return WEIR_OK;
}

static weir_code process_batch(source_task *self, weir_error *err)
{
    uint32_t done = 0;
    size_t marks = batch_mark_count(self->batch);

    for (size_t m = 0; m <= marks; m++) {
        uint32_t end =
            m < marks ? batch_mark_at(self->batch, m)->record_count : batch_count(self->batch);
        bool is_last = true;

        for (; done < end; done++)
            if (process_record(self, done, err) != WEIR_OK)
                return err->code;
        if (m == marks)
            break;
        if (!batch_mark_at(self->batch, m)->is_checkpoint) {
            if (!is_overtaken(self, m) &&
                add_offset(self, batch_mark_at(self->batch, m), err) != WEIR_OK)
                return err->code;
            continue;
        }
        for (size_t later = m + 1; later < marks && is_last; later++)
            is_last = !batch_mark_at(self->batch, later)->is_checkpoint;
        if ((is_last || log_unit_bytes(self->writer) >= UNIT_BYTES) &&
            end_unit(self, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* --- Running ---------------------------------------------------------------------------------- */

static void count_batch(source_task *self)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    view->record_count += batch_count(self->batch);
    view->byte_count += (int64_t)batch_bytes(self->batch);
    pthread_mutex_unlock(&view->lock);
}

static weir_code poll_once(source_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_error poll_err = {0};
    weir_code code, processed;

    if (wait_for_room(self, err) != WEIR_OK || take_outcomes(self, 0, err) != WEIR_OK)
        return err->code;
    if (task_is_stopping(task))
        return WEIR_OK;
    batch_clear(self->batch);
    code = self->source->poll(&task->base, self->state, self->batch,
                              self->first < self->next ? 1 : POLL_MS, &poll_err);
    if (code != WEIR_OK && code != WEIR_END)
        batch_cut_to_checkpoint(self->batch);
    count_batch(self);
    processed = process_batch(self, err);
    if (processed != WEIR_OK)
        return processed;
    self->ended = code == WEIR_END;
    if (code != WEIR_OK && code != WEIR_END)
        *err = poll_err;
    return code == WEIR_END ? WEIR_OK : code;
}

/* Whatever ends the task, what was committed is still told to the connector if it becomes known soon. What does
 * not, the next start has to ask the log for. */
static weir_code finish(source_task *self, weir_code code, weir_error *err)
{
    weir_error late;
    int64_t deadline = clock_mono_ms(self->task->world->clock) + STOP_WAIT_MS;

    while ((code == WEIR_OK || code == WEIR_RETRY) && self->first < self->next &&
           clock_mono_ms(self->task->world->clock) < deadline) {
        weir_code outcome = take_outcomes(self, POLL_MS, &late);

        if (outcome == WEIR_OK)
            continue;
        if (code == WEIR_OK) {
            *err = late;
            code = outcome;
        }
        break;
    }
    if (self->first < self->next)
        task_distrust(self->task);
    return code;
}

static void wake_writer(connect_task *task)
{
    log_writer_wake(task->wake_target);
}

static void set_offset(void *context, weir_str partition, weir_str offset)
{
    task_set_offset(&((source_task *)context)->task->base, partition, offset);
}

static weir_code run(source_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_code code = WEIR_OK;

    durable_each_offset(task->world->durable, task->connector, set_offset, self);
    if (self->source->open != NULL)
        code = self->source->open(&task->base, self->state, err);
    if (code == WEIR_OK) {
        task_opened(task);
    }
    while (code == WEIR_OK && !self->ended && !task_is_stopping(task))
        code = poll_once(self, err);
    code = finish(self, code, err);
    if (self->source->close != NULL)
        self->source->close(&task->base, self->state);
    return code == WEIR_OK && self->ended ? WEIR_END : code;
}

weir_code source_task_run(connect_task *task, weir_error *err)
{
    source_task *self = mem_zalloc(1, sizeof(*self));
    weir_code code;

    self->task = task;
    self->source = &task->plugin->source;
    self->state = task->state;
    self->batch = batch_new(BATCH_BYTES);
    self->topics = weir_map_new();
    code = task_open_writer(task, &self->writer, err);
    if (code == WEIR_OK) {
        task_set_wake(task, wake_writer, self->writer);
        code = run(self, err);
        task_set_wake(task, NULL, NULL);
    }
    log_writer_close(self->writer);
    for (int i = 0; i < PENDING_MAX; i++) {
        weir_buf_done(&self->ring[i].offsets);
        weir_buf_done(&self->ring[i].texts);
    }
    weir_buf_done(&self->unsent);
    batch_free(self->batch);
    weir_map_free(self->topics);
    free(self);
    return code;
}
