/* record.h - the records of the topic _schemas, as Confluent's registry writes and reads them.
 *
 *     key                                                                value
 *     {"keytype":"SCHEMA","subject":"s","version":1,"magic":1}           {"subject","version","id","md5",
 *                                            "schema","schemaType","references","metadata","ruleSet","deleted"}
 *     {"keytype":"CONFIG","subject":"s","magic":0}                       {"subject","compatibilityLevel", ...}
 *     {"keytype":"MODE","subject":"s","magic":0}                         {"subject","mode"}
 *     {"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}  {"tenant","context"}
 *     {"keytype":"DELETE_SUBJECT","subject":"s","magic":0}               {"subject","version"}: up to it
 *     {"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}                {"subject"}
 *     {"keytype":"NOOP","magic":0}                                       ours: {"lastIds":{".":7}}
 *
 * CONFIG and MODE without a subject are the global ones. Confluent's reader never looks at the value of a
 * NOOP; ours has the highest id that each context ever gave, which is written with whatever deletes for
 * good. A reader of keys takes any order of members; a writer keeps Confluent's, to the byte, because
 * compaction compares bytes. Pure functions; any thread.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_RECORD_H
#define SCHEMA_REGISTRY_REGISTRY_RECORD_H

#include "weir/buf.h"

#define RECORD_MD5_SIZE 16

typedef enum record_kind {
    RECORD_SCHEMA,
    RECORD_CONFIG,
    RECORD_MODE,
    RECORD_CONTEXT,
    RECORD_DELETE_SUBJECT,
    RECORD_CLEAR_SUBJECT,
    RECORD_NOOP,
    RECORD_OTHER, /* what this version does not know stays in the log */
} record_kind;

typedef struct record_key {
    record_kind kind;
    bool has_subject; /* else it is empty, or the global setting */
    weir_buf subject; /* also the context of RECORD_CONTEXT */
    int32_t version;
} record_key;

typedef enum record_type { RECORD_AVRO, RECORD_JSON, RECORD_PROTOBUF } record_type;

/* The value of a SCHEMA. Texts are JSON, and point into what was read; ptr NULL: not there. */
typedef struct record_schema {
    int32_t version;
    int32_t id;
    record_type type;
    weir_str text; /* a string */
    weir_str references, metadata, rule_set;
    bool has_md5;
    uint8_t md5[RECORD_MD5_SIZE];
    bool is_deleted;
    weir_buf extra; /* members that nobody here knows, as `,"a":1,"b":2` */
} record_schema;

/* False when the bytes are no key. done releases what a successful read made, and is fine after any. */
bool record_key_read(weir_str bytes, record_key *out);
void record_key_done(record_key *key);

/* False when the bytes are no value of a SCHEMA. */
bool record_schema_read(weir_str bytes, record_schema *out);
void record_schema_done(record_schema *schema);

/* The value of DELETE_SUBJECT: up to which version. */
bool record_delete_read(weir_str bytes, int32_t *version);
/* The value of a NOOP: `json_span s = ...` over the contexts' ids; false when it has none. */
bool record_ids_read(weir_str bytes, weir_str *ids);

/* A type's name as a value has it: "AVRO". False: no type that is known. */
bool record_type_of(weir_str name, record_type *out);
const char *record_type_name(record_type type);

void record_schema_key_add(weir_str subject, int32_t version, weir_buf *out);
/* kind: CONFIG, MODE, DELETE_SUBJECT, CLEAR_SUBJECT; subject ptr NULL: the global one. */
void record_subject_key_add(record_kind kind, weir_str subject, weir_buf *out);
void record_context_key_add(weir_str context, weir_buf *out);
void record_noop_key_add(weir_buf *out);

void record_schema_add(weir_str subject, const record_schema *schema, weir_buf *out);
void record_context_add(weir_str context, weir_buf *out);
void record_delete_add(weir_str subject, int32_t version, weir_buf *out);
void record_clear_add(weir_str subject, weir_buf *out);

#endif
