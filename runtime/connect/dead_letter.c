/* dead_letter.c - refused records, by place: a list for order, a map to find out what is noted already. */
#include "runtime/connect/dead_letter.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { READ_WAIT_MS = 5000, BATCH_BYTES = 1 << 20, REASON_BYTES = 1024 };

typedef struct note {
    dead_letter refused;
    char text[]; /* topic, NUL, reason, NUL */
} note;

struct dead_letters {
    connect_task *task;
    weir_buf notes;   /* of note *, in the order of their refusal */
    weir_map *places; /* "topic partition offset" -> note */
    bool was_told;    /* that records are passed over silently */
};

dead_letters *dead_letters_new(connect_task *task)
{
    dead_letters *self = mem_zalloc(1, sizeof(*self));

    self->task = task;
    self->places = weir_map_new();
    return self;
}

static note *note_at(const dead_letters *self, size_t i)
{
    note *found;

    memcpy(&found, self->notes.ptr + i * sizeof(found), sizeof(found));
    return found;
}

size_t dead_letters_count(const dead_letters *self)
{
    return self->notes.len / sizeof(note *);
}

void dead_letters_free(dead_letters *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < dead_letters_count(self); i++)
        free(note_at(self, i));
    weir_buf_done(&self->notes);
    weir_map_free(self->places);
    free(self);
}

static weir_str place_of(const dead_letter *refused, weir_buf *out)
{
    weir_buf_printf(out, "%.*s %" PRId32 " %" PRId64, WEIR_ARG(refused->topic), refused->partition,
                    refused->offset);
    return weir_buf_str(out);
}

/* --- Noting ----------------------------------------------------------------------------------- */

static note *copy_note(const dead_letter *refused)
{
    size_t reason_len = strnlen(refused->reason, REASON_BYTES);
    note *copy = mem_zalloc(1, sizeof(*copy) + refused->topic.len + reason_len + 2);
    char *reason = copy->text + refused->topic.len + 1;

    memcpy(copy->text, refused->topic.ptr, refused->topic.len);
    memcpy(reason, refused->reason, reason_len);
    copy->refused = *refused;
    copy->refused.topic = (weir_str){copy->text, refused->topic.len};
    copy->refused.reason = reason;
    return copy;
}

static void tell_operator(dead_letters *self, const dead_letter *refused)
{
    const connector_settings *common = &self->task->common;
    bool is_silent = !common->errors_log && common->dead_letter_topic.len == 0;

    if (common->errors_log && common->errors_log_messages)
        diag(WEIR_ERROR,
             "a record is passed over at stage %s: %s (topic %.*s, partition %" PRId32
             ", offset %" PRId64 ", timestamp %" PRId64 ")",
             refused->stage, refused->reason, WEIR_ARG(refused->topic), refused->partition,
             refused->offset, refused->timestamp_ms);
    else if (common->errors_log)
        diag(WEIR_ERROR, "a record is passed over at stage %s: %s", refused->stage,
             refused->reason);
    else if (is_silent && !self->was_told)
        diag(WEIR_WARN, "records that cannot be written are passed over, as errors.tolerance says; "
                        "errors.log.enable=true shows each of them");
    self->was_told |= is_silent;
}

weir_code dead_letters_add(dead_letters *self, const dead_letter *refused, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf place = {0};
    task_view *view = &self->task->view;
    note *copy;

    place_of(refused, &place);
    if (weir_map_get(self->places, weir_buf_str(&place)) != NULL)
        return WEIR_OK; /* its batch was put again */
    pthread_mutex_lock(&view->lock);
    view->error_count++;
    pthread_mutex_unlock(&view->lock);
    if (self->task->common.errors_tolerance.index == 0)
        return weir_fail(err, WEIR_FATAL,
                         "the record at offset %" PRId64 " of %.*s-%" PRId32
                         " cannot be written: %s (stage %s, errors.tolerance is \"none\")",
                         refused->offset, WEIR_ARG(refused->topic), refused->partition,
                         refused->reason, refused->stage);
    tell_operator(self, refused);
    copy = copy_note(refused);
    (void)weir_map_put(self->places, weir_buf_str(&place), copy);
    weir_buf_add(&self->notes, &copy, sizeof(copy));
    return WEIR_OK;
}

/* --- Writing ---------------------------------------------------------------------------------- */

typedef struct rereader {
    log_reader *reader;
    weir_batch *batch;
    weir_record last; /* found in it: the next one is behind it, as a rule */
} rereader;

static bool find_behind(rereader *from, const dead_letter *refused)
{
    while (weir_record_next(from->batch, &from->last))
        if (from->last.log_offset == refused->offset &&
            from->last.log_partition == refused->partition &&
            weir_str_eq(from->last.log_topic, refused->topic))
            return true;
    return false;
}

/* The record as it is in the log, into from->last: out of what was read before, or read now. */
static weir_code read_again(rereader *from, const dead_letter *refused, weir_error *err)
{
    if (find_behind(from, refused))
        return WEIR_OK;
    batch_clear(from->batch);
    from->last = (weir_record){0};
    if (log_reader_assign(from->reader, refused->topic, refused->partition, refused->offset, err) !=
            WEIR_OK ||
        log_read(from->reader, from->batch, READ_WAIT_MS, err) != WEIR_OK)
        return err->code;
    log_reader_revoke(from->reader, refused->topic, refused->partition);
    return find_behind(from, refused) ? WEIR_OK
                                      : weir_fail(err, WEIR_FATAL, "it is not in the log any more");
}

