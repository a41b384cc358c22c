/* encode.c - from slots to fields: the hot path of this sink.
 *
 * Layouts are those of the types' send and receive functions in PostgreSQL; all integers are
 * big-endian.
 */
#include "encode.h"

#include "copy.h"
#include "items.h"
#include "moment.h"
#include "numeric.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { FIELD_MAX = 0x3ffffff0 }; /* PostgreSQL takes no field of 1 GiB or more */

static bool is_integer(type_id id)
{
    return id == TYPE_INT2 || id == TYPE_INT4 || id == TYPE_INT8;
}

static bool is_moment(type_id id)
{
    return id == TYPE_TIMESTAMP || id == TYPE_TIMESTAMPTZ || id == TYPE_DATE;
}

bool encode_is_direct(const value_source *source, column_type target)
{
    if (source->type.is_array != target.is_array)
        return false;
    if (source->type.id == target.id)
        return true;
    if (target.is_array || target.id == TYPE_OTHER)
        return false;
    switch (source->form) {
    case FORM_INTEGER:
        return is_integer(target.id) || target.id == TYPE_NUMERIC;
    case FORM_NUMBER:
        return is_integer(target.id) || target.id == TYPE_FLOAT8;
    case FORM_DECIMAL:
    case FORM_VARIABLE_DECIMAL:
        return is_integer(target.id);
    case FORM_TEXT:
    case FORM_ENUM:
    case FORM_NESTED:
        return target.id == TYPE_TEXT || target.id == TYPE_JSON || target.id == TYPE_JSONB;
    case FORM_TIMESTAMP:
        return is_moment(target.id);
    case FORM_ZONED_TIMESTAMP:
        return is_moment(target.id) || target.id == TYPE_TEXT;
    case FORM_UUID:
    case FORM_ZONED_TIME:
    case FORM_ISO_INTERVAL:
        return target.id == TYPE_TEXT;
    case FORM_BOOLEAN:
    case FORM_BYTES:
    case FORM_DAYS:
    case FORM_TIME:
    case FORM_DURATION:
        return false;
    }
    return false;
}

/* --- Numbers --------------------------------------------------------------------------------- */

static weir_code does_not_fit(column_type target, const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_REJECT, "%s does not fit into a column of type %s", what,
                     type_name(target.id));
}

/* The binary numeric behind `start`, where its length belongs: as it is, unless the column would round it. */
static weir_code end_numeric(column_type target, size_t start, weir_buf *out, weir_error *err)
{
    weir_str number = {out->ptr + start + 4, out->len - start - 4};

    copy_put32(out->ptr + start, (uint32_t)number.len);
    if (target.precision == 0 || numeric_has_scale(number, target.scale))
        return WEIR_OK;
    out->len = start;
    return weir_fail(
        err, WEIR_REJECT,
        "a decimal has more digits than the column keeps: numeric(%d,%d) would round it",
        target.precision, target.scale);
}

static weir_code encode_integer(int64_t value, column_type target, weir_buf *out, weir_error *err)
{
    char *at = copy_room(out, 12);
    size_t start = out->len;

    switch ((int)target.id) {
    case TYPE_INT2:
        if (value < INT16_MIN || value > INT16_MAX)
            break;
        copy_put32(at, 2);
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
    default:
        assert(target.id == TYPE_NUMERIC);
        out->len += 4;
        numeric_encode_integer(value, out);
        return end_numeric(target, start, out, err);
    }
    return weir_fail(err, WEIR_REJECT, "%lld does not fit into a column of type %s",
                     (long long)value, type_name(target.id));
}

static void encode_float(double value, type_id target, weir_buf *out)
{
    char *at = copy_room(out, 12);

    if (target == TYPE_FLOAT4) {
        float narrow = (float)value;
        uint32_t bits;

        memcpy(&bits, &narrow, 4);
        copy_put32(at, 4);
        copy_put32(at + 4, bits);
        out->len += 8;
    } else {
        uint64_t bits;

        memcpy(&bits, &value, 8);
        copy_put32(at, 8);
        copy_put64(at + 4, bits);
        out->len += 12;
    }
}

static weir_code encode_number(double value, column_type target, weir_buf *out, weir_error *err)
{
    char text[40];

    if (!is_integer(target.id)) {
        encode_float(value, target.id, out);
        return WEIR_OK;
    }
    /* 2^63 is the first that an int64 does not have; a NaN fails both */
    if (value >= -9223372036854775808.0 && value < 9223372036854775808.0 &&
        (double)(int64_t)value == value)
        return encode_integer((int64_t)value, target, out, err);
    (void)snprintf(text, sizeof(text), "%.17g", value);
    return does_not_fit(target, text, err);
}

