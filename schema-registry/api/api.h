/* api.h - the REST API of Confluent's Schema Registry over a registry.
 *
 * Paths, parameters, content types, status codes, error codes and messages are those of Confluent's Schema
 * Registry 8, so that its clients work unchanged. What a request means is said by registry.h; here is only
 * HTTP: cutting requests into arguments, access rules, and answers. Beside it are /healthz, /readyz and
 * /metrics.
 *
 * Threads: handlers run on the HTTP server's threads, several at a time, and hold no state.
 */
#ifndef SCHEMA_REGISTRY_API_API_H
#define SCHEMA_REGISTRY_API_API_H

#include "runtime/base/http.h"
#include "schema-registry/api/access.h"
#include "schema-registry/registry/registry.h"

#include <stdatomic.h>

/* Bytes of a request's body; more is answered with 413. A schema is allowed REGISTRY_TEXT_MAX, and quoting
 * it makes it larger. */
#define API_BODY_LIMIT (32 << 20)

typedef struct registry_api {
    _Atomic(registry *) registry; /* NULL: not open yet; all but health is answered with 503 */
    const access_rules *rules;    /* NULL: everybody may do everything */
    const char *version;          /* of weir */
    const char *log_id;           /* set before the registry is */
} registry_api;

/* The service: its context is a registry_api. The caller may change threads and TLS. */
http_service api_service(registry_api *self);

/* Adds what it counts to the pages of metrics, and takes it out again. */
void api_metrics_add(registry_api *self);
void api_metrics_remove(registry_api *self);

/* --- Shared by the resources ------------------------------------------------------------------ */

registry *api_registry(void *context);

/* Answers with what went wrong when done is false; the body is there already when it is true. Releases the error. */
void api_finish(http_reply *reply, bool done, registry_error *error);

/* A parameter of the query: true for "true" in any case and nothing else. */
bool api_flag(const http_request *request, const char *name);
/* The same as a text; ptr NULL when it is not there. */
weir_str api_text(const http_request *request, const char *name);
/* A parameter that is a subject or a prefix of subjects, in the context that the request's path is of, if it
 * does not say another one; ptr NULL when there is neither. scoped holds it. */
weir_str api_scoped(const http_request *request, const char *name, weir_buf *scoped);
/* The parameters of the query, but for offset and limit. */
registry_query api_query(const http_request *request);
/* The texts of a parameter that may come several times; those behind the API_REPEATED_MAX-th do not count. */
enum { API_REPEATED_MAX = 100 };
size_t api_texts(const http_request *request, const char *name, weir_str out[API_REPEATED_MAX]);
/* Does the body hold a JSON object? Else the reply is the error. */
bool api_has_object(const http_request *request, http_reply *reply);
/* Sets offset and limit. False, and the answer is 404, when one is no number: as JAX-RS has it. */
bool api_page(const http_request *request, registry_page *page, http_reply *reply);
/* The subject in the path, after aliases, which *subject holds from then on. */
weir_str api_subject(void *context, const http_request *request, weir_buf *subject);
/* The version in the path. False, and the answer is the error, when it is none. */
bool api_version(const http_request *request, int32_t *version, http_reply *reply);

/* A request's body of which a schema lends its texts. */
typedef struct api_body {
    json_t *json;
    registry_schema schema;
    weir_buf references, metadata, rule_set, add, remove; /* written again as JSON */
} api_body;

/* False, and the reply is the error, when the body is no request of this kind. The caller calls api_body_done
 * in both cases. */
bool api_body_read(const http_request *request, api_body *body, http_reply *reply);
void api_body_done(api_body *body);

/* --- Resources: one file each ----------------------------------------------------------------- */

void api_subjects_list(void *context, const http_request *request, http_reply *reply);
void api_subject_lookup(void *context, const http_request *request, http_reply *reply);
void api_subject_delete(void *context, const http_request *request, http_reply *reply);
void api_subject_metadata(void *context, const http_request *request, http_reply *reply);
void api_versions_list(void *context, const http_request *request, http_reply *reply);
void api_version_get(void *context, const http_request *request, http_reply *reply);
void api_version_text(void *context, const http_request *request, http_reply *reply);
void api_version_referenced_by(void *context, const http_request *request, http_reply *reply);
void api_version_register(void *context, const http_request *request, http_reply *reply);
void api_version_tag(void *context, const http_request *request, http_reply *reply);
void api_version_delete(void *context, const http_request *request, http_reply *reply);
void api_schemas_list(void *context, const http_request *request, http_reply *reply);
void api_schema_get(void *context, const http_request *request, http_reply *reply);
void api_schema_text(void *context, const http_request *request, http_reply *reply);
void api_schema_subjects(void *context, const http_request *request, http_reply *reply);
void api_schema_versions(void *context, const http_request *request, http_reply *reply);
void api_schema_types(void *context, const http_request *request, http_reply *reply);
void api_guid_get(void *context, const http_request *request, http_reply *reply);
void api_guid_ids(void *context, const http_request *request, http_reply *reply);
void api_compatibility(void *context, const http_request *request, http_reply *reply);
void api_config_get(void *context, const http_request *request, http_reply *reply);
void api_config_put(void *context, const http_request *request, http_reply *reply);
void api_config_delete(void *context, const http_request *request, http_reply *reply);
void api_mode_get(void *context, const http_request *request, http_reply *reply);
void api_mode_put(void *context, const http_request *request, http_reply *reply);
void api_mode_delete(void *context, const http_request *request, http_reply *reply);
void api_contexts_list(void *context, const http_request *request, http_reply *reply);
void api_context_delete(void *context, const http_request *request, http_reply *reply);
void api_root(void *context, const http_request *request, http_reply *reply);
void api_cluster_id(void *context, const http_request *request, http_reply *reply);
void api_deployment(void *context, const http_request *request, http_reply *reply);
void api_server_version(void *context, const http_request *request, http_reply *reply);
void api_healthz(void *context, const http_request *request, http_reply *reply);
void api_readyz(void *context, const http_request *request, http_reply *reply);
void api_metrics(void *context, const http_request *request, http_reply *reply);

#endif
