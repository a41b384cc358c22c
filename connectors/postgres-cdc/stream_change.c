/* stream_change.c - what becomes of one change in a stream: dropped, or written as records. */
#include "stream_change.h"

void stream_checkpoint(source *self, weir_batch *batch)
{
    position_write(&self->position, self->partition, batch);
    self->stream->uncommitted = 0;
    self->stream->uncommitted_bytes = 0;
    self->stream->checkpoint_ms = connection_clock_ms();
}

void stream_checkpoint_inside(source *self, weir_batch *batch)
{
    stream *flow = self->stream;

    self->position.open = flow->final_lsn;
    self->position.change = flow->change_lsn;
    self->position.same_count = flow->same_index;
    stream_checkpoint(self, batch);
}

bool stream_change_is_old(source *self)
{
    stream *flow = self->stream;

    flow->order++;
    flow->same_index = flow->message_lsn == flow->change_lsn ? flow->same_index + 1 : 1;
    flow->change_lsn = flow->message_lsn;
    return position_has(&self->position, flow->final_lsn, flow->change_lsn, flow->same_index);
}

/* The change is in the rows of a snapshot that was read later. */
static bool is_seen(const source *self, const relation *table)
{
    return seen_has(&self->position.seen, table->oid, (uint32_t)self->event.transaction_id);
}

static weir_code check_count(const relation *table, const pgoutput_tuple *tuple, weir_error *err)
{
    if (tuple->values == NULL || tuple->count == table->column_count)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_RETRY, "a row of %.*s.%.*s came with %u columns, but the server announced %zu",
        WEIR_ARG(table->schema), WEIR_ARG(table->name), tuple->count, table->column_count);
}

/* Large values that did not change come with the old row only: of its key's columns, or of all. */
static void complete_row(stream *flow, const relation *table)
{
    const pgoutput_tuple *old_row = &flow->message.change.old_tuple;
    pgoutput_value *values = flow->decoder.new_values;

    for (uint16_t i = 0; old_row->values != NULL && i < old_row->count; i++) {
        bool was_sent = flow->message.change.old_kind == 'O' || table->columns[i].identity;

        if (was_sent && values[i].form == PGOUTPUT_UNCHANGED)
            values[i] = old_row->values[i];
    }
}

/* What a row was can only be told by columns of the replica identity. */
static weir_code check_key(const stream *flow, const relation *table, weir_error *err)
{
    for (size_t i = 0; i < table->key_count && flow->message.change.old_kind == 'K'; i++) {
        const relation_column *column = &table->columns[table->key[i]];

        if (!column->identity)
            return weir_fail(err, WEIR_FATAL,
                             "a row of %.*s.%.*s was deleted or its replica identity changed, and "
                             "its column \"%.*s\" of message.key.columns was not sent: set the "
                             "table's REPLICA IDENTITY to FULL, and to come past this change take "
                             "the table out of message.key.columns",
                             WEIR_ARG(table->schema), WEIR_ARG(table->name),
                             WEIR_ARG(column->name));
    }
    return WEIR_OK;
}

/* What fills the gaps of an updated row out of the table, when sinks can't have the row that they lie in. */
static weir_code find_fill(source *self, const relation *table, const pgoutput_tuple **fill,
                           weir_error *err)
{
    stream *flow = self->stream;
    const pgoutput_message *message = &flow->message;
    const pgoutput_tuple *old_row = &message->change.old_tuple;
    const pgoutput_tuple *new_row = &message->change.new_tuple;

    *fill = NULL;
    if (message->kind != PGOUTPUT_UPDATE)
        return WEIR_OK;
    if (flow->final_lsn >= self->position.read_to &&
        (old_row->values == NULL || relation_same_key(table, old_row, new_row)))
        return WEIR_OK;
    if (!missing_any(table, new_row))
        return WEIR_OK;
    return missing_read(&flow->missing, self->sql, table, new_row, fill, err);
}

static weir_code write_change(source *self, const event_change *change, weir_batch *batch,
                              weir_error *err)
{
    stream *flow = self->stream;
    weir_code code = event_write(&self->event, change, &flow->step, batch, err);

    if (code == WEIR_OK && flow->step == -1) {
        flow->uncommitted++;
        flow->uncommitted_bytes += (int64_t)flow->buffer_size;
    }
    return code;
}

static weir_code deliver_row(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    const pgoutput_message *message = &flow->message;
    relation *table = NULL;

    if (announced_find(&flow->announced, message->relation, &table, err) != WEIR_OK)
        return err->code;
    if (table == NULL || is_seen(self, table)) {
        flow->step = -1;
        return WEIR_OK;
    }
    if (check_count(table, &message->change.old_tuple, err) != WEIR_OK ||
        check_count(table, &message->change.new_tuple, err) != WEIR_OK ||
        check_key(flow, table, err) != WEIR_OK)
        return err->code;
    if (message->kind == PGOUTPUT_UPDATE)
        complete_row(flow, table);
    event_change change = {
        .relation = table,
        .operation = message->kind == PGOUTPUT_INSERT   ? 'c'
                     : message->kind == PGOUTPUT_UPDATE ? 'u'
                                                        : 'd',
        .old_row = message->change.old_tuple.values != NULL ? &message->change.old_tuple : NULL,
        .new_row = message->change.new_tuple.values != NULL ? &message->change.new_tuple : NULL,
        .lsn = flow->message_lsn,
        .order = flow->order,
    };
    if (find_fill(self, table, &change.fill, err) != WEIR_OK)
        return err->code;
    weir_code code = write_change(self, &change, batch, err);

    while (code != WEIR_OK && announced_was_refused(table)) {
        if (announced_allow_null(&flow->announced, &table, err) != WEIR_OK)
            return err->code;
        change.relation = table;
        code = write_change(self, &change, batch, err);
    }
    return code;
}

static weir_code deliver_truncate(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;

    while (flow->truncated < flow->message.truncate.count) {
        relation *table = NULL;
        uint32_t oid = pgoutput_truncated(&flow->message, flow->truncated);

        if (announced_find(&flow->announced, oid, &table, err) != WEIR_OK)
            return err->code;
        event_change change = {
            .relation = table, .operation = 't', .lsn = flow->message_lsn, .order = flow->order};
        if (table != NULL && !is_seen(self, table)) {
            flow->step = 0;
            weir_code code = write_change(self, &change, batch, err);
            if (code != WEIR_OK || flow->step != -1)
                return code;
        }
        flow->truncated++;
    }
    flow->step = -1;
    return WEIR_OK;
}

weir_code stream_change_deliver(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    weir_code code = flow->message.kind == PGOUTPUT_TRUNCATE ? deliver_truncate(self, batch, err)
                                                             : deliver_row(self, batch, err);

    if (code != WEIR_OK || flow->step != -1)
        return code;
    flow->pending = false;
    missing_drop(&flow->missing);
    if (flow->uncommitted >= SOURCE_UNIT_RECORDS || flow->uncommitted_bytes >= SOURCE_UNIT_BYTES)
        stream_checkpoint_inside(self, batch);
    return WEIR_OK;
}
