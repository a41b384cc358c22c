/* http_listen.c - the socket that an HTTP server listens on. */
#include "runtime/base/http_listen.h"

#include "runtime/base/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

weir_code http_listen_parse(const char *text, char *host, int *port, weir_error *err)
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

weir_code http_listen(const char *name, const char *address, bool optional, int *out,
                      weir_error *err)
{
    char host[256], service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int port, failed;

    if (http_listen_parse(address, host, &port, err) != WEIR_OK)
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

int http_listen_port(int socket)
{
    union {
        struct sockaddr_in6 v6;
        struct sockaddr_in v4;
        struct sockaddr any;
    } address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(socket, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}
