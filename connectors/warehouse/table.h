/* table.h - a table of the destination, as far as this task knows it, and the rows that wait for it.
 *
 * Belongs to the task's thread. Names and layouts live until the task is closed.
 */
#ifndef WAREHOUSE_TABLE_H
#define WAREHOUSE_TABLE_H

#include "fold.h"
#include "type.h"
#include "weir/task.h"

/* When two names are the same to the destination. */
typedef enum name_rule {
    NAMES_EXACT,
    NAMES_FOLDED, /* ours are folded to lower case first: PostgreSQL's, where they are not quoted */
    NAMES_ANY_CASE, /* DuckDB's, quoted or not */
} name_rule;

/* A column as the destination has it. */
typedef struct table_column {
    weir_str name;
    column_type type;
    weir_str
        declared; /* what a field is cast to; without a length, so that nothing is cut: "bpchar" */
    bool nullable;
    bool has_default;
    bool is_computed; /* by the destination: cannot be written */
    bool is_identity; /* generated always: written only by a statement that says so */
    bool is_padded;   /* texts are the same that differ in blanks at their end */
} table_column;

/* A column of the rows that are written: a column of the table and how its fields are encoded. */
typedef struct layout_column {
    weir_str name;
    column_type type; /* of the encoded field */
    weir_str cast;    /* what the destination casts it to; empty: nothing to cast */
    bool nullable;
} layout_column;

typedef struct layout {
    const layout_column *columns; /* the key's first */
    size_t count;
    size_t key_count;
    bool has_cast;
    bool has_identity;
} layout;

typedef struct table {
    weir_str schema; /* empty: where the destination looks by default */
    weir_str name;
    weir_str sql_name; /* quoted as it must be */
    bool known;        /* exists and columns are what the destination has */
    bool exists;
    bool is_view;         /* takes no COPY */
    weir_buf columns;     /* table_column */
    uint64_t version;     /* grows whenever a look at the destination finds another table */
    const layout *layout; /* of the rows that wait; NULL before the first */
    fold rows;
    size_t write_at; /* bytes of waiting rows at which they are written */

    /* the dialect's: the staging table */
    const layout *staged; /* it has these columns; NULL: there is none */
    unsigned stage_number;
    bool stage_used; /* in this transaction */
} table;

static inline size_t table_column_count(const table *self)
{
    return self->columns.len / sizeof(table_column);
}

static inline const table_column *table_column_at(const table *self, size_t index)
{
    return (const table_column *)(const void *)self->columns.ptr + index;
}

/* A name of the destination is what this name of ours becomes there. */
bool table_name_is(weir_str there, weir_str ours, name_rule rule);

/* NULL when there is none of that name. */
const table_column *table_find(const table *self, weir_str name, name_rule rule);

/* What a look at the destination found. The columns are copied, and the version is another one, only when
 * they are not those that are known already. */
void table_found(table *self, weir_task *task, bool exists, const table_column *columns,
                 size_t count);

bool layout_equal(const layout *a, const layout *b);

/* The first count columns are the same. */
bool layout_begins_alike(const layout *a, const layout *b, size_t count);

#endif
