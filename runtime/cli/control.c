/* control.c - `weir pause|resume|stop|restart CONNECTOR…`, over a running worker's REST API. */
#include "runtime/cli/cli.h"
#include "runtime/cli/client.h"

#include <stdio.h>
#include <string.h>

typedef struct action {
    const char *name, *method, *behind, *done, *doc;
} action;

static const action actions[] = {
    {"pause", "PUT", "/pause", "paused", "Pauses connectors: their tasks stay, and take nothing."},
    {"resume", "PUT", "/resume", "resumed", "Resumes connectors that were paused or stopped."},
    {"stop", "PUT", "/stop", "stopped",
     "Stops connectors: their tasks end; their offsets can be changed then."},
    {"restart", "POST", "/restart?includeTasks=true&onlyFailed=", "restarted",
     "Restarts connectors and their tasks."},
};

typedef struct arguments {
    client client;
    bool only_failed;
} arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;

    (void)value;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &args->client;
        return 0;
    case 'f':
        args->only_failed = true;
        return 0;
    case ARGP_KEY_END: /* ARGP_KEY_NO_ARGS would come always: the child takes the arguments */
        if (args->client.count == 0)
            argp_error(state, "which connector?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run(const action *what, const arguments *args)
{
    int result = CLI_OK;

    for (size_t i = 0; i < args->client.count; i++) {
        weir_buf target = {0};
        json_t *answer = NULL;

        client_connector_target(&target, args->client.names[i], what->behind);
        if (strcmp(what->name, "restart") == 0)
            weir_buf_printf(&target, "%s", args->only_failed ? "true" : "false");
        if (!client_ask(&args->client, what->method, weir_buf_cstr(&target), (weir_str){0},
                        &answer))
            result = CLI_FAILED;
        else if (args->client.json)
            client_print(answer);
        else
            printf("%s %s\n", args->client.names[i], what->done);
        if (result == CLI_OK && !args->client.json)
            json_decref(answer);
        weir_buf_done(&target);
    }
    return result;
}

int cli_control(int argc, char **argv)
{
    static const struct argp_option restart_options[] = {
        {"only-failed", 'f', NULL, 0, "Leave alone what runs", 0}, {0}};
    static const struct argp_option no_options[] = {{0}};
    static const struct argp_child children[] = {{&client_argp, 0, NULL, 0}, {0}};
    const action *what = actions;
    arguments args = {0};
    struct argp parser;

    while (strcmp(what->name, argv[0]) != 0)
        what++; /* main has found the name in its own table */
    parser = (struct argp){strcmp(what->name, "restart") == 0 ? restart_options : no_options,
                           parse_option,
                           "CONNECTOR...",
                           what->doc,
                           children,
                           NULL,
                           NULL};
    client_init(&args.client, what->name);
    cli_parse(&parser, argc, argv, &args);
    return run(what, &args);
}
