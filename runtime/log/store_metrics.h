/* store_metrics.h - what a log holds, as metrics.
 *
 * Threads: any.
 */
#ifndef RUNTIME_LOG_STORE_METRICS_H
#define RUNTIME_LOG_STORE_METRICS_H

#include "runtime/log/store.h"
#include "weir/buf.h"

/* A metrics_collector (runtime/base/metrics.h); context is the store. */
void store_metrics_collect(void *store, weir_buf *page);

#endif
