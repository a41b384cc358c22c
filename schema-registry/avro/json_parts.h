/* json_parts.h - what json.c, json_default.c and json_schema.c share. */
#ifndef SCHEMA_REGISTRY_AVRO_JSON_PARTS_H
#define SCHEMA_REGISTRY_AVRO_JSON_PARTS_H

#include "schema-registry/avro/tree.h"
#include "weir/buf.h"

void avro_json_long(weir_buf *out, int64_t value);

/* A two's complement number, the highest byte first, without the bytes that only repeat its sign. */
weir_str avro_json_unscaled(weir_str bytes);

/* What AvroData calls the member of a union's struct that stands for a branch. */
weir_str avro_json_branch_name(const weir_schema *branch);

/* True for a union that AvroData makes a struct of: neither null and one type, nor one type alone. */
bool avro_json_is_wrapped(const weir_schema *unions);

#endif
