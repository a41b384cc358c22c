/* slot.c - the server's side of the stream: its settings, the publications and the replication slot. */
#include "slot.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define INSERTS_SUFFIX "_inserts"

static int int_field(const PGresult *result, int column)
{
    weir_str text = connection_field(result, 0, column);
    int value = 0;

    for (size_t i = 0; i < text.len && i < 9; i++) /* a count or a process id: never more digits */
        value = value * 10 + (text.ptr[i] - '0');
    return value;
}

weir_code slot_check_server(PGconn *connection, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(connection,
                         "SELECT current_setting('wal_level'), pg_catalog.pg_is_in_recovery(), "
                         "(SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE "
                         "rolname = current_user), "
                         "current_user, pg_catalog.pg_encoding_to_char(encoding) "
                         "FROM pg_catalog.pg_database WHERE datname = current_database()",
                         NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "reading the server's settings");
    if (PQserverVersion(connection) < 140000)
        return weir_fail(err, WEIR_FATAL,
                         "the server is PostgreSQL %d; version 14 or newer is needed",
                         PQserverVersion(connection) / 10000);
    if (!weir_str_eq(connection_field(result, 0, 0), WEIR_STR("logical")))
        return weir_fail(err, WEIR_FATAL,
                         "wal_level of the server is \"%s\" and has to be \"logical\": set it in "
                         "postgresql.conf and restart the server",
                         PQgetvalue(result, 0, 0));
    if (PQgetvalue(result, 0, 1)[0] == 't')
        return weir_fail(err, WEIR_RETRY,
                         "the server is a standby; the connector needs the primary");
    if (PQgetvalue(result, 0, 2)[0] != 't')
        return weir_fail(err, WEIR_FATAL,
                         "role \"%s\" must not replicate; give it the right: ALTER ROLE \"%s\" "
                         "REPLICATION",
                         PQgetvalue(result, 0, 3), PQgetvalue(result, 0, 3));
    return WEIR_OK;
}

/* The number that a text begins with. */
static uint64_t number_of(weir_str text)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    return value;
}

static uint64_t number_field(const PGresult *result, int column)
{
    return number_of(connection_field(result, 0, column));
}

weir_code slot_identify(PGconn *replication, slot_server *server, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(replication, "IDENTIFY_SYSTEM", NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "asking for the server's identity");
    *server = (slot_server){.system = number_field(result, 0),
                            .timeline = (uint32_t)number_field(result, 1),
                            .wal_end = connection_lsn(connection_field(result, 0, 2))};
    return WEIR_OK;
}

weir_code slot_identify_by_sql(PGconn *connection, slot_server *server, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        connection,
        "SELECT system_identifier, ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name("
        "pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int8, pg_catalog.pg_current_wal_lsn() "
        "FROM pg_catalog.pg_control_system()",
        NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "asking for the server's identity");
    *server = (slot_server){.system = number_field(result, 0),
                            .timeline = (uint32_t)number_field(result, 1),
                            .wal_end = connection_lsn(connection_field(result, 0, 2))};
    return WEIR_OK;
}

/* Cuts the next piece, up to a separator, off the text. */
static weir_str cut(weir_str *text, char separator)
{
    const char *end = memchr(text->ptr, separator, text->len);
    weir_str piece = {text->ptr, end != NULL ? (size_t)(end - text->ptr) : text->len};
    size_t used = piece.len + (end != NULL);

    *text = (weir_str){text->ptr + used, text->len - used};
    return piece;
}

uint64_t slot_fork_in(weir_str history, uint32_t timeline)
{
    while (history.len > 0) {
        weir_str line = cut(&history, '\n');
        weir_str number = cut(&line, '\t');

        if (number.len > 0 && number_of(number) == timeline)
            return connection_lsn(cut(&line, '\t'));
    }
    return 0;
}

weir_code slot_find_fork(PGconn *replication, const slot_server *server, uint32_t timeline,
                         uint64_t *fork, weir_error *err)
{
    WEIR_CLEANUP(connection_clear) PGresult *result = NULL;
    char command[64];

    *fork = 0;
    if (server->timeline <= timeline) /* and the first one has no history */
        return WEIR_OK;
    (void)snprintf(command, sizeof(command), "TIMELINE_HISTORY %" PRIu32, server->timeline);
    result = connection_query(replication, command, NULL, 0, err);
    if (result == NULL)
        return weir_wrap(err, "reading the history of the server's timeline");
    *fork = slot_fork_in(connection_field(result, 0, 1), timeline);
    return WEIR_OK;
}

/* --- Publications --------------------------------------------------------------------------- */

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
                                        "SELECT puballtables, pubupdate OR pubdelete, pubinsert "
                                        "FROM pg_catalog.pg_publication WHERE pubname = $1",
                                        &name, 1, err);

    if (result == NULL)
        return weir_wrap(err, "reading publication \"%s\"", name);
    self->exists = PQntuples(result) == 1;
    self->all_tables = self->exists && PQgetvalue(result, 0, 0)[0] == 't';
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

static bool wants(const publication *self, const catalog_table *table)
{
    return table->has_identity != self->inserts_only;
}

