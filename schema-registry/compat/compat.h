/* compat.h - may data written with one Avro schema be read with another?
 *
 * The rules, the kinds of incompatibility and their places are those of SchemaCompatibility of Apache
 * Avro for Java 1.12; logical types do not matter to it. Pure functions: no I/O, no locks. A result
 * belongs to one thread and to whoever owns it; schemas are only read, and must outlive the call.
 */
#ifndef SCHEMA_REGISTRY_COMPAT_COMPAT_H
#define SCHEMA_REGISTRY_COMPAT_COMPAT_H

#include "runtime/base/arena.h"
#include "weir/buf.h"
#include "weir/schema.h"

#define COMPAT_ERRORS_MAX 10000 /* of one result; what comes behind them is not listed */

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
} compat_kind;

typedef struct compat_error {
    compat_kind kind;
    size_t version;   /* index of the old schema */
    weir_str path;    /* "/fields/1/type"; the result owns it */
    weir_str message; /* as Java words it; the result owns it */
} compat_error;

/* `compat_result r = {0};` is empty. */
typedef struct compat_result {
    arena memory;
    weir_buf errors; /* of compat_error */
} compat_result;

bool compat_level_parse(weir_str name, compat_level *out); /* "FULL"; false: no such level */
const char *compat_kind_name(compat_kind kind);

/* True when candidate may follow the versions in old, oldest first, under the level. Adds to result
 * why not. Levels that are not transitive look at the newest version only. */
bool compat_check(const weir_schema *candidate, const weir_schema *const *old, size_t count,
                  compat_level level, compat_result *result);

size_t compat_result_count(const compat_result *result);
const compat_error *compat_result_at(const compat_result *result, size_t index);
void compat_result_done(compat_result *result);

#endif
