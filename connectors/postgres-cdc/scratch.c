/* scratch.c - a database in which a migration is tried out. */
#include "scratch.h"

#include "script.h"

#include <libpq-fe.h>
#include <stdio.h>

#define GUARD "weir_no_commit"

/* A migration that waits longer than this, or runs longer, tells nothing more about schemas. */
#define TIME_LIMITS "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min'"

/* --- Connecting ------------------------------------------------------------------------------- */

/* libpq's messages have several lines; the first says what happened. */
static weir_str first_line(const char *text)
{
    const char *end = strchr(text, '\n');

    return (weir_str){text, end != NULL ? (size_t)(end - text) : strlen(text)};
}

weir_code scratch_open(weir_str url, PGconn **out, weir_error *err)
{
    weir_buf text = {0};

    weir_buf_add_str(&text, url);
    const char *names[] = {"connect_timeout", "fallback_application_name", "dbname",
                           "client_encoding", NULL};
    const char *values[] = {"10", "weir check-migration", weir_buf_cstr(&text), "UTF8", NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1);
    weir_buf_done(&text);
    if (PQstatus(connection) != CONNECTION_OK) {
        weir_str reason = first_line(PQerrorMessage(connection));
        (void)weir_fail(err, WEIR_RETRY, "could not connect to the scratch database: %.*s",
                        WEIR_ARG(reason));
        PQfinish(connection);
        return err->code;
    }
    *out = connection;
    return WEIR_OK;
}

/* --- Whether it is the source ----------------------------------------------------------------- */

/* "CLUSTER DATABASE"; false when the server does not say. */
static bool identity_of(PGconn *connection, weir_buf *out)
{
    weir_error ignored; /* then names are compared */
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(
        connection,
        "SELECT s.system_identifier || ' ' || d.oid FROM pg_catalog.pg_control_system() s, "
        "pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
        NULL, 0, &ignored);

    if (result == NULL || PQntuples(result) != 1)
        return false;
    weir_buf_add_str(out, connection_field(result, 0, 0));
    return true;
}

/* All ways to reach this machine are one. */
static weir_str place_of(weir_str host)
{
    static const char *const here[] = {"", "localhost", "127.0.0.1", "::1"};

    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        if (weir_str_eq(host, weir_cstr(here[i])))
            return WEIR_STR("localhost");
    }
    return host.ptr[0] == '/' ? WEIR_STR("localhost") : host;
}

static bool has_same_address(PGconn *scratch, const settings *config)
{
    char port[16];

    (void)snprintf(port, sizeof(port), "%lld", (long long)config->port);
    return weir_str_eq(weir_cstr(PQdb(scratch)), config->dbname) &&
           strcmp(PQport(scratch), port) == 0 &&
           weir_str_eq(place_of(weir_cstr(PQhost(scratch))), place_of(config->hostname));
}

weir_code scratch_is_another(PGconn *scratch, PGconn *source, const settings *config,
                             weir_error *err)
{
    weir_buf one = {0}, other = {0};
    bool is_known = source != NULL && identity_of(source, &one) && identity_of(scratch, &other);
    bool is_same = is_known ? weir_str_eq(weir_buf_str(&one), weir_buf_str(&other))
                            : has_same_address(scratch, config);

    weir_buf_done(&one);
    weir_buf_done(&other);
    if (!is_same)
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "database \"%s\" at %s:%s is the source's own, or a physical copy of it: a "
                     "migration is tried out in another one, which holds the definitions only",
                     PQdb(scratch), PQhost(scratch), PQport(scratch));
}

/* --- The transaction -------------------------------------------------------------------------- */

weir_code scratch_begin(PGconn *scratch, weir_error *err)
{
    static const char *const statements[] = {
        "BEGIN",
        TIME_LIMITS,
        "CREATE TEMPORARY TABLE " GUARD " (n int)",
        "CREATE FUNCTION pg_temp." GUARD "() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''the transaction in which a migration is tried out is not "
        "committed''; END'",
        "CREATE CONSTRAINT TRIGGER " GUARD " AFTER INSERT ON pg_temp." GUARD
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp." GUARD "()",
        "INSERT INTO pg_temp." GUARD " VALUES (1)",
    };

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        if (connection_run(scratch, statements[i], err) != WEIR_OK)
            return weir_wrap(err, "preparing the scratch database");
    }
    return WEIR_OK;
}

#define SET_LOCAL(name, value) "SET LOCAL " name " = '" value "'; "

weir_code scratch_as_captured(PGconn *scratch, weir_error *err)
{
    static const char sql[] =
        "SAVEPOINT weir_captured; " CONNECTION_TEXT_SETTINGS(SET_LOCAL) TIME_LIMITS;

    return connection_run(scratch, sql, err);
}

weir_code scratch_as_before(PGconn *scratch, weir_error *err)
{
    return connection_run(
        scratch, "ROLLBACK TO SAVEPOINT weir_captured; RELEASE SAVEPOINT weir_captured", err);
}

/* --- The script ------------------------------------------------------------------------------- */

