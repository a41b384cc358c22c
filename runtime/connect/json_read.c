/* json_read.c - JSON with its schema made an Avro value. */
#include "runtime/connect/json_read.h"

#include "runtime/base/mem.h"
#include "runtime/connect/json_schema_read.h"
#include "runtime/connect/varint.h"
#include "schema-registry/avro/avro.h"
#include "weir/batch.h"
#include "weir/map.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): values nest as deeply as their schema, which is bounded */

struct json_reader {
    weir_map *schemas; /* text of a Connect schema -> weir_schema */
};

json_reader *json_reader_new(void)
{
    json_reader *self = mem_zalloc(1, sizeof(*self));

    self->schemas = weir_map_new();
    return self;
}

void json_reader_free(json_reader *reader)
{
    void *schema;

    if (reader == NULL)
        return;
    for (size_t at = 0; weir_map_next(reader->schemas, &at, NULL, &schema);)
        avro_schema_free(schema);
    weir_map_free(reader->schemas);
    free(reader);
}

/* --- Values ------------------------------------------------------------------------------------ */

static weir_code put_value(const weir_schema *schema, const json_t *value, weir_buf *out,
                           weir_error *err);

static void put_text(weir_buf *out, weir_str text)
{
    put_varint(out, (int64_t)text.len);
    weir_buf_add_str(out, text);
}

static weir_code misfit(const weir_schema *schema, const json_t *value, weir_error *err)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    weir_fail(err, WEIR_REJECT, "%.60s is no %.*s", text != NULL ? text : "nothing",
              WEIR_ARG(weir_schema_name(schema)));
    free(text);
    return err->code;
}

static weir_code put_integer(const weir_schema *schema, const json_t *value, weir_buf *out,
                             weir_error *err)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) ||
        (weir_schema_type(schema) == WEIR_TYPE_INT && (number < INT32_MIN || number > INT32_MAX)))
        return misfit(schema, value, err);
    put_varint(out, number);
    return WEIR_OK;
}

/* JSON has no NaN; JsonConverter writes it as text. */
static weir_code put_number(const weir_schema *schema, const json_t *value, weir_buf *out,
                            weir_error *err)
{
    const char *text = json_string_value(value);
    double number = json_number_value(value);
    float narrow;

    if (text != NULL && strcmp(text, "NaN") == 0)
        number = NAN;
    else if (text != NULL && strcmp(text, "Infinity") == 0)
        number = INFINITY;
    else if (text != NULL && strcmp(text, "-Infinity") == 0)
        number = -INFINITY;
    else if (!json_is_number(value))
        return misfit(schema, value, err);
    narrow = (float)number;
    if (weir_schema_type(schema) == WEIR_TYPE_FLOAT)
        weir_buf_add(out, &narrow, sizeof(narrow));
    else
        weir_buf_add(out, &number, sizeof(number));
    return WEIR_OK;
}

static weir_code put_bytes(const weir_schema *schema, const json_t *value, weir_buf *out,
                           weir_error *err)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value), padding = 0;
    WEIR_CLEANUP(weir_buf_done) weir_buf bytes = {0};
    int size;

    if (text == NULL || length % 4 != 0 || length > INT32_MAX)
        return misfit(schema, value, err);
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    weir_buf_reserve(&bytes, length);
    size = EVP_DecodeBlock((unsigned char *)bytes.ptr, (const unsigned char *)text, (int)length);
    if (size < 0)
        return misfit(schema, value, err);
    put_text(out, (weir_str){bytes.ptr, (size_t)size - padding});
    return WEIR_OK;
}

static weir_code put_array(const weir_schema *schema, const json_t *value, weir_buf *out,
                           weir_error *err)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value))
        return misfit(schema, value, err);
    if (json_array_size(value) > 0)
        put_varint(out, (int64_t)json_array_size(value));
    json_array_foreach((json_t *)(uintptr_t)value, i, item)
    {
        if (put_value(weir_schema_items(schema), item, out, err) != WEIR_OK)
            return weir_wrap(err, "item %zu", i);
    }
    put_varint(out, 0);
    return WEIR_OK;
}

static weir_code put_map(const weir_schema *schema, const json_t *value, weir_buf *out,
                         weir_error *err)
{
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return misfit(schema, value, err);
    if (json_object_size(value) > 0)
        put_varint(out, (int64_t)json_object_size(value));
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        put_text(out, weir_cstr(key));
        if (put_value(weir_schema_items(schema), item, out, err) != WEIR_OK)
            return weir_wrap(err, "\"%.60s\"", key);
    }
    put_varint(out, 0);
    return WEIR_OK;
}

/* A field that is not there has its default, or is null. */
static weir_code put_field(const weir_schema *record, size_t index, const json_t *value,
                           weir_buf *out, weir_error *err)
{
    const weir_schema *schema = weir_schema_field(record, index);
    weir_str text = weir_schema_property(weir_schema_unwrap(schema), "connect.default");
    json_t *fallback = NULL;
    weir_code code;

    if (value == NULL && text.len > 0)
        value = fallback = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, NULL);
    code = put_value(schema, value, out, err);
    json_decref(fallback);
    return code;
}

