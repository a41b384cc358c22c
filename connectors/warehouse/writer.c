/* writer.c - records become rows.
 *
 * The rows that wait for a table all have one layout. A record whose layout differs writes them first;
 * schemas of the same columns have equal layouts, so that this happens when a schema changes and not
 * for each record. A tombstone has a key and no other field: it takes the layout that is there.
 */
#include "writer.h"

#include "change.h"
#include "copy.h"
#include "encode.h"

#include <assert.h>

void writer_init(writer *self, dialect *to)
{
    *self = (writer){.dialect = to};
    routes_init(&self->routes, to);
}

void writer_done(writer *self)
{
    routes_done(&self->routes);
    weir_buf_done(&self->value_slots);
    weir_buf_done(&self->key_slots);
    weir_buf_done(&self->row);
    *self = (writer){.dialect = NULL};
}

/* The table's waiting rows have a layout that this route's rows can have, too. */
static weir_code take_layout(writer *self, const route *along, weir_error *err)
{
    const settings *config = self->dialect->settings;
    table *target = along->target;
    const layout *wanted = &along->layout;

    if (target->layout != NULL && target->layout != wanted) {
        bool is_delete = along->value_schema == NULL;

        if (is_delete && layout_begins_alike(target->layout, wanted, wanted->key_count))
            return WEIR_OK;
        if (layout_equal(target->layout, wanted))
            return WEIR_OK;
        if (self->dialect->ops->write(self->dialect, target, true, err) != WEIR_OK ||
            self->dialect->ops->settle(self->dialect, err) != WEIR_OK)
            return err->code;
    }
    if (target->layout != wanted) {
        target->layout = wanted;
        fold_reset(&target->rows, dialect_fold_key_count(config, wanted));
        target->write_at = dialect_is_direct(config, target, wanted) ? self->dialect->direct_bytes
                                                                     : (size_t)config->buffer_bytes;
    }
    return WEIR_OK;
}

static weir_slot *decode(weir_buf *slots, const weir_schema *schema, weir_str value,
                         weir_error *err)
{
    const weir_plan *plan = weir_schema_plan(schema);
    weir_slot *out;

    weir_buf_clear(slots);
    out = (weir_slot *)(void *)weir_buf_reserve(slots,
                                                weir_plan_column_count(plan) * sizeof(weir_slot));
    return weir_plan_decode(plan, value, out, err) == WEIR_OK ? out : NULL;
}

static weir_slot *decode_value(writer *self, const weir_record *record, weir_error *err)
{
    size_t count = weir_plan_column_count(weir_schema_plan(record->value_schema));
    weir_slot *out;

    weir_buf_clear(&self->value_slots);
    out = (weir_slot *)(void *)weir_buf_reserve(&self->value_slots, count * sizeof(weir_slot));
    return weir_record_decode(record, out, err) == WEIR_OK ? out : NULL;
}

static bool needs_key(const route *along)
{
    return along->layout.key_count > 0 && along->fields[0].origin == FROM_KEY;
}

static weir_slot place_slot(const route_field *field, const weir_record *record)
{
    weir_slot slot = {.kind = WEIR_SLOT_INTEGER};

    if (field->origin == FROM_TOPIC) {
        slot.kind = WEIR_SLOT_BYTES;
        slot.bytes = record->log_topic;
    } else {
        slot.integer = field->origin == FROM_PARTITION ? record->log_partition : record->log_offset;
    }
    return slot;
}

/* keeps: the row may be there already, and what was not sent stays as it is. */
static weir_code add_field(const route_field *field, const weir_slot *slot, bool keeps,
                           weir_buf *out, weir_error *err)
{
    if (field->is_key && (slot->kind == WEIR_SLOT_NULL || slot->kind == WEIR_SLOT_UNSENT))
        return weir_fail(err, WEIR_REJECT, "field \"%.*s\" of the key is NULL",
                         WEIR_ARG(field->name));
    if (slot->kind == WEIR_SLOT_UNSENT && !keeps) {
        copy_marker(out, COPY_NULL);
        return WEIR_OK;
    }
    if (encode_field(&field->source, field->type, slot, out, err) != WEIR_OK)
        return weir_wrap(err, "field \"%.*s\"", WEIR_ARG(field->name));
    return WEIR_OK;
}

