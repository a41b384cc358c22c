/* arrow.c - from PostgreSQL's binary fields to Arrow's columns.
 *
 * Types that Arrow or the reader has no exact form for travel as text and are cast in SQL: unbounded
 * numerics, uuid, json, times with a zone.
 */
#include "arrow.h"

#include "copy.h"
#include "moment.h"
#include "numeric.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { ARROW_NULLABLE = 2, DECIMAL_MAX = 38 };

struct arrow_column {
    column_type type;
    char format[24];
    char name[24];
    size_t count; /* of values, nulls included */
    int64_t null_count;
    weir_buf validity; /* one bit each, 1: there is a value */
    weir_buf offsets;  /* int64_t; of text, bytes and lists */
    weir_buf data;
    arrow_column *items; /* of a list */
    const void *buffers[3];
    struct ArrowSchema schema;
    struct ArrowSchema *schema_child;
    struct ArrowArray array;
    struct ArrowArray *array_child;
};

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

static bool has_offsets(const arrow_column *column)
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

static arrow_column *column_at(const arrow_table *self, size_t index)
{
    return (arrow_column *)(void *)self->columns.ptr + index;
}

static size_t column_count(const arrow_table *self)
{
    return self->columns.len / sizeof(arrow_column);
}

static void column_init(arrow_column *column, column_type type)
{
    const int64_t zero = 0;

    *column = (arrow_column){.type = type};
    set_format(column);
    if (has_offsets(column))
        weir_buf_add(&column->offsets, &zero, sizeof(zero));
}

static void column_begin(arrow_column *column, column_type type)
{
    weir_buf items = {.ptr = NULL}; /* given to the column */

    column_init(column, type);
    if (!type.is_array)
        return;
    type.is_array = false;
    column->items = (arrow_column *)(void *)weir_buf_reserve(&items, sizeof(arrow_column));
    column_init(column->items, type);
    (void)snprintf(column->items->name, sizeof(column->items->name), "item");
}

static void release_buffers(arrow_column *column)
{
    weir_buf_done(&column->validity);
    weir_buf_done(&column->offsets);
    weir_buf_done(&column->data);
}

static void column_done(arrow_column *column)
{
    release_buffers(column);
    if (column->items == NULL)
        return;
    weir_buf items = {.ptr = (char *)column->items, .capacity = sizeof(arrow_column)};

    release_buffers(column->items);
    weir_buf_done(&items);
}

void arrow_done(arrow_table *self)
{
    for (size_t i = 0; i < column_count(self); i++)
        column_done(column_at(self, i));
    weir_buf_done(&self->columns);
    weir_buf_done(&self->schemas);
    weir_buf_done(&self->arrays);
    *self = (arrow_table){.row_count = 0};
}

void arrow_begin(arrow_table *self, const layout *rows)
{
    const column_type text = {.id = TYPE_TEXT};

    arrow_done(self);
    for (size_t i = 0; i < rows->count + 2; i++) {
        arrow_column column;

        column_begin(&column, i < rows->count ? rows->columns[i].type : text);
        if (i < rows->count)
            (void)snprintf(column.name, sizeof(column.name), "c%zu", i);
        else
            (void)snprintf(column.name, sizeof(column.name), i == rows->count ? "op" : "mask");
        weir_buf_add(&self->columns, &column, sizeof(column));
    }
}

/* --- Values ---------------------------------------------------------------------------------- */

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

static void add_null(arrow_column *column)
{
    static const char zeros[16];
    size_t end = column->items != NULL ? column->items->count : column->data.len;

    add_bit(&column->validity, column->count, false);
    if (has_offsets(column))
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
            add_null(column->items);
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

static void add_value_text(arrow_column *column, weir_str text)
{
    assert(column->type.id == TYPE_TEXT);
    add_text(column, text);
    add_bit(&column->validity, column->count++, true);
}

weir_code arrow_add(arrow_table *self, const layout *rows, weir_str row, fold_kind kind,
                    weir_error *err)
{
    const char *at = row.ptr + 2;
    arrow_column *op = column_at(self, rows->count), *mask = column_at(self, rows->count + 1);
    char letter = (char)kind;
    char sent[1664];

    assert(rows->count < sizeof(sent));
    for (size_t i = 0; i < rows->count; i++) {
        arrow_column *column = column_at(self, i);
        int32_t length = copy_length(at);
        weir_str value = {at + 4, length > 0 ? (size_t)length : 0};
        weir_code code = WEIR_OK;

        sent[i] = length == COPY_UNSENT ? '0' : '1';
        if (length < 0)
            add_null(column);
        else if (column->type.is_array)
            code = add_list(column, value, err);
        else
            code = add_scalar(column, value, err);
        if (code != WEIR_OK)
            return code;
        at += 4 + value.len;
    }
    self->row_count++;
    if (kind == FOLD_PARTIAL)
        add_value_text(mask, (weir_str){sent, rows->count});
    else
        add_null(mask);
    add_value_text(op, (weir_str){&letter, 1});
    return WEIR_OK;
}

/* --- Handing out ----------------------------------------------------------------------------- */

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    array->release = NULL;
}

