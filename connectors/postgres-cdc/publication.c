/* publication.c - which tables, columns and rows the server publishes. */
#include "publication.h"

#include <libpq-fe.h>
#include <stdio.h>

#define INSERTS_SUFFIX "_inserts"

weir_code publication_via_root(PGconn *connection, weir_task *task, const settings *config,
                               bool *via_root, weir_error *err)
{
    weir_buf name = {0};
    weir_buf_add_str(&name, config->publication_name);
    const char *parameter = weir_buf_cstr(&name);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(connection,
                                        "SELECT pubviaroot FROM pg_catalog.pg_publication "
                                        "WHERE pubname = $1",
                                        &parameter, 1, err);

    weir_buf_done(&name);
    if (result == NULL)
        return weir_wrap(err, "reading publication \"%.*s\"", WEIR_ARG(config->publication_name));
    *via_root = config->publish_via_partition_root;
    if (PQntuples(result) == 0)
        return WEIR_OK;
    *via_root = PQgetvalue(result, 0, 0)[0] == 't';
    if (*via_root != config->publish_via_partition_root)
        weir_task_diag(
            task, WEIR_WARN,
            "publication \"%.*s\" has publish_via_partition_root = %s, which counts, and "
            "not the setting publish.via.partition.root",
            WEIR_ARG(config->publication_name), *via_root ? "true" : "false");
    return WEIR_OK;
}

/* --- Making them ------------------------------------------------------------------------------ */

typedef struct publication {
    const catalog *catalog;
    PGconn *connection;
    weir_buf name;
    bool inserts_only;
    bool exists;
    bool all_tables;
    bool via_root;
} publication;

static weir_code look_publication(publication *self, weir_error *err)
{
    const char *name = weir_buf_cstr(&self->name);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->connection,
                                        "SELECT puballtables, pubinsert, pubupdate, pubdelete "
                                        "FROM pg_catalog.pg_publication WHERE pubname = $1",
                                        &name, 1, err);

    if (result == NULL)
        return weir_wrap(err, "reading publication \"%s\"", name);
    self->exists = PQntuples(result) == 1;
    if (!self->exists)
        return WEIR_OK;
    self->all_tables = PQgetvalue(result, 0, 0)[0] == 't';
    for (int column = 1; column <= (self->inserts_only ? 1 : 3); column++) {
        if (PQgetvalue(result, 0, column)[0] != 't')
            weir_task_diag(
                self->catalog->task, WEIR_WARN,
                "publication \"%s\" does not publish every operation (%s): those that it "
                "leaves out are not captured",
                name, PQfname(result, column));
    }
    return WEIR_OK;
}

/* Whether the publication has a table of its own list. */
static bool lists_table(const PGresult *result, const catalog_table *table)
{
    for (int row = 0; row < PQntuples(result); row++) {
        if (weir_str_eq(connection_field(result, row, 0), table->schema) &&
            weir_str_eq(connection_field(result, row, 1), table->name))
            return true;
    }
    return false;
}

/* A partitioned table is published beside its partitions, because those that are made later are so from their
 * beginning. They have its primary key; without one their updates would fail. */
static bool wants(const publication *self, const catalog_table *table)
{
    if (!table->is_captured)
        return table->has_identity && table->identity == 'd' && !self->inserts_only;
    return table->has_identity != self->inserts_only;
}

static size_t table_count(const publication *self)
{
    return self->catalog->table_count + self->catalog->root_count;
}

/* Captured tables, then partitioned ones that are not captured themselves. */
static catalog_table *table_at(const publication *self, size_t index)
{
    size_t captured = self->catalog->table_count;

    return index < captured ? &self->catalog->tables[index]
                            : &self->catalog->roots[index - captured];
}

static bool any_wanted(const publication *self)
{
    for (size_t i = 0; i < table_count(self); i++) {
        if (wants(self, table_at(self, i)))
            return true;
    }
    return false;
}

static weir_code run_privileged(PGconn *connection, const char *sql, const char *name,
                                weir_error *err)
{
    if (connection_run(connection, sql, err) == WEIR_OK)
        return WEIR_OK;
    return weir_wrap(err,
                     "publication \"%s\" could not be changed; the role has to own the captured "
                     "tables and to have CREATE on the database, or somebody who may makes the "
                     "publication and sets publication.autocreate.mode to disabled (%s)",
                     name, sql);
}

