/* hash.c - the two sums of the Kafka protocol: CRC-32C and murmur2. */
#include "runtime/wire/record_batch.h"

#include <isa-l/crc.h>
#include <string.h>

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    /* The library takes an int for the size, and neither inverts before nor after. */
    crc = ~crc;
    while (size > 0) {
        int part = size > (1 << 30) ? 1 << 30 : (int)size;

        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, part, crc);
        at += part;
        size -= (size_t)part;
    }
    return ~crc;
}

/* Austin Appleby's MurmurHash2 with the seed of Kafka's Java client. */
static uint32_t murmur2(weir_str key)
{
    static const uint32_t SEED = 0x9747b28c, M = 0x5bd1e995;
    uint32_t hash = SEED ^ (uint32_t)key.len;
    const uint8_t *at = (const uint8_t *)key.ptr;
    size_t left = key.len;

    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word;

        memcpy(&word, at, 4);
        word *= M;
        word ^= word >> 24;
        word *= M;
        hash = (hash * M) ^ word;
    }
    if (left > 0) {
        for (size_t i = left; i-- > 0;)
            hash ^= (uint32_t)at[i] << (8 * i);
        hash *= M;
    }
    hash ^= hash >> 13;
    hash *= M;
    return hash ^ hash >> 15;
}

int32_t partition_of_key(weir_str key, int32_t partition_count)
{
    return (int32_t)((murmur2(key) & 0x7fffffff) % (uint32_t)partition_count);
}
