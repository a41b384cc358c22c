/* http_listen.h - the socket that an HTTP server listens on.
 *
 * It is made here and not by the library behind the server: so we can say why it cannot be made, and know the port.
 * Threads: any.
 */
#ifndef RUNTIME_BASE_HTTP_LISTEN_H
#define RUNTIME_BASE_HTTP_LISTEN_H

#include "weir/base.h"

/* Splits "HOST:PORT"; "[::1]:8083" is an IPv6 address. host has room for 256 bytes. WEIR_CONFIG. */
WEIR_MUST_CHECK weir_code http_listen_parse(const char *text, char *host, int *port,
                                            weir_error *err);

/* Listens on "HOST:PORT". name is for messages: the flag that sets the address, "--rest"; optional: "none" would
 * switch the listener off. WEIR_CONFIG when the address cannot be listened on. The caller closes the socket. */
WEIR_MUST_CHECK weir_code http_listen(const char *name, const char *address, bool optional,
                                      int *out, weir_error *err);
/* The port of such a socket: the one that the system chose when the address says 0. */
int http_listen_port(int socket);

#endif
