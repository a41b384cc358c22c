/* captured.h - what of a database would be captured as it is now: its tables, compiled as a task compiles them.
 *
 * For comparing databases, and one database before and behind a change. Lives as long as the task, but for what
 * captured_done releases. One thread.
 */
#ifndef POSTGRES_CDC_CAPTURED_H
#define POSTGRES_CDC_CAPTURED_H

#include "source.h"

typedef struct captured {
    catalog catalog;
    relation_context context;
    relation **relations; /* of the catalog's tables, in their order */
    weir_map *by_name;    /* "SCHEMA\0TABLE" -> the place of the table, an int */
    weir_map *by_oid;     /* the bytes of the oid -> the same */
} captured;

/* Reads it. The columns that a publication lists count; where this database has no such list, that of origin does,
 * when it is not NULL. self->filter is there. */
WEIR_MUST_CHECK weir_code captured_read(captured *self, const source *of, PGconn *connection,
                                        bool with_roots, const captured *origin, weir_error *err);
void captured_done(captured *self);

/* The place of a table in the catalog; -1: it is not there. */
int captured_find(const captured *self, weir_str schema, weir_str name);
int captured_find_oid(const captured *self, uint32_t oid);

/* Writes records with every schema that the tables' events have: an empty row that is there, one that goes, and its
 * tombstone. */
WEIR_MUST_CHECK weir_code captured_write(const captured *self, event *out, weir_batch *batch,
                                         weir_error *err);

#endif
