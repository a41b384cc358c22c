/* postgres.h - the pure parts of the PostgreSQL dialect, for its tests. */
#ifndef WAREHOUSE_POSTGRES_H
#define WAREHOUSE_POSTGRES_H

#include "weir/base.h"

/* What an SQLSTATE means for the task: WEIR_RETRY, WEIR_REJECT (a row's data), WEIR_CONFIG or
 * WEIR_FATAL. NULL, no state: the connection is gone. */
weir_code postgres_classify(const char *sqlstate);

/* The same for the text of a failed connection, which has no SQLSTATE in libpq. */
weir_code postgres_classify_connect(const char *message);

#endif
