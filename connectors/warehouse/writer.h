/* writer.h - takes records to the tables they belong to, and keeps the rows until they are written.
 *
 * Belongs to the task's thread.
 */
#ifndef WAREHOUSE_WRITER_H
#define WAREHOUSE_WRITER_H

#include "change.h"
#include "route.h"

typedef struct writer {
    dialect *dialect;
    routes routes;
    const route *last;    /* most records are like the one before */
    weir_buf value_slots; /* weir_slot, of the record at hand */
    weir_buf key_slots;
    weir_buf row;                    /* scratch */
    const weir_schema *shape_schema; /* what shape is of */
    change_shape shape;
    const weir_slot *event_slots; /* of the change event at hand, in value_slots; else NULL */
} writer;

void writer_init(writer *self, dialect *to);
void writer_done(writer *self);

/* Adds a record: a row, a change event, or a tombstone. Rows that are in its way are written first, so this may fail as dialect_ops.write
 * does; *is_own_fault says whether it was this record that was refused. */
weir_code writer_add(writer *self, const weir_record *record, bool *is_own_fault, weir_error *err);

/* Removes all rows of the topic's table, behind what waits. */
weir_code writer_empty(writer *self, weir_str topic, weir_error *err);

/* Writes all that waits, and waits for every answer. */
weir_code writer_finish(writer *self, weir_error *err);

/* The transaction ended. When it was rolled back, what waits is dropped and every table is looked at
 * again. */
void writer_reset(writer *self, bool rolled_back);

#endif
