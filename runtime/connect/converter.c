/* converter.c - the four converters. */
#include "runtime/connect/converter.h"

#include "runtime/base/mem.h"
#include "runtime/base/reader.h"
#include "runtime/connect/json_read.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_BYTES = 5, CACHE_SLOTS = 64 };

/* A small direct-mapped cache; a miss asks the store. */
typedef struct id_slot {
    const weir_schema *schema;
    weir_buf topic;
    int32_t id;
} id_slot;

typedef struct schema_slot {
    int32_t id; /* 0: empty */
    const weir_schema *schema;
} schema_slot;

struct converter {
    converter_kind kind;
    bool is_key;
    bool schemas_enable;
    schema_store *schemas;
    json_reader *json;
    weir_schema *string_schema, *bytes_schema;
    id_slot ids[CACHE_SLOTS];
    schema_slot known[CACHE_SLOTS];
    weir_buf text;
    uint8_t frame[FRAME_BYTES];
};

static weir_schema *plain_schema(const char *text)
{
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(text), &err);

    assert(schema != NULL); /* a text of ours */
    return schema;
}

converter *converter_new(converter_kind kind, bool is_key, bool schemas_enable,
                         schema_store *schemas)
{
    converter *self = mem_zalloc(1, sizeof(*self));

    self->kind = kind;
    self->is_key = is_key;
    self->schemas_enable = schemas_enable;
    self->schemas = schemas;
    self->json = json_reader_new();
    self->string_schema = plain_schema("\"string\"");
    self->bytes_schema = plain_schema("\"bytes\"");
    return self;
}

void converter_free(converter *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < CACHE_SLOTS; i++)
        weir_buf_done(&self->ids[i].topic);
    json_reader_free(self->json);
    avro_schema_free(self->string_schema);
    avro_schema_free(self->bytes_schema);
    weir_buf_done(&self->text);
    free(self);
}

/* --- Into the log --------------------------------------------------------------------------- */

static weir_code schema_id(converter *self, weir_str topic, const weir_schema *schema, int32_t *id,
                           weir_error *err)
{
    id_slot *slot = &self->ids[((uintptr_t)schema >> 4) % CACHE_SLOTS];
    WEIR_CLEANUP(weir_buf_done) weir_buf subject = {0};

    if (slot->schema == schema && weir_str_eq(weir_buf_str(&slot->topic), topic)) {
        *id = slot->id;
        return WEIR_OK;
    }
    weir_buf_printf(&subject, "%.*s-%s", WEIR_ARG(topic), self->is_key ? "key" : "value");
    if (schema_store_register(self->schemas, weir_buf_str(&subject), schema, id, err) != WEIR_OK)
        return err->code;
    slot->schema = schema;
    slot->id = *id;
    weir_buf_clear(&slot->topic);
    weir_buf_add_str(&slot->topic, topic);
    return WEIR_OK;
}

static weir_code write_avro(converter *self, weir_str topic, const weir_schema *schema,
                            weir_str bytes, converted *out, weir_error *err)
{
    int32_t id;

    if (schema == NULL)
        return weir_fail(
            err, WEIR_REJECT,
            "the %s has no schema, which the avro converter needs; use json, string or "
            "bytes",
            self->is_key ? "key" : "value");
    if (schema_id(self, topic, schema, &id, err) != WEIR_OK)
        return err->code;
    self->frame[0] = 0;
    for (int i = 0; i < 4; i++)
        self->frame[1 + i] = (uint8_t)((uint32_t)id >> (24 - 8 * i));
    *out = (converted){{(const char *)self->frame, FRAME_BYTES}, bytes};
    return WEIR_OK;
}

static weir_code write_json(converter *self, const weir_schema *schema, weir_str bytes,
                            converted *out, weir_error *err)
{
    avro_json_options options = {.replace_null = true};

    if (schema == NULL) { /* JSON text already, or bytes that are told to be */
        *out = (converted){{0}, bytes};
        return WEIR_OK;
    }
    weir_buf_clear(&self->text);
    if (self->schemas_enable) {
        weir_buf_add_str(&self->text, WEIR_STR("{\"schema\":"));
        if (avro_json_schema(schema, &self->text, err) != WEIR_OK)
            return err->code;
        weir_buf_add_str(&self->text, WEIR_STR(",\"payload\":"));
    }
    if (avro_json_value(schema, bytes, &options, &self->text, err) != WEIR_OK)
        return err->code;
    if (self->schemas_enable)
        weir_buf_add_byte(&self->text, '}');
    *out = (converted){{0}, weir_buf_str(&self->text)};
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
    *out = (converted){{0}, content};
    return WEIR_OK;
}

weir_code converter_write(converter *self, weir_str topic, const weir_schema *schema,
                          weir_str bytes, converted *out, weir_error *err)
{
    if (bytes.ptr == NULL) {
        *out = (converted){0};
        return WEIR_OK;
    }
    switch (self->kind) {
    case CONVERTER_AVRO:
        return write_avro(self, topic, schema, bytes, out, err);
    case CONVERTER_JSON:
        return write_json(self, schema, bytes, out, err);
    case CONVERTER_STRING:
    case CONVERTER_BYTES:
        return write_plain(self, schema, bytes, out, err);
    }
    return weir_fail(err, WEIR_REJECT, "converter %d is not known", (int)self->kind);
}

/* --- Out of the log ------------------------------------------------------------------------- */

static weir_code known_schema(converter *self, int32_t id, const weir_schema **out, weir_error *err)
{
    schema_slot *slot = &self->known[(uint32_t)id % CACHE_SLOTS];

    if (slot->id != id || id == 0) {
        const weir_schema *schema;

        if (schema_store_get(self->schemas, id, &schema, err) != WEIR_OK)
            return err->code;
        *slot = (schema_slot){id, schema};
    }
    *out = slot->schema;
    return WEIR_OK;
}

static weir_code read_avro(converter *self, weir_batch *batch, batch_span *span, uint32_t *schema,
                           weir_error *err)
{
    reader in = reader_of(batch_bytes_of(batch, *span));
    uint8_t magic = reader_u8(&in);
    int32_t id = (int32_t)reader_be32(&in);
    const weir_schema *found = NULL;

    if (in.failed || magic != 0)
        return weir_fail(err, WEIR_REJECT,
                         "the %s of %" PRIu32 " bytes is not framed as Avro (0x00 and a schema id)",
                         self->is_key ? "key" : "value", span->len);
    if (known_schema(self, id, &found, err) != WEIR_OK)
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

/* JSON without a schema stays text; sinks that need a schema refuse it. */
static weir_code read_json(converter *self, weir_batch *batch, batch_span *span, uint32_t *schema,
                           weir_error *err)
{
    const weir_schema *found;
    weir_str none = {0};
    bool is_null;

    if (!self->schemas_enable)
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
