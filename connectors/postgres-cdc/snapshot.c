/* snapshot.c - reads the rows that are there, under one consistent state of the database. */
#include "snapshot.h"

#include "bytes.h"

#include <assert.h>
#include <libpq-fe.h>

#define CHECKPOINT_ROWS 10000 /* so many rows become durable together */
#define CLOCK_ROWS      256   /* the clock is read once for so many rows */

static const char copy_signature[] = "PGCOPY\n\377\r\n"; /* and the NUL behind it */

struct snapshot {
    PGconn *reader;
    size_t table; /* the one being read */
    bool reading; /* its COPY runs */
    bool first;   /* no row of the whole snapshot was delivered yet */
    relation *relation;
    pgoutput_value *values;
    int64_t row_count;   /* of the table, delivered */
    int64_t total_count; /* of all tables, delivered */
    int64_t estimate;    /* of all tables */
    int64_t undurable;   /* rows since the last checkpoint */
    char *held;          /* a row that was read and not delivered: libpq's memory */
    weir_str held_row;   /* its content */
    char *next;          /* the row behind it */
    weir_str next_row;
    bool at_end; /* of the table: no row follows the held one */
};

static int64_t estimate_rows(const catalog *tables)
{
    int64_t sum = 0;

    for (size_t i = 0; i < tables->table_count; i++) {
        if (tables->tables[i].row_count > 0)
            sum += tables->tables[i].row_count;
    }
    return sum;
}

/* "schema.table": the order of names is that of the catalog, which offsets rely on. */
static void table_label(const catalog_table *table, weir_buf *out)
{
    weir_buf_clear(out);
    weir_buf_printf(out, "%.*s.%.*s", WEIR_ARG(table->schema), WEIR_ARG(table->name));
}

/* The first table that the offset does not call complete. */
static size_t first_table(source *self)
{
    weir_buf *label = &self->context.text;
    size_t i = 0;

    if (self->position.table.len == 0)
        return 0;
    for (; i < self->catalog.table_count; i++) {
        table_label(&self->catalog.tables[i], label);
        size_t common =
            label->len < self->position.table.len ? label->len : self->position.table.len;
        int order = memcmp(label->ptr, self->position.table.ptr, common);

        if (order > 0 || (order == 0 && label->len > self->position.table.len))
            break;
    }
    return i;
}

static weir_code enter_state(source *self, snapshot *reading, weir_error *err)
{
    weir_str exported = self->created.snapshot;
    weir_buf sql = {0};

    if (connection_run(reading->reader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) !=
        WEIR_OK)
        return weir_wrap(err, "beginning the snapshot");
    if (exported.len == 0)
        return WEIR_OK;
    weir_buf_printf(&sql, "SET TRANSACTION SNAPSHOT ");
    catalog_add_literal(&sql, exported);
    weir_code code = connection_run(reading->reader, weir_buf_cstr(&sql), err);
    weir_buf_done(&sql);
    return code == WEIR_OK ? WEIR_OK : weir_wrap(err, "entering the slot's snapshot");
}

/* The number of the next transaction stands for the snapshot's, which has none. */
static weir_code read_state(source *self, snapshot *reading, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(reading->reader,
                         "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()), "
                         "pg_catalog.pg_current_wal_lsn()",
                         NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "beginning the snapshot");
    weir_str xid = connection_field(result, 0, 0);
    self->event.transaction_id = 0;
    for (size_t i = 0; i < xid.len; i++)
        self->event.transaction_id = self->event.transaction_id * 10 + (xid.ptr[i] - '0');
    if (self->position.commit == 0) /* of initial_only, which has no slot */
        self->position.commit = connection_lsn(connection_field(result, 0, 1));
    if (self->position.floor == 0)
        self->position.floor = self->position.commit;
    return WEIR_OK;
}

weir_code snapshot_begin(source *self, weir_error *err)
{
    snapshot *reading = weir_task_alloc(self->task, sizeof(*reading));

    self->snapshot = reading;
    *reading = (snapshot){.first = true, .estimate = estimate_rows(&self->catalog)};
    reading->reader = connection_open(&self->settings, CONNECTION_SQL, err);
    if (reading->reader == NULL || enter_state(self, reading, err) != WEIR_OK ||
        read_state(self, reading, err) != WEIR_OK)
        return err->code;
    reading->table = first_table(self);
    self->position.in_snapshot = true;
    self->event.commit_us = connection_now_us();
    self->event.last_commit_lsn = 0;
    self->event.position_floor = self->position.floor;
    weir_task_diag(self->task, WEIR_INFO, "snapshot of %zu tables begins at " CONNECTION_LSN_FORMAT,
                   self->catalog.table_count - reading->table,
                   CONNECTION_LSN_ARGS(self->position.commit));
    return WEIR_OK;
}

