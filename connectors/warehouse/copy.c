/* copy.c - from slots to PostgreSQL's binary form: the hot path of this sink.
 *
 * Layouts are those of the types' send and receive functions in PostgreSQL; all integers are
 * big-endian.
 */
#include "copy.h"

#include "items.h"
#include "moment.h"
#include "numeric.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { FIELD_MAX = 0x3ffffff0 }; /* PostgreSQL takes no field of 1 GiB or more */

static inline char *room(weir_buf *out, size_t size)
{
    return out->capacity - out->len >= size ? out->ptr + out->len : weir_buf_reserve(out, size);
}

static inline void put32(char *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, 4);
}

static inline void put64(char *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

void copy_marker(weir_buf *out, int32_t marker)
{
    assert(marker == COPY_NULL || marker == COPY_UNSENT);
    put32(room(out, 4), (uint32_t)marker);
    out->len += 4;
}

void copy_int32(weir_buf *out, int32_t value)
{
    char *at = room(out, 8);

    put32(at, 4);
    put32(at + 4, (uint32_t)value);
    out->len += 8;
}

void copy_int64(weir_buf *out, int64_t value)
{
    char *at = room(out, 12);

    put32(at, 8);
    put64(at + 4, (uint64_t)value);
    out->len += 12;
}

void copy_text(weir_buf *out, weir_str text)
{
    char *at = room(out, 4 + text.len);

    put32(at, (uint32_t)text.len);
    if (text.len > 0)
        memcpy(at + 4, text.ptr, text.len);
    out->len += 4 + text.len;
}

void copy_header(weir_buf *out)
{
    static const char header[19] = "PGCOPY\n\377\r\n"; /* then flags and extension: zeros */

    weir_buf_add(out, header, sizeof(header));
}

void copy_row(weir_buf *out, size_t field_count)
{
    char *at = room(out, 2);

    at[0] = (char)(field_count >> 8 & 0xff);
    at[1] = (char)(field_count & 0xff);
    out->len += 2;
}

void copy_trailer(weir_buf *out)
{
    weir_buf_add(out, "\377\377", 2);
}

int32_t copy_length(const char *field)
{
    uint32_t value;

    memcpy(&value, field, 4);
    return (int32_t)__builtin_bswap32(value);
}

int64_t copy_read_int(const char *at, size_t size)
{
    int64_t value = (uint8_t)at[0];

    if (value >= 0x80)
        value -= 0x100;

    for (size_t i = 1; i < size; i++)
        value = value * 256 + (uint8_t)at[i];
    return value;
}

uint32_t copy_oid(type_id id)
{
    static const uint32_t oids[] = {
        [TYPE_BOOL] = 16,        [TYPE_INT2] = 21,          [TYPE_INT4] = 23,
        [TYPE_INT8] = 20,        [TYPE_FLOAT4] = 700,       [TYPE_FLOAT8] = 701,
        [TYPE_NUMERIC] = 1700,   [TYPE_TEXT] = 25,          [TYPE_BYTES] = 17,
        [TYPE_DATE] = 1082,      [TYPE_TIME] = 1083,        [TYPE_TIMETZ] = 1266,
        [TYPE_TIMESTAMP] = 1114, [TYPE_TIMESTAMPTZ] = 1184, [TYPE_INTERVAL] = 1186,
        [TYPE_JSON] = 114,       [TYPE_JSONB] = 3802,       [TYPE_UUID] = 2950,
        [TYPE_OTHER] = 25,
    };

    return oids[id];
}

bool copy_is_direct(const value_source *source, column_type target)
{
    if (source->type.is_array != target.is_array)
        return false;
    if (source->type.id == target.id)
        return true;
    if (target.is_array || target.id == TYPE_OTHER)
        return false;
    switch (source->form) {
    case FORM_INTEGER:
        return target.id == TYPE_INT2 || target.id == TYPE_INT4 || target.id == TYPE_INT8 ||
               target.id == TYPE_NUMERIC;
    case FORM_NUMBER:
        return target.id == TYPE_FLOAT8;
    case FORM_TEXT:
    case FORM_ENUM:
    case FORM_NESTED:
        return target.id == TYPE_TEXT || target.id == TYPE_JSON || target.id == TYPE_JSONB;
    case FORM_UUID:
    case FORM_ZONED_TIME:
    case FORM_ZONED_TIMESTAMP:
    case FORM_ISO_INTERVAL:
        return target.id == TYPE_TEXT;
    case FORM_BOOLEAN:
    case FORM_BYTES:
    case FORM_DECIMAL:
    case FORM_VARIABLE_DECIMAL:
    case FORM_DAYS:
    case FORM_TIME:
    case FORM_TIMESTAMP:
    case FORM_DURATION:
        return false;
    }
    return false;
}

static weir_code encode_integer(int64_t value, type_id target, weir_buf *out, weir_error *err)
{
    char *at = room(out, 12);

    switch ((int)target) {
    case TYPE_INT2:
        if (value < INT16_MIN || value > INT16_MAX)
            break;
        put32(at, 2);
        at[4] = (char)((uint64_t)value >> 8 & 0xff);
        at[5] = (char)((uint64_t)value & 0xff);
        out->len += 6;
        return WEIR_OK;
    case TYPE_INT4:
        if (value < INT32_MIN || value > INT32_MAX)
            break;
        copy_int32(out, (int32_t)value);
        return WEIR_OK;
    case TYPE_INT8:
        copy_int64(out, value);
        return WEIR_OK;
    default: {
        size_t start = out->len;

        assert(target == TYPE_NUMERIC);
        out->len += 4;
        numeric_encode_integer(value, out);
        put32(out->ptr + start, (uint32_t)(out->len - start - 4));
        return WEIR_OK;
    }
    }
    return weir_fail(err, WEIR_REJECT, "%lld does not fit into a column of type %s",
                     (long long)value, type_name(target));
}

static void encode_number(double value, type_id target, weir_buf *out)
{
    char *at = room(out, 12);

    if (target == TYPE_FLOAT4) {
        float narrow = (float)value;
        uint32_t bits;

        memcpy(&bits, &narrow, 4);
        put32(at, 4);
        put32(at + 4, bits);
        out->len += 8;
    } else {
        uint64_t bits;

        memcpy(&bits, &value, 8);
        put32(at, 8);
        put64(at + 4, bits);
        out->len += 12;
    }
}

static weir_code encode_text(weir_str text, type_id target, weir_buf *out, weir_error *err)
{
    size_t extra = target == TYPE_JSONB ? 1 : 0; /* the version of jsonb's binary form */

    if (text.len > FIELD_MAX)
        return weir_fail(err, WEIR_REJECT, "text of %zu bytes is more than a field can hold",
                         text.len);
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return weir_fail(err, WEIR_REJECT, "text has a NUL character, which text cannot hold");

    char *at = room(out, 5 + text.len);

    put32(at, (uint32_t)(text.len + extra));
    at[4] = 1;
    if (text.len > 0)
        memcpy(at + 4 + extra, text.ptr, text.len);
    out->len += 4 + extra + text.len;
    return WEIR_OK;
}

static weir_code encode_decimal(weir_str unscaled, int64_t scale, weir_buf *out, weir_error *err)
{
    size_t start = out->len;

    (void)room(out, 64);
    out->len += 4;
    if (numeric_encode(unscaled, scale, out, err) != WEIR_OK) {
        out->len = start;
        return err->code;
    }
    put32(out->ptr + start, (uint32_t)(out->len - start - 4));
    return WEIR_OK;
}

static weir_code bad_text(weir_str text, type_id target, weir_error *err)
{
    return weir_fail(err, WEIR_REJECT, "\"%.*s\" is no %s", text.len > 80 ? 80 : (int)text.len,
                     text.ptr, type_name(target));
}

static weir_code out_of_range(int64_t value, type_id target, weir_error *err)
{
    return weir_fail(err, WEIR_REJECT, "%lld is outside of what a %s can hold exactly",
                     (long long)value, type_name(target));
}

static void put_interval(moment_interval interval, weir_buf *out)
{
    char *at = room(out, 20);

    put32(at, 16);
    put64(at + 4, (uint64_t)interval.micros);
    put32(at + 12, (uint32_t)interval.days);
    put32(at + 16, (uint32_t)interval.months);
    out->len += 20;
}

/* Everything that counts ticks: one integer in, one or three out. */
static weir_code encode_ticks(const value_source *source, int64_t ticks, weir_buf *out,
                              weir_error *err)
{
    int64_t micros;
    int32_t days;

    switch ((int)source->form) {
    case FORM_DAYS:
        if (!moment_date(ticks, &days))
            return out_of_range(ticks, TYPE_DATE, err);
        copy_int32(out, days);
        return WEIR_OK;
    case FORM_TIME:
        if (!moment_time(ticks, source->ticks, &micros))
            return out_of_range(ticks, TYPE_TIME, err);
        copy_int64(out, micros);
        return WEIR_OK;
    case FORM_TIMESTAMP:
        if (!moment_timestamp(ticks, source->ticks, &micros))
            return out_of_range(ticks, TYPE_TIMESTAMP, err);
        copy_int64(out, micros);
        return WEIR_OK;
    default:
        assert(source->form == FORM_DURATION);
        if (source->ticks > 1000000 && ticks % (source->ticks / 1000000) != 0)
            return out_of_range(ticks, TYPE_INTERVAL, err);
        micros = source->ticks > 1000000 ? ticks / (source->ticks / 1000000) : ticks;
        put_interval((moment_interval){.micros = micros}, out);
        return WEIR_OK;
    }
}

static bool encode_uuid(weir_str text, weir_buf *out)
{
    char bytes[16] = {0};
    int digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                 : -1;

        if (byte == '-')
            continue;
        if (digit < 0 || digits == 32)
            return false;
        bytes[digits / 2] = (char)((uint8_t)bytes[digits / 2] << 4 | digit);
        digits++;
    }
    if (digits != 32)
        return false;
    copy_text(out, (weir_str){bytes, sizeof(bytes)});
    return true;
}

