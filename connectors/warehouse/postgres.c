/* postgres.c - the PostgreSQL dialect, over libpq.
 *
 * Rows that need neither folding nor casting are copied into their table as they come: the COPY stays
 * open from one put to the next, so that the server works while the next rows are encoded. All other
 * rows go by COPY into a temporary table and from there by one set-based merge. The merge is sent and
 * not waited for: its answer is read before the next statement, so that the next window fills while the
 * server merges this one.
 */
#include "postgres.h"

#include "copy.h"
#include "dialect.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

enum {
    DIRECT_BYTES = 256 * 1024,    /* of rows, handed to libpq at once */
    HOLD_BYTES = 4 * 1024 * 1024, /* while another table's COPY is open */
    KEYWORDS_MAX = URL_PARAMETERS_MAX + 8,
};

typedef struct postgres {
    dialect base;
    PGconn *connection;
    bool in_transaction;
    const table *copying; /* a COPY into it is open */
    bool merging;         /* a merge was sent; its answers are open */
    const table *merged;  /* by it */
    int partial_answer;   /* which answer of the merge counts partial rows; -1: none */
    size_t partial_count; /* and how many they must be */
    unsigned stage_counter;
    weir_buf text; /* of statements */
    weir_buf data; /* of COPY, for staging */
} postgres;

weir_code postgres_classify(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        weir_code code;
    } classes[] = {
        {"08", WEIR_RETRY},     /* connection */
        {"40", WEIR_RETRY},     /* serialization failure, deadlock */
        {"53", WEIR_RETRY},     /* out of disk, memory, connections */
        {"57", WEIR_RETRY},     /* shutdown, cancel */
        {"58", WEIR_RETRY},     /* I/O error */
        {"55", WEIR_RETRY},     /* lock not available, object in use */
        {"25P03", WEIR_RETRY},  /* idle in transaction for too long */
        {"28", WEIR_CONFIG},    /* authorization */
        {"3D", WEIR_CONFIG},    /* no such database */
        {"21", WEIR_REJECT},    /* one row twice: keys that differ only in spelling */
        {"22", WEIR_REJECT},    /* data exception */
        {"23", WEIR_REJECT},    /* constraint */
        {"44", WEIR_REJECT},    /* check option of a view */
        {"P0", WEIR_REJECT},    /* raised by a trigger */
        {"54000", WEIR_REJECT}, /* index row too large, and the like */
    };

    if (sqlstate == NULL)
        return WEIR_RETRY;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].code;
    return WEIR_FATAL;
}

weir_code postgres_classify_connect(const char *message)
{
    static const char *const ours[] = {
        "password authentication failed", "no password supplied",      "does not exist",
        "no pg_hba.conf entry",           "invalid connection option", "invalid sslmode",
        "permission denied for database"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strstr(message, ours[i]) != NULL)
            return WEIR_CONFIG;
    return WEIR_RETRY;
}

/* libpq's messages end in a newline and may have several lines; the first says it. */
static int first_line(const char *message)
{
    return (int)strcspn(message, "\n");
}

static weir_code connection_error(postgres *self, const char *doing, weir_error *err)
{
    const char *message = PQerrorMessage(self->connection);

    return weir_fail(err, WEIR_RETRY, "%s: %.*s", doing, first_line(message), message);
}

/* What can be done about it, where that is not obvious. */
static const char *remedy(const char *sqlstate)
{
    if (sqlstate == NULL)
        return "";
    if (strcmp(sqlstate, "42P10") == 0)
        return "; an upsert needs a primary key or unique constraint on exactly the columns of "
               "pk.fields";
    if (strcmp(sqlstate, "42501") == 0)
        return "; grant the user of connection.user what it needs: INSERT, UPDATE, DELETE, SELECT "
               "on "
               "the tables, CREATE on the schema, TEMPORARY on the database";
    return "";
}

static weir_code result_error(postgres *self, const PGresult *result, const char *doing,
                              weir_error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (message == NULL || PQstatus(self->connection) == CONNECTION_BAD)
        return connection_error(self, doing, err);
    /* the detail stays out: it shows the row, and values do not belong into diagnostics */
    return weir_fail(err, postgres_classify(sqlstate), "%s: %s%s", doing, message,
                     remedy(sqlstate));
}

