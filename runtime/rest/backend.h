/* backend.h - what the REST API asks of a worker.
 *
 * The resources know HTTP and the shapes of Kafka Connect's JSON; what stands behind them is this table.
 * runtime/rest/worker_backend.h binds it to a worker, tests bind it to a fake.
 *
 * Values that are returned belong to the caller. Names are never NULL. Threads: the functions are called
 * by several threads at a time.
 */
#ifndef RUNTIME_REST_BACKEND_H
#define RUNTIME_REST_BACKEND_H

#include "weir/base.h"

#include <jansson.h>

/* How a command ended: the HTTP status to answer with; the message is in the error. */
typedef enum rest_result {
    REST_OK = 200,
    REST_BAD_REQUEST = 400,
    REST_NOT_FOUND = 404,
    REST_CONFLICT = 409,
    REST_FAILED = 500,
} rest_result;

typedef struct rest_backend {
    void *context;

    /* An array of the names of all connectors, sorted. */
    json_t *(*names)(void *context);
    /* The settings of a connector, an object of texts, secrets included; NULL: no such connector. */
    json_t *(*config)(void *context, const char *name);
    /* {"name","connector":{"state","worker_id"},"tasks":[{"id","state","worker_id"}],"type"}; NULL: no
     * such connector. */
    json_t *(*status)(void *context, const char *name);
    /* [{"id":{"connector","task"},"config":{…}}]; NULL: no such connector. */
    json_t *(*tasks)(void *context, const char *name);
    /* The names of the topics a connector has used; NULL: no such connector. */
    json_t *(*topics)(void *context, const char *name);

    /* Makes a connector or gives it new settings. target is "RUNNING", "PAUSED", "STOPPED" or, to leave
     * it as it is, NULL. must_be_new: REST_CONFLICT when there is one of this name. */
    rest_result (*put)(void *context, const char *name, const json_t *config, const char *target,
                       bool must_be_new, weir_error *err);
    rest_result (*remove)(void *context, const char *name, weir_error *err);
    rest_result (*set_target)(void *context, const char *name, const char *target, weir_error *err);
    /* task -1: the connector and, as asked for, its tasks. */
    rest_result (*restart)(void *context, const char *name, int task, bool include_tasks,
                           bool only_failed, weir_error *err);

    /* [{"partition":{…},"offset":{…}}] */
    rest_result (*offsets)(void *context, const char *name, json_t **out, weir_error *err);
    /* Sets the offsets in the array; NULL forgets all. */
    rest_result (*alter_offsets)(void *context, const char *name, const json_t *offsets,
                                 weir_error *err);

    /* [{"class","type","version"}]; connectors alone, or transforms and converters too. */
    json_t *(*plugins)(void *context, bool connectors_only);
    /* [{"name","type","required",…}], the definitions of a plugin's settings; NULL: no such plugin. */
    json_t *(*plugin_config)(void *context, const char *plugin);
    /* {"name","error_count","groups","configs"} */
    rest_result (*validate)(void *context, const char *plugin, const json_t *config, json_t **out,
                            weir_error *err);
    /* True when this setting is a secret for the plugin that the settings name. */
    bool (*is_secret)(void *context, const json_t *config, const char *setting);

    /* A UUID as text. */
    const char *(*log_id)(void *context);
    /* True when the log was replayed and all connectors were brought back; *reason is a literal if not. Until
     * then nothing else in this table is called. */
    bool (*is_ready)(void *context, const char **reason);
} rest_backend;

#endif