/* Text that stands for something else. */
static weir_code encode_parsed(const value_source *source, weir_str text, weir_buf *out,
                               weir_error *err)
{
    int64_t micros;
    int32_t west;
    moment_interval interval;

    switch ((int)source->form) {
    case FORM_UUID:
        return encode_uuid(text, out) ? WEIR_OK : bad_text(text, TYPE_UUID, err);
    case FORM_ZONED_TIMESTAMP:
        if (!moment_parse_timestamp(text, &micros))
            return bad_text(text, TYPE_TIMESTAMPTZ, err);
        copy_int64(out, micros);
        return WEIR_OK;
    case FORM_ZONED_TIME: {
        if (!moment_parse_time(text, &micros, &west))
            return bad_text(text, TYPE_TIMETZ, err);
        char *at = room(out, 16);

        put32(at, 12);
        put64(at + 4, (uint64_t)micros);
        put32(at + 12, (uint32_t)west);
        out->len += 16;
        return WEIR_OK;
    }
    default:
        assert(source->form == FORM_ISO_INTERVAL);
        if (!moment_parse_interval(text, &interval))
            return bad_text(text, TYPE_INTERVAL, err);
        put_interval(interval, out);
        return WEIR_OK;
    }
}

static weir_code encode_json(const value_source *source, type_id target, const weir_slot *slot,
                             weir_buf *out, weir_error *err)
{
    weir_buf json = {0};
    weir_code code = weir_value_json(source->schema, slot->bytes, &json, err);

    if (code == WEIR_OK)
        code = encode_text(weir_buf_str(&json), target, out, err);
    weir_buf_done(&json);
    return code;
}

