/* schema_store.c - the replay of _schemas, and adding to it. */
#include "schema-registry/store/schema_store.h"

#include "runtime/base/mem.h"
#include "runtime/log/replay.h"
#include "schema-registry/avro/avro.h"
#include "weir/map.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMAS_TOPIC WEIR_STR("_schemas")

enum { COMMIT_WAIT_MS = 1000 };

typedef struct schema_entry {
    int32_t id;
    char *text;          /* as it was registered */
    weir_schema *parsed; /* at first use; NULL before */
} schema_entry;

struct schema_store {
    log_writer *writer;
    pthread_mutex_t lock;
    weir_map *by_id;        /* decimal id -> schema_entry */
    weir_map *by_text;      /* text -> the same schema_entry */
    weir_map *registered;   /* "SUBJECT\nID" -> schema_entry: the subject has a version of it */
    weir_map *last_version; /* subject -> its highest version, as a pointer-sized number */
    int32_t last_id;
};

static weir_str id_key(int32_t id, char text[16])
{
    return (weir_str){text, (size_t)snprintf(text, 16, "%" PRId32, id)};
}

static void mark_registered(schema_store *self, weir_str subject, int32_t id, void *value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

    weir_buf_printf(&key, "%.*s\n%" PRId32, WEIR_ARG(subject), id);
    weir_map_put(self->registered, weir_buf_str(&key), value);
}

static bool is_registered(const schema_store *self, weir_str subject, int32_t id)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};

    weir_buf_printf(&key, "%.*s\n%" PRId32, WEIR_ARG(subject), id);
    return weir_map_get(self->registered, weir_buf_str(&key)) != NULL;
}

/* Adds what a record says, in the replay as after a registration. */
static void take_version(schema_store *self, weir_str subject, intptr_t version, int32_t id,
                         weir_str text)
{
    char digits[16];
    schema_entry *entry = weir_map_get(self->by_id, id_key(id, digits));

    if (entry == NULL) {
        entry = mem_zalloc(1, sizeof(*entry));
        entry->id = id;
        entry->text = mem_zalloc(1, text.len + 1);
        memcpy(entry->text, text.ptr, text.len);
        weir_map_put(self->by_id, id_key(id, digits), entry);
        if (weir_map_get(self->by_text, text) == NULL)
            weir_map_put(self->by_text, text, entry);
    }
    mark_registered(self, subject, id, entry);
    if (version > (intptr_t)weir_map_get(self->last_version, subject))
        weir_map_put(self->last_version, subject, (void *)version);
    if (id > self->last_id)
        self->last_id = id;
}

static weir_code replay_record(void *context, weir_str key, weir_str value, weir_error *err)
{
    schema_store *self = context;
    json_t *head = key.ptr != NULL ? json_loadb(key.ptr, key.len, 0, NULL) : NULL;
    json_t *body = value.ptr != NULL ? json_loadb(value.ptr, value.len, 0, NULL) : NULL;
    const char *type = json_string_value(json_object_get(head, "keytype"));
    const char *subject = json_string_value(json_object_get(body, "subject"));
    const char *text = json_string_value(json_object_get(body, "schema"));
    json_int_t id = json_integer_value(json_object_get(body, "id"));
    json_int_t version = json_integer_value(json_object_get(body, "version"));

    /* Other keys (CONFIG, MODE, NOOP, ...) and tombstones are not for converters. */
    if (type != NULL && strcmp(type, "SCHEMA") == 0 && subject != NULL && text != NULL && id > 0 &&
        id <= INT32_MAX && version > 0)
        take_version(self, weir_cstr(subject), (intptr_t)version, (int32_t)id, weir_cstr(text));
    json_decref(head);
    json_decref(body);
    (void)err;
    return WEIR_OK;
}

