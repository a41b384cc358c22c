/* http.c - an HTTP server over libmicrohttpd.
 *
 * Its threads wait in epoll and run the handlers. We make the listening socket ourselves: so we can say
 * why it cannot be made, and know the port. A request's state is made with its first call and freed when
 * libmicrohttpd says that it is over, however it ended.
 */
#include "runtime/base/http.h"

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "runtime/base/metrics.h"
#include "runtime/base/text.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE_TIMEOUT_S = 30, THREAD_STACK = 512 * 1024 };

static const char *const json_types[] = {"application/json", NULL};

enum { STATUS_CLASSES = 6 }; /* 2xx is at 2 */

struct http_server {
    struct MHD_Daemon *daemon;
    metric *requests[STATUS_CLASSES], *seconds;
    http_service service;
    int port;
};

/* One request, from its head to its end. */
typedef struct exchange {
    /* The path as it came: it is decoded after it was cut into segments ("%2F" is no slash). Behind it is
     * room for the parameters, which together are not longer. */
    weir_buf path;
    weir_buf asked; /* the path as it came, when another one is routed instead */
    weir_buf body;
    bool begun;
    bool too_large;
    size_t decoded; /* bytes of the room that are used */
    const char *parameters[HTTP_PARAMETERS];
} exchange;

weir_code http_parse_address(const char *text, char *host, int *port, weir_error *err)
{
    const char *colon = strrchr(text, ':');
    weir_str name = {text, colon != NULL ? (size_t)(colon - text) : 0};
    int64_t number;

    if (colon == NULL || !text_to_int(weir_cstr(colon + 1), &number) || number < 0 ||
        number > 65535)
        return weir_fail(err, WEIR_CONFIG, "\"%s\" is not HOST:PORT, as in 127.0.0.1:8083", text);
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = (weir_str){name.ptr + 1, name.len - 2};
    if (name.len > 255)
        return weir_fail(err, WEIR_CONFIG, "\"%s\" has a host name of more than 255 bytes", text);
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    *port = (int)number;
    return WEIR_OK;
}

