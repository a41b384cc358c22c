/* subjects.c - /subjects: subjects and their versions, and /compatibility. */
#include "schema-registry/api/api.h"

void api_subjects_list(void *context, const http_request *request, http_reply *reply)
{
    registry_page page;

    if (api_page(request, &page, reply))
        registry_list_subjects(api_registry(context), api_text(request, "subjectPrefix"),
                               api_filter(request), page, &reply->body);
}

void api_subject_lookup(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    api_body body;

    if (api_body_read(request, &body, reply))
        api_finish(reply,
                   registry_lookup(api_registry(context), api_subject(context, request, &subject),
                                   &body.schema, api_flag(request, "normalize"),
                                   api_flag(request, "deleted"), &reply->body, &error),
                   &error);
    api_body_done(&body);
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
    registry_page page;

    if (api_page(request, &page, reply))
        api_finish(reply,
                   registry_list_versions(api_registry(context),
                                          api_subject(context, request, &subject),
                                          api_filter(request), page, &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_version_get(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    int32_t version;

    if (api_version(request, &version, reply))
        api_finish(reply,
                   registry_get_version(api_registry(context),
                                        api_subject(context, request, &subject), version,
                                        api_flag(request, "deleted"), api_text(request, "format"),
                                        &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_version_text(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    int32_t version;

    if (api_version(request, &version, reply))
        api_finish(reply,
                   registry_get_version_text(api_registry(context),
                                             api_subject(context, request, &subject), version,
                                             api_flag(request, "deleted"),
                                             api_text(request, "format"), &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_version_referenced_by(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    registry_page page;
    int32_t version;

    if (api_version(request, &version, reply) && api_page(request, &page, reply))
        api_finish(reply,
                   registry_referenced_by(api_registry(context),
                                          api_subject(context, request, &subject), version,
                                          api_flag(request, "deleted"), page, &reply->body, &error),
                   &error);
    weir_buf_done(&subject);
}

void api_version_register(void *context, const http_request *request, http_reply *reply)
{
    weir_buf subject = {0};
    registry_error error = {0};
    api_body body;

    if (api_body_read(request, &body, reply))
        api_finish(reply,
                   registry_register(api_registry(context), api_subject(context, request, &subject),
                                     &body.schema, api_flag(request, "normalize"),
                                     api_flag(request, "force"), &reply->body, &error),
                   &error);
    api_body_done(&body);
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
    int32_t version = 0;
    api_body body = {0};

    if ((request->parameters[1] == NULL || api_version(request, &version, reply)) &&
        api_body_read(request, &body, reply))
        api_finish(reply,
                   registry_check(api_registry(context), api_subject(context, request, &subject),
                                  version, &body.schema, api_flag(request, "normalize"),
                                  api_flag(request, "verbose"), &reply->body, &error),
                   &error);
    api_body_done(&body);
    weir_buf_done(&subject);
}
