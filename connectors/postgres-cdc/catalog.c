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

/* In the order of "schema.table", on which the offset of a snapshot relies: that of schemas alone is another.
 * A partitioned table has an identity when all of its partitions have one. A primary key that is
 * deferrable is none. */
static const char tables_sql[] =
    "SELECT c.oid, n.nspname, c.relname, c.relreplident, "
    "(SELECT pg_catalog.bool_and(l.relreplident = 'f' OR EXISTS (SELECT FROM pg_catalog.pg_index i "
    "WHERE i.indrelid = l.oid AND i.indimmediate AND CASE l.relreplident WHEN 'd' THEN "
    "i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)) FROM pg_catalog.pg_class l "
    "WHERE l.oid = ANY (CASE WHEN c.relkind = 'p' THEN ARRAY(SELECT t.relid::pg_catalog.oid FROM "
    "pg_catalog.pg_partition_tree(c.oid) t WHERE t.isleaf OR t.relid = c.oid) "
    "ELSE ARRAY[c.oid] END)), "
    "c.reltuples::bigint, c.relpages, c.relkind = 'p', CASE WHEN c.relispartition THEN "
    "ARRAY(SELECT a.relid::pg_catalog.oid FROM pg_catalog.pg_partition_ancestors(c.oid) a "
    "WHERE a.relid <> c.oid)::text ELSE '{}' END "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relpersistence = 'p' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
    "AND c.relkind IN ('r', 'p') ORDER BY (n.nspname || '.' || c.relname) COLLATE \"C\"";

static catalog_table table_of(const catalog *self, const PGresult *result, int row)
{
    return (catalog_table){
        .oid = (uint32_t)number(connection_field(result, row, 0)),
        .schema = weir_task_copy(self->task, connection_field(result, row, 1)),
        .name = weir_task_copy(self->task, connection_field(result, row, 2)),
        .identity = connection_field(result, row, 3).ptr[0],
        .has_identity = is_true(connection_field(result, row, 4)),
        .row_count = number(connection_field(result, row, 5)),
        .page_count = number(connection_field(result, row, 6)),
        .is_partitioned = is_true(connection_field(result, row, 7)),
        .ancestors = weir_task_copy(self->task, connection_field(result, row, 8)),
    };
}

/* Takes the next oid out of "{10,12}"; *at is 0 at first. */
static bool next_ancestor(const catalog_table *table, size_t *at, weir_str *oid)
{
    if (*at >= table->ancestors.len)
        return false;
    size_t start = ++(*at); /* behind the brace or the comma */
    while (*at < table->ancestors.len && table->ancestors.ptr[*at] != ',' &&
           table->ancestors.ptr[*at] != '}')
        (*at)++;
    *oid = (weir_str){table->ancestors.ptr + start, *at - start};
    return *at < table->ancestors.len && oid->len > 0;
}

bool catalog_is_below(const catalog_table *table, const catalog_table *root)
{
    size_t at = 0;
    weir_str oid;

    while (next_ancestor(table, &at, &oid)) {
        if (number(oid) == root->oid)
            return true;
    }
    return false;
}

/* Marks the ancestors of a table that are in the lists, too; returns whether there is one. */
static bool cover_ancestors(const weir_map *roots, const catalog_table *table)
{
    bool any = false;
    size_t at = 0;
    weir_str oid;

    while (next_ancestor(table, &at, &oid)) {
        catalog_table *root = weir_map_get(roots, oid);

        if (root != NULL)
            root->is_covered = true;
        any = any || root != NULL;
    }
    return any;
}

static void warn_of_uncovered(const catalog *self, const catalog_table *table)
{
    weir_task_diag(self->task, WEIR_WARN,
                   "table %.*s.%.*s is partitioned, and none of its partitions is in the lists: "
                   "its changes come under their names; add those to table.include.list, or set "
                   "publish.via.partition.root to true",
                   WEIR_ARG(table->schema), WEIR_ARG(table->name));
}

/* Of a partitioned table and its partitions, leaves those under whose name changes come. The tables stay
 * where they are until all are decided, because the map points to them. */
static void choose_names(catalog *self, const weir_map *roots)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->table_count; i++) {
        catalog_table *table = &self->tables[i];
        bool below = cover_ancestors(roots, table);

        table->is_captured = self->with_roots ? !below : !table->is_partitioned;
    }
    for (size_t i = 0; i < self->table_count; i++) {
        const catalog_table *table = &self->tables[i];

        if (!self->with_roots && table->is_partitioned && !table->is_covered)
            warn_of_uncovered(self, table);
        if (table->is_partitioned && !self->with_roots)
            self->roots[self->root_count++] = *table;
        if (table->is_captured)
            self->tables[kept++] = *table;
    }
    self->table_count = kept;
}

