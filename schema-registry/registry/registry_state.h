/* registry_state.h - what the files of the registry share.
 *
 * Locks, in this order: write_lock, one writer at a time, from looking at the tables to the end of its
 * commit; lock, of the tables, which a writer takes only to change them, when its records are durable;
 * cache.lock and given_lock, under which nothing else is taken. A writer reads the tables without lock:
 * nobody else changes them.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_REGISTRY_STATE_H
#define SCHEMA_REGISTRY_REGISTRY_REGISTRY_STATE_H

#include "schema-registry/registry/parsed.h"
#include "schema-registry/registry/registry.h"
#include "schema-registry/registry/tables.h"

#include <jansson.h>

typedef enum registry_mode {
    MODE_READWRITE,
    MODE_READONLY,
    MODE_READONLY_OVERRIDE,
    MODE_IMPORT,
    MODE_FORWARD,
} registry_mode;

struct registry {
    log *backend;
    log_writer *writer;
    registry_options options;
    pthread_mutex_t write_lock;
    bool is_unsure;   /* a commit may be in the log or not: read it before anything is written */
    int64_t position; /* the log is applied up to here, but for what this writer has added */
    pthread_rwlock_t lock;
    tables tables;
    parsed_cache cache;
    pthread_mutex_t given_lock;
    weir_map *given; /* id -> parsed_schema that converters have */
};

/* --- registry.c ------------------------------------------------------------------------------- */

/* Fails with a message; returns false. */
bool registry_fail(registry_error *error, registry_code code, const char *fmt, ...)
    WEIR_PRINTF(3, 4);
void registry_read_lock(registry *self);
void registry_read_unlock(registry *self);

/* --- replay.c --------------------------------------------------------------------------------- */

/* Applies what is in the log from position on. For a writer, or while nobody else is there. */
weir_code registry_catch_up(registry *self, weir_error *err);

/* --- commit.c: records that become durable together ------------------------------------------- */

typedef struct registry_change {
    weir_buf bytes;   /* keys and values, one behind the other */
    weir_buf records; /* of change_record */
} registry_change;

/* Adds a record; value NULL: a tombstone. Both buffers are taken over and empty afterwards. */
void change_add(registry_change *change, weir_buf *key, weir_buf *value);
/* Adds the tombstone of a key that was not spelled as ours; nothing when odd_key is NULL. */
void change_add_odd(registry_change *change, const char *odd_key);
/* Adds the tombstone of a version, and of a setting. */
void change_remove_version(registry_change *change, const registry_subject *subject,
                           const registry_version *version);
void change_remove_setting(registry_change *change, const registry *self, record_kind kind,
                           weir_str subject);
/* Adds the highest ids of all contexts: in front of whatever deletes for good. */
void change_add_ids(registry_change *change, const registry *self);
void change_done(registry_change *change);

/* Takes the write lock; false when the log is not known and cannot be read. */
bool registry_write_begin(registry *self, registry_error *error);
void registry_write_end(registry *self);
/* Makes a change durable, then visible. `what` completes "... failed while writing to the store". */
bool registry_commit(registry *self, const registry_change *change, const char *what,
                     registry_error *error);

/* --- scope.c: settings that count for a subject ----------------------------------------------- */

typedef struct registry_config {
    compat_level level;
    bool normalize;
    bool validate_fields;
    char group[256]; /* empty: none */
    json_t *default_metadata, *override_metadata, *default_rule_set, *override_rule_set;
} registry_config;

/* For a writer, or under the read lock. */
void config_in_scope(const registry *self, weir_str subject, registry_config *out);
void config_done(registry_config *config);
/* The same as JSON, as GET /config answers; NULL when there is none (and not default_to_global). */
json_t *config_json(const registry *self, weir_str subject, bool default_to_global);
registry_mode mode_in_scope(const registry *self, weir_str subject);
bool mode_of(const registry *self, weir_str subject, bool default_to_global, registry_mode *out);
const char *mode_name(registry_mode mode);
bool mode_parse(weir_str name, registry_mode *out);
bool mode_is_import(registry_mode mode);
const char *level_name(compat_level level);
/* Fails when the subject's mode forbids to change it. */
bool check_not_read_only(const registry *self, weir_str subject, registry_error *error);

/* --- find.c: versions and schemas across contexts. For a writer, or under the read lock. ------ */

/* Version -1: the latest. In the default context also what other contexts have of that name. NULL: none. */
const registry_version *find_version(const registry *self, weir_str subject, int32_t version,
                                     bool deleted, const registry_subject **owner);
/* The schema of an id as a request with this subject (ptr NULL: none) means it, and the use of it. */
stored_schema *find_schema(const registry *self, int64_t id, weir_str subject,
                           const schema_use **use);

/* --- references.c ----------------------------------------------------------------------------- */

typedef struct reference_closure {
    weir_buf schemas; /* of stored_schema pointers, held: each behind those that it needs */
    weir_buf json;    /* the references themselves, with the latest version for -1; empty: none */
} reference_closure;

/* Finds all that references lead to. references is JSON or has ptr NULL. False with the reason. Takes the
 * read lock. */
