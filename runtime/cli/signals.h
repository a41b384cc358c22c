/* signals.h - SIGINT and SIGTERM as a file descriptor: the main thread waits for them with poll.
 *
 * A second one ends the process at once: for when stopping takes too long.
 *
 * Threads: signals_open by the main thread before others are made, so that all inherit the mask.
 */
#ifndef RUNTIME_CLI_SIGNALS_H
#define RUNTIME_CLI_SIGNALS_H

#include "weir/base.h"

/* Blocks the signals and returns the descriptor that becomes readable instead. SIGPIPE is ignored: a
 * connection that is gone is an error of its write. */
WEIR_MUST_CHECK weir_code signals_open(int *fd, weir_error *err);

/* Waits at most timeout_ms (-1: for ever) for a signal; true when one came. From then on the next one ends
 * the process. */
bool signals_wait(int fd, int timeout_ms);

#endif
