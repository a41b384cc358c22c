/* json_schema_read.h - Connect schemas as JsonConverter prints them, made Avro schemas. */
#ifndef RUNTIME_CONNECT_JSON_SCHEMA_READ_H
#define RUNTIME_CONNECT_JSON_SCHEMA_READ_H

#include "weir/schema.h"

#include <jansson.h>

/* The Avro schema of a Connect schema; the caller frees it (avro_schema_free). NULL with WEIR_REJECT when it is
 * none. Any thread. */
weir_schema *json_schema_read(const json_t *connect, weir_error *err);

#endif
