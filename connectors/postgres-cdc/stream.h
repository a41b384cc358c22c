/* stream.h - takes changes from the replication slot as they are committed.
 *
 * Each commit is a checkpoint. The server sends whole transactions; what the offset says was delivered
 * before a restart is dropped. The slot is confirmed only up to what is durable in the log, and is
 * confirmed as well when nothing that is captured changes: then a checkpoint without records carries
 * the position.
 *
 * One thread; never waits longer than it is told.
 */
#ifndef POSTGRES_CDC_STREAM_H
#define POSTGRES_CDC_STREAM_H

#include "source.h"

/* Starts replication at the position. */
WEIR_MUST_CHECK weir_code stream_begin(source *self, weir_error *err);

WEIR_MUST_CHECK weir_code stream_poll(source *self, weir_batch *batch, int timeout_ms,
                                      weir_error *err);

/* Everything up to this position is durable: the server may forget it. */
WEIR_MUST_CHECK weir_code stream_confirm(source *self, uint64_t lsn, weir_error *err);

/* Tells the server that we are here, when it is time. */
WEIR_MUST_CHECK weir_code stream_keep_alive(source *self, weir_error *err);

void stream_end(source *self);

#endif
