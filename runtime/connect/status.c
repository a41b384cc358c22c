/* status.c - the replay of __weir_status, and its writer.
 *
 * A key is clean, in `dirty` (to be sent) or in `sent` (in the commit under way). A commit that fails puts its
 * keys back; one that the log will never take (it was closed, or another worker has taken over) ends the
 * writing, once and for all, and says so.
 */
#include "runtime/connect/status.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/log/replay.h"
#include "weir/buf.h"
#include "weir/map.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_STEP_MS = 100 };

struct status_store {
    log *backend;
    log_writer *writer;
    int64_t generation;
    weir_map
        *texts; /* key -> weir_str with its bytes behind it; len 0: removed, and not yet sent */
    weir_map *dirty, *sent;
    log_ticket ticket;
    bool is_sending, has_stopped;
    json_t *shown; /* what status_get told last lives in it */
};

static weir_str *copy_text(weir_str text)
{
    weir_str *copy = mem_zalloc(1, sizeof(*copy) + text.len + 1);

    if (text.len > 0)
        memcpy(copy + 1, text.ptr, text.len);
    *copy = (weir_str){(const char *)(copy + 1), text.len};
    return copy;
}

static weir_code replay_record(void *context, weir_str key, weir_str value, weir_error *err)
{
    status_store *self = context;
    (void)err;

    if (key.ptr == NULL)
        return WEIR_OK;
    free(value.len > 0 ? weir_map_put(self->texts, key, copy_text(value))
                       : weir_map_remove(self->texts, key));
    return WEIR_OK;
}

weir_code status_open(log *backend, status_store **out, weir_error *err)
{
    status_store *self = mem_zalloc(1, sizeof(*self));
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.compact = true;
    config.retention_ms = -1;
    self->backend = backend;
    self->texts = weir_map_new();
    self->dirty = weir_map_new();
    self->sent = weir_map_new();
    if (log_topic_create(backend, STATUS_TOPIC, &config, err) != WEIR_OK ||
        log_replay(backend, STATUS_TOPIC, replay_record, self, err) != WEIR_OK ||
        log_writer_open(backend, STATUS_TOPIC, &self->writer, err) != WEIR_OK) {
        status_close(self);
        return err->code;
    }
    self->generation = log_writer_epoch(self->writer);
    *out = self;
    return WEIR_OK;
}

void status_close(status_store *self)
{
    void *text;

    if (self == NULL)
        return;
    log_writer_close(self->writer);
    for (size_t at = 0; weir_map_next(self->texts, &at, NULL, &text);)
        free(text);
    weir_map_free(self->texts);
    weir_map_free(self->dirty);
    weir_map_free(self->sent);
    json_decref(self->shown);
    free(self);
}

/* --- Noting ----------------------------------------------------------------------------------- */

static void key_of(weir_str connector, int task, weir_buf *out)
{
    weir_buf_printf(out, "status-%s-%.*s", task < 0 ? "connector" : "task", WEIR_ARG(connector));
    if (task >= 0)
        weir_buf_printf(out, "-%d", task);
}

static void note(status_store *self, weir_str key, weir_str text)
{
    const weir_str *before = weir_map_get(self->texts, key);

    if (before != NULL ? weir_str_eq(*before, text) : text.len == 0)
        return;
    free(weir_map_put(self->texts, key, copy_text(text)));
    (void)weir_map_put(self->dirty, key, self);
}

static void add_text(weir_buf *out, const char *name, weir_str value)
{
    weir_buf_printf(out, ",\"%s\":", name);
    if (value.len > 0)
        weir_buf_add_json(out, value);
    else
        weir_buf_add_str(out, WEIR_STR("null"));
}

void status_put(status_store *self, weir_str connector, int task, const status_record *put)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, text = {0};

    key_of(connector, task, &key);
    weir_buf_add_str(&text, WEIR_STR("{\"state\":"));
    weir_buf_add_json(&text, put->state);
    add_text(&text, "trace", put->trace);
    add_text(&text, "worker_id", put->worker_id);
    weir_buf_printf(&text, ",\"generation\":%" PRId64, self->generation);
    add_text(&text, "version", put->version);
    if (task >= 0) {
        weir_buf_printf(&text, ",\"restarts\":%" PRId64 ",\"failures\":%" PRId64,
                        put->restart_count, put->failure_count);
        add_text(&text, "last_error", put->last_error);
        if (put->last_error.len > 0)
            weir_buf_printf(&text, ",\"last_error_ms\":%" PRId64, put->failed_at_ms);
    }
    weir_buf_add_byte(&text, '}');
    note(self, weir_buf_str(&key), weir_buf_str(&text));
}

