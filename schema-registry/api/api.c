/* api.c - the routes of the registry's API, what is asked before each, and what its resources share. */
#include "schema-registry/api/api.h"

#include "runtime/base/text.h"
#include "schema-registry/api/context_path.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* In the order of how often they are asked for. */
static const http_route routes[] = {
    {"GET", "/schemas/ids/{id}", api_schema_get},
    {"POST", "/subjects/{subject}/versions", api_version_register},
    {"GET", "/subjects/{subject}/versions", api_versions_list},
    {"POST", "/subjects/{subject}", api_subject_lookup},
    {"DELETE", "/subjects/{subject}", api_subject_delete},
    {"GET", "/subjects/{subject}/versions/{version}", api_version_get},
    {"DELETE", "/subjects/{subject}/versions/{version}", api_version_delete},
    {"GET", "/subjects/{subject}/versions/{version}/schema", api_version_text},
    {"GET", "/subjects/{subject}/versions/{version}/referencedby", api_version_referenced_by},
    {"POST", "/subjects/{subject}/versions/{version}/tags", api_version_tag},
    {"GET", "/subjects/{subject}/metadata", api_subject_metadata},
    {"GET", "/subjects", api_subjects_list},
    {"GET", "/schemas/ids/{id}/schema", api_schema_text},
    {"GET", "/schemas/ids/{id}/subjects", api_schema_subjects},
    {"GET", "/schemas/ids/{id}/versions", api_schema_versions},
    {"GET", "/schemas/types", api_schema_types},
    {"GET", "/schemas/guids/{guid}", api_guid_get},
    {"GET", "/schemas/guids/{guid}/ids", api_guid_ids},
    {"GET", "/schemas", api_schemas_list},
    {"POST", "/compatibility/subjects/{subject}/versions/{version}", api_compatibility},
    {"POST", "/compatibility/subjects/{subject}/versions", api_compatibility},
    {"GET", "/config", api_config_get},
    {"PUT", "/config", api_config_put},
    {"DELETE", "/config", api_config_delete},
    {"GET", "/config/{subject}", api_config_get},
    {"PUT", "/config/{subject}", api_config_put},
    {"DELETE", "/config/{subject}", api_config_delete},
    {"GET", "/mode", api_mode_get},
    {"PUT", "/mode", api_mode_put},
    {"DELETE", "/mode", api_mode_delete},
    {"GET", "/mode/{subject}", api_mode_get},
    {"PUT", "/mode/{subject}", api_mode_put},
    {"DELETE", "/mode/{subject}", api_mode_delete},
    {"GET", "/contexts", api_contexts_list},
    {"DELETE", "/contexts/{context}", api_context_delete},
    {"GET", "/", api_root},
    {"POST", "/", api_root},
    {"GET", "/v1/metadata/id", api_cluster_id},
    {"GET", "/v1/metadata/version", api_server_version},
    {"GET", "/v1/metadata/deployment", api_deployment},
    {"GET", "/healthz", api_healthz},
    {"GET", "/readyz", api_readyz},
    {"GET", "/metrics", api_metrics},
};

static const char *const answer_types[] = {"application/vnd.schemaregistry.v1+json",
                                           "application/vnd.schemaregistry+json",
                                           "application/json", NULL};

/* The last is what clients send that do not know better. */
static const char *const body_types[] = {"application/vnd.schemaregistry.v1+json",
                                         "application/vnd.schemaregistry+json", "application/json",
                                         "application/octet-stream", NULL};

/* For machines that watch: plain text for everybody, at any time. */
static bool is_for_watchers(weir_str path)
{
    return weir_str_eq(path, WEIR_STR("/healthz")) || weir_str_eq(path, WEIR_STR("/readyz")) ||
           weir_str_eq(path, WEIR_STR("/metrics"));
}

static bool admit(void *context, const http_request *request, http_reply *reply)
{
    registry_api *self = context;
    const char *type = http_negotiate(http_header(request, "Accept"), answer_types);

    if (is_for_watchers(request->path))
        return true;
    if (type == NULL) {
        http_reply_error(reply, 406, "HTTP 406 Not Acceptable");
        return false;
    }
    reply->content_type = reply->json_type = type;
    if (atomic_load(&self->registry) == NULL) {
        http_reply_error(reply, 503, "the registry is starting; ask again");
        return false;
    }
    return self->rules == NULL || access_admit(self->rules, self->registry, request, reply);
}

