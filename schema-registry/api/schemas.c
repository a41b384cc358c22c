/* schemas.c - /schemas: schemas by id and by GUID. */
#include "schema-registry/api/api.h"

#include "runtime/base/text.h"

/* The id in the path. What is no number is no path that JAX-RS knows. */
static bool id_of(const http_request *request, int64_t *id, http_reply *reply)
{
    if (text_to_int(weir_cstr(request->parameters[0]), id))
        return true;
    http_reply_error(reply, 404, "HTTP 404 Not Found");
    return false;
}

/* The subject in the query, or the context in the path, after aliases; none when there is none. */
static weir_str subject_of(void *context, const http_request *request, weir_buf *subject)
{
    weir_buf scoped = {0};
    weir_str asked = api_scoped(request, "subject", &scoped);

    if (asked.len > 0)
        registry_resolve_alias(api_registry(context), asked, subject);
    weir_buf_done(&scoped);
    return weir_buf_str(subject);
}

/* What is asked most: only of the parameters that it has. */
void api_schema_get(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_query query = {.format = api_text(request, "format"),
                            .reference_format = api_text(request, "referenceFormat"),
                            .fetch_max_id = api_flag(request, "fetchMaxId")};
    weir_str tags[API_REPEATED_MAX];
    int64_t id;

    query.find_tags = tags;
    query.find_tag_count = api_texts(request, "findTags", tags);
    if (id_of(request, &id, reply))
        api_finish(reply,
                   registry_get_schema(api_registry(context), id,
                                       subject_of(context, request, &subject), &query, &reply->body,
                                       &error),
                   &error);
    weir_buf_done(&subject);
}

static void ask(registry_id_request what, void *context, const http_request *request,
                http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_query query = api_query(request);
    int64_t id;

    if (id_of(request, &id, reply) && api_page(request, &query.page, reply))
        api_finish(reply,
                   what(api_registry(context), id, subject_of(context, request, &subject), &query,
                        &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_schema_text(void *context, const http_request *request, http_reply *reply)
{
    ask(registry_get_schema_text, context, request, reply);
}

void api_schema_subjects(void *context, const http_request *request, http_reply *reply)
{
    ask(registry_get_schema_subjects, context, request, reply);
}

void api_schema_versions(void *context, const http_request *request, http_reply *reply)
{
    ask(registry_get_schema_versions, context, request, reply);
}

void api_schema_types(void *context, const http_request *request, http_reply *reply)
{
    (void)context, (void)request;
    weir_buf_add_str(&reply->body, WEIR_STR("[\"JSON\",\"PROTOBUF\",\"AVRO\"]"));
}

void api_guid_get(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};
    registry_query query = api_query(request);

    api_finish(reply,
               registry_get_guid(api_registry(context), weir_cstr(request->parameters[0]), &query,
                                 &reply->body, &error),
               &error);
}

void api_guid_ids(void *context, const http_request *request, http_reply *reply)
{
    registry_get_guid_ids(api_registry(context), weir_cstr(request->parameters[0]), &reply->body);
}

void api_schemas_list(void *context, const http_request *request, http_reply *reply)
{
    registry_query query = api_query(request);
    weir_buf prefix = {0};

    if (api_page(request, &query.page, reply))
        registry_list_schemas(api_registry(context), api_scoped(request, "subjectPrefix", &prefix),
                              &query, &reply->body);
    weir_buf_done(&prefix);
}
