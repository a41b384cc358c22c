/* held.c - topics of a source whose records wait. */
#include "runtime/connect/held.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 1 << 20, /* released in one unit, about */
    ASK_EVERY_MS = 1000,
    TELL_EVERY_MS = 60000,
    READ_MS = 1000,
    HEADERS_MAX = 72, /* those of a connector, and the worker's */
    WORKER_HEADERS_MAX = 8,
};

typedef struct held_topic {
    weir_str topic, name; /* name: __weir_held.TOPIC */
    char id[37];          /* of the topic called name */
    int64_t next;         /* the first offset that was not released */
    int64_t told_ms;
} held_topic;

struct held {
    connect_task *task;
    held_topic *topics;
    size_t count;
    int64_t asked_ms;
    log_reader *reader; /* this and the batch are made when they are needed first */
    weir_batch *batch;
    weir_buf mark; /* of HELD_HEADER */
};

/* --- What waits ------------------------------------------------------------------------------- */

static held_topic *find(const held *self, weir_str topic)
{
    for (size_t i = 0; i < self->count; i++)
        if (weir_str_eq(self->topics[i].topic, topic))
            return &self->topics[i];
    return NULL;
}

bool held_has(const held *self, weir_str topic)
{
    return self->count > 0 && find(self, topic) != NULL;
}

size_t held_count(const held *self)
{
    return self->count;
}

/* What others see: the topic, and the registry's reason. */
static void show(held *self, weir_str topic, const char *reason)
{
    task_view *view = &self->task->view;
    size_t i = 0;

    pthread_mutex_lock(&view->lock);
    while (i < view->held_count && !weir_str_eq(view->held[i].topic, topic))
        i++;
    if (i < TASK_HELD_MAX && i == view->held_count)
        view->held[view->held_count++].topic = topic;
    if (i < TASK_HELD_MAX)
        snprintf(view->held[i].reason, sizeof(view->held[i].reason), "%s", reason);
    pthread_mutex_unlock(&view->lock);
}

static void show_no_more(held *self, weir_str topic)
{
    task_view *view = &self->task->view;

    pthread_mutex_lock(&view->lock);
    for (size_t i = 0; i < view->held_count; i++) {
        if (!weir_str_eq(view->held[i].topic, topic))
            continue;
        view->held[i] = view->held[--view->held_count];
        break;
    }
    pthread_mutex_unlock(&view->lock);
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* What HELD_HEADER says of a record. */
typedef struct held_mark {
    bool is_ours; /* the connector's */
    int32_t partition;
    bool key_is_avro, value_is_avro; /* framed with an id of CONVERTER_HELD */
} held_mark;

static held_mark read_mark(const held *self, weir_str text)
{
    json_t *parsed = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);
    const json_t *name = json_object_get(parsed, "connector");
    held_mark mark = {
        .is_ours = json_is_string(name) &&
                   weir_str_eq((weir_str){json_string_value(name), json_string_length(name)},
                               self->task->connector),
        .partition = (int32_t)json_integer_value(json_object_get(parsed, "partition")),
        .key_is_avro = json_is_true(json_object_get(parsed, "avro_key")),
        .value_is_avro = json_is_true(json_object_get(parsed, "avro_value")),
    };

    json_decref(parsed);
    return mark;
}

/* The mark of a record, and its other headers, which the connector gave it. */
static held_mark take_headers(const held *self, const weir_record *record, weir_header *headers,
                              uint32_t *count)
{
    held_mark mark = {0};

    *count = 0;
    if (record->header_count > HEADERS_MAX + 1) /* held_add did not write it */
        return mark;
    for (uint32_t i = 0; i < record->header_count; i++) {
        weir_header header = weir_record_header_at(self->batch, record, i);

        if (weir_str_eq(header.name, HELD_HEADER))
            mark = read_mark(self, header.value);
        else
            headers[(*count)++] = header;
    }
    return mark;
}

