/* subjects.c - /subjects: subjects and their versions, and /compatibility. */
#include "schema-registry/api/api.h"

void api_subjects_list(void *context, const http_request *request, http_reply *reply)
{
    registry_query query = api_query(request);
    weir_buf prefix = {0};

    if (api_page(request, &query.page, reply))
        registry_list_subjects(api_registry(context), api_scoped(request, "subjectPrefix", &prefix),
                               &query, &reply->body);
    weir_buf_done(&prefix);
}

static void send_schema(registry_schema_request what, void *context, const http_request *request,
                        http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_query query = api_query(request);
    api_body body;

    if (api_body_read(request, &body, reply))
        api_finish(reply,
                   what(api_registry(context), api_subject(context, request, &subject),
                        &body.schema, &query, &reply->body, &error),
                   &error);
    api_body_done(&body);
    weir_buf_done(&subject);
}

void api_subject_lookup(void *context, const http_request *request, http_reply *reply)
{
    send_schema(registry_lookup, context, request, reply);
}

void api_version_register(void *context, const http_request *request, http_reply *reply)
{
    send_schema(registry_register, context, request, reply);
}

/* The n-th key goes with the n-th value; what has no partner does not count. */
void api_subject_metadata(void *context, const http_request *request, http_reply *reply)
{
    weir_str names[API_REPEATED_MAX], values[API_REPEATED_MAX];
    registry_properties wanted = {names, values, api_texts(request, "key", names)};
    size_t values_count = api_texts(request, "value", values);
    registry_query query = api_query(request);
    weir_buf subject = {0};
    registry_error error = {0};

    if (values_count < wanted.count)
        wanted.count = values_count;
    api_finish(reply,
               registry_get_by_metadata(api_registry(context),
                                        api_subject(context, request, &subject), &wanted, &query,
                                        &reply->body, &error),
               &error);
    weir_buf_done(&subject);
}

void api_subject_delete(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};

    api_finish(reply,
               registry_delete_subject(api_registry(context),
                                       api_subject(context, request, &subject),
                                       api_flag(request, "permanent"), &reply->body, &error),
               &error);
    weir_buf_done(&subject);
}

void api_versions_list(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_query query = api_query(request);

    if (api_page(request, &query.page, reply))
        api_finish(reply,
                   registry_list_versions(api_registry(context),
                                          api_subject(context, request, &subject), &query,
                                          &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

static void ask_version(registry_version_request what, void *context, const http_request *request,
                        http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_query query = api_query(request);
    weir_str tags[API_REPEATED_MAX];
    int32_t version;

    query.find_tags = tags;
    query.find_tag_count = api_texts(request, "findTags", tags);
    if (api_version(request, &version, reply) && api_page(request, &query.page, reply))
        api_finish(reply,
                   what(api_registry(context), api_subject(context, request, &subject), version,
                        &query, &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_version_get(void *context, const http_request *request, http_reply *reply)
{
    ask_version(registry_get_version, context, request, reply);
}

void api_version_text(void *context, const http_request *request, http_reply *reply)
{
    ask_version(registry_get_version_text, context, request, reply);
}

void api_version_referenced_by(void *context, const http_request *request, http_reply *reply)
{
    ask_version(registry_referenced_by, context, request, reply);
}

void api_version_tag(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    int32_t version;

    if (api_version(request, &version, reply) && api_has_object(request, reply))
        api_finish(reply,
                   registry_tag_version(api_registry(context),
                                        api_subject(context, request, &subject), version,
                                        request->body, &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_version_delete(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    int32_t version;

    if (api_version(request, &version, reply))
        api_finish(reply,
                   registry_delete_version(api_registry(context),
                                           api_subject(context, request, &subject), version,
                                           api_flag(request, "permanent"), &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

/* With a version in the path against that one, without against all of them. */
void api_compatibility(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_query query = api_query(request);
    registry_versions against = {0};
    api_body body = {0};

    if ((request->parameters[1] == NULL || api_version(request, &against.version, reply)) &&
        api_body_read(request, &body, reply)) {
        against.subject = api_subject(context, request, &subject);
        api_finish(reply,
                   registry_check(api_registry(context), &against, &body.schema, &query,
                                  &reply->body, &error),
                   &error);
    }
    api_body_done(&body);
    weir_buf_done(&subject);
}
