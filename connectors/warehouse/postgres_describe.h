/* postgres_describe.h - what PostgreSQL's catalogue says about a table. */
#ifndef WAREHOUSE_POSTGRES_DESCRIBE_H
#define WAREHOUSE_POSTGRES_DESCRIBE_H

#include "settings.h"
#include "table.h"
#include "weir/task.h"

typedef struct pg_conn PGconn; /* libpq-fe.h */

/* Fills in whether the table exists, and its columns. WEIR_CONFIG for a kind of relation that table.types
 * does not allow. */
weir_code postgres_describe(PGconn *connection, weir_task *task, const settings *config,
                            table *target, weir_error *err);

/* Digits that the server wrote: a count of rows, a type's modifier. What is no number of ours is -1. */
int64_t postgres_number(const char *text);

#endif
