/* items.c - a bounded reader of Avro's binary encoding (specification 1.11), for scalars. */
#include "items.h"

#include <string.h>

static bool read_long(items *self, int64_t *out)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64 && self->at < self->end; shift += 7) {
        uint8_t byte = *self->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    self->failed = true;
    return false;
}

static bool read_span(items *self, size_t size, weir_str *out)
{
    if ((size_t)(self->end - self->at) < size) {
        self->failed = true;
        return false;
    }
    *out = (weir_str){(const char *)self->at, size};
    self->at += size;
    return true;
}

static bool read_bytes(items *self, weir_str *out)
{
    int64_t size;

    if (!read_long(self, &size) || size < 0) {
        self->failed = true;
        return false;
    }
    return read_span(self, (size_t)size, out);
}

static bool read_number(items *self, size_t size, weir_slot *slot)
{
    weir_str bytes;
    float narrow;

    if (!read_span(self, size, &bytes))
        return false;
    slot->kind = WEIR_SLOT_NUMBER;
    if (size == sizeof(float)) {
        memcpy(&narrow, bytes.ptr, sizeof(narrow));
        slot->number = narrow;
    } else {
        memcpy(&slot->number, bytes.ptr, sizeof(slot->number));
    }
    return true;
}

static bool read_record(items *self, weir_slot *slot)
{
    const uint8_t *start = self->at;
    int64_t scale;
    weir_str unscaled;

    slot->kind = WEIR_SLOT_NESTED;
    if (!read_long(self, &scale) || !read_bytes(self, &unscaled))
        return false;
    slot->bytes = (weir_str){(const char *)start, (size_t)(self->at - start)};
    return true;
}

static bool read_scalar(items *self, const weir_schema *schema, weir_slot *slot)
{
    weir_str byte;

    *slot = (weir_slot){.kind = WEIR_SLOT_INTEGER};
    switch (weir_schema_type(schema)) {
    case WEIR_TYPE_NULL:
        slot->kind = WEIR_SLOT_NULL;
        return true;
    case WEIR_TYPE_BOOLEAN:
        slot->kind = WEIR_SLOT_BOOLEAN;
        if (!read_span(self, 1, &byte))
            return false;
        slot->integer = byte.ptr[0] != 0;
        return true;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
    case WEIR_TYPE_ENUM:
        return read_long(self, &slot->integer);
    case WEIR_TYPE_FLOAT:
        return read_number(self, sizeof(float), slot);
    case WEIR_TYPE_DOUBLE:
        return read_number(self, sizeof(double), slot);
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
        slot->kind = WEIR_SLOT_BYTES;
        return read_bytes(self, &slot->bytes);
    case WEIR_TYPE_FIXED:
        slot->kind = WEIR_SLOT_BYTES;
        return read_span(self, weir_schema_fixed_size(schema), &slot->bytes);
    case WEIR_TYPE_RECORD: /* the only record that is an item: a decimal with variable scale */
        return read_record(self, slot);
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_UNION:
        break;
    }
    self->failed = true;
    return false;
}

void items_init(items *self, const weir_schema *array, weir_str encoded)
{
    *self = (items){.at = (const uint8_t *)encoded.ptr,
                    .end = (const uint8_t *)encoded.ptr + encoded.len,
                    .schema = weir_schema_items(array)};
}

/* Starts the next block; false at the end. A negative count is followed by the block's size. */
static bool next_block(items *self)
{
    int64_t count, size;

    if (!read_long(self, &count))
        return false;
    if (count < 0) {
        if (count == INT64_MIN || !read_long(self, &size)) {
            self->failed = true;
            return false;
        }
        count = -count;
    }
    self->left = count;
    return count > 0;
}

bool items_next(items *self, weir_slot *slot)
{
    const weir_schema *schema = self->schema;
    int64_t branch;

    if (self->failed || (self->left == 0 && !next_block(self)))
        return false;
    self->left--;
    if (weir_schema_type(schema) == WEIR_TYPE_UNION) {
        if (!read_long(self, &branch))
            return false;
        if (branch < 0 || (size_t)branch >= weir_schema_branch_count(schema)) {
            self->failed = true;
            return false;
        }
        schema = weir_schema_branch(schema, (size_t)branch);
    }
    return read_scalar(self, schema, slot);
}

bool items_variable_decimal(weir_str encoded, int64_t *scale, weir_str *unscaled)
{
    items in = {.at = (const uint8_t *)encoded.ptr,
                .end = (const uint8_t *)encoded.ptr + encoded.len};

    return read_long(&in, scale) && read_bytes(&in, unscaled) && in.at == in.end;
}
