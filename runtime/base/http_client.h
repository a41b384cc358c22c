/* http_client.h - one HTTP request, for the command line: plain HTTP/1.0, one connection per request.
 *
 * Blocks for at most 30 s without progress. Any thread.
 */
#ifndef RUNTIME_BASE_HTTP_CLIENT_H
#define RUNTIME_BASE_HTTP_CLIENT_H

#include "weir/buf.h"

#define HTTP_CLIENT_LIMIT (16 << 20) /* bytes of an answer */

typedef struct http_client_request {
    const char *method;
    const char *target; /* "/connectors?expand=status" */
    weir_str body;      /* may be empty */
} http_client_request;

/* Sends a request to "HOST:PORT". The answer's
 * body goes into body_out, which is emptied first. WEIR_RETRY when the server is not reached or does not
 * answer in HTTP: the message names the address. Any status is WEIR_OK. */
WEIR_MUST_CHECK weir_code http_client_send(const char *address, const http_client_request *request,
                                           int *status, weir_buf *body_out, weir_error *err);

/* Adds text to a target, percent-encoding all but letters, digits and "-._~". */
void http_client_add_segment(weir_buf *target, weir_str text);

#endif
