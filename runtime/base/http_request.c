/* http_request.c - what handlers ask of a request, and how they answer. */
#include "runtime/base/http.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct query_search {
    const char *name;
    size_t skip;
    const char *found;
} query_search;

static enum MHD_Result match_query(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    query_search *search = context;

    (void)kind;
    if (strcmp(name, search->name) != 0)
        return MHD_YES;
    if (search->skip-- > 0)
        return MHD_YES;
    search->found = value != NULL ? value : "";
    return MHD_NO;
}

const char *http_query_at(const http_request *request, const char *name, size_t index)
{
    query_search search = {name, index, NULL};

    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, match_query,
                                    &search);
    return search.found;
}

const char *http_query(const http_request *request, const char *name)
{
    return http_query_at(request, name, 0);
}

bool http_query_bool(const http_request *request, const char *name, bool fallback)
{
    const char *value = http_query(request, name);

    if (value == NULL)
        return fallback;
    if (strcasecmp(value, "true") == 0 || value[0] == '\0')
        return true;
    return strcasecmp(value, "false") == 0 ? false : fallback;
}

const char *http_header(const http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool http_basic_auth(const http_request *request, weir_buf *user, weir_buf *password)
{
    char *secret = NULL;
    char *name = MHD_basic_auth_get_username_password(request->connection, &secret);

    if (name != NULL && secret != NULL) {
        weir_buf_add_str(user, weir_cstr(name));
        weir_buf_add_str(password, weir_cstr(secret));
    }
    MHD_free(name);
    MHD_free(secret);
    return user->len > 0;
}

static bool is_json_type(const http_request *request, const char *type)
{
    size_t length = strcspn(type, "; \t");

    for (const char *const *known = request->service->body_types; *known != NULL; known++)
        if (strlen(*known) == length && strncasecmp(*known, type, length) == 0)
            return true;
    return false;
}

json_t *http_body_json(const http_request *request, http_reply *reply)
{
    const char *type = http_header(request, "Content-Type");
    json_error_t error;
    json_t *value;

    if (type != NULL && !is_json_type(request, type)) {
        http_reply_error(reply, 415, "HTTP 415 Unsupported Media Type");
        return NULL;
    }
    value = json_loadb(request->body.ptr != NULL ? request->body.ptr : "", request->body.len,
                       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL)
        http_reply_error(reply, 400, "the body is not JSON: %s (line %d, column %d)", error.text,
                         error.line, error.column);
    return value;
}

static int add_to_buf(const char *bytes, size_t size, void *buf)
{
    weir_buf_add(buf, bytes, size);
    return 0;
}

void http_reply_json(http_reply *reply, int status, json_t *take_value)
{
    assert(take_value != NULL);
    reply->status = status;
    weir_buf_clear(&reply->body);
    if (json_dump_callback(take_value, add_to_buf, &reply->body, JSON_COMPACT | JSON_ENCODE_ANY) !=
        0)
        abort(); /* a value that we made ourselves */
    json_decref(take_value);
}

void http_reply_error(http_reply *reply, int status, const char *fmt, ...)
{
    char message[1200];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args); /* a cut message is still a message */
    va_end(args);
    reply->status = status;
    reply->content_type = reply->json_type;
    weir_buf_clear(&reply->body);
    weir_buf_printf(&reply->body, "{\"error_code\":%d,\"message\":", status);
    weir_buf_add_json(&reply->body, weir_cstr(message));
    weir_buf_add_byte(&reply->body, '}');
}
