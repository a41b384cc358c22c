/* snapshot.c - reads the rows that are there, under one consistent state of the database. */
#include "snapshot.h"

#include "snapshot_rows.h"
#include "table_state.h"

#include <assert.h>
#include <libpq-fe.h>

#define TURN_ROWS 256 /* of one reader, before the next one's turn and a look at the clock */

static int64_t estimate_rows(const catalog *tables)
{
    int64_t sum = 0;

    for (size_t i = 0; i < tables->table_count; i++) {
        if (tables->tables[i].row_count > 0)
            sum += tables->tables[i].row_count;
    }
    return sum;
}

bool snapshot_is_done(source *self, const catalog_table *table)
{
    weir_str done = self->position.table;
    weir_str label = snapshot_label(self, table);
    int order = done.len == 0
                    ? 1
                    : memcmp(label.ptr, done.ptr, label.len < done.len ? label.len : done.len);

    return order < 0 || (order == 0 && label.len <= done.len);
}

static size_t first_table(source *self)
{
    size_t i = 0;

    while (i < self->catalog.table_count && snapshot_is_done(self, &self->catalog.tables[i]))
        i++;
    return i;
}

/* The number of the next transaction stands for the snapshot's, which has none. */
static weir_code read_state(source *self, snapshot *reading, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(reading->readers.list[0].copy.connection,
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

weir_code snapshot_begin(source *self, weir_error *err)
{
    snapshot *reading = weir_task_alloc(self->task, sizeof(*reading));
    weir_str exported = self->created.snapshot;

    self->snapshot = reading;
    *reading = (snapshot){.first = true,
                          .is_slots_state = exported.len > 0,
                          .estimate = estimate_rows(&self->catalog)};
    if (snapshot_readers_open(&reading->readers, &self->settings, self->task, exported, err) !=
            WEIR_OK ||
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
    snapshot *reading = self->snapshot;

    if (reading == NULL)
        return;
    copy_row_done(&reading->held);
    copy_row_done(&reading->next);
    snapshot_readers_done(&reading->readers);
    snapshot_table_done(&reading->ranges);
    weir_buf_done(&reading->left);
    weir_buf_done(&reading->files);
    self->snapshot = NULL;
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

/* Asks for the size and the files; it may take long, because somebody alters the table. */
static weir_code ask_for_table(source *self, snapshot *reading, weir_error *err)
{
    const catalog_table *table = &self->catalog.tables[reading->table];

    if (copy_reader_send(&reading->readers.list[0].copy,
                         table_state_sql(table, &self->context.text), err) != WEIR_OK)
        return table_failed(self, err);
    reading->readers.has_lock = false;
    reading->is_present = false;
    weir_buf_clear(&reading->files);
    reading->step = STEP_BEGIN;
    return WEIR_OK;
}

/* The columns as of the snapshot. */
static weir_code compile_table(source *self, snapshot *reading, catalog_table *table,
                               weir_error *err)
{
    PGconn *before = self->catalog.connection;

    self->catalog.connection = reading->readers.list[0].copy.connection;
    weir_code code = catalog_columns(&self->catalog, table, err);
    if (code == WEIR_OK) {
        reading->relation = relation_new(&self->context, table, err);
        code = reading->relation != NULL ? WEIR_OK : err->code;
    }
    self->catalog.connection = before;
    return code;
}

static weir_code begin_table(source *self, snapshot *reading, snapshot_pause *why, weir_error *err)
{
    catalog_table *table = &self->catalog.tables[reading->table];
    bool was_begun = weir_str_eq(self->position.reading, snapshot_label(self, table));
    PGresult *state = NULL;

    if (copy_reader_result(&reading->readers.list[0].copy, &state, err) != WEIR_OK)
        return table_failed(self, err);
    *why = state == NULL ? PAUSE_WAIT : PAUSE_NONE;
    if (state == NULL)
        return WEIR_OK;
    table_state_take(table, state, &reading->files);
    PQclear(state);
    if (compile_table(self, reading, table, err) != WEIR_OK)
        return err->code;
    reading->values =
        weir_task_alloc(self->task, (table->column_count + 1) * sizeof(*reading->values));
    reading->keyless = !table->has_identity || reading->relation->key_count == 0;
    reading->whole =
        reading->keyless || self->settings.snapshot_mode.index == SNAPSHOT_INITIAL_ONLY;
    bool is_other = table->is_added && !table->was_published; /* of the same name, made since */
    snapshot_table_init(&reading->ranges, self->task, table, reading->relation,
                        was_begun && !reading->whole && !is_other ? self->position.left
                                                                  : (weir_str){0});
    reading->row_count = 0;
    reading->range_ended = false;
    reading->splitting = 0;
    reading->step = was_begun && reading->whole ? STEP_EMPTY : STEP_SPLIT;
    return WEIR_OK;
}

static weir_code empty_table(source *self, snapshot *reading, weir_batch *batch,
                             snapshot_pause *why, weir_error *err)
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
static weir_code split_table(source *self, snapshot *reading, snapshot_pause *why, weir_error *err)
{
    copy_reader *copy = &reading->readers.list[0].copy;
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

/* --- Reading ---------------------------------------------------------------------------------- */

/* What is read is the table that the state knows: once one has begun to read it, nobody can alter it. */
static weir_code check_presence(source *self, snapshot *reading, weir_error *err)
{
    const catalog_table *table = &self->catalog.tables[reading->table];

    if (!reading->readers.has_lock || reading->is_present)
        return WEIR_OK;
    if (table_state_is_present(self->sql, table, weir_buf_str(&reading->files),
                               &reading->is_present, err) != WEIR_OK)
        return err->code;
    if (reading->is_present)
        return WEIR_OK;
    return weir_fail(err, WEIR_RETRY,
                     "table %.*s.%.*s was written anew, emptied or renamed (ALTER TABLE, TRUNCATE, "
                     "VACUUM FULL) since the snapshot began, which cannot see its rows any more: "
                     "what is left is read in another one",
                     WEIR_ARG(table->schema), WEIR_ARG(table->name));
}

/* A reader's turn: rows until none has come, or its turn or the batch's room is over. */
static weir_code take_turn(source *self, range_reader *reader, weir_batch *batch,
                           snapshot_pause *why, weir_error *err)
{
    snapshot *reading = self->snapshot;
    bool was_idle = reader->copy.state == COPY_IDLE;

    *why = PAUSE_NONE;
    for (int i = 0; i < TURN_ROWS && *why == PAUSE_NONE; i++) {
        if (snapshot_readers_step(&reading->readers, reader, &reading->ranges, &reading->next,
                                  &reading->range_ended, err) != WEIR_OK)
            return table_failed(self, err);
        if (check_presence(self, reading, err) != WEIR_OK)
            return err->code;
        if (reading->next.memory != NULL) {
            if (snapshot_rows_deliver(self, batch, why, err) != WEIR_OK)
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
static weir_code read_table(source *self, weir_batch *batch, snapshot_pause *why, weir_error *err)
{
    snapshot *reading = self->snapshot;
    bool any = false;

    if (reading->next.memory != NULL && snapshot_rows_deliver(self, batch, why, err) != WEIR_OK)
        return err->code;
    for (size_t i = 0; i < reading->readers.count && *why != PAUSE_FULL; i++) {
        if (take_turn(self, &reading->readers.list[i], batch, why, err) != WEIR_OK)
            return err->code;
        any = any || *why == PAUSE_NONE;
    }
    if (*why == PAUSE_FULL)
        return WEIR_OK;
    *why = any ? PAUSE_NONE : PAUSE_WAIT;
    if (!is_read(reading))
        return WEIR_OK;
    *why = PAUSE_NONE;
    if (snapshot_rows_deliver(self, batch, why, err) != WEIR_OK)
        return err->code;
    if (*why != PAUSE_NONE)
        return WEIR_OK;
    snapshot_rows_finish(self, batch);
    if (!reading->was_large)
        return WEIR_OK;
    reading->was_large = false;
    relation_context_trim(&self->context);
    return snapshot_readers_renew(&reading->readers, err);
}

static weir_code take_step(source *self, weir_batch *batch, snapshot_pause *why, weir_error *err)
{
    snapshot *reading = self->snapshot;

    *why = PAUSE_NONE;
    switch (reading->step) {
    case STEP_ASK:
        return ask_for_table(self, reading, err);
    case STEP_BEGIN:
        return begin_table(self, reading, why, err);
    case STEP_EMPTY:
        return empty_table(self, reading, batch, why, err);
    case STEP_SPLIT:
        return split_table(self, reading, why, err);
    case STEP_READ:
        return read_table(self, batch, why, err);
    }
    return WEIR_OK;
}

weir_code snapshot_poll(source *self, weir_batch *batch, int timeout_ms, bool *done,
                        weir_error *err)
{
    snapshot *reading = self->snapshot;
    int64_t deadline_ms = connection_clock_ms() + timeout_ms;
    snapshot_pause why = PAUSE_NONE;

    *done = false;
    self->event.now_us = connection_now_us();
    while (reading->table < self->catalog.table_count) {
        if (take_step(self, batch, &why, err) != WEIR_OK)
            return err->code;
        if (why == PAUSE_FULL || connection_clock_ms() >= deadline_ms ||
            (why == PAUSE_WAIT && !snapshot_readers_wait(&reading->readers, deadline_ms)))
            return WEIR_OK;
    }
    *done = true;
    self->position.in_snapshot = false;
    position_write(&self->position, self->partition, batch);
    weir_task_diag(self->task, WEIR_INFO, "snapshot complete: %lld rows",
                   (long long)reading->total_count);
    return WEIR_OK;
}
