/* postgres_connect.h - connecting to PostgreSQL: connection.url and the settings beside it, as libpq's keywords. */
#ifndef WAREHOUSE_POSTGRES_CONNECT_H
#define WAREHOUSE_POSTGRES_CONNECT_H

#include "settings.h"
#include "url.h"
#include "weir/task.h"

typedef struct pg_conn PGconn; /* libpq-fe.h */

enum { POSTGRES_KEYWORDS_MAX = URL_PARAMETERS_MAX + 16 };

/* Names and values as PQconnectdbParams wants them, NULL behind the last; they live as long as the task and
 * the URL. */
typedef struct postgres_keywords {
    const char *names[POSTGRES_KEYWORDS_MAX + 1];
    const char *values[POSTGRES_KEYWORDS_MAX + 1];
    size_t count;
} postgres_keywords;

/* What is said of a connection, the weakest first. A setting of the Java driver that has no counterpart is
 * left out and warned of. */
void postgres_keywords_collect(weir_task *task, const settings *config, const url *where,
                               postgres_keywords *list);

/* Connects, connection.attempts times at most. NULL on error: WEIR_CONFIG when another try would fail too. */
PGconn *postgres_connect(weir_task *task, const settings *config, const url *where,
                         weir_error *err);

#endif
