/* admin.c - the server itself: /, /v1/metadata, health and metrics. */
#include "schema-registry/api/api.h"

#include "runtime/base/metrics.h"

void api_root(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    weir_buf_add_str(&reply->body, WEIR_STR("{}"));
}

void api_cluster_id(void *context, const http_request *request, http_reply *reply)
{
    const registry_api *self = context;

    (void)request;
    http_reply_json(reply, 200,
                    json_pack("{s:{s:[], s:{s:s, s:s}}}", "scope", "path", "clusters",
                              "kafka-cluster", self->log_id, "schema-registry-cluster",
                              "schema-registry"));
}

/* What it runs in: nothing that a client could make use of. */
void api_deployment(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    weir_buf_add_str(&reply->body, WEIR_STR("{\"attributes\":[]}"));
}

/* Clients decide by the version what they may ask for: it is that of the API. */
void api_server_version(void *context, const http_request *request, http_reply *reply)
{
    const registry_api *self = context;

    (void)request;
    http_reply_json(
        reply, 200,
        json_pack("{s:s, s:s+}", "version", "8.0.0", "commitId", "weir-", self->version));
}

static void reply_text(http_reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    weir_buf_printf(&reply->body, "%s\n", text);
}

/* We answer, so we live. */
void api_healthz(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    reply_text(reply, 200, "ok");
}

void api_readyz(void *context, const http_request *request, http_reply *reply)
{
    bool ready = atomic_load(&((registry_api *)context)->registry) != NULL;

    (void)request;
    reply_text(reply, ready ? 200 : 503, ready ? "ready" : "the registry is starting");
}

void api_metrics(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_page(&reply->body);
}

static void sample(weir_buf *page, const char *name, const char *help, size_t value)
{
    metrics_family(page, name, "gauge", help);
    metrics_sample(page, name, NULL, 0, (double)value);
}

static void collect(void *context, weir_buf *page)
{
    registry *open = atomic_load(&((registry_api *)context)->registry);
    registry_counts counts;

    if (open == NULL)
        return;
    counts = registry_count(open);
    sample(page, "weir_registry_subjects", "Subjects, with those that are soft-deleted",
           counts.subjects);
    sample(page, "weir_registry_versions", "Versions of subjects that are not deleted",
           counts.versions);
    sample(page, "weir_registry_deleted_versions", "Versions that are soft-deleted",
           counts.deleted_versions);
    sample(page, "weir_registry_schemas", "Schemas with an id", counts.schemas);
}

void api_metrics_add(registry_api *self)
{
    metrics_collect(collect, self);
}

void api_metrics_remove(registry_api *self)
{
    metrics_uncollect(collect, self);
}
