/* snapshot_readers.c - the connections of a snapshot, which read ranges of a table side by side. */
#include "snapshot_readers.h"

#include <assert.h>
#include <libpq-fe.h>

static weir_code export_state(snapshot_readers *self, copy_reader *copy, weir_str *name,
                              weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result =
        connection_query(copy->connection, "SELECT pg_catalog.pg_export_snapshot()", NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "exporting the snapshot");
    *name = weir_task_copy(self->task, connection_field(result, 0, 0));
    return WEIR_OK;
}

weir_code snapshot_readers_open(snapshot_readers *self, const settings *config, weir_task *task,
                                weir_str exported, weir_error *err)
{
    *self = (snapshot_readers){.settings = config, .task = task};
    for (int64_t i = 0; i < config->snapshot_threads; i++) {
        copy_reader *copy = &self->list[i].copy;

        self->count++;
        if (copy_reader_open(copy, config, exported, err) != WEIR_OK)
            return err->code;
        if (exported.len == 0 && config->snapshot_threads > 1 &&
            export_state(self, copy, &exported, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

void snapshot_readers_done(snapshot_readers *self)
{
    for (size_t i = 0; i < self->count; i++)
        copy_reader_done(&self->list[i].copy);
    self->count = 0;
}

weir_code snapshot_readers_renew(snapshot_readers *self, weir_error *err)
{
    for (size_t i = 0; i < self->count; i++) {
        copy_reader *copy = &self->list[i].copy;
        copy_reader old = *copy;
        weir_str name = {0};

        assert(old.state == COPY_IDLE);
        if (export_state(self, copy, &name, err) != WEIR_OK)
            return err->code;
        weir_code code = copy_reader_open(copy, self->settings, name, err);
        copy_reader_done(&old);
        if (code != WEIR_OK)
            return code;
    }
    return WEIR_OK;
}

/* Gives an idle reader the next range that waits. */
static weir_code start_range(range_reader *reader, snapshot_table *ranges, weir_error *err)
{
    size_t count = snapshot_table_range_count(ranges);
    size_t i = 0;

    while (i < count && snapshot_table_range(ranges, i)->state != RANGE_WAITING)
        i++;
    if (i == count)
        return WEIR_OK;
    snapshot_table_range(ranges, i)->state = RANGE_READING;
    reader->range = i;
    return copy_reader_send(&reader->copy, snapshot_table_copy_sql(ranges, i), err);
}

weir_code snapshot_readers_step(snapshot_readers *self, range_reader *reader,
                                snapshot_table *ranges, copy_row *row, bool *ended, weir_error *err)
{
    weir_code code = WEIR_OK;

    if (reader->copy.state == COPY_IDLE)
        code = start_range(reader, ranges, err);
    if (code == WEIR_OK && reader->copy.state == COPY_ASKED) {
        PGresult *result = NULL;

        code = copy_reader_result(&reader->copy, &result, err);
        PQclear(result);
    }
    if (code != WEIR_OK || reader->copy.state != COPY_ROWS)
        return code;
    self->has_lock = true;
    code = copy_reader_row(&reader->copy, row, err);
    if (code == WEIR_OK && reader->copy.state == COPY_IDLE) {
        snapshot_table_range(ranges, reader->range)->state = RANGE_DONE;
        *ended = true;
    }
    return code;
}

bool snapshot_readers_wait(const snapshot_readers *self, int64_t deadline_ms)
{
    PGconn *connections[SETTINGS_SNAPSHOT_THREADS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (self->list[i].copy.state != COPY_IDLE)
            connections[count++] = self->list[i].copy.connection;
    }
    return connection_wait_any(connections, count,
                               (deadline_ms - connection_clock_ms()) * INT64_C(1000));
}
