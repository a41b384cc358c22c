/* registry_client.h - ids of schemas and schemas of ids, for converters: from this process's registry, or from
 * another one over HTTP.
 *
 * A client belongs to one thread. Requests block: on the disk of this process, or for the time that
 * runtime/base/http_client.h gives an answer. Schemas that are handed out live until the client is freed.
 *
 * WEIR_RETRY: the registry was not reached or could not do it now. WEIR_FATAL: it refused, and will again.
 */
#ifndef SCHEMA_REGISTRY_CLIENT_REGISTRY_CLIENT_H
#define SCHEMA_REGISTRY_CLIENT_REGISTRY_CLIENT_H

#include "runtime/base/http_client.h"
#include "schema-registry/registry/registry.h"
#include "weir/config.h"

#include <jansson.h>

typedef struct registry_client registry_client;

/* Over the registry of this process, which outlives the client. */
registry_client *registry_client_local(registry *registry);

/* Over the registries at these URLs, which are one: the first that answers is asked. how says the rest; its url,
 * what and accept are not looked at. WEIR_CONFIG: one of them is no URL. */
WEIR_MUST_CHECK weir_code registry_client_remote(const weir_list *urls,
                                                 const http_client_options *how,
                                                 registry_client **out, weir_error *err);

void registry_client_free(registry_client *client); /* NULL is fine */

/* The id of a schema under a subject, which gets it as its next version when it is not there. WEIR_REJECT: its
 * versions and compatibility level do not allow that; the message says why. */
WEIR_MUST_CHECK weir_code registry_client_register(registry_client *client, weir_str subject,
                                                   const weir_schema *schema, bool normalize,
                                                   int32_t *id, weir_error *err);

/* The id of a schema that is a version of the subject already. WEIR_REJECT when it is none. */
WEIR_MUST_CHECK weir_code registry_client_find(registry_client *client, weir_str subject,
                                               const weir_schema *schema, bool normalize,
                                               int32_t *id, weir_error *err);

/* The newest version of a subject: its id and schema. WEIR_REJECT when it has none, or not of Avro. */
WEIR_MUST_CHECK weir_code registry_client_latest(registry_client *client, weir_str subject,
                                                 int32_t *id, const weir_schema **out,
                                                 weir_error *err);

/* The schema of an id in the context of a subject: ":.ctx:" alone says which, nothing is the default one.
 * WEIR_REJECT when there is no such id, or when it is not Avro. */
WEIR_MUST_CHECK weir_code registry_client_schema(registry_client *client, int32_t id,
                                                 weir_str subject, const weir_schema **out,
                                                 weir_error *err);

/* Asks a remote registry anything: its answer as JSON, which the caller owns. */
WEIR_MUST_CHECK weir_code registry_client_ask(registry_client *client,
                                              const http_client_request *request, json_t **out,
                                              weir_error *err);

/* Sets the compatibility level of a subject, or of a context, ":.ctx:": "NONE". */
WEIR_MUST_CHECK weir_code registry_client_set_level(registry_client *client, weir_str subject,
                                                    const char *level, weir_error *err);

#endif
