/* postgres_connect.c - from settings and a URL, JDBC's or PostgreSQL's own, to a connection. */
#include "postgres_connect.h"

#include "postgres_error.h"

#include <assert.h>
#include <libpq-fe.h>
#include <string.h>

static void add_keyword(postgres_keywords *list, const char *name, const char *value)
{
    assert(list->count < POSTGRES_KEYWORDS_MAX);
    list->names[list->count] = name;
    list->values[list->count++] = value;
}

static bool is_named(const url_parameter *parameter, const char *name)
{
    return weir_str_eq(parameter->name, weir_cstr(name));
}

/* JDBC's currentSchema is libpq's option search_path, besides those that are given. There a blank ends an
 * option unless a backslash stands before it. */
static void add_options(weir_task *task, const url *where, postgres_keywords *list)
{
    weir_str schema = url_parameter_value(where, "currentSchema");
    weir_str given = url_parameter_value(where, "options");
    weir_buf options = {0};

    if (schema.ptr == NULL && given.ptr == NULL)
        return;
    weir_buf_add_str(&options, given);
    if (schema.ptr != NULL)
        weir_buf_printf(&options, "%s-csearch_path=", given.len > 0 ? " " : "");
    for (size_t i = 0; schema.ptr != NULL && i < schema.len; i++) {
        if (schema.ptr[i] == ' ' || schema.ptr[i] == '\\')
            weir_buf_add_byte(&options, '\\');
        weir_buf_add_byte(&options, schema.ptr[i]);
    }
    add_keyword(list, "options", weir_task_copy(task, weir_buf_str(&options)).ptr);
    weir_buf_done(&options);
}

/* Parameters of a JDBC URL by libpq's names; those that libpq has no word for are pgjdbc's own
 * business (prepareThreshold, reWriteBatchedInserts): said, and left out. */
static void add_jdbc_parameter(weir_task *task, const url *where, const url_parameter *parameter,
                               postgres_keywords *list)
{
    const char *keyword = url_jdbc_keyword(parameter->name);

    if (keyword != NULL) {
        add_keyword(list, keyword, parameter->value.ptr);
    } else if (is_named(parameter, "ssl")) { /* without a value it is true; sslmode says more */
        if (url_parameter_value(where, "sslmode").ptr == NULL &&
            (parameter->value.len == 0 || weir_str_eq(parameter->value, WEIR_STR("true"))))
            add_keyword(list, "sslmode", "verify-full");
    } else if (is_named(parameter, "targetServerType") &&
               (weir_str_eq(parameter->value, WEIR_STR("primary")) ||
                weir_str_eq(parameter->value, WEIR_STR("master")))) {
        add_keyword(list, "target_session_attrs", "read-write");
    } else if (!is_named(parameter, "currentSchema") && !is_named(parameter, "options")) {
        weir_task_diag(task, WEIR_WARN,
                       "connection.url: \"%.*s\" is a setting of the Java driver and has no effect",
                       WEIR_ARG(parameter->name));
    }
}

void postgres_keywords_collect(weir_task *task, const settings *config, const url *where,
                               postgres_keywords *list)
{
    weir_buf seconds = {0};

    list->count = 0;
    /* a server that is gone without a word is given up after a minute, unless the URL says otherwise */
    add_keyword(list, "keepalives_idle", "30");
    add_keyword(list, "keepalives_interval", "10");
    add_keyword(list, "keepalives_count", "3");
    add_keyword(list, "dbname", where->base.ptr); /* what follows overrides what it says */
    for (size_t i = 0; i < where->parameter_count; i++)
        if (where->is_jdbc)
            add_jdbc_parameter(task, where, &where->parameters[i], list);
        else
            add_keyword(list, where->parameters[i].name.ptr, where->parameters[i].value.ptr);
    if (where->is_jdbc)
        add_options(task, where, list);
    if (config->user.len > 0)
        add_keyword(list, "user", weir_task_copy(task, config->user).ptr);
    if (config->password.len > 0)
        add_keyword(list, "password", weir_task_copy(task, config->password).ptr);
    add_keyword(list, "client_encoding", "UTF8");
    add_keyword(list, "fallback_application_name", "weir");
    if (config->connection_backoff_ms < 1000)
        return;
    weir_buf_printf(&seconds, "%lld", (long long)config->connection_backoff_ms / 1000);
    add_keyword(list, "connect_timeout", weir_task_copy(task, weir_buf_str(&seconds)).ptr);
    weir_buf_done(&seconds);
}

static void discard_notice(void *self, const PGresult *result)
{
    (void)self, (void)result; /* "table exists, skipping": nothing that anybody must know */
}

/* Waits for a connection no longer than connection.backoff.ms. */
static PGconn *connect_once(const postgres_keywords *list, weir_error *err)
{
    PGconn *connection = PQconnectdbParams(list->names, list->values, 1);
    const char *message = PQerrorMessage(connection);

    if (PQstatus(connection) == CONNECTION_OK) {
        (void)PQsetNoticeReceiver(connection, discard_notice, NULL);
        return connection;
    }
    (void)weir_fail(err, postgres_error_class_of_connect(message),
                    "could not connect to the warehouse: %.*s", (int)strcspn(message, "\n"),
                    message);
    PQfinish(connection);
    return NULL;
}

PGconn *postgres_connect(weir_task *task, const settings *config, const url *where, weir_error *err)
{
    postgres_keywords list = {.count = 0};
    PGconn *connection = NULL;

    postgres_keywords_collect(task, config, where, &list);
    (void)weir_fail(err, WEIR_RETRY, "the task is stopping");
    for (int64_t i = 0; i < config->connection_attempts && err->code == WEIR_RETRY; i++) {
        if (weir_task_stopping(task))
            break;
        connection = connect_once(&list, err);
        if (connection != NULL)
            break;
    }
    return connection;
}