/* Digits that the server wrote: a count of rows, a type's modifier. What is no number of ours is -1. */
static int64_t number_of(const char *text)
{
    int64_t value = 0;

    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9' && value < INT64_MAX / 100; text++)
        value = value * 10 + (*text - '0');
    return value;
}

/* The answers of a merge: every statement must have worked, and partial rows must have been there. */
static weir_code check_answer(postgres *self, PGresult *result, int index, weir_error *err)
{
    char doing[256];
    ExecStatusType status = PQresultStatus(result);

    (void)snprintf(doing, sizeof(doing), "could not write to %.*s",
                   WEIR_ARG(self->merged->sql_name));
    if (status != PGRES_COMMAND_OK)
        return result_error(self, result, doing, err);
    if (index != self->partial_answer)
        return WEIR_OK;
    size_t changed = (size_t)number_of(PQcmdTuples(result));

    if (changed == self->partial_count)
        return WEIR_OK;
    return weir_fail(err, WEIR_REJECT,
                     "%s: a change without all columns (unchanged TOAST) is for a row that is not "
                     "there",
                     doing);
}

static weir_code finish_merge(postgres *self, weir_error *err)
{
    weir_code code = WEIR_OK;
    PGresult *result;

    if (!self->merging)
        return WEIR_OK;
    self->merging = false;
    for (int index = 0; (result = PQgetResult(self->connection)) != NULL; index++) {
        if (code == WEIR_OK)
            code = check_answer(self, result, index, err);
        PQclear(result);
    }
    return code;
}

/* Reads the answer to a COPY, or to its failure. */
static weir_code copy_answer(postgres *self, const table *target, weir_error *err)
{
    weir_code code = WEIR_OK;
    PGresult *result;
    char doing[256];

    (void)snprintf(doing, sizeof(doing), "could not copy into %.*s", WEIR_ARG(target->sql_name));
    while ((result = PQgetResult(self->connection)) != NULL) {
        ExecStatusType status = PQresultStatus(result);

        if (status == PGRES_COPY_IN) { /* the connection was lost on our side of it */
            PQclear(result);
            return connection_error(self, doing, err);
        }
        if (code == WEIR_OK && status != PGRES_COMMAND_OK)
            code = result_error(self, result, doing, err);
        PQclear(result);
    }
    return code;
}

static weir_code send_data(postgres *self, const table *target, weir_str data, weir_error *err)
{
    for (size_t at = 0; at < data.len; at += DIRECT_BYTES) {
        size_t size = data.len - at < DIRECT_BYTES ? data.len - at : DIRECT_BYTES;

        if (PQputCopyData(self->connection, data.ptr + at, (int)size) == 1)
            continue;
        self->copying = NULL;
        if (copy_answer(self, target, err) != WEIR_OK)
            return err->code;
        return connection_error(self, "could not send rows", err);
    }
    return WEIR_OK;
}

static weir_code end_copy(postgres *self, weir_error *err)
{
    const table *target = self->copying;

    if (target == NULL)
        return WEIR_OK;
    self->copying = NULL;
    if (PQputCopyData(self->connection, "\377\377", 2) != 1 ||
        PQputCopyEnd(self->connection, NULL) != 1) {
        if (copy_answer(self, target, err) != WEIR_OK)
            return err->code;
        return connection_error(self, "could not end a copy", err);
    }
    return copy_answer(self, target, err);
}

static weir_code postgres_settle(dialect *base, weir_error *err)
{
    postgres *self = (postgres *)base;

    assert(self->copying == NULL || !self->merging);
    if (end_copy(self, err) != WEIR_OK)
        return err->code;
    return finish_merge(self, err);
}

static void add_cells(const PGresult *result, weir_buf *cells)
{
    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++)
            if (PQgetisnull(result, row, column))
                copy_marker(cells, COPY_NULL);
            else
                copy_text(cells, (weir_str){PQgetvalue(result, row, column),
                                            (size_t)PQgetlength(result, row, column)});
}

