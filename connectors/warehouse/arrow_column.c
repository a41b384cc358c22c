/* arrow_column.c - from PostgreSQL's binary fields to an Arrow column's buffers. */
#include "arrow_column.h"

#include "copy.h"
#include "moment.h"
#include "numeric.h"

#include <assert.h>
#include <stdio.h>

enum { DECIMAL_MAX = 38 };

static bool is_text(column_type type)
{
    switch (type.id) {
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_UUID:
    case TYPE_TIMETZ:
    case TYPE_OTHER:
        return true;
    case TYPE_NUMERIC:
        return type.precision == 0 || type.precision > DECIMAL_MAX || type.scale < 0 ||
               type.scale > type.precision;
    default:
        return false;
    }
}

bool arrow_column_has_offsets(const arrow_column *column)
{
    return column->type.is_array || is_text(column->type) || column->type.id == TYPE_BYTES;
}

/* Arrow's format strings. */
static void set_format(arrow_column *column)
{
    static const char *const formats[] = {
        [TYPE_BOOL] = "b",
        [TYPE_INT2] = "s",
        [TYPE_INT4] = "i",
        [TYPE_INT8] = "l",
        [TYPE_FLOAT4] = "f",
        [TYPE_FLOAT8] = "g",
        [TYPE_BYTES] = "Z",
        [TYPE_DATE] = "tdD",
        [TYPE_TIME] = "ttu",
        [TYPE_TIMESTAMP] = "tsu:",
        [TYPE_TIMESTAMPTZ] = "tsu:UTC",
        [TYPE_INTERVAL] = "tin",
    };

    if (column->type.is_array)
        (void)snprintf(column->format, sizeof(column->format), "+L");
    else if (is_text(column->type))
        (void)snprintf(column->format, sizeof(column->format), "U");
    else if (column->type.id == TYPE_NUMERIC)
        (void)snprintf(column->format, sizeof(column->format), "d:%d,%d", column->type.precision,
                       column->type.scale);
    else
        (void)snprintf(column->format, sizeof(column->format), "%s", formats[column->type.id]);
}

void arrow_column_init(arrow_column *column, column_type type)
{
    const int64_t zero = 0;

    *column = (arrow_column){.type = type};
    set_format(column);
    if (arrow_column_has_offsets(column))
        weir_buf_add(&column->offsets, &zero, sizeof(zero));
}

/* A bit more, in a buffer whose last byte may be half full. */
static void add_bit(weir_buf *bits, size_t index, bool value)
{
    if (index % 8 == 0)
        weir_buf_add_byte(bits, '\0');
    if (value)
        bits->ptr[index / 8] = (char)((uint8_t)bits->ptr[index / 8] | 1u << index % 8);
}

/* How wide a value is; 0 for bits and for what has offsets. */
static size_t width_of(const arrow_column *column)
{
    switch (column->type.id) {
    case TYPE_INT2:
        return 2;
    case TYPE_INT4:
    case TYPE_FLOAT4:
    case TYPE_DATE:
        return 4;
    case TYPE_NUMERIC:
    case TYPE_INTERVAL:
        return 16;
    case TYPE_INT8:
    case TYPE_FLOAT8:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return 8;
    default:
        return 0;
    }
}

static void end_offset(arrow_column *column, size_t end)
{
    int64_t offset = (int64_t)end;

    weir_buf_add(&column->offsets, &offset, sizeof(offset));
}

void arrow_column_add_null(arrow_column *column)
{
    static const char zeros[16];
    size_t end = column->items != NULL ? column->items->count : column->data.len;

    add_bit(&column->validity, column->count, false);
    if (arrow_column_has_offsets(column))
        end_offset(column, end);
    else if (column->type.id == TYPE_BOOL)
        add_bit(&column->data, column->count, false);
    else
        weir_buf_add(&column->data, zeros, width_of(column));
    column->null_count++;
    column->count++;
}

static weir_code too_far(weir_error *err)
{
    return weir_fail(err, WEIR_REJECT,
                     "a date or time is outside of what the destination can hold");
}

static weir_code add_timestamp(arrow_column *column, int64_t micros, weir_error *err)
{
    if (micros == MOMENT_MINUS_INFINITY)
        micros = -INT64_MAX; /* DuckDB's infinities are INT64_MAX and its opposite */
    else if (micros != MOMENT_INFINITY &&
             __builtin_add_overflow(micros, MOMENT_DAYS_1970 * MOMENT_MICROS_PER_DAY, &micros))
        return too_far(err);
    weir_buf_add(&column->data, &micros, sizeof(micros));
    return WEIR_OK;
}

static weir_code add_date(arrow_column *column, int32_t days, weir_error *err)
{
    if (days == INT32_MIN)
        days = -INT32_MAX;
    else if (days != INT32_MAX && __builtin_add_overflow(days, (int32_t)MOMENT_DAYS_1970, &days))
        return too_far(err);
    weir_buf_add(&column->data, &days, sizeof(days));
    return WEIR_OK;
}