enum { OWN_HEADERS = 10 };

/* The context of the failure as headers; numbers and the trace live in texts. */
static void fill_headers(const connect_task *task, const dead_letter *refused,
                         weir_buf texts[OWN_HEADERS], weir_header *out)
{
    static const char *const names[OWN_HEADERS] = {
        "__connect.errors.topic",
        "__connect.errors.partition",
        "__connect.errors.offset",
        "__connect.errors.connector.name",
        "__connect.errors.task.id",
        "__connect.errors.stage",
        "__connect.errors.class.name",
        "__connect.errors.exception.class.name",
        "__connect.errors.exception.message",
        "__connect.errors.exception.stacktrace",
    };

    weir_buf_add_str(&texts[0], refused->topic);
    weir_buf_printf(&texts[1], "%" PRId32, refused->partition);
    weir_buf_printf(&texts[2], "%" PRId64, refused->offset);
    weir_buf_add_str(&texts[3], task->connector);
    weir_buf_printf(&texts[4], "%d", task->number);
    weir_buf_add_str(&texts[5], weir_cstr(refused->stage));
    weir_buf_add_str(&texts[6], refused->class_name);
    weir_buf_add_str(&texts[7], weir_cstr(refused->exception));
    weir_buf_add_str(&texts[8], weir_cstr(refused->reason));
    weir_buf_printf(&texts[9], "%s: %s", refused->exception, refused->reason);
    for (int i = 0; i < OWN_HEADERS; i++)
        out[i] = (weir_header){weir_cstr(names[i]), weir_buf_str(&texts[i])};
}

static weir_code add_record(const dead_letters *self, log_writer *writer, const rereader *from,
                            const dead_letter *refused, weir_error *err)
{
    const connector_settings *common = &self->task->common;
    const weir_record *record = &from->last;
    uint32_t count = record->header_count;
    weir_buf texts[OWN_HEADERS] = {{0}};
    weir_header *headers = mem_zalloc(count + OWN_HEADERS, sizeof(*headers));
    weir_code code;

    for (uint32_t i = 0; i < count; i++)
        headers[i] = weir_record_header_at(from->batch, record, i);
    if (common->dead_letter_headers) {
        fill_headers(self->task, refused, texts, headers + count);
        count += OWN_HEADERS;
    }
    code = log_add(writer,
                   &(log_record){.topic = common->dead_letter_topic,
                                 .partition = -1,
                                 .timestamp_ms = record->timestamp_ms,
                                 .key = record->key,
                                 .value = record->value,
                                 .headers = headers,
                                 .header_count = count},
                   err);
    for (int i = 0; i < OWN_HEADERS; i++)
        weir_buf_done(&texts[i]);
    free(headers);
    return code;
}

static bool is_below(const dead_letter *refused, const void *durable_now)
{
    return refused->offset < weir_offsets_get(durable_now, refused->topic, refused->partition);
}

static weir_code write_all(const dead_letters *self, log_writer *writer, rereader *from,
                           const weir_offsets *durable_now, weir_error *err)
{
    for (size_t i = 0; i < dead_letters_count(self); i++) {
        const dead_letter *refused = &note_at(self, i)->refused;

        if (!is_below(refused, durable_now))
            continue;
        if (read_again(from, refused, err) != WEIR_OK)
            return weir_wrap(err, "reading offset %" PRId64 " of %.*s-%" PRId32 " again",
                             refused->offset, WEIR_ARG(refused->topic), refused->partition);
        if (add_record(self, writer, from, refused, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

weir_code dead_letters_write(dead_letters *self, log_writer *writer,
                             const weir_offsets *durable_now, weir_error *err)
{
    weir_str topic = self->task->common.dead_letter_topic;
    rereader from = {0};
    weir_code code;

    if (topic.len == 0 || dead_letters_count(self) == 0)
        return WEIR_OK;
    code = task_ensure_topic(self->task, topic, err);
    if (code == WEIR_OK)
        code = log_reader_open(self->task->world->log, &from.reader, err);
    if (code == WEIR_OK) {
        from.batch = batch_new(BATCH_BYTES);
        code = write_all(self, writer, &from, durable_now, err);
        batch_free(from.batch);
        log_reader_close(from.reader);
    }
    return code == WEIR_OK
               ? code
               : weir_wrap(err, "writing to the dead letter queue %.*s", WEIR_ARG(topic));
}

typedef bool is_done_with(const dead_letter *refused, const void *context);

static void forget_where(dead_letters *self, is_done_with *is_done, const void *context)
{
    size_t kept = 0, count = dead_letters_count(self);

    for (size_t i = 0; i < count; i++) {
        note *one = note_at(self, i);
        WEIR_CLEANUP(weir_buf_done) weir_buf place = {0};

        if (is_done(&one->refused, context)) {
            (void)weir_map_remove(self->places, place_of(&one->refused, &place));
            free(one);
        } else {
            memcpy(self->notes.ptr + kept++ * sizeof(one), &one, sizeof(one));
        }
    }
    self->notes.len = kept * sizeof(note *);
}

void dead_letters_forget(dead_letters *self, const weir_offsets *durable_now)
{
    forget_where(self, is_below, durable_now);
}

static bool is_of_topic(const dead_letter *refused, const void *topic)
{
    return weir_str_eq(refused->topic, *(const weir_str *)topic);
}

void dead_letters_drop(dead_letters *self, weir_str topic)
{
    forget_where(self, is_of_topic, &topic);
}
