/* memo.h - pairs of types that were compared, or are being compared, and what was found.
 *
 * A hash table of pairs of addresses, which grows by doubling. `compat_memo m = {0};` is empty. Belongs
 * to one thread.
 */
#ifndef SCHEMA_REGISTRY_COMPAT_MEMO_H
#define SCHEMA_REGISTRY_COMPAT_MEMO_H

#include "weir/buf.h"

typedef struct compat_pair {
    const void *reader, *writer;
    bool has_found;      /* an error; of its errors are listed: */
    size_t first, count; /* what these mean is the caller's */
} compat_pair;

typedef struct compat_memo {
    weir_buf pairs;  /* of compat_pair, in the order in which they were added */
    uint32_t *slots; /* the place of a pair, from 1 on; 0: free */
    size_t slot_count;
} compat_memo;

/* The index of a pair, which is added when it is not there yet; is_new says so. */
size_t compat_memo_find(compat_memo *memo, const void *reader, const void *writer, bool *is_new);
/* Valid until the next pair is added. */
compat_pair *compat_memo_at(compat_memo *memo, size_t index);
void compat_memo_done(compat_memo *memo);

#endif
