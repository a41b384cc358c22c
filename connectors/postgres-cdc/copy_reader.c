/* copy_reader.c - one connection of a snapshot: statements and binary COPY, without waiting for either. */
#include "copy_reader.h"

#include "bytes.h"
#include "catalog.h"

#include <assert.h>
#include <libpq-fe.h>

static const char copy_signature[] = "PGCOPY\n\377\r\n"; /* and the NUL behind it */

weir_code copy_reader_open(copy_reader *self, const settings *config, weir_str snapshot,
                           weir_error *err)
{
    weir_buf sql = {0};

    self->state = COPY_IDLE;
    self->connection = connection_open(config, CONNECTION_SQL, err);
    if (self->connection == NULL)
        return err->code;
    if (connection_run(self->connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) !=
        WEIR_OK)
        return weir_wrap(err, "beginning the snapshot");
    if (snapshot.len == 0)
        return WEIR_OK;
    weir_buf_printf(&sql, "SET TRANSACTION SNAPSHOT ");
    catalog_add_literal(&sql, snapshot);
    weir_code code = connection_run(self->connection, weir_buf_cstr(&sql), err);
    weir_buf_done(&sql);
    if (code == WEIR_OK)
        return WEIR_OK;
    err->code = WEIR_RETRY; /* who exported it is gone: the next start takes another one */
    return weir_wrap(err, "entering the exported snapshot");
}

void copy_reader_done(copy_reader *self)
{
    connection_close(self->connection);
    self->connection = NULL;
}

weir_code copy_reader_send(copy_reader *self, const char *sql, weir_error *err)
{
    assert(self->state == COPY_IDLE);
    if (PQsendQuery(self->connection, sql) != 1)
        return connection_failed(self->connection, NULL, "the snapshot", err);
    self->state = COPY_ASKED;
    return WEIR_OK;
}

/* The end of a statement: the NULL behind its results. */
static void take_end(copy_reader *self)
{
    PGresult *end = PQgetResult(self->connection);

    assert(end == NULL);
    PQclear(end);
    self->state = COPY_IDLE;
}

/* 42P01, 42703: a table or column that the state has was dropped or renamed since; the next one is right. */
static bool is_gone(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && (strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0);
}

weir_code copy_reader_result(copy_reader *self, PGresult **result, weir_error *err)
{
    assert(self->state == COPY_ASKED);
    *result = NULL;
    if (PQisBusy(self->connection) != 0 && PQconsumeInput(self->connection) != 1)
        return connection_failed(self->connection, NULL, "the snapshot", err);
    if (PQisBusy(self->connection) != 0)
        return WEIR_OK;
    *result = PQgetResult(self->connection);
    ExecStatusType status = PQresultStatus(*result);
    if (status == PGRES_COPY_OUT) {
        self->state = COPY_ROWS;
        return WEIR_OK;
    }
    if (status == PGRES_TUPLES_OK) {
        take_end(self);
        return WEIR_OK;
    }
    (void)connection_failed(self->connection, *result, "reading it", err);
    if (is_gone(*result))
        err->code = WEIR_RETRY;
    PQclear(*result);
    *result = NULL;
    return err->code;
}

/* The content of a COPY message; the first also has the file's header. Empty: the trailer. */
static weir_code row_of(char *buffer, int size, weir_str *row, weir_error *err)
{
    bytes in = bytes_of((weir_str){buffer, (size_t)size});

    if ((size_t)size >= sizeof(copy_signature) + 8 &&
        memcmp(buffer, copy_signature, sizeof(copy_signature)) == 0) {
        (void)bytes_take(&in, sizeof(copy_signature) + 4);
        (void)bytes_take(&in, bytes_u32(&in));
    }
    *row = (weir_str){(const char *)in.at, bytes_left(&in)};
    if (in.failed || (row->len > 0 && row->len < 2))
        return weir_fail(err, WEIR_FATAL, "the server sent a row in COPY that can't be read");
    if (row->len >= 2 && bytes_u16(&in) == UINT16_MAX)
        row->len = 0;
    return WEIR_OK;
}

static weir_code end_rows(copy_reader *self, weir_error *err)
{
    WEIR_CLEANUP(connection_clear) PGresult *result = PQgetResult(self->connection);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return connection_failed(self->connection, result, "reading it", err);
    take_end(self);
    return WEIR_OK;
}

/* *size as PQgetCopyData has it, and -1 when the last row was taken. */
static weir_code take_message(copy_reader *self, char **buffer, int *size, weir_error *err)
{
    *size = PQgetCopyData(self->connection, buffer, 1);
    if (*size == 0) {
        if (PQconsumeInput(self->connection) != 1)
            return connection_failed(self->connection, NULL, "the snapshot", err);
        *size = PQgetCopyData(self->connection, buffer, 1);
    }
    if (*size == -2)
        return connection_failed(self->connection, NULL, "the snapshot", err);
    return *size == -1 ? end_rows(self, err) : WEIR_OK;
}

weir_code copy_reader_row(copy_reader *self, copy_row *row, weir_error *err)
{
    int size = 0;

    assert(self->state == COPY_ROWS && row->memory == NULL);
    do {
        char *buffer = NULL;
        weir_code code = take_message(self, &buffer, &size, err);

        if (code == WEIR_OK && size > 0)
            code = row_of(buffer, size, &row->row, err);
        if (code != WEIR_OK || row->row.len == 0)
            PQfreemem(buffer);
        else
            row->memory = buffer;
        if (code != WEIR_OK)
            return code;
    } while (size > 0 && row->memory == NULL); /* it was the trailer: the end comes next */
    return WEIR_OK;
}

void copy_row_done(copy_row *row)
{
    PQfreemem(row->memory);
    *row = (copy_row){0};
}