static weir_code encode_enum(const value_source *source, type_id target, const weir_slot *slot,
                             weir_buf *out, weir_error *err)
{
    if (slot->kind == WEIR_SLOT_BYTES)
        return encode_text(slot->bytes, target, out, err);
    if (slot->integer < 0 || (size_t)slot->integer >= weir_schema_symbol_count(source->schema))
        return weir_fail(err, WEIR_REJECT, "%lld is no symbol of its enum",
                         (long long)slot->integer);
    return encode_text(weir_schema_symbol(source->schema, (size_t)slot->integer), target, out, err);
}

static weir_code encode_scalar(const value_source *source, type_id target, const weir_slot *slot,
                               weir_buf *out, weir_error *err)
{
    weir_str unscaled;
    int64_t scale;

    switch (source->form) {
    case FORM_BOOLEAN: {
        char *at = room(out, 5);

        put32(at, 1);
        at[4] = (char)slot->integer;
        out->len += 5;
        return WEIR_OK;
    }
    case FORM_INTEGER:
        return encode_integer(slot->integer, target, out, err);
    case FORM_NUMBER:
        encode_number(slot->number, target, out);
        return WEIR_OK;
    case FORM_TEXT:
        return encode_text(slot->bytes, target, out, err);
    case FORM_BYTES:
        if (slot->bytes.len > FIELD_MAX)
            return weir_fail(err, WEIR_REJECT, "%zu bytes are more than a field can hold",
                             slot->bytes.len);
        copy_text(out, slot->bytes);
        return WEIR_OK;
    case FORM_ENUM:
        return encode_enum(source, target, slot, out, err);
    case FORM_DECIMAL:
        return encode_decimal(slot->bytes, source->scale, out, err);
    case FORM_VARIABLE_DECIMAL:
        if (!items_variable_decimal(slot->bytes, &scale, &unscaled))
            return weir_fail(err, WEIR_REJECT, "decimal with variable scale has a strange schema");
        return encode_decimal(unscaled, scale, out, err);
    case FORM_DAYS:
    case FORM_TIME:
    case FORM_TIMESTAMP:
    case FORM_DURATION:
        return encode_ticks(source, slot->integer, out, err);
    case FORM_UUID:
    case FORM_ZONED_TIME:
    case FORM_ZONED_TIMESTAMP:
    case FORM_ISO_INTERVAL:
        if (target == TYPE_TEXT)
            return encode_text(slot->bytes, target, out, err);
        return encode_parsed(source, slot->bytes, out, err);
    case FORM_NESTED:
        return encode_json(source, target, slot, out, err);
    }
    return weir_fail(err, WEIR_FATAL, "field has an unknown form");
}