/* Appends the record's row to those that wait. */
static weir_code encode(writer *self, const route *along, const weir_record *record,
                        weir_error *err)
{
    table *target = along->target;
    weir_buf *out = fold_buffer(&target->rows);
    const weir_slot *keys = NULL;
    const weir_slot *values = NULL;
    size_t start = out->len;
    bool keeps = self->dialect->settings->insert_mode.index != INSERT_MODE_INSERT;

    if (needs_key(along)) {
        keys = decode(&self->key_slots, record->key_schema, record->key, err);
        if (keys == NULL)
            return weir_wrap(err, "key");
    }
    if (along->value_schema != NULL) {
        values = self->event_slots != NULL ? self->event_slots : decode_value(self, record, err);
        if (values == NULL)
            return weir_wrap(err, "value");
    }
    copy_row(out, target->layout->count);
    for (size_t i = 0; i < along->layout.count; i++) {
        const route_field *field = &along->fields[i];
        weir_slot place;
        const weir_slot *slot = field->origin == FROM_KEY     ? &keys[field->slot]
                                : field->origin == FROM_VALUE ? &values[field->slot]
                                                              : &place;

        assert(field->origin != FROM_KEY || keys != NULL);
        assert(field->origin != FROM_VALUE || values != NULL);
        if (slot == &place)
            place = place_slot(field, record);
        if (add_field(field, slot, keeps, out, err) != WEIR_OK) {
            out->len = start;
            return err->code;
        }
    }
    for (size_t i = along->layout.count; i < target->layout->count; i++)
        copy_marker(out, COPY_NULL); /* of a delete only the key counts */
    return WEIR_OK;
}

/* Folds the row in; one that can't be is added again behind the rows in its way. */
static weir_code fold_in(writer *self, table *target, size_t start, fold_kind kind, bool *own,
                         weir_error *err)
{
    weir_buf *rows = fold_buffer(&target->rows);
    fold_result result = fold_add(&target->rows, start, kind);

    if (result == FOLD_ADDED)
        return WEIR_OK;
    if (result == FOLD_ORPHAN) {
        rows->len = start;
        return weir_fail(err, WEIR_REJECT,
                         "a change without all columns (unchanged TOAST) is for a row that was "
                         "deleted before");
    }
    weir_buf_clear(&self->row);
    weir_buf_add(&self->row, rows->ptr + start, rows->len - start);
    rows->len = start;
    *own = false;
    if (self->dialect->ops->write(self->dialect, target, true, err) != WEIR_OK)
        return err->code;
    assert(rows->len == 0);
    weir_buf_add_str(rows, weir_buf_str(&self->row));
    result = fold_add(&target->rows, 0, kind);
    assert(result == FOLD_ADDED);
    return WEIR_OK;
}

static weir_code check_record(const writer *self, const weir_record *record, weir_error *err)
{
    if (record->value.ptr == NULL && !self->dialect->settings->delete_enabled)
        return weir_fail(
            err, WEIR_REJECT,
            "the record is a tombstone, and delete.enabled is false; filter tombstones "
            "out, or set delete.enabled=true and pk.mode=record_key");
    if (record->value.ptr != NULL && record->value_schema == NULL)
        return weir_fail(
            err, WEIR_REJECT,
            "the value has no schema: use a converter with schemas (avro, or json with "
            "schemas.enable)");
    return WEIR_OK;
}

/* The record's route, NULL on error. Before a new one looks at the destination, what is still on its way
 * there is waited for: that may be refused, and is not this record's fault. */
static const route *find_route(writer *self, const weir_record *record, bool *is_own_fault,
                               weir_error *err)
{
    if (self->last != NULL && route_fits(self->last, record))
        return self->last;
    self->last = routes_known(&self->routes, record);
    if (self->last != NULL)
        return self->last;
    *is_own_fault = false;
    if (self->dialect->ops->settle(self->dialect, err) != WEIR_OK)
        return NULL;
    *is_own_fault = true;
    return self->last = routes_find(&self->routes, record, err);
}

/* Adds a row, or, without a value, the delete of its key. */
static weir_code add_row(writer *self, const weir_record *record, bool *is_own_fault,
                         weir_error *err)
{
    fold_kind kind = FOLD_UPSERT;

    *is_own_fault = true;
    if (check_record(self, record, err) != WEIR_OK)
        return err->code;
    const route *along = find_route(self, record, is_own_fault, err);

    if (along == NULL)
        return err->code;
    table *target = along->target;

    if (!target->exists) { /* a delete from a table that is not there yet */
        assert(record->value.ptr == NULL);
        return WEIR_OK;
    }
    *is_own_fault = false;
    if (target->layout != &along->layout && take_layout(self, along, err) != WEIR_OK)
        return err->code;
    *is_own_fault = true;

    size_t start = fold_buffer(&target->rows)->len;

    if (encode(self, along, record, err) != WEIR_OK)
        return err->code;
    if (along->value_schema == NULL)
        kind = FOLD_DELETE;
    else if (self->dialect->settings->insert_mode.index == INSERT_MODE_INSERT)
        kind = FOLD_INSERT;
    if (fold_in(self, target, start, kind, is_own_fault, err) != WEIR_OK)
        return err->code;
    *is_own_fault = false;
    if (fold_bytes(&target->rows) >= target->write_at)
        return self->dialect->ops->write(self->dialect, target, false, err);
    return WEIR_OK;
}

