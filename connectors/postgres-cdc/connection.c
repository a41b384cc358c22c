/* connection.c - connections to the server: opening, queries, and what their errors mean. */
#include "connection.h"

#include <assert.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

/* Values are printed as the decoders read them, and names and literals are read as we write them, whatever
 * the server, the database or the role set. A policy that would hide rows makes reading them an error. */
#define SESSION_OPTION(name, value) "-c " name "=" value " "
#define SESSION_OPTIONS                                                                            \
    CONNECTION_TEXT_SETTINGS(SESSION_OPTION)                                                       \
    "-c array_nulls=on -c row_security=off "                                                       \
    "-c default_transaction_read_only=off -c client_min_messages=error -c statement_timeout=0 "    \
    "-c idle_in_transaction_session_timeout=0 -c lock_timeout=0"

#define PARAMETER_COUNT 20

/* What of the server's message tells which fault it is, and what can be done about it. */
static const struct {
    const char *part;
    weir_code code;
    const char *remedy;
} connect_faults[] = {
    {"password authentication failed", WEIR_FATAL, "check database.user and database.password"},
    {"no password supplied", WEIR_FATAL, "set database.password"},
    {"no pg_hba.conf entry", WEIR_FATAL, "allow this host in the server's pg_hba.conf"},
    {"must be superuser or replication role", WEIR_FATAL,
     "give the role of database.user the right: ALTER ROLE ... REPLICATION"},
    {"permission denied to start WAL sender", WEIR_FATAL,
     "give the role of database.user the right: ALTER ROLE ... REPLICATION"},
    {"database \"", WEIR_FATAL, "check database.dbname"},
    {"role \"", WEIR_FATAL, "check database.user"},
    {"root certificate file", WEIR_FATAL, "check database.sslrootcert"},
    {"server does not support SSL", WEIR_FATAL, "check database.sslmode"},
    {"number of requested standby connections exceeds", WEIR_RETRY,
     "raise max_wal_senders of the server"},
};

static weir_code connect_failed(PGconn *connection, const settings *config, weir_error *err)
{
    const char *reason = PQerrorMessage(connection);
    size_t length = strlen(reason);
    weir_code code = WEIR_RETRY;
    const char *remedy = "";

    while (length > 0 && (reason[length - 1] == '\n' || reason[length - 1] == ' '))
        length--;
    for (size_t i = 0; i < sizeof(connect_faults) / sizeof(connect_faults[0]); i++) {
        if (strstr(reason, connect_faults[i].part) != NULL) {
            code = connect_faults[i].code;
            remedy = connect_faults[i].remedy;
            break;
        }
    }
    return weir_fail(err, code, "could not connect to PostgreSQL at %.*s:%lld: %.*s%s%s",
                     WEIR_ARG(config->hostname), (long long)config->port, (int)length, reason,
                     remedy[0] != 0 ? "; " : "", remedy);
}

/* A parameter of the connection whose value is a slice: libpq wants it with a NUL. */
typedef struct parameters {
    const char *names[PARAMETER_COUNT + 1];
    const char *values[PARAMETER_COUNT + 1];
    weir_buf texts[PARAMETER_COUNT];
    int count;
} parameters;

static void parameters_add(parameters *list, const char *name, weir_str value)
{
    if (value.len == 0)
        return;
    weir_buf_add_str(&list->texts[list->count], value);
    list->names[list->count] = name;
    list->values[list->count] = weir_buf_cstr(&list->texts[list->count]);
    list->count++;
}

static void parameters_done(parameters *list)
{
    for (int i = 0; i < PARAMETER_COUNT; i++)
        weir_buf_done(&list->texts[i]);
}

void connection_close(PGconn *connection)
{
    PQfinish(connection);
}

/* By the class of its SQLSTATE: does a fault pass by itself? */
weir_code connection_code_of(const char *state)
{
    static const char *const passing[] = {"08", "40", "53", "55", "57", "58"};

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (strncmp(state, passing[i], 2) == 0)
            return WEIR_RETRY;
    }
    return WEIR_FATAL;
}

static const char too_large[] = "a row is larger than the server can send";

/* PostgreSQL calls it "out of memory" when a message would grow past 1 GB, in the class of exceeded limits,
 * and an internal error when one value would. Real lack of memory has another state. */
bool connection_exceeds_limit(const char *state, const char *reason)
{
    return strcmp(state, "54000") == 0 ||
           strstr(reason, "invalid memory alloc request size") != NULL;
}

weir_code connection_failed(PGconn *connection, const PGresult *result, const char *what,
                            weir_error *err)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary =
        result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *reason = primary != NULL ? primary : PQerrorMessage(connection);
    size_t length = strlen(reason);

    while (length > 0 && (reason[length - 1] == '\n' || reason[length - 1] == ' '))
        length--;
    if (state != NULL && connection_exceeds_limit(state, reason))
        return weir_fail(err, WEIR_FATAL, "%s: %s (%.*s)", what, too_large, (int)length, reason);
    return weir_fail(err, state != NULL ? connection_code_of(state) : WEIR_RETRY, "%s: %.*s", what,
                     (int)length, reason);
}

