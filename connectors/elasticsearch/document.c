/* document.c - ids, documents, versions and mappings. */
#include "document.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 4096, MAPPING_DEPTH = 16 };

static void add_base64(weir_buf *out, weir_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    char *at = weir_buf_reserve(out, (bytes.len + 2) / 3 * 4);
    char *start = at;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                        (left > 2 ? in[i + 2] : 0);

        *at++ = digits[word >> 18];
        *at++ = digits[word >> 12 & 63];
        *at++ = left > 1 ? digits[word >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[word & 63] : '=';
    }
    out->len += (size_t)(at - start);
}

static void add_integer(weir_buf *out, int64_t value)
{
    char digits[24];
    char *end = digits + sizeof(digits), *at = end;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    weir_buf_add(out, at, (size_t)(end - at));
}

/* The shortest digits that read back as the same number. */
static void add_number(weir_buf *out, double value, bool is_float)
{
    char text[40];
    int precision = is_float ? 6 : 15;

    if (!isfinite(value)) { /* JSON has no word for it, and Elasticsearch's numbers have none */
        weir_buf_add_str(out, WEIR_STR("null"));
        return;
    }
    for (;; precision++) {
        double back;

        snprintf(text, sizeof(text), "%.*g", precision, value);
        back = is_float ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (memcmp(&back, &value, sizeof(back)) == 0 || precision == 17)
            break;
    }
    weir_buf_add_str(out, weir_cstr(text));
}

/* The digits of a two's complement big-endian number, most significant first. Bounded by the size of a
 * decimal that anybody means; longer ones are rejected by the caller. */
enum { DECIMAL_BYTES_MAX = 1024 };

