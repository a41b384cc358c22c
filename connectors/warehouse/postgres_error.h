/* postgres_error.h - PostgreSQL's errors as ours: what the caller does next, and what a person reads. */
#ifndef WAREHOUSE_POSTGRES_ERROR_H
#define WAREHOUSE_POSTGRES_ERROR_H

#include "weir/base.h"

typedef struct pg_conn PGconn; /* libpq-fe.h */
typedef struct pg_result PGresult;

/* What an SQLSTATE means for the task: WEIR_RETRY, WEIR_REJECT (a row's data), WEIR_CONFIG or
 * WEIR_FATAL. NULL, no state: the connection is gone. */
weir_code postgres_error_class(const char *sqlstate);

/* The same for the text of a failed connection, which has no SQLSTATE in libpq. */
weir_code postgres_error_class_of_connect(const char *message);

/* What can be done about it, where that is not obvious: "; ...", or "". */
const char *postgres_error_remedy(const char *sqlstate);

/* Returns the code of an error while doing something. The detail of a result is left out: it shows the row,
 * and values do not belong into diagnostics. */
weir_code postgres_error_connection(const PGconn *connection, const char *doing, weir_error *err);
weir_code postgres_error_result(const PGconn *connection, const PGresult *result, const char *doing,
                                weir_error *err);

#endif
