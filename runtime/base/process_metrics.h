/* process_metrics.h - what this process takes of the machine, by the names that Prometheus' own clients use.
 *
 * Threads: any.
 */
#ifndef RUNTIME_BASE_PROCESS_METRICS_H
#define RUNTIME_BASE_PROCESS_METRICS_H

#include "weir/buf.h"

/* A metrics_collector; context is the program's version, a literal. */
void process_metrics_collect(void *version, weir_buf *page);

#endif
