/* snapshot.c - reads the rows that are there, under one consistent state of the database.
 *
 * A row is held back until the next one is known, because the last row of a table is marked. The offset
 * calls a range done only when its last row was delivered: it is written right behind a delivered row,
 * and what is held then is of a range whose end was not seen.
 */
#include "snapshot.h"

#include "bytes.h"
#include "copy_reader.h"
#include "snapshot_table.h"

#include <assert.h>
#include <libpq-fe.h>

#define CHECKPOINT_ROWS 10000 /* so many rows become durable together */
#define TURN_ROWS       256 /* of one reader, before the next one's turn and a look at the clock */

#define LARGE_ROW_BYTES (8u << 20) /* libpq keeps the room for it: worth a new connection */

/* Of a table whose rows nothing can put right: when it is no larger, a crash leaves nothing of it. */
#define WHOLE_BYTES (INT64_C(64) << 20)

typedef enum table_step {
    STEP_BEGIN, /* of the next table */
    STEP_EMPTY, /* an event that empties what a crash left in the sinks */
    STEP_SPLIT, /* ranges are looked for */
    STEP_READ,
} table_step;

/* Why a step did not go on. */
typedef enum pause { PAUSE_NONE, PAUSE_FULL, PAUSE_WAIT } pause;

typedef struct range_reader {
    copy_reader copy;
    size_t range; /* what it reads, unless it is idle */
} range_reader;

