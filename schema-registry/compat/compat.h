/* compat.h - may data written with one Avro schema be read with another?
 *
 * The rules, the kinds of incompatibility, their places, messages and order are those of
 * SchemaCompatibility of Apache Avro for Java 1.12; logical types do not matter to it. Pure functions: no I/O, no locks. A result
 * belongs to one thread and to whoever owns it; schemas are only read, and must outlive the call.
 */
#ifndef SCHEMA_REGISTRY_COMPAT_COMPAT_H
#define SCHEMA_REGISTRY_COMPAT_COMPAT_H

#include "runtime/base/arena.h"
#include "weir/buf.h"
#include "weir/schema.h"

#define COMPAT_ERRORS_MAX 10000      /* of one result; what comes behind them is not listed */
#define COMPAT_STEPS_MAX  (20 << 20) /* of comparing two schemas: pairs of types, of fields */

typedef enum compat_level {
    COMPAT_NONE,
    COMPAT_BACKWARD,
    COMPAT_BACKWARD_TRANSITIVE,
    COMPAT_FORWARD,
    COMPAT_FORWARD_TRANSITIVE,
    COMPAT_FULL,
    COMPAT_FULL_TRANSITIVE,
} compat_level;

typedef enum compat_kind {
    COMPAT_NAME_MISMATCH,
    COMPAT_FIXED_SIZE_MISMATCH,
    COMPAT_MISSING_ENUM_SYMBOLS,
    COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE,
    COMPAT_TYPE_MISMATCH,
    COMPAT_MISSING_UNION_BRANCH,
    COMPAT_UNDECIDED, /* Java throws: the message says why, the path is empty; it is the only one */
} compat_kind;

typedef struct compat_error {
    compat_kind kind;
    bool is_forward; /* the old schema cannot read the candidate's data; else the other way round */
    size_t version;  /* index of the old schema */
    weir_str path;   /* "/fields/1/type"; the result owns it */
    weir_str message; /* as Java words it; the result owns it */
} compat_error;

/* `compat_result r = {0};` is empty. */
typedef struct compat_result {
    arena memory;
    weir_buf errors; /* of compat_error */
} compat_result;

/* Adds what Confluent's registry makes of an error: {errorType:'TYPE_MISMATCH', description:'The type
 * (path '/fields/0/type') of a field in the new schema does not match with the old schema',
 * additionalInfo:'...'}. */
void compat_error_text(const compat_error *error, weir_buf *out);

bool compat_level_parse(weir_str name, compat_level *out); /* "FULL"; false: no such level */
const char *compat_kind_name(compat_kind kind);

/* True when data that writer wrote can be read with reader; adds to result why not, as version 0. */
bool compat_reads(const weir_schema *reader, const weir_schema *writer, compat_result *result);

/* True when candidate may follow the versions in old, oldest first, under the level. Adds to result
 * why not. Levels that are not transitive look at the newest version only. */
bool compat_check(const weir_schema *candidate, const weir_schema *const *old, size_t count,
                  compat_level level, compat_result *result);

size_t compat_result_count(const compat_result *result);
const compat_error *compat_result_at(const compat_result *result, size_t index);
void compat_result_done(compat_result *result);

#endif
