/* durable.c - the replay of __weir_configs and __weir_offsets. */
#include "runtime/connect/durable.h"

#include "runtime/base/mem.h"
#include "runtime/log/replay.h"
#include "weir/map.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_ID WEIR_STR("__weir_worker")

enum { COMMIT_WAIT_MS = 1000, ATTEMPTS = 5 };

/* What is known of a task's writers. */
typedef struct known_writer {
    int64_t epoch; /* of the last one opened here; 0: none was */
    bool is_distrusted;
} known_writer;

struct durable {
    log *backend;
    log_writer *writer; /* NULL: it could not be opened again; write_lock */
    pthread_mutex_t lock;
    pthread_mutex_t write_lock;  /* the writer builds one unit at a time; taken before lock */
    pthread_mutex_t reload_lock; /* one reload at a time; taken before lock */
    weir_map *configs;           /* key -> text, each a weir_str with its bytes behind it */
    weir_map *offsets;
    weir_map *writers; /* id -> known_writer */
    weir_map *recent;  /* the same, of what was committed while a reload runs; NULL: none does */
};

static weir_str *copy_text(weir_str text)
{
    weir_str *copy = mem_zalloc(1, sizeof(*copy) + text.len + 1);

    if (text.len > 0)
        memcpy(copy + 1, text.ptr, text.len);
    *copy = (weir_str){(const char *)(copy + 1), text.len};
    return copy;
}

static void set(weir_map *map, weir_str key, weir_str value)
{
    free(value.len > 0 ? weir_map_put(map, key, copy_text(value)) : weir_map_remove(map, key));
}

/* The lock is held. */
static void set_offset(durable *self, weir_str key, weir_str value)
{
    set(self->offsets, key, value);
    if (self->recent != NULL) /* removed is an empty text here */
        free(weir_map_put(self->recent, key, copy_text(value)));
}

static weir_code replay_record(void *context, weir_str key, weir_str value, weir_error *err)
{
    (void)err;
    if (key.ptr != NULL)
        set(context, key, value);
    return WEIR_OK;
}

static void free_map(weir_map *map)
{
    void *value;

    if (map == NULL)
        return;
    for (size_t at = 0; weir_map_next(map, &at, NULL, &value);)
        free(value);
    weir_map_free(map);
}

static weir_code open_topic(log *backend, weir_str topic, weir_map *map, weir_error *err)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.compact = true;
    config.retention_ms = -1;
    if (log_topic_create(backend, topic, &config, err) != WEIR_OK)
        return err->code;
    return log_replay(backend, topic, replay_record, map, err);
}

/* Whoever asks for a write waits for it, the control thread above all. */
static weir_code open_writer(durable *self, weir_error *err)
{
    if (log_writer_open(self->backend, WRITER_ID, &self->writer, err) != WEIR_OK)
        return err->code;
    log_writer_give_up(self->writer);
    return WEIR_OK;
}

weir_code durable_open(log *backend, durable **out, weir_error *err)
{
    durable *self = mem_zalloc(1, sizeof(*self));

    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&self->write_lock, NULL);
    pthread_mutex_init(&self->reload_lock, NULL);
    self->backend = backend;
    self->configs = weir_map_new();
    self->offsets = weir_map_new();
    self->writers = weir_map_new();
    if (open_topic(backend, DURABLE_CONFIGS, self->configs, err) != WEIR_OK ||
        open_topic(backend, DURABLE_OFFSETS, self->offsets, err) != WEIR_OK ||
        open_writer(self, err) != WEIR_OK) {
        durable_close(self);
        return err->code;
    }
    *out = self;
    return WEIR_OK;
}

void durable_close(durable *self)
{
    if (self == NULL)
        return;
    log_writer_close(self->writer);
    free_map(self->configs);
    free_map(self->offsets);
    free_map(self->writers);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->write_lock);
    pthread_mutex_destroy(&self->reload_lock);
    free(self);
}

