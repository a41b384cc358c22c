/* route.h - from a record to the columns of a table.
 *
 * A route is compiled once for a topic and the schemas of its key and value: it names the table, makes
 * or widens it when it may, and knows for each column where the field comes from and how it is encoded.
 * A route is good for one version of its table. Belongs to the task's thread; lives until close.
 */
#ifndef WAREHOUSE_ROUTE_H
#define WAREHOUSE_ROUTE_H

#include "dialect.h"
#include "fields.h"
#include "weir/batch.h"
#include "weir/map.h"

typedef struct route {
    weir_str topic;
    const weir_schema *key_schema;
    const weir_schema *value_schema; /* NULL: of tombstones */
    table *target;
    uint64_t version; /* of the table */
    layout layout;
    route_field *fields; /* one for each column of the layout */
} route;

/* The tables and routes of a task. */
typedef struct routes {
    dialect *dialect;
    weir_map *tables; /* by name: table */
    weir_map *routes; /* by schemas and topic: route */
    weir_buf text;    /* scratch */
} routes;

void routes_init(routes *self, dialect *to);
void routes_done(routes *self);

/* The route of records like this one, if there is one that fits. Looks at nothing but memory. */
const route *routes_known(routes *self, const weir_record *record);

/* The same, found or made. NULL on error: WEIR_REJECT, the record has no row;
 * WEIR_CONFIG, the table is not as it must be; or what the dialect says. */
const route *routes_find(routes *self, const weir_record *record, weir_error *err);

/* The table of a topic, as the destination has it now. NULL on error. */
table *routes_table(routes *self, weir_str topic, weir_error *err);

/* The route still fits: the record, and the table as it is known. */
bool route_fits(const route *self, const weir_record *record);

#endif
