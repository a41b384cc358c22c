/* worker_metrics.h - what a worker's connectors and tasks do, as metrics.
 *
 * The numbers are taken from the statuses when the page is made. Beside our own names stand those that
 * dashboards for Kafka Connect know. Threads: any.
 */
#ifndef RUNTIME_REST_WORKER_METRICS_H
#define RUNTIME_REST_WORKER_METRICS_H

#include "runtime/connect/worker.h"
#include "weir/buf.h"

/* A metrics_collector; context is the worker. */
void worker_metrics_collect(void *worker, weir_buf *page);

#endif
