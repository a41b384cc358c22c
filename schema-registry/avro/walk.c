/* walk.c - steps over whole values. */
#include "schema-registry/avro/walk.h"

#include "schema-registry/avro/avro.h"

#include <assert.h>

/* NOLINTBEGIN(misc-no-recursion): values nest; AVRO_DEPTH_MAX bounds it */

bool avro_walk_down(avro_walk *walk)
{
    if (walk->depth >= AVRO_DEPTH_MAX)
        return avro_walk_fail(walk, "records, arrays and maps are nested too deep");
    walk->depth++;
    return true;
}

void avro_walk_up(avro_walk *walk)
{
    assert(walk->depth > 0);
    walk->depth--;
}

/* An item takes a byte at least, so that a count is bounded by the bytes there are; items without bytes
 * have a limit of their own. */
bool avro_walk_block(avro_walk *walk, const weir_schema *schema, avro_block *out)
{
    bool has_bytes = schema->type == WEIR_TYPE_MAP || !schema->items->is_zero;
    int64_t count, size;

    if (!avro_walk_long(walk, &count))
        return false;
    *out = (avro_block){.count = count};
    if (count < 0) {
        if (!avro_walk_long(walk, &size))
            return false;
        if (count == INT64_MIN || size < 0 || (size_t)size > reader_left(&walk->in))
            return avro_walk_fail(walk, "a block is longer than the bytes there are");
        *out = (avro_block){.count = -count, .end = walk->in.at + size};
    }
    if ((uint64_t)out->count > (has_bytes ? reader_left(&walk->in) : AVRO_EMPTY_MAX))
        return avro_walk_fail(walk, "a block has more items than the bytes there are");
    return true;
}

bool avro_walk_block_end(avro_walk *walk, const avro_block *block)
{
    return block->end == NULL || block->end == walk->in.at ||
           avro_walk_fail(walk, "a block does not end where it says");
}

static bool skip_items(avro_walk *walk, const weir_schema *schema)
{
    avro_block block;
    weir_str key;

    if (!avro_walk_down(walk))
        return false;
    do {
        if (!avro_walk_block(walk, schema, &block))
            return false;
        for (int64_t i = 0; i < block.count; i++) {
            if (schema->type == WEIR_TYPE_MAP && !avro_walk_bytes(walk, &key))
                return false;
            if (!avro_walk_skip(walk, schema->items))
                return false;
        }
        if (!avro_walk_block_end(walk, &block))
            return false;
    } while (block.count > 0);
    avro_walk_up(walk);
    return true;
}

static bool skip_record(avro_walk *walk, const weir_schema *record)
{
    if (record->is_zero)
        return true;
    if (!avro_walk_down(walk))
        return false;
    for (size_t i = 0; i < record->field_count; i++)
        if (!avro_walk_skip(walk, record->fields[i].schema))
            return false;
    avro_walk_up(walk);
    return true;
}

bool avro_walk_skip(avro_walk *walk, const weir_schema *schema)
{
    int64_t number;
    weir_str bytes;

    switch (schema->type) {
    case WEIR_TYPE_NULL:
        return true;
    case WEIR_TYPE_BOOLEAN:
        return avro_walk_boolean(walk, &number);
    case WEIR_TYPE_INT:
        return avro_walk_int(walk, &number);
    case WEIR_TYPE_LONG:
        return avro_walk_long(walk, &number);
    case WEIR_TYPE_FLOAT:
        return avro_walk_fixed(walk, sizeof(float), &bytes);
    case WEIR_TYPE_DOUBLE:
        return avro_walk_fixed(walk, sizeof(double), &bytes);
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
        return avro_walk_bytes(walk, &bytes);
    case WEIR_TYPE_RECORD:
        return skip_record(walk, schema);
    case WEIR_TYPE_ENUM:
        return avro_walk_index(walk, schema->symbols.count, &number);
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        return skip_items(walk, schema);
    case WEIR_TYPE_UNION:
        return avro_walk_index(walk, schema->branch_count, &number) &&
               avro_walk_skip(walk, schema->branches[number]);
    case WEIR_TYPE_FIXED:
        return avro_walk_fixed(walk, schema->fixed_size, &bytes);
    }
    assert(!"a type that cannot be skipped");
    return false;
}

bool avro_walk_end(avro_walk *walk)
{
    return reader_left(&walk->in) == 0 ||
           avro_walk_fail(walk, "there are more bytes than the value has");
}

weir_code avro_validate(const weir_schema *schema, weir_str value, weir_error *err)
{
    avro_walk walk = avro_walk_of(value);

    if (avro_walk_skip(&walk, schema) && avro_walk_end(&walk))
        return WEIR_OK;
    return weir_fail(err, WEIR_REJECT, "not a value of %.*s, at byte %zu of %zu: %s",
                     WEIR_ARG(schema->name), avro_walk_position(&walk), value.len, walk.wrong);
}

/* NOLINTEND(misc-no-recursion) */
