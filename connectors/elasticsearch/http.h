/* http.h - requests to the nodes of one Elasticsearch: addresses, credentials, single requests.
 *
 * Nodes take turns. Everything belongs to the task's thread.
 */
#ifndef ELASTICSEARCH_HTTP_H
#define ELASTICSEARCH_HTTP_H

#include "settings.h"

#include "weir/buf.h"

#include <curl/curl.h>

typedef struct es_http {
    const es_settings *settings;
    struct curl_slist *headers, *bulk_headers;
    CURL *single;
    char problem[CURL_ERROR_SIZE]; /* what libcurl says of that handle's last failure */
    size_t turn;                   /* of the node that the next request goes to */
} es_http;

/* settings live longer. Connects nowhere yet. */
void http_init(es_http *http, const es_settings *settings);
/* Also of one that was never initialised. */
void http_done(es_http *http);

/* A handle for requests of the caller's own, with all settings but the address; its answer's body is
 * added to answer, and what a failure says is put into problem; both stay where they are. Never NULL; to be given back with curl_easy_cleanup. */
CURL *http_handle(const es_http *http, weir_buf *answer, char problem[CURL_ERROR_SIZE]);

/* Why a request to a node did not get an answer: WEIR_RETRY, but WEIR_FATAL when TLS can never work so. problem
 * is the handle's. */
weir_code http_failed(const es_http *http, CURLcode result, weir_str node, const char *problem,
                      weir_error *err);

/* The node whose turn it is. */
weir_str http_node(const es_http *http);

/* The address of a path on the node whose turn it is; valid until buf changes. */
const char *http_url(const es_http *http, weir_str path, weir_buf *buf);

/* WEIR_RETRY for 429 and 5xx, WEIR_FATAL for 401 and 403; any other status is the caller's to judge. */
WEIR_MUST_CHECK weir_code http_judge(long status, weir_str answer, weir_error *err);

typedef struct http_call {
    const char *method;
    weir_str path;
    weir_str body; /* ptr NULL: none */
} http_call;

/* A single request; waits for the answer, whose body is put into answer. Fails as http_judge, with
 * WEIR_RETRY when the node did not answer, and with WEIR_REJECT when the answer is larger than
 * HTTP_ANSWER_MAX. */
WEIR_MUST_CHECK weir_code http_request(es_http *http, const http_call *call, weir_buf *answer,
                                       long *status, weir_error *err);

/* Adds text to a path, escaped (RFC 3986). */
void http_escape(es_http *http, weir_str text, weir_buf *out);

enum { HTTP_ANSWER_MAX = 256 << 20 };

#endif
