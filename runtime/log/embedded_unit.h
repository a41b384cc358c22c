/* embedded_unit.h - the records of a commit while they are gathered: batches for each partition that they go to.
 *
 * A unit has a part for every partition it touches: a buffer of finished batches, and one that is being built.
 * Finished, it is the pieces of one append of the store, which point into it.
 *
 * Belongs to whoever holds it; no locks. `embedded_unit u = {0}` is empty; buffers are kept over a clear.
 */
#ifndef RUNTIME_LOG_EMBEDDED_UNIT_H
#define RUNTIME_LOG_EMBEDDED_UNIT_H

#include "runtime/log/store.h"
#include "runtime/wire/record_batch.h"
#include "weir/map.h"

typedef struct unit_part unit_part;

typedef struct embedded_unit {
    weir_buf parts; /* of unit_part *; those behind part_count are kept for their buffers */
    size_t part_count;
    unit_part *last;        /* added to; NULL: none yet */
    weir_map *by_partition; /* pointer of the partition -> its part; from the 9th on */
    weir_buf pieces;        /* of store_piece, when it is finished */
    size_t bytes;           /* of records, before compression */
} embedded_unit;

void embedded_unit_done(embedded_unit *self);
/* Throws everything away, except for buffers that are not very large. */
void embedded_unit_clear(embedded_unit *self);

/* Adds a record; scratch is used for compressing a batch that is full. */
WEIR_MUST_CHECK weir_code embedded_unit_add(embedded_unit *self, store_partition *partition,
                                            const record_fields *record, weir_buf *scratch,
                                            weir_error *err);

/* Ends the batches and makes pieces of them. */
WEIR_MUST_CHECK weir_code embedded_unit_finish(embedded_unit *self, weir_buf *scratch,
                                               weir_error *err);

#endif
