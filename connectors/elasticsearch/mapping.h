/* mapping.h - the types that Elasticsearch shall give a schema's fields.
 *
 * Without them it guesses from the first value that it sees, and a text that looks like a date makes every text
 * that does not a document that is refused.
 *
 * Pure.
 */
#ifndef ELASTICSEARCH_MAPPING_H
#define ELASTICSEARCH_MAPPING_H

#include "weir/buf.h"
#include "weir/schema.h"

/* Adds the mapping of those fields of a record that there, an answer of GET /INDEX/_mapping or empty, does not
 * have: {"id":{"type":"long"},...}. False, and nothing is added: it has all of them, or rules of its own for
 * what is new (dynamic, dynamic_templates). */
bool mapping_add_missing(weir_str there, const weir_schema *record, weir_buf *out);

#endif