bool closure_find(registry *self, weir_str subject, weir_str references, bool normalize,
                  bool deleted, reference_closure *out, weir_buf *reason);
/* Parses a text behind those of the closure; NULL with the reason. */
parsed_schema *closure_parse(const reference_closure *closure, weir_str text, weir_error *err);
void closure_done(reference_closure *closure);

/* Parses a stored Avro schema, or finds it parsed. NULL with the reason. */
parsed_schema *registry_parse(registry *self, weir_str subject, stored_schema *schema,
                              weir_error *err);

/* --- candidate.c: a schema that came in a request --------------------------------------------- */

typedef struct candidate {
    record_type type;
    weir_buf text;                           /* canonical, as it will be stored */
    weir_buf references, metadata, rule_set; /* JSON; empty: none */
    parsed_schema *parsed;                   /* of Avro */
    uint8_t md5[RECORD_MD5_SIZE];
    int32_t id;      /* -1: none */
    int32_t version; /* 0: none, -1: the latest */
} candidate;

/* Everything but the text. */
bool candidate_init(candidate *self, const registry_schema *request, registry_error *error);
/* Parses and checks request->text and makes it canonical. is_new: what is deleted cannot be referred to. */
bool candidate_parse(candidate *self, registry *owner, weir_str subject, weir_str text,
                     weir_str references, bool normalize, bool is_new, registry_error *error);
/* Makes the MD5 when text, references, metadata and rule set are known. */
bool candidate_hash(candidate *self, registry_error *error);
void candidate_done(candidate *self);
/* The text, references, ... as a record has them; points into both. */
record_schema candidate_record(const candidate *self, weir_buf *text_json);

/* True when a client that sends the candidate means the version. Parses it; takes the read lock. */
bool candidate_is(const candidate *self, registry *owner, weir_str subject, stored_schema *schema,
                  int32_t version);

/* --- metadata.c ------------------------------------------------------------------------------- */

/* Sets the candidate's metadata and rule set as a registration does: defaults, then its own or those of the
 * version before (NULL: none), then overrides, and the version's number where it is wanted (0: not). */
bool metadata_populate(candidate *self, const registry_config *config,
                       const stored_schema *previous, int32_t new_version);
/* The value of a property; false when there is none. JSON; empty: no metadata. */
bool metadata_property(weir_str metadata, const char *name, weir_buf *out);
/* True when both say the same but for the property confluent:version, which one of them may lack; version
 * is the number of b's. */
bool metadata_matches(weir_str a, weir_str b, int32_t version);
bool json_texts_equal(weir_str a, weir_str b);
/* Checks a rule set as Confluent does before it takes it. */
bool rule_set_check(weir_str rule_set, registry_error *error);

/* --- verdict.c -------------------------------------------------------------------------------- */

/* A version to compare with; the schema is held. */
typedef struct old_version {
    stored_schema *schema;
    int32_t version;
} old_version;

void old_versions_done(weir_buf *versions);
/* All versions of a subject that are not deleted, oldest first, for a writer or under the read lock. */
void old_versions_add(weir_buf *versions, const registry_subject *subject);

/* Compares the candidate with versions (of old_version, oldest first) under a configuration. Adds JSON
 * strings, comma-separated, of why it is incompatible to reasons, and the same as text to `text` (which may
 * be NULL). True when it is compatible. Takes the read lock. */
bool verdict_on(registry *self, weir_str subject, const candidate *wanted,
                const registry_config *config, const weir_buf *versions, weir_buf *reasons,
                weir_buf *text);

/* --- lookup.c --------------------------------------------------------------------------------- */

/* A version that was found; the schema is held. */
typedef struct found_version {
    stored_schema *schema;
    weir_buf subject;
    int32_t version;
} found_version;

void found_version_done(found_version *found);
/* Is the candidate a version of exactly this subject? */
bool lookup_under(registry *self, weir_str subject, const candidate *wanted, bool deleted,
                  bool latest_only, found_version *out);

/* --- register.c ------------------------------------------------------------------------------- */

/* registry_register, with the version that it found or made. */
bool register_schema(registry *self, weir_str subject, const registry_schema *schema,
                     bool normalize, bool force, found_version *out, registry_error *error);

/* --- reply.c ---------------------------------------------------------------------------------- */

/* {"subject":..,"version":..,"id":..,BODY}; with subject ptr NULL without it; timestamp_ms < 0: neither ts
 * nor deleted. */
void reply_version(weir_str subject, int32_t version, const stored_schema *schema,
                   int64_t timestamp_ms, bool is_deleted, weir_buf *reply);
/* The text of a schema in a format. Takes the read lock. False: it cannot be parsed. */
bool reply_text(registry *self, weir_str subject, stored_schema *schema, weir_str format,
                weir_buf *text, registry_error *error);
/* The schema with its text in a format, held; it is the schema itself when nothing changes. NULL: it cannot
 * be parsed. */
stored_schema *reply_formatted(registry *self, weir_str subject, stored_schema *schema,
                               weir_str format, registry_error *error);

/* Is the item at this place on the page? */
bool page_has(registry_page page, int64_t place);
/* All contexts by name, as pointers; for a writer or under the read lock. */
void sorted_contexts(const registry *self, weir_buf *out);

#endif