/* Reads on from the first that was not released; nothing is read past `end`. */
static weir_code read_next(held *self, const held_topic *of, int64_t end, weir_error *err)
{
    weir_code code = WEIR_OK;

    if (self->batch == NULL)
        self->batch = batch_new(BATCH_BYTES);
    batch_clear(self->batch);
    if (self->reader == NULL)
        code = log_reader_open(self->task->world->log, &self->reader, err);
    if (code == WEIR_OK)
        code = log_reader_assign(self->reader, of->name, 0, of->next, err);
    while (code == WEIR_OK && batch_count(self->batch) == 0 &&
           log_reader_position(self->reader, of->name, 0) < end && !task_is_stopping(self->task))
        code = log_read(self->reader, self->batch, READ_MS, err);
    return code;
}

/* Steps over what other connectors have in the topic, up to the first record that is ours. */
static weir_code skip_others(held *self, held_topic *of, int64_t end, weir_error *err)
{
    weir_header headers[HEADERS_MAX + 1];
    bool is_found = false;
    uint32_t count;

    while (!is_found && of->next < end && !task_is_stopping(self->task)) {
        weir_record record = {0};

        if (read_next(self, of, end, err) != WEIR_OK)
            return weir_wrap(err, "reading what waits in %.*s", WEIR_ARG(of->name));
        while (!is_found && weir_record_next(self->batch, &record))
            is_found = take_headers(self, &record, headers, &count).is_ours;
        of->next = is_found ? record.log_offset : log_reader_position(self->reader, of->name, 0);
        log_reader_revoke(self->reader, of->name, 0);
    }
    return WEIR_OK;
}

/* --- Starting --------------------------------------------------------------------------------- */

/* From where on nothing was released. */
static void committed_offset(held *self, const held_topic *of, int64_t *next)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    json_t *offset;

    *next = 0;
    durable_sink_key(self->task->connector, of->name, 0, &key);
    if (!durable_offset(self->task->world->durable, weir_buf_str(&key), &value))
        return;
    offset = json_loadb(value.ptr, value.len, 0, NULL);
    const char *id = json_string_value(json_object_get(offset, "topic_id"));
    const json_t *number = json_object_get(offset, "kafka_offset");

    /* Of a topic that was deleted and made again nothing was released: that would have written its id. */
    if (id != NULL && strcmp(id, of->id) == 0 && json_is_integer(number))
        *next = json_integer_value(number);
    json_decref(offset);
}

static held_topic *add_topic(held *self, weir_str topic, const log_topic *found)
{
    weir_task *memory = &self->task->memory;
    held_topic *added;

    self->topics = mem_realloc(self->topics, (self->count + 1) * sizeof(*self->topics));
    added = &self->topics[self->count++];
    *added = (held_topic){.topic = weir_task_copy(memory, topic), .name = found->name};
    memcpy(added->id, found->id, sizeof(added->id));
    return added;
}

/* Nothing of ours waits in the topic: the next start need not look at what is there now. */
static weir_code remember_end(held *self, const held_topic *of, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    durable_sink_key(self->task->connector, of->name, 0, &key);
    durable_offset_value(of->id, of->next, &value);
    return durable_put_offset(self->task->world->durable, weir_buf_str(&key), weir_buf_str(&value),
                              err);
}

/* A topic of those that wait: of ours, perhaps; of another connector, perhaps. */
static weir_code take_topic(held *self, const log_topic *found, weir_error *err)
{
    size_t prefix = strlen(HELD_TOPIC_PREFIX);
    held_topic *added =
        add_topic(self, (weir_str){found->name.ptr + prefix, found->name.len - prefix}, found);
    int64_t end, released;

    committed_offset(self, added, &released);
    if (log_offset_of(self->task->world->log, added->name, 0, LOG_LATEST, &end, err) != WEIR_OK)
        return err->code;
    if (released > end)
        return weir_fail(err, WEIR_FATAL,
                         "the connector's offset %" PRId64 " in topic %.*s is behind the topic's "
                         "end, %" PRId64 ": alter it",
                         released, WEIR_ARG(added->name), end);
    added->next = released;
    if (skip_others(self, added, end, err) != WEIR_OK)
        return err->code;
    if (added->next < end) {
        show(self, added->topic, "the registry was not asked yet");
        return WEIR_OK;
    }
    self->count--;
    return added->next > released ? remember_end(self, added, err) : WEIR_OK;
}

