/* server.c - `weir server`: a worker that runs what is deployed over REST, until it is told to end. */
#include "runtime/base/diag.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/host.h"
#include "runtime/cli/signals.h"

#include <stdio.h>

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    (void)value;
    if (key == ARGP_KEY_INIT)
        state->child_inputs[0] = state->input;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "there is nothing to name but options");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* The ports too: the system chose them when an address says 0. */
static void say_ready(const options *wanted, const host *running)
{
    const http_server *rest = running->server, *schemas = running->registry.server;
    char port[16];

    if (schemas != NULL) {
        snprintf(port, sizeof(port), "%d", http_server_port(schemas));
        diag_with(
            WEIR_INFO,
            (diag_pair[]){{"registry", weir_cstr(wanted->registry)}, {"port", weir_cstr(port)}}, 2,
            "the schema registry is ready");
    }
    snprintf(port, sizeof(port), "%d", rest != NULL ? http_server_port(rest) : 0);
    diag_with(WEIR_INFO,
              (diag_pair[]){{"data", weir_cstr(wanted->data)},
                            {"rest", weir_cstr(wanted->rest)},
                            {"port", weir_cstr(port)}},
              rest != NULL ? 3 : 2, "ready");
}

int cli_server(int argc, char **argv)
{
    static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
    static const struct argp parser = {
        NULL,     parse_option, NULL, "Runs a worker with the log in DIR until SIGINT or SIGTERM.",
        children, NULL,         NULL};
    options wanted;
    host running;
    weir_error err;
    int signals;

    options_init(&wanted);
    cli_parse(&parser, argc, argv, &wanted);
    if (wanted.data[0] == '\0') {
        (void)cli_fail("server", "--data DIR is missing: where shall the log be kept?");
        return CLI_USAGE;
    }
    if (wanted.registry[0] == '\0')
        snprintf(wanted.registry, sizeof(wanted.registry), "%s", CLI_REGISTRY_ADDRESS);
    if (options_apply(&wanted, &err) != WEIR_OK) {
        (void)cli_fail("server", "%s", err.message);
        return CLI_USAGE;
    }
    if (signals_open(&signals, &err) != WEIR_OK ||
        host_open(&wanted, plugins_new(wanted.plugins), &running, &err) != WEIR_OK)
        return cli_fail("server", "%s", err.message);
    say_ready(&wanted, &running);
    while (!signals_wait(signals, -1)) {
        /* poll was interrupted: by SIGSTOP and SIGCONT, say */
    }
    diag(WEIR_INFO, "stopping");
    host_close(&running);
    return CLI_OK;
}
