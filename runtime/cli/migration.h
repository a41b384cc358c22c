/* migration.h - `weir schema check-migration`: which subjects would break if a script changed what a connector
 * captures.
 *
 * Threads: the main thread.
 */
#ifndef RUNTIME_CLI_MIGRATION_H
#define RUNTIME_CLI_MIGRATION_H

#include "runtime/base/http_client.h"
#include "runtime/connect/rehearsal.h"

/* NULL where nothing is said. */
typedef struct migration_arguments {
    http_client_options
        registry; /* url NULL: where the connector's converters say, else the usual place */
    bool json;
    const char *source;      /* the connector's name */
    const char *scratch;     /* where the script is tried out */
    const char *pipeline;    /* a file with the connector in it; NULL: a worker is asked */
    const char *rest;        /* of that worker */
    const char *plugins;     /* a folder */
    const char *script_name; /* for messages */
    weir_str script;
} migration_arguments;

/* Returns the exit code of the process: CLI_OK when nothing breaks, CLI_FAILED when something does, or when that
 * could not be found out, with a message on standard error. */
int migration_check(const migration_arguments *args);

/* --- Inside ----------------------------------------------------------------------------------- */

/* A connector's settings, out of a file or a worker. `migration_connector c = {0};` is empty. */
typedef struct migration_connector {
    weir_task memory;
    config_setting *settings;
    size_t count;
} migration_connector;

/* False, with the message written. */
bool migration_connector_read(const migration_arguments *args, plugins *plugins,
                              migration_connector *out);
void migration_connector_done(migration_connector *self);

#endif