weir_code held_open(connect_task *task, held **out, weir_error *err)
{
    static const weir_str PREFIX = {HELD_TOPIC_PREFIX, sizeof(HELD_TOPIC_PREFIX) - 1};
    held *self = mem_zalloc(1, sizeof(*self));
    weir_str after = {0};
    log_topic found;

    self->task = task;
    while (log_topic_next(task->world->log, &after, &found)) {
        if (found.name.len <= PREFIX.len || memcmp(found.name.ptr, PREFIX.ptr, PREFIX.len) != 0)
            continue;
        if (take_topic(self, &found, err) != WEIR_OK) {
            held_free(self);
            return err->code;
        }
    }
    if (task->has_siblings && self->count > 0) {
        (void)weir_fail(err, WEIR_FATAL,
                        "records of topic %.*s wait for their schema, which a connector with "
                        "several tasks cannot release: set tasks.max to 1 until they are",
                        WEIR_ARG(self->topics[0].topic));
        held_free(self);
        return err->code;
    }
    *out = self;
    return WEIR_OK;
}

void held_free(held *self)
{
    if (self == NULL)
        return;
    if (self->reader != NULL)
        log_reader_close(self->reader);
    if (self->batch != NULL)
        batch_free(self->batch);
    weir_buf_done(&self->mark);
    free(self->topics);
    free(self);
}

/* --- Holding ---------------------------------------------------------------------------------- */

static void tell(held *self, held_topic *of, const char *reason)
{
    of->told_ms = clock_mono_ms(self->task->world->clock);
    show(self, of->topic, reason);
    diag(WEIR_WARN,
         "records of topic %.*s wait in %.*s: %s; they go on when the schema is compatible, or "
         "another compatibility level is set",
         WEIR_ARG(of->topic), WEIR_ARG(of->name), reason);
}

weir_code held_begin(held *self, weir_str topic, const char *reason, weir_error *err)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    log *backend = self->task->world->log;
    log_topic found;

    assert(!held_has(self, topic));
    weir_buf_printf(&name, HELD_TOPIC_PREFIX "%.*s", WEIR_ARG(topic));
    config.retention_ms = -1; /* what waits is nowhere else */
    if (log_topic_create(backend, weir_buf_str(&name), &config, err) != WEIR_OK)
        return weir_wrap(err, "a topic for records that wait");
    if (!log_topic_find(backend, weir_buf_str(&name), &found))
        return weir_fail(err, WEIR_RETRY, "topic %s was deleted", weir_buf_cstr(&name));
    held_topic *added = add_topic(self, topic, &found);
    if (log_offset_of(backend, added->name, 0, LOG_LATEST, &added->next, err) != WEIR_OK) {
        self->count--;
        return err->code;
    }
    self->asked_ms = clock_mono_ms(self->task->world->clock);
    tell(self, added, reason);
    return WEIR_OK;
}

weir_code held_add(held *self, log_writer *writer, const log_record *record, weir_error *err)
{
    const held_topic *of = find(self, record->topic);
    weir_header headers[WORKER_HEADERS_MAX + 1];
    log_record added = *record;

    assert(of != NULL && record->header_count <= WORKER_HEADERS_MAX &&
           record->coded_count + record->header_count <= HEADERS_MAX);
    weir_buf_clear(&self->mark);
    weir_buf_add_str(&self->mark, WEIR_STR("{\"connector\":"));
    weir_buf_add_json(&self->mark, self->task->connector);
    weir_buf_printf(&self->mark, ",\"partition\":%" PRId32 ",\"avro_key\":%s,\"avro_value\":%s}",
                    record->partition, record->key_prefix.len > 0 ? "true" : "false",
                    record->value_prefix.len > 0 ? "true" : "false");
    for (uint32_t i = 0; i < record->header_count; i++)
        headers[i] = record->headers[i];
    headers[added.header_count++] = (weir_header){HELD_HEADER, weir_buf_str(&self->mark)};
    added.topic = of->name;
    added.partition = 0;
    added.headers = headers;
    return log_add(writer, &added, err);
}

