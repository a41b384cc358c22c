/* copy_reader.h - one connection of a snapshot: statements and binary COPY, without waiting for either.
 *
 * A statement is sent, then its result is asked for until it is there. That of a COPY is followed by rows,
 * each in memory of its own, which the caller gives back.
 *
 * One thread. copy_reader_done takes one that was never opened.
 */
#ifndef POSTGRES_CDC_COPY_READER_H
#define POSTGRES_CDC_COPY_READER_H

#include "connection.h"

typedef struct copy_row {
    char *memory; /* libpq's; NULL: there is no row */
    weir_str row; /* the tuple in it */
} copy_row;

typedef enum copy_state {
    COPY_IDLE,
    COPY_ASKED, /* a statement was sent */
    COPY_ROWS,  /* rows come */
} copy_state;

typedef struct copy_reader {
    PGconn *connection;
    copy_state state;
} copy_reader;

/* Connects, and begins a transaction in the exported snapshot, or in a new one when it is empty. */
WEIR_MUST_CHECK weir_code copy_reader_open(copy_reader *self, const settings *config,
                                           weir_str snapshot, weir_error *err);
void copy_reader_done(copy_reader *self);

WEIR_MUST_CHECK weir_code copy_reader_send(copy_reader *self, const char *sql, weir_error *err);

/* *result: NULL while it has not come. The caller clears it. It is of a query, or says that rows follow. */
WEIR_MUST_CHECK weir_code copy_reader_result(copy_reader *self, PGresult **result, weir_error *err);

/* Takes one row, if one has come. When the last was taken, the reader is idle again. */
WEIR_MUST_CHECK weir_code copy_reader_row(copy_reader *self, copy_row *row, weir_error *err);

/* Gives the row's memory back; also one without. */
void copy_row_done(copy_row *row);

#endif
