/* main.c - the table of subcommands. */
#include "runtime/cli/cli.h"

#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {"run", "runs pipelines until their sources end, showing what they do", cli_run},
    {"server", "runs a worker with a REST API", cli_server},
    {"registry", "runs a schema registry alone", cli_registry},
    {"validate", "tells all that is wrong with pipeline files", cli_validate},
    {"status", "shows the connectors of a running worker", cli_status},
    {"pause", "pauses connectors of a running worker", cli_control},
    {"resume", "resumes connectors that were paused or stopped", cli_control},
    {"stop", "stops connectors of a running worker", cli_control},
    {"restart", "restarts connectors and their tasks", cli_control},
    {"offsets", "shows, sets or forgets a connector's offsets", cli_offsets},
    {"plugin", "lists, describes, checks connectors, and begins new ones", cli_plugin},
    {"log", "checks a log, or prints a topic", cli_log},
    {"schema", "asks a schema registry: list, get, register, check, diff", cli_schema},
    {"version", "prints the version", cli_version},
};

static int usage(FILE *out, int exit_code)
{
    fputs("usage: weir COMMAND ...      (weir COMMAND --help says more)\n\n", out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    return exit_code;
}

int main(int argc, char **argv)
{
    static char version[] = "version";

    if (argc < 2)
        return usage(stderr, CLI_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, CLI_OK);
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "weir: unknown command \"%s\"\n", argv[1]);
    return usage(stderr, CLI_USAGE);
}
