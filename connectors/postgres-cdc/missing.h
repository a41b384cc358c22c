/* missing.h - reads what the server left out of a changed row, when no sink can have it.
 *
 * Of a row with large values (TOAST) the server sends only those that changed; sinks keep the others of the
 * row that they have. Twice they have none: when the row's key changed, because to them that is a delete and
 * a new row; and when the stream goes again through changes that a later snapshot has seen, where the row
 * may be gone. Then the values are read from the table as it is now. They may be newer than the change: the
 * changes that made them so are still to come. So is the one that removed a row which is not there any more;
 * until then its values are the placeholder, and no sink is told to keep what it has.
 *
 * Belongs to one thread. What it read is valid until the next missing_read or missing_drop.
 */
#ifndef POSTGRES_CDC_MISSING_H
#define POSTGRES_CDC_MISSING_H

#include "connection.h"
#include "relation.h"

typedef struct missing {
    bool is_read;
    PGresult *result;
    pgoutput_value values[PGOUTPUT_COLUMN_LIMIT];
    pgoutput_tuple tuple; /* without values: there is nothing to fill with */
    weir_buf sql, texts;
} missing;

/* Whether a captured column of the row was not sent. */
bool missing_any(const relation *table, const pgoutput_tuple *row);

/* The query for the columns that were not sent, by the columns of the replica identity. False when one of
 * those was not sent, or there is none. Exposed for its test. */
bool missing_sql(const relation *table, const pgoutput_tuple *row, weir_buf *sql);

/* Reads them; *fill is a tuple that has what the row lacks. It is NULL when the table can't be read as it
 * was, because it or a column of it is gone, has another type or may not be read. */
WEIR_MUST_CHECK weir_code missing_read(missing *self, PGconn *connection, const relation *table,
                                       const pgoutput_tuple *row, const pgoutput_tuple **fill,
                                       weir_error *err);

/* The change is written: until then, missing_read does not ask again. */
void missing_drop(missing *self);
void missing_done(missing *self);

#endif
