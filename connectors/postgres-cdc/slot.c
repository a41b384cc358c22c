/* slot.c - the server's side of the stream: its settings and the replication slot. */
#include "slot.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

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
    PGresult *result = connection_query(
        connection,
        "SELECT pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(), "
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
        "SELECT pg_catalog.count(*), "
        "coalesce((pg_catalog.array_agg(pid ORDER BY xact_start))[1], 0) "
        "FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> "
        "pg_catalog.pg_backend_pid()",
        NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "looking for open transactions");
    *count = int_field(result, 0);
    *pid = int_field(result, 1);
    return WEIR_OK;
}
