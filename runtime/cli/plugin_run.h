/* plugin_run.h - the part of `weir plugin check` that runs a connector, in a process of its own.
 *
 * weir-kit, which lies beside this program, does it: a connector that crashes or hangs is a finding then, and
 * not the end of the check.
 */
#ifndef RUNTIME_CLI_PLUGIN_RUN_H
#define RUNTIME_CLI_PLUGIN_RUN_H

#include <stdbool.h>
#include <stddef.h>

/* Runs the source of a shared object, or with is_sink its sink, with settings "NAME=VALUE". Prints a line for
 * each finding. True when there is none. */
bool plugin_run(const char *path, bool is_sink, const char *const *settings, size_t count);

#endif
