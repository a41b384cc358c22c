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

#define DESCRIBE                                                                                   \
    "SELECT c.relkind, a.attname, CASE WHEN t.typtype = 'b' THEN t.typname ELSE '' END, "          \
    "CASE WHEN t.typcategory = 'A' THEN e.typname ELSE '' END, "                                   \
    "format_type(a.atttypid, a.atttypmod), a.attnotnull, "                                         \
    "(a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''), a.atttypmod "                   \
    "FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "     \
    "a.attisdropped LEFT JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = "     \
    "t.typelem WHERE c.oid = to_regclass("

static weir_str cell(weir_task *task, const PGresult *result, int row, int column)
{
    return weir_task_copy(task, (weir_str){PQgetvalue(result, row, column),
                                           (size_t)PQgetlength(result, row, column)});
}

static void add_column(weir_task *task, const PGresult *result, int row, table *target)
{
    weir_str item = cell(task, result, row, 3);
    int32_t typmod = (int32_t)postgres_number(PQgetvalue(result, row, 7));
    table_column column = {
        .name = cell(task, result, row, 1),
        .declared = cell(task, result, row, 4),
        .nullable = *PQgetvalue(result, row, 5) == 'f',
        .has_default = *PQgetvalue(result, row, 6) == 't',
    };

    column.type.is_array = item.len > 0;
    column.type.id = type_from_catalog(item.len > 0 ? item : cell(task, result, row, 2));
    if (column.type.id == TYPE_NUMERIC && typmod >= 4) {
        column.type.precision = (typmod - 4) >> 16 & 0xffff;
        column.type.scale = (typmod - 4) & 0x7ff;
    }
    weir_buf_add(&target->columns, &column, sizeof(column));
}

static weir_code check_kind(const settings *config, const table *target, char kind, weir_error *err)
{
    const char *type = kind == 'r'   ? "TABLE"
                       : kind == 'p' ? "PARTITIONED TABLE"
                       : kind == 'v' ? "VIEW"
                       : kind == 'f' ? "FOREIGN TABLE"
                                     : "OTHER";

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
        weir_buf_clear(&target->columns);
        target->exists = PQntuples(result) > 0;
        target->version++;
        if (target->exists)
            code = check_kind(config, target, *PQgetvalue(result, 0, 0), err);
        for (int row = 0; code == WEIR_OK && row < PQntuples(result); row++)
            if (!PQgetisnull(result, row, 1))
                add_column(task, result, row, target);
        target->known = code == WEIR_OK;
    }
    PQclear(result);
    return code;
}
