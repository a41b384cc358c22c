/* worker_backend.h - a worker and its plugins behind the REST API.
 *
 * Threads: any; the worker does the locking.
 */
#ifndef RUNTIME_REST_WORKER_BACKEND_H
#define RUNTIME_REST_WORKER_BACKEND_H

#include "runtime/connect/worker.h"
#include "runtime/rest/backend.h"

#include <stdatomic.h>

typedef struct worker_backend {
    worker *worker;
    plugins *plugins;
    log *log;
    atomic_bool started; /* set when all of the above is there, and not before */
} worker_backend;

/* The table over self, which outlives it. */
rest_backend worker_backend_table(worker_backend *self);

#endif
