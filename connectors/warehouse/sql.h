/* sql.h - the text of every statement, from a table, a layout and what is special about a vendor.
 *
 * Pure functions: text is appended to a buffer, without a semicolon behind it. A staging table has the
 * columns c0, c1, … of a layout, then `op`, a fold_kind as text, and `mask`, one '1' or '0' a column:
 * 1 for a field that was sent; NULL when all were.
 */
#ifndef WAREHOUSE_SQL_H
#define WAREHOUSE_SQL_H

#include "table.h"

typedef struct sql_vendor {
    const char *name;
    name_rule names;
    /* the name of a type with all that belongs to it */
    void (*type)(weir_buf *out, column_type type);
    const char *stage_end; /* behind a staging table's definition */
    size_t name_max;   /* bytes of a name; it would cut longer ones without a word; 0: no limit */
    size_t column_max; /* of a table, staging tables included; 0: no limit */
} sql_vendor;

extern const sql_vendor sql_postgres;
extern const sql_vendor sql_duckdb;

/* A name in quotes, whatever it is: of names that are folded the one that it is folded to, so that no text
 * of a record is ever read as SQL. */
void sql_identifier(weir_buf *out, weir_str name, const sql_vendor *vendor);
void sql_literal(weir_buf *out, weir_str text);

/* A column that a table shall get. */
typedef struct sql_column {
    weir_str name;
    column_type type;
    bool nullable;
    bool is_key;
    weir_str fallback; /* its default, a literal; empty: none */
} sql_column;

void sql_create_table(weir_buf *out, const table *target, const sql_column *columns, size_t count,
                      const sql_vendor *vendor);
/* One column at a time: not every vendor takes more. Added columns are nullable; a default is also what the
 * rows get that are there. */
void sql_add_column(weir_buf *out, const table *target, const sql_column *column,
                    const sql_vendor *vendor);

/* The name of a table's staging table. */
void sql_stage_name(weir_buf *out, const table *target);
void sql_create_stage(weir_buf *out, const table *target, const layout *rows,
                      const sql_vendor *vendor);

/* COPY of rows into the table itself, or into its staging table, there with or without op and mask. */
void sql_copy(weir_buf *out, const table *target, const layout *rows, bool into_stage,
              bool with_kind, const sql_vendor *vendor);

/* What is done with the rows of a staging table, in the order of these names. */
typedef enum sql_step {
    SQL_DELETE,  /* rows of kinds DELETE and REPLACE */
    SQL_PARTIAL, /* PARTIAL rows change what was sent, in rows that are there */
    SQL_UPDATE,  /* UPSERT rows change rows that are there */
    SQL_UPSERT,  /* UPSERT and REPLACE rows */
    SQL_INSERT,  /* INSERT and REPLACE rows */
    SQL_STEPS,
} sql_step;

/* " AND d.id = s.c0 ...": a row d of the table has the key of a row s of the staging table. */
void sql_key_match(weir_buf *out, const layout *rows, const sql_vendor *vendor);

/* is_plain: all rows are of the one kind that this step is for, and op is not filled in. */
void sql_merge(weir_buf *out, sql_step step, const table *target, const layout *rows, bool is_plain,
               const sql_vendor *vendor);

#endif
