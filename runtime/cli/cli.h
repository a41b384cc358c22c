/* cli.h - the subcommands of weir, and what they share.
 *
 * A subcommand gets its own name as argv[0], parses its options with argp, and returns the exit code of
 * the process: CLI_OK, CLI_FAILED with a message on standard error, CLI_USAGE for wrong options (argp exits
 * with it itself). What was asked for goes to standard output, all else to standard error.
 *
 * Threads: called by the main thread, before any other is there.
 */
#ifndef RUNTIME_CLI_CLI_H
#define RUNTIME_CLI_CLI_H

#include "weir/buf.h"

#include <argp.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

#define WEIR_VERSION         "0.1.0"
#define CLI_REST_ADDRESS     "127.0.0.1:8083"
#define CLI_REGISTRY_ADDRESS "127.0.0.1:8081"

int cli_control(int argc, char **argv); /* pause, resume, stop, restart */
int cli_log(int argc, char **argv);
int cli_offsets(int argc, char **argv);
int cli_plugin(int argc, char **argv);
int cli_registry(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_schema(int argc, char **argv);
int cli_server(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_validate(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Writes "weir COMMAND: message" to standard error and returns CLI_FAILED. */
int cli_fail(const char *command, const char *fmt, ...) WEIR_PRINTF(2, 3);

/* From here on letters are what the user's locale says, for tables: else they are taken for bytes, and written as
 * numbers. What is parsed later would depend on it. */
void cli_use_locale(void);

/* Runs an argp parser with our exit code for wrong usage and "weir COMMAND" as the program's name. */
void cli_parse(const struct argp *parser, int argc, char **argv, void *arguments);

#endif
