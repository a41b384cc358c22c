/* converter.h - between records and the bytes of the log: avro, json, string, bytes.
 *
 * A converter belongs to one task and one side (key or value). On the way into the log it gives a prefix and
 * content: with avro the content is the record's own bytes and the prefix is 0x00 and the schema's id (the
 * frame of Confluent's serializers), so nothing is copied. On the way out it sets a batch entry's schema and
 * span. Schemas and ids are cached by pointer.
 *
 * WEIR_REJECT: this record cannot be converted.
 */
#ifndef RUNTIME_CONNECT_CONVERTER_H
#define RUNTIME_CONNECT_CONVERTER_H

#include "runtime/connect/settings.h"
#include "schema-registry/store/schema_store.h"
#include "sdk/src/batch.h"

typedef struct converter converter;

converter *converter_new(converter_kind kind, bool is_key, bool schemas_enable,
                         schema_store *schemas);
void converter_free(converter *converter);

typedef struct converted {
    weir_str prefix, content; /* both ptr NULL: null. Valid until the next call */
} converted;

/* Into the log. bytes ptr NULL stays null. topic decides the subject. */
WEIR_MUST_CHECK weir_code converter_write(converter *converter, weir_str topic,
                                          const weir_schema *schema, weir_str bytes, converted *out,
                                          weir_error *err);

/* Out of the log: sets the entry's key or value, and its schema. */
WEIR_MUST_CHECK weir_code converter_read(converter *converter, weir_batch *batch,
                                         batch_entry *entry, weir_error *err);

#endif
