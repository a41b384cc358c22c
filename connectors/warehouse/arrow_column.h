/* arrow_column.h - one Arrow column that is being filled.
 *
 * Types that Arrow or the reader has no exact form for travel as text and are cast in SQL: unbounded
 * numerics, uuid, json, times with a zone. Private to arrow.c, which owns the memory.
 */
#ifndef WAREHOUSE_ARROW_COLUMN_H
#define WAREHOUSE_ARROW_COLUMN_H

#include "arrow.h"

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

/* An empty column, without items. */
void arrow_column_init(arrow_column *column, column_type type);

/* It has offsets beside its data: text, bytes and lists. */
bool arrow_column_has_offsets(const arrow_column *column);

void arrow_column_add_null(arrow_column *column);
/* Adds a value in PostgreSQL's binary form. WEIR_REJECT when the destination's type cannot hold it. */
weir_code arrow_column_add(arrow_column *column, weir_str value, weir_error *err);

#endif
