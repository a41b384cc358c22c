/* snapshot_rows.c - delivers the rows of a snapshot, and writes how far it is. */
#include "snapshot_rows.h"

#include "bytes.h"

#define LARGE_ROW_BYTES (8u << 20) /* libpq keeps the room for it: worth a new connection */

/* Of a table whose rows nothing can put right: when it is no larger, a crash leaves nothing of it. */
#define WHOLE_BYTES (INT64_C(64) << 20)

weir_str snapshot_label(source *self, const catalog_table *table)
{
    weir_buf *text = &self->context.text;

    weir_buf_clear(text);
    weir_buf_printf(text, "%.*s.%.*s", WEIR_ARG(table->schema), WEIR_ARG(table->name));
    return weir_buf_str(text);
}

static void report(source *self, const snapshot *reading)
{
    weir_task_progress(self->task, "snapshot", reading->total_count,
                       reading->estimate > reading->total_count ? reading->estimate
                                                                : reading->total_count);
}

static void write_place(source *self, snapshot *reading, weir_batch *batch)
{
    weir_str label = snapshot_label(self, &self->catalog.tables[reading->table]);

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
    return reading->undurable_rows >= SOURCE_UNIT_RECORDS ||
           reading->undurable_bytes >= SOURCE_UNIT_BYTES || reading->range_ended;
}

void snapshot_rows_finish(source *self, weir_batch *batch)
{
    snapshot *reading = self->snapshot;
    const catalog_table *table = &self->catalog.tables[reading->table];

    if (reading->whole && !reading->is_slots_state)
        seen_add(&self->position.seen, table->oid, &reading->state);
    self->position.table = weir_task_copy(self->task, snapshot_label(self, table));
    self->position.reading = (weir_str){0};
    self->position.left = (weir_str){0};
    position_write(&self->position, self->partition, batch);
    reading->undurable_rows = 0;
    reading->undurable_bytes = 0;
    reading->table++;
    reading->step = STEP_ASK;
    snapshot_table_done(&reading->ranges);
    report(self, reading);
}

static weir_code split_row(snapshot *reading, weir_str row, weir_error *err)
{
    const relation *shape = reading->relation;
    bytes in = bytes_of(row);

    (void)bytes_u16(&in);
    for (size_t i = 0; i < shape->column_count; i++) {
        const relation_column *column = &shape->columns[i];

        reading->values[i] = (pgoutput_value){.form = PGOUTPUT_NULL};
        if (!column->selected)
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

weir_code snapshot_rows_deliver(source *self, weir_batch *batch, snapshot_pause *why,
                                weir_error *err)
{
    snapshot *reading = self->snapshot;
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
            write_place(self, reading, batch);
    }
    reading->held = reading->next;
    reading->next = (copy_row){0};
    return WEIR_OK;
}
