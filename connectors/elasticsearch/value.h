/* value.h - a value of Avro as the JSON that Elasticsearch takes.
 *
 * Numbers are numbers, decimals too, with all their digits, at any depth; bytes are base64, enums their
 * symbol, records and maps objects. A union of more than null and one type is an object with a member for each
 * branch, as Kafka Connect prints it. Pure functions over bytes.
 */
#ifndef ELASTICSEARCH_VALUE_H
#define ELASTICSEARCH_VALUE_H

#include "weir/buf.h"
#include "weir/schema.h"

/* Adds a decoded slot; schema is its column's. One that was not sent is null here. WEIR_REJECT: a number
 * that is none (NaN, an infinity), a decimal of more than VALUE_DECIMAL_MAX bytes, a text that is not UTF-8. */
WEIR_MUST_CHECK weir_code value_json(const weir_schema *schema, const weir_slot *slot,
                                     weir_buf *out, weir_error *err);

/* True for what value_json writes in its own way: its mapping follows from the schema. False for unions of
 * several types. */
bool value_is_plain(const weir_schema *schema);

bool value_is_utf8(weir_str text);

enum { VALUE_DECIMAL_MAX = 1024 };

#endif
