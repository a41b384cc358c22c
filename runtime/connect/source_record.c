/* source_record.c - one record on its way from a source into a unit: transform, convert, add; and what becomes of
 * it when that does not go. */
#include "runtime/base/diag.h"
#include "runtime/connect/source_state.h"
#include "runtime/connect/unsent.h"

#include <assert.h>
#include <string.h>

enum {
    HEADERS_MAX = 64,    /* of the connector */
    OWN_HEADERS_MAX = 8, /* ours, behind them */
};

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

/* --- Adding ----------------------------------------------------------------------------------- */

/* A record in the making. */
typedef struct addition {
    const weir_record *record;
    converted key, value;
    log_record out;
    weir_header *headers; /* ours: room for OWN_HEADERS_MAX */
} addition;

typedef weir_code writer(converter *self, weir_str topic, const weir_schema *schema, weir_str bytes,
                         converted *out, weir_error *err);

/* write is one of converter.h's; topic is the one that decides the subjects. */
static weir_code convert(source_task *self, addition *adding, writer *write, weir_str topic,
                         weir_error *err)
{
    const weir_record *record = adding->record;

    adding->key = adding->value = (converted){0};
    if (write(self->task->key_converter, topic, record->key_schema, record->key, &adding->key,
              err) != WEIR_OK ||
        write(self->task->value_converter, topic, record->value_schema, record->value,
              &adding->value, err) != WEIR_OK)
        return err->code;
    adding->out.key_prefix = adding->key.prefix;
    adding->out.key = adding->key.content;
    adding->out.value_prefix = adding->value.prefix;
    adding->out.value = adding->value.content;
    return WEIR_OK;
}

static weir_code add_headers(source_task *self, addition *adding, weir_error *err)
{
    const weir_record *record = adding->record;

    if (record->header_count > HEADERS_MAX)
        return weir_fail(err, WEIR_REJECT, "the record has %u headers, %d are the most",
                         record->header_count, HEADERS_MAX);
    adding->out.coded_headers =
        batch_bytes_of(self->batch, batch_at(self->batch, record->index)->headers);
    adding->out.coded_count = record->header_count;
    adding->out.headers = adding->headers;
    if (record->unsent != NULL) {
        weir_buf_clear(&self->unsent);
        unsent_write(record, &self->unsent);
        adding->headers[adding->out.header_count++] =
            (weir_header){UNSENT_HEADER, weir_buf_str(&self->unsent)};
    }
    return WEIR_OK;
}

/* The record goes into the dead letter queue, with ids that its readers can look up; reason is the registry's. */
static weir_code add_dead_letter(source_task *self, addition *adding, const char *reason,
                                 weir_error *err)
{
    connect_task *task = self->task;
    weir_str queue = task->common.dead_letter_topic;
    const weir_header why[] = {
        {WEIR_STR("__connect.errors.topic"), adding->record->topic},
        {WEIR_STR("__connect.errors.connector.name"), task->connector},
        {WEIR_STR("__connect.errors.stage"), WEIR_STR("VALUE_CONVERTER")},
        {WEIR_STR("__connect.errors.exception.message"), weir_cstr(reason)},
    };

    static_assert(sizeof(why) / sizeof(why[0]) < OWN_HEADERS_MAX, "and the one of unsent fields");
    for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++)
        adding->headers[adding->out.header_count++] = why[i];
    if (ensure_topic(self, queue, err) != WEIR_OK ||
        convert(self, adding, converter_write_dead, queue, err) != WEIR_OK)
        return err->code;
    adding->out.topic = queue;
    adding->out.partition = -1; /* it may have fewer than the record's topic */
    pthread_mutex_lock(&task->view.lock);
    task->view.error_count++;
    pthread_mutex_unlock(&task->view.lock);
    return log_add(self->writer, &adding->out, err);
}

/* What schema.incompatible.policy says; err is the registry's reason. */
static weir_code add_incompatible(source_task *self, addition *adding, weir_error *err)
{
    const weir_error reason = *err;
    weir_str topic = adding->record->topic;
    incompatible_policy policy = (incompatible_policy)self->task->common.schema_incompatible.index;

    if (policy == INCOMPATIBLE_HOLD && self->task->has_siblings)
        return weir_fail(err, WEIR_FATAL,
                         "%s (topic %.*s; records of a connector with several tasks cannot wait: "
                         "set tasks.max to 1, or another schema.incompatible.policy)",
                         reason.message, WEIR_ARG(topic));
    switch (policy) {
    case INCOMPATIBLE_FAIL:
        break;
    case INCOMPATIBLE_DEAD_LETTER:
        return add_dead_letter(self, adding, reason.message, err);
    case INCOMPATIBLE_HOLD:
        if (held_begin(self->held, topic, reason.message, err) != WEIR_OK ||
            convert(self, adding, converter_write_held, topic, err) != WEIR_OK)
            return err->code;
        return held_add(self->held, self->writer, &adding->out, err);
    }
    return weir_fail(err, WEIR_FATAL, "%s (topic %.*s; schema.incompatible.policy is \"fail\")",
                     reason.message, WEIR_ARG(topic));
}

static weir_code add_record(source_task *self, const weir_record *record, weir_error *err)
{
    bool waits = held_has(self->held, record->topic);
    weir_header headers[OWN_HEADERS_MAX];
    addition adding = {.record = record,
                       .headers = headers,
                       .out = {.topic = record->topic,
                               .partition = batch_at(self->batch, record->index)->partition,
                               .timestamp_ms = record->timestamp_ms}};

    if (ensure_topic(self, record->topic, err) != WEIR_OK ||
        add_headers(self, &adding, err) != WEIR_OK)
        return err->code;
    if (convert(self, &adding, waits ? converter_write_held : converter_write, record->topic,
                err) != WEIR_OK)
        return adding.key.is_incompatible || adding.value.is_incompatible
                   ? add_incompatible(self, &adding, err)
                   : err->code;
    return waits ? held_add(self->held, self->writer, &adding.out, err)
                 : log_add(self->writer, &adding.out, err);
}

/* --- Errors ----------------------------------------------------------------------------------- */

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
    weir_error idle_err = {0};

    if (pause_ms < 0)
        return false;
    for (; pause_ms > 0 && !task_is_stopping(task); pause_ms -= STEP_MS) {
        task_pause(task, pause_ms < STEP_MS ? pause_ms : STEP_MS);
        if (source_serve(self, &idle_err) != WEIR_OK) {
            *err = idle_err;
            return false;
        }
    }
    return !task_is_stopping(task);
}

weir_code source_record_process(source_task *self, uint32_t index, weir_error *err)
{
    const batch_entry before = *batch_at(self->batch, index);
    retry rules = task_retry(self->task);
    weir_record record = {0};
    weir_code code;

    while ((code = convert_record(self, index, &record, err)) == WEIR_RETRY &&
           rules.timeout_ms != 0 && try_again(self, &rules, err))
        *batch_at(self->batch, index) = before; /* some of it was transformed already */
    if (code == WEIR_RETRY)
        code = err->code; /* of the source, perhaps, which failed while it waited */
    return code == WEIR_REJECT ? refuse_record(self, &record, err) : code;
}