/* What can be done about a statement that failed, by its SQLSTATE; empty: the server said all. */
static const struct {
    const char *state;
    const char *remedy;
} remedies[] = {
    {"25001",
     "; it cannot run in a transaction, in which migrations are tried out: leave it out of the "
     "file for the check (building an index, VACUUM and the like change no schema), or write "
     "it without CONCURRENTLY"},
    {"42P01", "; if the source has it, load its definitions into the scratch database: pg_dump "
              "--schema-only"},
    {"3F000", "; if the source has it, load its definitions into the scratch database: pg_dump "
              "--schema-only"},
    {"42501", "; the role of the scratch database has to own what the migration changes"},
    {"55P03", "; somebody else uses the scratch database"},
    {"55P04",
     "; a new value of an enum cannot be used in the transaction that adds it: leave the use "
     "out of the file for the check"},
};

static const char *remedy_of(const char *state)
{
    for (size_t i = 0; state != NULL && i < sizeof(remedies) / sizeof(remedies[0]); i++) {
        if (strcmp(state, remedies[i].state) == 0)
            return remedies[i].remedy;
    }
    return "";
}

static int number_of(const char *text)
{
    int number = 0;

    for (; text != NULL && *text >= '0' && *text <= '9' && number < 100000000; text++)
        number = number * 10 + (*text - '0');
    return number;
}

static void add_part(weir_buf *out, const char *between, const char *text)
{
    if (text != NULL)
        weir_buf_printf(out, "%s%s", between, text);
}

static weir_code statement_failed(const PGresult *result, const script_statement *statement,
                                  weir_str name, weir_error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    int position = number_of(PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
    weir_buf text = {0};

    weir_buf_printf(&text, "%.*s:%d: ", WEIR_ARG(name),
                    position > 0 ? script_line_at(statement, position) : statement->line);
    add_part(&text, "", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    add_part(&text, "; ", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    add_part(&text, "; ", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    add_part(&text, "", remedy_of(state));
    weir_code code = weir_fail(err, WEIR_CONFIG, "%s", weir_buf_cstr(&text));
    weir_buf_done(&text);
    return code;
}

/* After each statement, whatever it was. */
static weir_code check_open(PGconn *scratch, const script_statement *statement, weir_str name,
                            weir_error *err)
{
    switch (PQtransactionStatus(scratch)) {
    case PQTRANS_INTRANS:
        return WEIR_OK;
    case PQTRANS_IDLE:
    case PQTRANS_ACTIVE:
    case PQTRANS_INERROR:
    case PQTRANS_UNKNOWN:
        break;
    }
    return weir_fail(err, WEIR_CONFIG,
                     "%.*s:%d: the statement ended the transaction in which the migration is tried "
                     "out: look at what it left in the scratch database",
                     WEIR_ARG(name), statement->line);
}

static weir_code run_statement(PGconn *scratch, const script_statement *statement, weir_str name,
                               weir_error *err)
{
    weir_buf sql = {0};

    weir_buf_add_str(&sql, statement->text);
    /* the extended protocol takes one statement only, however this text is read */
    WEIR_CLEANUP(connection_clear)
    PGresult *result = PQexecParams(scratch, weir_buf_cstr(&sql), 0, NULL, NULL, NULL, NULL, 0);
    weir_buf_done(&sql);
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return check_open(scratch, statement, name, err);
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return weir_fail(err, WEIR_CONFIG,
                         "%.*s:%d: COPY from or to the client is psql's; rows change no schema: "
                         "leave it out of the file for the check",
                         WEIR_ARG(name), statement->line);
    default:
        break;
    }
    if (PQstatus(scratch) != CONNECTION_OK) {
        weir_str reason = first_line(PQerrorMessage(scratch));
        return weir_fail(err, WEIR_RETRY, "%.*s:%d: %.*s", WEIR_ARG(name), statement->line,
                         WEIR_ARG(reason));
    }
    return statement_failed(result, statement, name, err);
}

static weir_code refuse(const script_statement *statement, weir_str name, weir_error *err)
{
    const char *end = memchr(statement->text.ptr, '\n', statement->text.len);
    size_t size = end != NULL ? (size_t)(end - statement->text.ptr) : statement->text.len;
    int shown = size > 60 ? 60 : (int)size;
    const char *why = "";

    switch (statement->kind) {
    case SCRIPT_END:
    case SCRIPT_STATEMENT:
        break;
    case SCRIPT_TRANSACTION:
        why = "a migration is tried out in one transaction, which is rolled back: take what begins "
              "and ends transactions out of the file for the check";
        break;
    case SCRIPT_META:
        why = "this is a command of psql, not SQL: leave it out of the file for the check, or put "
              "what it includes in its place";
        break;
    case SCRIPT_UNCLOSED:
        why = "a quoted text or a comment in this statement has no end";
        break;
    }
    return weir_fail(err, WEIR_CONFIG, "%.*s:%d: \"%.*s\": %s", WEIR_ARG(name), statement->line,
                     shown, statement->text.ptr, why);
}

weir_code scratch_run(PGconn *scratch, weir_str text, weir_str name, weir_error *err)
{
    script from = script_of(text);

    if (memchr(text.ptr, '\0', text.len) != NULL)
        return weir_fail(err, WEIR_CONFIG, "%.*s: it has a zero byte in it and is no text",
                         WEIR_ARG(name));
    for (;;) {
        script_statement statement = script_next(&from);

        if (statement.kind == SCRIPT_END)
            return WEIR_OK;
        if (statement.kind != SCRIPT_STATEMENT)
            return refuse(&statement, name, err);
        if (run_statement(scratch, &statement, name, err) != WEIR_OK)
            return err->code;
    }
}
