/* compact.h - keeps of compacted topics the last record of each key.
 *
 * A partition's sealed segments are rewritten into one when what came since the last time is at least half
 * as large as what was left of it then. Records keep their offsets, so gaps arise. A tombstone stays
 * for a day (delete.retention.ms), so that readers that are not too slow see it; then it goes, because no
 * older record of its key is left. Records without a key stay. Batches with producer state (idempotent
 * or transactional producers, control records) stay as they are.
 *
 * Memory is bounded: of 1,048,576 keys, or 64 MiB of them, the last record is known at a time; when there are more,
 * the segments are rewritten once for each so many.
 *
 * Nothing that is not behind a checkpoint is touched. The new segment takes the place of the old ones at
 * once (store_rewrite_end): a crash leaves the one or the other. Keeper's thread (store_keep.h).
 */
#ifndef RUNTIME_LOG_COMPACT_H
#define RUNTIME_LOG_COMPACT_H

#include "runtime/log/store.h"

enum { COMPACT_DELETE_RETENTION_MS = 86400000 };

/* All partitions of compacted topics that need it. */
void compact_run(store *store, int64_t now_ms);

/* One partition, whether it needs it or not. *removed gets how many records went. WEIR_RETRY: the disk
 * is full, nothing was changed. */
WEIR_MUST_CHECK weir_code compact_partition(store_partition *partition, int64_t now_ms,
                                            int64_t *removed, weir_error *err);

#endif
