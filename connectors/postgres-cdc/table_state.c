/* table_state.c - what a table is in one state of the database: how large, and which files hold its rows. */
#include "table_state.h"

#include <libpq-fe.h>

static void add_files_sql(const catalog_table *table, weir_buf *text)
{
    weir_buf_printf(text,
                    "SELECT pg_catalog.string_agg(pg_catalog.concat_ws('/', c.oid, c.relfilenode, "
                    "n.nspname, c.relname), ',' ORDER BY c.oid) FROM pg_catalog.pg_class c "
                    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %u OR "
                    "c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%u))",
                    table->oid, table->oid);
}

const char *table_state_sql(const catalog_table *table, weir_buf *text)
{
    weir_buf_clear(text);
    weir_buf_printf(text,
                    "SELECT coalesce(s.pages, 0), CASE WHEN c.reltuples > 0 AND c.relpages > 0 "
                    "THEN (c.reltuples / c.relpages * s.pages)::bigint ELSE -1 END, (");
    add_files_sql(table, text);
    weir_buf_printf(text,
                    ") FROM pg_catalog.pg_class c, LATERAL (SELECT pg_catalog.pg_relation_size("
                    "c.oid) / pg_catalog.current_setting('block_size')::bigint AS pages) s "
                    "WHERE c.oid = %u",
                    table->oid);
    return weir_buf_cstr(text);
}

static int64_t number(weir_str text)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int64_t value = 0;

    for (size_t i = negative; i < text.len; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return negative ? -value : value;
}

void table_state_take(catalog_table *table, const PGresult *result, weir_buf *files)
{
    if (PQntuples(result) == 0)
        return; /* it is gone: reading it will tell */
    weir_buf_add_str(files, connection_field(result, 0, 2));
    if (table->is_partitioned)
        return; /* its partitions have the rows */
    table->page_count = number(connection_field(result, 0, 0));
    table->row_count = number(connection_field(result, 0, 1));
}

weir_code table_state_is_present(PGconn *connection, const catalog_table *table, weir_str files,
                                 bool *present, weir_error *err)
{
    weir_buf sql = {0};

    add_files_sql(table, &sql);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(connection, weir_buf_cstr(&sql), NULL, 0, err);
    weir_buf_done(&sql);
    if (result == NULL)
        return weir_wrap(err, "reading the files of %.*s.%.*s", WEIR_ARG(table->schema),
                         WEIR_ARG(table->name));
    *present = weir_str_eq(connection_field(result, 0, 0), files);
    return WEIR_OK;
}
