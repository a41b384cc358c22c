/* sql.c - statements as text. */
#include "sql.h"

#include <assert.h>
#include <string.h>

static void postgres_type(weir_buf *out, column_type type)
{
    weir_buf_printf(out, "%s", type_name(type.id));
    if (type.id == TYPE_NUMERIC && type.precision > 0)
        weir_buf_printf(out, "(%d,%d)", type.precision, type.scale);
    if (type.is_array)
        weir_buf_printf(out, "[]");
}

/* DuckDB's decimals have at most 38 digits; what needs more is kept exactly, as text. */
static void duckdb_type(weir_buf *out, column_type type)
{
    bool is_text = type.id == TYPE_TEXT || type.id == TYPE_OTHER ||
                   (type.id == TYPE_NUMERIC && (type.precision == 0 || type.precision > 38 ||
                                                type.scale < 0 || type.scale > type.precision));

    if (is_text)
        weir_buf_printf(out, "VARCHAR");
    else if (type.id == TYPE_NUMERIC)
        weir_buf_printf(out, "DECIMAL(%d,%d)", type.precision, type.scale);
    else if (type.id == TYPE_BYTES)
        weir_buf_printf(out, "BLOB");
    else if (type.id == TYPE_JSON || type.id == TYPE_JSONB)
        weir_buf_printf(out, "JSON");
    else
        weir_buf_printf(out, "%s", type_name(type.id));
    if (type.is_array)
        weir_buf_printf(out, "[]");
}

const sql_vendor sql_postgres = {.name = "postgresql",
                                 .type = postgres_type,
                                 .stage_end = " ON COMMIT DELETE ROWS",
                                 .name_max = 63,
                                 .column_max = 1600};
const sql_vendor sql_duckdb = {
    .name = "duckdb", .names = NAMES_ANY_CASE, .type = duckdb_type, .stage_end = ""};

static void add_quoted(weir_buf *out, weir_str text, char quote)
{
    weir_buf_add_byte(out, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote)
            weir_buf_add_byte(out, quote);
        weir_buf_add_byte(out, text.ptr[i]);
    }
    weir_buf_add_byte(out, quote);
}

void sql_identifier(weir_buf *out, weir_str name, const sql_vendor *vendor)
{
    size_t start = out->len + 1;

    add_quoted(out, name, '"');
    for (size_t i = start; vendor->names == NAMES_FOLDED && i < out->len; i++)
        if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
            out->ptr[i] = (char)(out->ptr[i] - 'A' + 'a');
}

void sql_literal(weir_buf *out, weir_str text)
{
    add_quoted(out, text, '\'');
}

static void add_definition(weir_buf *out, const sql_column *column, const sql_vendor *vendor)
{
    sql_identifier(out, column->name, vendor);
    weir_buf_add_byte(out, ' ');
    vendor->type(out, column->type);
}

void sql_create_table(weir_buf *out, const table *target, const sql_column *columns, size_t count,
                      const sql_vendor *vendor)
{
    const char *separator = ", PRIMARY KEY (";

    weir_buf_printf(out, "CREATE TABLE IF NOT EXISTS %.*s (", WEIR_ARG(target->sql_name));
    for (size_t i = 0; i < count; i++) {
        weir_buf_printf(out, "%s", i > 0 ? ", " : "");
        add_definition(out, &columns[i], vendor);
        if (!columns[i].nullable || columns[i].is_key)
            weir_buf_printf(out, " NOT NULL");
    }
    for (size_t i = 0; i < count; i++) {
        if (!columns[i].is_key)
            continue;
        weir_buf_printf(out, "%s", separator);
        sql_identifier(out, columns[i].name, vendor);
        separator = ", ";
    }
    weir_buf_printf(out, "%s", separator[2] == '\0' ? "))" : ")");
}

void sql_add_column(weir_buf *out, const table *target, const sql_column *column,
                    const sql_vendor *vendor)
{
    weir_buf_printf(out, "ALTER TABLE %.*s ADD COLUMN IF NOT EXISTS ", WEIR_ARG(target->sql_name));
    add_definition(out, column, vendor);
    if (column->fallback.len > 0)
        weir_buf_printf(out, " DEFAULT %.*s", WEIR_ARG(column->fallback));
}

void sql_stage_name(weir_buf *out, const table *target)
{
    weir_buf_printf(out, "weir_stage_%u", target->stage_number);
}

void sql_create_stage(weir_buf *out, const table *target, const layout *rows,
                      const sql_vendor *vendor)
{
    weir_buf_printf(out, "CREATE TEMP TABLE ");
    sql_stage_name(out, target);
    weir_buf_printf(out, " (");
    for (size_t i = 0; i < rows->count; i++) {
        weir_buf_printf(out, "c%zu ", i);
        vendor->type(out, rows->columns[i].type);
        weir_buf_printf(out, ", ");
    }
    weir_buf_printf(out, "op text, mask text)%s", vendor->stage_end);
}

void sql_copy(weir_buf *out, const table *target, const layout *rows, bool into_stage,
              bool with_kind, const sql_vendor *vendor)
{
    weir_buf_printf(out, "COPY ");
    if (into_stage)
        sql_stage_name(out, target);
    else
        weir_buf_add_str(out, target->sql_name);
    for (size_t i = 0; i < rows->count; i++) {
        weir_buf_printf(out, "%s", i == 0 ? " (" : ", ");
        if (into_stage)
            weir_buf_printf(out, "c%zu", i);
        else
            sql_identifier(out, rows->columns[i].name, vendor);
    }
    weir_buf_printf(out, "%s) FROM STDIN (FORMAT binary)", with_kind ? ", op, mask" : "");
}

