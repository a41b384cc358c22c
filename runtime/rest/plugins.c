/* plugins.c - /connector-plugins: what can be deployed, its settings, and checking them. */
#include "runtime/rest/rest.h"

void rest_plugins_list(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;

    http_reply_json(
        reply, 200,
        backend->plugins(backend->context, http_query_bool(request, "connectorsOnly", true)));
}

static void reply_with(http_reply *reply, const char *plugin, json_t *take_value)
{
    if (take_value != NULL)
        http_reply_json(reply, 200, take_value);
    else
        http_reply_error(reply, 404, "Unknown plugin %s. GET /connector-plugins lists all.",
                         plugin);
}

void rest_plugin_config(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;

    reply_with(reply, request->parameters[0],
               backend->plugin_config(backend->context, request->parameters[0]));
}

static void validate(const rest_backend *backend, const char *plugin, const json_t *config,
                     http_reply *reply)
{
    json_t *out = NULL;
    weir_error err;
    rest_result result = backend->validate(backend->context, plugin, config, &out, &err);

    if (result == REST_OK || result == REST_NOT_FOUND)
        reply_with(reply, plugin, out);
    else
        rest_reply_result(reply, result, &err);
}

void rest_plugin_validate(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    json_t *body = http_body_json(request, reply);

    if (body == NULL)
        return;
    if (json_is_object(body))
        validate(backend, request->parameters[0], body, reply);
    else
        http_reply_error(reply, 400, "a configuration is {\"setting\": \"value\", ...}");
    json_decref(body);
}
