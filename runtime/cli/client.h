/* client.h - asks a running worker over its REST API, for the commands that do no more than that.
 *
 * Threads: the main thread.
 */
#ifndef RUNTIME_CLI_CLIENT_H
#define RUNTIME_CLI_CLIENT_H

#include "weir/buf.h"

#include <argp.h>
#include <jansson.h>

enum { CLIENT_NAMES = 64 };

/* The options that all of these commands have, as an argp child, and the names behind them. */
typedef struct client {
    const char *command; /* "pause": for messages */
    const char *rest;
    bool json;
    size_t count;
    const char *names[CLIENT_NAMES];
} client;

extern const struct argp client_argp;

void client_init(client *self, const char *command);

/* Sends a request; *out, when out is not NULL, gets the JSON of the answer, which the caller owns, or NULL
 * when it has no body. False, with the message written to standard error, when it did not succeed. */
bool client_ask(const client *self, const char *method, const char *target, weir_str body,
                json_t **out);

/* Adds "/connectors/NAME" and what is behind it to a target. */
void client_connector_target(weir_buf *target, const char *name, const char *behind);

/* Prints a value as JSON, indented, and frees it. */
void client_print(json_t *take_value);

#endif