void snapshot_end(source *self)
{
    if (self->snapshot == NULL)
        return;
    PQfreemem(self->snapshot->held);
    PQfreemem(self->snapshot->next);
    connection_close(self->snapshot->reader);
    self->snapshot = NULL;
}

/* --- One table ------------------------------------------------------------------------------ */

static void copy_sql(const catalog_table *table, const relation *shape, weir_buf *sql)
{
    bool plain = shape->binary && !table->is_partitioned;
    const char *separator = "";

    weir_buf_printf(sql, plain ? "COPY " : "COPY (SELECT ");
    if (plain) {
        catalog_add_name(sql, table->schema, table->name);
        weir_buf_printf(sql, " (");
    }
    for (size_t i = 0; i < shape->column_count; i++) {
        const relation_column *column = &shape->columns[i];

        if (!column->included)
            continue;
        weir_buf_printf(sql, "%s", separator);
        catalog_add_identifier(sql, column->name);
        if (column->codec.binary == NULL)
            weir_buf_printf(sql, "::text");
        separator = ", ";
    }
    if (plain) {
        weir_buf_printf(sql, ")");
    } else {
        weir_buf_printf(sql, table->is_partitioned ? " FROM " : " FROM ONLY ");
        catalog_add_name(sql, table->schema, table->name);
        weir_buf_printf(sql, ")");
    }
    weir_buf_printf(sql, " TO STDOUT (FORMAT binary)");
}

static weir_code start_table(source *self, snapshot *reading, weir_error *err)
{
    catalog_table *table = &self->catalog.tables[reading->table];
    PGconn *sql_connection = self->catalog.connection;
    weir_buf sql = {0};

    self->catalog.connection = reading->reader; /* the columns as of the snapshot */
    weir_code code = catalog_columns(&self->catalog, table, err);
    if (code == WEIR_OK) {
        reading->relation = relation_new(&self->context, table, err);
        code = reading->relation != NULL ? WEIR_OK : err->code;
    }
    self->catalog.connection = sql_connection;
    if (code != WEIR_OK)
        return code;

    reading->values =
        weir_task_alloc(self->task, (table->column_count + 1) * sizeof(*reading->values));
    assert(reading->relation != NULL);
    copy_sql(table, reading->relation, &sql);
    PGresult *result = PQexec(reading->reader, weir_buf_cstr(&sql));
    weir_buf_done(&sql);
    if (PQresultStatus(result) != PGRES_COPY_OUT) {
        (void)connection_failed(reading->reader, result, "reading it", err);
        PQclear(result);
        return weir_wrap(err, "snapshot of table %.*s.%.*s (the role needs SELECT on it)",
                         WEIR_ARG(table->schema), WEIR_ARG(table->name));
    }
    PQclear(result);
    reading->reading = true;
    reading->at_end = false;
    reading->row_count = 0;
    return WEIR_OK;
}

static void report(source *self, const snapshot *reading)
{
    weir_task_progress(self->task, "snapshot", reading->total_count,
                       reading->estimate > reading->total_count ? reading->estimate
                                                                : reading->total_count);
}

static weir_code finish_table(source *self, snapshot *reading, weir_batch *batch, weir_error *err)
{
    const catalog_table *table = &self->catalog.tables[reading->table];
    PGresult *result = PQgetResult(reading->reader);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK) {
        (void)connection_failed(reading->reader, result, "reading it", err);
        PQclear(result);
        return weir_wrap(err, "snapshot of table %.*s.%.*s", WEIR_ARG(table->schema),
                         WEIR_ARG(table->name));
    }
    PQclear(result);
    result = PQgetResult(reading->reader);
    assert(result == NULL);
    PQclear(result);
    table_label(table, &self->context.text);
    self->position.table = weir_task_copy(self->task, weir_buf_str(&self->context.text));
    self->position.partial = false;
    reading->reading = false;
    reading->undurable = 0;
    reading->table++;
    position_write(&self->position, self->partition, batch);
    report(self, reading);
    return WEIR_OK;
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

/* Fills `next`, if a row has come. *none: nothing has. */
static weir_code read_row(snapshot *reading, bool *none, weir_error *err)
{
    char *buffer = NULL;
    int size = PQgetCopyData(reading->reader, &buffer, 1);

    if (size == 0) {
        if (PQconsumeInput(reading->reader) != 1)
            return connection_failed(reading->reader, NULL, "the snapshot", err);
        size = PQgetCopyData(reading->reader, &buffer, 1);
    }
    *none = size == 0;
    if (size == -2)
        return connection_failed(reading->reader, NULL, "the snapshot", err);
    if (size == -1)
        reading->at_end = true;
    if (size <= 0)
        return WEIR_OK;
    weir_code code = row_of(buffer, size, &reading->next_row, err);
    if (code != WEIR_OK || reading->next_row.len == 0)
        PQfreemem(buffer); /* the trailer: -1 comes next */
    else
        reading->next = buffer;
    return code;
}

