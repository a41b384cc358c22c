/* bytes.h - reads big-endian bytes from outside, never past their end.
 *
 * A reader that was asked for more than there is becomes `failed` and from then on returns zeros and
 * empty texts: the caller checks once, at the end of a structure. Belongs to one thread; what it
 * returns points into the bytes it reads.
 */
#ifndef POSTGRES_CDC_BYTES_H
#define POSTGRES_CDC_BYTES_H

#include "weir/base.h"

#include <string.h>

typedef struct bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} bytes;

static inline bytes bytes_of(weir_str text)
{
    const uint8_t *at = (const uint8_t *)text.ptr;

    return (bytes){.at = at, .end = at == NULL ? NULL : at + text.len};
}

static inline size_t bytes_left(const bytes *in)
{
    return (size_t)(in->end - in->at);
}

static inline bool bytes_has(bytes *in, size_t size)
{
    if (bytes_left(in) >= size)
        return true;
    in->failed = true;
    in->at = in->end;
    return false;
}

static inline uint8_t bytes_u8(bytes *in)
{
    return bytes_has(in, 1) ? *in->at++ : 0;
}

static inline uint16_t bytes_u16(bytes *in)
{
    uint16_t value = 0;

    if (!bytes_has(in, sizeof(value)))
        return 0;
    memcpy(&value, in->at, sizeof(value));
    in->at += sizeof(value);
    return __builtin_bswap16(value);
}

static inline uint32_t bytes_u32(bytes *in)
{
    uint32_t value = 0;

    if (!bytes_has(in, sizeof(value)))
        return 0;
    memcpy(&value, in->at, sizeof(value));
    in->at += sizeof(value);
    return __builtin_bswap32(value);
}

static inline uint64_t bytes_u64(bytes *in)
{
    uint64_t value = 0;

    if (!bytes_has(in, sizeof(value)))
        return 0;
    memcpy(&value, in->at, sizeof(value));
    in->at += sizeof(value);
    return __builtin_bswap64(value);
}

/* The next size bytes, where they are; empty when there are not so many. */
static inline weir_str bytes_take(bytes *in, size_t size)
{
    weir_str taken = {0};

    if (!bytes_has(in, size))
        return taken;
    taken = (weir_str){(const char *)in->at, size};
    in->at += size;
    return taken;
}

/* A text that ends with a NUL, without it; fails when there is none. */
static inline weir_str bytes_text(bytes *in)
{
    const uint8_t *nul = bytes_left(in) > 0 ? memchr(in->at, 0, bytes_left(in)) : NULL;
    weir_str text = {0};

    if (nul == NULL) {
        in->failed = true;
        in->at = in->end;
        return text;
    }
    text = (weir_str){(const char *)in->at, (size_t)(nul - in->at)};
    in->at = nul + 1;
    return text;
}

#endif
