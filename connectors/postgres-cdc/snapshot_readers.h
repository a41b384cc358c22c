/* snapshot_readers.h - the connections of a snapshot, which read ranges of a table side by side.
 *
 * All are in the same state of the database. Each takes the next range that waits when it has none.
 *
 * One thread. snapshot_readers_done takes one that was never opened, or half.
 */
#ifndef POSTGRES_CDC_SNAPSHOT_READERS_H
#define POSTGRES_CDC_SNAPSHOT_READERS_H

#include "copy_reader.h"
#include "snapshot_table.h"

typedef struct range_reader {
    copy_reader copy;
    size_t range; /* what it reads, unless it is idle */
} range_reader;

typedef struct snapshot_readers {
    const settings *settings;
    weir_task *task;
    range_reader list[SETTINGS_SNAPSHOT_THREADS_MAX];
    size_t count;
    bool has_lock; /* one of them began to read the table, which nobody can alter from then on */
} snapshot_readers;

/* Enters the exported state, or a new one when the name is empty. */
WEIR_MUST_CHECK weir_code snapshot_readers_open(snapshot_readers *self, const settings *config,
                                                weir_task *task, weir_str exported,
                                                weir_error *err);
void snapshot_readers_done(snapshot_readers *self);

/* The same state in new connections, without the room that very large rows took. All are idle. */
WEIR_MUST_CHECK weir_code snapshot_readers_renew(snapshot_readers *self, weir_error *err);

/* One step of a reader. `row` gets the next row, if one has come; *ended: a range has no more. */
WEIR_MUST_CHECK weir_code snapshot_readers_step(snapshot_readers *self, range_reader *reader,
                                                snapshot_table *ranges, copy_row *row, bool *ended,
                                                weir_error *err);

/* False: nothing has come until the deadline. */
bool snapshot_readers_wait(const snapshot_readers *self, int64_t deadline_ms);

#endif
