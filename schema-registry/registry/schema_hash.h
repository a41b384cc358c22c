/* schema_hash.h - which schemas are one: the MD5 that Confluent's registry knows a schema by.
 *
 * Over the text, the references, the metadata and the rule set. As a UUID it is the schema's "guid".
 * Pure functions; any thread.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_SCHEMA_HASH_H
#define SCHEMA_REGISTRY_REGISTRY_SCHEMA_HASH_H

#include "schema-registry/registry/record.h"

/* text is the schema itself; the others are JSON, or have ptr NULL. False when one of them is not what it
 * should be. */
bool schema_hash(weir_str text, weir_str references, weir_str metadata, weir_str rule_set,
                 uint8_t out[RECORD_MD5_SIZE]);

/* Of any text. */
void schema_hash_text(weir_str text, uint8_t out[RECORD_MD5_SIZE]);

/* "0a1b2c3d-....", 36 characters and a NUL; and back: false when it is none. */
void schema_guid(const uint8_t md5[RECORD_MD5_SIZE], char out[37]);
bool schema_guid_read(weir_str text, uint8_t out[RECORD_MD5_SIZE]);

#endif
