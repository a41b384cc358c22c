/* fields.h - which fields of a record are written, and which of them are the key.
 *
 * Follows from the schemas of key and value and from the settings alone: pk.mode, pk.fields,
 * fields.whitelist. Pure functions.
 */
#ifndef WAREHOUSE_FIELDS_H
#define WAREHOUSE_FIELDS_H

#include "settings.h"
#include "type.h"
#include "weir/batch.h"

typedef enum field_origin {
    FROM_KEY,
    FROM_VALUE,
    FROM_TOPIC,
    FROM_PARTITION,
    FROM_OFFSET,
} field_origin;

typedef struct route_field {
    weir_str name;
    field_origin origin;
    int slot; /* of the key's or value's plan */
    value_source source;
    column_type type; /* as it is encoded */
    bool nullable;
    bool is_key;
} route_field;

/* PostgreSQL's limit of columns, and one more, which is too many. */
enum { FIELDS_COLUMNS_MAX = 1600, FIELDS_MAX };

typedef struct field_list {
    route_field *fields; /* room for FIELDS_MAX; the key's first */
    size_t count;
} field_list;

/* Fills an empty list. WEIR_REJECT when this record has no row, WEIR_CONFIG when none like it can have one. */
weir_code fields_collect(const settings *config, const weir_record *record, field_list *list,
                         weir_error *err);

#endif
