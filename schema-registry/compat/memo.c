/* memo.c - pairs of types that were compared, in a hash table with open addressing. */
#include "schema-registry/compat/memo.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <stdlib.h>

static size_t pair_count(const compat_memo *memo)
{
    return memo->pairs.len / sizeof(compat_pair);
}

compat_pair *compat_memo_at(compat_memo *memo, size_t index)
{
    assert(index < pair_count(memo));
    return (compat_pair *)(void *)memo->pairs.ptr + index;
}

static uint64_t hash(const void *reader, const void *writer)
{
    uint64_t value = (uint64_t)(uintptr_t)reader * UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 32 ^ (uint64_t)(uintptr_t)writer) * UINT64_C(0xd6e8feb86659fd93);
    return value ^ value >> 32;
}

/* The slot of a pair, or the free one where it belongs. */
static uint32_t *slot_of(compat_memo *memo, const void *reader, const void *writer)
{
    size_t at = hash(reader, writer) & (memo->slot_count - 1);

    while (memo->slots[at] != 0) {
        const compat_pair *pair = compat_memo_at(memo, memo->slots[at] - 1);

        if (pair->reader == reader && pair->writer == writer)
            break;
        at = (at + 1) & (memo->slot_count - 1);
    }
    return &memo->slots[at];
}

static void grow(compat_memo *memo)
{
    free(memo->slots);
    memo->slot_count = memo->slot_count == 0 ? 64 : 2 * memo->slot_count;
    memo->slots = mem_zalloc(memo->slot_count, sizeof(memo->slots[0]));
    for (size_t i = 0; i < pair_count(memo); i++) {
        const compat_pair *pair = compat_memo_at(memo, i);

        *slot_of(memo, pair->reader, pair->writer) = (uint32_t)(i + 1);
    }
}

size_t compat_memo_find(compat_memo *memo, const void *reader, const void *writer, bool *is_new)
{
    compat_pair fresh = {.reader = reader, .writer = writer};

    if (2 * pair_count(memo) >= memo->slot_count)
        grow(memo);
    uint32_t *slot = slot_of(memo, reader, writer);

    *is_new = *slot == 0;
    if (*is_new) {
        assert(pair_count(memo) < UINT32_MAX);
        weir_buf_add(&memo->pairs, &fresh, sizeof(fresh));
        *slot = (uint32_t)pair_count(memo);
    }
    return *slot - 1;
}

void compat_memo_done(compat_memo *memo)
{
    free(memo->slots);
    weir_buf_done(&memo->pairs);
    *memo = (compat_memo){0};
}