static weir_code encode_decimal(weir_str unscaled, int64_t scale, column_type target, weir_buf *out,
                                weir_error *err)
{
    size_t start = out->len;
    __int128 whole;

    (void)copy_room(out, 64);
    out->len += 4;
    if (numeric_encode(unscaled, scale, out, err) != WEIR_OK) {
        out->len = start;
        return err->code;
    }
    if (target.id == TYPE_NUMERIC)
        return end_numeric(target, start, out, err);

    weir_str number = {out->ptr + start + 4, out->len - start - 4};
    bool is_whole = numeric_to_int128(number, 0, &whole);

    out->len = start;
    if (!is_whole || whole < INT64_MIN || whole > INT64_MAX)
        return does_not_fit(target, "a decimal", err);
    return encode_integer((int64_t)whole, target, out, err);
}

/* --- Texts ----------------------------------------------------------------------------------- */

static weir_code encode_text(weir_str text, type_id target, weir_buf *out, weir_error *err)
{
    size_t extra = target == TYPE_JSONB ? 1 : 0; /* the version of jsonb's binary form */

    if (text.len > FIELD_MAX)
        return weir_fail(err, WEIR_REJECT, "text of %zu bytes is more than a field can hold",
                         text.len);
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return weir_fail(err, WEIR_REJECT, "text has a NUL character, which text cannot hold");

    char *at = copy_room(out, 5 + text.len);

    copy_put32(at, (uint32_t)(text.len + extra));
    at[4] = 1;
    if (text.len > 0)
        memcpy(at + 4 + extra, text.ptr, text.len);
    out->len += 4 + extra + text.len;
    return WEIR_OK;
}

/* --- Dates and times ------------------------------------------------------------------------- */

static weir_code out_of_range(int64_t value, type_id target, weir_error *err)
{
    return weir_fail(err, WEIR_REJECT, "%lld is outside of what a %s can hold exactly",
                     (long long)value, type_name(target));
}

/* A column may keep less of a second than six digits. */
static weir_code check_step(int64_t micros, column_type target, weir_error *err)
{
    if (target.step_micros <= 1 || micros % target.step_micros == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_REJECT,
                     "a time is finer than the column, a %s, keeps: it would be rounded",
                     type_name(target.id));
}

/* Microseconds from 2000, for a timestamp of either kind or for a date. */
static weir_code put_moment(int64_t micros, column_type target, weir_buf *out, weir_error *err)
{
    bool is_infinite = micros == MOMENT_INFINITY || micros == MOMENT_MINUS_INFINITY;

    if (target.id != TYPE_DATE) {
        if (!is_infinite && check_step(micros, target, err) != WEIR_OK)
            return err->code;
        copy_int64(out, micros);
    } else if (is_infinite) {
        copy_int32(out, micros > 0 ? INT32_MAX : INT32_MIN);
    } else {
        if (micros % MOMENT_MICROS_PER_DAY != 0)
            return weir_fail(err, WEIR_REJECT,
                             "a timestamp is not midnight: a date would lose the time");
        copy_int32(out, (int32_t)(micros / MOMENT_MICROS_PER_DAY));
    }
    return WEIR_OK;
}

static weir_code put_interval(moment_interval interval, column_type target, weir_buf *out,
                              weir_error *err)
{
    if (check_step(interval.micros, target, err) != WEIR_OK)
        return err->code;
    char *at = copy_room(out, 20);

    copy_put32(at, 16);
    copy_put64(at + 4, (uint64_t)interval.micros);
    copy_put32(at + 12, (uint32_t)interval.days);
    copy_put32(at + 16, (uint32_t)interval.months);
    out->len += 20;
    return WEIR_OK;
}

static weir_code put_zoned_time(int64_t micros, int32_t west, column_type target, weir_buf *out,
                                weir_error *err)
{
    if (check_step(micros, target, err) != WEIR_OK)
        return err->code;
    char *at = copy_room(out, 16);

    copy_put32(at, 12);
    copy_put64(at + 4, (uint64_t)micros);
    copy_put32(at + 12, (uint32_t)west);
    out->len += 16;
    return WEIR_OK;
}

/* Everything that counts ticks: one integer in, one or three out. */
static weir_code encode_ticks(const value_source *source, column_type target, int64_t ticks,
                              weir_buf *out, weir_error *err)
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
        if (check_step(micros, target, err) != WEIR_OK)
            return err->code;
        copy_int64(out, micros);
        return WEIR_OK;
    case FORM_TIMESTAMP:
        if (!moment_timestamp(ticks, source->ticks, &micros))
            return out_of_range(ticks, TYPE_TIMESTAMP, err);
        return put_moment(micros, target, out, err);
    default:
        assert(source->form == FORM_DURATION);
        if (source->ticks > 1000000 && ticks % (source->ticks / 1000000) != 0)
            return out_of_range(ticks, TYPE_INTERVAL, err);
        micros = source->ticks > 1000000 ? ticks / (source->ticks / 1000000) : ticks;
        return put_interval((moment_interval){.micros = micros}, target, out, err);
    }
}