static weir_code postgres_query(dialect *base, const char *sql, weir_buf *cells, size_t *row_count,
                                weir_error *err)
{
    postgres *self = (postgres *)base;
    weir_code code = postgres_settle(base, err);
    char doing[128];

    if (code != WEIR_OK)
        return code;
    (void)snprintf(doing, sizeof(doing), "could not run %.90s", sql);
    PGresult *result = PQexec(self->connection, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        code = result_error(self, result, doing, err);
    if (code == WEIR_OK && cells != NULL)
        add_cells(result, cells);
    if (code == WEIR_OK && row_count != NULL)
        *row_count = (size_t)PQntuples(result);
    PQclear(result);
    return code;
}

static weir_code run(postgres *self, const char *sql, weir_error *err)
{
    return postgres_query(&self->base, sql, NULL, NULL, err);
}

static weir_code prepare_session(postgres *self, weir_error *err)
{
    return run(self,
               "SET standard_conforming_strings = on; SET TimeZone = 'UTC'; "
               "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; "
               "SET client_min_messages = error",
               err);
}

static weir_code postgres_begin(dialect *base, weir_error *err)
{
    postgres *self = (postgres *)base;

    assert(!self->in_transaction);
    if (PQtransactionStatus(self->connection) != PQTRANS_IDLE) {
        PQreset(self->connection);
        if (PQstatus(self->connection) == CONNECTION_BAD)
            return connection_error(self, "could not connect again", err);
        if (prepare_session(self, err) != WEIR_OK)
            return err->code;
    }
    if (run(self, "BEGIN", err) != WEIR_OK)
        return err->code;
    self->in_transaction = true;
    return WEIR_OK;
}

static weir_code postgres_commit(dialect *base, weir_error *err)
{
    postgres *self = (postgres *)base;

    assert(self->in_transaction);
    if (run(self, "COMMIT", err) != WEIR_OK)
        return weir_wrap(err, "commit");
    self->in_transaction = false;
    return WEIR_OK;
}

static void postgres_rollback(dialect *base)
{
    postgres *self = (postgres *)base;
    weir_error ignored; /* it is rolled back either way: by this, or by the connection's end */

    if (self->copying != NULL) {
        self->copying = NULL;
        (void)PQputCopyEnd(self->connection, "rolled back");
    }
    self->merging = false;
    for (PGresult *result; (result = PQgetResult(self->connection)) != NULL;) {
        bool stuck = PQresultStatus(result) == PGRES_COPY_IN;

        PQclear(result);
        if (stuck)
            break;
    }
    if (self->in_transaction)
        (void)run(self, "ROLLBACK", &ignored);
    self->in_transaction = false;
}

/* --- Looking at tables ----------------------------------------------------------------------- */

#define DESCRIBE                                                                                   \
    "SELECT c.relkind, a.attname, CASE WHEN t.typtype = 'b' THEN t.typname ELSE '' END, "          \
    "CASE WHEN t.typcategory = 'A' THEN e.typname ELSE '' END, "                                   \
    "format_type(a.atttypid, a.atttypmod), a.attnotnull, "                                         \
    "(a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''), a.atttypmod "                   \
    "FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "     \
    "a.attisdropped LEFT JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = "     \
    "t.typelem WHERE c.oid = to_regclass("

static weir_str cell(postgres *self, const PGresult *result, int row, int column)
{
    return weir_task_copy(self->base.task, (weir_str){PQgetvalue(result, row, column),
                                                      (size_t)PQgetlength(result, row, column)});
}

static void add_column(postgres *self, const PGresult *result, int row, table *target)
{
    weir_str item = cell(self, result, row, 3);
    int32_t typmod = (int32_t)number_of(PQgetvalue(result, row, 7));
    table_column column = {
        .name = cell(self, result, row, 1),
        .declared = cell(self, result, row, 4),
        .nullable = *PQgetvalue(result, row, 5) == 'f',
        .has_default = *PQgetvalue(result, row, 6) == 't',
    };

    column.type.is_array = item.len > 0;
    column.type.id = type_from_catalog(item.len > 0 ? item : cell(self, result, row, 2));
    if (column.type.id == TYPE_NUMERIC && typmod >= 4) {
        column.type.precision = (typmod - 4) >> 16 & 0xffff;
        column.type.scale = (typmod - 4) & 0x7ff;
    }
    weir_buf_add(&target->columns, &column, sizeof(column));
}

static weir_code check_kind(postgres *self, const table *target, char kind, weir_error *err)
{
    const char *type = kind == 'r'   ? "TABLE"
                       : kind == 'p' ? "PARTITIONED TABLE"
                       : kind == 'v' ? "VIEW"
                       : kind == 'f' ? "FOREIGN TABLE"
                                     : "OTHER";

    if (settings_allow_table_type(self->base.settings, type))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "%.*s is a %s, which table.types does not allow; add it there to write to it",
                     WEIR_ARG(target->sql_name), type);
}