/* s.c3, cast when the column is of another type than its fields. */
static void add_value(weir_buf *out, const layout *rows, size_t i)
{
    if (rows->columns[i].cast.len > 0)
        weir_buf_printf(out, "CAST(s.c%zu AS %.*s)", i, WEIR_ARG(rows->columns[i].cast));
    else
        weir_buf_printf(out, "s.c%zu", i);
}

void sql_key_match(weir_buf *out, const layout *rows, const sql_vendor *vendor)
{
    assert(rows->key_count > 0);
    for (size_t i = 0; i < rows->key_count; i++) {
        weir_buf_printf(out, " AND d.");
        sql_identifier(out, rows->columns[i].name, vendor);
        weir_buf_printf(out, " = ");
        add_value(out, rows, i);
    }
}

static void add_from(weir_buf *out, const char *word, const table *target, const char *kinds)
{
    weir_buf_printf(out, " %s ", word);
    sql_stage_name(out, target);
    weir_buf_printf(out, " AS s WHERE ");
    if (kinds != NULL)
        weir_buf_printf(out, "s.op IN (%s)", kinds);
    else
        weir_buf_printf(out, "true");
}

/* SET of all columns but the key's; of a masked one only where the mask says so. */
static void add_assignments(weir_buf *out, const layout *rows, bool masked,
                            const sql_vendor *vendor)
{
    const char *separator = " SET ";
    size_t first = rows->key_count < rows->count ? rows->key_count : 0;

    for (size_t i = first; i < rows->count; i++, separator = ", ") {
        weir_buf_printf(out, "%s", separator);
        sql_identifier(out, rows->columns[i].name, vendor);
        weir_buf_printf(out, " = ");
        if (masked)
            weir_buf_printf(out, "CASE WHEN substr(s.mask, %zu, 1) = '0' THEN d.", i + 1);
        if (masked)
            sql_identifier(out, rows->columns[i].name, vendor);
        if (masked)
            weir_buf_printf(out, " ELSE ");
        add_value(out, rows, i);
        weir_buf_printf(out, "%s", masked ? " END" : "");
    }
}

static void add_insert(weir_buf *out, const table *target, const layout *rows, const char *kinds,
                       const sql_vendor *vendor)
{
    weir_buf_printf(out, "INSERT INTO %.*s (", WEIR_ARG(target->sql_name));
    for (size_t i = 0; i < rows->count; i++) {
        weir_buf_printf(out, "%s", i > 0 ? ", " : "");
        sql_identifier(out, rows->columns[i].name, vendor);
    }
    weir_buf_printf(out, ")%s SELECT ", rows->has_identity ? " OVERRIDING SYSTEM VALUE" : "");
    for (size_t i = 0; i < rows->count; i++) {
        weir_buf_printf(out, "%s", i > 0 ? ", " : "");
        add_value(out, rows, i);
    }
    add_from(out, "FROM", target, kinds);
}

static void add_on_conflict(weir_buf *out, const layout *rows, const sql_vendor *vendor)
{
    const char *separator = " DO UPDATE SET ";

    weir_buf_printf(out, " ON CONFLICT (");
    for (size_t i = 0; i < rows->key_count; i++) {
        weir_buf_printf(out, "%s", i > 0 ? ", " : "");
        sql_identifier(out, rows->columns[i].name, vendor);
    }
    weir_buf_printf(out, ")");
    if (rows->key_count == rows->count)
        weir_buf_printf(out, " DO NOTHING");
    for (size_t i = rows->key_count; i < rows->count; i++, separator = ", ") {
        weir_buf_printf(out, "%s", separator);
        sql_identifier(out, rows->columns[i].name, vendor);
        weir_buf_printf(out, " = EXCLUDED.");
        sql_identifier(out, rows->columns[i].name, vendor);
    }
}

void sql_merge(weir_buf *out, sql_step step, const table *target, const layout *rows, bool is_plain,
               const sql_vendor *vendor)
{
    const char *upserts = is_plain ? NULL : "'u', 'r'";

    switch (step) {
    case SQL_DELETE:
        weir_buf_printf(out, "DELETE FROM %.*s AS d", WEIR_ARG(target->sql_name));
        add_from(out, "USING", target, "'d', 'r'");
        sql_key_match(out, rows, vendor);
        break;
    case SQL_PARTIAL:
    case SQL_UPDATE:
        weir_buf_printf(out, "UPDATE %.*s AS d", WEIR_ARG(target->sql_name));
        add_assignments(out, rows, step == SQL_PARTIAL, vendor);
        add_from(out, "FROM", target, step == SQL_PARTIAL ? "'p'" : upserts);
        sql_key_match(out, rows, vendor);
        break;
    case SQL_UPSERT:
        add_insert(out, target, rows, upserts, vendor);
        add_on_conflict(out, rows, vendor);
        break;
    case SQL_INSERT:
        add_insert(out, target, rows, is_plain ? NULL : "'i', 'r'", vendor);
        break;
    case SQL_STEPS:
        assert(step != SQL_STEPS);
    }
}
