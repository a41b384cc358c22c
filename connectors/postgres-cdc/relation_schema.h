/* relation_schema.h - the text of the Avro schemas of a table's events, as Connect's converter writes
 * those of Debezium's. Pure functions that add to a buffer. */
#ifndef POSTGRES_CDC_RELATION_SCHEMA_H
#define POSTGRES_CDC_RELATION_SCHEMA_H

#include "relation.h"

/* Defaults of the columns, in Avro's JSON; empty where there is none. */
typedef struct relation_defaults {
    weir_str *json;
} relation_defaults;

void relation_schema_key(const relation *self, const relation_defaults *defaults, weir_buf *out);
void relation_schema_envelope(const relation *self, const relation_defaults *defaults,
                              weir_buf *out);

/* What a column's default expression says as text, if it is a literal; a placeholder for a call of a
 * function, as in Debezium. False: the column has no default that a schema can hold. */
WEIR_MUST_CHECK bool relation_schema_default(const codec *column, weir_str sql, weir_buf *out);

#endif
