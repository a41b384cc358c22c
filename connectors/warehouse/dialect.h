/* dialect.h - what a destination must be able to do. PostgreSQL and ADBC drivers stand behind it.
 *
 * One connection, one thread. A transaction is open from begin to commit or rollback; write and query
 * happen inside one. What a code means, of any function here:
 *
 *     WEIR_RETRY   the connection is gone or the server says "not now": roll back, come again
 *     WEIR_REJECT  the server refuses the data of some row: roll back, find the row
 *     others       roll back, and the task fails
 *
 * After an error the transaction can only be rolled back.
 */
#ifndef WAREHOUSE_DIALECT_H
#define WAREHOUSE_DIALECT_H

#include "settings.h"
#include "sql.h"
#include "table.h"
#include "url.h"
#include "weir/task.h"

typedef struct dialect dialect;

typedef struct dialect_ops {
    weir_code (*begin)(dialect *self, weir_error *err);
    weir_code (*commit)(dialect *self, weir_error *err);
    void (*rollback)(dialect *self); /* best effort: a lost connection is rolled back as well */

    /* Runs a statement; its rows, all columns cast to text by the statement, are appended to cells in
     * the form of copy_text, and counted. cells may be NULL. */
    weir_code (*query)(dialect *self, const char *sql, weir_buf *cells, size_t *row_count,
                       weir_error *err);

    /* Looks at the destination: exists, columns. */
    weir_code (*describe)(dialect *self, table *target, weir_error *err);

    /* Writes the rows that wait and empties the window. What the server answers may come later, by any
     * of these functions. Unless is_last, a dialect may decide to gather more. */
    weir_code (*write)(dialect *self, table *target, bool is_last, weir_error *err);

    /* Waits for every answer that is open. */
    weir_code (*settle)(dialect *self, weir_error *err);

    void (*close)(dialect *self);
} dialect_ops;

struct dialect {
    const dialect_ops *ops;
    sql_vendor vendor;
    weir_task *task;
    const settings *settings;
    size_t direct_bytes; /* of rows that go straight into their table, before they are written */
};

/* Connect. Memory is the task's. */
dialect *postgres_open(weir_task *task, const settings *config, const url *where, weir_error *err);
dialect *adbc_open(weir_task *task, const settings *config, const url *where, weir_error *err);

/* The step that a window's rows of the kind UPSERT take. */
static inline sql_step dialect_upsert_step(const settings *config)
{
    return config->insert_mode.index == INSERT_MODE_UPDATE ? SQL_UPDATE : SQL_UPSERT;
}

/* Whether a window has rows for a step of the merge. */
static inline bool dialect_needs_step(const settings *config, const fold *rows, sql_step step)
{
    size_t replaced = fold_count(rows, FOLD_REPLACE);
    bool inserts = config->insert_mode.index == INSERT_MODE_INSERT;

    if (step == SQL_DELETE)
        return fold_count(rows, FOLD_DELETE) + replaced > 0;
    if (step == SQL_PARTIAL)
        return fold_count(rows, FOLD_PARTIAL) > 0;
    if (step == SQL_INSERT)
        return inserts && fold_count(rows, FOLD_INSERT) + replaced > 0;
    return !inserts && step == dialect_upsert_step(config) &&
           fold_count(rows, FOLD_UPSERT) + replaced > 0;
}

/* All rows of a window are upserts, or all inserts: their kind need not be written. */
static inline bool dialect_is_plain(const fold *rows)
{
    return fold_count(rows, FOLD_UPSERT) == rows->row_count ||
           fold_count(rows, FOLD_INSERT) == rows->row_count;
}

/* How many columns rows of this layout are folded by. Plain inserts never are: two inserts of a key are an
 * error that the destination finds. */
static inline size_t dialect_fold_key_count(const settings *config, const layout *rows)
{
    bool is_insert = config->insert_mode.index == INSERT_MODE_INSERT && !config->delete_enabled;

    return is_insert ? 0 : rows->key_count;
}

/* Rows of this layout go straight into their table: nothing to fold, nothing to cast. */
static inline bool dialect_is_direct(const settings *config, const table *target,
                                     const layout *rows)
{
    return dialect_fold_key_count(config, rows) == 0 && !rows->has_cast && !target->is_view;
}

#endif
