/* canonical.h - the texts of a schema that others compare: as a registry stores it, normalized, the
 * specification's parsing form, and fingerprints.
 *
 * "As Java writes it" is Schema.toString() of Apache Avro for Java 1.12, which is the text that
 * Confluent's registry stores, compares and serves. All of it is deterministic: schemas that differ in
 * white space or in the order of attributes have one text. The parsed references that a schema was made
 * with (avro_parse_with) are not repeated in it: their names stand for them.
 *
 * Pure functions: no I/O, no locks, no state. They add to out and cannot fail; any thread.
 */
#ifndef SCHEMA_REGISTRY_AVRO_CANONICAL_H
#define SCHEMA_REGISTRY_AVRO_CANONICAL_H

#include "weir/buf.h"
#include "weir/schema.h"

/* The text that a registry stores and serves: no white space, attributes in Java's order, a named type
 * defined where it comes first and named after that, relative to the namespace around. */
void avro_canonical(const weir_schema *schema, weir_buf *out);

/* The same with the definitions of all references in it: `format=resolved`. */
void avro_resolved(const weir_schema *schema, weir_buf *out);

/* What normalize=true makes of the schema: the canonical text, with properties and aliases sorted, and
 * defaults written as values of their types. */
void avro_normalize(const weir_schema *schema, weir_buf *out);

/* Specification 1.12, "Parsing Canonical Form": only what matters to who reads data. */
void avro_parsing_form(const weir_schema *schema, weir_buf *out);

/* Fingerprints of the parsing form: CRC-64-AVRO, and SHA-256. */
uint64_t avro_fingerprint64(const weir_schema *schema);
void avro_fingerprint_sha256(const weir_schema *schema, uint8_t out[32]);

#endif
