/* offsets.c - /connectors/{name}/offsets: show, change, forget. */
#include "runtime/rest/rest.h"

void rest_offsets_get(void *context, const http_request *request, http_reply *reply)
{
    const rest_backend *backend = &((const rest_api *)context)->backend;
    json_t *offsets = NULL;
    weir_error err;
    rest_result result = backend->offsets(backend->context, request->parameters[0], &offsets, &err);

    if (result == REST_OK)
        http_reply_json(reply, 200, json_pack("{s:o}", "offsets", offsets));
    else
        rest_reply_result(reply, result, &err);
}

static void alter(const rest_api *self, const char *name, const json_t *offsets, const char *done,
                  http_reply *reply)
{
    weir_error err;
    rest_result result = self->backend.alter_offsets(self->backend.context, name, offsets, &err);

    if (result == REST_OK)
        http_reply_json(reply, 200, json_pack("{s:s}", "message", done));
    else
        rest_reply_result(reply, result, &err);
}

/* {"partition":{…},"offset":{…} or null} */
static bool is_offset(const json_t *item)
{
    const json_t *offset = json_object_get(item, "offset");

    return json_is_object(json_object_get(item, "partition")) &&
           (json_is_object(offset) || json_is_null(offset));
}

void rest_offsets_patch(void *context, const http_request *request, http_reply *reply)
{
    json_t *body = http_body_json(request, reply);
    const json_t *offsets = json_object_get(body, "offsets");
    bool good = true;
    json_t *item;
    size_t i;

    if (body == NULL)
        return;
    json_array_foreach(offsets, i, item) good &= is_offset(item);
    if (json_array_size(offsets) == 0)
        http_reply_error(reply, 400,
                         "Partitions / offsets need to be provided for an alter offsets request");
    else if (good)
        alter(context, request->parameters[0], offsets,
              "The offsets for this connector have been altered successfully", reply);
    else
        http_reply_error(reply, 400,
                         "offsets are {\"offsets\": [{\"partition\": {...}, \"offset\": {...} or "
                         "null}, ...]}");
    json_decref(body);
}

void rest_offsets_delete(void *context, const http_request *request, http_reply *reply)
{
    alter(context, request->parameters[0], NULL,
          "The offsets for this connector have been reset successfully", reply);
}