/* As many as there are processors: a lookup never waits. A few more when there is only one, since what is
 * registered waits for the disk. */
static int thread_count(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (processors < 2)
        return 2;
    return processors > 8 ? 8 : (int)processors;
}

http_service api_service(registry_api *self)
{
    return (http_service){.routes = routes,
                          .route_count = sizeof(routes) / sizeof(routes[0]),
                          .context = self,
                          .rewrite = context_path_rewrite,
                          .admit = admit,
                          .content_type = answer_types[0],
                          .body_types = body_types,
                          .body_limit = API_BODY_LIMIT,
                          .threads = thread_count()};
}

registry *api_registry(void *context)
{
    registry *found = atomic_load(&((registry_api *)context)->registry);

    assert(found != NULL); /* admit has looked */
    return found;
}

void api_finish(http_reply *reply, bool done, registry_error *error)
{
    if (!done) {
        reply->status = registry_error_status(error);
        weir_buf_clear(&reply->body);
        weir_buf_printf(&reply->body, "{\"error_code\":%d,\"message\":", (int)error->code);
        weir_buf_add_json(&reply->body, weir_buf_str(&error->message));
        weir_buf_add_byte(&reply->body, '}');
    }
    registry_error_done(error);
}

bool api_flag(const http_request *request, const char *name)
{
    const char *value = http_query(request, name);

    return value != NULL && strcasecmp(value, "true") == 0;
}

weir_str api_text(const http_request *request, const char *name)
{
    const char *value = http_query(request, name);

    return value != NULL ? weir_cstr(value) : (weir_str){0};
}

weir_str api_scoped(const http_request *request, const char *name, weir_buf *scoped)
{
    weir_str text = api_text(request, name);

    if (context_path_is_qualified(text) || !context_path_add(request->asked, scoped))
        return text;
    weir_buf_add_str(scoped, text);
    return (weir_str){weir_buf_cstr(scoped), scoped->len};
}

size_t api_texts(const http_request *request, const char *name, weir_str out[API_REPEATED_MAX])
{
    const char *text;
    size_t count = 0;

    while (count < API_REPEATED_MAX && (text = http_query_at(request, name, count)) != NULL)
        out[count++] = weir_cstr(text);
    return count;
}

static bool number_of(const http_request *request, const char *name, int64_t *out)
{
    const char *value = http_query(request, name);

    return value == NULL || value[0] == '\0' || text_to_int(weir_cstr(value), out);
}

bool api_page(const http_request *request, registry_page *page, http_reply *reply)
{
    *page = (registry_page){.offset = 0, .limit = -1};
    if (number_of(request, "offset", &page->offset) && number_of(request, "limit", &page->limit))
        return true;
    http_reply_error(reply, 404, "HTTP 404 Not Found");
    return false;
}

static registry_filter filter_of(const http_request *request)
{
    if (api_flag(request, "deletedAsNegative"))
        return REGISTRY_DELETED_NEGATIVE;
    if (api_flag(request, "deletedOnly"))
        return REGISTRY_DELETED_ONLY;
    return api_flag(request, "deleted") ? REGISTRY_WITH_DELETED : REGISTRY_LIVE;
}

registry_query api_query(const http_request *request)
{
    return (registry_query){.format = api_text(request, "format"),
                            .reference_format = api_text(request, "referenceFormat"),
                            .filter = filter_of(request),
                            .normalize = api_flag(request, "normalize"),
                            .force = api_flag(request, "force"),
                            .verbose = api_flag(request, "verbose"),
                            .fetch_max_id = api_flag(request, "fetchMaxId"),
                            .latest_only = api_flag(request, "latestOnly")};
}

weir_str api_subject(void *context, const http_request *request, weir_buf *subject)
{
    registry_resolve_alias(api_registry(context), weir_cstr(request->parameters[0]), subject);
    return weir_buf_str(subject);
}

bool api_version(const http_request *request, int32_t *version, http_reply *reply)
{
    registry_error error = {0};

    if (registry_version_of(weir_cstr(request->parameters[1]), version, &error))
        return true;
    api_finish(reply, false, &error);
    return false;
}
