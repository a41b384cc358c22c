/* fold.h - rows of one table that wait to be written, with several changes of one key made into one.
 *
 * A row is what copy.h writes: an int16 count of fields, then the fields, the key's first. In a keyed
 * window a later row of the same key is folded into the earlier one, column by column: a field that
 * the source did not send takes the earlier row's value. What is left per key is one of fold_kind, and
 * the order in which kinds are applied is always: deletes, updates, inserts.
 *
 *                     then UPSERT      then PARTIAL       then DELETE
 *     (nothing)       UPSERT           PARTIAL            DELETE
 *     INSERT          conflict         conflict           DELETE
 *     UPSERT          UPSERT           UPSERT, completed  DELETE
 *     PARTIAL         UPSERT           PARTIAL, merged (*) DELETE
 *     DELETE          REPLACE          refused            DELETE
 *     REPLACE         REPLACE          REPLACE, completed DELETE
 *
 * (*) or UPSERT, when no field is unknown any more.
 *
 * Belongs to one thread. Memory is bounded by who fills it: see fold_bytes.
 */
#ifndef WAREHOUSE_FOLD_H
#define WAREHOUSE_FOLD_H

#include "weir/buf.h"

typedef enum fold_kind {
    FOLD_INSERT = 'i',  /* a new row; a second one of the same key is the destination's affair */
    FOLD_UPSERT = 'u',  /* all columns are known */
    FOLD_PARTIAL = 'p', /* some columns were not sent: the row must be there already */
    FOLD_DELETE = 'd',
    FOLD_REPLACE = 'r', /* a delete, then an insert */
} fold_kind;

typedef enum fold_result {
    FOLD_ADDED,
    FOLD_CONFLICT, /* nothing changed: write the window first, then add the row again */
    FOLD_ORPHAN,   /* nothing changed: the row was deleted before, its other columns are unknown */
} fold_result;

typedef struct fold {
    weir_buf bytes;   /* rows, one behind the other */
    weir_buf entries; /* fold_entry, one for each key; of a keyed window only */
    weir_buf index;   /* uint32_t: place in entries + 1, 0 for none; a power of two of them */
    size_t key_count; /* 0: not keyed, rows are only collected */
    size_t row_count; /* of distinct keys, in a keyed window */
    size_t kind_counts[128];
} fold;

/* Empties it and sets how many leading fields are the key; memory is kept. */
void fold_reset(fold *self, size_t key_count);
void fold_done(fold *self);

/* Rows are appended to this buffer. The row that begins at `start` and ends the buffer is then added
 * with fold_add, or cut off again. */
static inline weir_buf *fold_buffer(fold *self)
{
    return &self->bytes;
}

/* kind is INSERT, UPSERT (which becomes PARTIAL when a field is COPY_UNSENT) or DELETE. Unless it is
 * FOLD_ADDED, the row is still at the end of the buffer. */
fold_result fold_add(fold *self, size_t start, fold_kind kind);

/* How much memory the rows take. */
size_t fold_bytes(const fold *self);

/* Steps through the rows: `size_t at = 0; while (fold_next(f, &at, &row, &kind))`. */
bool fold_next(const fold *self, size_t *at, weir_str *row, fold_kind *kind);

/* How many rows there are of a kind. */
static inline size_t fold_count(const fold *self, fold_kind kind)
{
    return self->kind_counts[kind];
}

#endif
