/* transform_unwrap.c - a change event becomes the row after it: Debezium's ExtractNewRecordState.
 *
 * The row is a slice of the event's bytes, so nothing is copied. Values that are no change events (no record
 * with `op` and `after`) pass as they are. Source: Debezium 3.3, "New Record State Extraction".
 */
#include "runtime/connect/transform.h"

#include <string.h>

enum { COLUMNS_MAX = 4096, CACHE_SLOTS = 16 };
enum tombstone_mode { MODE_DROP, MODE_TOMBSTONE, MODE_DELETE_TO_TOMBSTONE };

/* Where things are in one schema of envelopes. */
typedef struct envelope {
    const weir_schema *schema; /* NULL: empty */
    int op, after, first,
        end; /* columns; op < 0: no envelope. The row's own columns: [first, end) */
    const weir_schema *row;
} envelope;

typedef struct unwrap {
    weir_choice mode;
    envelope cache[CACHE_SLOTS];
    weir_slot slots[COLUMNS_MAX];
} unwrap;

static const char *const modes[] = {"drop", "tombstone", "delete-to-tombstone", NULL};

#define NOT_YET "it is not there yet"

static const weir_field fields[] = {
    WEIR_FIELD(unwrap, mode, .name = "delete.tombstone.handling.mode", .fallback = "tombstone",
               .choices = modes,
               .doc =
                   "What becomes of deletions. tombstone: delete events are dropped and tombstones "
                   "kept. delete-to-tombstone: delete events become tombstones and the tombstones "
                   "behind them are dropped. drop: both are dropped."),
    WEIR_FIELD_UNBOUND(.name = "drop.tombstones", .doc = "Use delete.tombstone.handling.mode.",
                       .unsupported = "use delete.tombstone.handling.mode"),
    WEIR_FIELD_UNBOUND(.name = "delete.handling.mode", .doc = "Use delete.tombstone.handling.mode.",
                       .unsupported = "use delete.tombstone.handling.mode"),
    WEIR_FIELD_UNBOUND(.name = "add.fields", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "add.fields.prefix", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "add.headers", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "add.headers.prefix", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "route.by.field", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "drop.fields.header.name", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "drop.fields.from.key", .unsupported = NOT_YET, .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "drop.fields.keep.schema.compatible", .unsupported = NOT_YET,
                       .doc = NOT_YET),
    WEIR_FIELD_UNBOUND(.name = "replace.null.with.default",
                       .ignored = "only the json and avro converters write defaults for nulls",
                       .doc = "Only the json and avro converters write defaults for nulls."),
};

static const envelope *find_envelope(unwrap *self, const weir_schema *schema)
{
    envelope *found = &self->cache[((uintptr_t)schema >> 4) % CACHE_SLOTS];
    const weir_plan *plan;

    if (found->schema == schema)
        return found;
    plan = weir_schema_plan(schema);
    *found = (envelope){.schema = schema, .op = weir_plan_find(plan, WEIR_STR("op"))};
    found->after = weir_plan_find(plan, WEIR_STR("after"));
    if (found->op < 0 || found->after < 0 || weir_plan_column_count(plan) > COLUMNS_MAX ||
        weir_schema_type(weir_plan_column(plan, (size_t)found->after)->schema) !=
            WEIR_TYPE_RECORD) {
        found->op = -1;
        return found;
    }
    found->row = weir_plan_column(plan, (size_t)found->after)->schema;
    found->first = found->after + 1;
    found->end = weir_plan_column(plan, (size_t)found->after)->next;
    return found;
}

/* The bits of the row's columns move to where they are in the row's own plan. */
static void move_unsent(weir_batch *batch, batch_entry *entry, const envelope *shape)
{
    size_t words = ((size_t)(shape->end - shape->first) + 63) / 64;
    batch_span from = {entry->unsent, entry->unsent_words * 8};
    bool any = false;
    uint8_t *memory;
    uint64_t *to;
    const uint64_t *bits;
    size_t pad;

    if (entry->unsent == BATCH_NULL)
        return;
    memory = batch_reserve(batch, words * 8 + 8);
    pad = (8 - ((uintptr_t)memory & 7)) & 7;
    to = (uint64_t *)(void *)(memory + pad);
    memset(to, 0, words * 8);
    bits = (const uint64_t *)(const void *)batch_bytes_of(batch, from).ptr;
    for (int column = shape->first; column < shape->end; column++) {
        int place = column - shape->first;

        if ((size_t)column / 64 >= entry->unsent_words ||
            (bits[column / 64] >> column % 64 & 1) == 0)
            continue;
        to[place / 64] |= (uint64_t)1 << place % 64;
        any = true;
    }
    entry->unsent = any ? batch_take(batch, pad + words * 8).at + (uint32_t)pad : BATCH_NULL;
    entry->unsent_words = any ? (uint32_t)words : 0;
}

static void apply_delete(const unwrap *self, batch_entry *entry)
{
    if (self->mode.index != MODE_DELETE_TO_TOMBSTONE) {
        entry->dropped = true;
        return;
    }
    entry->value = (batch_span){0, BATCH_NULL};
    entry->value_schema = BATCH_NULL;
    entry->unsent = BATCH_NULL;
}

static weir_code unwrap_apply(void *state, weir_batch *batch, batch_entry *entry, weir_error *err)
{
    unwrap *self = state;
    const weir_schema *schema = batch_schema_at(batch, entry->value_schema);
    const envelope *shape;
    const weir_slot *after;
    weir_str value;

    if (entry->value.len == BATCH_NULL) {
        entry->dropped = self->mode.index != MODE_TOMBSTONE;
        return WEIR_OK;
    }
    if (schema == NULL || weir_schema_type(schema) != WEIR_TYPE_RECORD)
        return WEIR_OK;
    shape = find_envelope(self, schema);
    if (shape->op < 0)
        return WEIR_OK;
    value = batch_bytes_of(batch, entry->value);
    if (weir_plan_decode(weir_schema_plan(schema), value, self->slots, err) != WEIR_OK)
        return err->code;
    after = &self->slots[shape->after];
    if (weir_str_eq(self->slots[shape->op].bytes, WEIR_STR("t")) ||
        weir_str_eq(self->slots[shape->op].bytes, WEIR_STR("m"))) {
        entry->dropped = true; /* truncate, message: no row, as Debezium does */
        return WEIR_OK;
    }
    if (after->kind != WEIR_SLOT_NESTED) {
        apply_delete(self, entry);
        return WEIR_OK;
    }
    entry->value.at += (uint32_t)(after->bytes.ptr - value.ptr);
    entry->value.len = (uint32_t)after->bytes.len;
    entry->value_schema = batch_schema(batch, shape->row);
    move_unsent(batch, entry, shape);
    return WEIR_OK;
}

const transform_type transform_unwrap = {
    .name = "unwrap",
    .java_class = "io.debezium.transforms.ExtractNewRecordState",
    .summary = "Makes the row of a change event.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(unwrap),
    .apply = unwrap_apply,
};
