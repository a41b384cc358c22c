/* change.h - what a change event says about its row.
 *
 * A change event is a record with the row before and after the change, where it comes from and what was
 * done: Debezium's envelope. The row is what its field "after" holds. Pure functions over slots.
 */
#ifndef WAREHOUSE_CHANGE_H
#define WAREHOUSE_CHANGE_H

#include "weir/schema.h"

/* Which columns of a plan hold a row: [first, end), a column's own columns behind it. */
typedef struct change_shape {
    bool is_event;
    int first, end;
    int after, op; /* of an event */
} change_shape;

typedef enum change_kind {
    CHANGE_ROW,      /* the row is there: inserted, changed or read */
    CHANGE_DELETE,   /* only the key counts */
    CHANGE_TRUNCATE, /* all rows of the table are gone */
} change_kind;

/* The shape of values of this schema, which is a record's. Every other record is its row itself. */
change_shape change_shape_of(const weir_schema *schema);

/* What a value of an event's shape says. WEIR_REJECT when it has no row where there must be one. */
weir_code change_read(const change_shape *shape, const weir_slot *slots, change_kind *out,
                      weir_error *err);

#endif