/* --- Texts that stand for something else ------------------------------------------------------ */

static weir_code bad_text(weir_str text, type_id target, weir_error *err)
{
    return weir_fail(err, WEIR_REJECT, "\"%.*s\" is no %s", text.len > 80 ? 80 : (int)text.len,
                     text.ptr, type_name(target));
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

static weir_code encode_parsed(const value_source *source, column_type target, weir_str text,
                               weir_buf *out, weir_error *err)
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
        return put_moment(micros, target, out, err);
    case FORM_ZONED_TIME:
        if (!moment_parse_time(text, &micros, &west))
            return bad_text(text, TYPE_TIMETZ, err);
        return put_zoned_time(micros, west, target, out, err);
    default:
        assert(source->form == FORM_ISO_INTERVAL);
        if (!moment_parse_interval(text, &interval))
            return bad_text(text, TYPE_INTERVAL, err);
        return put_interval(interval, target, out, err);
    }
}

/* --- Fields ---------------------------------------------------------------------------------- */

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

static weir_code encode_scalar(const value_source *source, column_type target,
                               const weir_slot *slot, weir_buf *out, weir_error *err)
{
    weir_str unscaled;
    int64_t scale;

    switch (source->form) {
    case FORM_BOOLEAN: {
        char *at = copy_room(out, 5);

        copy_put32(at, 1);
        at[4] = (char)slot->integer;
        out->len += 5;
        return WEIR_OK;
    }
    case FORM_INTEGER:
        return encode_integer(slot->integer, target, out, err);
    case FORM_NUMBER:
        return encode_number(slot->number, target, out, err);
    case FORM_TEXT:
        return encode_text(slot->bytes, target.id, out, err);
    case FORM_BYTES:
        if (slot->bytes.len > FIELD_MAX)
            return weir_fail(err, WEIR_REJECT, "%zu bytes are more than a field can hold",
                             slot->bytes.len);
        copy_text(out, slot->bytes);
        return WEIR_OK;
    case FORM_ENUM:
        return encode_enum(source, target.id, slot, out, err);
    case FORM_DECIMAL:
        return encode_decimal(slot->bytes, source->scale, target, out, err);
    case FORM_VARIABLE_DECIMAL:
        if (!items_variable_decimal(slot->bytes, &scale, &unscaled))
            return weir_fail(err, WEIR_REJECT, "decimal with variable scale has a strange schema");
        return encode_decimal(unscaled, scale, target, out, err);
    case FORM_DAYS:
    case FORM_TIME:
    case FORM_TIMESTAMP:
    case FORM_DURATION:
        return encode_ticks(source, target, slot->integer, out, err);
    case FORM_UUID:
    case FORM_ZONED_TIME:
    case FORM_ZONED_TIMESTAMP:
    case FORM_ISO_INTERVAL:
        if (target.id == TYPE_TEXT)
            return encode_text(slot->bytes, target.id, out, err);
        return encode_parsed(source, target, slot->bytes, out, err);
    case FORM_NESTED:
        return encode_json(source, target.id, slot, out, err);
    }
    return weir_fail(err, WEIR_FATAL, "field has an unknown form");
}

/* One dimension, lower bound 1; an empty array has no dimension. */
static weir_code encode_array(const value_source *source, column_type target, weir_str encoded,
                              weir_buf *out, weir_error *err)
{
    size_t start = out->len;
    bool has_null = false;
    int32_t count = 0;
    items in;
    weir_slot item;

    (void)copy_room(out, 24);
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
    copy_put32(out->ptr + start, (uint32_t)(out->len - start - 4));
    copy_put32(out->ptr + start + 4, count > 0);
    copy_put32(out->ptr + start + 8, has_null);
    copy_put32(out->ptr + start + 12, copy_oid(target.id));
    if (count > 0) {
        copy_put32(out->ptr + start + 16, (uint32_t)count);
        copy_put32(out->ptr + start + 20, 1);
    }
    return WEIR_OK;
}

weir_code encode_field(const value_source *source, column_type target, const weir_slot *slot,
                       weir_buf *out, weir_error *err)
{
    if (slot->kind == WEIR_SLOT_NULL || slot->kind == WEIR_SLOT_UNSENT) {
        copy_marker(out, slot->kind == WEIR_SLOT_NULL ? COPY_NULL : COPY_UNSENT);
        return WEIR_OK;
    }
    if (source->type.is_array)
        return encode_array(source, target, slot->bytes, out, err);
    return encode_scalar(source, target, slot, out, err);
}
