/* json_read.h - what Kafka Connect's JsonConverter wrote, read back: a schema and a value.
 *
 * With schemas.enable a text is {"schema":…,"payload":…}. The schema becomes the Avro schema that AvroData
 * makes of it, with its "connect." properties, so that sinks see the same as behind the avro converter. Schemas
 * are made once for each text of one and live until json_reader_free. A reader belongs to one task.
 *
 * Source: Kafka 4.1, org.apache.kafka.connect.json.JsonConverter, JsonSchema.
 */
#ifndef RUNTIME_CONNECT_JSON_READ_H
#define RUNTIME_CONNECT_JSON_READ_H

#include "weir/buf.h"
#include "weir/schema.h"

typedef struct json_reader json_reader;

json_reader *json_reader_new(void);
void json_reader_free(json_reader *reader);

/* Reads one text. schema NULL: it had none, and out is the payload's JSON. is_null: the payload is null.
 * WEIR_REJECT when it is not what JsonConverter writes; the message names the place. */
WEIR_MUST_CHECK weir_code json_read(json_reader *reader, weir_str text, const weir_schema **schema,
                                    weir_buf *out, bool *is_null, weir_error *err);

#endif
