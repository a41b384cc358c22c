/* json.h - values and schemas as the JSON that Kafka Connect's JsonConverter writes.
 *
 * weir_value_json (weir/schema.h) is the form without a schema. Equality is meant as parsed values:
 * what Confluent's AvroData makes of the schema and its value, JsonConverter prints as this. Beyond
 * AvroData, which refuses some, every Avro schema is taken:
 *
 *     Avro                              JSON
 *     boolean, int, long                true, 1; dates, times and timestamps stay numbers
 *     float, double                     the shortest number; "NaN", "Infinity", "-Infinity" as text
 *     bytes, fixed                      base64
 *     decimal                           base64 of the unscaled number, in as few bytes as it takes
 *     string, enum                      text; what is not UTF-8 becomes U+FFFD
 *     record                            object, with the names that people call the fields
 *     array                             array
 *     map                               object
 *     union of null and one type        null or the value; a union of one type: the value
 *     other unions                      object with one member per branch, all but one null
 *     array of "MapEntry" records       what AvroData makes of a map whose keys are no strings: an
 *                                       object when they are nullable strings, else [[key, value], ...]
 *
 * Numbers are Java 19's and later: earlier ones write some floats with digits that they do not need.
 * Members of a union's object are called as AvroData calls them: the type ("string", "int"), or the
 * simple name of a named type. Where Avro forbids the name of a field, its original is used. Any thread.
 */
#ifndef SCHEMA_REGISTRY_AVRO_JSON_H
#define SCHEMA_REGISTRY_AVRO_JSON_H

#include "weir/buf.h"
#include "weir/schema.h"

/* An output longer than this is refused: a few bytes can name a long member many times. */
#define AVRO_JSON_MAX (1u << 30)

typedef struct avro_json_options {
    bool replace_null; /* Connect's replace.null.with.default: null becomes "connect.default" */
    size_t max_size;   /* bytes of output; 0: AVRO_JSON_MAX */
} avro_json_options;

/* Adds the value as JSON, as Connect prints a value ("payload"). On error out is as it was. */
WEIR_MUST_CHECK weir_code avro_json_value(const weir_schema *schema, weir_str value,
                                          const avro_json_options *options, weir_buf *out,
                                          weir_error *err);

/* Adds the Connect schema of an Avro schema as JsonConverter prints it ("schema"):
 * {"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,...}.
 * WEIR_REJECT when Connect has none: null alone, a schema that contains itself, "connect." properties
 * that contradict one another. On error out is as it was. */
WEIR_MUST_CHECK weir_code avro_json_schema(const weir_schema *schema, weir_buf *out,
                                           weir_error *err);

/* Adds the shortest decimal number that reads back as the same double, or float; what JSON has no
 * number for as text. */
void avro_json_double(weir_buf *out, double value);
void avro_json_float(weir_buf *out, float value);

/* The same in the form of Java's Double.toString, which schemas have: 0.001 to 9999999.0, else 1.0E10. */
void avro_java_double(weir_buf *out, double value);
void avro_java_float(weir_buf *out, float value);

/* Adds bytes as base64, without quotes. */
void avro_json_base64(weir_buf *out, weir_str bytes);

#endif
