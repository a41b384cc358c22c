/* converter.c - the four converters. */
#include "runtime/connect/converter.h"

#include "runtime/base/mem.h"
#include "runtime/base/reader.h"
#include "runtime/connect/json_read.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/avro/json.h"
#include "schema-registry/client/registry_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_BYTES = 5, CACHE_SLOTS = 64 };

/* Where a record goes, which decides what its schema is registered under. */
typedef enum write_target {
    TARGET_TOPIC, /* the subject of its topic and schema, as the settings say */
    TARGET_HELD,  /* the same in the context CONVERTER_HELD */
    TARGET_DEAD,  /* the dead letter queue's own subject, which takes everything */
} write_target;

/* A small direct-mapped cache; a miss asks the registry. */
typedef struct id_slot {
    const weir_schema *schema;
    weir_buf topic;
    write_target target;
    int32_t id;
} id_slot;

typedef struct schema_slot {
    int32_t id; /* 0: empty */
    const weir_schema *schema;
} schema_slot;

struct converter {
    converter_kind kind;
    bool is_key;
    const converter_settings *settings;
    registry_client *registry;
    bool held_is_open; /* CONVERTER_HELD takes everything */
    bool dead_is_open; /* and so does the subject of the dead letter queue, of which there is one */
    json_reader *json;
    weir_schema *string_schema, *bytes_schema;
    id_slot ids[CACHE_SLOTS];
    schema_slot known[CACHE_SLOTS];
    weir_buf text;
    uint8_t frame[FRAME_BYTES];
};

/* A key or value on its way into the log. */
typedef struct writing {
    weir_str topic;
    const weir_schema *schema;
    weir_str bytes;
    write_target target;
    converted *out;
} writing;

static weir_schema *plain_schema(const char *text)
{
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    assert(schema != NULL); /* a text of ours */
    return schema;
}

weir_code converter_remote(const converter_settings *settings, http_client_options *out,
                           weir_error *err)
{
    bool has_user = settings->basic_source.index == 1;
    weir_str user = settings->basic_user.len > 0 ? settings->basic_user : settings->basic_user_old;

    if (has_user && user.len == 0)
        return weir_fail(err, WEIR_CONFIG,
                         "basic.auth.credentials.source is USER_INFO, but basic.auth.user.info is "
                         "not set");
    if (settings->bearer_source.index == 1 && settings->bearer_token.len == 0)
        return weir_fail(err, WEIR_CONFIG,
                         "bearer.auth.credentials.source is STATIC_TOKEN, but bearer.auth.token is "
                         "not set");
    *out = (http_client_options){0};
    out->user = has_user ? user.ptr : NULL;
    out->token = settings->bearer_source.index == 1 ? settings->bearer_token.ptr : NULL;
    out->ca_file = settings->ca_file.len > 0 ? settings->ca_file.ptr : NULL;
    out->cert_file = settings->cert_file.len > 0 ? settings->cert_file.ptr : NULL;
    out->key_file = out->cert_file;
    out->key_password = settings->key_password.len > 0 ? settings->key_password.ptr : NULL;
    return WEIR_OK;
}

static weir_code open_registry(converter *self, registry *local, weir_error *err)
{
    const converter_settings *settings = self->settings;
    http_client_options how;

    if (settings->urls.count == 0 || self->kind != CONVERTER_AVRO) {
        self->registry = registry_client_local(local);
        return WEIR_OK;
    }
    if (converter_remote(settings, &how, err) != WEIR_OK)
        return err->code;
    return registry_client_remote(&settings->urls, &how, &self->registry, err);
}

weir_code converter_new(const converter_options *options, converter **out, weir_error *err)
{
    converter *self = mem_zalloc(1, sizeof(*self));

    self->kind = options->kind;
    self->is_key = options->is_key;
    self->settings = options->settings;
    self->json = json_reader_new();
    self->string_schema = plain_schema("\"string\"");
    self->bytes_schema = plain_schema("\"bytes\"");
    if (open_registry(self, options->registry, err) != WEIR_OK) {
        converter_free(self);
        return weir_wrap(err, "the %s's converter", options->is_key ? "key" : "value");
    }
    *out = self;
    return WEIR_OK;
}

void converter_free(converter *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < CACHE_SLOTS; i++)
        weir_buf_done(&self->ids[i].topic);
    registry_client_free(self->registry);
    json_reader_free(self->json);
    avro_schema_free(self->string_schema);
    avro_schema_free(self->bytes_schema);
    weir_buf_done(&self->text);
    free(self);
}

/* --- Into the log --------------------------------------------------------------------------- */

