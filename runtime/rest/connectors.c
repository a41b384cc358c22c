/* connectors.c - /connectors: list, create, inspect, configure, delete. */
#include "runtime/rest/rest.h"

#include <string.h>
#include <strings.h>

static bool expands(const http_request *request, const char *what)
{
    const char *value;

    for (size_t i = 0; (value = http_query_at(request, "expand", i)) != NULL; i++)
        if (strcmp(value, what) == 0)
            return true;
    return false;
}

void rest_connectors_list(void *context, const http_request *request, http_reply *reply)
{
    const rest_api *self = context;
    const rest_backend *backend = &self->backend;
    json_t *names = backend->names(backend->context);
    bool status = expands(request, "status"), info = expands(request, "info");
    json_t *expanded, *name;
    size_t i;

    if (http_query(request, "expand") == NULL) {
        http_reply_json(reply, 200, names);
        return;
    }
    expanded = json_object();
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        json_t *entry = json_object();
        json_t *value;

        if (status && (value = backend->status(backend->context, text)) != NULL)
            (void)json_object_set_new(entry, "status", value);
        if (info && (value = rest_info(self, text)) != NULL)
            (void)json_object_set_new(entry, "info", value);
        if (json_object_size(entry) == (size_t)status + (size_t)info)
            (void)json_object_set(expanded, text, entry); /* else it was deleted meanwhile */
        json_decref(entry);
    }
    json_decref(names);
    http_reply_json(reply, 200, expanded);
}

/* The settings as texts: Connect takes numbers and booleans for texts, too. NULL, with the reply: they are
 * not flat. A null is dropped; PATCH looks for it before. */
static json_t *texts_of(const json_t *config, http_reply *reply)
{
    json_t *texts = json_object();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)config, key, value)
    {
        char *number = NULL;

        if (json_is_object(value) || json_is_array(value)) {
            http_reply_error(reply, 400, "the value of %s must be a text", key);
            json_decref(texts);
            return NULL;
        }
        if (json_is_string(value)) {
            (void)json_object_set(texts, key, value);
        } else if (!json_is_null(value)) {
            number = json_dumps(value, JSON_ENCODE_ANY);
            (void)json_object_set_new(texts, key, json_string(number));
        }
        free(number);
    }
    return texts;
}

/* Secrets that a client read as "***" and sends back are those that we know. */
static void restore_secrets(const rest_api *self, json_t *config, const json_t *known)
{
    const char *key;
    json_t *value;

    json_object_foreach(config, key, value)
    {
        const json_t *old = json_object_get(known, key);

        if (old != NULL && strcmp(json_string_value(value), "***") == 0 &&
            self->backend.is_secret(self->backend.context, config, key))
            (void)json_object_set(config, key, (json_t *)old);
    }
}

static bool name_is_legal(const char *name)
{
    return name[0] != '\0' && strlen(name) <= 249 && strpbrk(name, "/\n\r\t") == NULL &&
           name[0] != ' ' && name[strlen(name) - 1] != ' ';
}

/* A name as part of a path: what is neither a letter, a digit nor one of -._~ is escaped (RFC 3986). */
static void add_location(const char *name, weir_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    weir_buf_add_str(out, WEIR_STR("/connectors/"));
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr("-._~", c) != NULL) {
            weir_buf_add_byte(out, *name);
            continue;
        }
        weir_buf_add_byte(out, '%');
        weir_buf_add_byte(out, digits[c >> 4]);
        weir_buf_add_byte(out, digits[c & 15]);
    }
}

/* How a connector is put. */
typedef struct wish {
    const char *target; /* NULL: as it was */
    bool must_be_new;
} wish;

/* Puts the connector and answers with its info. Takes the reference to config. */
static void put(const rest_api *self, const char *name, json_t *take_config, wish how,
                http_reply *reply)
{
    const rest_backend *backend = &self->backend;
    json_t *known = backend->config(backend->context, name);
    json_t *own = json_object_get(take_config, "name");
    weir_error err;
    rest_result result = REST_BAD_REQUEST;
    json_t *info;

    if (!name_is_legal(name))
        weir_fail(&err, WEIR_CONFIG, "\"%s\" cannot be the name of a connector", name);
    else if (own != NULL && strcmp(json_string_value(own), name) != 0)
        weir_fail(&err, WEIR_CONFIG,
                  "the connector's name %s and \"name\" in its configuration, %s, differ", name,
                  json_string_value(own));
    else {
        (void)json_object_set_new(take_config, "name", json_string(name));
        restore_secrets(self, take_config, known);
        result =
            backend->put(backend->context, name, take_config, how.target, how.must_be_new, &err);
    }
    json_decref(take_config);
    if (result != REST_OK)
        rest_reply_result(reply, result, &err);
    else if ((info = rest_info(self, name)) == NULL)
        rest_reply_unknown(reply, name);
    else
        http_reply_json(reply, known != NULL && !how.must_be_new ? 200 : 201, info);
    if (reply->status == 201)
        add_location(name, &reply->location);
    json_decref(known);
}