static weir_code add_interval(arrow_column *column, weir_str value, weir_error *err)
{
    int64_t nanos;
    int32_t days = (int32_t)copy_read_int(value.ptr + 8, 4);
    int32_t months = (int32_t)copy_read_int(value.ptr + 12, 4);

    if (__builtin_mul_overflow(copy_read_int(value.ptr, 8), INT64_C(1000), &nanos))
        return too_far(err);
    weir_buf_add(&column->data, &months, 4);
    weir_buf_add(&column->data, &days, 4);
    weir_buf_add(&column->data, &nanos, 8);
    return WEIR_OK;
}

static weir_code add_decimal(arrow_column *column, weir_str value, weir_error *err)
{
    __int128 unscaled, limit = 1;

    for (int i = 0; i < column->type.precision; i++)
        limit *= 10;
    if (!numeric_to_int128(value, column->type.scale, &unscaled) || unscaled >= limit ||
        unscaled <= -limit)
        return weir_fail(err, WEIR_REJECT, "a decimal does not fit into DECIMAL(%d,%d)",
                         column->type.precision, column->type.scale);
    weir_buf_add(&column->data, &unscaled, sizeof(unscaled));
    return WEIR_OK;
}

static void add_uuid(weir_buf *out, weir_str value)
{
    assert(value.len == 16);
    for (size_t i = 0; i < value.len; i++)
        weir_buf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                        (unsigned)(uint8_t)value.ptr[i]);
}

static void add_zoned_time(weir_buf *out, weir_str value)
{
    int64_t micros = copy_read_int(value.ptr, 8);
    int64_t east = -copy_read_int(value.ptr + 8, 4);
    int64_t zone = east < 0 ? -east : east;

    weir_buf_printf(out, "%02d:%02d:%02d.%06d%c%02d:%02d", (int)(micros / 3600000000),
                    (int)(micros / 60000000 % 60), (int)(micros / 1000000 % 60),
                    (int)(micros % 1000000), east < 0 ? '-' : '+', (int)(zone / 3600),
                    (int)(zone / 60 % 60));
}

static void add_text(arrow_column *column, weir_str value)
{
    weir_buf *out = &column->data;

    if (column->type.id == TYPE_NUMERIC)
        numeric_text(value, out);
    else if (column->type.id == TYPE_UUID)
        add_uuid(out, value);
    else if (column->type.id == TYPE_TIMETZ)
        add_zoned_time(out, value);
    else if (column->type.id == TYPE_JSONB)
        weir_buf_add(out, value.ptr + 1, value.len - 1); /* behind the version */
    else
        weir_buf_add_str(out, value);
    end_offset(column, out->len);
}

/* Big-endian to the machine's order. */
static void add_swapped(weir_buf *out, weir_str value)
{
    char *at = weir_buf_reserve(out, value.len);

    for (size_t i = 0; i < value.len; i++)
        at[i] = value.ptr[value.len - 1 - i];
    out->len += value.len;
}

static weir_code add_scalar(arrow_column *column, weir_str value, weir_error *err)
{
    weir_code code = WEIR_OK;

    if (is_text(column->type)) {
        add_text(column, value);
    } else if (column->type.id == TYPE_BYTES) {
        weir_buf_add_str(&column->data, value);
        end_offset(column, column->data.len);
    } else if (column->type.id == TYPE_BOOL) {
        add_bit(&column->data, column->count, value.ptr[0] != 0);
    } else if (column->type.id == TYPE_TIMESTAMP || column->type.id == TYPE_TIMESTAMPTZ) {
        code = add_timestamp(column, copy_read_int(value.ptr, 8), err);
    } else if (column->type.id == TYPE_DATE) {
        code = add_date(column, (int32_t)copy_read_int(value.ptr, 4), err);
    } else if (column->type.id == TYPE_INTERVAL) {
        code = add_interval(column, value, err);
    } else if (column->type.id == TYPE_NUMERIC) {
        code = add_decimal(column, value, err);
    } else {
        assert(value.len == width_of(column));
        add_swapped(&column->data, value);
    }
    if (code != WEIR_OK)
        return code;
    add_bit(&column->validity, column->count, true);
    column->count++;
    return WEIR_OK;
}

/* The items of a one-dimensional array: three int32 (dimensions, nulls, type), then, unless it is empty,
 * two more (count, lower bound) and the items. */
static weir_code add_list(arrow_column *column, weir_str value, weir_error *err)
{
    const char *at = value.ptr + 20;
    int64_t count = copy_read_int(value.ptr, 4) > 0 ? copy_read_int(value.ptr + 12, 4) : 0;

    for (int64_t i = 0; i < count; i++) {
        int32_t length = copy_length(at);

        at += 4;
        if (length < 0) {
            arrow_column_add_null(column->items);
            continue;
        }
        if (add_scalar(column->items, (weir_str){at, (size_t)length}, err) != WEIR_OK)
            return err->code;
        at += length;
    }
    end_offset(column, column->items->count);
    add_bit(&column->validity, column->count, true);
    column->count++;
    return WEIR_OK;
}

weir_code arrow_column_add(arrow_column *column, weir_str value, weir_error *err)
{
    return column->type.is_array ? add_list(column, value, err) : add_scalar(column, value, err);
}