/* The subject of a schema by a strategy. */
static weir_code name_subject(subject_strategy strategy, bool is_key, weir_str topic,
                              const weir_schema *schema, weir_buf *subject, weir_error *err)
{
    if (strategy == SUBJECT_TOPIC_NAME) {
        weir_buf_printf(subject, "%.*s-%s", WEIR_ARG(topic), is_key ? "key" : "value");
        return WEIR_OK;
    }
    if (weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return weir_fail(err, WEIR_REJECT,
                         "the %s is no record, so its schema has no name to make a subject of; "
                         "use TopicNameStrategy",
                         is_key ? "key" : "value");
    if (strategy == SUBJECT_TOPIC_RECORD_NAME)
        weir_buf_printf(subject, "%.*s-", WEIR_ARG(topic));
    weir_buf_add_str(subject, weir_schema_name(schema));
    return WEIR_OK;
}

weir_code converter_subject(const converter_settings *settings, bool is_key, weir_str topic,
                            const weir_schema *schema, weir_buf *subject, weir_error *err)
{
    return name_subject(converter_strategy(settings, is_key), is_key, topic, schema, subject, err);
}

static weir_code add_subject(const converter *self, const writing *what, weir_buf *subject,
                             weir_error *err)
{
    subject_strategy strategy = what->target == TARGET_DEAD
                                    ? SUBJECT_TOPIC_NAME
                                    : converter_strategy(self->settings, self->is_key);

    if (what->target == TARGET_HELD)
        weir_buf_add_str(subject, CONVERTER_HELD);
    return name_subject(strategy, self->is_key, what->topic, what->schema, subject, err);
}

/* Lets a context or a subject of ours take every schema, once. */
static weir_code take_everything(converter *self, weir_str name, bool *is_open, weir_error *err)
{
    if (!*is_open && registry_client_set_level(self->registry, name, "NONE", err) != WEIR_OK)
        return err->code;
    *is_open = true;
    return WEIR_OK;
}

/* What records get when use.latest.version says so. */
static weir_code latest_id(converter *self, weir_str subject, const weir_schema *schema,
                           int32_t *id, weir_error *err)
{
    const weir_schema *latest;

    if (registry_client_latest(self->registry, subject, id, &latest, err) != WEIR_OK)
        return err->code;
    if (self->settings->latest_strict && avro_fingerprint64(latest) != avro_fingerprint64(schema))
        return weir_fail(err, WEIR_REJECT,
                         "the latest version of subject \"%.*s\" is written in another way than "
                         "the record's schema, and use.latest.version is set",
                         WEIR_ARG(subject));
    return WEIR_OK;
}

static weir_code ask_id(converter *self, const writing *what, weir_str subject, int32_t *id,
                        weir_error *err)
{
    const converter_settings *settings = self->settings;

    if (what->target != TARGET_TOPIC) {
        bool is_held = what->target == TARGET_HELD;

        return take_everything(self, is_held ? CONVERTER_HELD : subject,
                               is_held ? &self->held_is_open : &self->dead_is_open, err) == WEIR_OK
                   ? registry_client_register(self->registry, subject, what->schema, false, id, err)
                   : err->code;
    }
    if (settings->use_latest && !settings->auto_register)
        return latest_id(self, subject, what->schema, id, err);
    if (!settings->auto_register)
        return registry_client_find(self->registry, subject, what->schema, settings->normalize, id,
                                    err);
    if (registry_client_register(self->registry, subject, what->schema, settings->normalize, id,
                                 err) == WEIR_OK)
        return WEIR_OK;
    what->out->is_incompatible = err->code == WEIR_REJECT;
    return err->code;
}

static weir_code schema_id(converter *self, const writing *what, int32_t *id, weir_error *err)
{
    id_slot *slot = &self->ids[((uintptr_t)what->schema >> 4) % CACHE_SLOTS];
    WEIR_CLEANUP(weir_buf_done) weir_buf subject = {0};

    *id = slot->id;
    if (slot->schema == what->schema && slot->target == what->target &&
        weir_str_eq(weir_buf_str(&slot->topic), what->topic))
        return WEIR_OK;
    if (add_subject(self, what, &subject, err) != WEIR_OK ||
        ask_id(self, what, weir_buf_str(&subject), id, err) != WEIR_OK)
        return err->code;
    *slot =
        (id_slot){.schema = what->schema, .topic = slot->topic, .target = what->target, .id = *id};
    weir_buf_clear(&slot->topic);
    weir_buf_add_str(&slot->topic, what->topic);
    return WEIR_OK;
}

static weir_code write_avro(converter *self, const writing *what, weir_error *err)
{
    int32_t id;

    if (what->schema == NULL)
        return weir_fail(
            err, WEIR_REJECT,
            "the %s has no schema, which the avro converter needs; use json, string or "
            "bytes",
            self->is_key ? "key" : "value");
    if (schema_id(self, what, &id, err) != WEIR_OK)
        return err->code;
    self->frame[0] = 0;
    for (int i = 0; i < 4; i++)
        self->frame[1 + i] = (uint8_t)((uint32_t)id >> (24 - 8 * i));
    *what->out = (converted){{(const char *)self->frame, FRAME_BYTES}, what->bytes, false};
    return WEIR_OK;
}

static weir_code write_json(converter *self, const weir_schema *schema, weir_str bytes,
                            converted *out, weir_error *err)
{
    avro_json_options options = {.replace_null = self->settings->replace_null};

    if (schema == NULL) { /* JSON text already, or bytes that are told to be */
        *out = (converted){.content = bytes};
        return WEIR_OK;
    }
    weir_buf_clear(&self->text);
    if (self->settings->schemas_enable) {
        weir_buf_add_str(&self->text, WEIR_STR("{\"schema\":"));
        if (avro_json_schema(schema, &self->text, err) != WEIR_OK)
            return err->code;
        weir_buf_add_str(&self->text, WEIR_STR(",\"payload\":"));
    }
    if (avro_json_value(schema, bytes, &options, &self->text, err) != WEIR_OK)
        return err->code;
    if (self->settings->schemas_enable)
        weir_buf_add_byte(&self->text, '}');
    *out = (converted){.content = weir_buf_str(&self->text)};
    return WEIR_OK;
}

/* The content of an Avro string or bytes. */
static weir_code content_of(weir_str bytes, weir_str *out, weir_error *err)
{
    reader in = reader_of(bytes);
    int64_t size = reader_varint(&in);

    if (in.failed || size < 0 || (uint64_t)size != reader_left(&in))
        return weir_fail(err, WEIR_REJECT, "the value is not what its schema says");
    *out = (weir_str){(const char *)in.at, (size_t)size};
    return WEIR_OK;
}

static weir_code write_plain(converter *self, const weir_schema *schema, weir_str bytes,
                             converted *out, weir_error *err)
{
    weir_type type = schema != NULL ? weir_schema_type(schema) : WEIR_TYPE_BYTES;
    weir_str content = bytes;

    if (schema != NULL && (type == WEIR_TYPE_STRING || type == WEIR_TYPE_BYTES)) {
        if (content_of(bytes, &content, err) != WEIR_OK)
            return err->code;
    } else if (schema != NULL && self->kind == CONVERTER_STRING) {
        weir_buf_clear(&self->text);
        if (weir_value_json(schema, bytes, &self->text, err) != WEIR_OK)
            return err->code;
        content = weir_buf_str(&self->text);
    } else if (schema != NULL) {
        return weir_fail(err, WEIR_REJECT, "the bytes converter takes bytes and strings only");
    }
    if (content.ptr == NULL)
        content.ptr = ""; /* empty, not null */
    *out = (converted){.content = content};
    return WEIR_OK;
}

static weir_code write_it(converter *self, const writing *what, weir_error *err)
{
    *what->out = (converted){0};
    if (what->bytes.ptr == NULL)
        return WEIR_OK;
    switch (self->kind) {
    case CONVERTER_AVRO:
        return write_avro(self, what, err);
    case CONVERTER_JSON:
        return write_json(self, what->schema, what->bytes, what->out, err);
    case CONVERTER_STRING:
    case CONVERTER_BYTES:
        return write_plain(self, what->schema, what->bytes, what->out, err);
    }
    return weir_fail(err, WEIR_REJECT, "converter %d is not known", (int)self->kind);
}

weir_code converter_write(converter *self, weir_str topic, const weir_schema *schema,
                          weir_str bytes, converted *out, weir_error *err)
{
    return write_it(self, &(writing){topic, schema, bytes, TARGET_TOPIC, out}, err);
}

weir_code converter_write_held(converter *self, weir_str topic, const weir_schema *schema,
                               weir_str bytes, converted *out, weir_error *err)
{
    return write_it(self, &(writing){topic, schema, bytes, TARGET_HELD, out}, err);
}

weir_code converter_write_dead(converter *self, weir_str queue, const weir_schema *schema,
                               weir_str bytes, converted *out, weir_error *err)
{
    return write_it(self, &(writing){queue, schema, bytes, TARGET_DEAD, out}, err);
}

/* The id and what is behind it. */
static weir_code unframe(const converter *self, weir_str bytes, int32_t *id, weir_str *content,
                         weir_error *err)
{
    reader in = reader_of(bytes);
    uint8_t magic = reader_u8(&in);

    *id = (int32_t)reader_be32(&in);
    *content = (weir_str){(const char *)in.at, reader_left(&in)};
    if (in.failed || magic != 0)
        return weir_fail(err, WEIR_REJECT,
                         "the %s of %zu bytes is not framed as Avro (0x00 and a schema id)",
                         self->is_key ? "key" : "value", bytes.len);
    return WEIR_OK;
}

weir_code converter_release(converter *self, weir_str topic, const held_bytes *held, converted *out,
                            weir_error *err)
{
    const weir_schema *schema;
    weir_str content;
    int32_t id;

    *out = (converted){.content = held->bytes};
    if (held->bytes.ptr == NULL)
        return WEIR_OK;
    if (held->is_avro != (self->kind == CONVERTER_AVRO))
        return weir_fail(
            err, WEIR_REJECT,
            "the %s was %swritten by the avro converter, which %s.converter has changed: "
            "set it back until nothing waits",
            self->is_key ? "key" : "value", held->is_avro ? "" : "not ",
            self->is_key ? "key" : "value");
    if (self->kind != CONVERTER_AVRO)
        return WEIR_OK;
    if (unframe(self, held->bytes, &id, &content, err) != WEIR_OK ||
        registry_client_schema(self->registry, id, CONVERTER_HELD, &schema, err) != WEIR_OK)
        return err->code;
    return write_it(self, &(writing){topic, schema, content, TARGET_TOPIC, out}, err);
}

/* --- Out of the log ------------------------------------------------------------------------- */

static weir_code known_schema(converter *self, int32_t id, const weir_schema **out, weir_error *err)
{
    schema_slot *slot = &self->known[(uint32_t)id % CACHE_SLOTS];

    if (slot->id != id || id == 0) {
        const weir_schema *schema;

        if (registry_client_schema(self->registry, id, (weir_str){0}, &schema, err) != WEIR_OK)
            return err->code;
        *slot = (schema_slot){id, schema};
    }
    *out = slot->schema;
    return WEIR_OK;
}

static weir_code read_avro(converter *self, weir_batch *batch, batch_span *span, uint32_t *schema,
                           weir_error *err)
{
    const weir_schema *found = NULL;
    weir_str content;
    int32_t id;

    if (unframe(self, batch_bytes_of(batch, *span), &id, &content, err) != WEIR_OK ||
        known_schema(self, id, &found, err) != WEIR_OK)
        return err->code;
    *schema = batch_schema(batch, found);
    span->at += FRAME_BYTES;
    span->len -= FRAME_BYTES;
    return WEIR_OK;
}

/* Plain bytes become an Avro string or bytes: a length, then the content. */
static weir_code read_plain(converter *self, weir_batch *batch, batch_span *span, uint32_t *schema,
                            weir_error *err)
{
    size_t size = span->len;
    uint8_t *out, *at;

    if (batch_reserve(batch, size + 10, &out, err) != WEIR_OK)
        return err->code;
    at = weir_put_varint(out, (int64_t)size);
    memcpy(at, batch_bytes_of(batch, *span).ptr, size);
    *span = batch_take(batch, (size_t)(at - out) + size);
    *schema = batch_schema(batch, self->kind == CONVERTER_STRING ? self->string_schema
                                                                 : self->bytes_schema);
    return WEIR_OK;
}

/* JSON without a schema stays text: a document for Elasticsearch; sinks that need a schema refuse it. */
static weir_code read_json(converter *self, weir_batch *batch, batch_span *span, uint32_t *schema,
                           weir_error *err)
{
    const weir_schema *found;
    weir_str none = {0};
    bool is_null;

    if (!self->settings->schemas_enable)
        return WEIR_OK;
    weir_buf_clear(&self->text);
    if (json_read(self->json, batch_bytes_of(batch, *span), &found, &self->text, &is_null, err) !=
        WEIR_OK)
        return weir_wrap(err, "the %s", self->is_key ? "key" : "value");
    if (batch_append(batch, is_null ? none : weir_buf_str(&self->text), span, err) != WEIR_OK)
        return err->code;
    if (found != NULL && !is_null)
        *schema = batch_schema(batch, found);
    return WEIR_OK;
}

weir_code converter_read(converter *self, weir_batch *batch, batch_entry *entry, weir_error *err)
{
    batch_span *span = self->is_key ? &entry->key : &entry->value;
    uint32_t *schema = self->is_key ? &entry->key_schema : &entry->value_schema;

    *schema = BATCH_NULL;
    if (span->len == BATCH_NULL)
        return WEIR_OK;
    switch (self->kind) {
    case CONVERTER_AVRO:
        return read_avro(self, batch, span, schema, err);
    case CONVERTER_JSON:
        return read_json(self, batch, span, schema, err);
    case CONVERTER_STRING:
    case CONVERTER_BYTES:
        return read_plain(self, batch, span, schema, err);
    }
    return weir_fail(err, WEIR_REJECT, "converter %d is not known", (int)self->kind);
}
