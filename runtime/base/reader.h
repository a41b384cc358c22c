/* reader.h - reads bytes from outside, never past their end.
 *
 * A reader that was asked for more than there is becomes `failed` and from then on returns zeros: the
 * caller checks once, at the end of a structure. Belongs to one thread.
 */
#ifndef RUNTIME_BASE_READER_H
#define RUNTIME_BASE_READER_H

#include "weir/base.h"

#include <string.h>

typedef struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} reader;

static inline reader reader_of(weir_str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;

    return (reader){.at = at, .end = at == NULL ? NULL : at + bytes.len};
}

static inline size_t reader_left(const reader *in)
{
    return (size_t)(in->end - in->at);
}

static inline bool reader_has(reader *in, size_t size)
{
    if (reader_left(in) >= size)
        return true;
    in->failed = true;
    in->at = in->end;
    return false;
}

static inline uint8_t reader_u8(reader *in)
{
    return reader_has(in, 1) ? *in->at++ : 0;
}

static inline uint64_t reader_be(reader *in, size_t size)
{
    uint64_t value = 0;

    if (!reader_has(in, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | in->at[i];
    in->at += size;
    return value;
}

static inline uint16_t reader_be16(reader *in)
{
    return (uint16_t)reader_be(in, 2);
}

static inline uint32_t reader_be32(reader *in)
{
    return (uint32_t)reader_be(in, 4);
}

static inline uint64_t reader_be64(reader *in)
{
    return reader_be(in, 8);
}

/* A zig-zag varint of at most 10 bytes: Avro's int and long, Kafka's VARINT and VARLONG. */
static inline int64_t reader_varint(reader *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = reader_u8(in);

        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    }
    in->failed = true;
    in->at = in->end;
    return 0;
}

/* The next size bytes, where they are; ptr NULL when there are not so many. */
static inline weir_str reader_bytes(reader *in, size_t size)
{
    weir_str bytes = {0};

    if (!reader_has(in, size))
        return bytes;
    bytes = (weir_str){(const char *)in->at, size};
    in->at += size;
    return bytes;
}

#endif
