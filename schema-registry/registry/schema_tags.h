/* schema_tags.h - tags on the records and fields of an Avro schema: its properties "confluent:tags".
 *
 * In requests and answers they are a list: [{"schemaEntity":{"entityPath":"shop.Order.id","entityType":
 * "sr_field"},"tags":["PII"]}]; the other type is sr_record. Pure functions; any thread.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_SCHEMA_TAGS_H
#define SCHEMA_REGISTRY_REGISTRY_SCHEMA_TAGS_H

#include "weir/buf.h"
#include "weir/schema.h"

/* Adds the text of a schema with tags added, then removed; both lists are JSON or have ptr NULL. False with the
 * reason: something is not what it should be, or the schema has no such entity. */
bool schema_tags_change(weir_str text, weir_str add, weir_str remove, weir_buf *out,
                        weir_buf *reason);

/* Adds the list of those entities that have one of the wanted tags ("*": any); nothing when there are none. */
void schema_tags_find(const weir_schema *schema, const weir_str *wanted, size_t count,
                      weir_buf *out);

#endif
