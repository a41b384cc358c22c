/* http.c - an HTTP server over libmicrohttpd.
 *
 * Its threads wait in epoll and run the handlers; a service whose handlers may wait long has a thread for each
 * connection instead. A request's state is made with its first call and freed when libmicrohttpd says that it is
 * over, however it ended.
 */
#include "runtime/base/http.h"

#include "runtime/base/clock.h"
#include "runtime/base/http_listen.h"
#include "runtime/base/mem.h"
#include "runtime/base/metrics.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
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
    http_path path;
    weir_buf asked; /* the path as it came, when another one is routed instead */
    weir_buf body;
    bool begun;
    bool too_large;
} exchange;

/* --- Routes ---------------------------------------------------------------------------------- */

static void rewrite(const http_service *service, exchange *x)
{
    weir_buf other = {0};

    if (service->rewrite != NULL && service->rewrite(weir_buf_str(&x->path.text), &other)) {
        weir_buf_add_str(&x->asked, weir_buf_str(&x->path.text));
        http_path_set(&x->path, weir_buf_str(&other));
    }
    weir_buf_done(&other);
}

/* The route of a request; NULL, and the methods that the path has instead, when there is none. */
static const http_route *find_route(const http_service *service, const char *method,
                                    http_path *path, weir_buf *allow)
{
    for (size_t i = 0; i < service->route_count; i++) {
        const http_route *route = &service->routes[i];

        if (!http_path_matches(path, route->pattern))
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
    request.path = weir_buf_str(&x->path.text);
    request.asked = x->asked.len > 0 ? weir_buf_str(&x->asked) : request.path;
    route = find_route(service, request.method, &x->path, &allow);
    memcpy(request.parameters, x->path.parameters, sizeof(request.parameters));
    if (x->too_large)
        http_reply_error(&reply, 413, "the body is larger than %zu bytes", service->body_limit);
    else if (route != NULL)
        serve(service, route, &request, &reply);
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
    http_path_set(&x->path, (weir_str){uri, length});
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
    http_path_done(&x->path);
    weir_buf_done(&x->asked);
    weir_buf_done(&x->body);
    free(x);
    *state = NULL;
}

/* --- Starting and stopping ------------------------------------------------------------------- */

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
    unsigned mode = service->waits ? MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD
                                   : MHD_USE_EPOLL_INTERNAL_THREAD;
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)service->tls_certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)service->tls_key},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, service->threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};

    assert(tls == (service->tls_key != NULL));
    return MHD_start_daemon(
        mode | MHD_USE_ITC | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_ARRAY, tls ? secure : secure + 2,
        MHD_OPTION_ARRAY, service->waits ? pool + 1 : pool, MHD_OPTION_END);
}

weir_code http_server_start(const char *name, const char *address, const http_service *service,
                            http_server **out, weir_error *err)
{
    http_server *server;
    int fd = -1;

    if (http_listen(name, address, service->optional, &fd, err) != WEIR_OK)
        return err->code;
    server = mem_zalloc(1, sizeof(*server));
    *server = (http_server){.service = *service, .port = http_listen_port(fd)};
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