weir_code schema_store_open(log *backend, schema_store **out, weir_error *err)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    schema_store *self;

    config.compact = true;
    config.retention_ms = -1;
    if (log_topic_create(backend, SCHEMAS_TOPIC, &config, err) != WEIR_OK)
        return err->code;
    self = mem_zalloc(1, sizeof(*self));
    pthread_mutex_init(&self->lock, NULL);
    self->by_id = weir_map_new();
    self->by_text = weir_map_new();
    self->registered = weir_map_new();
    self->last_version = weir_map_new();
    if (log_replay(backend, SCHEMAS_TOPIC, replay_record, self, err) != WEIR_OK ||
        log_writer_open(backend, WEIR_STR("_schemas"), &self->writer, err) != WEIR_OK) {
        schema_store_close(self);
        return err->code;
    }
    *out = self;
    return WEIR_OK;
}

void schema_store_close(schema_store *store)
{
    void *value;

    if (store == NULL)
        return;
    for (size_t at = 0; weir_map_next(store->by_id, &at, NULL, &value);) {
        schema_entry *entry = value;

        avro_schema_free(entry->parsed);
        free(entry->text);
        free(entry);
    }
    weir_map_free(store->by_id);
    weir_map_free(store->by_text);
    weir_map_free(store->registered);
    weir_map_free(store->last_version);
    log_writer_close(store->writer);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* Writes a version and waits until it is durable. */
static weir_code write_version(schema_store *self, weir_str subject, intptr_t version, int32_t id,
                               weir_str text, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    log_record record = {.topic = SCHEMAS_TOPIC, .partition = 0, .timestamp_ms = -1};
    log_outcome outcome;
    log_ticket ticket;

    weir_buf_add_str(&key, WEIR_STR("{\"keytype\":\"SCHEMA\",\"subject\":"));
    weir_buf_add_json(&key, subject);
    weir_buf_printf(&key, ",\"version\":%" PRIdPTR ",\"magic\":1}", version);
    weir_buf_add_str(&value, WEIR_STR("{\"subject\":"));
    weir_buf_add_json(&value, subject);
    weir_buf_printf(&value, ",\"version\":%" PRIdPTR ",\"id\":%" PRId32 ",\"schema\":", version,
                    id);
    weir_buf_add_json(&value, text);
    weir_buf_add_str(&value, WEIR_STR(",\"deleted\":false}"));
    record.key = weir_buf_str(&key);
    record.value = weir_buf_str(&value);
    if (log_add(self->writer, &record, err) != WEIR_OK)
        return err->code;
    ticket = log_commit(self->writer);
    do
        outcome = log_wait(self->writer, ticket, COMMIT_WAIT_MS, err);
    while (outcome == LOG_PENDING);
    if (outcome == LOG_COMMITTED)
        return WEIR_OK;
    return weir_wrap(err, "registering a schema of subject %.*s", WEIR_ARG(subject));
}

static weir_code register_locked(schema_store *self, weir_str subject, weir_str text, int32_t *id,
                                 weir_error *err)
{
    const schema_entry *known = weir_map_get(self->by_text, text);
    int32_t number = known != NULL ? known->id : self->last_id + 1;
    intptr_t version = (intptr_t)weir_map_get(self->last_version, subject) + 1;

    if (known == NULL || !is_registered(self, subject, known->id)) {
        if (write_version(self, subject, version, number, text, err) != WEIR_OK)
            return err->code;
        take_version(self, subject, version, number, text);
    }
    *id = number;
    return WEIR_OK;
}

weir_code schema_store_register(schema_store *store, weir_str subject, const weir_schema *schema,
                                int32_t *id, weir_error *err)
{
    weir_code code;

    pthread_mutex_lock(&store->lock);
    code = register_locked(store, subject, weir_schema_text(schema), id, err);
    pthread_mutex_unlock(&store->lock);
    return code;
}

weir_code schema_store_get(schema_store *store, int32_t id, const weir_schema **out,
                           weir_error *err)
{
    char digits[16];
    schema_entry *entry;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&store->lock);
    entry = weir_map_get(store->by_id, id_key(id, digits));
    if (entry == NULL)
        code = weir_fail(err, WEIR_REJECT, "schema id %" PRId32 " is not in _schemas", id);
    else if (entry->parsed == NULL &&
             (entry->parsed = avro_parse(weir_cstr(entry->text), err)) == NULL)
        code = weir_wrap(err, "schema id %" PRId32, id);
    else
        *out = entry->parsed;
    pthread_mutex_unlock(&store->lock);
    return code;
}
