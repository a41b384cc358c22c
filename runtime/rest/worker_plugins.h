/* worker_plugins.h - what a worker can deploy, as Kafka Connect describes and checks it.
 *
 * Functions of the table in backend.h, which says what they do; context is a worker_backend. Threads: any.
 */
#ifndef RUNTIME_REST_WORKER_PLUGINS_H
#define RUNTIME_REST_WORKER_PLUGINS_H

#include "runtime/rest/worker_backend.h"

/* The settings of an object of texts; they point into it. Freed with free(). */
config_setting *worker_plugins_settings(const json_t *config, size_t *count);

json_t *worker_plugins_list(void *context, bool connectors_only);
json_t *worker_plugins_config(void *context, const char *name);
rest_result worker_plugins_validate(void *context, const char *name, const json_t *given,
                                    json_t **out, weir_error *err);
bool worker_plugins_is_secret(void *context, const json_t *given, const char *setting);

#endif
