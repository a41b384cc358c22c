/* postgres_describe.c - the columns of a table, from PostgreSQL's catalogue. */
#include "postgres_describe.h"

#include "postgres_error.h"
#include "sql.h"

#include <libpq-fe.h>

int64_t postgres_number(const char *text)
{
    int64_t value = 0;

    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9' && value < INT64_MAX / 100; text++)
        value = value * 10 + (*text - '0');
    return value;
}

/* The modifier -1 leaves the length out of the type's name; without any, "bit" would mean bit(1). The type
 * of a domain is the one that it is made of. */
#define DESCRIBE                                                                                   \
    "SELECT c.relkind, a.attname, CASE WHEN t.typtype = 'd' AND b.typtype = 'b' THEN b.typname "   \
    "WHEN t.typtype = 'b' THEN t.typname ELSE '' END, "                                            \
    "CASE WHEN t.typcategory = 'A' AND e.typtype = 'b' THEN e.typname WHEN t.typcategory = 'A' "   \
    "THEN '?' ELSE '' END, "                                                                       \
    "format_type(a.atttypid, -1), a.attnotnull, "                                                  \
    "(a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''), "                               \
    "CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, "                            \
    "a.attgenerated <> '', a.attidentity = 'a' "                                                   \
    "FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "     \
    "a.attisdropped LEFT JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = "     \
    "t.typelem LEFT JOIN pg_type b ON b.oid = t.typbasetype WHERE c.oid = to_regclass("

enum { TYPMOD_HEADER = 4, INTERVAL_PRECISION = 0xffff, SECOND_DIGITS = 6 };

static weir_str cell(const PGresult *result, int row, int column)
{
    return (weir_str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

static bool is_true(const PGresult *result, int row, int column)
{
    return *PQgetvalue(result, row, column) == 't';
}

/* What the modifier of a type says: of a numeric its precision and a scale that may be negative, of times
 * how many digits of a second are kept. */
static void take_modifier(column_type *type, int64_t typmod)
{
    int64_t digits = type->id == TYPE_INTERVAL ? typmod & INTERVAL_PRECISION : typmod;

    if (type->id == TYPE_NUMERIC && typmod >= TYPMOD_HEADER) {
        type->precision = (int)(typmod - TYPMOD_HEADER) >> 16 & 0xffff;
        type->scale = (((int)(typmod - TYPMOD_HEADER) & 0x7ff) ^ 1024) - 1024;
    }
    if ((type->id == TYPE_TIME || type->id == TYPE_TIMETZ || type->id == TYPE_TIMESTAMP ||
         type->id == TYPE_TIMESTAMPTZ || type->id == TYPE_INTERVAL) &&
        typmod >= 0 && digits < SECOND_DIGITS) {
        type->step_micros = 1;
        for (int64_t i = digits; i < SECOND_DIGITS; i++)
            type->step_micros *= 10;
    }
}

static table_column column_of(const PGresult *result, int row)
{
    weir_str type = cell(result, row, 2), item = cell(result, row, 3);
    table_column column = {
        .name = cell(result, row, 1),
        .declared = cell(result, row, 4),
        .nullable = !is_true(result, row, 5),
        .has_default = is_true(result, row, 6),
        .is_computed = is_true(result, row, 8),
        .is_identity = is_true(result, row, 9),
        .is_padded = weir_str_eq(type, WEIR_STR("bpchar")),
    };

    column.type.is_array = item.len > 0;
    column.type.id = type_from_catalog(item.len > 0 ? item : type);
    /* an array says of what it is, and the server takes no text for a varchar there */
    if (column.type.is_array && column.type.id == TYPE_TEXT && !weir_str_eq(item, WEIR_STR("text")))
        column.type.id = TYPE_OTHER;
    take_modifier(&column.type, postgres_number(PQgetvalue(result, row, 7)));
    return column;
}

/* A table without columns has one row as well. */
static void take_columns(weir_task *task, const PGresult *result, table *target)
{
    weir_buf columns = {0};

    for (int row = 0; row < PQntuples(result); row++) {
        table_column column;

        if (PQgetisnull(result, row, 1))
            continue;
        column = column_of(result, row);
        weir_buf_add(&columns, &column, sizeof(column));
    }
    table_found(target, task, PQntuples(result) > 0,
                (const table_column *)(const void *)columns.ptr,
                columns.len / sizeof(table_column));
    weir_buf_done(&columns);
}

static weir_code check_kind(const settings *config, table *target, char kind, weir_error *err)
{
    const char *type = kind == 'r'   ? "TABLE"
                       : kind == 'p' ? "PARTITIONED TABLE"
                       : kind == 'v' ? "VIEW"
                       : kind == 'f' ? "FOREIGN TABLE"
                                     : "OTHER";

    target->is_view = kind == 'v';
    if (settings_allow_table_type(config, type))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "%.*s is a %s, which table.types does not allow; add it there to write to it",
                     WEIR_ARG(target->sql_name), type);
}

weir_code postgres_describe(PGconn *connection, weir_task *task, const settings *config,
                            table *target, weir_error *err)
{
    weir_buf text = {0};
    weir_code code = WEIR_OK;

    weir_buf_printf(&text, "%s", DESCRIBE);
    sql_literal(&text, target->sql_name);
    weir_buf_printf(&text, ") ORDER BY a.attnum");
    PGresult *result = PQexec(connection, weir_buf_cstr(&text));

    weir_buf_done(&text);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        code = postgres_error_result(connection, result, "could not look at a table", err);
    } else {
        if (PQntuples(result) > 0)
            code = check_kind(config, target, *PQgetvalue(result, 0, 0), err);
        if (code == WEIR_OK)
            take_columns(task, result, target);
    }
    PQclear(result);
    return code;
}