static weir_code split_row(snapshot *reading, weir_str row, weir_error *err)
{
    const relation *shape = reading->relation;
    bytes in = bytes_of(row);

    (void)bytes_u16(&in);
    for (size_t i = 0; i < shape->column_count; i++) {
        const relation_column *column = &shape->columns[i];

        reading->values[i] = (pgoutput_value){.form = PGOUTPUT_NULL};
        if (!column->included)
            continue;
        uint32_t size = bytes_u32(&in);
        if (size == UINT32_MAX)
            continue;
        reading->values[i].form = column->codec.binary != NULL ? PGOUTPUT_BINARY : PGOUTPUT_TEXT;
        reading->values[i].bytes = bytes_take(&in, size);
    }
    if (in.failed || bytes_left(&in) > 0)
        return weir_fail(err, WEIR_FATAL, "the server sent a row in COPY that can't be read");
    return WEIR_OK;
}

/* Debezium's marks: by the row's place in its table, and the table's among all. */
static const char *mark_of(const source *self, const snapshot *reading)
{
    bool last_table = reading->table + 1 == self->catalog.table_count;

    if (reading->at_end)
        return last_table ? "last" : "last_in_data_collection";
    if (reading->first)
        return "first";
    return reading->row_count == 0 ? "first_in_data_collection" : "true";
}

/* Delivers the held row and moves the next one into its place. *full: the batch took nothing. */
static weir_code deliver(source *self, snapshot *reading, weir_batch *batch, bool *full,
                         weir_error *err)
{
    pgoutput_tuple tuple = {.values = reading->values,
                            .count = (uint16_t)reading->relation->column_count};
    event_change change = {.relation = reading->relation,
                           .operation = 'r',
                           .new_row = &tuple,
                           .lsn = self->position.commit};
    int step = 0;

    *full = false;
    if (reading->held != NULL) {
        weir_code code = split_row(reading, reading->held_row, err);
        if (code != WEIR_OK)
            return code;
        self->event.snapshot = mark_of(self, reading);
        code = event_write(&self->event, &change, &step, batch, err);
        if (code != WEIR_OK)
            return code;
        *full = step != -1;
        if (*full)
            return WEIR_OK;
        reading->row_count++;
        reading->total_count++;
        reading->undurable++;
        reading->first = false;
        PQfreemem(reading->held);
    }
    reading->held = reading->next;
    reading->held_row = reading->next_row;
    reading->next = NULL;
    if (reading->undurable >= CHECKPOINT_ROWS) {
        self->position.partial = true;
        reading->undurable = 0;
        position_write(&self->position, self->partition, batch);
        report(self, reading);
    }
    return WEIR_OK;
}

/* Rows of one table until it ends, the batch is full, or the time is over. */
static weir_code read_table(source *self, weir_batch *batch, int64_t deadline_ms, bool *pause,
                            weir_error *err)
{
    snapshot *reading = self->snapshot;
    weir_code code = WEIR_OK;
    bool none = false;

    for (int i = 1; code == WEIR_OK && !*pause; i++) {
        if (reading->next == NULL && !reading->at_end)
            code = read_row(reading, &none, err);
        if (code != WEIR_OK)
            return code;
        if (reading->next != NULL || reading->at_end)
            code = deliver(self, reading, batch, pause, err);
        else if (none &&
                 !connection_wait(reading->reader, (deadline_ms - connection_clock_ms()) * 1000))
            *pause = true;
        if (reading->at_end && reading->held == NULL && !*pause)
            break;
        if (i % CLOCK_ROWS == 0 && connection_clock_ms() >= deadline_ms)
            *pause = true;
    }
    return code;
}

weir_code snapshot_poll(source *self, weir_batch *batch, int timeout_ms, bool *done,
                        weir_error *err)
{
    snapshot *reading = self->snapshot;
    int64_t deadline_ms = connection_clock_ms() + timeout_ms;
    bool pause = false;
    weir_code code = WEIR_OK;

    *done = false;
    self->event.now_us = connection_now_us();
    while (!pause && code == WEIR_OK && reading->table < self->catalog.table_count) {
        if (!reading->reading)
            code = start_table(self, reading, err);
        if (code == WEIR_OK)
            code = read_table(self, batch, deadline_ms, &pause, err);
        if (code == WEIR_OK && reading->at_end && reading->held == NULL && !pause)
            code = finish_table(self, reading, batch, err);
    }
    if (code != WEIR_OK || reading->table < self->catalog.table_count)
        return code;
    *done = true;
    self->position.in_snapshot = false;
    position_write(&self->position, self->partition, batch);
    weir_task_diag(self->task, WEIR_INFO, "snapshot complete: %lld rows",
                   (long long)reading->total_count);
    return WEIR_OK;
}