/* Divides a big-endian magnitude by 1e9 in place and returns the remainder. */
static uint32_t divide(uint8_t *magnitude, size_t size)
{
    uint64_t rest = 0;

    for (size_t i = 0; i < size; i++) {
        rest = rest << 8 | magnitude[i];
        magnitude[i] = (uint8_t)(rest / 1000000000);
        rest %= 1000000000;
    }
    return (uint32_t)rest;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static weir_code add_decimal(weir_buf *out, weir_str unscaled, int scale, weir_error *err)
{
    uint8_t magnitude[DECIMAL_BYTES_MAX];
    char digits[DECIMAL_BYTES_MAX * 3];
    size_t count = 0; /* of digits, least significant first */
    bool negative;

    if (unscaled.len == 0 || unscaled.len > sizeof(magnitude))
        return weir_fail(err, WEIR_REJECT, "a decimal of %zu bytes cannot be a number",
                         unscaled.len);
    memcpy(magnitude, unscaled.ptr, unscaled.len);
    negative = (magnitude[0] & 0x80) != 0;
    if (negative) { /* the two's complement of it */
        unsigned carry = 1;

        for (size_t i = unscaled.len; i-- > 0;) {
            carry += (uint8_t)~magnitude[i];
            magnitude[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    while (!is_zero(magnitude, unscaled.len)) {
        uint32_t part = divide(magnitude, unscaled.len);

        for (int i = 0; i < 9; i++, part /= 10)
            digits[count++] = (char)('0' + part % 10);
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (count == 0)
        digits[count++] = '0';
    if (negative)
        weir_buf_add_byte(out, '-');
    while (count > 0)
        weir_buf_add_byte(out, digits[--count]);
    if (scale != 0)
        weir_buf_printf(out, "e%d", -scale);
    return WEIR_OK;
}

static weir_code add_slot(const weir_column *column, const weir_slot *slot, weir_buf *out,
                          weir_error *err)
{
    const weir_schema *schema = column->schema;

    switch (slot->kind) {
    case WEIR_SLOT_NULL:
    case WEIR_SLOT_UNSENT:
        weir_buf_add_str(out, WEIR_STR("null"));
        return WEIR_OK;
    case WEIR_SLOT_BOOLEAN:
        weir_buf_add_str(out, slot->integer != 0 ? WEIR_STR("true") : WEIR_STR("false"));
        return WEIR_OK;
    case WEIR_SLOT_INTEGER:
        if (weir_schema_type(schema) == WEIR_TYPE_ENUM)
            weir_buf_add_json(out, weir_schema_symbol(schema, (size_t)slot->integer));
        else
            add_integer(out, slot->integer);
        return WEIR_OK;
    case WEIR_SLOT_NUMBER:
        add_number(out, slot->number, weir_schema_type(schema) == WEIR_TYPE_FLOAT);
        return WEIR_OK;
    case WEIR_SLOT_BYTES:
        if (weir_schema_logical(schema) == WEIR_LOGICAL_DECIMAL)
            return add_decimal(out, slot->bytes, weir_schema_scale(schema), err);
        if (weir_schema_type(schema) == WEIR_TYPE_STRING) {
            weir_buf_add_json(out, slot->bytes);
            return WEIR_OK;
        }
        weir_buf_add_byte(out, '"');
        add_base64(out, slot->bytes);
        weir_buf_add_byte(out, '"');
        return WEIR_OK;
    case WEIR_SLOT_NESTED:
        return weir_value_json(schema, slot->bytes, out, err);
    }
    return weir_fail(err, WEIR_REJECT, "a field of an unknown kind");
}

/* One field, when the record has no other; an array of all of them else. */
static weir_code add_key_record(const weir_record *record, weir_buf *out, weir_error *err)
{
    const weir_plan *plan = weir_schema_plan(record->key_schema);
    size_t count = weir_plan_column_count(plan);
    weir_slot slots[64];
    bool alone = count == 1;

    if (count > sizeof(slots) / sizeof(slots[0]))
        return weir_fail(err, WEIR_REJECT, "a key of %zu fields cannot be a document id", count);
    if (weir_plan_decode(plan, record->key, slots, err) != WEIR_OK)
        return err->code;
    if (alone && slots[0].kind == WEIR_SLOT_BYTES &&
        weir_schema_type(weir_plan_column(plan, 0)->schema) == WEIR_TYPE_STRING) {
        weir_buf_add_str(out, slots[0].bytes);
        return WEIR_OK;
    }
    if (!alone)
        weir_buf_add_byte(out, '[');
    for (size_t i = 0; i < count; i = (size_t)weir_plan_column(plan, i)->next) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        if (add_slot(weir_plan_column(plan, i), &slots[i], out, err) != WEIR_OK)
            return err->code;
    }
    if (!alone)
        weir_buf_add_byte(out, ']');
    return WEIR_OK;
}

weir_code document_id(const weir_record *record, weir_buf *out, weir_error *err)
{
    size_t start = out->len;

    if (record->key.ptr == NULL)
        return weir_fail(err, WEIR_REJECT,
                         "the record has no key to make a document id of (set key.ignore?)");
    if (record->key_schema == NULL)
        weir_buf_add_str(out, record->key);
    else if (add_key_record(record, out, err) != WEIR_OK)
        return err->code;
    if (out->len == start || out->len - start > DOCUMENT_ID_MAX_BYTES)
        return weir_fail(err, WEIR_REJECT, "a key of %zu bytes cannot be a document id (1 to %d)",
                         out->len - start, DOCUMENT_ID_MAX_BYTES);
    return WEIR_OK;
}

weir_code document_json(const weir_record *record, document_lookup lookup, void *context,
                        weir_buf *out, weir_error *err)
{
    const weir_plan *plan;
    size_t count;
    weir_slot slots[COLUMNS_MAX];
    char separator = '{';

    if (record->value_schema == NULL || weir_schema_type(record->value_schema) != WEIR_TYPE_RECORD)
        return weir_fail(err, WEIR_REJECT, "the value has no schema of a record: no document");
    plan = weir_schema_plan(record->value_schema);
    count = weir_plan_column_count(plan);
    if (count > COLUMNS_MAX)
        return weir_fail(err, WEIR_REJECT, "a record of %zu fields is larger than %d", count,
                         COLUMNS_MAX);
    if (weir_record_decode(record, slots, err) != WEIR_OK)
        return err->code;
    for (size_t i = 0; i < count; i = (size_t)weir_plan_column(plan, i)->next) {
        const weir_column *column = weir_plan_column(plan, i);
        weir_str kept = {0};

        if (slots[i].kind == WEIR_SLOT_UNSENT) {
            if (lookup != NULL)
                kept = lookup(context, column->name);
            if (kept.len == 0)
                continue;
        }
        weir_buf_add_byte(out, separator);
        separator = ',';
        weir_buf_add_json(out, column->name);
        weir_buf_add_byte(out, ':');
        if (kept.len > 0)
            weir_buf_add_str(out, kept);
        else if (add_slot(column, &slots[i], out, err) != WEIR_OK)
            return weir_wrap(err, "field \"%.*s\"", WEIR_ARG(column->name));
    }
    weir_buf_add_str(out, separator == '{' ? WEIR_STR("{}") : WEIR_STR("}"));
    return WEIR_OK;
}

bool document_version(const weir_batch *batch, const weir_record *record, bool id_is_key,
                      int64_t *version, bool *is_position)
{
    weir_str position = {0};
    int64_t value = 0;

    if (id_is_key)
        position = weir_record_header_find(batch, record, WEIR_STR("weir.position"));
    *is_position = position.ptr != NULL;
    if (!*is_position) {
        *version = record->log_offset;
        return true;
    }
    if (position.len == 0 || position.len > 19)
        return false;
    for (size_t i = 0; i < position.len; i++) {
        int digit = position.ptr[i] - '0';

        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *version = value;
    return true;
}

static const char *type_of(const weir_schema *schema)
{
    switch (weir_schema_type(schema)) {
    case WEIR_TYPE_BOOLEAN:
        return "boolean";
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
        switch (weir_schema_logical(schema)) {
        case WEIR_LOGICAL_TIMESTAMP_MILLIS:
        case WEIR_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
            return "date";
        default: /* every other one is a number of something that "date" would misread */
            return weir_schema_type(schema) == WEIR_TYPE_INT ? "integer" : "long";
        }
    case WEIR_TYPE_FLOAT:
        return "float";
    case WEIR_TYPE_DOUBLE:
        return "double";
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_FIXED:
        return weir_schema_logical(schema) == WEIR_LOGICAL_DECIMAL ? "double" : "binary";
    case WEIR_TYPE_STRING:
        return "text";
    case WEIR_TYPE_ENUM:
        return "keyword";
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_RECORD:
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_UNION:
        return NULL;
    }
    return NULL;
}

static void add_properties(const weir_schema *record, int depth, weir_buf *out);

static void add_type(const weir_schema *schema, int depth, weir_buf *out)
{
    const char *type;

    schema = weir_schema_unwrap(schema);
    while (weir_schema_type(schema) == WEIR_TYPE_ARRAY) /* an array is mapped as its items are */
        schema = weir_schema_unwrap(weir_schema_items(schema));
    type = type_of(schema);
    if (weir_schema_type(schema) == WEIR_TYPE_RECORD && depth < MAPPING_DEPTH) {
        weir_buf_add_str(out, WEIR_STR("{\"properties\":"));
        add_properties(schema, depth + 1, out);
        weir_buf_add_byte(out, '}');
    } else if (type == NULL) {
        weir_buf_add_str(out, WEIR_STR("{\"type\":\"object\"}"));
    } else if (strcmp(type, "text") == 0) {
        weir_buf_add_str(out, WEIR_STR("{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":"
                                       "\"keyword\",\"ignore_above\":256}}}"));
    } else {
        weir_buf_printf(out, "{\"type\":\"%s\"}", type);
    }
}

static void add_properties(const weir_schema *record, int depth, weir_buf *out)
{
    weir_buf_add_byte(out, '{');
    for (size_t i = 0; i < weir_schema_field_count(record); i++) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        weir_buf_add_json(out, weir_schema_field_name(record, i));
        weir_buf_add_byte(out, ':');
        add_type(weir_schema_field(record, i), depth, out);
    }
    weir_buf_add_byte(out, '}');
}

void document_mapping(const weir_schema *record, weir_buf *out)
{
    add_properties(record, 0, out);
}
