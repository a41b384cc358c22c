/* host.h - a worker in this process: log, plugins, connectors, and the REST API if asked for.
 *
 * Threads: the main thread.
 */
#ifndef RUNTIME_CLI_HOST_H
#define RUNTIME_CLI_HOST_H

#include "runtime/base/http.h"
#include "runtime/cli/options.h"
#include "runtime/cli/registry_host.h"
#include "runtime/rest/rest.h"
#include "runtime/rest/worker_backend.h"

typedef struct host {
    worker_backend parts; /* the worker, its plugins and its log */
    rest_api api;
    http_server *server; /* NULL: --rest none */
    registry_host registry;
    char id[OPTIONS_TEXT];
} host;

/* Opens the listener, which says that it is starting until all is there; then the log in wanted->data and
 * the worker, which brings everything back that is deployed there. What was opened before a failure is closed again.
 * The plugins are taken in any case. */
WEIR_MUST_CHECK weir_code host_open(const options *wanted, plugins *take_plugins, host *self,
                                    weir_error *err);

/* Closes all, in reverse: no request is answered any more, tasks end, sinks are flushed, offsets committed. */
void host_close(host *self);

#endif
