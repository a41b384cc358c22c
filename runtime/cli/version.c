/* version.c - `weir version`. */
#include "runtime/cli/cli.h"

#include <stdio.h>

typedef struct arguments {
    bool json;
} arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;

    (void)value;
    if (key != 'j')
        return ARGP_ERR_UNKNOWN;
    args->json = true;
    return 0;
}

int cli_version(int argc, char **argv)
{
    static const struct argp_option options[] = {{"json", 'j', NULL, 0, "Print JSON", 0}, {0}};
    static const struct argp parser = {options, parse_option, NULL, "Prints the version.",
                                       NULL,    NULL,         NULL};
    arguments args = {0};

    cli_parse(&parser, argc, argv, &args);
    puts(args.json ? "{\"version\":\"" WEIR_VERSION "\"}" : "weir " WEIR_VERSION);
    return CLI_OK;
}
