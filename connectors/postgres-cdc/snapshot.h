/* snapshot.h - reads the rows that are there, under one consistent state of the database.
 *
 * The tables are read one after the other, in the order of their names, each by one binary COPY. What is
 * complete is in the offset. After a crash the tables that are not complete are read again, under a new
 * state of the database; the changes between the slot's position and that state come again from the
 * stream and put right what was read.
 *
 * One thread; never waits longer than it is told.
 */
#ifndef POSTGRES_CDC_SNAPSHOT_H
#define POSTGRES_CDC_SNAPSHOT_H

#include "source.h"

/* Opens the reading connection and enters the exported snapshot, or a new one when there is none. */
WEIR_MUST_CHECK weir_code snapshot_begin(source *self, weir_error *err);

/* Adds rows until the batch is full or nothing has come for the time. *done: all tables are read, and
 * the position says so. */
WEIR_MUST_CHECK weir_code snapshot_poll(source *self, weir_batch *batch, int timeout_ms, bool *done,
                                        weir_error *err);

/* Also after a snapshot_begin that failed. */
void snapshot_end(source *self);

#endif
