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
#include "runtime/connect/source_state.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 2 << 20,
    UNIT_BYTES = 1 << 20,     /* a unit is sent at the first checkpoint from here on */
    UNIT_MAX_BYTES = 1 << 30, /* and must come to one before this */
    POLL_MS = 100,            /* how soon acks and stops are noticed while nothing comes */
    STOP_WAIT_MS = 30000,     /* for the outcome of what was committed, when stopping */
    FULL_TOLD_EVERY_MS = 60000,
};

static pending *unit_at(source_task *self, uint64_t number)
{
    return &self->ring[number % SOURCE_PENDING_MAX];
}

static void add_in_flight(source_task *self, int64_t bytes)
{
    task_view *view = &self->task->view;

    self->in_flight_bytes += (size_t)bytes;
    pthread_mutex_lock(&view->lock);
    view->in_flight_bytes = (int64_t)self->in_flight_bytes;
    pthread_mutex_unlock(&view->lock);
}

/* --- Outcomes --------------------------------------------------------------------------------- */

static size_t pair_count(const pending *unit)
{
    return unit->offsets.len / sizeof(offset_pair);
}

static const offset_pair *pair_at(const pending *unit, size_t i, weir_str *partition,
                                  weir_str *offset)
{
    const offset_pair *pair = (const offset_pair *)(const void *)unit->offsets.ptr + i;

    *partition = (weir_str){unit->texts.ptr + pair->partition_at, pair->partition_len};
    *offset = (weir_str){unit->texts.ptr + pair->offset_at, pair->offset_len};
    return pair;
}

/* What the log has, the next start resumes from, whatever the connector says to it. */
static void note_committed(source_task *self, const pending *unit)
{
    durable *kept = self->task->world->durable;

    for (size_t i = 0; i < pair_count(unit); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
        weir_str partition, offset;

        if (pair_at(unit, i, &partition, &offset)->is_ours) {
            durable_committed(kept, partition, offset);
            continue;
        }
        durable_offset_key(self->task->connector, partition, &key);
        durable_committed(kept, weir_buf_str(&key), offset);
    }
}

static weir_code tell_connector(source_task *self, const pending *unit, weir_error *err)
{
    for (size_t i = 0; i < pair_count(unit) && self->source->acked != NULL; i++) {
        weir_str partition, offset;

        if (!pair_at(unit, i, &partition, &offset)->is_ours &&
            plugin_outcome(
                self->task->plugin,
                self->source->acked(&self->task->base, self->state, partition, offset, err),
                err) != WEIR_OK)
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
        add_in_flight(self, -(int64_t)unit->bytes);
        self->task->was_useful = true;
        note_committed(self, unit);
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

/* Remembers an offset for the moment when the unit is durable. */
static void remember_offset(source_task *self, weir_str partition, weir_str offset, bool is_ours)
{
    pending *unit = unit_at(self, self->next);
    offset_pair pair = {unit->texts.len, partition.len, unit->texts.len + partition.len, offset.len,
                        is_ours};

    weir_buf_add_str(&unit->texts, partition);
    weir_buf_add_str(&unit->texts, offset);
    for (size_t i = 0; i < pair_count(unit); i++) {
        weir_str known, older;

        (void)pair_at(unit, i, &known, &older);
        if (weir_str_eq(known, partition)) { /* only the newest of a unit matters */
            ((offset_pair *)(void *)unit->offsets.ptr)[i] = pair;
            return;
        }
    }
    weir_buf_add(&unit->offsets, &pair, sizeof(pair));
}

/* Adds an offset to the unit, as a record of __weir_offsets. */
static weir_code write_offset(source_task *self, weir_str key, weir_str offset, weir_error *err)
{
    return log_add(self->writer,
                   &(log_record){.topic = DURABLE_OFFSETS,
                                 .partition = 0,
                                 .timestamp_ms = -1,
                                 .key = key,
                                 .value = offset.len > 0 ? offset : (weir_str){0}},
                   err);
}

/* Others read them, too: whoever asks over REST. */
static weir_code check_object(const char *what, weir_str text, weir_error *err)
{
    json_t *value = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);
    bool is_object = json_is_object(value);

    json_decref(value);
    return is_object ? WEIR_OK
                     : weir_fail(err, WEIR_FATAL,
                                 "the connector wrote a source %s that is no JSON object: %.*s",
                                 what, WEIR_ARG(text));
}

static weir_code add_offset(source_task *self, const batch_mark *mark, weir_error *err)
{
    weir_str partition = batch_bytes_of(self->batch, mark->partition);
    weir_str offset = batch_bytes_of(self->batch, mark->offset);
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

    if (!self->task->plugin->puts_are_proven &&
        (check_object("partition", partition, err) != WEIR_OK ||
         (offset.len > 0 && check_object("offset", offset, err) != WEIR_OK)))
        return err->code;
    remember_offset(self, partition, offset, false);
    durable_offset_key(self->task->connector, partition, &key);
    return write_offset(self, weir_buf_str(&key), offset, err);
}

static void send_unit(source_task *self)
{
    pending *unit = unit_at(self, self->next);

    unit->bytes = log_unit_bytes(self->writer);
    unit->ticket = log_commit(self->writer);
    add_in_flight(self, (int64_t)unit->bytes);
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

static void show_waiting(source_task *self, const char *reason)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    snprintf(view->waits_for, sizeof(view->waits_for), "%s", reason);
    pthread_mutex_unlock(&view->lock);
}

/* True while a topic is full; whoever looks after it is told at first and then each minute, because the source's
 * own backlog grows meanwhile. */
static bool waits_for_topic(source_task *self)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reason = {0};
    int64_t now_ms = clock_mono_ms(self->task->world->clock);

    if (!log_is_full(self->writer, &reason)) {
        if (self->full_told_ms != 0)
            show_waiting(self, "");
        self->full_told_ms = 0;
        return false;
    }
    show_waiting(self, weir_buf_cstr(&reason));
    if (self->full_told_ms == 0 || now_ms - self->full_told_ms >= FULL_TOLD_EVERY_MS) {
        self->full_told_ms = now_ms;
        diag(WEIR_WARN, "the source waits: %s", weir_buf_cstr(&reason));
    }
    return true;
}

