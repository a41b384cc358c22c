/* arrow.h - rows that wait, as Arrow columns, and text columns of a result, as cells.
 *
 * A table is built from the rows of a window (copy.h's form) and handed out once as a stream. Its memory
 * stays the table's: releasing a stream, schema or array of it only marks that it was released. So a
 * table must outlive the statement that reads it. Belongs to one thread.
 */
#ifndef WAREHOUSE_ARROW_H
#define WAREHOUSE_ARROW_H

#include "adbc_abi.h"
#include "table.h"

typedef struct arrow_column arrow_column;

typedef struct arrow_table {
    weir_buf columns; /* arrow_column */
    weir_buf schemas; /* pointers to the columns' schemas */
    weir_buf arrays;  /* and arrays */
    size_t row_count;
    struct ArrowSchema schema;
    struct ArrowArray array;
    const void *no_buffer;
    bool is_taken; /* by the stream */
} arrow_table;

/* Empty columns c0, c1, … of a layout, then op and mask. */
void arrow_begin(arrow_table *self, const layout *rows);
void arrow_done(arrow_table *self);

/* Adds a row. WEIR_REJECT for a value that the destination's types can't hold: a timestamp too far
 * away, more digits than a decimal has. */
weir_code arrow_add(arrow_table *self, const layout *rows, weir_str row, fold_kind kind,
                    weir_error *err);

/* What was added, as a stream of one batch. */
void arrow_stream(arrow_table *self, struct ArrowArrayStream *out);

/* Appends the cells of a batch of text columns, row by row, in the form of copy_text. False when a column
 * is no text. */
bool arrow_cells(const struct ArrowSchema *schema, const struct ArrowArray *array, weir_buf *cells);

#endif