/* One attempt. The write lock is held. */
static log_outcome write_once(durable *self, const log_record *record, weir_error *err)
{
    log_outcome outcome;
    log_ticket ticket;

    if (self->writer == NULL && open_writer(self, err) != WEIR_OK)
        return LOG_STOPPED;
    if (log_add(self->writer, record, err) != WEIR_OK)
        return LOG_STOPPED;
    ticket = log_commit(self->writer);
    do
        outcome = log_wait(self->writer, ticket, COMMIT_WAIT_MS, err);
    while (outcome == LOG_PENDING);
    if (outcome == LOG_UNKNOWN || (outcome == LOG_STOPPED && err->code == WEIR_RETRY)) {
        /* it takes nothing, or knows nothing, of what comes after, either */
        log_writer_close(self->writer);
        self->writer = NULL;
    }
    return outcome;
}

/* The write lock is held. */
static weir_code write_locked(durable *self, weir_str topic, weir_str key, weir_str value,
                              weir_error *err)
{
    log_record record = {
        .topic = topic, .partition = 0, .timestamp_ms = -1, .key = key, .value = value};
    log_outcome outcome = LOG_ABORTED;

    /* The same record twice says the same. */
    for (int i = 0; i < ATTEMPTS && (outcome == LOG_ABORTED || outcome == LOG_UNKNOWN); i++)
        outcome = write_once(self, &record, err);
    return outcome == LOG_COMMITTED ? WEIR_OK : weir_wrap(err, "writing to %.*s", WEIR_ARG(topic));
}

weir_code durable_put_config(durable *self, weir_str key, weir_str value, weir_error *err)
{
    weir_code code;

    pthread_mutex_lock(&self->write_lock);
    code = write_locked(self, DURABLE_CONFIGS, key, value, err);
    if (code == WEIR_OK) {
        pthread_mutex_lock(&self->lock);
        set(self->configs, key, value);
        pthread_mutex_unlock(&self->lock);
    }
    pthread_mutex_unlock(&self->write_lock);
    return code;
}

/* What was committed while the log was read may be newer than what was read. The lock is held. */
static void apply_recent(durable *self, weir_map *fresh)
{
    weir_str key;
    void *text;

    for (size_t at = 0; weir_map_next(self->recent, &at, &key, &text);)
        set(fresh, key, *(const weir_str *)text);
    free_map(self->recent);
    self->recent = NULL;
}

static weir_code reload_offsets(durable *self, weir_error *err)
{
    weir_map *fresh = weir_map_new(), *unused = fresh;
    weir_code code;

    pthread_mutex_lock(&self->reload_lock);
    pthread_mutex_lock(&self->lock);
    self->recent = weir_map_new();
    pthread_mutex_unlock(&self->lock);
    code = log_replay(self->backend, DURABLE_OFFSETS, replay_record, fresh, err);
    pthread_mutex_lock(&self->lock);
    apply_recent(self, fresh);
    if (code == WEIR_OK) {
        unused = self->offsets;
        self->offsets = fresh;
    }
    pthread_mutex_unlock(&self->lock);
    pthread_mutex_unlock(&self->reload_lock);
    free_map(unused);
    return code;
}

/* The lock is held. */
static known_writer *find_writer(durable *self, weir_str id)
{
    known_writer *found = weir_map_get(self->writers, id);

    if (found == NULL) {
        found = mem_zalloc(1, sizeof(*found));
        (void)weir_map_put(self->writers, id, found);
    }
    return found;
}

void durable_distrust(durable *self, weir_str writer_id)
{
    pthread_mutex_lock(&self->lock);
    find_writer(self, writer_id)->is_distrusted = true;
    pthread_mutex_unlock(&self->lock);
}