/* --- Releasing -------------------------------------------------------------------------------- */

bool held_is_due(held *self)
{
    int64_t now_ms;

    if (self->count == 0)
        return false;
    now_ms = clock_mono_ms(self->task->world->clock);
    if (now_ms - self->asked_ms < ASK_EVERY_MS)
        return false;
    self->asked_ms = now_ms;
    return true;
}

/* Puts one record where it belongs. *is_refused: the registry does not take its schema. */
static weir_code release_record(held *self, const held_topic *of, log_writer *writer,
                                const weir_record *record, bool *is_refused, weir_error *err)
{
    weir_header headers[HEADERS_MAX + 1];
    uint32_t header_count;
    converted key, value;
    held_mark mark = take_headers(self, record, headers, &header_count);

    if (!mark.is_ours)
        return WEIR_OK;
    if (converter_release(self->task->key_converter, of->topic,
                          &(held_bytes){record->key, mark.key_is_avro}, &key, err) != WEIR_OK) {
        *is_refused = key.is_incompatible;
        return err->code;
    }
    if (converter_release(self->task->value_converter, of->topic,
                          &(held_bytes){record->value, mark.value_is_avro}, &value,
                          err) != WEIR_OK) {
        *is_refused = value.is_incompatible;
        return err->code;
    }
    return log_add(writer,
                   &(log_record){.topic = of->topic,
                                 .partition = mark.partition,
                                 .timestamp_ms = record->timestamp_ms,
                                 .key_prefix = key.prefix,
                                 .key = key.content,
                                 .value_prefix = value.prefix,
                                 .value = value.content,
                                 .headers = headers,
                                 .header_count = header_count},
                   err);
}

weir_code held_release(held *self, size_t number, log_writer *writer, held_step *step,
                       weir_error *err)
{
    held_topic *of = &self->topics[number];
    int64_t end, next = of->next;
    weir_record record = {0};
    bool is_refused = false;
    weir_code code;

    *step = (held_step){0};
    if (log_offset_of(self->task->world->log, of->name, 0, LOG_LATEST, &end, err) != WEIR_OK)
        return err->code;
    if (read_next(self, of, end, err) != WEIR_OK)
        return weir_wrap(err, "reading what waits in %.*s", WEIR_ARG(of->name));
    code = task_ensure_topic(self->task, of->topic, err);
    while (code == WEIR_OK && weir_record_next(self->batch, &record)) {
        code = release_record(self, of, writer, &record, &is_refused, err);
        if (code == WEIR_OK)
            next = record.log_offset + 1;
    }
    if (code == WEIR_OK)
        next = log_reader_position(self->reader, of->name, 0);
    log_reader_revoke(self->reader, of->name, 0);
    if (code != WEIR_OK && !is_refused) {
        if (code ==
            WEIR_REJECT) /* of what waits nothing is passed over, whatever errors.tolerance says */
            err->code = WEIR_FATAL;
        return weir_wrap(err, "releasing offset %" PRId64 " of %.*s", next, WEIR_ARG(of->name));
    }
    if (is_refused && clock_mono_ms(self->task->world->clock) - of->told_ms >= TELL_EVERY_MS)
        tell(self, of, err->message);
    else if (is_refused)
        show(self, of->topic, err->message);
    step->is_refused = is_refused && next == of->next;
    step->is_at_end = next == of->next && next >= end;
    durable_sink_key(self->task->connector, of->name, 0, &step->key);
    durable_offset_value(of->id, next, &step->value);
    of->next = next;
    return WEIR_OK;
}

void held_step_done(held_step *step)
{
    weir_buf_done(&step->key);
    weir_buf_done(&step->value);
}

void held_end(held *self, size_t number)
{
    const held_topic ended = self->topics[number];

    show_no_more(self, ended.topic);
    diag(WEIR_INFO, "no more records of topic %.*s wait: it goes on as before",
         WEIR_ARG(ended.topic));
    self->topics[number] = self->topics[--self->count];
}
