/* postgres.c - the PostgreSQL dialect, over libpq.
 *
 * Rows that need neither folding nor casting are copied into their table as they come: the COPY stays
 * open from one put to the next, so that the server works while the next rows are encoded. All other
 * rows go by COPY into a temporary table and from there by one set-based merge. The merge is sent and
 * not waited for: its answer is read before the next statement, so that the next window fills while the
 * server merges this one.
 */
#include "postgres_connect.h"
#include "postgres_describe.h"
#include "postgres_error.h"

#include "copy.h"
#include "dialect.h"
#include "stage.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

enum {
    DIRECT_BYTES = 256 * 1024,    /* of rows, handed to libpq at once */
    HOLD_BYTES = 4 * 1024 * 1024, /* while another table's COPY is open */
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

/* The answers of a merge: every statement must have worked, and partial rows must have been there. */
static weir_code check_answer(postgres *self, PGresult *result, int index, weir_error *err)
{
    char doing[256];
    ExecStatusType status = PQresultStatus(result);

    (void)snprintf(doing, sizeof(doing), "could not write to %.*s",
                   WEIR_ARG(self->merged->sql_name));
    if (status != PGRES_COMMAND_OK)
        return postgres_error_result(self->connection, result, doing, err);
    if (index != self->partial_answer)
        return WEIR_OK;
    size_t changed = (size_t)postgres_number(PQcmdTuples(result));

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
            return postgres_error_connection(self->connection, doing, err);
        }
        if (code == WEIR_OK && status != PGRES_COMMAND_OK)
            code = postgres_error_result(self->connection, result, doing, err);
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
        return postgres_error_connection(self->connection, "could not send rows", err);
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
        return postgres_error_connection(self->connection, "could not end a copy", err);
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
        code = postgres_error_result(self->connection, result, doing, err);
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
            return postgres_error_connection(self->connection, "could not connect again", err);
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

    weir_code code;

    assert(self->in_transaction);
    code = postgres_settle(base, err);
    if (code != WEIR_OK)
        return code;
    PGresult *result = PQexec(self->connection, "COMMIT");

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        code = postgres_error_result(self->connection, result, "could not commit", err);
    else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) /* of a transaction that had failed */
        code = weir_fail(err, WEIR_RETRY, "the server rolled back what was to be committed");
    else
        self->in_transaction = false;
    PQclear(result);
    return code;
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

static weir_code describe(dialect *base, table *target, weir_error *err)
{
    postgres *self = (postgres *)base;

    if (postgres_settle(base, err) != WEIR_OK)
        return err->code;
    return postgres_describe(self->connection, base->task, base->settings, target, err);
}

/* --- Writing --------------------------------------------------------------------------------- */

static weir_code begin_copy(postgres *self, const table *target, bool into_stage, weir_error *err)
{
    weir_buf *text = &self->text;

    weir_buf_clear(text);
    sql_copy(text, target, target->layout, into_stage,
             into_stage && !dialect_is_plain(&target->rows), &self->base.vendor);
    PGresult *result = PQexec(self->connection, weir_buf_cstr(text));
    weir_code code = WEIR_OK;

    if (PQresultStatus(result) != PGRES_COPY_IN)
        code = postgres_error_result(self->connection, result, "could not begin a copy", err);
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
            stage_row(&self->data, row, kind);
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
        return postgres_error_connection(self->connection, "could not merge", err);
    self->merging = true;
    return WEIR_OK;
}

static weir_code postgres_write(dialect *base, table *target, bool is_last, weir_error *err)
{
    postgres *self = (postgres *)base;
    weir_code code;

    if (target->rows.row_count == 0)
        return WEIR_OK;
    if (dialect_is_direct(base->settings, target, target->layout)) {
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

static void postgres_close(dialect *base)
{
    postgres *self = (postgres *)base;

    PQfinish(self->connection);
    self->connection = NULL;
    weir_buf_done(&self->text);
    weir_buf_done(&self->data);
}

static const dialect_ops postgres_ops = {
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .query = postgres_query,
    .describe = describe,
    .write = postgres_write,
    .settle = postgres_settle,
    .close = postgres_close,
};

dialect *postgres_open(weir_task *task, const settings *config, const url *where, weir_error *err)
{
    postgres *self = weir_task_alloc(task, sizeof(*self));

    self->base = (dialect){.ops = &postgres_ops,
                           .vendor = sql_postgres,
                           .task = task,
                           .settings = config,
                           .direct_bytes = DIRECT_BYTES};
    if (config->quote_identifiers.index == 1)
        self->base.vendor.names = NAMES_FOLDED;
    self->connection = postgres_connect(task, config, where, err);
    if (self->connection == NULL)
        return NULL;
    if (prepare_session(self, err) == WEIR_OK)
        return &self->base;
    postgres_close(&self->base);
    return NULL;
}