static weir_code add_delete(writer *self, const weir_record *record, bool *is_own_fault,
                            weir_error *err)
{
    const settings *config = self->dialect->settings;

    *is_own_fault = false;
    if (!config->delete_enabled && config->passes_deletes)
        return WEIR_OK;
    return add_row(self, record, is_own_fault, err);
}

/* Writes all that waits, and waits for every answer. */
static weir_code write_all(writer *self, weir_error *err)
{
    size_t at = 0;
    void *value;

    while (weir_map_next(self->routes.tables, &at, NULL, &value)) {
        table *target = value;

        if (target->rows.row_count > 0 &&
            self->dialect->ops->write(self->dialect, target, true, err) != WEIR_OK)
            return err->code;
    }
    return self->dialect->ops->settle(self->dialect, err);
}

/* Removes all rows of the topic's table, behind what waits. */
static weir_code empty(writer *self, weir_str topic, weir_error *err)
{
    if (write_all(self, err) != WEIR_OK)
        return err->code;
    table *target = routes_table(&self->routes, topic, err);
    weir_buf sql = {0};

    if (target == NULL)
        return err->code;
    if (!target->exists)
        return WEIR_OK;
    weir_buf_printf(&sql, "DELETE FROM %.*s", WEIR_ARG(target->sql_name));
    weir_code code = self->dialect->ops->query(self->dialect, weir_buf_cstr(&sql), NULL, NULL, err);
    weir_buf_done(&sql);
    return code;
}

/* The shape of the record's value; most records are like the one before. */
static const change_shape *shape_of(writer *self, const weir_schema *schema)
{
    if (self->shape_schema != schema)
        self->shape = change_shape_of(schema);
    self->shape_schema = schema;
    return &self->shape;
}

static weir_code add_event(writer *self, const weir_record *record, bool *is_own_fault,
                           weir_error *err)
{
    weir_record as_delete = *record;
    change_kind kind;
    weir_code code;

    *is_own_fault = true;
    self->event_slots = decode_value(self, record, err);
    if (self->event_slots == NULL)
        return weir_wrap(err, "value");
    code = change_read(&self->shape, self->event_slots, &kind, err);
    if (code == WEIR_OK && kind == CHANGE_ROW)
        code = add_row(self, record, is_own_fault, err);
    self->event_slots = NULL;
    if (code != WEIR_OK || kind == CHANGE_ROW)
        return code;
    if (kind == CHANGE_DELETE) {
        as_delete.value = (weir_str){0};
        return add_delete(self, &as_delete, is_own_fault, err);
    }
    *is_own_fault = false;
    return self->dialect->settings->truncate_enabled ? empty(self, record->topic, err) : WEIR_OK;
}

weir_code writer_add(writer *self, const weir_record *record, bool *is_own_fault, weir_error *err)
{
    if (record->value.ptr == NULL)
        return add_delete(self, record, is_own_fault, err);
    if (record->value_schema != NULL && shape_of(self, record->value_schema)->is_event)
        return add_event(self, record, is_own_fault, err);
    return add_row(self, record, is_own_fault, err);
}

weir_code writer_empty(writer *self, weir_str topic, weir_error *err)
{
    if (self->dialect->settings->truncate_enabled)
        return empty(self, topic, err);
    return weir_fail(err, WEIR_CONFIG,
                     "the table of topic %.*s has no key, and its rows are read again after a "
                     "crash: set truncate.enabled=true, so that the sink removes the rows that "
                     "it has already",
                     WEIR_ARG(topic));
}

weir_code writer_finish(writer *self, weir_error *err)
{
    return write_all(self, err);
}

void writer_reset(writer *self, bool rolled_back)
{
    size_t at = 0;
    void *value;

    while (weir_map_next(self->routes.tables, &at, NULL, &value)) {
        table *target = value;

        target->stage_used = false;
        if (!rolled_back)
            continue;
        target->known = false;
        target->staged = NULL;
        fold_reset(&target->rows, target->rows.key_count);
    }
}
