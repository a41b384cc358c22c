/* http.h - an HTTP server: routes, bodies, JSON answers.
 *
 * A server listens on one address and answers from a small pool of threads, or from one for each connection. A route is a method and a
 * pattern of a path, "/connectors/{name}/config"; the texts that its {…} stand for come percent-decoded.
 * A path without route is 404, a route without this method is 405 with Allow. HEAD is answered as GET
 * without the body, OPTIONS with the methods of the path; a slash at the end of a path does not count.
 *
 * Bounds: body_limit bytes of body (then 413), HTTP_CONNECTIONS connections, 30 s without progress.
 *
 * Errors are Kafka Connect's and the Schema Registry's: {"error_code":404,"message":"…"}.
 *
 * Threads: handlers run on the server's threads, several at a time, and may block: the other connections of
 * that thread wait meanwhile, so a service whose handlers wait for others says so. A request and its reply belong to the handler's thread until it returns.
 */
#ifndef RUNTIME_BASE_HTTP_H
#define RUNTIME_BASE_HTTP_H

#include "runtime/base/http_path.h"
#include "weir/buf.h"

#include <jansson.h>

#define HTTP_BODY_LIMIT  (1 << 20) /* unless a service says otherwise */
#define HTTP_CONNECTIONS 256
#define HTTP_THREADS     4 /* unless a service says otherwise */

typedef struct http_server http_server;
typedef struct http_service http_service;

typedef struct http_request {
    const char *method;                      /* "GET" for HEAD as well */
    weir_str path;                           /* as it was routed, without the query */
    weir_str asked;                          /* the path as it came */
    const char *parameters[HTTP_PARAMETERS]; /* what the {…} of the pattern stand for; then NULL */
    weir_str body;
    const http_service *service;
    void *connection; /* for http_query, http_header */
} http_request;

typedef struct http_reply {
    int status;               /* 200 at first */
    const char *content_type; /* a literal; json_type at first */
    const char *json_type;    /* what errors are sent as; the service's content_type at first */
    weir_buf body;
    weir_buf location;     /* the path of the Location header, when not empty */
    const char *challenge; /* the WWW-Authenticate header, a literal; NULL: none */
} http_reply;

typedef void (*http_handler)(void *context, const http_request *request, http_reply *reply);

typedef struct http_route {
    const char *method; /* "GET" */
    const char *pattern;
    http_handler handle;
} http_route;

/* What a server answers. All that it points to outlives it. The first route that matches is taken, so the
 * one that is asked most stands first. */
struct http_service {
    const http_route *routes;
    size_t route_count;
    void *context; /* of the handlers */
    /* True when another path is routed instead of this one; it is added to out. NULL: never. */
    bool (*rewrite)(weir_str path, weir_buf *out);
    /* Asked before a handler, if there is one: false when it has answered instead. */
    bool (*admit)(void *context, const http_request *request, http_reply *reply);
    const char *content_type; /* of JSON answers; NULL: "application/json" */
    const char *const
        *body_types;   /* what JSON may be sent as, NULL at the end; NULL: as content_type */
    size_t body_limit; /* bytes; 0: HTTP_BODY_LIMIT */
    int threads;       /* 0: HTTP_THREADS */
    bool waits;        /* handlers may wait long: each connection has a thread of its own */
    bool optional;     /* "none" switches the listener off: said when its port is in use */
    const char *tls_certificate; /* PEM texts; both or none */
    const char *tls_key;
};

/* Listens and answers from now on. name is for messages: the flag that sets the address, "--rest".
 * WEIR_CONFIG when the address cannot be listened on. */
WEIR_MUST_CHECK weir_code http_server_start(const char *name, const char *address,
                                            const http_service *service, http_server **out,
                                            weir_error *err);
/* Waits for the handlers that run, then closes all. NULL is fine. */
void http_server_stop(http_server *server);
/* The port it listens on: the one that the system chose when the address says 0. */
int http_server_port(const http_server *server);

/* A parameter of the query, percent-decoded; NULL when it is not there, "" when it has no value. The n-th
 * of this name with http_query_at. */
const char *http_query(const http_request *request, const char *name);
const char *http_query_at(const http_request *request, const char *name, size_t index);
/* True for "true" (any case) or a parameter without value, false for "false"; fallback when it is not there
 * or anything else. */
bool http_query_bool(const http_request *request, const char *name, bool fallback);
const char *http_header(const http_request *request, const char *name);
/* The user and the password that a client sends by "Authorization: Basic"; false when it sends none. */
bool http_basic_auth(const http_request *request, weir_buf *user, weir_buf *password);

/* The one of types, NULL at the end, that an Accept header likes best; among equals the earlier one. The
 * first when there is no header (accept is NULL); NULL when none is acceptable. */
const char *http_negotiate(const char *accept, const char *const *types);

/* The body as JSON, of which the caller gets a reference. NULL, and the reply is the error: 415 when it is
 * not sent as JSON, 400 when it is none. */
json_t *http_body_json(const http_request *request, http_reply *reply);

/* Answers with a value, whose reference is taken. */
void http_reply_json(http_reply *reply, int status, json_t *take_value);
/* Answers with {"error_code":status,"message":…}. */
void http_reply_error(http_reply *reply, int status, const char *fmt, ...) WEIR_PRINTF(3, 4);

#endif
