/* arrow.c - rows as a table of Arrow columns, handed out as a stream; cells of a result. */
#include "arrow.h"

#include "arrow_column.h"
#include "copy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { ARROW_NULLABLE = 2 };

static arrow_column *column_at(const arrow_table *self, size_t index)
{
    return (arrow_column *)(void *)self->columns.ptr + index;
}

static size_t column_count(const arrow_table *self)
{
    return self->columns.len / sizeof(arrow_column);
}

static void column_begin(arrow_column *column, column_type type)
{
    weir_buf items = {.ptr = NULL}; /* given to the column */

    arrow_column_init(column, type);
    if (!type.is_array)
        return;
    type.is_array = false;
    column->items = (arrow_column *)(void *)weir_buf_reserve(&items, sizeof(arrow_column));
    arrow_column_init(column->items, type);
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

static void add_value_text(arrow_column *column, weir_str text)
{
    weir_error err;
    weir_code code = arrow_column_add(column, text, &err);

    assert(column->type.id == TYPE_TEXT && code == WEIR_OK);
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
            arrow_column_add_null(column);
        else
            code = arrow_column_add(column, value, err);
        if (code != WEIR_OK)
            return code;
        at += 4 + value.len;
    }
    self->row_count++;
    if (kind == FOLD_PARTIAL)
        add_value_text(mask, (weir_str){sent, rows->count});
    else
        arrow_column_add_null(mask);
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
    bool offsets = arrow_column_has_offsets(column);

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
