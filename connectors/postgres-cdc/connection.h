/* connection.h - connections to the server: opening, queries, and what their errors mean.
 *
 * Two kinds: one that speaks the replication protocol and one for plain SQL. Both print every value in
 * the form that the decoders expect. A failure is classified: what passes by itself is WEIR_RETRY,
 * what somebody must change is WEIR_FATAL with the remedy in the message.
 *
 * A connection belongs to one thread; connection_close takes NULL.
 */
#ifndef POSTGRES_CDC_CONNECTION_H
#define POSTGRES_CDC_CONNECTION_H

#include "settings.h"

typedef struct pg_conn PGconn;     /* libpq-fe.h */
typedef struct pg_result PGresult; /* libpq-fe.h */

/* What decides how the server prints values and expressions. Theirs are the decoders' and the schemas' forms. */
#define CONNECTION_TEXT_SETTINGS(X)                                                                \
    X("datestyle", "ISO")                                                                          \
    X("intervalstyle", "postgres")                                                                 \
    X("timezone", "UTC")                                                                           \
    X("extra_float_digits", "3")                                                                   \
    X("bytea_output", "hex")                                                                       \
    X("lc_monetary", "C")                                                                          \
    X("search_path", "")                                                                           \
    X("standard_conforming_strings", "on")                                                         \
    X("quote_all_identifiers", "off")

typedef enum connection_kind { CONNECTION_SQL, CONNECTION_REPLICATION } connection_kind;

/* NULL on error. */
PGconn *connection_open(const settings *config, connection_kind kind, weir_error *err);
void connection_close(PGconn *connection);

/* Runs one statement with text parameters and waits for it. NULL on error; the caller clears the
 * result by connection_clear. On a replication connection there are no parameters. */
PGresult *connection_query(PGconn *connection, const char *sql, const char *const *arguments,
                           int argument_count, weir_error *err);
void connection_clear(PGresult **result);

/* The same for a statement whose result does not matter. */
WEIR_MUST_CHECK weir_code connection_run(PGconn *connection, const char *sql, weir_error *err);

/* A field of a result as a slice; empty for NULL. */
weir_str connection_field(const PGresult *result, int row, int column);
bool connection_is_null(const PGresult *result, int row, int column);

/* Fills err from a failed result, or from the connection when result is NULL. */
weir_code connection_failed(PGconn *connection, const PGresult *result, const char *what,
                            weir_error *err);

/* Parts of that, by the SQLSTATE. Exposed for their test. */
weir_code connection_code_of(const char *state);
bool connection_exceeds_limit(const char *state, const char *reason);

/* Whether the failure is that the server cannot put a row into a message of 1 GB. */
bool connection_is_too_large(const weir_error *err);

/* Waits until the connection has something to read, at most this long. False: it has not. */
bool connection_wait(PGconn *connection, int64_t timeout_us);

/* The same for any of several, CONNECTION_WAIT_MAX at the most. */
#define CONNECTION_WAIT_MAX 64
bool connection_wait_any(PGconn *const *connections, size_t count, int64_t timeout_us);

/* "16/B374D848" as a number and back; 0 when it is none. */
uint64_t connection_lsn(weir_str text);
#define CONNECTION_LSN_FORMAT    "%X/%08X"
#define CONNECTION_LSN_ARGS(lsn) (unsigned)((uint64_t)(lsn) >> 32), (unsigned)(uint64_t)(lsn)

/* A clock that only goes forward, and microseconds since 1970. */
int64_t connection_clock_ms(void);
int64_t connection_clock_us(void);
int64_t connection_now_us(void);

#endif
