/* scratch.h - a database in which a migration is tried out: in one transaction, which is rolled back.
 *
 * Nothing that the script says can commit it. Statements go to the server one by one, those that begin or end a
 * transaction are refused before they are sent, after each one the transaction must still be open, and a deferred
 * trigger on a temporary table would make a COMMIT that came through all of that fail.
 *
 * The connection is closed by connection_close, which ends the transaction. One thread.
 */
#ifndef POSTGRES_CDC_SCRATCH_H
#define POSTGRES_CDC_SCRATCH_H

#include "connection.h"

/* Connects, with the settings that the URL, its role and its database have. WEIR_RETRY: it was not reached. */
WEIR_MUST_CHECK weir_code scratch_open(weir_str url, PGconn **out, weir_error *err);

/* WEIR_CONFIG when it is the source's own database, as both servers say; or, when the source is not connected
 * (NULL), by host, port and name. */
WEIR_MUST_CHECK weir_code scratch_is_another(PGconn *scratch, PGconn *source,
                                             const settings *config, weir_error *err);

/* Begins the transaction that cannot be committed. */
WEIR_MUST_CHECK weir_code scratch_begin(PGconn *scratch, weir_error *err);

/* Runs all statements of a script. WEIR_CONFIG with "NAME:LINE: ..." at the first that cannot be run. */
WEIR_MUST_CHECK weir_code scratch_run(PGconn *scratch, weir_str text, weir_str name,
                                      weir_error *err);

/* Until scratch_as_before, names and expressions are printed as schemas need them. */
WEIR_MUST_CHECK weir_code scratch_as_captured(PGconn *scratch, weir_error *err);
WEIR_MUST_CHECK weir_code scratch_as_before(PGconn *scratch, weir_error *err);

#endif
