/* transform_unwrap.c - a change event becomes the row after it: Debezium's ExtractNewRecordState.
 *
 * Without added or dropped fields the row is a slice of the event's bytes and nothing is copied. Values that
 * are no change events (no record with `op` and `after`) pass as they are. Truncations and messages have no
 * row and are taken out. Source: Debezium 3.3.1, "New Record State Extraction".
 */
#include "runtime/base/mem.h"
#include "runtime/connect/transform.h"
#include "runtime/connect/unwrap_shape.h"
#include "runtime/connect/varint.h"

#include <stdlib.h>
#include <string.h>

/* tombstone and delete-to-tombstone do the same: the event of a deletion becomes a tombstone, and one that
 * came behind it is taken out, so that there is one tombstone whatever tombstones.on.delete says. */
enum mode {
    MODE_DROP,
    MODE_TOMBSTONE,
    MODE_REWRITE,
    MODE_REWRITE_WITH_TOMBSTONE,
    MODE_DELETE_TO_TOMBSTONE,
};

typedef struct unwrap {
    weir_choice mode;
    weir_list add_fields, add_headers;
    weir_str add_fields_prefix, add_headers_prefix;
    weir_str route_by_field;
    weir_str drop_fields_header;
    bool drop_fields_from_key, drop_fields_compatible;
    unwrap_shapes shapes;
    weir_slot *slots;
    size_t slot_count;
    weir_buf names;   /* of the references */
    weir_buf bytes;   /* a value or key while it is made */
    weir_buf headers; /* the record's, with those that are added */
    uint32_t header_count;
} unwrap;

static const char *const modes[] = {
    "drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone", NULL,
};

#define REPLACED "since Debezium 3.0 it is delete.tombstone.handling.mode"

static const weir_field fields[] = {
    WEIR_FIELD(
        unwrap, mode, .name = "delete.tombstone.handling.mode", .fallback = "tombstone",
        .choices = modes, .importance = WEIR_MEDIUM,
        .doc = "What becomes of deletions. tombstone, delete-to-tombstone: one tombstone is left. "
               "drop: nothing is left. rewrite: the row before it with __deleted = \"true\", and "
               "rewrite-with-tombstone: a tombstone behind it; other rows get \"false\"."),
    WEIR_FIELD(unwrap, add_fields, .name = "add.fields", .fallback = "", .importance = WEIR_LOW,
               .doc = "Fields of the event that are added to the row: op, lsn, source.ts_ms; a new "
                      "name may follow, as in source.ts_ms:changed_at."),
    WEIR_FIELD(unwrap, add_fields_prefix, .name = "add.fields.prefix", .fallback = "__",
               .importance = WEIR_LOW, .doc = "Stands before the names of added fields."),
    WEIR_FIELD(unwrap, add_headers, .name = "add.headers", .fallback = "", .importance = WEIR_LOW,
               .doc = "Fields of the event that are added as headers, written as for add.fields."),
    WEIR_FIELD(unwrap, add_headers_prefix, .name = "add.headers.prefix", .fallback = "__",
               .importance = WEIR_LOW, .doc = "Stands before the names of added headers."),
    WEIR_FIELD(unwrap, route_by_field, .name = "route.by.field", .fallback = "",
               .importance = WEIR_LOW, .doc = "A text field of the row whose value is the topic."),
    WEIR_FIELD(unwrap, drop_fields_header, .name = "drop.fields.header.name", .fallback = "",
               .importance = WEIR_LOW,
               .doc =
                   "A header with a JSON array of names: these fields are taken out of the row."),
    WEIR_FIELD(unwrap, drop_fields_from_key, .name = "drop.fields.from.key", .fallback = "false",
               .importance = WEIR_LOW, .doc = "Takes these fields out of the key, too."),
    WEIR_FIELD(unwrap, drop_fields_compatible, .name = "drop.fields.keep.schema.compatible",
               .fallback = "true", .importance = WEIR_LOW,
               .doc = "Only fields that may be null are taken out."),
    WEIR_FIELD_UNBOUND(.name = "drop.tombstones", .doc = "Use delete.tombstone.handling.mode.",
                       .unsupported = REPLACED),
    WEIR_FIELD_UNBOUND(.name = "delete.handling.mode", .doc = "Use delete.tombstone.handling.mode.",
                       .unsupported = REPLACED),
    WEIR_FIELD_UNBOUND(.name = "replace.null.with.default",
                       .ignored = "only the json and avro converters write defaults for nulls",
                       .doc = "Only the json and avro converters write defaults for nulls."),
};

