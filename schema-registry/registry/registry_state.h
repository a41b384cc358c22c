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
    bool validate_new; /* new schemas are checked to the letter */
    char group[256];   /* empty: none */
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

/* --- record_check.c: a log_checker's function; context is the registry ------------------------- */

weir_code registry_check_record(void *context, const log_topic *topic, int32_t partition,
                                const log_record *record, weir_error *err);

/* --- find.c: versions and schemas across contexts. For a writer, or under the read lock. ------ */

/* Version -1: the latest. In the default context also what other contexts have of that name. NULL: none. */
const registry_version *find_version(const registry *self, weir_str subject, int32_t version,
                                     bool deleted, const registry_subject **owner);
/* The schema of an id as a request with this subject (ptr NULL: none) means it, and the use of it. */
stored_schema *find_schema(const registry *self, int64_t id, weir_str subject,
                           const schema_use **use);

#include "schema-registry/registry/registry_reply.h" /* pieces of answers */
#include "schema-registry/registry/registry_rules.h" /* what requests have in common */

#endif