/* One dimension, lower bound 1; an empty array has no dimension. */
static weir_code encode_array(const value_source *source, type_id target, weir_str encoded,
                              weir_buf *out, weir_error *err)
{
    size_t start = out->len;
    bool has_null = false;
    int32_t count = 0;
    items in;
    weir_slot item;

    (void)room(out, 24);
    out->len += 24;
    items_init(&in, source->array, encoded);
    while (items_next(&in, &item)) {
        if (item.kind == WEIR_SLOT_NULL) {
            copy_marker(out, COPY_NULL);
            has_null = true;
        } else if (encode_scalar(source, target, &item, out, err) != WEIR_OK) {
            out->len = start;
            return weir_wrap(err, "item %d", count + 1);
        }
        count++;
    }
    if (in.failed || out->len - start > FIELD_MAX) {
        out->len = start;
        return weir_fail(err, WEIR_REJECT, "array is %s", in.failed ? "damaged" : "too large");
    }
    if (count == 0)
        out->len = start + 16;
    put32(out->ptr + start, (uint32_t)(out->len - start - 4));
    put32(out->ptr + start + 4, count > 0);
    put32(out->ptr + start + 8, has_null);
    put32(out->ptr + start + 12, copy_oid(target));
    if (count > 0) {
        put32(out->ptr + start + 16, (uint32_t)count);
        put32(out->ptr + start + 20, 1);
    }
    return WEIR_OK;
}

weir_code copy_field(const value_source *source, column_type target, const weir_slot *slot,
                     weir_buf *out, weir_error *err)
{
    if (slot->kind == WEIR_SLOT_NULL || slot->kind == WEIR_SLOT_UNSENT) {
        copy_marker(out, slot->kind == WEIR_SLOT_NULL ? COPY_NULL : COPY_UNSENT);
        return WEIR_OK;
    }
    if (source->type.is_array)
        return encode_array(source, target.id, slot->bytes, out, err);
    return encode_scalar(source, target.id, slot, out, err);
}
