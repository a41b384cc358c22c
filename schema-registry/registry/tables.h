/* tables.h - what the topic _schemas says, in memory.
 *
 *     context  --by id, by MD5-->  stored_schema  <--has--  version  <--sorted--  subject  <--sorted--  tables
 *
 * A schema's text is kept once, whatever subjects have it, as the JSON that answers are made of. Records are
 * applied in the order of the log, by tables_apply alone, after a commit as in the replay.
 *
 * Threads: the registry's lock guards all of it (registry_state.h); a stored_schema, once it is there, may be
 * kept and read without, but for its uses.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_TABLES_H
#define SCHEMA_REGISTRY_REGISTRY_TABLES_H

#include "schema-registry/registry/record.h"
#include "weir/map.h"

#include <stdatomic.h>

typedef struct registry_context registry_context;
typedef struct registry_subject registry_subject;
typedef struct stored_schema stored_schema;

/* A version of a subject that has a schema. */
typedef struct schema_use {
    registry_subject *subject;
    int32_t version;
} schema_use;

struct stored_schema {
    atomic_uint holders;
    int32_t id;
    record_type type;
    uint8_t md5[RECORD_MD5_SIZE];
    registry_context *context;
    char *
        body; /* "guid":..,"schemaType":..,"references":..,"metadata":..,"ruleSet":..,"schema":".." */
    size_t body_size;
    weir_str text; /* in body, a JSON string; the others are JSON or have ptr NULL */
    weir_str references, metadata, rule_set;
    stored_schema *twin; /* of the same id, with other metadata */
    schema_use *uses;
    size_t use_count;
    /* The cache's (parsed.h), under its own lock. */
    struct parsed_schema *parsed;
    stored_schema *newer, *older;
};

typedef struct registry_version {
    int32_t version;
    bool is_deleted;
    int64_t timestamp_ms;
    stored_schema *schema;
    char *
        extra; /* unknown members of the record, and its key, where that is not spelled as ours; or NULL */
    char *odd_key;
} registry_version;

struct registry_subject {
    registry_context *context;
    registry_version *versions; /* ascending */
    size_t count;
    size_t live_count;
    size_t name_size;
    char name[];
};

struct registry_context {
    weir_str name; /* ".", ".ctx" */
    bool has_record;
    int32_t last_id;
    weir_map *by_id; /* 4 bytes -> stored_schema, the first of its twins */
    weir_map *by_md5;
};

/* The configuration or the mode of a subject, of a context, or the global one. */
typedef struct registry_setting {
    char *json; /* the record's value */
    char *odd_key;
} registry_setting;

typedef struct tables {
    weir_map *contexts;
    weir_map *subjects;        /* by name */
    registry_subject **sorted; /* by name */
    size_t sorted_count, sorted_capacity;
    bool is_unsorted;    /* a replay adds at the end, and sorts once */
    weir_map *settings;  /* "CONFIG s", "MODE s" */
    weir_map *referrers; /* "s\n1" -> weir_buf of stored_schema pointers */
    size_t version_count, deleted_count, schema_count;
} tables;

void tables_init(tables *self);
void tables_done(tables *self);

/* Brings the sorted list up to date, after a replay. */
void tables_sort(tables *self);

/* One record of the topic; value ptr NULL is a tombstone. False when it makes no sense: it is left out, and
 * `reason` says why. */
bool tables_apply(tables *self, weir_str key, weir_str value, int64_t timestamp_ms,
                  const char **reason);

/* --- Finding; NULL when there is none --------------------------------------------------------- */

registry_context *tables_context(const tables *self, weir_str name);
registry_subject *tables_subject(const tables *self, weir_str name);
registry_version *subject_version(const registry_subject *subject, int32_t version);
registry_version *subject_latest(const registry_subject *subject); /* that is not deleted */
weir_str subject_name_text(const registry_subject *subject);
stored_schema *context_schema(const registry_context *context, int64_t id);
stored_schema *context_schema_by_md5(const registry_context *context,
                                     const uint8_t md5[RECORD_MD5_SIZE]);
const registry_setting *tables_setting(const tables *self, record_kind kind, weir_str subject);

/* The place of the first subject that is not in front of this name. */
size_t tables_lower_bound(const tables *self, weir_str name);

/* Subjects that the name stands for (subject_name_matches), with or without deleted ones. */
bool tables_has_subjects(const tables *self, weir_str name, bool deleted);

/* The schemas that refer to a version; their count. */
size_t tables_referrers(const tables *self, weir_str subject, int32_t version,
                        stored_schema *const **out);

/* --- Schemas ---------------------------------------------------------------------------------- */

void stored_schema_hold(stored_schema *schema);
void stored_schema_release(stored_schema *schema);
void stored_schema_releasep(stored_schema **schema);

/* True when a version with it is not deleted. */
bool stored_schema_is_live(const stored_schema *schema);

/* A new one, held once, that no table has: for replies and comparisons. */
stored_schema *stored_schema_new(const record_schema *record, registry_context *context);

#endif
