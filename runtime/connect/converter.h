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

#include "runtime/base/http_client.h"
#include "runtime/connect/converter_settings.h"
#include "runtime/connect/settings.h"
#include "schema-registry/registry/registry.h"
#include "sdk/src/batch.h"

/* The context in which everything is compatible: for records that wait. */
#define CONVERTER_HELD WEIR_STR(":.__weir_held:")

typedef struct converter converter;

typedef struct converter_options {
    converter_kind kind;
    bool is_key;
    const converter_settings *settings; /* outlives the converter */
    registry *registry;                 /* of this process; used when the settings name no other */
} converter_options;

/* WEIR_CONFIG: the settings make no sense. */
WEIR_MUST_CHECK weir_code converter_new(const converter_options *options, converter **out,
                                        weir_error *err);
void converter_free(converter *converter);

typedef struct converted {
    weir_str prefix, content; /* both ptr NULL: null. Valid until the next call */
    bool
        is_incompatible; /* after WEIR_REJECT: its schema is not compatible with its subject's versions */
} converted;

/* Into the log. bytes ptr NULL stays null. topic decides the subject. */
WEIR_MUST_CHECK weir_code converter_write(converter *converter, weir_str topic,
                                          const weir_schema *schema, weir_str bytes, converted *out,
                                          weir_error *err);

/* The same for a record that has to wait: its schema goes into the context CONVERTER_HELD. */
WEIR_MUST_CHECK weir_code converter_write_held(converter *converter, weir_str topic,
                                               const weir_schema *schema, weir_str bytes,
                                               converted *out, weir_error *err);

/* The same for the dead letter queue: its schema goes under a subject of the queue's own, "QUEUE-value", which
 * takes everything, so that who reads the queue finds it by its id alone. */
WEIR_MUST_CHECK weir_code converter_write_dead(converter *converter, weir_str queue,
                                               const weir_schema *schema, weir_str bytes,
                                               converted *out, weir_error *err);

/* What converter_write_held gave, prefix included. */
typedef struct held_bytes {
    weir_str bytes;
    bool is_avro; /* it had a prefix */
} held_bytes;

/* From that to what converter_write gives now. WEIR_REJECT also when the converter is of another kind now. */
WEIR_MUST_CHECK weir_code converter_release(converter *converter, weir_str topic,
                                            const held_bytes *held, converted *out,
                                            weir_error *err);

/* Adds the subject that a schema goes under in the avro converter. WEIR_REJECT: it has no name to make one of. */
WEIR_MUST_CHECK weir_code converter_subject(const converter_settings *settings, bool is_key,
                                            weir_str topic, const weir_schema *schema,
                                            weir_buf *subject, weir_error *err);

/* How the registry of schema.registry.url is asked; the texts are those of the settings. WEIR_CONFIG: the settings
 * name credentials that are not there. */
WEIR_MUST_CHECK weir_code converter_remote(const converter_settings *settings,
                                           http_client_options *out, weir_error *err);

/* Out of the log: sets the entry's key or value, and its schema. */
WEIR_MUST_CHECK weir_code converter_read(converter *converter, weir_batch *batch,
                                         batch_entry *entry, weir_error *err);

#endif
