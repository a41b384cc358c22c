/* http_client.h - HTTP requests to one server, over libcurl: for the command line, and for a schema registry
 * that is not ours.
 *
 * A client keeps its connection for the next request and belongs to one thread at a time. A request blocks for
 * at most HTTP_CLIENT_TIMEOUT_S.
 */
#ifndef RUNTIME_BASE_HTTP_CLIENT_H
#define RUNTIME_BASE_HTTP_CLIENT_H

#include "weir/buf.h"

#define HTTP_CLIENT_LIMIT     (16 << 20) /* bytes of an answer */
#define HTTP_CLIENT_TIMEOUT_S 30         /* of a request, with connecting */

typedef struct http_client http_client;

/* NULL where nothing is said. Copied. */
typedef struct http_client_options {
    const char *url;     /* "https://HOST:PORT/base"; "HOST:PORT" is plain HTTP */
    const char *what;    /* who should answer, for messages: "worker" */
    const char *accept;  /* of answers and bodies; NULL: application/json */
    const char *user;    /* "NAME:PASSWORD", for basic authentication */
    const char *token;   /* a bearer's */
    const char *ca_file; /* PEM; NULL: those of the system */
    const char *cert_file, *key_file, *key_password; /* a client's certificate, PEM */
} http_client_options;

typedef struct http_client_request {
    const char *method;
    const char *target; /* "/connectors?expand=status", behind the URL */
    weir_str body;      /* may be empty */
} http_client_request;

/* Connects to nothing yet. WEIR_CONFIG: the URL is none. */
WEIR_MUST_CHECK weir_code http_client_new(const http_client_options *options, http_client **out,
                                          weir_error *err);
void http_client_free(http_client *client); /* NULL is fine */

/* The answer's body goes into body_out, which is emptied first. WEIR_RETRY when the server is not reached, is
 * not who it should be, or does not answer in HTTP: the message names it. Any status is WEIR_OK. */
WEIR_MUST_CHECK weir_code http_client_send(http_client *client, const http_client_request *request,
                                           int *status, weir_buf *body_out, weir_error *err);

/* Where the last answer refers to (its Location, as a whole URL); NULL when it refers nowhere. Not followed. */
const char *http_client_redirect(const http_client *client);
/* The URL as messages show it: without a password. */
const char *http_client_shown(const http_client *client);

/* Adds text to a target, percent-encoding all but letters, digits and "-._~". */
void http_client_add_segment(weir_buf *target, weir_str text);

#endif
