/* admin.c - /, health, metrics and loggers. There is one logger, "root": all diagnostics. */
#include "runtime/rest/rest.h"

#include "runtime/base/clock.h"
#include "runtime/base/diag.h"
#include "runtime/base/metrics.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>

/* The version whose API this is: tools decide by it what they may ask for. */
#define CONNECT_VERSION "4.1.1"

void rest_root(void *context, const http_request *request, http_reply *reply)
{
    const rest_api *self = context;

    (void)request;
    http_reply_json(reply, 200,
                    json_pack("{s:s, s:s+, s:s, s:s}", "version", CONNECT_VERSION, "commit",
                              "weir-", self->version, "kafka_cluster_id",
                              self->backend.log_id(self->backend.context), "weir_version",
                              self->version));
}

/* KIP-1017. */
void rest_health(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    const char *reason = "";
    bool ready = backend->is_ready(backend->context, &reason);

    (void)request;
    http_reply_json(reply, ready ? 200 : 503,
                    json_pack("{s:s, s:s}", "status", ready ? "healthy" : "starting", "message",
                              ready
                                  ? "Worker has completed startup and is ready to handle requests."
                                  : reason));
}

static void reply_text(http_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    weir_buf_printf(&reply->body, "%s\n", text);
}

/* We answer, so we live. */
void rest_healthz(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    reply_text(reply, 200, "ok");
}

void rest_readyz(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    const char *reason = "";
    bool ready = backend->is_ready(backend->context, &reason);

    (void)request;
    reply_text(reply, ready ? 200 : 503, ready ? "ready" : reason);
}

void rest_metrics(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_page(&reply->body);
}

static const char *const levels[] = {"DEBUG", "INFO", "WARN", "ERROR"};

/* Connect has more levels; the nearest that we have stands for them. */
static const struct {
    const char *name;
    weir_level level;
} accepted[] = {{"TRACE", WEIR_DEBUG}, {"DEBUG", WEIR_DEBUG}, {"INFO", WEIR_INFO},
                {"WARN", WEIR_WARN},   {"ERROR", WEIR_ERROR}, {"FATAL", WEIR_ERROR},
                {"OFF", WEIR_ERROR}};

static const char *current_level(void)
{
    int level = 0;

    while (level < 3 && !diag_is_on((weir_level)level))
        level++;
    return levels[level];
}

static atomic_llong changed_ms; /* when the level was set last; 0: never */

static json_t *root_logger(void)
{
    json_int_t at = atomic_load(&changed_ms);

    return json_pack("{s:s, s:o}", "level", current_level(), "last_modified",
                     at != 0 ? json_integer(at) : json_null());
}

void rest_loggers_list(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    http_reply_json(reply, 200, json_pack("{s:o}", "root", root_logger()));
}

void rest_logger_get(void *context, const http_request *request, http_reply *reply)
{
    (void)context;
    if (strcmp(request->parameters[0], "root") == 0)
        http_reply_json(reply, 200, root_logger());
    else
        http_reply_error(reply, 404, "Logger %s not found.", request->parameters[0]);
}

/* With scope=cluster Connect answers without content: the other workers have not done it yet. */
static void set_level(const http_request *request, weir_level level, http_reply *reply)
{
    const char *scope = http_query(request, "scope");

    diag_set_level(level);
    atomic_store(&changed_ms, clock_wall_ms(clock_system()));
    if (scope != NULL && strcasecmp(scope, "cluster") == 0) {
        weir_buf_clear(&reply->body);
        reply->status = 204;
    } else {
        http_reply_json(reply, 200, json_pack("[s]", "root"));
    }
}

void rest_logger_put(void *context, const http_request *request, http_reply *reply)
{
    json_t *body = http_body_json(request, reply);
    const char *level = json_string_value(json_object_get(body, "level"));

    (void)context;
    if (body == NULL)
        return;
    if (strcmp(request->parameters[0], "root") != 0) {
        http_reply_error(reply, 404, "Logger %s not found.", request->parameters[0]);
        json_decref(body);
        return;
    }
    if (level == NULL)
        http_reply_error(reply, 400, "Desired 'level' parameter was not specified in request.");
    else
        http_reply_error(reply, 404, "invalid log level '%s'; there are DEBUG, INFO, WARN, ERROR",
                         level);
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]) && level != NULL; i++) {
        if (strcasecmp(level, accepted[i].name) == 0)
            set_level(request, accepted[i].level, reply);
    }
    json_decref(body);
}