static weir_code postgres_describe(dialect *base, table *target, weir_error *err)
{
    postgres *self = (postgres *)base;
    weir_code code = postgres_settle(base, err);

    if (code != WEIR_OK)
        return code;
    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "%s", DESCRIBE);
    sql_literal(&self->text, target->sql_name);
    weir_buf_printf(&self->text, ") ORDER BY a.attnum");
    PGresult *result = PQexec(self->connection, weir_buf_cstr(&self->text));

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        code = result_error(self, result, "could not look at a table", err);
    } else {
        weir_buf_clear(&target->columns);
        target->exists = PQntuples(result) > 0;
        target->version++;
        if (target->exists)
            code = check_kind(self, target, *PQgetvalue(result, 0, 0), err);
        for (int row = 0; code == WEIR_OK && row < PQntuples(result); row++)
            if (!PQgetisnull(result, row, 1))
                add_column(self, result, row, target);
        target->known = code == WEIR_OK;
    }
    PQclear(result);
    return code;
}

/* --- Writing --------------------------------------------------------------------------------- */

static weir_code begin_copy(postgres *self, const table *target, bool into_stage, weir_error *err)
{
    weir_buf *text = &self->text;
    const layout *rows = target->layout;

    weir_buf_clear(text);
    weir_buf_printf(text, "COPY ");
    if (into_stage)
        sql_stage_name(text, target);
    else
        weir_buf_add_str(text, target->sql_name);
    for (size_t i = 0; i < rows->count; i++) {
        weir_buf_printf(text, "%s", i == 0 ? " (" : ", ");
        if (into_stage)
            weir_buf_printf(text, "c%zu", i);
        else
            sql_identifier(text, rows->columns[i].name, &self->base.vendor);
    }
    weir_buf_printf(text, "%s) FROM STDIN (FORMAT binary)",
                    into_stage && !dialect_is_plain(&target->rows) ? ", op, mask" : "");
    PGresult *result = PQexec(self->connection, weir_buf_cstr(text));
    weir_code code = WEIR_OK;

    if (PQresultStatus(result) != PGRES_COPY_IN)
        code = result_error(self, result, "could not begin a copy", err);
    PQclear(result);
    if (code != WEIR_OK)
        return code;
    self->copying = target;
    weir_buf_clear(text);
    copy_header(text);
    return send_data(self, target, weir_buf_str(text), err);
}

static weir_code write_direct(postgres *self, table *target, bool is_last, weir_error *err)
{
    if (self->copying != target) {
        if (!is_last && self->copying != NULL && target->rows.bytes.len < HOLD_BYTES) {
            target->write_at = HOLD_BYTES;
            return WEIR_OK;
        }
        if (postgres_settle(&self->base, err) != WEIR_OK ||
            begin_copy(self, target, false, err) != WEIR_OK)
            return err->code;
    }
    target->write_at = DIRECT_BYTES;
    return send_data(self, target, weir_buf_str(&target->rows.bytes), err);
}

/* An empty staging table of the window's layout. */
static weir_code make_stage(postgres *self, table *target, weir_error *err)
{
    weir_buf_clear(&self->text);
    if (target->staged != NULL && layout_equal(target->staged, target->layout)) {
        if (!target->stage_used)
            return WEIR_OK;
        weir_buf_printf(&self->text, "TRUNCATE ");
        sql_stage_name(&self->text, target);
        return run(self, weir_buf_cstr(&self->text), err);
    }
    if (target->stage_number > 0) {
        weir_buf_printf(&self->text, "DROP TABLE IF EXISTS ");
        sql_stage_name(&self->text, target);
        weir_buf_printf(&self->text, "; ");
    }
    target->stage_number = ++self->stage_counter;
    target->staged = target->layout;
    sql_create_stage(&self->text, target, target->layout, &self->base.vendor);
    return run(self, weir_buf_cstr(&self->text), err);
}

