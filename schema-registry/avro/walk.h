/* walk.h - steps through the Avro bytes of a value, one primitive at a time.
 *
 * Specification 1.11, "Binary Encoding". Every step says whether the bytes have what was asked for; at
 * the first that does not, `wrong` says why, and the walk is over. The varint's short ways are inline,
 * because all that sinks decode goes through them.
 *
 * Belongs to one thread; lives on the stack.
 */
#ifndef SCHEMA_REGISTRY_AVRO_WALK_H
#define SCHEMA_REGISTRY_AVRO_WALK_H

#include "runtime/base/reader.h"
#include "schema-registry/avro/tree.h"

typedef struct avro_walk {
    reader in;
    const uint8_t *start;
    int depth;         /* records, arrays and maps that are open */
    const char *wrong; /* NULL: nothing is */
} avro_walk;

static inline avro_walk avro_walk_of(weir_str value)
{
    avro_walk walk = {.in = reader_of(value)};

    walk.start = walk.in.at;
    return walk;
}

static inline bool avro_walk_fail(avro_walk *walk, const char *wrong)
{
    walk->wrong = wrong;
    return false;
}

static inline size_t avro_walk_position(const avro_walk *walk)
{
    return (size_t)(walk->in.at - walk->start);
}

/* One and two bytes inline: most branches, lengths and small numbers. */
static inline bool avro_walk_long(avro_walk *walk, int64_t *out)
{
    if (reader_left(&walk->in) >= 2) {
        uint64_t first = walk->in.at[0], second = walk->in.at[1];
        uint64_t value = first;

        if (first < 0x80) {
            walk->in.at++;
        } else if (second < 0x80) {
            value = (first & 0x7f) | second << 7;
            walk->in.at += 2;
        } else {
            goto slow;
        }
        *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
        return true;
    }
slow:
    *out = reader_varint(&walk->in);
    return !walk->in.failed || avro_walk_fail(walk, "the bytes end in a number, or it is too long");
}

static inline bool avro_walk_int(avro_walk *walk, int64_t *out)
{
    return avro_walk_long(walk, out) && ((*out >= INT32_MIN && *out <= INT32_MAX) ||
                                         avro_walk_fail(walk, "an int does not fit into 32 bits"));
}

static inline bool avro_walk_boolean(avro_walk *walk, int64_t *out)
{
    *out = reader_u8(&walk->in);
    return (!walk->in.failed && *out <= 1) || avro_walk_fail(walk, "a boolean is neither 0 nor 1");
}

static inline bool avro_walk_fixed(avro_walk *walk, size_t size, weir_str *out)
{
    if (reader_left(&walk->in) < size)
        return avro_walk_fail(walk, "the bytes end in a value");
    *out = (weir_str){(const char *)walk->in.at, size};
    walk->in.at += size;
    return true;
}

static inline bool avro_walk_float(avro_walk *walk, double *out)
{
    weir_str bytes;
    float value;

    if (!avro_walk_fixed(walk, sizeof(value), &bytes))
        return false;
    memcpy(&value, bytes.ptr, sizeof(value)); /* little-endian machines only, as batch.h */
    *out = (double)value;
    return true;
}

static inline bool avro_walk_double(avro_walk *walk, double *out)
{
    weir_str bytes;

    if (!avro_walk_fixed(walk, sizeof(*out), &bytes))
        return false;
    memcpy(out, bytes.ptr, sizeof(*out));
    return true;
}

/* bytes, string, the key of a map's entry */
static inline bool avro_walk_bytes(avro_walk *walk, weir_str *out)
{
    int64_t size;

    if (!avro_walk_long(walk, &size))
        return false;
    if (size < 0)
        return avro_walk_fail(walk, "a length is negative");
    return avro_walk_fixed(walk, (size_t)size, out);
}

/* The number of a symbol or a branch. */
static inline bool avro_walk_index(avro_walk *walk, size_t count, int64_t *out)
{
    return avro_walk_long(walk, out) &&
           ((*out >= 0 && (size_t)*out < count) ||
            avro_walk_fail(walk, "a symbol or a branch that the schema does not have"));
}

/* A block of an array or map: how many items come, and, where the bytes say so, where they end. */
typedef struct avro_block {
    int64_t count;      /* 0: the array or map ends here */
    const uint8_t *end; /* NULL: not said */
} avro_block;

/* The head of the next block of an array or map; after its items, avro_walk_block_end. */
bool avro_walk_block(avro_walk *walk, const weir_schema *schema, avro_block *out);
bool avro_walk_block_end(avro_walk *walk, const avro_block *block);

/* In and out of a record, array or map; false when there are too many around it. */
bool avro_walk_down(avro_walk *walk);
void avro_walk_up(avro_walk *walk);

/* Steps over a whole value, looking at all that is in it. */
bool avro_walk_skip(avro_walk *walk, const weir_schema *schema);

/* True when the walk arrived exactly at the end of the bytes. */
bool avro_walk_end(avro_walk *walk);

#endif