/* --- Routes ---------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes a segment of a path as the next parameter; false when it is empty or malformed. */
static bool decode_segment(exchange *x, weir_str segment, size_t index)
{
    char *out = x->path.ptr + x->path.len + x->decoded;
    size_t used = 0;

    assert(x->path.len + x->decoded + segment.len < x->path.capacity);

    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];

        if (c == '%') {
            int high = i + 2 < segment.len ? hex_digit(segment.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(segment.ptr[i + 2]) : -1;

            if (low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    x->parameters[index] = out;
    x->decoded += used + 1;
    return used > 0;
}

/* Cuts the next segment off a path; false at its end. */
static bool next_segment(weir_str *path, weir_str *segment)
{
    const char *end;

    if (path->len > 0 && path->ptr[0] == '/')
        *path = (weir_str){path->ptr + 1, path->len - 1};
    if (path->len == 0)
        return false;
    end = memchr(path->ptr, '/', path->len);
    *segment = (weir_str){path->ptr, end != NULL ? (size_t)(end - path->ptr) : path->len};
    *path = (weir_str){path->ptr + segment->len, path->len - segment->len};
    return true;
}

static bool route_matches(const char *pattern, weir_str path, exchange *x)
{
    weir_str left = weir_cstr(pattern), want, have;
    size_t count = 0;

    x->decoded = 0;
    memset(x->parameters, 0, sizeof(x->parameters)); /* of a route that matched in part */
    while (next_segment(&left, &want)) {
        if (!next_segment(&path, &have))
            return false;
        if (want.ptr[0] != '{' && weir_str_eq(want, have))
            continue;
        if (want.ptr[0] != '{')
            return false;
        assert(count < HTTP_PARAMETERS);
        if (!decode_segment(x, have, count++))
            return false;
    }
    return !next_segment(&path, &have);
}

static void set_path(exchange *x, weir_str path)
{
    (void)weir_buf_reserve(&x->path, 2 * path.len + HTTP_PARAMETERS + 1);
    weir_buf_add_str(&x->path, path);
}

static void rewrite(const http_service *service, exchange *x)
{
    weir_buf other = {0};

    if (service->rewrite == NULL || !service->rewrite(weir_buf_str(&x->path), &other)) {
        weir_buf_done(&other);
        return;
    }
    x->asked = x->path;
    x->path = (weir_buf){0};
    set_path(x, weir_buf_str(&other));
    weir_buf_done(&other);
}

/* The route of a request; NULL, and the methods that the path has instead, when there is none. */
static const http_route *find_route(const http_server *server, const char *method, weir_str path,
                                    exchange *x, weir_buf *allow)
{
    for (size_t i = 0; i < server->service.route_count; i++) {
        const http_route *route = &server->service.routes[i];

        if (!route_matches(route->pattern, path, x))
            continue;
        if (strcmp(route->method, method) == 0)
            return route;
        weir_buf_printf(allow, "%s%s", allow->len > 0 ? ", " : "", route->method);
    }
    return NULL;
}

/* --- Answering ------------------------------------------------------------------------------- */

/* Absolute, as Kafka Connect gives it, where the client says by which name it reached us. */
static void add_location(struct MHD_Connection *connection, struct MHD_Response *response,
                         http_reply *reply)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    weir_buf location = {0};

    if (host != NULL)
        weir_buf_printf(&location, "http://%s", host);
    weir_buf_add_str(&location, weir_buf_str(&reply->location));
    (void)MHD_add_response_header(response, "Location", weir_buf_cstr(&location));
    weir_buf_done(&location);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, http_reply *reply,
                                  weir_buf *allow)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.len, reply->body.ptr, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued;

    if (response == NULL)
        return MHD_NO; /* closes the connection */
    if (reply->body.len > 0)
        (void)MHD_add_response_header(response, "Content-Type", reply->content_type);
    if (reply->location.len > 0)
        add_location(connection, response, reply);
    if (allow->len > 0)
        (void)MHD_add_response_header(response, "Allow", weir_buf_cstr(allow));
    if (reply->challenge != NULL)
        (void)MHD_add_response_header(response, "WWW-Authenticate", reply->challenge);
    queued = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

static void serve(const http_service *service, const http_route *route, const http_request *request,
                  http_reply *reply)
{
    if (service->admit == NULL || service->admit(service->context, request, reply))
        route->handle(service->context, request, reply);
}

/* As Jersey answers, which Kafka Connect and Confluent's registry are made of: the methods as text, and none to
 * who wants JSON. */
static void reply_options(struct MHD_Connection *connection, http_reply *reply, weir_buf *allow)
{
    static const char *const types[] = {"text/plain", "application/json", NULL};
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
    const char *type = http_negotiate(accept, types);

    if (memmem(allow->ptr, allow->len, "GET", 3) != NULL)
        weir_buf_add_str(allow, WEIR_STR(", HEAD"));
    weir_buf_add_str(allow, WEIR_STR(", OPTIONS"));
    if (type != types[0])
        return;
    reply->content_type = types[0];
    weir_buf_add_str(&reply->body, weir_buf_str(allow));
}

static void count_request(http_server *server, int status, int64_t began_ns)
{
    int64_t now_ns = clock_system()->mono_ns(clock_system());

    metric_add(server->requests[status / 100 % STATUS_CLASSES], 1);
    metric_add(server->seconds, (double)(now_ns - began_ns) / 1e9);
}

static enum MHD_Result answer(http_server *server, struct MHD_Connection *connection,
                              const char *method, exchange *x)
{
    const http_service *service = &server->service;
    http_request request = {.method = strcmp(method, "HEAD") == 0 ? "GET" : method,
                            .body = weir_buf_str(&x->body),
                            .service = service,
                            .connection = connection};
    http_reply reply = {
        .status = 200, .content_type = service->content_type, .json_type = service->content_type};
    weir_buf allow = {0};
    int64_t began_ns = clock_system()->mono_ns(clock_system());
    const http_route *route;
    enum MHD_Result result;

    rewrite(service, x);
    request.path = weir_buf_str(&x->path);
    request.asked = x->asked.len > 0 ? weir_buf_str(&x->asked) : request.path;
    route = find_route(server, request.method, request.path, x, &allow);
    memcpy(request.parameters, x->parameters, sizeof(request.parameters));
    if (x->too_large)
        http_reply_error(&reply, 413, "the body is larger than %zu bytes", service->body_limit);
    else if (route != NULL)
        serve(&server->service, route, &request, &reply);
    else if (allow.len > 0 && strcmp(method, "OPTIONS") == 0)
        reply_options(connection, &reply, &allow);
    else if (allow.len > 0)
        http_reply_error(&reply, 405, "HTTP 405 Method Not Allowed");
    else
        http_reply_error(&reply, 404, "HTTP 404 Not Found");
    if (route != NULL)
        weir_buf_clear(&allow);
    result = send_reply(connection, &reply, &allow);
    count_request(server, reply.status, began_ns);
    weir_buf_done(&reply.body);
    weir_buf_done(&reply.location);
    weir_buf_done(&allow);
    return result;
}

/* The first that is heard of a request; what it returns is the state of the calls that follow. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    exchange *x = mem_zalloc(1, sizeof(*x));
    size_t length = strcspn(uri, "?");

    (void)context, (void)connection;
    set_path(x, (weir_str){uri, length});
    return x;
}

/* Called for the head, for each part of the body, and once at the end: libmicrohttpd's protocol. */
/* NOLINTNEXTLINE(readability-function-size): its parameters are libmicrohttpd's */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    const http_server *server = context;
    exchange *x = *state;

    (void)version, (void)url;
    if (!x->begun) {
        x->begun = true;
        return MHD_YES;
    }
    if (*size == 0)
        return answer(context, connection, method, x);
    if (x->body.len + *size > server->service.body_limit)
        x->too_large = true; /* the rest is read and dropped: the client hears why */
    else
        weir_buf_add(&x->body, data, *size);
    *size = 0;
    return MHD_YES;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode how)
{
    exchange *x = *state;

    (void)context, (void)connection, (void)how;
    if (x == NULL)
        return;
    weir_buf_done(&x->path);
    weir_buf_done(&x->asked);
    weir_buf_done(&x->body);
    free(x);
    *state = NULL;
}

