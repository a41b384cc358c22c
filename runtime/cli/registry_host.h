/* registry_host.h - a schema registry in this process: its listener, its rules, its registry.
 *
 * Threads: the main thread.
 */
#ifndef RUNTIME_CLI_REGISTRY_HOST_H
#define RUNTIME_CLI_REGISTRY_HOST_H

#include "schema-registry/api/api.h"

/* Texts as they were given; "" where nothing was. */
typedef struct registry_settings {
    const char *flag;            /* what sets the address, for messages: "--registry" */
    bool is_optional;            /* may be "none" */
    const char *address;         /* HOST:PORT; "none" or "": no listener */
    const char *users;           /* a file of access rules */
    const char *tls_certificate; /* PEM files; both or none */
    const char *tls_key;
    const char *compatibility; /* the level where nothing is configured: BACKWARD */
    const char *error_codes;   /* short: an incompatible schema is 409; long: 40901 */
} registry_settings;

typedef struct registry_host {
    registry_api api;
    http_server *server; /* NULL: none */
    registry_options options;
    access_rules *rules; /* NULL: everybody may do everything */
    weir_buf certificate, key;
} registry_host;

/* Listens, and says that it is starting until registry_host_open. Without an address only what is set is checked.
 * What was opened before a failure is closed again. */
WEIR_MUST_CHECK weir_code registry_host_listen(registry_host *self,
                                               const registry_settings *settings, weir_error *err);
/* Opens the registry over a log. */
WEIR_MUST_CHECK weir_code registry_host_open(registry_host *self, log *backend, weir_error *err);
/* Stops answering; the registry can be used until registry_host_close. */
void registry_host_stop(registry_host *self);
void registry_host_close(registry_host *self);

#endif
