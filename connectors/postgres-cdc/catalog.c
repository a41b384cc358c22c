/* catalog.c - what the server's system tables say about the tables to capture. */
#include "catalog.h"

#include <libpq-fe.h>
#include <stdio.h>

static int64_t number(weir_str text)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int64_t value = 0;

    for (size_t i = negative; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return negative ? -value : value;
}

static bool is_true(weir_str text)
{
    return weir_str_eq(text, WEIR_STR("t"));
}

static const char tables_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relreplident = 'f' OR "
    "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND CASE c.relreplident "
    "WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END), "
    "c.reltuples::bigint, c.relpages, c.relkind = 'p' "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relpersistence = 'p' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
    "AND CASE WHEN $1 THEN (c.relkind IN ('r', 'p') AND NOT c.relispartition) "
    "ELSE c.relkind = 'r' END "
    "ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

weir_code catalog_load(catalog *self, bool with_roots, weir_error *err)
{
    const char *parameter = with_roots ? "true" : "false";
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, tables_sql, &parameter, 1, err);

    if (result == NULL)
        return weir_wrap(err, "reading the list of tables");
    int count = PQntuples(result);
    self->tables = weir_task_alloc(self->task, ((size_t)count + 1) * sizeof(*self->tables));
    self->table_count = 0;
    for (int row = 0; row < count; row++) {
        weir_str schema = connection_field(result, row, 1);
        weir_str name = connection_field(result, row, 2);

        if (!filter_takes_table(self->filter, schema, name))
            continue;
        self->tables[self->table_count++] = (catalog_table){
            .oid = (uint32_t)number(connection_field(result, row, 0)),
            .schema = weir_task_copy(self->task, schema),
            .name = weir_task_copy(self->task, name),
            .identity = connection_field(result, row, 3).ptr[0],
            .has_identity = is_true(connection_field(result, row, 4)),
            .row_count = number(connection_field(result, row, 5)),
            .page_count = number(connection_field(result, row, 6)),
            .is_partitioned = is_true(connection_field(result, row, 7)),
        };
    }
    return WEIR_OK;
}

static const char columns_sql[] =
    "SELECT a.attname, a.atttypid, a.atttypmod, a.attnotnull, "
    "coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), "
    "coalesce((SELECT array_position(i.indkey::int2[], a.attnum) + 1 FROM pg_catalog.pg_index i "
    "WHERE i.indrelid = a.attrelid AND i.indisprimary), 0), "
    "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisreplident "
    "AND a.attnum = ANY (i.indkey::int2[])), a.attidentity <> '' "
    "FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d "
    "ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
    "ORDER BY a.attnum";

weir_code catalog_signature(catalog *self, uint32_t table, weir_buf *out, weir_error *err)
{
    char oid[16];
    const char *parameter = oid;

    (void)snprintf(oid, sizeof(oid), "%u", table);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, columns_sql, &parameter, 1, err);
    if (result == NULL)
        return weir_wrap(err, "reading the columns of table %u", table);
    for (int row = 0; row < PQntuples(result); row++) {
        for (int column = 0; column < PQnfields(result); column++) {
            weir_buf_add_str(out, connection_field(result, row, column));
            weir_buf_add_byte(out, 0);
        }
    }
    return WEIR_OK;
}

weir_code catalog_is_binary(catalog *self, const type_options *options, bool *binary,
                            weir_error *err)
{
    weir_buf oids = {0};
    weir_buf scratch[CODEC_SCRATCH_COUNT] = {0};

    weir_buf_add_byte(&oids, '{');
    for (size_t i = 0; i < self->table_count; i++)
        weir_buf_printf(&oids, i > 0 ? ",%u" : "%u", self->tables[i].oid);
    weir_buf_add_byte(&oids, '}');
    const char *parameter = weir_buf_cstr(&oids);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection,
                                        "SELECT DISTINCT atttypid FROM pg_catalog.pg_attribute "
                                        "WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT "
                                        "attisdropped",
                                        &parameter, 1, err);
    weir_buf_done(&oids);
    if (result == NULL)
        return weir_wrap(err, "reading the columns' types");
    *binary = true;
    for (int row = 0; row < PQntuples(result); row++) {
        int32_t modifier = -1;
        const pg_type *type;
        codec column;

        if (catalog_type(self, (uint32_t)number(connection_field(result, row, 0)), &type, &modifier,
                         err) != WEIR_OK)
            return err->code;
        if (type != NULL && codec_init(&column, type, modifier, options, scratch))
            *binary = *binary && column.binary != NULL;
    }
    return WEIR_OK;
}

void catalog_forget_type(catalog *self, uint32_t oid)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%u", oid);

    (void)weir_map_remove(self->types, (weir_str){text, (size_t)length});
}

