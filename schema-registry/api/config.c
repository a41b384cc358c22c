/* config.c - /config, /mode and /contexts. Without a subject in the path it is the global one. */
#include "schema-registry/api/api.h"

static weir_str subject_of(const http_request *request)
{
    const char *subject = request->parameters[0];

    return subject != NULL ? weir_cstr(subject) : (weir_str){0};
}

void api_config_get(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};

    api_finish(reply,
               registry_get_config(api_registry(context), subject_of(request),
                                   api_flag(request, "defaultToGlobal"), &reply->body, &error),
               &error);
}

void api_config_put(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};

    if (api_has_object(request, reply))
        api_finish(reply,
                   registry_set_config(api_registry(context), subject_of(request), request->body,
                                       &reply->body, &error),
                   &error);
}

void api_config_delete(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};

    api_finish(
        reply,
        registry_delete_config(api_registry(context), subject_of(request), &reply->body, &error),
        &error);
}

void api_mode_get(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};

    api_finish(reply,
               registry_get_mode(api_registry(context), subject_of(request),
                                 api_flag(request, "defaultToGlobal"), &reply->body, &error),
               &error);
}

void api_mode_put(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};

    if (api_has_object(request, reply))
        api_finish(reply,
                   registry_set_mode(api_registry(context), subject_of(request), request->body,
                                     api_flag(request, "force"), &reply->body, &error),
                   &error);
}

void api_mode_delete(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};

    api_finish(reply,
               registry_delete_mode(api_registry(context), subject_of(request),
                                    api_flag(request, "recursive"), &reply->body, &error),
               &error);
}

void api_contexts_list(void *context, const http_request *request, http_reply *reply)
{
    registry_page page;

    if (api_page(request, &page, reply))
        registry_list_contexts(api_registry(context), api_text(request, "contextPrefix"), page,
                               &reply->body);
}

void api_context_delete(void *context, const http_request *request, http_reply *reply)
{
    registry_error error = {0};
    bool done =
        registry_delete_context(api_registry(context), weir_cstr(request->parameters[0]), &error);

    if (done)
        reply->status = 204;
    api_finish(reply, done, &error);
}
