/* fallback.h - the default of a field as a literal of SQL.
 *
 * The rows that a table has when a column is added have the column's default in the source, and no change
 * says so. Pure functions over texts.
 */
#ifndef WAREHOUSE_FALLBACK_H
#define WAREHOUSE_FALLBACK_H

#include "type.h"

#include "weir/buf.h"

/* Appends the literal. json is the default as the schema has it. False, and nothing is added, when there is
 * none, when it is null, or when its type is none of these: boolean, numbers, texts, JSON, UUID. */
bool fallback_sql(const value_source *source, weir_str json, weir_buf *out);

#endif
