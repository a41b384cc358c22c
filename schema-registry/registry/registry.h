/* registry.h - subjects, versions, ids and rules of schemas, as Confluent's Schema Registry 8 has them.
 *
 * What this header does is what its REST API does: each function is one request, `reply` gets the JSON
 * that the request is answered with, and a failure is a status, an error code and the message that
 * clients see. Nobody above has rules of their own.
 *
 * Everything is kept in the topic _schemas, in Confluent's record format, so that a topic of theirs can
 * be taken over and ours given back; what is in memory is a replay of it. What was acknowledged is
 * durable. No id is given twice, not even after all that had it was deleted for good.
 *
 * Subjects are as the client names them, decoded: "orders-value", ":.ctx:orders-value". A subject whose
 * ptr is NULL stands for none: the global configuration, any subject. Numbers are what the client sent;
 * they need not make sense.
 *
 * Avro is checked and compared. JSON Schema and Protobuf are stored, versioned and served with their
 * references: JSON has to be JSON, Protobuf is not looked into. For both, the first version of a subject
 * is always taken, and one that is there already (for JSON: white space aside) is found again; another
 * version is refused as incompatible under every level but NONE.
 *
 * While it is open it is the log's checker (log.h): it looks whether the records of topics that want it have
 * schemas of their subjects.
 *
 * Threads: any, but for open and close. Writers wait for one another and for the disk; readers wait for
 * neither.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_REGISTRY_H
#define SCHEMA_REGISTRY_REGISTRY_REGISTRY_H

#include "runtime/log/log.h"
#include "schema-registry/compat/compat.h"
#include "schema-registry/registry/registry_query.h"
#include "weir/buf.h"
#include "weir/schema.h"

typedef struct registry registry;

#define REGISTRY_TOPIC    WEIR_STR("_schemas")
#define REGISTRY_REFS_MAX 100        /* references of one schema, and how deep they go */
#define REGISTRY_TEXT_MAX (10 << 20) /* bytes of a schema's text */
#define REGISTRY_NAME_MAX 4096       /* bytes of a subject */

/* Every way in which a request fails: the name, the error code that clients see. Its first three digits
 * are the HTTP status. */
#define REGISTRY_ERRORS(X)                                                                         \
    X(REGISTRY_SUBJECT_NOT_FOUND, 40401)                                                           \
    X(REGISTRY_VERSION_NOT_FOUND, 40402)                                                           \
    X(REGISTRY_SCHEMA_NOT_FOUND, 40403)                                                            \
    X(REGISTRY_SUBJECT_SOFT_DELETED, 40404)                                                        \
    X(REGISTRY_SUBJECT_NOT_SOFT_DELETED, 40405)                                                    \
    X(REGISTRY_VERSION_SOFT_DELETED, 40406)                                                        \
    X(REGISTRY_VERSION_NOT_SOFT_DELETED, 40407)                                                    \
    X(REGISTRY_NO_SUBJECT_CONFIG, 40408)                                                           \
    X(REGISTRY_NO_SUBJECT_MODE, 40409)                                                             \
    X(REGISTRY_INCOMPATIBLE, 409)                                                                  \
    X(REGISTRY_INCOMPATIBLE_LONG, 40901)                                                           \
    X(REGISTRY_BAD_SCHEMA, 42201)                                                                  \
    X(REGISTRY_BAD_VERSION, 42202)                                                                 \
    X(REGISTRY_BAD_LEVEL, 42203)                                                                   \
    X(REGISTRY_BAD_MODE, 42204)                                                                    \
    X(REGISTRY_NOT_PERMITTED, 42205)                                                               \
    X(REGISTRY_REFERENCE_EXISTS, 42206)                                                            \
    X(REGISTRY_ID_DOES_NOT_MATCH, 42207)                                                           \
    X(REGISTRY_BAD_SUBJECT, 42208)                                                                 \
    X(REGISTRY_SCHEMA_TOO_LARGE, 42209)                                                            \
    X(REGISTRY_BAD_RULE_SET, 42210)                                                                \
    X(REGISTRY_CONTEXT_NOT_EMPTY, 42211)                                                           \
    X(REGISTRY_STORE_FAILED, 50001)                                                                \
    X(REGISTRY_TIMED_OUT, 50002)                                                                   \
    X(REGISTRY_FORWARDING_FAILED, 50003)

typedef enum registry_code {
    REGISTRY_OK = 0,
    REGISTRY_BAD_REQUEST = 400, /* the body is JSON, but not what the request takes */
#define X(name, number) name = (number),
    REGISTRY_ERRORS(X)
#undef X
} registry_code;

/* `registry_error e = {0};` is none. The caller calls registry_error_done, also after a success. */
typedef struct registry_error {
    registry_code code;
    weir_buf message;
} registry_error;

int registry_error_status(const registry_error *error); /* 404, 409, 422, 500 */
void registry_error_done(registry_error *error);

/* --- Opening ---------------------------------------------------------------------------------- */

typedef struct registry_options {
    compat_level level;     /* where nothing is configured; Confluent's is BACKWARD */
    bool long_incompatible; /* 40901, as versions from 8 on; else 409, as those before */
    size_t parsed_max;      /* parsed schemas kept for comparing; 0: 1000 */
    int write_timeout_ms;   /* how long a write waits for the disk; 0: 30 s. Then 50002 */
} registry_options;

#define REGISTRY_DEFAULTS ((registry_options){.level = COMPAT_BACKWARD, .long_incompatible = true})

/* Makes the topic when it is not there, and replays it. Schemas are parsed when they are needed. */
WEIR_MUST_CHECK weir_code registry_open(log *log, const registry_options *options, registry **out,
                                        weir_error *err);
void registry_close(registry *self); /* nobody uses it any more; NULL is fine */

typedef struct registry_counts {
    size_t subjects, versions, deleted_versions, schemas;
} registry_counts;

registry_counts registry_count(registry *self);

/* --- Requests --------------------------------------------------------------------------------- */

/* A version as clients write it: a number, "latest" or "-1" (then -1). REGISTRY_BAD_VERSION otherwise. */
WEIR_MUST_CHECK bool registry_version_of(weir_str text, int32_t *version, registry_error *error);

/* --- For converters --------------------------------------------------------------------------- */

/* The id of an Avro schema under a subject, which gets it as its next version when it is not there and
 * is compatible. WEIR_RETRY when it could not be stored, else WEIR_FATAL with the reason. */
WEIR_MUST_CHECK weir_code registry_register_avro(registry *self, weir_str subject,
                                                 const weir_schema *schema, int32_t *id,
                                                 weir_error *err);

/* The Avro schema of an id of the default context, which lives until registry_close. WEIR_REJECT when there
 * is none, or when it is not Avro. */
WEIR_MUST_CHECK weir_code registry_avro_of(registry *self, int32_t id, const weir_schema **out,
                                           weir_error *err);

#include "schema-registry/registry/registry_requests.h" /* the requests */

#endif
