/* rest.c - the routes of the REST API, and what its resources share. */
#include "runtime/rest/rest.h"

#include <string.h>

const http_route rest_routes[] = {
    {"GET", "/", rest_root},
    {"GET", "/health", rest_health},
    {"GET", "/healthz", rest_healthz},
    {"GET", "/readyz", rest_readyz},
    {"GET", "/metrics", rest_metrics},
    {"GET", "/connectors", rest_connectors_list},
    {"POST", "/connectors", rest_connectors_create},
    {"GET", "/connectors/{name}", rest_connector_get},
    {"DELETE", "/connectors/{name}", rest_connector_delete},
    {"GET", "/connectors/{name}/config", rest_config_get},
    {"PUT", "/connectors/{name}/config", rest_config_put},
    {"PATCH", "/connectors/{name}/config", rest_config_patch},
    {"GET", "/connectors/{name}/status", rest_status_get},
    {"GET", "/connectors/{name}/tasks", rest_tasks_get},
    {"GET", "/connectors/{name}/tasks/{task}/status", rest_task_status_get},
    {"POST", "/connectors/{name}/tasks/{task}/restart", rest_task_restart},
    {"GET", "/connectors/{name}/topics", rest_topics_get},
    {"PUT", "/connectors/{name}/topics/reset", rest_topics_reset},
    {"PUT", "/connectors/{name}/pause", rest_pause},
    {"PUT", "/connectors/{name}/resume", rest_resume},
    {"PUT", "/connectors/{name}/stop", rest_stop},
    {"POST", "/connectors/{name}/restart", rest_restart},
    {"GET", "/connectors/{name}/offsets", rest_offsets_get},
    {"PATCH", "/connectors/{name}/offsets", rest_offsets_patch},
    {"DELETE", "/connectors/{name}/offsets", rest_offsets_delete},
    {"GET", "/connector-plugins", rest_plugins_list},
    {"GET", "/connector-plugins/{plugin}/config", rest_plugin_config},
    {"PUT", "/connector-plugins/{plugin}/config/validate", rest_plugin_validate},
    {"GET", "/admin/loggers", rest_loggers_list},
    {"GET", "/admin/loggers/{logger}", rest_logger_get},
    {"PUT", "/admin/loggers/{logger}", rest_logger_put},
};

const size_t rest_route_count = sizeof(rest_routes) / sizeof(rest_routes[0]);

bool rest_admit(void *context, const http_request *request, http_reply *reply)
{
    static const char *const always[] = {"/health", "/healthz", "/readyz", "/metrics"};
    const rest_backend *backend = &((const rest_api *)context)->backend;
    const char *reason = "";

    if (backend->is_ready(backend->context, &reason))
        return true;
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        if (weir_str_eq(request->path, weir_cstr(always[i])))
            return true;
    http_reply_error(reply, 503, "the worker is not ready: %s; ask again", reason);
    return false;
}

/* Nothing but references, as "${env:X}": what they stand for is not in the text. */
static bool is_reference(const char *text)
{
    while (strncmp(text, "${", 2) == 0 && (text = strchr(text, '}')) != NULL)
        if (*++text == '\0')
            return true;
    return false;
}

json_t *rest_mask(const rest_api *self, json_t *take_config)
{
    json_t *masked = json_object();
    const char *key;
    json_t *value;

    json_object_foreach(take_config, key, value)
    {
        const char *text = json_string_value(value);
        bool hide = text != NULL && text[0] != '\0' && !is_reference(text) &&
                    self->backend.is_secret(self->backend.context, take_config, key);

        (void)json_object_set_new(masked, key, hide ? json_string("***") : json_incref(value));
    }
    json_decref(take_config);
    return masked;
}

json_t *rest_info(const rest_api *self, const char *name)
{
    const rest_backend *backend = &self->backend;
    json_t *config = backend->config(backend->context, name);
    json_t *status = backend->status(backend->context, name);
    json_t *tasks = json_array();
    json_t *info, *task;
    size_t i;

    if (config == NULL || status == NULL) { /* no such connector, or deleted between the two */
        json_decref(config);
        json_decref(status);
        json_decref(tasks);
        return NULL;
    }
    json_array_foreach(json_object_get(status, "tasks"), i, task)(void) json_array_append_new(
        tasks, json_pack("{s:s, s:O}", "connector", name, "task", json_object_get(task, "id")));
    info = json_pack("{s:s, s:o, s:o, s:O}", "name", name, "config", rest_mask(self, config),
                     "tasks", tasks, "type", json_object_get(status, "type"));
    json_decref(status);
    return info;
}

void rest_reply_unknown(http_reply *reply, const char *name)
{
    http_reply_error(reply, 404, "Connector %s not found", name);
}

void rest_reply_result(http_reply *reply, rest_result result, const weir_error *err)
{
    http_reply_error(reply, (int)result, "%s", err->message);
}
