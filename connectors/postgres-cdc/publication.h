/* publication.h - which tables, columns and rows the server publishes.
 *
 * The publication is made before the slot, because the server looks it up as of the change that it
 * decodes: a slot that is older than its publication never works. Tables whose updates and deletes
 * could not be published, because they have no replica identity, go into a second publication of inserts
 * only, so that publishing never breaks an application's UPDATE.
 *
 * A publication that somebody else has made is left as it is, and the snapshot follows it: its lists of
 * columns, its row filters, and whether partitions appear under their table's name.
 *
 * One thread.
 */
#ifndef POSTGRES_CDC_PUBLICATION_H
#define POSTGRES_CDC_PUBLICATION_H

#include "catalog.h"

/* Whether partitions are published under the name of the partitioned table: as the publication says, if
 * it exists, else as the setting. */
WEIR_MUST_CHECK weir_code publication_via_root(PGconn *connection, weir_task *task,
                                               const settings *config, bool *via_root,
                                               weir_error *err);

/* Makes the publications what the captured tables ask for, as publication.autocreate.mode allows.
 * slot_exists: a missing publication is an error then. names: for the option publication_names. */
WEIR_MUST_CHECK weir_code publication_ensure(const catalog *tables, const settings *config,
                                             bool slot_exists, weir_buf *names, weir_error *err);

/* Reads which columns and rows of the captured tables are published, into the tables; says which of them
 * are not published at all. */
WEIR_MUST_CHECK weir_code publication_look(catalog *tables, const settings *config,
                                           weir_error *err);

/* The first half of that: which columns and rows, without a warning. */
WEIR_MUST_CHECK weir_code publication_columns(catalog *tables, const settings *config,
                                              weir_error *err);

#endif