static weir_code put_record(const weir_schema *schema, const json_t *value, weir_buf *out,
                            weir_error *err)
{
    /* an entry of a map whose keys are no strings is [key, value] */
    bool is_entry = weir_schema_property(schema, "connect.internal.type").len > 0;

    if (!json_is_object(value) && !(is_entry && json_is_array(value)))
        return misfit(schema, value, err);
    for (size_t i = 0; i < weir_schema_field_count(schema); i++) {
        weir_str name = weir_schema_field_name(schema, i);
        const json_t *member = json_is_array(value) ? json_array_get(value, i)
                                                    : json_object_getn(value, name.ptr, name.len);

        if (put_field(schema, i, member, out, err) != WEIR_OK)
            return weir_wrap(err, "\"%.*s\"", WEIR_ARG(name));
    }
    return WEIR_OK;
}

/* Connect has no unions but those with null, which stands first. */
static weir_code put_optional(const weir_schema *schema, const json_t *value, weir_buf *out,
                              weir_error *err)
{
    bool is_null = value == NULL || json_is_null(value);

    put_varint(out, is_null ? 0 : 1);
    return is_null ? WEIR_OK : put_value(weir_schema_branch(schema, 1), value, out, err);
}

static weir_code put_value(const weir_schema *schema, const json_t *value, weir_buf *out,
                           weir_error *err)
{
    weir_type type = weir_schema_type(schema);

    if (type == WEIR_TYPE_UNION)
        return put_optional(schema, value, out, err);
    switch (type) {
    case WEIR_TYPE_BOOLEAN:
        if (!json_is_boolean(value))
            return misfit(schema, value, err);
        weir_buf_add_byte(out, json_is_true(value));
        return WEIR_OK;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
        return put_integer(schema, value, out, err);
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
        return put_number(schema, value, out, err);
    case WEIR_TYPE_BYTES:
        return put_bytes(schema, value, out, err);
    case WEIR_TYPE_STRING:
        if (!json_is_string(value))
            return misfit(schema, value, err);
        put_text(out, (weir_str){json_string_value(value), json_string_length(value)});
        return WEIR_OK;
    case WEIR_TYPE_ARRAY:
        return put_array(schema, value, out, err);
    case WEIR_TYPE_MAP:
        return put_map(schema, value, out, err);
    case WEIR_TYPE_RECORD:
        return put_record(schema, value, out, err);
    default: /* no Connect schema becomes anything else */
        return misfit(schema, value, err);
    }
}

/* NOLINTEND(misc-no-recursion) */

/* --- Messages ---------------------------------------------------------------------------------- */

static weir_code find_schema(json_reader *self, const json_t *connect, const weir_schema **out,
                             weir_error *err)
{
    char *text = json_dumps(connect, JSON_COMPACT);
    weir_schema *found = weir_map_get(self->schemas, weir_cstr(text));

    if (found == NULL) {
        found = json_schema_read(connect, err);
        if (found != NULL)
            weir_map_put(self->schemas, weir_cstr(text), found);
    }
    free(text);
    *out = found;
    return found != NULL ? WEIR_OK : err->code;
}

static weir_code read_envelope(json_reader *self, const json_t *message, const weir_schema **schema,
                               weir_buf *out, bool *is_null, weir_error *err)
{
    json_t *connect = json_object_get(message, "schema");
    json_t *payload = json_object_get(message, "payload");

    if (json_object_size(message) != 2 || connect == NULL || payload == NULL)
        return weir_fail(err, WEIR_REJECT,
                         "the text is not {\"schema\":…,\"payload\":…}, which schemas.enable asks "
                         "for; set schemas.enable to false for plain JSON");
    *schema = NULL;
    *is_null = json_is_null(payload);
    if (*is_null)
        return WEIR_OK;
    if (json_is_null(connect)) {
        char *text = json_dumps(payload, JSON_COMPACT | JSON_ENCODE_ANY);

        weir_buf_add_str(out, weir_cstr(text));
        free(text);
        return WEIR_OK;
    }
    if (find_schema(self, connect, schema, err) != WEIR_OK)
        return err->code;
    if (put_value(*schema, payload, out, err) != WEIR_OK)
        return weir_wrap(err, "the payload");
    return WEIR_OK;
}

weir_code json_read(json_reader *reader, weir_str text, const weir_schema **schema, weir_buf *out,
                    bool *is_null, weir_error *err)
{
    json_error_t where;
    json_t *message = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
    weir_code code;

    if (message == NULL)
        return weir_fail(err, WEIR_REJECT, "the text is no JSON: %s at byte %d", where.text,
                         where.position);
    code = read_envelope(reader, message, schema, out, is_null, err);
    json_decref(message);
    return code;
}
