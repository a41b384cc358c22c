/* unwrap_shape.h - what `unwrap` makes of one schema of change events: compiled once, then spans are copied.
 *
 * A shape knows where op, before and after are in an envelope, and which of its other columns become fields
 * or headers. From it follow layouts: the row with fields taken out and fields added, as an Avro schema and
 * the spans to copy. Shapes, layouts and the schemas made for them live until unwrap_shapes_done, because
 * batches refer to the schemas. They belong to one task.
 *
 * Source: Debezium 3.3.1, "New Record State Extraction".
 */
#ifndef RUNTIME_CONNECT_UNWRAP_SHAPE_H
#define RUNTIME_CONNECT_UNWRAP_SHAPE_H

#include "weir/buf.h"
#include "weir/map.h"
#include "weir/schema.h"

/* A field of the envelope that is asked for: "op", "lsn", "source.ts_ms:changed_at". */
typedef struct unwrap_reference {
    weir_str parent; /* "source", "transaction"; empty: the envelope itself */
    weir_str field;
    weir_str name; /* what it becomes, prefix included */
} unwrap_reference;

typedef struct unwrap_references {
    unwrap_reference *items;
    size_t count;
} unwrap_references;

/* Parses a list of references; the texts live in memory. WEIR_CONFIG. */
WEIR_MUST_CHECK weir_code unwrap_references_parse(const weir_str *texts, size_t count,
                                                  weir_str prefix, weir_buf *memory,
                                                  unwrap_references *out, weir_error *err);
void unwrap_references_done(unwrap_references *references);

/* One schema of values. op < 0: they are no change events. */
typedef struct unwrap_shape {
    const weir_schema *schema;
    const weir_plan *plan;
    int op, before, after; /* columns; before < 0: there is none */
    int *fields, *headers; /* the column of each reference; -1: this schema has no such */
} unwrap_shape;

/* The row of an event with other fields: what the bytes of a row turn into. */
typedef struct unwrap_layout {
    const weir_schema *schema;
    size_t column_count;
    bool *dropped; /* by field of the row; NULL: none is */
} unwrap_layout;

typedef struct unwrap_shapes {
    unwrap_references fields, headers;
    bool marks_deleted;  /* rows get the field __deleted */
    bool drops_required; /* fields that may not be null are dropped, too */
    weir_map *shapes;    /* address of a schema -> unwrap_shape */
    weir_map *layouts;   /* address of a shape, of a row, and dropped names -> unwrap_layout */
    const weir_schema *last_schema;
    unwrap_shape *last_shape; /* neighbours mostly have the same schema */
    weir_schema **made;       /* schemas that belong to the layouts */
    size_t made_count;
} unwrap_shapes;

void unwrap_shapes_done(unwrap_shapes *self);

unwrap_shape *unwrap_shape_of(unwrap_shapes *self, const weir_schema *schema);

/* The layout of a row of a shape's events, without the names in dropped, a JSON array (ptr NULL: none). shape
 * NULL: of a key, which gets no fields. WEIR_REJECT when dropped is no such array or an added field has a name
 * that the row has. */
WEIR_MUST_CHECK weir_code unwrap_layout_of(unwrap_shapes *self, const unwrap_shape *shape,
                                           const weir_schema *row, weir_str dropped,
                                           const unwrap_layout **out, weir_error *err);

/* Adds what is kept of a row: slots are those of the row's own columns and of what follows them, bytes the
 * row itself. */
void unwrap_copy_row(const unwrap_layout *layout, const weir_schema *row, const weir_slot *slots,
                     weir_str bytes, weir_buf *out);

/* Adds a slot as a union of null and its type. */
void unwrap_put_optional(const weir_column *column, const weir_slot *slot, weir_buf *out);

/* Adds a slot as the text of a header: texts as they are, all else as JSON. False: it is null. */
WEIR_MUST_CHECK weir_code unwrap_put_text(const weir_column *column, const weir_slot *slot,
                                          weir_buf *out, bool *is_null, weir_error *err);

#endif
