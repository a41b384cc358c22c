/* feed.h - the replication connection while it streams: what comes, what the server is told, and when.
 *
 * While there is a backlog, data is let gather in the socket: waking up for each row costs more than
 * decoding it. When the stream is sparse, each message is taken at once.
 *
 * libpq keeps the room that the largest message took; so the connection is made anew behind a very large
 * one, between two transactions. While the old one still holds the slot, nothing comes.
 *
 * One thread; waits no longer than it is told.
 */
#ifndef POSTGRES_CDC_FEED_H
#define POSTGRES_CDC_FEED_H

#include "connection.h"

#include "weir/task.h"

#define FEED_LARGE_BYTES (8u << 20) /* a message that is worth a new connection */

typedef struct feed {
    const settings *settings;
    PGconn **connection; /* the owner's, which is replaced */
    weir_str publications;
    bool binary;
    uint64_t received;  /* the server has sent everything up to here */
    uint64_t confirmed; /* durable: what the server was or will be told */
    bool confirm_due;
    bool starting;            /* the slot is not ours yet again */
    size_t largest_bytes;     /* of a message of this connection */
    int64_t give_up_ms;       /* while starting: until when */
    int64_t told_ms;          /* when the server was told last */
    int64_t heard_ms;         /* when something came last */
    int64_t polled_ms;        /* when we listened last */
    int64_t asked_ms;         /* when an answer was asked for; 0: not */
    int64_t silence_limit_ms; /* wal_sender_timeout; 0: none */
    int64_t tell_ms;          /* the server is told something at least this often */
    bool gathering;           /* SO_RCVLOWAT is set */
    int64_t window_us;        /* when counting messages began */
    int window_count;         /* messages since */
} feed;

/* Starts at a position. settings, connection, publications and binary are set. */
WEIR_MUST_CHECK weir_code feed_begin(feed *self, uint64_t lsn, int64_t silence_limit_ms,
                                     weir_error *err);

/* Begins anew with another connection, if that frees much memory. Nothing received may be wanted any more:
 * what follows the position comes again. */
WEIR_MUST_CHECK weir_code feed_renew(feed *self, uint64_t lsn, weir_error *err);

/* The same, to have all values as text from now on. */
WEIR_MUST_CHECK weir_code feed_ask_for_text(feed *self, uint64_t lsn, weir_error *err);

/* Tries again to get the slot, when it was not free. */
WEIR_MUST_CHECK weir_code feed_start_again(feed *self, uint64_t lsn, int timeout_ms,
                                           weir_error *err);

/* Takes one message; *message is libpq's memory, NULL when none has come. The caller frees it. */
WEIR_MUST_CHECK weir_code feed_take(feed *self, char **message, size_t *size, weir_error *err);

/* Nothing has come: waits for more. False when it is time to return. eager: what has come is worth to be
 * returned at once. */
bool feed_wait(feed *self, bool eager, int64_t deadline_ms);

/* Tells the server that we are here; when it is time, or in any case. */
WEIR_MUST_CHECK weir_code feed_keep_alive(feed *self, weir_error *err);
WEIR_MUST_CHECK weir_code feed_tell(feed *self, bool wants_answer, weir_error *err);

/* Everything up to here is durable. */
WEIR_MUST_CHECK weir_code feed_confirm(feed *self, uint64_t lsn, weir_error *err);

/* A network that swallows everything looks like a server that has nothing to say. As the server gives up
 * after wal_sender_timeout without a word from us, so do we: after half of it the server is asked to answer, and
 * has a whole one for that, because one that decodes a large transaction of tables that are not captured looks up
 * only each half. heard: something has come since the last call, or nobody listened. */
WEIR_MUST_CHECK weir_code feed_check_silence(feed *self, bool heard, weir_error *err);

#endif