static bool any_wanted(const publication *self)
{
    for (size_t i = 0; i < self->catalog->table_count; i++) {
        if (wants(self, &self->catalog->tables[i]))
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

static weir_code create_publication(publication *self, bool all_tables, weir_error *err)
{
    weir_buf sql = {0};
    const char *separator = "";
    weir_str name = weir_buf_str(&self->name);

    weir_buf_printf(&sql, "CREATE PUBLICATION ");
    catalog_add_identifier(&sql, name);
    if (all_tables || any_wanted(self)) /* a publication may be empty */
        weir_buf_printf(&sql, all_tables ? " FOR ALL TABLES" : " FOR TABLE ");
    for (size_t i = 0; i < self->catalog->table_count && !all_tables; i++) {
        const catalog_table *table = &self->catalog->tables[i];

        if (!wants(self, table))
            continue;
        weir_buf_printf(&sql, "%s", separator);
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
static weir_code adjust_table(publication *self, const catalog_table *table, bool listed,
                              weir_error *err)
{
    weir_buf sql = {0};

    if (listed == wants(self, table))
        return WEIR_OK;
    weir_buf_printf(&sql, "ALTER PUBLICATION ");
    catalog_add_identifier(&sql, weir_buf_str(&self->name));
    weir_buf_printf(&sql, listed ? " DROP TABLE " : " ADD TABLE ");
    catalog_add_name(&sql, table->schema, table->name);
    weir_code code =
        run_privileged(self->connection, weir_buf_cstr(&sql), weir_buf_cstr(&self->name), err);
    if (code == WEIR_OK && listed)
        weir_task_diag(self->catalog->task, WEIR_WARN,
                       "table %.*s.%.*s has another replica identity than before and moved to "
                       "another publication",
                       WEIR_ARG(table->schema), WEIR_ARG(table->name));
    weir_buf_done(&sql);
    return code;
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
    for (size_t i = 0; i < self->catalog->table_count && !self->all_tables; i++) {
        const catalog_table *table = &self->catalog->tables[i];

        if (adjust_table(self, table, lists_table(result, table), err) != WEIR_OK)
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
        "i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary "
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

weir_code slot_publish(const catalog *tables, const settings *config, bool slot_exists,
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
        list[i].via_root = config->publish_via_partition_root;
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

/* --- The slot ------------------------------------------------------------------------------- */

weir_code slot_look(PGconn *connection, const settings *config, slot_state *state, weir_error *err)
{
    weir_buf name = {0};
    weir_buf_add_str(&name, config->slot_name);
    const char *parameter = weir_buf_cstr(&name);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        connection,
        "SELECT active, coalesce(active_pid, 0), restart_lsn, confirmed_flush_lsn, "
        "wal_status = 'lost', plugin, database = current_database() "
        "FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
        &parameter, 1, err);

    weir_buf_done(&name);
    if (result == NULL)
        return weir_wrap(err, "reading slot \"%.*s\"", WEIR_ARG(config->slot_name));
    *state = (slot_state){.exists = PQntuples(result) == 1};
    if (!state->exists)
        return WEIR_OK;
    if (!weir_str_eq(connection_field(result, 0, 5), WEIR_STR("pgoutput")) ||
        PQgetvalue(result, 0, 6)[0] != 't')
        return weir_fail(err, WEIR_FATAL,
                         "slot \"%.*s\" is of another database or plugin (%s); choose another "
                         "slot.name",
                         WEIR_ARG(config->slot_name), PQgetvalue(result, 0, 5));
    state->active = PQgetvalue(result, 0, 0)[0] == 't';
    state->active_pid = int_field(result, 1);
    state->restart_lsn = connection_lsn(connection_field(result, 0, 2));
    state->confirmed_lsn = connection_lsn(connection_field(result, 0, 3));
    state->lost = PQgetvalue(result, 0, 4)[0] == 't';
    return WEIR_OK;
}

weir_code slot_create_begin(PGconn *replication, const settings *config, weir_error *err)
{
    weir_buf sql = {0};

    weir_buf_printf(&sql, "CREATE_REPLICATION_SLOT ");
    catalog_add_identifier(&sql, config->slot_name);
    weir_buf_printf(&sql, " LOGICAL pgoutput EXPORT_SNAPSHOT");
    int sent = PQsendQuery(replication, weir_buf_cstr(&sql));
    weir_buf_done(&sql);
    if (sent != 1)
        return connection_failed(replication, NULL, "creating the replication slot", err);
    return WEIR_OK;
}

weir_code slot_create_poll(PGconn *replication, weir_task *task, int64_t timeout_us,
                           slot_created *created, bool *done, weir_error *err)
{
    *done = false;
    if (PQisBusy(replication) != 0) {
        (void)connection_wait(replication, timeout_us);
        if (PQconsumeInput(replication) != 1)
            return connection_failed(replication, NULL, "creating the replication slot", err);
        if (PQisBusy(replication) != 0)
            return WEIR_OK;
    }
    WEIR_CLEANUP(connection_clear) PGresult *result = PQgetResult(replication);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return connection_failed(replication, result, "creating the replication slot", err);
    created->consistent_lsn = connection_lsn(connection_field(result, 0, 1));
    created->snapshot = weir_task_copy(task, connection_field(result, 0, 2));
    PGresult *end = PQgetResult(replication); /* NULL: the command is complete */
    PQclear(end);
    *done = true;
    return WEIR_OK;
}

weir_code slot_waits_for(PGconn *connection, int *count, int *pid, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        connection,
        "SELECT count(*), coalesce((array_agg(pid ORDER BY xact_start))[1], 0) "
        "FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> "
        "pg_catalog.pg_backend_pid()",
        NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "looking for open transactions");
    *count = int_field(result, 0);
    *pid = int_field(result, 1);
    return WEIR_OK;
}
