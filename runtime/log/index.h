/* index.h - a sparse index of a segment: pairs of numbers in rising order, and its file.
 *
 * `.index` maps offsets to positions in the segment, `.timeindex` timestamps to offsets: behind every pair
 * (t, o), all records before offset o have timestamps of at most t. That keeps its meaning when
 * timestamps go backwards, because t is the largest so far. Lookups find where to start scanning.
 *
 * The file is written once, when the segment is complete; in front are the facts about the segment that
 * would else take reading all of it, and a CRC. An index that does not check is built again.
 *
 * Belongs to whoever holds it; no locks.
 */
#ifndef RUNTIME_LOG_INDEX_H
#define RUNTIME_LOG_INDEX_H

#include "runtime/base/disk.h"
#include "weir/buf.h"

typedef struct sparse_pair {
    int64_t key;
    int64_t value;
} sparse_pair;

/* `sparse_index i = {0}` is empty and owns nothing. */
typedef struct sparse_index {
    weir_buf pairs;
} sparse_index;

/* What an index file says about its segment. */
typedef struct index_facts {
    int64_t segment_bytes;
    int64_t
        next_offset; /* behind its last record; of a compacted one, where the next segment begins */
    int64_t max_timestamp_ms;
} index_facts;

/* Adds a pair. Keys never fall; of equal keys the last value stays. */
void sparse_index_add(sparse_index *index, int64_t key, int64_t value);

/* The pair with the largest key that is not above key; false when there is none. */
bool sparse_index_seek(const sparse_index *index, int64_t key, sparse_pair *found);
/* Its value; otherwise when there is none. */
int64_t sparse_index_floor(const sparse_index *index, int64_t key, int64_t otherwise);
size_t sparse_index_count(const sparse_index *index);
sparse_pair sparse_index_at(const sparse_index *index, size_t i);
void sparse_index_done(sparse_index *index);

/* Writes the file, from nothing, and syncs it. */
WEIR_MUST_CHECK weir_code index_write(disk *disk, const char *path, const sparse_index *index,
                                      const index_facts *facts, weir_error *err);

/* Reads the file; index, which is empty, may be NULL when only the facts are wanted, and then only the
 * front is read and checked. WEIR_REJECT: it is not there, or damaged. */
WEIR_MUST_CHECK weir_code index_read(disk *disk, const char *path, sparse_index *index,
                                     index_facts *facts, weir_error *err);

#endif