/* A row as the staging table has it: its fields, what kind it is, and which of them were sent. */
static void add_stage_row(weir_buf *out, weir_str row, fold_kind kind)
{
    size_t count = (size_t)(uint16_t)copy_read_int(row.ptr, 2);
    const char *field = row.ptr + 2;
    char letter = (char)kind;

    copy_row(out, count + 2);
    if (kind != FOLD_PARTIAL) {
        weir_buf_add(out, field, row.len - 2);
        copy_text(out, (weir_str){&letter, 1});
        copy_marker(out, COPY_NULL);
        return;
    }
    char mask[1664]; /* more columns than a table can have */

    assert(count < sizeof(mask));
    for (size_t i = 0; i < count; i++) {
        int32_t length = copy_length(field);

        mask[i] = length == COPY_UNSENT ? '0' : '1';
        if (length == COPY_UNSENT)
            copy_marker(out, COPY_NULL);
        else
            weir_buf_add(out, field, 4 + (length > 0 ? (size_t)length : 0));
        field += 4 + (length > 0 ? length : 0);
    }
    copy_text(out, (weir_str){&letter, 1});
    copy_text(out, (weir_str){mask, count});
}

static weir_code fill_stage(postgres *self, table *target, weir_error *err)
{
    size_t at = 0;
    weir_str row;
    fold_kind kind;

    bool is_plain = dialect_is_plain(&target->rows);

    if (begin_copy(self, target, true, err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&self->data);
    while (fold_next(&target->rows, &at, &row, &kind)) {
        if (is_plain)
            weir_buf_add_str(&self->data, row);
        else
            add_stage_row(&self->data, row, kind);
        if (self->data.len < DIRECT_BYTES)
            continue;
        if (send_data(self, target, weir_buf_str(&self->data), err) != WEIR_OK)
            return err->code;
        weir_buf_clear(&self->data);
    }
    if (send_data(self, target, weir_buf_str(&self->data), err) != WEIR_OK)
        return err->code;
    return end_copy(self, err);
}

static weir_code write_staged(postgres *self, table *target, weir_error *err)
{
    int answer = 0;

    if (postgres_settle(&self->base, err) != WEIR_OK || make_stage(self, target, err) != WEIR_OK)
        return err->code;
    target->stage_used = true;
    if (fill_stage(self, target, err) != WEIR_OK)
        return err->code;

    weir_buf_clear(&self->text);
    self->partial_answer = -1;
    for (sql_step step = 0; step < SQL_STEPS; step++) {
        if (!dialect_needs_step(self->base.settings, &target->rows, step))
            continue;
        if (step == SQL_PARTIAL && dialect_upsert_step(self->base.settings) == SQL_UPSERT)
            self->partial_answer = answer;
        weir_buf_printf(&self->text, "%s", answer++ > 0 ? "; " : "");
        sql_merge(&self->text, step, target, target->layout, dialect_is_plain(&target->rows),
                  &self->base.vendor);
    }
    assert(answer > 0);
    self->partial_count = fold_count(&target->rows, FOLD_PARTIAL);
    self->merged = target;
    if (PQsendQuery(self->connection, weir_buf_cstr(&self->text)) != 1)
        return connection_error(self, "could not merge", err);
    self->merging = true;
    return WEIR_OK;
}

static weir_code postgres_write(dialect *base, table *target, bool is_last, weir_error *err)
{
    postgres *self = (postgres *)base;
    weir_code code;

    if (target->rows.row_count == 0)
        return WEIR_OK;
    if (dialect_is_direct(target)) {
        code = write_direct(self, target, is_last, err);
        if (code == WEIR_OK && target->write_at == HOLD_BYTES && self->copying != target)
            return WEIR_OK; /* gathered further */
    } else {
        code = write_staged(self, target, err);
    }
    if (code == WEIR_OK)
        fold_reset(&target->rows, target->rows.key_count);
    return code;
}

/* --- Connecting ------------------------------------------------------------------------------ */

static void postgres_close(dialect *base)
{
    postgres *self = (postgres *)base;

    PQfinish(self->connection);
    self->connection = NULL;
    weir_buf_done(&self->text);
    weir_buf_done(&self->data);
}

typedef struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    size_t count;
} keywords;

static void add_keyword(keywords *list, const char *name, const char *value)
{
    assert(list->count < KEYWORDS_MAX);
    list->names[list->count] = name;
    list->values[list->count++] = value;
}