weir_code source_serve(source_task *self, weir_error *err)
{
    if (self->source->idle == NULL)
        return WEIR_OK;
    return plugin_outcome(self->task->plugin,
                          self->source->idle(&self->task->base, self->state, err), err);
}

/* Waits until nothing is under way, or the task shall stop. */
static weir_code settle(source_task *self, weir_error *err)
{
    while (self->first < self->next && !task_is_stopping(self->task)) {
        (void)waits_for_topic(self); /* only says so */
        if (take_outcomes(self, POLL_MS, err) != WEIR_OK || source_serve(self, err) != WEIR_OK)
            return err->code;
    }
    show_waiting(self, "");
    return WEIR_OK;
}

/* One place is for the unit that is being built. */
static bool ring_is_full(const source_task *self)
{
    return self->next - self->first >= SOURCE_PENDING_MAX - 1;
}

/* While no more may be on its way, the connector still serves its source. WEIR_OK also when the task shall stop. */
static weir_code wait_for_room(source_task *self, weir_error *err)
{
    connect_task *task = self->task;

    while (ring_is_full(self) || self->in_flight_bytes > (size_t)task->common.in_flight_bytes ||
           waits_for_topic(self)) {
        weir_code code = take_outcomes(self, POLL_MS, err);

        if (code == WEIR_OK)
            code = source_serve(self, err);
        if (code != WEIR_OK || task_is_stopping(task)) {
            show_waiting(self, ""); /* it waits no longer */
            return code;
        }
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
        if (source_serve(self, err) != WEIR_OK)
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
    if (!ring_is_full(self)) /* else it stops: the unit goes with what follows, or not at all */
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
            if (source_record_process(self, done, err) != WEIR_OK)
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
    if (log_unit_bytes(self->writer) > UNIT_MAX_BYTES)
        return weir_fail(err, WEIR_FATAL,
                         "the connector \"%s\" wrote more than %d bytes without a checkpoint",
                         self->task->plugin->name, UNIT_MAX_BYTES);
    return WEIR_OK;
}

/* --- Releasing what waits --------------------------------------------------------------------- */

/* One unit of the number-th topic. *more: there may be another. */
static weir_code release_unit(source_task *self, size_t number, bool *more, weir_error *err)
{
    held_step step;
    weir_code code = held_release(self->held, number, self->writer, &step, err);

    *more = code == WEIR_OK && !step.is_refused && !step.is_at_end;
    if (*more) {
        remember_offset(self, weir_buf_str(&step.key), weir_buf_str(&step.value), true);
        code = write_offset(self, weir_buf_str(&step.key), weir_buf_str(&step.value), err);
        if (code == WEIR_OK)
            code = end_unit(self, err);
    } else if (code == WEIR_OK && step.is_at_end) {
        held_end(self->held, number);
    }
    held_step_done(&step);
    return code;
}

/* Asks for each topic whether its records may go on; where they may, all of them do, before the source is
 * polled again. Only between units of the source. From the last to the first: one that has ended is taken out. */
static weir_code release_held(source_task *self, weir_error *err)
{
    for (size_t i = held_count(self->held); i-- > 0;) {
        bool more = true;

        while (more && !task_is_stopping(self->task)) {
            if (settle(self, err) != WEIR_OK) /* so that the end of a topic is its end */
                return err->code;
            if (!task_is_stopping(self->task) && release_unit(self, i, &more, err) != WEIR_OK)
                return err->code;
        }
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
    if (batch_count(self->batch) > 0)
        view->last_record_ms = clock_wall_ms(self->task->world->clock);
    pthread_mutex_unlock(&view->lock);
}

static weir_code poll_once(source_task *self, weir_error *err)
{
    connect_task *task = self->task;
    weir_error poll_err = {0};
    weir_code code, processed;

    if (wait_for_room(self, err) != WEIR_OK || take_outcomes(self, 0, err) != WEIR_OK)
        return err->code;
    if (log_unit_bytes(self->writer) == 0 && held_is_due(self->held) &&
        release_held(self, err) != WEIR_OK)
        return err->code;
    if (task_is_stopping(task))
        return WEIR_OK;
    batch_clear(self->batch);
    code = self->source->poll(&task->base, self->state, self->batch,
                              self->first < self->next ? 1 : POLL_MS, &poll_err);
    if (code != WEIR_END)
        code = plugin_outcome(task->plugin, code, &poll_err);
    if (batch_misuse(self->batch) != NULL && (code == WEIR_OK || code == WEIR_END))
        code = weir_fail(&poll_err, WEIR_FATAL,
                         "the connector \"%s\" does not write records as it must: %s",
                         task->plugin->name, batch_misuse(self->batch));
    if (code != WEIR_OK && code != WEIR_END)
        batch_cut_to_checkpoint(self->batch);
    count_batch(self);
    processed = process_batch(self, err);
    if (processed == WEIR_OK && code == WEIR_END && log_unit_bytes(self->writer) > 0)
        processed = end_unit(self, err); /* nothing comes that could end it */
    if (processed != WEIR_OK)
        return processed;
    self->ended = code == WEIR_END && log_unit_bytes(self->writer) == 0;
    if (code != WEIR_OK && code != WEIR_END)
        *err = poll_err;
    return code == WEIR_END ? WEIR_OK : code;
}

/* Whatever ends the task, what was committed is still told to the connector if it becomes known soon. What does
 * not, the next start has to ask the log for. */
static weir_code finish(source_task *self, weir_code code, weir_error *err)
{
    weir_error late = {0};
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
    if (self->first < self->next) {
        self->ended = false; /* the next start has to find out */
        task_distrust(self->task);
    }
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
        code = plugin_outcome(task->plugin, self->source->open(&task->base, self->state, err), err);
    if (code == WEIR_OK)
        task_opened(task);
    while (code == WEIR_OK && !self->ended && !task_is_stopping(task))
        code = poll_once(self, err);
    if (code == WEIR_OK && self->ended)
        code = settle(self, err); /* it has not ended before its last records are there */
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
    if (!task->plugin->puts_are_proven)
        batch_set_checked(self->batch, true);
    self->topics = weir_map_new();
    code = task_open_writer(task, &self->writer, err);
    if (code == WEIR_OK)
        code = held_open(task, &self->held, err);
    if (code == WEIR_OK) {
        task_set_wake(task, wake_writer, self->writer);
        code = run(self, err);
        task_set_wake(task, NULL, NULL);
    }
    log_writer_close(self->writer);
    for (int i = 0; i < SOURCE_PENDING_MAX; i++) {
        weir_buf_done(&self->ring[i].offsets);
        weir_buf_done(&self->ring[i].texts);
    }
    held_free(self->held);
    weir_buf_done(&self->unsent);
    batch_free(self->batch);
    weir_map_free(self->topics);
    free(self);
    return code;
}
