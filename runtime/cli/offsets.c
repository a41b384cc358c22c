/* offsets.c - `weir offsets CONNECTOR`: shows a connector's offsets, sets them, or forgets them. */
#include "runtime/cli/cli.h"
#include "runtime/cli/client.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    client client;
    const char *set; /* a file, "-" is standard input */
    bool reset;
} arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &args->client;
        return 0;
    case 's':
        args->set = value;
        return 0;
    case 'x':
        args->reset = true;
        return 0;
    case ARGP_KEY_END:
        if (args->client.count != 1)
            argp_error(state, "which connector? (one)");
        if (args->reset && args->set != NULL)
            argp_error(state, "--set and --reset exclude each other");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static json_t *read_json(const char *path, json_error_t *error)
{
    return strcmp(path, "-") == 0 ? json_loadf(stdin, 0, error) : json_load_file(path, 0, error);
}

/* {"partition":…,"offset":…}, one a line. */
static void print_offsets(const json_t *answer)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(answer, "offsets"), i, item)
    {
        (void)json_dumpf(item, stdout, JSON_COMPACT | JSON_SORT_KEYS); /* as good as printf */
        putchar('\n');
    }
}

static int show(const arguments *args, const char *target)
{
    json_t *answer;

    if (!client_ask(&args->client, "GET", target, (weir_str){0}, &answer))
        return CLI_FAILED;
    if (args->client.json) {
        client_print(answer);
        return CLI_OK;
    }
    print_offsets(answer);
    json_decref(answer);
    return CLI_OK;
}

static int change(const arguments *args, const char *target)
{
    json_error_t error;
    json_t *offsets = NULL, *answer = NULL;
    char *text = NULL;
    bool done;

    if (!args->reset) {
        offsets = read_json(args->set, &error);
        if (offsets == NULL)
            return cli_fail("offsets", "%s: %s (line %d)", args->set, error.text, error.line);
        text = json_dumps(offsets, JSON_COMPACT);
        json_decref(offsets);
    }
    done = client_ask(&args->client, args->reset ? "DELETE" : "PATCH", target, weir_cstr(text),
                      &answer);
    free(text);
    if (done && args->client.json)
        client_print(answer);
    else if (done) {
        const char *message = json_string_value(json_object_get(answer, "message"));

        puts(message != NULL ? message : "done");
        json_decref(answer);
    }
    return done ? CLI_OK : CLI_FAILED;
}

int cli_offsets(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"set", 's', "FILE", 0, "Set the offsets in FILE, in the form that --json prints", 0},
        {"reset", 'x', NULL, 0, "Forget all offsets: the connector begins again", 0},
        {0},
    };
    static const struct argp_child children[] = {{&client_argp, 0, NULL, 0}, {0}};
    static const struct argp parser = {
        options,     parse_option,
        "CONNECTOR", "Shows a connector's offsets. To change them, the connector must be stopped.",
        children,    NULL,
        NULL};
    arguments args = {0};
    weir_buf target = {0};
    int result;

    client_init(&args.client, "offsets");
    cli_parse(&parser, argc, argv, &args);
    client_connector_target(&target, args.client.names[0], "/offsets");
    if (args.set == NULL && !args.reset)
        result = show(&args, weir_buf_cstr(&target));
    else
        result = change(&args, weir_buf_cstr(&target));
    weir_buf_done(&target);
    return result;
}
