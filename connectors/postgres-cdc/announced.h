/* announced.h - the relations that the server has announced in a stream, compiled.
 *
 * The server announces a relation before its first change, after it was altered, and now and then without
 * a reason. What it says holds for the changes that follow; what it does not say (NOT NULL, defaults, the
 * order of the key's columns) is taken from the catalog as it is now.
 *
 * One thread. announced_done releases what announced_init took; relations live as long as the task.
 */
#ifndef POSTGRES_CDC_ANNOUNCED_H
#define POSTGRES_CDC_ANNOUNCED_H

#include "relation.h"

typedef struct announced {
    relation_context *context;
    weir_map *relations; /* by oid */
    weir_buf signature;
    uint32_t found_oid; /* of the relation that was looked up last; 0: none */
    relation *found;
    weir_str newest_schema,
        newest_name; /* of the captured one that was announced last; empty: none */
} announced;

void announced_init(announced *self, relation_context *context);
void announced_done(announced *self);

/* Takes a relation message. */
WEIR_MUST_CHECK weir_code announced_add(announced *self, const pgoutput_message *message,
                                        weir_error *err);

/* *out: NULL for one that is not captured. WEIR_RETRY when it was not announced. */
WEIR_MUST_CHECK weir_code announced_find(announced *self, uint32_t oid, relation **out,
                                         weir_error *err);

/* After a row was refused for NULL in columns that are NOT NULL by now: *table becomes the relation that allows
 * it there, and is found from now on, until it is announced anew. False when there was no such column. */
bool announced_was_refused(const relation *table);
WEIR_MUST_CHECK weir_code announced_allow_null(announced *self, relation **table, weir_error *err);

/* Gives the table the columns that the message has, completed by those of the catalog. Exposed for its
 * test. */
void announced_merge(weir_task *task, const pgoutput_message *message, const catalog_table *now,
                     catalog_table *table);

#endif
