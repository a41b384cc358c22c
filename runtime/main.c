/* main.c - the table of subcommands. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* Who was started without one of the standard files would get its number for the next file that he opens, and write
 * diagnostics into the log. What stands in for it fails when it is used, as a closed one would. */
static void hold_standard_files(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
            _exit(CLI_FAILED); /* there is nowhere to say so */
}

/* What was asked for has to arrive: not so on a full disk, say. */
static int finish(int exit_code)
{
    if ((fflush(stdout) == 0 && ferror(stdout) == 0) || exit_code != CLI_OK)
        return exit_code;
    fprintf(stderr, "weir: the output cannot be written: %s\n", strerror(errno));
    return CLI_FAILED;
}

int main(int argc, char **argv)
{
    static char version[] = "version";

    hold_standard_files();

    if (argc < 2)
        return usage(stderr, CLI_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return finish(usage(stdout, CLI_OK));
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    fprintf(stderr, "weir: unknown command \"%s\"\n", argv[1]);
    return usage(stderr, CLI_USAGE);
}