static void export_buffers(arrow_column *column)
{
    bool offsets = has_offsets(column);

    column->buffers[0] = column->validity.ptr;
    column->buffers[1] = offsets ? column->offsets.ptr : column->data.ptr;
    column->buffers[2] = column->data.ptr;
    column->schema = (struct ArrowSchema){.format = column->format,
                                          .name = column->name,
                                          .flags = ARROW_NULLABLE,
                                          .release = release_schema};
    column->array = (struct ArrowArray){.length = (int64_t)column->count,
                                        .null_count = column->null_count,
                                        .n_buffers = offsets && column->items == NULL ? 3 : 2,
                                        .buffers = column->buffers,
                                        .release = release_array};
}

static void export_column(arrow_column *column)
{
    export_buffers(column);
    if (column->items == NULL)
        return;
    export_buffers(column->items);
    column->schema_child = &column->items->schema;
    column->array_child = &column->items->array;
    column->schema.n_children = column->array.n_children = 1;
    column->schema.children = &column->schema_child;
    column->array.children = &column->array_child;
}

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    arrow_table *self = stream->private_data;

    for (size_t i = 0; i < column_count(self); i++)
        export_column(column_at(self, i)); /* a reader may ask again after it released the first */
    *out = self->schema;
    return 0;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    arrow_table *self = stream->private_data;

    *out = (struct ArrowArray){.length = 0};
    if (self->is_taken)
        return 0;
    self->is_taken = true;
    *out = self->array;
    return 0;
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

void arrow_stream(arrow_table *self, struct ArrowArrayStream *out)
{
    size_t count = column_count(self);

    weir_buf_clear(&self->schemas);
    weir_buf_clear(&self->arrays);
    for (size_t i = 0; i < count; i++) {
        struct ArrowSchema *schema = &column_at(self, i)->schema;
        struct ArrowArray *array = &column_at(self, i)->array;

        export_column(column_at(self, i));
        weir_buf_add(&self->schemas, &schema, sizeof(void *));
        weir_buf_add(&self->arrays, &array, sizeof(void *));
    }
    self->schema =
        (struct ArrowSchema){.format = "+s",
                             .name = "",
                             .n_children = (int64_t)count,
                             .children = (struct ArrowSchema **)(void *)self->schemas.ptr,
                             .release = release_schema};
    self->array = (struct ArrowArray){.length = (int64_t)self->row_count,
                                      .n_buffers = 1,
                                      .buffers = &self->no_buffer,
                                      .n_children = (int64_t)count,
                                      .children = (struct ArrowArray **)(void *)self->arrays.ptr,
                                      .release = release_array};
    self->is_taken = false;
    *out = (struct ArrowArrayStream){.get_schema = stream_schema,
                                     .get_next = stream_next,
                                     .get_last_error = stream_error,
                                     .release = stream_release,
                                     .private_data = self};
}

/* --- Results --------------------------------------------------------------------------------- */

static void add_cell(const struct ArrowArray *column, bool is_large, int64_t row, weir_buf *cells)
{
    int64_t at = row + column->offset;
    const uint8_t *validity = column->buffers[0];
    const char *data = column->buffers[2];
    int64_t start, end;

    if (validity != NULL && (validity[at / 8] >> at % 8 & 1) == 0) {
        copy_marker(cells, COPY_NULL);
        return;
    }
    if (is_large) {
        start = ((const int64_t *)column->buffers[1])[at];
        end = ((const int64_t *)column->buffers[1])[at + 1];
    } else {
        start = ((const int32_t *)column->buffers[1])[at];
        end = ((const int32_t *)column->buffers[1])[at + 1];
    }
    copy_text(cells, (weir_str){data + start, (size_t)(end - start)});
}

bool arrow_cells(const struct ArrowSchema *schema, const struct ArrowArray *array, weir_buf *cells)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        const char *format = schema->children[i]->format;

        if (strcmp(format, "u") != 0 && strcmp(format, "U") != 0)
            return false;
    }
    for (int64_t row = 0; row < array->length; row++)
        for (int64_t i = 0; i < array->n_children; i++)
            add_cell(array->children[i], schema->children[i]->format[0] == 'U', row, cells);
    return true;
}