/* ONLY: what inherits from a table may have no identity, and stands in the list for itself. */
static weir_code create_publication(publication *self, bool all_tables, weir_error *err)
{
    weir_buf sql = {0};
    const char *separator = "";
    weir_str name = weir_buf_str(&self->name);

    weir_buf_printf(&sql, "CREATE PUBLICATION ");
    catalog_add_identifier(&sql, name);
    if (all_tables || any_wanted(self)) /* a publication may be empty */
        weir_buf_printf(&sql, all_tables ? " FOR ALL TABLES" : " FOR TABLE ");
    for (size_t i = 0; i < table_count(self) && !all_tables; i++) {
        const catalog_table *table = table_at(self, i);

        if (!wants(self, table))
            continue;
        weir_buf_printf(&sql, "%sONLY ", separator);
        catalog_add_name(&sql, table->schema, table->name);
        separator = ", ";
    }
    weir_buf_printf(&sql, " WITH (publish = '%s', publish_via_partition_root = %s)",
                    self->inserts_only ? "insert, truncate" : "insert, update, delete, truncate",
                    self->via_root ? "true" : "false");
    weir_code code =
        run_privileged(self->connection, weir_buf_cstr(&sql), weir_buf_cstr(&self->name), err);
    weir_buf_done(&sql);
    return code;
}

/* Adds and takes out one table, when the list differs from what is wanted. */
static weir_code adjust_table(publication *self, catalog_table *table, bool listed, weir_error *err)
{
    weir_buf sql = {0};

    table->was_published = table->was_published || listed;

    if (listed == wants(self, table))
        return WEIR_OK;
    weir_buf_printf(&sql, "ALTER PUBLICATION ");
    catalog_add_identifier(&sql, weir_buf_str(&self->name));
    weir_buf_printf(&sql, listed ? " DROP TABLE ONLY " : " ADD TABLE ONLY ");
    catalog_add_name(&sql, table->schema, table->name);
    weir_code code =
        run_privileged(self->connection, weir_buf_cstr(&sql), weir_buf_cstr(&self->name), err);
    if (code == WEIR_OK && listed)
        weir_task_diag(self->catalog->task, WEIR_WARN,
                       "table %.*s.%.*s has another replica identity than before and moved to "
                       "another publication",
                       WEIR_ARG(table->schema), WEIR_ARG(table->name));
    table->is_added = table->is_added || (code == WEIR_OK && !listed);
    weir_buf_done(&sql);
    return code;
}

/* They were published with their table. */
static void note_partitions(const publication *self, const catalog_table *root)
{
    for (size_t i = 0; i < self->catalog->table_count; i++) {
        catalog_table *table = &self->catalog->tables[i];

        table->was_published = table->was_published || catalog_is_below(table, root);
    }
}