/* Parameters of a JDBC URL by libpq's names; those that libpq has no word for are pgjdbc's own
 * business (prepareThreshold, reWriteBatchedInserts): said, and left out. */
static void add_jdbc_parameter(postgres *self, const url_parameter *parameter, keywords *list)
{
    const char *keyword = url_jdbc_keyword(parameter->name);

    if (keyword != NULL) {
        add_keyword(list, keyword, parameter->value.ptr);
    } else if (weir_str_eq(parameter->name, WEIR_STR("ssl"))) {
        if (weir_str_eq(parameter->value, WEIR_STR("true")))
            add_keyword(list, "sslmode", "verify-full");
    } else if (weir_str_eq(parameter->name, WEIR_STR("currentSchema"))) {
        weir_buf_clear(&self->data);
        weir_buf_printf(&self->data, "-csearch_path=%.*s", WEIR_ARG(parameter->value));
        weir_str options = weir_task_copy(self->base.task, weir_buf_str(&self->data));

        add_keyword(list, "options", options.ptr);
    } else {
        weir_task_diag(self->base.task, WEIR_WARN,
                       "connection.url: \"%.*s\" is a setting of the Java driver and has no effect",
                       WEIR_ARG(parameter->name));
    }
}

static void collect_keywords(postgres *self, const url *where, keywords *list)
{
    const settings *config = self->base.settings;

    add_keyword(list, "dbname", where->base.ptr); /* first: the others override what it says */
    for (size_t i = 0; i < where->parameter_count; i++)
        if (where->is_jdbc)
            add_jdbc_parameter(self, &where->parameters[i], list);
        else
            add_keyword(list, where->parameters[i].name.ptr, where->parameters[i].value.ptr);
    if (config->user.len > 0)
        add_keyword(list, "user", weir_task_copy(self->base.task, config->user).ptr);
    if (config->password.len > 0)
        add_keyword(list, "password", weir_task_copy(self->base.task, config->password).ptr);
    add_keyword(list, "client_encoding", "UTF8");
    add_keyword(list, "fallback_application_name", "weir");
}

static void discard_notice(void *self, const PGresult *result)
{
    (void)self, (void)result; /* "table exists, skipping": nothing that anybody must know */
}

/* Waits for a connection no longer than connection.backoff.ms. */
static weir_code connect_once(postgres *self, const keywords *list, weir_error *err)
{
    self->connection = PQconnectdbParams(list->names, list->values, 1);
    if (PQstatus(self->connection) == CONNECTION_OK) {
        (void)PQsetNoticeReceiver(self->connection, discard_notice, NULL);
        return prepare_session(self, err);
    }
    const char *message = PQerrorMessage(self->connection);
    weir_code code =
        weir_fail(err, postgres_classify_connect(message),
                  "could not connect to the warehouse: %.*s", first_line(message), message);

    PQfinish(self->connection);
    self->connection = NULL;
    return code;
}

static const dialect_ops postgres_ops = {
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .query = postgres_query,
    .describe = postgres_describe,
    .write = postgres_write,
    .settle = postgres_settle,
    .close = postgres_close,
};

dialect *postgres_open(weir_task *task, const settings *config, const url *where, weir_error *err)
{
    postgres *self = weir_task_alloc(task, sizeof(*self));
    keywords list = {.count = 0};
    char timeout[24];
    weir_code code = weir_fail(err, WEIR_RETRY, "the task is stopping");

    self->base = (dialect){.ops = &postgres_ops,
                           .vendor = sql_postgres,
                           .task = task,
                           .settings = config,
                           .direct_bytes = DIRECT_BYTES};
    self->base.vendor.unquoted = config->quote_identifiers.index == 1;
    collect_keywords(self, where, &list);
    if (config->connection_backoff_ms >= 1000) {
        (void)snprintf(timeout, sizeof(timeout), "%lld",
                       (long long)config->connection_backoff_ms / 1000);
        add_keyword(&list, "connect_timeout", timeout);
    }
    for (int64_t i = 0; i < config->connection_attempts && code == WEIR_RETRY; i++) {
        if (weir_task_stopping(task))
            break;
        code = connect_once(self, &list, err);
    }
    if (code == WEIR_OK)
        return &self->base;
    if (self->connection != NULL || self->text.ptr != NULL || self->data.ptr != NULL)
        postgres_close(&self->base);
    return NULL;
}