void status_remove(status_store *self, weir_str connector, int first_task)
{
    for (int task = first_task;; task++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
        const weir_str *text;

        key_of(connector, task, &key);
        text = weir_map_get(self->texts, weir_buf_str(&key));
        if (task >= 0 && (text == NULL || text->len == 0))
            return; /* numbers have no gaps */
        note(self, weir_buf_str(&key), (weir_str){0});
    }
}

static weir_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) ? (weir_str){json_string_value(value), json_string_length(value)}
                                 : (weir_str){0};
}

bool status_get(status_store *self, weir_str connector, int task, status_record *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    const weir_str *text;

    key_of(connector, task, &key);
    text = weir_map_get(self->texts, weir_buf_str(&key));
    if (text == NULL || text->len == 0)
        return false;
    json_decref(self->shown);
    self->shown = json_loadb(text->ptr, text->len, 0, NULL);
    if (self->shown == NULL)
        return false; /* somebody else's; the next status replaces it */
    *out = (status_record){
        .state = text_of(self->shown, "state"),
        .trace = text_of(self->shown, "trace"),
        .worker_id = text_of(self->shown, "worker_id"),
        .version = text_of(self->shown, "version"),
        .generation = json_integer_value(json_object_get(self->shown, "generation")),
        .restart_count = json_integer_value(json_object_get(self->shown, "restarts")),
        .failure_count = json_integer_value(json_object_get(self->shown, "failures")),
        .last_error = text_of(self->shown, "last_error"),
        .failed_at_ms = json_integer_value(json_object_get(self->shown, "last_error_ms")),
    };
    return true;
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void stop(status_store *self, const char *reason)
{
    self->has_stopped = true;
    diag(WEIR_WARN, "statuses are no longer written to the log: %s", reason);
}

/* What was removed and is gone from the log is forgotten. */
static void forget_removed(status_store *self)
{
    weir_str key;

    for (size_t at = 0; weir_map_next(self->sent, &at, &key, NULL);) {
        const weir_str *text = weir_map_get(self->texts, key);

        if (text != NULL && text->len == 0 && weir_map_get(self->dirty, key) == NULL)
            free(weir_map_remove(self->texts, key));
    }
}

static void mark_sent_dirty(status_store *self)
{
    weir_str key;

    for (size_t at = 0; weir_map_next(self->sent, &at, &key, NULL);)
        (void)weir_map_put(self->dirty, key, self);
}

/* A writer that has lost track of its commits is replaced; the same record twice says the same. */
static void replace_writer(status_store *self)
{
    weir_error err;

    log_writer_close(self->writer);
    self->writer = NULL;
    if (log_writer_open(self->backend, STATUS_TOPIC, &self->writer, &err) != WEIR_OK)
        stop(self, err.message);
}

static void take_outcome(status_store *self, log_outcome outcome, const weir_error *err)
{
    switch (outcome) {
    case LOG_PENDING:
        return;
    case LOG_COMMITTED:
        forget_removed(self);
        break;
    case LOG_ABORTED:
        mark_sent_dirty(self);
        break;
    case LOG_UNKNOWN:
        mark_sent_dirty(self);
        replace_writer(self);
        break;
    case LOG_FENCED:
    case LOG_STOPPED:
        stop(self, err->message);
        break;
    }
    weir_map_free(self->sent);
    self->sent = weir_map_new();
    self->is_sending = false;
}

static void commit_dirty(status_store *self)
{
    weir_map *spare = self->sent;
    weir_error err;
    weir_str key;

    for (size_t at = 0; weir_map_next(self->dirty, &at, &key, NULL);) {
        const weir_str *text = weir_map_get(self->texts, key);
        log_record record = {.topic = STATUS_TOPIC,
                             .partition = 0,
                             .timestamp_ms = -1,
                             .key = key,
                             .value = text->len > 0 ? *text : (weir_str){0}};

        if (log_add(self->writer, &record, &err) != WEIR_OK) {
            log_discard(self->writer);
            stop(self, err.message);
            return;
        }
    }
    self->sent = self->dirty;
    self->dirty = spare; /* empty */
    self->ticket = log_commit(self->writer);
    self->is_sending = true;
}

static void advance(status_store *self, int timeout_ms)
{
    weir_error err;

    if (self->is_sending)
        take_outcome(self, log_wait(self->writer, self->ticket, timeout_ms, &err), &err);
    if (!self->is_sending && !self->has_stopped && weir_map_count(self->dirty) > 0)
        commit_dirty(self);
}

bool status_send(status_store *self)
{
    advance(self, 0);
    return self->is_sending;
}

void status_flush(status_store *self, int timeout_ms)
{
    advance(self, 0);
    for (int waited = 0; self->is_sending && waited < timeout_ms; waited += FLUSH_STEP_MS)
        advance(self, FLUSH_STEP_MS);
}
