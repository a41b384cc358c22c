/* status.h - the states of connectors and tasks, in the log: topic __weir_status.
 *
 * One record for each connector and each task, in Kafka Connect's format: the keys status-connector-NAME and
 * status-task-NAME-NUMBER, and a JSON object of state, trace, worker_id, generation and version; beside these,
 * what the restart policy must still know after a crash. The last record of a key is its state.
 *
 * Writing waits for nothing: what was put is sent when the commit before it has ended, and of several changes
 * meanwhile only the last. A status may therefore be some milliseconds older than what it tells of; it never
 * holds up the work.
 *
 * Belongs to one thread.
 */
#ifndef RUNTIME_CONNECT_STATUS_H
#define RUNTIME_CONNECT_STATUS_H

#include "runtime/log/log.h"

#define STATUS_TOPIC     WEIR_STR("__weir_status")
#define STATUS_CONNECTOR (-1) /* as a task's number: the connector itself */

typedef struct status_store status_store;

typedef struct status_record {
    weir_str state;     /* "RUNNING", ... */
    weir_str trace;     /* why it does not run; len 0: none */
    weir_str worker_id; /* of who wrote it */
    weir_str version;   /* of the connector */
    int64_t generation; /* of who wrote it: grows with each start of a worker; set by status_put */
    int64_t restart_count; /* automatic restarts, ever */
    int64_t failure_count; /* failures since something was committed: the back-off goes on there */
    weir_str last_error;   /* kept when it runs again; len 0: none */
    int64_t failed_at_ms;  /* when that was */
} status_record;

/* Makes the topic when it is not there, and replays it. */
WEIR_MUST_CHECK weir_code status_open(log *log, status_store **out, weir_error *err);
void status_close(status_store *store);

/* Notes a state. Nothing happens when it is what was noted last. */
void status_put(status_store *store, weir_str connector, int task, const status_record *put);
/* Notes that a connector is gone, with its tasks from number first_task on; STATUS_CONNECTOR: altogether. */
void status_remove(status_store *store, weir_str connector, int first_task);
/* What was noted last; texts live until the next call of any function. False when there is nothing. */
bool status_get(status_store *store, weir_str connector, int task, status_record *out);

/* Sends what was noted, unless a commit is under way. True: call it again soon. */
bool status_send(status_store *store);
/* Sends everything and waits until it is durable, for at most timeout_ms. */
void status_flush(status_store *store, int timeout_ms);

#endif
