/* main.c - the table of subcommands. */
#include <stdio.h>
#include <string.h>

#define WEIR_VERSION "0.1.0"

typedef struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} command;

static int run_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("weir " WEIR_VERSION);
    return 0;
}

static const command commands[] = {
    {"version", "prints the version", run_version},
};

static int usage(FILE *out, int exit_code)
{
    fputs("usage: weir COMMAND ...\n\n", out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    return exit_code;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "weir: unknown command \"%s\"\n", argv[1]);
    return usage(stderr, 2);
}
