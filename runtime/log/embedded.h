/* embedded.h - the log of records (log.h) over a store in this process (store.h).
 *
 * What it adds to the store: records into batches and back, compression, writers with epochs, and the
 * background work of retention and compaction. The epoch of a writer's id is kept in the log and grows with
 * every opening; what an older writer of this process still has under way ends before the new one is open.
 *
 * Threads: as log.h says.
 */
#ifndef RUNTIME_LOG_EMBEDDED_H
#define RUNTIME_LOG_EMBEDDED_H

#include "runtime/log/log.h"
#include "runtime/log/store.h"

/* Opens the store of these options; tend and tend_context are set here and may be left out. Errors are
 * store_open's. */
WEIR_MUST_CHECK weir_code embedded_open(const store_options *options, log **out, weir_error *err);
/* All writers and readers were closed. NULL is fine. */
void embedded_close(log *log);

/* The store below, for tools, the Kafka listener and metrics. */
store *embedded_store(log *log);

/* How often a writer was opened with its id, this time included; 0 without an id. */
int64_t embedded_writer_epoch(const log_writer *writer);

#endif