bool connection_is_too_large(const weir_error *err)
{
    return strstr(err->message, too_large) != NULL;
}

PGresult *connection_query(PGconn *connection, const char *sql, const char *const *arguments,
                           int argument_count, weir_error *err)
{
    PGresult *result = argument_count > 0 ? PQexecParams(connection, sql, argument_count, NULL,
                                                         arguments, NULL, NULL, 0)
                                          : PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    (void)connection_failed(connection, result, "the server refused a query", err);
    PQclear(result);
    return NULL;
}

void connection_clear(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

weir_code connection_run(PGconn *connection, const char *sql, weir_error *err)
{
    PGresult *result = connection_query(connection, sql, NULL, 0, err);

    if (result == NULL)
        return err->code;
    PQclear(result);
    return WEIR_OK;
}

/* Time limits that not every version has: an unknown name in the options would refuse the connection. */
static const char new_timeouts_sql[] =
    "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
    "WHERE name IN ('idle_session_timeout', 'transaction_timeout') AND setting <> '0'";

PGconn *connection_open(const settings *config, connection_kind kind, weir_error *err)
{
    parameters list = {.count = 0};
    char port[16], timeout[24];

    (void)snprintf(port, sizeof(port), "%lld", (long long)config->port);
    (void)snprintf(timeout, sizeof(timeout), "%lld",
                   (long long)(config->connection_timeout_ms / 1000));
    parameters_add(&list, "host", config->hostname);
    parameters_add(&list, "port", weir_cstr(port));
    parameters_add(&list, "user", config->user);
    parameters_add(&list, "password", config->password);
    parameters_add(&list, "dbname", config->dbname);
    parameters_add(&list, "sslmode", weir_cstr(settings_sslmode(config)));
    parameters_add(&list, "sslcert", config->sslcert);
    parameters_add(&list, "sslkey", config->sslkey);
    parameters_add(&list, "sslpassword", config->sslpassword);
    parameters_add(&list, "sslrootcert", config->sslrootcert);
    parameters_add(&list, "client_encoding", WEIR_STR("UTF8"));
    parameters_add(&list, "application_name", WEIR_STR("weir postgres-cdc"));
    parameters_add(&list, "connect_timeout", weir_cstr(timeout));
    parameters_add(&list, "keepalives_idle", WEIR_STR("30"));
    parameters_add(&list, "keepalives_interval", WEIR_STR("10"));
    parameters_add(&list, "keepalives_count", WEIR_STR("3"));
    parameters_add(&list, "options", WEIR_STR(SESSION_OPTIONS));
    if (kind == CONNECTION_REPLICATION)
        parameters_add(&list, "replication", WEIR_STR("database"));

    PGconn *connection = PQconnectdbParams(list.names, list.values, 0);
    parameters_done(&list);
    if (PQstatus(connection) != CONNECTION_OK)
        (void)connect_failed(connection, config, err);
    else if (connection_run(connection, new_timeouts_sql, err) == WEIR_OK)
        return connection;
    PQfinish(connection);
    return NULL;
}

weir_str connection_field(const PGresult *result, int row, int column)
{
    return (weir_str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

bool connection_is_null(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) != 0;
}

bool connection_wait(PGconn *connection, int64_t timeout_us)
{
    return connection_wait_any(&connection, 1, timeout_us);
}

bool connection_wait_any(PGconn *const *connections, size_t count, int64_t timeout_us)
{
    struct pollfd ready[CONNECTION_WAIT_MAX];
    struct timespec timeout = {.tv_sec = timeout_us / 1000000,
                               .tv_nsec = timeout_us % 1000000 * 1000};

    assert(count <= CONNECTION_WAIT_MAX);
    for (size_t i = 0; i < count; i++)
        ready[i] = (struct pollfd){.fd = PQsocket(connections[i]), .events = POLLIN};
    if (timeout_us < 0)
        timeout = (struct timespec){0};
    return ppoll(ready, count, &timeout, NULL) > 0;
}

uint64_t connection_lsn(weir_str text)
{
    uint64_t high = 0;
    uint64_t part = 0;
    bool slash = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '/' && !slash) {
            slash = true;
            high = part;
            part = 0;
        } else if (c >= '0' && c <= '9') {
            part = part << 4 | (uint64_t)(c - '0');
        } else if (c >= 'A' && c <= 'F') {
            part = part << 4 | (uint64_t)(c - 'A' + 10);
        } else {
            return 0;
        }
    }
    return slash ? high << 32 | part : 0;
}

int64_t connection_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t connection_clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t connection_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