static weir_code adjust_publication(publication *self, weir_error *err)
{
    const char *name = weir_buf_cstr(&self->name);
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(self->connection,
                         "SELECT n.nspname, c.relname FROM pg_catalog.pg_publication p "
                         "JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid "
                         "JOIN pg_catalog.pg_class c ON c.oid = r.prrelid "
                         "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                         "WHERE p.pubname = $1",
                         &name, 1, err);

    if (result == NULL)
        return weir_wrap(err, "reading publication \"%s\"", name);
    for (size_t i = 0; i < table_count(self) && !self->all_tables; i++) {
        catalog_table *table = table_at(self, i);
        bool listed = lists_table(result, table);

        if (listed && !table->is_captured)
            note_partitions(self, table);
        if (adjust_table(self, table, listed, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* A publication of all tables makes every UPDATE and DELETE fail on a table without identity. */
static weir_code check_all_tables(publication *self, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        self->connection,
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' "
        "AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
        "AND c.relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE "
        "i.indrelid = c.oid AND i.indimmediate AND CASE c.relreplident WHEN 'd' THEN "
        "i.indisprimary "
        "WHEN 'i' THEN i.indisreplident ELSE false END) LIMIT 1",
        NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "looking for tables without a replica identity");
    if (PQntuples(result) == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL,
                     "publication.autocreate.mode all_tables would make every UPDATE and DELETE "
                     "fail on table %s.%s, which has no replica identity: give it a primary key or "
                     "REPLICA IDENTITY FULL, or use the mode filtered",
                     PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
}

static weir_code ensure(publication *self, const settings *config, bool slot_exists,
                        weir_error *err)
{
    autocreate_mode mode = (autocreate_mode)config->publication_autocreate_mode.index;

    if (look_publication(self, err) != WEIR_OK)
        return err->code;
    if (self->exists)
        return mode == AUTOCREATE_FILTERED ? adjust_publication(self, err) : WEIR_OK;
    if (self->inserts_only && (mode != AUTOCREATE_FILTERED || (slot_exists && !any_wanted(self))))
        return WEIR_OK;
    if (slot_exists)
        return weir_fail(err, WEIR_FATAL,
                         "publication \"%s\" does not exist, but the slot \"%.*s\" does: changes "
                         "from before the publication can't be decoded. Drop the slot by SELECT "
                         "pg_drop_replication_slot('%.*s') and delete the connector's offsets to "
                         "start with a new snapshot",
                         weir_buf_cstr(&self->name), WEIR_ARG(config->slot_name),
                         WEIR_ARG(config->slot_name));
    if (mode == AUTOCREATE_DISABLED)
        return weir_fail(err, WEIR_FATAL,
                         "publication \"%s\" does not exist and publication.autocreate.mode is "
                         "disabled: make it by CREATE PUBLICATION, or choose the mode filtered",
                         weir_buf_cstr(&self->name));
    if (mode == AUTOCREATE_ALL_TABLES && check_all_tables(self, err) != WEIR_OK)
        return err->code;
    weir_code code = create_publication(self, mode == AUTOCREATE_ALL_TABLES, err);
    self->exists = code == WEIR_OK;
    return code;
}

static weir_code ensure_both(const catalog *tables, const settings *config, bool slot_exists,
                             weir_buf *names, weir_error *err)
{
    publication list[2] = {
        {.catalog = tables, .connection = tables->connection},
        {.catalog = tables, .connection = tables->connection, .inserts_only = true},
    };
    weir_code code = WEIR_OK;

    weir_buf_clear(names);
    for (size_t i = 0; i < 2 && code == WEIR_OK; i++) {
        weir_buf_add_str(&list[i].name, config->publication_name);
        if (list[i].inserts_only)
            weir_buf_add_str(&list[i].name, WEIR_STR(INSERTS_SUFFIX));
        list[i].via_root = tables->with_roots;
        code = ensure(&list[i], config, slot_exists, err);
        if (code == WEIR_OK && list[i].exists) {
            if (names->len > 0)
                weir_buf_add_byte(names, ',');
            catalog_add_identifier(names, weir_buf_str(&list[i].name));
        }
    }
    weir_buf_done(&list[0].name);
    weir_buf_done(&list[1].name);
    return code;
}

/* In one transaction: a table that moves from one to the other is in one of them at any time. */
weir_code publication_ensure(const catalog *tables, const settings *config, bool slot_exists,
                             weir_buf *names, weir_error *err)
{
    weir_error ignored; /* what failed is known already */

    if (connection_run(tables->connection, "BEGIN", err) != WEIR_OK)
        return weir_wrap(err, "beginning to look at the publications");
    if (ensure_both(tables, config, slot_exists, names, err) == WEIR_OK)
        return connection_run(tables->connection, "COMMIT", err);
    if (connection_run(tables->connection, "ROLLBACK", &ignored) != WEIR_OK)
        return err->code; /* the connection is gone, and with it the transaction */
    return err->code;
}

/* --- What is published ------------------------------------------------------------------------ */

/* Of the tables that a publication lists by name. Row filters of several are alternatives; a table that
 * its schema publishes as well, or that one of them lists without a filter, has none. */
static const char listed_sql[] =
    "SELECT r.prrelid, pg_catalog.max(r.prattrs::pg_catalog.int2[]::text), "
    "CASE WHEN pg_catalog.bool_and(r.prqual IS NOT NULL) AND NOT "
    "pg_catalog.bool_or(p.puballtables) THEN pg_catalog.string_agg("
    "pg_catalog.pg_get_expr(r.prqual, r.prrelid), ' OR ') END "
    "FROM pg_catalog.pg_publication_rel r "
    "JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid "
    "JOIN pg_catalog.pg_class c ON c.oid = r.prrelid WHERE p.pubname IN ($1, $2) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s "
    "JOIN pg_catalog.pg_publication q ON q.oid = s.pnpubid "
    "WHERE s.pnnspid = c.relnamespace AND q.pubname IN ($1, $2)) GROUP BY r.prrelid";

static const char published_sql[] =
    "SELECT DISTINCT c.oid FROM pg_catalog.pg_publication_tables t "
    "JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname "
    "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename "
    "WHERE t.pubname IN ($1, $2)";

/* The captured tables by their oids, as texts that live as long as the task. */
static weir_map *by_oid(catalog *tables)
{
    weir_map *map = weir_map_new();

    for (size_t i = 0; i < tables->table_count; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "%u", tables->tables[i].oid);

        (void)weir_map_put(map, (weir_str){text, (size_t)length}, &tables->tables[i]);
    }
    return map;
}

static void take_listed(catalog *tables, const weir_map *captured, const PGresult *listed)
{
    for (int row = 0; row < PQntuples(listed); row++) {
        catalog_table *table = weir_map_get(captured, connection_field(listed, row, 0));

        if (table == NULL)
            continue;
        table->attributes = weir_task_copy(tables->task, connection_field(listed, row, 1));
        table->row_filter = weir_task_copy(tables->task, connection_field(listed, row, 2));
    }
}

static void warn_of_unpublished(const catalog *tables, weir_map *captured,
                                const PGresult *published)
{
    size_t at = 0;
    void *value;

    for (int row = 0; row < PQntuples(published); row++)
        (void)weir_map_remove(captured, connection_field(published, row, 0));
    while (weir_map_next(captured, &at, NULL, &value)) {
        const catalog_table *table = value;

        weir_task_diag(tables->task, WEIR_WARN,
                       "table %.*s.%.*s is in the lists of tables but in no publication: its rows "
                       "are read in a snapshot, its changes are not captured; add it by ALTER "
                       "PUBLICATION ... ADD TABLE, or take it out of table.include.list",
                       WEIR_ARG(table->schema), WEIR_ARG(table->name));
    }
}

/* The two publications' names. */
typedef struct publication_names {
    weir_buf both, inserts;
    const char *list[2];
} publication_names;

static void names_init(publication_names *self, const settings *config)
{
    *self = (publication_names){0};
    weir_buf_add_str(&self->both, config->publication_name);
    weir_buf_printf(&self->inserts, "%.*s" INSERTS_SUFFIX, WEIR_ARG(config->publication_name));
    self->list[0] = weir_buf_cstr(&self->both);
    self->list[1] = weir_buf_cstr(&self->inserts);
}

static void names_done(publication_names *self)
{
    weir_buf_done(&self->both);
    weir_buf_done(&self->inserts);
}

static weir_code look_columns(catalog *tables, const weir_map *captured, const char *const *names,
                              weir_error *err)
{
    if (PQserverVersion(tables->connection) < 150000)
        return WEIR_OK;
    WEIR_CLEANUP(connection_clear)
    PGresult *listed = connection_query(tables->connection, listed_sql, names, 2, err);

    if (listed == NULL)
        return weir_wrap(err, "reading the publications' columns and filters");
    take_listed(tables, captured, listed);
    return WEIR_OK;
}

static weir_code look(catalog *tables, const char *const *names, weir_error *err)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *captured = by_oid(tables);

    if (look_columns(tables, captured, names, err) != WEIR_OK)
        return err->code;
    WEIR_CLEANUP(connection_clear)
    PGresult *published = connection_query(tables->connection, published_sql, names, 2, err);
    if (published == NULL)
        return weir_wrap(err, "reading the publications' tables");
    warn_of_unpublished(tables, captured, published);
    return WEIR_OK;
}

weir_code publication_look(catalog *tables, const settings *config, weir_error *err)
{
    publication_names names;

    names_init(&names, config);
    weir_code code = look(tables, names.list, err);
    names_done(&names);
    return code;
}

weir_code publication_columns(catalog *tables, const settings *config, weir_error *err)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *captured = by_oid(tables);
    publication_names names;

    names_init(&names, config);
    weir_code code = look_columns(tables, captured, names.list, err);
    names_done(&names);
    return code;
}
