/* event.c - writes the records of a change: Debezium's envelope, keys, tombstones. */
#include "event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define CONNECTOR_VERSION "1.0.0"

static void add_text(weir_buf *out, weir_str text)
{
    uint8_t length[10];

    weir_buf_add(out, length, (size_t)(weir_put_varint(length, (int64_t)text.len) - length));
    weir_buf_add_str(out, text);
}

void event_init(event *self, const settings *config)
{
    *self = (event){.settings = config, .snapshot = "false", .transaction_id = -1};
    add_text(&self->head, WEIR_STR(CONNECTOR_VERSION));
    add_text(&self->head, WEIR_STR("postgresql"));
    add_text(&self->head, config->topic_prefix);
    add_text(&self->database, config->dbname);
}

void event_done(event *self)
{
    weir_buf_done(&self->head);
    weir_buf_done(&self->database);
    weir_buf_done(&self->source);
    weir_buf_done(&self->topic);
    weir_buf_done(&self->identity);
}

void event_identify(event *self, uint64_t system, uint32_t timeline)
{
    weir_buf_clear(&self->identity);
    weir_buf_printf(&self->identity, "%" PRIu64 "/%" PRIu32, system, timeline);
}

/* --- The source block ----------------------------------------------------------------------- */

static uint8_t *copy(uint8_t *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

static size_t print_u64(uint64_t value, char out[20])
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

/* ["22798176","22798296"], the last commit's position (or null) and this change's. */
static size_t print_sequence(const event *self, uint64_t lsn, char out[64])
{
    char *at = out;

    *at++ = '[';
    if (self->last_commit_lsn != 0) {
        *at++ = '"';
        at += print_u64(self->last_commit_lsn, at);
        *at++ = '"';
    } else {
        memcpy(at, "null", 4);
        at += 4;
    }
    memcpy(at, ",\"", 2);
    at += 2;
    at += print_u64(lsn, at);
    memcpy(at, "\"]", 2);
    return (size_t)(at + 2 - out);
}

static uint8_t *put_optional_long(uint8_t *at, int64_t value)
{
    *at++ = 2; /* the second branch */
    return weir_put_varint(at, value);
}

/* The block as one encoded value; valid until the next call. */
static weir_str build_source(event *self, const event_change *change)
{
    const relation *table = change->relation;
    size_t room = self->head.len + self->database.len + table->encoded_name.len + 256;
    size_t snapshot_size = strlen(self->snapshot);
    char sequence[64];
    size_t sequence_size = print_sequence(self, change->lsn, sequence);

    weir_buf_clear(&self->source);
    uint8_t *start = (uint8_t *)weir_buf_reserve(&self->source, room);
    uint8_t *at = copy(start, self->head.ptr, self->head.len);
    at = weir_put_varint(at, self->commit_us / 1000);
    *at++ = 0; /* snapshot: the first branch */
    at = weir_put_varint(at, (int64_t)snapshot_size);
    at = copy(at, self->snapshot, snapshot_size);
    at = copy(at, self->database.ptr, self->database.len);
    *at++ = 2;
    at = weir_put_varint(at, (int64_t)sequence_size);
    at = copy(at, sequence, sequence_size);
    at = put_optional_long(at, self->commit_us);
    at = put_optional_long(at, self->commit_us * 1000);
    at = copy(at, table->encoded_name.ptr, table->encoded_name.len);
    if (self->transaction_id >= 0)
        at = put_optional_long(at, self->transaction_id);
    else
        *at++ = 0;
    at = put_optional_long(at, (int64_t)change->lsn);
    *at++ = 0; /* xmin */
    self->source.len = (size_t)(at - start);
    assert(self->source.len <= room);
    return weir_buf_str(&self->source);
}

/* --- Records -------------------------------------------------------------------------------- */

static void put_headers(const event *self, const event_change *change, weir_batch *batch)
{
    char text[20];
    uint64_t position = self->position_floor != 0 ? self->position_floor : change->lsn;

    weir_record_header(batch, WEIR_STR("weir.position"),
                       (weir_str){text, print_u64(position, text)});
    weir_record_header(batch, WEIR_STR("weir.source"), weir_buf_str(&self->identity));
    if (change->restart)
        weir_record_header(batch, WEIR_STR("weir.restart"), WEIR_STR("true"));
    if (change->operation == 'r' || change->restart)
        return;
    weir_record_header(batch, WEIR_STR("weir.txid"),
                       (weir_str){text, print_u64((uint64_t)self->transaction_id, text)});
    weir_record_header(batch, WEIR_STR("weir.order"),
                       (weir_str){text, print_u64((uint64_t)change->order, text)});
}

static weir_code put_row(const relation *table, const pgoutput_tuple *row,
                         const pgoutput_tuple *fill, bool unsent, weir_batch *batch,
                         weir_error *err)
{
    weir_put_branch(batch, row != NULL);
    if (row != NULL)
        return relation_put_value(table, row, fill, unsent, batch, err);
    weir_put_null(batch);
    return WEIR_OK;
}

static weir_code put_envelope(event *self, const event_change *change, weir_batch *batch,
                              weir_error *err)
{
    const relation *table = change->relation;
    char operation = change->operation;

    weir_record_value(batch, table->envelope);
    /* a row of a snapshot has all of its values, and the constraints of its schema */
    if (put_row(table, change->old_row, NULL, false, batch, err) != WEIR_OK ||
        put_row(table, change->new_row, change->fill, operation != 'r', batch, err) != WEIR_OK)
        return err->code;
    weir_put_raw(batch, build_source(self, change));
    weir_put_branch(batch, 0); /* transaction */
    weir_put_null(batch);
    weir_put_text(batch, (weir_str){&operation, 1});
    weir_put_branch(batch, 1);
    weir_put_long(batch, self->now_us / 1000);
    weir_put_branch(batch, 1);
    weir_put_long(batch, self->now_us);
    weir_put_branch(batch, 1);
    weir_put_long(batch, self->now_us * 1000);
    return WEIR_OK;
}

/* What a change is written as: its records, one by one. */
typedef struct event_part {
    event_change change;
    const pgoutput_tuple *key_row;
    bool tombstone;
} event_part;

/* *full: the record did not fit. */
static weir_code put_record(event *self, const event_part *part, bool *full, weir_batch *batch,
                            weir_error *err)
{
    const relation *table = part->change.relation;
    weir_code code = WEIR_OK;

    *full = !weir_record_begin(batch, table->topic);
    if (*full)
        return WEIR_OK;
    put_headers(self, &part->change, batch);
    if (part->key_row != NULL && table->key_schema != NULL) {
        weir_record_key(batch, table->key_schema);
        code = relation_put_key(table, part->key_row, batch, err);
    }
    if (code == WEIR_OK && !part->tombstone)
        code = put_envelope(self, &part->change, batch, err);
    if (code != WEIR_OK) {
        weir_record_cancel(batch);
        return code;
    }
    if (weir_record_end(batch, err) == WEIR_OK)
        return WEIR_OK;
    const pgoutput_tuple *row =
        part->change.new_row != NULL ? part->change.new_row : part->change.old_row;
    weir_str column = row != NULL ? relation_largest(table, row) : (weir_str){0};
    return weir_wrap(err,
                     "a row of %.*s.%.*s, whose largest column is \"%.*s\" (it can be left out by "
                     "column.exclude.list)",
                     WEIR_ARG(table->schema), WEIR_ARG(table->name), WEIR_ARG(column));
}

static int split(const event *self, const event_change *change, event_part parts[3])
{
    const relation *table = change->relation;
    bool keyed = table->key_count > 0;
    bool key_changed = change->operation == 'u' && keyed && change->old_row != NULL &&
                       !relation_same_key(table, change->old_row, change->new_row);
    int count = 0;

    if (change->operation == 'd' || key_changed) {
        event_change removal = *change;

        removal.operation = 'd';
        removal.new_row = NULL;
        if (!settings_skips(self->settings, 'd') || key_changed) {
            parts[count++] = (event_part){.change = removal, .key_row = change->old_row};
            if (self->settings->tombstones_on_delete)
                parts[count++] =
                    (event_part){.change = removal, .key_row = change->old_row, .tombstone = true};
        }
    }
    if (key_changed) {
        event_change creation = *change;

        creation.operation = 'c';
        creation.old_row = NULL;
        parts[count++] = (event_part){.change = creation, .key_row = change->new_row};
    } else if (change->restart ||
               (change->operation != 'd' && !settings_skips(self->settings, change->operation))) {
        parts[count++] = (event_part){.change = *change, .key_row = change->new_row};
    }
    return count;
}

weir_code event_write(event *self, const event_change *change, int *step, weir_batch *batch,
                      weir_error *err)
{
    event_part parts[3];
    int count = split(self, change, parts);

    for (; *step < count; (*step)++) {
        const event_part *part = &parts[*step];
        bool full;
        weir_code code = put_record(self, part, &full, batch, err);

        if (code != WEIR_OK || full)
            return code;
    }
    *step = -1;
    return WEIR_OK;
}

weir_code event_heartbeat(event *self, const weir_schema *key, const weir_schema *value,
                          weir_batch *batch, bool *full, weir_error *err)
{
    weir_buf_clear(&self->topic);
    weir_buf_printf(&self->topic, "%.*s.%.*s", WEIR_ARG(self->settings->heartbeat_topics_prefix),
                    WEIR_ARG(self->settings->topic_prefix));
    *full = !weir_record_begin(batch, weir_buf_str(&self->topic));
    if (*full)
        return WEIR_OK;
    weir_record_key(batch, key);
    weir_put_text(batch, self->settings->topic_prefix);
    weir_record_value(batch, value);
    weir_put_long(batch, self->now_us / 1000);
    return weir_record_end(batch, err);
}
