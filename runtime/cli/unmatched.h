/* unmatched.h - sinks that read no topic: nobody made one that their `topics` name.
 *
 * Threads: the main thread.
 */
#ifndef RUNTIME_CLI_UNMATCHED_H
#define RUNTIME_CLI_UNMATCHED_H

#include "runtime/connect/worker.h"
#include "runtime/pipeline/pipeline.h"

/* Writes a warning for each sink that reads no topic, with what it asks for and what there is. False, with err, when
 * one of them asks for topics by name and there are others: then a name is wrong, where a pattern may be for what is
 * yet to come, and without any topic nothing has come at all. */
bool unmatched_tell(worker *running, log *backend, const pipeline_set *set, weir_error *err);

#endif
