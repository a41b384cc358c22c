/* stream_change.h - what becomes of one change in a stream: dropped, or written as records, and where that leaves
 * the position.
 *
 * One thread.
 */
#ifndef POSTGRES_CDC_STREAM_CHANGE_H
#define POSTGRES_CDC_STREAM_CHANGE_H

#include "announced.h"
#include "feed.h"
#include "missing.h"
#include "source.h"

/* The state of a stream; stream.c owns it. */
struct stream {
    feed feed;
    announced announced;
    pgoutput_decoder decoder;
    missing missing; /* of the message that is being delivered */

    char *buffer; /* the message that is being delivered: libpq's memory */
    size_t buffer_size;
    pgoutput_message message;
    uint64_t message_lsn;
    bool pending; /* the message is not delivered completely */
    int step;     /* of its records */
    int64_t
        unseen_ms; /* since when its transaction is waited for, to be seen by others; 0: it is not */
    uint32_t truncated; /* of its relations */

    bool in_transaction;
    uint64_t final_lsn;
    uint64_t change_lsn;                    /* of the last change that was seen */
    int64_t same_index;                     /* changes of that LSN so far */
    int64_t order;                          /* changes of the transaction so far */
    int64_t uncommitted, uncommitted_bytes; /* changes since the last checkpoint */

    int64_t checkpoint_ms;                              /* when the position was written last */
    int64_t heartbeat_ms;                               /* when the last heartbeat was written */
    const weir_schema *heartbeat_key, *heartbeat_value; /* NULL: there are none */
};

/* Counts the change that has come, and says whether it was delivered before. */
bool stream_change_is_old(source *self);

/* Delivers the pending change; it stays pending when the batch is full. */
WEIR_MUST_CHECK weir_code stream_change_deliver(source *self, weir_batch *batch, weir_error *err);

/* Writes the position; everything so far becomes durable with it. */
void stream_checkpoint(source *self, weir_batch *batch);

/* The same in the middle of a transaction: the rest of it follows behind what was delivered. */
void stream_checkpoint_inside(source *self, weir_batch *batch);

#endif
