/* cli.c - what the subcommands share. */
#include "runtime/cli/cli.h"

#include <locale.h>
#include <stdio.h>

int cli_fail(const char *command, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "weir %s: ", command);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return CLI_FAILED;
}

void cli_use_locale(void)
{
    locale_t own = newlocale(LC_CTYPE_MASK, "", NULL);

    if (own != NULL) /* else there is none of this name: it stays as it is */
        (void)uselocale(own);
}

void cli_parse(const struct argp *parser, int argc, char **argv, void *arguments)
{
    static char name[64]; /* argp keeps it for its messages */

    snprintf(name, sizeof(name), "weir %s", argv[0]);
    argv[0] = name;
    argp_err_exit_status = CLI_USAGE;
    (void)argp_parse(parser, argc, argv, 0, NULL, arguments); /* exits when the usage is wrong */
}
