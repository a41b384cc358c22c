/* canonical_parts.h - what canonical.c and normal.c share. */
#ifndef SCHEMA_REGISTRY_AVRO_CANONICAL_PARTS_H
#define SCHEMA_REGISTRY_AVRO_CANONICAL_PARTS_H

#include "schema-registry/avro/tree.h"
#include "weir/buf.h"

/* Adds `,"name":value` for each property: what makes a logical type in front, the rest sorted, and the
 * members of objects as well. schema is NULL where the properties are a field's. */
void avro_normal_properties(const weir_schema *schema, const avro_properties *properties,
                            weir_buf *out);

/* Adds a default as a value of its type: 1 of a double is 1.0. */
void avro_normal_default(const weir_schema *schema, weir_str text, weir_buf *out);

/* Below 0, 0 or above, as memcmp. Takes two weir_str: for qsort. */
int avro_compare_names(const void *a, const void *b);

#endif