weir_code durable_settle(durable *self, weir_str writer_id, int64_t epoch, weir_error *err)
{
    known_writer *known;
    bool is_trusted;

    pthread_mutex_lock(&self->lock);
    known = find_writer(self, writer_id);
    is_trusted = !known->is_distrusted && (known->epoch == 0 || epoch == known->epoch + 1);
    pthread_mutex_unlock(&self->lock);
    if (!is_trusted && reload_offsets(self, err) != WEIR_OK)
        return err->code;
    pthread_mutex_lock(&self->lock);
    *known = (known_writer){.epoch = epoch}; /* it lives as long as self */
    pthread_mutex_unlock(&self->lock);
    return WEIR_OK;
}

bool durable_config(durable *self, weir_str key, weir_buf *out)
{
    const weir_str *found;

    pthread_mutex_lock(&self->lock);
    found = weir_map_get(self->configs, key);
    if (found != NULL)
        weir_buf_add_str(out, *found);
    pthread_mutex_unlock(&self->lock);
    return found != NULL;
}

bool durable_next_config(durable *self, size_t *at, weir_str *key, weir_str *value)
{
    void *text;

    if (!weir_map_next(self->configs, at, key, &text))
        return false;
    *value = *(const weir_str *)text;
    return true;
}

void durable_offset_key(weir_str connector, weir_str partition, weir_buf *out)
{
    weir_buf_add_byte(out, '[');
    weir_buf_add_json(out, connector);
    weir_buf_add_byte(out, ',');
    weir_buf_add_str(out, partition);
    weir_buf_add_byte(out, ']');
}

void durable_altered_key(weir_str connector, weir_str partition, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf owner = {0};

    weir_buf_add_str(&owner, connector);
    weir_buf_add_str(&owner, WEIR_STR("/altered"));
    durable_offset_key(weir_buf_str(&owner), partition, out);
}

void durable_sink_partition(weir_str topic, int32_t partition, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"kafka_topic\":"));
    weir_buf_add_json(out, topic);
    weir_buf_printf(out, ",\"kafka_partition\":%" PRId32 "}", partition);
}

void durable_sink_key(weir_str connector, weir_str topic, int32_t partition, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf where = {0};

    durable_sink_partition(topic, partition, &where);
    durable_offset_key(connector, weir_buf_str(&where), out);
}

void durable_offset_value(const char *topic_id, int64_t offset, weir_buf *out)
{
    weir_buf_printf(out, "{\"kafka_offset\":%" PRId64 ",\"topic_id\":\"%s\"}", offset, topic_id);
}

void durable_committed(durable *self, weir_str key, weir_str value)
{
    pthread_mutex_lock(&self->lock);
    set_offset(self, key, value);
    pthread_mutex_unlock(&self->lock);
}

weir_code durable_put_offset(durable *self, weir_str key, weir_str value, weir_error *err)
{
    weir_code code;

    pthread_mutex_lock(&self->write_lock);
    code = write_locked(self, DURABLE_OFFSETS, key, value, err);
    if (code == WEIR_OK)
        durable_committed(self, key, value);
    pthread_mutex_unlock(&self->write_lock);
    return code;
}

void durable_each_offset(durable *self, weir_str connector,
                         void (*each)(void *, weir_str, weir_str), void *context)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf prefix = {0};
    weir_str key;
    void *text;

    weir_buf_add_byte(&prefix, '[');
    weir_buf_add_json(&prefix, connector);
    weir_buf_add_byte(&prefix, ',');
    pthread_mutex_lock(&self->lock);
    for (size_t at = 0; weir_map_next(self->offsets, &at, &key, &text);) {
        weir_str partition = {key.ptr + prefix.len, key.len - prefix.len - 1};

        if (key.len > prefix.len && memcmp(key.ptr, prefix.ptr, prefix.len) == 0)
            each(context, partition, *(const weir_str *)text);
    }
    pthread_mutex_unlock(&self->lock);
}

bool durable_offset(durable *self, weir_str key, weir_buf *out)
{
    const weir_str *text;

    pthread_mutex_lock(&self->lock);
    text = weir_map_get(self->offsets, key);
    if (text != NULL)
        weir_buf_add_str(out, *text);
    pthread_mutex_unlock(&self->lock);
    return text != NULL;
}