void catalog_take(catalog *self, const PGresult *result, bool with_roots)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *roots = weir_map_new();
    int count = PQntuples(result);

    self->tables = weir_task_alloc(self->task, ((size_t)count + 1) * sizeof(*self->tables));
    self->roots = weir_task_alloc(self->task, ((size_t)count + 1) * sizeof(*self->roots));
    self->table_count = 0;
    self->root_count = 0;
    self->with_roots = with_roots;
    for (int row = 0; row < count; row++) {
        if (!filter_takes_table(self->filter, connection_field(result, row, 1),
                                connection_field(result, row, 2)))
            continue;
        catalog_table *table = &self->tables[self->table_count++];
        *table = table_of(self, result, row);
        if (table->is_partitioned)
            (void)weir_map_put(roots, connection_field(result, row, 0), table);
    }
    choose_names(self, roots);
}

weir_code catalog_load(catalog *self, bool with_roots, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, tables_sql, NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "reading the list of tables");
    catalog_take(self, result, with_roots);
    return WEIR_OK;
}

/* The columns of an index, in their order and from 1, without those that it only includes. */
#define INDEX_COLUMNS "(i.indkey::int2[])[0:i.indnkeyatts - 1]"

/* The key is the primary key, else the first unique index by name whose columns are all NOT NULL. */
static const char columns_sql[] =
    "SELECT a.attname, a.atttypid, a.atttypmod, a.attnotnull, "
    "coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), "
    "coalesce(pg_catalog.array_position(k.columns, a.attnum), 0), "
    "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisreplident "
    "AND a.attnum = ANY (" INDEX_COLUMNS ")), a.attidentity <> '' "
    "FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d "
    "ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "LEFT JOIN (SELECT " INDEX_COLUMNS " AS columns FROM pg_catalog.pg_index i "
    "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid "
    "WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL "
    "AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute n "
    "WHERE n.attrelid = i.indrelid AND NOT n.attnotnull AND n.attnum = ANY (" INDEX_COLUMNS ")) "
    "ORDER BY NOT i.indisprimary, x.relname COLLATE \"C\" LIMIT 1) k ON true "
    "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
    "AND ($2 = '' OR a.attnum = ANY (CASE $2 WHEN '' THEN '{}' ELSE $2 END::int2[])) "
    "ORDER BY a.attnum";

weir_code catalog_signature(catalog *self, uint32_t table, weir_buf *out, weir_error *err)
{
    char oid[16];
    const char *parameters[] = {oid, ""};

    (void)snprintf(oid, sizeof(oid), "%u", table);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, columns_sql, parameters, 2, err);
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

weir_code catalog_sees(catalog *self, uint32_t transaction, bool *seen, weir_error *err)
{
    char text[16];
    const char *parameter = text;

    (void)snprintf(text, sizeof(text), "%u", transaction);
    /* a transaction keeps the lock on its number until it can be seen */
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        self->connection,
        "SELECT pg_catalog.count(*), pg_catalog.pg_sleep(CASE pg_catalog.count(*) WHEN 0 THEN 0 "
        "ELSE 0.002 END) FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' "
        "AND transactionid = $1::xid AND mode = 'ExclusiveLock' AND granted",
        &parameter, 1, err);
    if (result == NULL)
        return weir_wrap(err, "looking for transaction %u", transaction);
    *seen = number(connection_field(result, 0, 0)) == 0;
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
    weir_buf attributes = {0};
    weir_buf_add_str(&attributes, table->attributes);
    const char *parameters[] = {oid, weir_buf_cstr(&attributes)};

    (void)snprintf(oid, sizeof(oid), "%u", table->oid);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, columns_sql, parameters, 2, err);
    weir_buf_done(&attributes);
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

weir_str catalog_largest_column(catalog *self, const catalog_table *table)
{
    int64_t largest_size = 0;
    weir_str largest = {0};
    weir_buf sql = {0};
    weir_error ignored; /* it is about another error */

    weir_buf_printf(&sql, "BEGIN; SET LOCAL statement_timeout = '2s'; SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        weir_buf_printf(&sql, "%spg_catalog.max(pg_catalog.pg_column_size(", i > 0 ? ", " : "");
        catalog_add_identifier(&sql, table->columns[i].name);
        weir_buf_printf(&sql, "))");
    }
    weir_buf_printf(&sql, " FROM ");
    catalog_add_name(&sql, table->schema, table->name);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection, weir_buf_cstr(&sql), NULL, 0, &ignored);
    for (int i = 0; result != NULL && i < PQnfields(result); i++) {
        int64_t size = number(connection_field(result, 0, i));

        if (size > largest_size) {
            largest_size = size;
            largest = table->columns[i].name;
        }
    }
    weir_buf_done(&sql);
    return connection_run(self->connection, "ROLLBACK", &ignored) == WEIR_OK ? largest
                                                                             : (weir_str){0};
}

static const char type_sql[] =
    "SELECT t.typname, t.typtype, t.typbasetype, t.typtypmod, "
    "CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, "
    "coalesce((SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) "
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