static bool rewrites(const unwrap *self)
{
    return self->mode.index == MODE_REWRITE || self->mode.index == MODE_REWRITE_WITH_TOMBSTONE;
}

static weir_code unwrap_open(void *state, weir_error *err)
{
    unwrap *self = state;
    size_t room = 0;

    for (size_t i = 0; i < self->add_fields.count; i++)
        room += self->add_fields_prefix.len + self->add_fields.items[i].len + 2;
    for (size_t i = 0; i < self->add_headers.count; i++)
        room += self->add_headers_prefix.len + self->add_headers.items[i].len + 2;
    weir_buf_reserve(&self->names, room);
    self->shapes.marks_deleted = rewrites(self);
    self->shapes.drops_required = !self->drop_fields_compatible;
    if (unwrap_references_parse(self->add_fields.items, self->add_fields.count,
                                self->add_fields_prefix, &self->names, &self->shapes.fields,
                                err) != WEIR_OK)
        return err->code;
    return unwrap_references_parse(self->add_headers.items, self->add_headers.count,
                                   self->add_headers_prefix, &self->names, &self->shapes.headers,
                                   err);
}

static void unwrap_close(void *state)
{
    unwrap *self = state;

    unwrap_shapes_done(&self->shapes);
    weir_buf_done(&self->names);
    weir_buf_done(&self->bytes);
    weir_buf_done(&self->headers);
    free(self->slots);
}

/* --- Headers ---------------------------------------------------------------------------------- */

/* The names to take out, as the record's header gives them; ptr NULL: none. */
static weir_str names_to_drop(const unwrap *self, const weir_batch *batch, const batch_entry *entry)
{
    weir_header header = {0};

    if (self->drop_fields_header.len > 0)
        batch_header_find(batch, entry, self->drop_fields_header, &header);
    return header.value;
}

static void begin_headers(unwrap *self, const weir_batch *batch, const batch_entry *entry)
{
    weir_buf_clear(&self->headers);
    if (entry->header_count > 0)
        weir_buf_add_str(&self->headers, batch_bytes_of(batch, entry->headers));
    self->header_count = entry->header_count;
}

/* ptr NULL: a header without a value. */
static void put_header(unwrap *self, weir_str name, weir_str value)
{
    put_varint(&self->headers, (int64_t)name.len);
    weir_buf_add_str(&self->headers, name);
    put_varint(&self->headers, value.ptr != NULL ? (int64_t)value.len : -1);
    weir_buf_add_str(&self->headers, value);
    self->header_count++;
}

/* The slots go stale here: the batch may grow. */
static weir_code end_headers(const unwrap *self, weir_batch *batch, batch_entry *entry,
                             weir_error *err)
{
    if (self->header_count == entry->header_count)
        return WEIR_OK;
    if (batch_append(batch, weir_buf_str(&self->headers), &entry->headers, err) != WEIR_OK)
        return err->code;
    entry->header_count = self->header_count;
    return WEIR_OK;
}

/* A tombstone tells only its operation. */
static weir_code add_tombstone_headers(unwrap *self, weir_batch *batch, batch_entry *entry,
                                       weir_error *err)
{
    const unwrap_references *wanted = &self->shapes.headers;

    begin_headers(self, batch, entry);
    for (size_t i = 0; i < wanted->count; i++)
        if (weir_str_eq(wanted->items[i].field, WEIR_STR("op")))
            put_header(self, wanted->items[i].name, WEIR_STR("d"));
    return end_headers(self, batch, entry, err);
}

