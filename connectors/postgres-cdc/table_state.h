/* table_state.h - what a table is in one state of the database: how large, and which files hold its rows.
 *
 * A table that is rewritten while a state is read (an ALTER TABLE that changes each row, TRUNCATE, VACUUM FULL,
 * CLUSTER) looks empty to that state from then on (PostgreSQL, "Concurrency Control", "Caveats"), and a stream
 * does not have the rows that were written again. A name may belong to another table by then, too. Both show in
 * the names and files of the table and its partitions, as that state and as the present have them.
 *
 * One thread.
 */
#ifndef POSTGRES_CDC_TABLE_STATE_H
#define POSTGRES_CDC_TABLE_STATE_H

#include "catalog.h"

/* The statement that asks for it. It waits for a lock on the table. Valid until `text` changes. */
const char *table_state_sql(const catalog_table *table, weir_buf *text);

/* Brings the table's estimates of rows and pages up to date, and adds its names and files to `files`. */
void table_state_take(catalog_table *table, const PGresult *result, weir_buf *files);

/* Whether names and files are still those. Only of use when the table is locked against a change of them. */
WEIR_MUST_CHECK weir_code table_state_is_present(PGconn *connection, const catalog_table *table,
                                                 weir_str files, bool *present, weir_error *err);

#endif
