/* rest.h - Kafka Connect's REST API, and /metrics, /healthz and /readyz beside it.
 *
 * Paths, shapes and status codes are those of Kafka Connect 4.1, so that its tools work unchanged. Secrets
 * are shown as "***"; a "***" that comes back in a configuration stands for the secret that is known.
 *
 * Threads: handlers run on the HTTP server's threads, several at a time.
 */
#ifndef RUNTIME_REST_REST_H
#define RUNTIME_REST_REST_H

#include "runtime/base/http.h"
#include "runtime/rest/backend.h"

typedef struct rest_api {
    rest_backend backend;
    const char *version; /* of weir */
} rest_api;

/* All routes; the context of their handlers is a rest_api. */
extern const http_route rest_routes[];
extern const size_t rest_route_count;
/* Until the worker is ready all but health, readiness and metrics is answered with 503. */
bool rest_admit(void *context, const http_request *request, http_reply *reply);

/* --- Shared by the resources ---------------------------------------------------------------- */

/* The configuration with its secrets masked; takes the reference and returns another one. */
json_t *rest_mask(const rest_api *self, json_t *take_config);

/* {"name","config","tasks","type"}; NULL: no such connector. */
json_t *rest_info(const rest_api *self, const char *name);

/* 404 with Connect's message. */
void rest_reply_unknown(http_reply *reply, const char *name);

/* Answers with the error of a command that did not succeed. */
void rest_reply_result(http_reply *reply, rest_result result, const weir_error *err);

/* --- Resources: one file each ---------------------------------------------------------------- */

void rest_connectors_list(void *context, const http_request *request, http_reply *reply);
void rest_connectors_create(void *context, const http_request *request, http_reply *reply);
void rest_connector_get(void *context, const http_request *request, http_reply *reply);
void rest_connector_delete(void *context, const http_request *request, http_reply *reply);
void rest_config_get(void *context, const http_request *request, http_reply *reply);
void rest_config_put(void *context, const http_request *request, http_reply *reply);
void rest_config_patch(void *context, const http_request *request, http_reply *reply);
void rest_status_get(void *context, const http_request *request, http_reply *reply);
void rest_tasks_get(void *context, const http_request *request, http_reply *reply);
void rest_task_status_get(void *context, const http_request *request, http_reply *reply);
void rest_topics_get(void *context, const http_request *request, http_reply *reply);
void rest_topics_reset(void *context, const http_request *request, http_reply *reply);
void rest_pause(void *context, const http_request *request, http_reply *reply);
void rest_resume(void *context, const http_request *request, http_reply *reply);
void rest_stop(void *context, const http_request *request, http_reply *reply);
void rest_restart(void *context, const http_request *request, http_reply *reply);
void rest_task_restart(void *context, const http_request *request, http_reply *reply);
void rest_offsets_get(void *context, const http_request *request, http_reply *reply);
void rest_offsets_patch(void *context, const http_request *request, http_reply *reply);
void rest_offsets_delete(void *context, const http_request *request, http_reply *reply);
void rest_plugins_list(void *context, const http_request *request, http_reply *reply);
void rest_plugin_config(void *context, const http_request *request, http_reply *reply);
void rest_plugin_validate(void *context, const http_request *request, http_reply *reply);
void rest_loggers_list(void *context, const http_request *request, http_reply *reply);
void rest_logger_get(void *context, const http_request *request, http_reply *reply);
void rest_logger_put(void *context, const http_request *request, http_reply *reply);
void rest_root(void *context, const http_request *request, http_reply *reply);
void rest_health(void *context, const http_request *request, http_reply *reply);
void rest_healthz(void *context, const http_request *request, http_reply *reply);
void rest_readyz(void *context, const http_request *request, http_reply *reply);
void rest_metrics(void *context, const http_request *request, http_reply *reply);

#endif