/* In any case, as Connect takes it; NULL: there is no such state. */
static const char *known_target(const char *target)
{
    static const char *const all[] = {"RUNNING", "PAUSED", "STOPPED"};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcasecmp(target, all[i]) == 0)
            return all[i];
    return NULL;
}

/* A member that we do not know might have been meant to change what is done: "initial_stat". */
static bool has_only_known(const json_t *body, http_reply *reply)
{
    static const char *const known[] = {"name", "config", "initial_state"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        size_t i = 0;

        while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], key) != 0)
            i++;
        if (i < sizeof(known) / sizeof(known[0]))
            continue;
        http_reply_error(reply, 400,
                         "unrecognized member \"%s\": there are \"name\", \"config\" and "
                         "\"initial_state\"",
                         key);
        return false;
    }
    return true;
}

/* What POST has: a name, settings, and perhaps the state to begin in. */
static void create(const rest_api *self, const json_t *body, http_reply *reply)
{
    const char *name = json_string_value(json_object_get(body, "name"));
    const json_t *given_target = json_object_get(body, "initial_state");
    const char *target =
        json_is_string(given_target) ? known_target(json_string_value(given_target)) : NULL;
    const json_t *config = json_object_get(body, "config");
    json_t *texts;

    if (!json_is_object(config) || (name == NULL && json_object_get(config, "name") == NULL)) {
        http_reply_error(reply, 400, "a connector is {\"name\": \"...\", \"config\": {...}}");
        return;
    }
    if (!has_only_known(body, reply))
        return;
    if (given_target != NULL && !json_is_null(given_target) && target == NULL) {
        http_reply_error(reply, 400, "initial_state is \"RUNNING\", \"PAUSED\" or \"STOPPED\"");
        return;
    }
    texts = texts_of(config, reply);
    if (texts == NULL)
        return;
    if (name == NULL)
        name = json_string_value(json_object_get(texts, "name"));
    if (name == NULL)
        name = "";
    put(self, name, texts, (wish){.target = target, .must_be_new = true}, reply);
}

void rest_connectors_create(void *context, const http_request *request, http_reply *reply)
{
    json_t *body = http_body_json(request, reply);

    if (body == NULL)
        return;
    create(context, body, reply);
    json_decref(body);
}

void rest_connector_get(void *context, const http_request *request, http_reply *reply)
{
    json_t *info = rest_info(context, request->parameters[0]);

    if (info != NULL)
        http_reply_json(reply, 200, info);
    else
        rest_reply_unknown(reply, request->parameters[0]);
}

void rest_connector_delete(void *context, const http_request *request, http_reply *reply)
{
    const rest_api *self = context;
    weir_error err;
    rest_result result = self->backend.remove(self->backend.context, request->parameters[0], &err);

    if (result == REST_OK)
        reply->status = 204;
    else
        rest_reply_result(reply, result, &err);
}

void rest_config_get(void *context, const http_request *request, http_reply *reply)
{
    const rest_api *self = context;
    json_t *config = self->backend.config(self->backend.context, request->parameters[0]);

    if (config != NULL)
        http_reply_json(reply, 200, rest_mask(self, config));
    else
        rest_reply_unknown(reply, request->parameters[0]);
}

void rest_config_put(void *context, const http_request *request, http_reply *reply)
{
    json_t *body = http_body_json(request, reply);
    json_t *texts;

    if (body == NULL)
        return;
    if (!json_is_object(body))
        http_reply_error(reply, 400, "a configuration is {\"setting\": \"value\", ...}");
    else if ((texts = texts_of(body, reply)) != NULL)
        put(context, request->parameters[0], texts, (wish){0}, reply);
    json_decref(body);
}

/* Settings that are null go, the others are set on top of what is known. */
void rest_config_patch(void *context, const http_request *request, http_reply *reply)
{
    const rest_api *self = context;
    json_t *body = http_body_json(request, reply);
    json_t *known, *texts = NULL, *value;
    const char *key;

    if (body == NULL)
        return;
    known = self->backend.config(self->backend.context, request->parameters[0]);
    if (known == NULL)
        rest_reply_unknown(reply, request->parameters[0]);
    else if (!json_is_object(body))
        http_reply_error(reply, 400, "a patch is {\"setting\": \"value\" or null, ...}");
    else
        texts = texts_of(body, reply);
    if (texts != NULL) {
        (void)json_object_update(known, texts); /* secrets among them are restored when it is put */
        json_object_foreach(body, key, value) if (json_is_null(value))(void)
            json_object_del(known, key); /* may not be there */
        put(self, request->parameters[0], known, (wish){0}, reply);
        known = NULL;
    }
    json_decref(texts);
    json_decref(known);
    json_decref(body);
}