static weir_code add_headers(unwrap *self, const unwrap_shape *shape, weir_error *err)
{
    const unwrap_references *wanted = &self->shapes.headers;
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    weir_str none = {0};

    for (size_t i = 0; i < wanted->count; i++) {
        int column = shape->headers[i];
        bool is_null;

        if (column < 0)
            continue;
        weir_buf_clear(&text);
        weir_buf_reserve(&text, 1); /* an empty text is a value, too */
        if (unwrap_put_text(weir_plan_column(shape->plan, (size_t)column), &self->slots[column],
                            &text, &is_null, err) != WEIR_OK)
            return err->code;
        put_header(self, wanted->items[i].name, is_null ? none : weir_buf_str(&text));
    }
    return WEIR_OK;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static weir_code route(const unwrap *self, const unwrap_shape *shape, int row, weir_batch *batch,
                       batch_entry *entry, weir_error *err)
{
    const weir_schema *schema = weir_plan_column(shape->plan, (size_t)row)->schema;
    int column = weir_plan_find(weir_schema_plan(schema), self->route_by_field);
    const weir_slot *slot = column >= 0 ? &self->slots[row + 1 + column] : NULL;

    if (slot == NULL || (slot->kind != WEIR_SLOT_NULL && slot->kind != WEIR_SLOT_BYTES))
        return weir_fail(err, WEIR_REJECT, "route.by.field: \"%.*s\" is no text field of the row",
                         WEIR_ARG(self->route_by_field));
    if (slot->kind == WEIR_SLOT_BYTES && slot->bytes.len > 0)
        entry->topic = batch_topic(batch, slot->bytes);
    return WEIR_OK;
}

/* The bits of the row's columns move to where they are in the layout's plan: columns of dropped fields are
 * gone, those that are added stand behind. */
static weir_code move_unsent(weir_batch *batch, batch_entry *entry, const unwrap_shape *shape,
                             int row, const unwrap_layout *layout, weir_error *err)
{
    size_t first = (size_t)row + 1, end = (size_t)weir_plan_column(shape->plan, (size_t)row)->next;
    batch_span from = {entry->unsent, entry->unsent_words * 8};
    bool any = false, is_dropped = false;
    const uint64_t *bits;
    uint64_t *moved;
    size_t to = 0;

    if (entry->unsent == BATCH_NULL)
        return WEIR_OK;
    if (batch_add_unsent(batch, entry, layout != NULL ? layout->column_count : end - first, &moved,
                         err) != WEIR_OK)
        return err->code;
    bits = (const uint64_t *)(const void *)batch_bytes_of(batch, from).ptr;
    for (size_t column = first; column < end; column++) {
        const weir_column *info = weir_plan_column(shape->plan, column);

        if (info->parent == row)
            is_dropped =
                layout != NULL && layout->dropped != NULL && layout->dropped[info->field_index];
        if (is_dropped)
            continue;
        if (column / 64 < from.len / 8 && (bits[column / 64] >> column % 64 & 1) != 0) {
            moved[to / 64] |= (uint64_t)1 << to % 64;
            any = true;
        }
        to++;
    }
    if (!any)
        entry->unsent = BATCH_NULL;
    return WEIR_OK;
}

static void add_fields(const unwrap *self, const unwrap_shape *shape, bool is_deletion,
                       weir_buf *out)
{
    if (self->shapes.marks_deleted) {
        weir_str mark = is_deletion ? WEIR_STR("true") : WEIR_STR("false");

        put_varint(out, 1); /* the branch that is no null */
        put_varint(out, (int64_t)mark.len);
        weir_buf_add_str(out, mark);
    }
    for (size_t i = 0; i < self->shapes.fields.count; i++) {
        int column = shape->fields[i];

        if (column >= 0)
            unwrap_put_optional(weir_plan_column(shape->plan, (size_t)column), &self->slots[column],
                                out);
    }
}

static weir_code take_row(unwrap *self, const unwrap_shape *shape, int row, weir_batch *batch,
                          batch_entry *entry, weir_error *err)
{
    const weir_schema *schema = weir_plan_column(shape->plan, (size_t)row)->schema;
    const weir_slot *slot = &self->slots[row];
    const unwrap_layout *layout = NULL;
    weir_str dropped = names_to_drop(self, batch, entry);

    if (dropped.ptr == NULL && !self->shapes.marks_deleted && self->shapes.fields.count == 0) {
        weir_str value = batch_bytes_of(batch, entry->value);

        entry->value.at += (uint32_t)(slot->bytes.ptr - value.ptr);
        entry->value.len = (uint32_t)slot->bytes.len;
        entry->value_schema = batch_schema(batch, schema);
    } else {
        if (unwrap_layout_of(&self->shapes, shape, schema, dropped, &layout, err) != WEIR_OK)
            return err->code;
        weir_buf_clear(&self->bytes);
        unwrap_copy_row(layout, schema, slot + 1, slot->bytes, &self->bytes);
        add_fields(self, shape, row != shape->after, &self->bytes);
        if (batch_append(batch, weir_buf_str(&self->bytes), &entry->value, err) != WEIR_OK)
            return err->code;
        entry->value_schema = batch_schema(batch, layout->schema);
    }
    return move_unsent(batch, entry, shape, row, layout, err);
}

static void reserve_slots(unwrap *self, const weir_plan *plan)
{
    size_t columns = weir_plan_column_count(plan);

    if (columns <= self->slot_count)
        return;
    self->slots = mem_realloc(self->slots, columns * sizeof(*self->slots));
    self->slot_count = columns;
}

/* Takes dropped fields out of the key; the slots are those of the key from here on. */
static weir_code shorten_key(unwrap *self, weir_batch *batch, batch_entry *entry, weir_error *err)
{
    const weir_schema *schema = batch_schema_at(batch, entry->key_schema);
    weir_str dropped = names_to_drop(self, batch, entry);
    const unwrap_layout *layout;
    weir_str key;

    if (dropped.ptr == NULL || schema == NULL || weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return WEIR_OK;
    if (unwrap_layout_of(&self->shapes, NULL, schema, dropped, &layout, err) != WEIR_OK)
        return err->code;
    key = batch_bytes_of(batch, entry->key);
    reserve_slots(self, weir_schema_plan(schema));
    if (weir_plan_decode(weir_schema_plan(schema), key, self->slots, err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&self->bytes);
    unwrap_copy_row(layout, schema, self->slots, key, &self->bytes);
    if (batch_append(batch, weir_buf_str(&self->bytes), &entry->key, err) != WEIR_OK)
        return err->code;
    entry->key_schema = batch_schema(batch, layout->schema);
    return WEIR_OK;
}

static void make_tombstone(batch_entry *entry)
{
    entry->value = (batch_span){0, BATCH_NULL};
    entry->value_schema = BATCH_NULL;
    entry->unsent = BATCH_NULL;
}

/* Which row the event leaves; -1: none. */
static int row_of(const unwrap *self, const unwrap_shape *shape)
{
    if (self->slots[shape->after].kind == WEIR_SLOT_NESTED)
        return shape->after;
    return shape->before >= 0 && self->slots[shape->before].kind == WEIR_SLOT_NESTED ? shape->before
                                                                                     : -1;
}

/* True when the event leaves neither a row nor a tombstone. */
static bool leaves_nothing(const unwrap *self, bool is_deletion, int row)
{
    if (is_deletion)
        return self->mode.index == MODE_DROP || (row < 0 && rewrites(self));
    return row < 0;
}

/* The truncate that a snapshot begins again with has to reach the sink, which kept rows that are read once
 * more: it goes on without key and value. */
static bool is_restart(const weir_batch *batch, const batch_entry *entry)
{
    weir_header header;

    return batch_header_find(batch, entry, WEIR_STR("weir.restart"), &header);
}

static weir_code apply_event(unwrap *self, const unwrap_shape *shape, weir_batch *batch,
                             batch_entry *entry, weir_error *err)
{
    bool is_deletion = weir_str_eq(self->slots[shape->op].bytes, WEIR_STR("d"));
    int row = row_of(self, shape);

    if (row < 0 && is_restart(batch, entry)) {
        make_tombstone(entry);
        return WEIR_OK;
    }
    begin_headers(self, batch, entry);
    if (add_headers(self, shape, err) != WEIR_OK)
        return err->code;
    if (leaves_nothing(self, is_deletion, row)) {
        entry->dropped = true;
        return WEIR_OK;
    }
    if (self->route_by_field.len > 0 && row >= 0 &&
        route(self, shape, row, batch, entry, err) != WEIR_OK)
        return err->code;
    if (row != shape->after && !rewrites(self))
        make_tombstone(entry);
    else if (take_row(self, shape, row, batch, entry, err) != WEIR_OK)
        return err->code;
    if (self->drop_fields_from_key && shorten_key(self, batch, entry, err) != WEIR_OK)
        return err->code;
    return end_headers(self, batch, entry, err);
}

static weir_code unwrap_apply(void *state, weir_batch *batch, batch_entry *entry, weir_error *err)
{
    unwrap *self = state;
    const weir_schema *schema = batch_schema_at(batch, entry->value_schema);
    const unwrap_shape *shape;

    if (entry->value.len == BATCH_NULL) {
        entry->dropped = self->mode.index != MODE_REWRITE_WITH_TOMBSTONE;
        return entry->dropped ? WEIR_OK : add_tombstone_headers(self, batch, entry, err);
    }
    if (schema == NULL || weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return WEIR_OK;
    shape = unwrap_shape_of(&self->shapes, schema);
    if (shape->op < 0)
        return WEIR_OK;
    reserve_slots(self, shape->plan);
    if (weir_plan_decode(shape->plan, batch_bytes_of(batch, entry->value), self->slots, err) !=
        WEIR_OK)
        return err->code;
    return apply_event(self, shape, batch, entry, err);
}

const transform_type transform_unwrap = {
    .name = "unwrap",
    .java_class = "io.debezium.transforms.ExtractNewRecordState",
    .summary = "Makes the row of a change event.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(unwrap),
    .open = unwrap_open,
    .apply = unwrap_apply,
    .close = unwrap_close,
};
