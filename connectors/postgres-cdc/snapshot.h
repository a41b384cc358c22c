/* snapshot.h - reads the rows that are there, under one consistent state of the database.
 *
 * The tables are read one after the other, in the order of their names. A large one is cut into ranges of
 * its primary key, which snapshot.max.threads connections read side by side, all in the same state. Each
 * range is one binary COPY. What is complete, tables and ranges, is in the offset: after a crash the rest is
 * read under a new state, and the changes between the slot's position and that state come again from
 * the stream and put right what was read.
 *
 * Where no change can put a row right, because the table has no key or its deletes are not published, the
 * table is read whole again, behind an event that empties it (docs/decisions/0003-keyless-snapshot.md).
 *
 * One thread; never waits longer than it is told.
 */
#ifndef POSTGRES_CDC_SNAPSHOT_H
#define POSTGRES_CDC_SNAPSHOT_H

#include "source.h"

/* Whether the offset calls the table complete: its name is not behind that of the last one. */
bool snapshot_is_done(source *self, const catalog_table *table);

/* Opens the reading connections and enters the exported snapshot, or a new one when there is none. */
WEIR_MUST_CHECK weir_code snapshot_begin(source *self, weir_error *err);

/* Adds rows until the batch is full or nothing has come for the time. *done: all tables are read, and
 * the position says so. */
WEIR_MUST_CHECK weir_code snapshot_poll(source *self, weir_batch *batch, int timeout_ms, bool *done,
                                        weir_error *err);

/* Also after a snapshot_begin that failed. */
void snapshot_end(source *self);

#endif
