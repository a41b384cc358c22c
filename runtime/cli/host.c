/* host.c - a worker in this process. */
#include "runtime/cli/host.h"

#include "runtime/base/metrics.h"
#include "runtime/base/process_metrics.h"
#include "runtime/cli/cli.h"
#include "runtime/log/embedded.h"
#include "runtime/log/store_metrics.h"
#include "runtime/rest/worker_metrics.h"

#include <string.h>

static weir_code start_rest(const options *wanted, host *self, weir_error *err)
{
    if (strcmp(wanted->rest, "none") == 0)
        return WEIR_OK;
    self->api = (rest_api){.backend = worker_backend_table(&self->parts), .version = WEIR_VERSION};
    return http_server_start("--rest", wanted->rest,
                             &(http_service){.routes = rest_routes,
                                             .route_count = rest_route_count,
                                             .context = &self->api,
                                             .admit = rest_admit,
                                             .waits = true, /* commands for tasks */
                                             .optional = true},
                             &self->server, err);
}

static weir_code start_registry(const options *wanted, host *self, weir_error *err)
{
    registry_settings settings = {.flag = "--registry",
                                  .is_optional = true,
                                  .address = wanted->registry,
                                  .users = wanted->registry_users,
                                  .tls_certificate = wanted->registry_tls_certificate,
                                  .tls_key = wanted->registry_tls_key,
                                  .compatibility = wanted->registry_compatibility,
                                  .error_codes = wanted->registry_error_codes};

    return registry_host_listen(&self->registry, &settings, err);
}

weir_code host_open(const options *wanted, plugins *take_plugins, host *self, weir_error *err)
{
    worker_options worker_wanted = {.clock = clock_system()};
    weir_code code;

    *self = (host){.parts = {.plugins = take_plugins}};
    memcpy(self->id, wanted->rest, sizeof(self->id));
    code = start_rest(wanted, self, err);
    if (code == WEIR_OK)
        code = start_registry(wanted, self, err);
    if (code == WEIR_OK)
        code = embedded_open(&(store_options){.path = wanted->data}, &self->parts.log, err);
    if (code == WEIR_OK)
        code = registry_host_open(&self->registry, self->parts.log, err);
    if (code == WEIR_OK) {
        worker_wanted.log = self->parts.log;
        worker_wanted.plugins = self->parts.plugins;
        worker_wanted.registry = atomic_load(&self->registry.api.registry);
        worker_wanted.id = weir_cstr(self->id);
        code = worker_open(&worker_wanted, &self->parts.worker, err);
    }
    if (code != WEIR_OK) {
        host_close(self);
        return code;
    }
    metrics_collect(process_metrics_collect, (void *)(uintptr_t)WEIR_VERSION);
    metrics_collect(store_metrics_collect, embedded_store(self->parts.log));
    metrics_collect(worker_metrics_collect, self->parts.worker);
    atomic_store(&self->parts.started, true);
    return WEIR_OK;
}

void host_close(host *self)
{
    http_server_stop(self->server);
    registry_host_stop(&self->registry);
    metrics_uncollect(worker_metrics_collect, self->parts.worker);
    metrics_uncollect(process_metrics_collect, (void *)(uintptr_t)WEIR_VERSION);
    if (self->parts.log != NULL)
        metrics_uncollect(store_metrics_collect, embedded_store(self->parts.log));
    worker_close(self->parts.worker);
    registry_host_close(&self->registry);
    embedded_close(self->parts.log);
    plugins_free(self->parts.plugins);
    *self = (host){0};
}