weir_code catalog_columns(catalog *self, catalog_table *table, weir_error *err)
{
    char oid[16];
    const char *parameter = oid;

    (void)snprintf(oid, sizeof(oid), "%u", table->oid);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, columns_sql, &parameter, 1, err);
    if (result == NULL)
        return weir_wrap(err, "reading the columns of %.*s.%.*s", WEIR_ARG(table->schema),
                         WEIR_ARG(table->name));
    int count = PQntuples(result);
    table->columns = weir_task_alloc(self->task, ((size_t)count + 1) * sizeof(*table->columns));
    table->column_count = (size_t)count;
    for (int row = 0; row < count; row++) {
        table->columns[row] = (catalog_column){
            .name = weir_task_copy(self->task, connection_field(result, row, 0)),
            .type = (uint32_t)number(connection_field(result, row, 1)),
            .modifier = (int32_t)number(connection_field(result, row, 2)),
            .not_null = is_true(connection_field(result, row, 3)),
            .default_sql = weir_task_copy(self->task, connection_field(result, row, 4)),
            .key_position = (int)number(connection_field(result, row, 5)),
            .identity = is_true(connection_field(result, row, 6)),
        };
    }
    return WEIR_OK;
}

weir_code catalog_size(catalog *self, catalog_table *table, weir_error *err)
{
    char oid[16];
    const char *parameter = oid;

    (void)snprintf(oid, sizeof(oid), "%u", table->oid);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        self->connection,
        "SELECT pg_catalog.pg_relation_size(oid) / current_setting('block_size')::bigint AS pages, "
        "CASE WHEN reltuples > 0 AND relpages > 0 THEN (reltuples / relpages * "
        "(pg_catalog.pg_relation_size(oid) / current_setting('block_size')::bigint))::bigint "
        "ELSE -1 END FROM pg_catalog.pg_class WHERE oid = $1::oid AND relkind = 'r'",
        &parameter, 1, err);
    if (result == NULL)
        return weir_wrap(err, "reading the size of %.*s.%.*s", WEIR_ARG(table->schema),
                         WEIR_ARG(table->name));
    if (PQntuples(result) == 0)
        return WEIR_OK; /* partitioned, or gone: reading it will tell */
    table->page_count = number(connection_field(result, 0, 0));
    table->row_count = number(connection_field(result, 0, 1));
    return WEIR_OK;
}

static const char type_sql[] =
    "SELECT t.typname, t.typtype, t.typbasetype, t.typtypmod, "
    "CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, "
    "coalesce((SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) "
    "FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), '') "
    "FROM pg_catalog.pg_type t WHERE t.oid = $1::oid";

/* NOLINTNEXTLINE(misc-no-recursion): a domain's base type; domains of domains end */
weir_code catalog_type(catalog *self, uint32_t oid, const pg_type **type, int32_t *modifier,
                       weir_error *err)
{
    char text[16];
    const char *parameter = text;
    int length = snprintf(text, sizeof(text), "%u", oid);
    weir_str key = {text, (size_t)length};

    *type = pg_type_builtin(oid);
    if (*type == NULL)
        *type = weir_map_get(self->types, key);
    if (*type != NULL)
        return WEIR_OK;
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, type_sql, &parameter, 1, err);
    if (result == NULL)
        return weir_wrap(err, "reading type %u", oid);
    if (PQntuples(result) == 0)
        return WEIR_OK; /* dropped meanwhile */
    if (connection_field(result, 0, 1).ptr[0] == 'd') {
        int32_t own = (int32_t)number(connection_field(result, 0, 3));

        if (own >= 0)
            *modifier = own;
        return catalog_type(self, (uint32_t)number(connection_field(result, 0, 2)), type, modifier,
                            err);
    }

    pg_type *added = weir_task_alloc(self->task, sizeof(*added));
    uint32_t element = (uint32_t)number(connection_field(result, 0, 4));
    *added = (pg_type){.oid = oid,
                       .kind = connection_field(result, 0, 1).ptr[0],
                       .name = weir_task_copy(self->task, connection_field(result, 0, 0)),
                       .labels = weir_task_copy(self->task, connection_field(result, 0, 5))};
    if (element != 0) {
        int32_t unused = -1;
        weir_code code = catalog_type(self, element, &added->element, &unused, err);
        if (code != WEIR_OK)
            return code;
    }
    (void)weir_map_put(self->types, key, added);
    *type = added;
    return WEIR_OK;
}

void catalog_add_identifier(weir_buf *sql, weir_str name)
{
    weir_buf_add_byte(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            weir_buf_add_byte(sql, '"');
        weir_buf_add_byte(sql, name.ptr[i]);
    }
    weir_buf_add_byte(sql, '"');
}

void catalog_add_name(weir_buf *sql, weir_str schema, weir_str name)
{
    catalog_add_identifier(sql, schema);
    weir_buf_add_byte(sql, '.');
    catalog_add_identifier(sql, name);
}

/* A literal that needs no setting of the server: E'' with both quotes and backslashes doubled. */
void catalog_add_literal(weir_buf *sql, weir_str text)
{
    weir_buf_add_str(sql, WEIR_STR("E'"));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            weir_buf_add_byte(sql, text.ptr[i]);
        weir_buf_add_byte(sql, text.ptr[i]);
    }
    weir_buf_add_byte(sql, '\'');
}
