/* checker.h - a comparison of two schemas under way: what it found so far, and what it looks names up with.
 *
 * What the files of this folder share. `compat_checker c = {.result = r};` begins one; compat_checker_done gives back
 * what it took. It counts its steps, and gives up when they are too many: then nothing more is to be done, and every
 * call returns at once. Belongs to one thread.
 */
#ifndef SCHEMA_REGISTRY_COMPAT_CHECKER_H
#define SCHEMA_REGISTRY_COMPAT_CHECKER_H

#include "schema-registry/avro/tree.h"
#include "schema-registry/compat/compat.h"
#include "schema-registry/compat/memo.h"
#include "weir/map.h"

typedef struct compat_checker {
    compat_result *result;
    size_t version;
    bool is_forward;
    bool is_undecided;
    size_t first;   /* errors of the result that are not ours */
    bool has_found; /* an error; it may be one that is not listed any more */
    size_t steps;
    compat_memo memo;
    weir_buf kept; /* of compat_error: what the memo's pairs found */
    weir_buf path;
    weir_map *indexes; /* by a node's address: weir_map of its fields or symbols */
} compat_checker;

/* Counts steps; false when there were too many, now or before. */
bool compat_step(compat_checker *self, size_t count);

/* Lists an error at the place where the comparison is, or at a member of it: "/size", or "". */
void compat_add(compat_checker *self, compat_kind kind, const char *member, weir_str message);

/* Java gives up with an exception; all that was found before counts for nothing. */
void compat_give_up(compat_checker *self, weir_str why);

/* NULL: the record has no such field. */
const avro_field *compat_field_named(compat_checker *self, const weir_schema *record,
                                     weir_str name);
bool compat_has_symbol(compat_checker *self, const weir_schema *enumeration, weir_str symbol);
bool compat_has_name(const avro_names *names, weir_str name);

void compat_checker_done(compat_checker *self);

/* --- named.c: what named types of one kind differ in, but for the fields of records ----------- */

void compat_check_names(compat_checker *self, const weir_schema *reader, const weir_schema *writer);
/* Of two fixed types. */
void compat_check_size(compat_checker *self, const weir_schema *reader, const weir_schema *writer);
/* Of two enums. */
void compat_check_symbols(compat_checker *self, const weir_schema *reader,
                          const weir_schema *writer);

#endif