struct snapshot {
    range_reader readers[SETTINGS_SNAPSHOT_THREADS_MAX];
    size_t reader_count;
    seen_state state;
    bool is_slots_state; /* the changes that follow begin right behind it */
    size_t table;        /* the one being read */
    table_step step;
    size_t splitting; /* the range whose parts are looked for */
    snapshot_table ranges;
    relation *relation;
    pgoutput_value *values;
    bool whole;          /* after a crash it is read again whole */
    bool keyless;        /* and then no change, nor a later reading, puts right what was read */
    bool first;          /* no row of the whole snapshot was delivered yet */
    int64_t row_count;   /* of the table, delivered */
    int64_t total_count; /* of all tables, delivered */
    int64_t estimate;    /* of all tables */
    int64_t undurable_rows, undurable_bytes;
    bool range_ended; /* since the last checkpoint */
    bool was_large;   /* a row of the table was very large */
    copy_row held, next;
    weir_buf left; /* as the position has it */
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
static weir_str table_label(source *self, const catalog_table *table)
{
    weir_buf *text = &self->context.text;

    weir_buf_clear(text);
    weir_buf_printf(text, "%.*s.%.*s", WEIR_ARG(table->schema), WEIR_ARG(table->name));
    return weir_buf_str(text);
}

/* The first table that the offset does not call complete. */
static size_t first_table(source *self)
{
    weir_str done = self->position.table;
    size_t i = 0;

    if (done.len == 0)
        return 0;
    for (; i < self->catalog.table_count; i++) {
        weir_str label = table_label(self, &self->catalog.tables[i]);
        int order = memcmp(label.ptr, done.ptr, label.len < done.len ? label.len : done.len);

        if (order > 0 || (order == 0 && label.len > done.len))
            break;
    }
    return i;
}

/* The number of the next transaction stands for the snapshot's, which has none. */
static weir_code read_state(source *self, snapshot *reading, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(reading->readers[0].copy.connection,
                         "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()), "
                         "pg_catalog.pg_current_wal_insert_lsn(), "
                         "pg_catalog.pg_current_snapshot()::text",
                         NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "beginning the snapshot");
    weir_str xid = connection_field(result, 0, 0);
    self->event.transaction_id = 0;
    for (size_t i = 0; i < xid.len; i++)
        self->event.transaction_id = self->event.transaction_id * 10 + (xid.ptr[i] - '0');
    reading->state.until = connection_lsn(connection_field(result, 0, 1));
    reading->state.snapshot = weir_task_copy(self->task, connection_field(result, 0, 2));
    self->position.read_to = reading->state.until;
    if (self->position.commit == 0) /* of initial_only, which has no slot */
        self->position.commit = reading->state.until;
    if (self->position.floor == 0)
        self->position.floor = self->position.commit;
    return WEIR_OK;
}

static weir_code export_state(source *self, copy_reader *copy, weir_str *name, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(copy->connection, "SELECT pg_catalog.pg_export_snapshot()", NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "exporting the snapshot");
    *name = weir_task_copy(self->task, connection_field(result, 0, 0));
    return WEIR_OK;
}

/* The first reader's state is the slot's, or a new one; the others enter it. */
static weir_code open_readers(source *self, snapshot *reading, weir_error *err)
{
    weir_str name = self->created.snapshot;

    reading->is_slots_state = name.len > 0;
    for (int64_t i = 0; i < self->settings.snapshot_threads; i++) {
        copy_reader *copy = &reading->readers[i].copy;

        reading->reader_count++;
        if (copy_reader_open(copy, &self->settings, name, err) != WEIR_OK)
            return err->code;
        if (name.len == 0 && self->settings.snapshot_threads > 1 &&
            export_state(self, copy, &name, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* Behind a table with very large rows: the same state in new connections, without the room for them. */
static weir_code renew_readers(source *self, snapshot *reading, weir_error *err)
{
    if (!reading->was_large)
        return WEIR_OK;
    reading->was_large = false;
    relation_context_trim(&self->context);
    for (size_t i = 0; i < reading->reader_count; i++) {
        copy_reader *copy = &reading->readers[i].copy;
        copy_reader old = *copy;
        weir_str name = {0};

        assert(old.state == COPY_IDLE);
        if (export_state(self, copy, &name, err) != WEIR_OK)
            return err->code;
        weir_code code = copy_reader_open(copy, &self->settings, name, err);
        copy_reader_done(&old);
        if (code != WEIR_OK)
            return code;
    }
    return WEIR_OK;
}

weir_code snapshot_begin(source *self, weir_error *err)
{
    snapshot *reading = weir_task_alloc(self->task, sizeof(*reading));

    self->snapshot = reading;
    *reading = (snapshot){.first = true, .estimate = estimate_rows(&self->catalog)};
    if (open_readers(self, reading, err) != WEIR_OK || read_state(self, reading, err) != WEIR_OK)
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
    snapshot *reading = self->snapshot;

    if (reading == NULL)
        return;
    copy_row_done(&reading->held);
    copy_row_done(&reading->next);
    for (size_t i = 0; i < reading->reader_count; i++)
        copy_reader_done(&reading->readers[i].copy);
    snapshot_table_done(&reading->ranges);
    weir_buf_done(&reading->left);
    self->snapshot = NULL;
}

/* --- The offset ------------------------------------------------------------------------------- */

static void report(source *self, const snapshot *reading)
{
    weir_task_progress(self->task, "snapshot", reading->total_count,
                       reading->estimate > reading->total_count ? reading->estimate
                                                                : reading->total_count);
}

static void checkpoint(source *self, snapshot *reading, weir_batch *batch)
{
    weir_str label = table_label(self, &self->catalog.tables[reading->table]);

    if (!weir_str_eq(self->position.reading, label))
        self->position.reading = weir_task_copy(self->task, label);
    weir_buf_clear(&reading->left);
    if (!reading->whole)
        snapshot_table_left(&reading->ranges, &reading->left);
    self->position.left = weir_buf_str(&reading->left);
    position_write(&self->position, self->partition, batch);
    reading->undurable_rows = 0;
    reading->undurable_bytes = 0;
    reading->range_ended = false;
    report(self, reading);
}

static bool is_checkpoint_due(const snapshot *reading)
{
    if (reading->keyless)
        return reading->undurable_bytes >= WHOLE_BYTES;
    return reading->undurable_rows >= CHECKPOINT_ROWS || reading->range_ended;
}

static void finish_table(source *self, snapshot *reading, weir_batch *batch)
{
    const catalog_table *table = &self->catalog.tables[reading->table];

    if (reading->whole && !reading->is_slots_state)
        seen_add(&self->position.seen, table->oid, &reading->state);
    self->position.table = weir_task_copy(self->task, table_label(self, table));
    self->position.reading = (weir_str){0};
    self->position.left = (weir_str){0};
    position_write(&self->position, self->partition, batch);
    reading->undurable_rows = 0;
    reading->undurable_bytes = 0;
    reading->table++;
    reading->step = STEP_BEGIN;
    snapshot_table_done(&reading->ranges);
    report(self, reading);
}

/* --- One table -------------------------------------------------------------------------------- */

/* The readers' transactions have failed; the catalog's connection still works. */
static weir_code explain_too_large(source *self, const catalog_table *table, weir_error *err)
{
    weir_str column = catalog_largest_column(&self->catalog, table);

    return weir_wrap(err,
                     "snapshot of table %.*s.%.*s%s%.*s%s: leave its largest columns out by "
                     "column.exclude.list and by a column list of the publication",
                     WEIR_ARG(table->schema), WEIR_ARG(table->name),
                     column.len > 0 ? ", whose largest column is \"" : "", WEIR_ARG(column),
                     column.len > 0 ? "\"" : "");
}

static weir_code table_failed(source *self, weir_error *err)
{
    const catalog_table *table = &self->catalog.tables[self->snapshot->table];
    bool hidden = strstr(err->message, "row-level security") != NULL;

    if (connection_is_too_large(err))
        return explain_too_large(self, table, err);
    return weir_wrap(err, "snapshot of table %.*s.%.*s (the role needs %s)",
                     WEIR_ARG(table->schema), WEIR_ARG(table->name),
                     hidden ? "BYPASSRLS, because policies hide rows of it that the stream has"
                            : "SELECT on it");
}

/* The columns and the size as of the snapshot. */
static weir_code look_at_table(source *self, snapshot *reading, catalog_table *table,
                               weir_error *err)
{
    PGconn *before = self->catalog.connection;

    self->catalog.connection = reading->readers[0].copy.connection;
    weir_code code = catalog_columns(&self->catalog, table, err);
    if (code == WEIR_OK)
        code = catalog_size(&self->catalog, table, err);
    if (code == WEIR_OK) {
        reading->relation = relation_new(&self->context, table, err);
        code = reading->relation != NULL ? WEIR_OK : err->code;
    }
    self->catalog.connection = before;
    return code;
}

static weir_code begin_table(source *self, snapshot *reading, weir_error *err)
{
    catalog_table *table = &self->catalog.tables[reading->table];
    bool was_begun = weir_str_eq(self->position.reading, table_label(self, table));

    if (look_at_table(self, reading, table, err) != WEIR_OK)
        return err->code;
    reading->values =
        weir_task_alloc(self->task, (table->column_count + 1) * sizeof(*reading->values));
    reading->keyless = !table->has_identity || reading->relation->key_count == 0;
    reading->whole =
        reading->keyless || self->settings.snapshot_mode.index == SNAPSHOT_INITIAL_ONLY;
    snapshot_table_init(&reading->ranges, self->task, table, reading->relation,
                        was_begun && !reading->whole ? self->position.left : (weir_str){0});
    reading->row_count = 0;
    reading->range_ended = false;
    reading->splitting = 0;
    reading->step = was_begun && reading->whole ? STEP_EMPTY : STEP_SPLIT;
    return WEIR_OK;
}

static weir_code empty_table(source *self, snapshot *reading, weir_batch *batch, pause *why,
                             weir_error *err)
{
    event_change change = {.relation = reading->relation,
                           .operation = 't',
                           .restart = true,
                           .lsn = self->position.commit};
    int step = 0;
    weir_code code = event_write(&self->event, &change, &step, batch, err);

    *why = step != -1 ? PAUSE_FULL : PAUSE_NONE;
    if (code != WEIR_OK || *why != PAUSE_NONE)
        return code;
    weir_task_diag(
        self->task, WEIR_WARN,
        "table %.*s.%.*s is read again from its beginning: its rows have no key by which "
        "what was read before could be put right; an event that empties it comes first",
        WEIR_ARG(reading->relation->schema), WEIR_ARG(reading->relation->name));
    reading->step = STEP_SPLIT;
    return WEIR_OK;
}

/* Looks for the next keys at which a range is cut. */
static weir_code split_table(source *self, snapshot *reading, pause *why, weir_error *err)
{
    copy_reader *copy = &reading->readers[0].copy;
    int64_t range_rows = self->settings.snapshot_chunk_size;
    PGresult *keys = NULL;
    weir_code code = WEIR_OK;

    if (!snapshot_table_is_large(&reading->ranges, range_rows) ||
        reading->splitting == snapshot_table_range_count(&reading->ranges)) {
        reading->step = STEP_READ;
        return WEIR_OK;
    }
    if (copy->state == COPY_IDLE)
        code = copy_reader_send(
            copy, snapshot_table_split_sql(&reading->ranges, reading->splitting, range_rows), err);
    if (code == WEIR_OK)
        code = copy_reader_result(copy, &keys, err);
    if (code != WEIR_OK)
        return table_failed(self, err);
    *why = keys == NULL ? PAUSE_WAIT : PAUSE_NONE;
    if (keys != NULL)
        reading->splitting = snapshot_table_split(&reading->ranges, reading->splitting, keys) + 1;
    PQclear(keys);
    return WEIR_OK;
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

    if (reading->next.memory == NULL)
        return last_table ? "last" : "last_in_data_collection";
    if (reading->first)
        return "first";
    return reading->row_count == 0 ? "first_in_data_collection" : "true";
}

/* Delivers the held row and moves the next one into its place. */
static weir_code deliver(source *self, snapshot *reading, weir_batch *batch, pause *why,
                         weir_error *err)
{
    pgoutput_tuple tuple = {.values = reading->values,
                            .count = (uint16_t)reading->relation->column_count};
    event_change change = {.relation = reading->relation,
                           .operation = 'r',
                           .new_row = &tuple,
                           .lsn = self->position.commit};
    int step = 0;

    if (reading->held.memory != NULL) {
        weir_code code = split_row(reading, reading->held.row, err);
        if (code != WEIR_OK)
            return code;
        self->event.snapshot = mark_of(self, reading);
        code = event_write(&self->event, &change, &step, batch, err);
        if (code != WEIR_OK)
            return code;
        *why = step != -1 ? PAUSE_FULL : PAUSE_NONE;
        if (*why != PAUSE_NONE)
            return WEIR_OK;
        reading->row_count++;
        reading->total_count++;
        reading->undurable_rows++;
        reading->undurable_bytes += (int64_t)reading->held.row.len;
        reading->was_large = reading->was_large || reading->held.row.len >= LARGE_ROW_BYTES;
        reading->first = false;
        copy_row_done(&reading->held);
        if (reading->next.memory != NULL && is_checkpoint_due(reading))
            checkpoint(self, reading, batch);
    }
    reading->held = reading->next;
    reading->next = (copy_row){0};
    return WEIR_OK;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Gives an idle reader the next range that waits. */
static weir_code start_range(snapshot *reading, range_reader *reader, weir_error *err)
{
    size_t count = snapshot_table_range_count(&reading->ranges);
    size_t i = 0;

    while (i < count && snapshot_table_range(&reading->ranges, i)->state != RANGE_WAITING)
        i++;
    if (i == count)
        return WEIR_OK;
    snapshot_table_range(&reading->ranges, i)->state = RANGE_READING;
    reader->range = i;
    return copy_reader_send(&reader->copy, snapshot_table_copy_sql(&reading->ranges, i), err);
}

/* One step of a reader; `next` has the row, if there is one. */
static weir_code advance(snapshot *reading, range_reader *reader, weir_error *err)
{
    weir_code code = WEIR_OK;

    if (reader->copy.state == COPY_IDLE)
        code = start_range(reading, reader, err);
    if (code == WEIR_OK && reader->copy.state == COPY_ASKED) {
        PGresult *result = NULL;

        code = copy_reader_result(&reader->copy, &result, err);
        PQclear(result);
    }
    if (code != WEIR_OK || reader->copy.state != COPY_ROWS)
        return code;
    code = copy_reader_row(&reader->copy, &reading->next, err);
    if (code == WEIR_OK && reader->copy.state == COPY_IDLE) {
        snapshot_table_range(&reading->ranges, reader->range)->state = RANGE_DONE;
        reading->range_ended = true;
    }
    return code;
}

/* A reader's turn: rows until none has come, or its turn or the batch's room is over. */
static weir_code take_turn(source *self, range_reader *reader, weir_batch *batch, pause *why,
                           weir_error *err)
{
    snapshot *reading = self->snapshot;
    bool was_idle = reader->copy.state == COPY_IDLE;

    *why = PAUSE_NONE;
    for (int i = 0; i < TURN_ROWS && *why == PAUSE_NONE; i++) {
        if (advance(reading, reader, err) != WEIR_OK)
            return table_failed(self, err);
        if (reading->next.memory != NULL) {
            if (deliver(self, reading, batch, why, err) != WEIR_OK)
                return err->code;
        } else if (was_idle || reader->copy.state != COPY_IDLE) {
            *why = PAUSE_WAIT; /* else its range has ended, and it takes the next one */
        }
        was_idle = reader->copy.state == COPY_IDLE;
    }
    return WEIR_OK;
}

static bool is_read(snapshot *reading)
{
    size_t count = snapshot_table_range_count(&reading->ranges);
    size_t done = 0;

    while (done < count && snapshot_table_range(&reading->ranges, done)->state == RANGE_DONE)
        done++;
    return done == count;
}

/* Everybody's turn. */
static weir_code read_table(source *self, weir_batch *batch, pause *why, weir_error *err)
{
    snapshot *reading = self->snapshot;
    bool any = false;

    if (reading->next.memory != NULL && deliver(self, reading, batch, why, err) != WEIR_OK)
        return err->code;
    for (size_t i = 0; i < reading->reader_count && *why != PAUSE_FULL; i++) {
        if (take_turn(self, &reading->readers[i], batch, why, err) != WEIR_OK)
            return err->code;
        any = any || *why == PAUSE_NONE;
    }
    if (*why == PAUSE_FULL)
        return WEIR_OK;
    *why = any ? PAUSE_NONE : PAUSE_WAIT;
    if (!is_read(reading))
        return WEIR_OK;
    *why = PAUSE_NONE;
    if (deliver(self, reading, batch, why, err) != WEIR_OK)
        return err->code;
    if (*why != PAUSE_NONE)
        return WEIR_OK;
    finish_table(self, reading, batch);
    return renew_readers(self, reading, err);
}

static weir_code take_step(source *self, weir_batch *batch, pause *why, weir_error *err)
{
    snapshot *reading = self->snapshot;

    *why = PAUSE_NONE;
    switch (reading->step) {
    case STEP_BEGIN:
        return begin_table(self, reading, err);
    case STEP_EMPTY:
        return empty_table(self, reading, batch, why, err);
    case STEP_SPLIT:
        return split_table(self, reading, why, err);
    case STEP_READ:
        return read_table(self, batch, why, err);
    }
    return WEIR_OK;
}

/* False: nothing has come until the deadline. */
static bool wait_for_rows(const snapshot *reading, int64_t deadline_ms)
{
    PGconn *connections[SETTINGS_SNAPSHOT_THREADS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < reading->reader_count; i++) {
        if (reading->readers[i].copy.state != COPY_IDLE)
            connections[count++] = reading->readers[i].copy.connection;
    }
    return connection_wait_any(connections, count,
                               (deadline_ms - connection_clock_ms()) * INT64_C(1000));
}

weir_code snapshot_poll(source *self, weir_batch *batch, int timeout_ms, bool *done,
                        weir_error *err)
{
    snapshot *reading = self->snapshot;
    int64_t deadline_ms = connection_clock_ms() + timeout_ms;
    pause why = PAUSE_NONE;

    *done = false;
    self->event.now_us = connection_now_us();
    while (reading->table < self->catalog.table_count) {
        if (take_step(self, batch, &why, err) != WEIR_OK)
            return err->code;
        if (why == PAUSE_FULL || connection_clock_ms() >= deadline_ms ||
            (why == PAUSE_WAIT && !wait_for_rows(reading, deadline_ms)))
            return WEIR_OK;
    }
    *done = true;
    self->position.in_snapshot = false;
    position_write(&self->position, self->partition, batch);
    weir_task_diag(self->task, WEIR_INFO, "snapshot complete: %lld rows",
                   (long long)reading->total_count);
    return WEIR_OK;
}
