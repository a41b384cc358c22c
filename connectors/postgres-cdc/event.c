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
    weir_buf_done(&self->scope.head);
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

/* ["22798176","22798296"] is the last commit's position (or null) and this change's. */
static size_t print_sequence(uint64_t last_commit_lsn, char out[32])
{
    char *at = out;

    *at++ = '[';
    if (last_commit_lsn != 0) {
        *at++ = '"';
        at += print_u64(last_commit_lsn, at);
        *at++ = '"';
    } else {
        at = (char *)copy((uint8_t *)at, "null", 4);
    }
    return (size_t)((char *)copy((uint8_t *)at, ",\"", 2) - out);
}

static uint8_t *put_optional_long(uint8_t *at, int64_t value)
{
    *at++ = 2; /* the second branch */
    return weir_put_varint(at, value);
}

static void encode_scope(event *self)
{
    event_scope *scope = &self->scope;
    weir_str snapshot = weir_cstr(self->snapshot);
    uint8_t time[10], *end;

    scope->snapshot = self->snapshot;
    scope->commit_us = self->commit_us;
    scope->transaction_id = self->transaction_id;
    scope->last_commit_lsn = self->last_commit_lsn;
    weir_buf_clear(&scope->head);
    weir_buf_add_str(&scope->head, weir_buf_str(&self->head));
    end = weir_put_varint(time, self->commit_us / 1000);
    weir_buf_add(&scope->head, time, (size_t)(end - time));
    weir_buf_add_byte(&scope->head, 0); /* snapshot: the first branch */
    add_text(&scope->head, snapshot);
    weir_buf_add_str(&scope->head, weir_buf_str(&self->database));
    weir_buf_add_byte(&scope->head, 2); /* sequence: the second branch */
    scope->sequence_len = print_sequence(self->last_commit_lsn, scope->sequence);
    end = put_optional_long(scope->times, self->commit_us);
    end = put_optional_long(end, self->commit_us * 1000);
    scope->times_len = (size_t)(end - scope->times);
    scope->id[0] = 0;
    end = self->transaction_id >= 0 ? put_optional_long(scope->id, self->transaction_id)
                                    : scope->id + 1;
    scope->id_len = (size_t)(end - scope->id);
    scope->id_text_len = print_u64((uint64_t)self->transaction_id, scope->id_text);
}

static const event_scope *scope_of(event *self)
{
    const event_scope *scope = &self->scope;

    if (scope->snapshot != self->snapshot || scope->commit_us != self->commit_us ||
        scope->transaction_id != self->transaction_id ||
        scope->last_commit_lsn != self->last_commit_lsn)
        encode_scope(self);
    return scope;
}

/* The block as one encoded value; valid until the next call. lsn: the change's, as text, too. */
static weir_str build_source(event *self, const event_change *change, weir_str lsn)
{
    const event_scope *scope = scope_of(self);
    weir_str name = change->relation->encoded_name;
    size_t room = scope->head.len + scope->sequence_len + name.len + 128;
    uint8_t *start, *at;

    weir_buf_clear(&self->source);
    start = (uint8_t *)weir_buf_reserve(&self->source, room);
    at = copy(start, scope->head.ptr, scope->head.len);
    at = weir_put_varint(at, (int64_t)(scope->sequence_len + lsn.len + 2));
    at = copy(at, scope->sequence, scope->sequence_len);
    at = copy(copy(at, lsn.ptr, lsn.len), "\"]", 2);
    at = copy(at, scope->times, scope->times_len);
    at = copy(at, name.ptr, name.len);
    at = copy(at, scope->id, scope->id_len);
    at = put_optional_long(at, (int64_t)change->lsn);
    *at++ = 0; /* xmin */
    self->source.len = (size_t)(at - start);
    assert(self->source.len <= room);
    return weir_buf_str(&self->source);
}

/* --- Records -------------------------------------------------------------------------------- */

static void put_headers(event *self, const event_change *change, weir_str lsn, weir_batch *batch)
{
    const event_scope *scope = scope_of(self);
    char text[20];

    if (self->position_floor != 0)
        lsn = (weir_str){text, print_u64(self->position_floor, text)};
    weir_record_header(batch, WEIR_STR("weir.position"), lsn);
    weir_record_header(batch, WEIR_STR("weir.source"), weir_buf_str(&self->identity));
    if (change->restart)
        weir_record_header(batch, WEIR_STR("weir.restart"), WEIR_STR("true"));
    if (change->operation == 'r' || change->restart)
        return;
    weir_record_header(batch, WEIR_STR("weir.txid"),
                       (weir_str){scope->id_text, scope->id_text_len});
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

static weir_code put_envelope(event *self, const event_change *change, weir_str lsn,
                              weir_batch *batch, weir_error *err)
{
    const relation *table = change->relation;
    char operation = change->operation;

    weir_record_value(batch, table->envelope);
    /* a row of a snapshot has all of its values, and the constraints of its schema */
    if (put_row(table, change->old_row, NULL, false, batch, err) != WEIR_OK ||
        put_row(table, change->new_row, change->fill, operation != 'r', batch, err) != WEIR_OK)
        return err->code;
    weir_put_raw(batch, build_source(self, change, lsn));
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
    char text[20];
    weir_str lsn;
    weir_code code = WEIR_OK;

    *full = !weir_record_begin(batch, table->topic);
    if (*full)
        return WEIR_OK;
    lsn = (weir_str){text, print_u64(part->change.lsn, text)};
    put_headers(self, &part->change, lsn, batch);
    if (part->key_row != NULL && table->key_schema != NULL) {
        weir_record_key(batch, table->key_schema);
        code = relation_put_key(table, part->key_row, batch, err);
    }
    if (code == WEIR_OK && !part->tombstone)
        code = put_envelope(self, &part->change, lsn, batch, err);
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
    weir_buf_printf(&self->topic, "%.*s%.*s%.*s", WEIR_ARG(self->settings->heartbeat_topics_prefix),
                    WEIR_ARG(self->settings->topic_delimiter),
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
