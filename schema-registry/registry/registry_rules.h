/* registry_rules.h - what the requests have in common: references, a schema that came in, its metadata, the
 * verdict on it, finding it. registry_state.h says which locks there are; it includes this.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_REGISTRY_RULES_H
#define SCHEMA_REGISTRY_REGISTRY_REGISTRY_RULES_H

#include "schema-registry/registry/registry_state.h"

/* --- references.c ----------------------------------------------------------------------------- */

typedef struct reference_closure {
    weir_buf schemas; /* of stored_schema pointers, held: each behind those that it needs */
    weir_buf json;    /* the references themselves, with the latest version for -1; empty: none */
} reference_closure;

/* A text to parse under a subject. */
typedef struct parse_request {
    weir_str subject, text, references; /* JSON, or ptr NULL */
    bool normalize;
    bool is_new;     /* what is deleted cannot be referred to */
    bool is_checked; /* Avro's defaults and all its names are checked, too */
} parse_request;

/* Finds all that a request's references lead to. False with the reason. Takes the read lock. */
bool closure_find(registry *self, const parse_request *request, reference_closure *out,
                  weir_buf *reason);
/* Parses a request's text behind those of the closure; NULL with the reason. */
parsed_schema *closure_parse(const reference_closure *closure, const parse_request *request,
                             weir_error *err);
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
/* Parses and checks a text, and makes it canonical. */
bool candidate_parse(candidate *self, registry *owner, const parse_request *request,
                     registry_error *error);
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
bool metadata_has_properties(weir_str metadata);
/* True when both say the same but for the property confluent:version, which one of them may lack; version
 * is the number of b's. */
bool metadata_matches(weir_str a, weir_str b, int32_t version);
bool json_texts_equal(weir_str a, weir_str b);
/* The metadata with the property confluent:version. */
void metadata_set_version(weir_str metadata, int32_t version, weir_buf *out);
/* A rule set with the rules of another one (JSON, or ptr NULL) merged into it, and without those of some names
 * (a JSON array, or NULL). */
void rule_set_change(weir_str rule_set, weir_str merged, const json_t *removed, weir_buf *out);
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

/* May the candidate follow versions (of old_version, oldest first) of a subject under a configuration? */
typedef struct verdict_question {
    weir_str subject;
    const candidate *wanted;
    const registry_config *config;
    const weir_buf *versions;
} verdict_question;

/* Adds JSON strings, comma-separated, of why it may not to reasons, and the same as text to `text` (which may
 * be NULL). True when it may. Takes the read lock. */
bool verdict_on(registry *self, const verdict_question *question, weir_buf *reasons,
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
                     const registry_query *query, found_version *out, registry_error *error);

#endif
