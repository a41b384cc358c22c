/* snapshot_table.h - a table that a snapshot reads: its ranges, and the statements that read it.
 *
 * One thread. snapshot_table_done releases what snapshot_table_init took.
 */
#ifndef POSTGRES_CDC_SNAPSHOT_TABLE_H
#define POSTGRES_CDC_SNAPSHOT_TABLE_H

#include "key_range.h"
#include "relation.h"

typedef enum range_state { RANGE_WAITING, RANGE_READING, RANGE_DONE } range_state;

typedef struct table_range {
    key_range range;
    range_state state;
} table_range;

typedef struct snapshot_table {
    weir_task *task;
    const catalog_table *table;
    const relation *relation;
    key_columns key;
    int64_t row_count; /* estimates */
    int64_t page_count;
    weir_buf ranges; /* of table_range, in the order of keys */
    weir_buf split;  /* those that are to be split take the place of `ranges` one by one */
    weir_buf text;
} snapshot_table;

/* left: what an offset calls missing; empty, or of another key: the whole table. */
void snapshot_table_init(snapshot_table *self, weir_task *task, const catalog_table *table,
                         const relation *shape, weir_str left);
void snapshot_table_done(snapshot_table *self);

size_t snapshot_table_range_count(const snapshot_table *self);
table_range *snapshot_table_range(snapshot_table *self, size_t index);

/* Whether it can be cut into ranges of so many rows, and it pays. */
bool snapshot_table_is_large(const snapshot_table *self, int64_t range_rows);

/* The statement that finds where to cut a range; valid until the next call of this module. A sample of
 * the table's pages tells keys that are so many rows apart, more or less. */
const char *snapshot_table_split_sql(snapshot_table *self, size_t index, int64_t range_rows);

/* Cuts the range at the keys that the statement found. Returns the index of the last part. */
size_t snapshot_table_split(snapshot_table *self, size_t index, const PGresult *keys);

/* The statement that reads a range. Valid until the next call of this module. */
const char *snapshot_table_copy_sql(snapshot_table *self, size_t index);

/* What is not done, for the offset. */
void snapshot_table_left(snapshot_table *self, weir_buf *out);

#endif
