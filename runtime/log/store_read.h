/* store_read.h - reading a store: whole batches from an offset on, and waiting for more.
 *
 * Threads: any; a cursor and a watch belong to one reader.
 */
#ifndef RUNTIME_LOG_STORE_READ_H
#define RUNTIME_LOG_STORE_READ_H

#include "runtime/log/store.h"

typedef struct store_watch store_watch;

int64_t store_start_offset(store_partition *partition); /* the first that is still there */
int64_t store_end_offset(store_partition *partition);   /* the next one; all below can be read */
int64_t store_size_bytes(store_partition *partition);   /* of all its segments, tail included */

/* Where the last read ended, so that the next one need not search. `store_cursor c = {0}`; may be used
 * with any offset. Belongs to the reader. */
typedef struct store_cursor {
    int64_t segment_base;
    int64_t position;
    int64_t offset; /* behind what was read: where the next read goes on */
    uint64_t epoch; /* of the partition's segments; 0: nothing known */
} store_cursor;

/* Adds whole batches to out, from the one that holds offset on (or the next higher one that is there):
 * as many as fit into max_bytes, at least one. WEIR_OK with nothing added at the end. WEIR_REJECT: offset
 * is below the start or above the end; the message names both. WEIR_FATAL: damaged, with file and
 * position. CRCs of batches are checked. */
WEIR_MUST_CHECK weir_code store_read(store_partition *partition, int64_t offset, size_t max_bytes,
                                     store_cursor *cursor, weir_buf *out, weir_error *err);

/* As log_offset_at_time. */
WEIR_MUST_CHECK weir_code store_offset_at_time(store_partition *partition, int64_t timestamp_ms,
                                               int64_t *offset, weir_error *err);

/* Waits for new data in any of some partitions. add and remove: by the owner. */
store_watch *store_watch_new(store *store);
void store_watch_free(store_watch *watch);
void store_watch_add(store_watch *watch, store_partition *partition);
void store_watch_remove(store_watch *watch, store_partition *partition);
/* True when something was committed, deleted or woken since the last call, at once or within timeout_ms.
 * Manual mode: only looks. */
bool store_watch_wait(store_watch *watch, int timeout_ms);
void store_watch_wake(store_watch *watch);

#endif
