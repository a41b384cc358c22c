/* fields.h - which fields make two Avro schemas incompatible, for people.
 *
 * What SchemaCompatibility reports for a record inside a union is that the union lacks it; here it is the field in
 * that record. Pure function: no I/O, no locks.
 */
#ifndef SCHEMA_REGISTRY_COMPAT_FIELDS_H
#define SCHEMA_REGISTRY_COMPAT_FIELDS_H

#include "weir/buf.h"
#include "weir/schema.h"

#define COMPAT_FIELDS_MAX 5 /* that are named; then "..." */

/* Adds the fields by which data written with one schema cannot be read with the other, by their paths:
 * `after.v was int and is string, after.x is new and has no default`. Nothing when it can be read, or when no field
 * is to blame. */
void compat_fields(const weir_schema *reader, const weir_schema *writer, weir_buf *out);

#endif
