/* http_client.c - one HTTP request, for the command line.
 *
 * HTTP/1.0 makes the server close the connection behind its answer, which so needs no framing: the
 * answer is what came until the end.
 */
#include "runtime/base/http_client.h"

#include "runtime/base/http.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 30 };

static int connect_to(const struct addrinfo *all)
{
    int reason = 0;

    for (const struct addrinfo *at = all; at != NULL; at = at->ai_next) {
        struct timeval limit = {.tv_sec = TIMEOUT_S};
        int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)); /* only a limit */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            return fd;
        reason = errno;
        (void)close(fd); /* nothing was sent over it */
    }
    errno = reason;
    return -1;
}

static weir_code open_connection(const char *address, int *fd, weir_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256], service[16];
    int port, failed;

    if (http_parse_address(address, host, &port, err) != WEIR_OK)
        return err->code;
    snprintf(service, sizeof(service), "%d", port);
    failed = getaddrinfo(host[0] != '\0' ? host : "localhost", service, &hints, &found);
    if (failed != 0)
        return weir_fail(err, WEIR_RETRY, "\"%s\" is not found: %s", host, gai_strerror(failed));
    *fd = connect_to(found);
    failed = errno;
    freeaddrinfo(found);
    if (*fd < 0)
        return weir_fail(err, WEIR_RETRY, "no worker answers at %s: %s", address, strerror(failed));
    return WEIR_OK;
}

static weir_code send_all(int fd, weir_str bytes, weir_error *err)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return weir_fail(err, WEIR_RETRY, "sending: %s", strerror(errno));
        bytes = (weir_str){bytes.ptr + sent, bytes.len - (size_t)sent};
    }
    return WEIR_OK;
}

static weir_code receive_all(int fd, weir_buf *answer, weir_error *err)
{
    while (answer->len < HTTP_CLIENT_LIMIT) {
        ssize_t got = recv(fd, weir_buf_reserve(answer, 65536), 65536, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return weir_fail(err, WEIR_RETRY, "waiting for the answer: %s",
                             errno == EAGAIN ? "nothing came for 30 s" : strerror(errno));
        if (got == 0)
            return WEIR_OK;
        answer->len += (size_t)got;
    }
    return weir_fail(err, WEIR_RETRY, "the answer is larger than %d bytes", HTTP_CLIENT_LIMIT);
}

/* "HTTP/1.1 200 OK\r\n…\r\n\r\n" and the body. */
static weir_code split(weir_buf *answer, int *status, weir_buf *body, weir_error *err)
{
    const char *text = weir_buf_cstr(answer);
    const char *end = strstr(text, "\r\n\r\n");

    if (end == NULL || answer->len < 12 || strncmp(text, "HTTP/1.", 7) != 0 || text[8] != ' ' ||
        !isdigit((unsigned char)text[9]) || !isdigit((unsigned char)text[10]) ||
        !isdigit((unsigned char)text[11]))
        return weir_fail(err, WEIR_RETRY, "the answer is no HTTP");
    *status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
    weir_buf_clear(body);
    weir_buf_add(body, end + 4, answer->len - (size_t)(end + 4 - text));
    return WEIR_OK;
}

weir_code http_client_send(const char *address, const http_client_request *request, int *status,
                           weir_buf *body_out, weir_error *err)
{
    weir_buf bytes = {0};
    weir_code code;
    int fd = -1;

    if (open_connection(address, &fd, err) != WEIR_OK)
        return err->code;
    weir_buf_printf(&bytes,
                    "%s %s HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    request->method, request->target, address, request->body.len);
    weir_buf_add_str(&bytes, request->body);
    code = send_all(fd, weir_buf_str(&bytes), err);
    weir_buf_clear(&bytes);
    if (code == WEIR_OK)
        code = receive_all(fd, &bytes, err);
    if (code == WEIR_OK)
        code = split(&bytes, status, body_out, err);
    (void)close(fd); /* all that matters was received */
    weir_buf_done(&bytes);
    return code == WEIR_OK
               ? code
               : weir_wrap(err, "%s %s at %s", request->method, request->target, address);
}

void http_client_add_segment(weir_buf *target, weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (isalnum(c) || (c != 0 && strchr("-._~", c) != NULL))
            weir_buf_add_byte(target, (char)c);
        else
            weir_buf_printf(target, "%%%02X", c);
    }
}