/* --- Starting and stopping ------------------------------------------------------------------- */

static int listen_on(const struct addrinfo *address)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* a bind that fails says so */
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 128) == 0)
        return fd;
    on = errno;
    (void)close(fd); /* nothing was sent over it */
    errno = on;
    return -1;
}

static weir_code open_socket(const char *name, const char *address, bool optional, int *out,
                             weir_error *err)
{
    char host[256], service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int port, failed;

    if (http_parse_address(address, host, &port, err) != WEIR_OK)
        return weir_wrap(err, "%s", name);
    snprintf(service, sizeof(service), "%d", port);
    failed = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &found);
    if (failed != 0)
        return weir_fail(err, WEIR_CONFIG, "%s %s: \"%s\" is not found: %s", name, address, host,
                         gai_strerror(failed));
    *out = listen_on(found);
    failed = errno;
    freeaddrinfo(found);
    if (*out >= 0)
        return WEIR_OK;
    if (failed == EADDRINUSE)
        return weir_fail(err, WEIR_CONFIG,
                         "port %d is in use by another process: choose another one with %s "
                         "HOST:PORT%s%s%s",
                         port, name, optional ? ", or switch the listener off with " : "",
                         optional ? name : "", optional ? " none" : "");
    return weir_fail(err, WEIR_CONFIG, "%s %s: cannot listen: %s", name, address, strerror(failed));
}

static int port_of(int fd)
{
    union {
        struct sockaddr_in6 v6;
        struct sockaddr_in v4;
        struct sockaddr any;
    } address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static void fill_in(http_service *service)
{
    if (service->content_type == NULL)
        service->content_type = json_types[0];
    if (service->body_types == NULL)
        service->body_types = json_types;
    if (service->body_limit == 0)
        service->body_limit = HTTP_BODY_LIMIT;
    if (service->threads == 0)
        service->threads = HTTP_THREADS;
}

/* name is the flag that sets the address: "--rest" is the listener "rest". */
static void make_metrics(http_server *server, const char *name)
{
    static const char *const classes[STATUS_CLASSES] = {NULL, NULL, "2xx", "3xx", "4xx", "5xx"};
    metric_label labels[2] = {{"listener", weir_cstr(name + strspn(name, "-"))}};

    for (size_t i = 2; i < STATUS_CLASSES; i++) {
        labels[1] = (metric_label){"status", weir_cstr(classes[i])};
        server->requests[i] =
            metrics_counter("weir_http_requests_total", "Requests that were answered.", labels, 2);
    }
    server->requests[0] = server->requests[1] = server->requests[STATUS_CLASSES - 1];
    server->seconds =
        metrics_counter("weir_http_request_seconds_total", "Time taken to answer them.", labels, 1);
}

static struct MHD_Daemon *start_daemon(http_server *server, int fd)
{
    const http_service *service = &server->service;
    bool tls = service->tls_certificate != NULL;
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)service->tls_certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)service->tls_key},
        {MHD_OPTION_END, 0, NULL}};

    assert(tls == (service->tls_key != NULL));
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
        on_request, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)service->threads, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_ARRAY, tls ? secure : secure + 2,
        MHD_OPTION_END);
}

weir_code http_server_start(const char *name, const char *address, const http_service *service,
                            http_server **out, weir_error *err)
{
    http_server *server;
    int fd = -1;

    if (open_socket(name, address, service->optional, &fd, err) != WEIR_OK)
        return err->code;
    server = mem_zalloc(1, sizeof(*server));
    *server = (http_server){.service = *service, .port = port_of(fd)};
    fill_in(&server->service);
    make_metrics(server, name);
    server->daemon = start_daemon(server, fd);
    if (server->daemon == NULL) {
        (void)close(fd); /* nothing was sent over it */
        free(server);
        return service->tls_certificate != NULL
                   ? weir_fail(
                         err, WEIR_CONFIG,
                         "%s %s: the HTTPS server does not start with this certificate and key",
                         name, address)
                   : weir_fail(err, WEIR_FATAL, "%s %s: the HTTP server does not start", name,
                               address);
    }
    *out = server;
    return WEIR_OK;
}

void http_server_stop(http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}

int http_server_port(const http_server *server)
{
    return server->port;
}

/* --- For handlers ---------------------------------------------------------------------------- */

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
