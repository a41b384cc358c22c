/* checkpoint.h - the file that says where recovery begins.
 *
 * It holds the position in the journal up to which all entries are durable in their segments, and for every
 * partition how long its last segment was then. It is replaced as a whole: written beside, synced, renamed,
 * and the directory synced. A checkpoint that does not check is damage; there is no older one to fall
 * back to, because the journal below it may be gone.
 *
 * Belongs to whoever holds it; no locks.
 */
#ifndef RUNTIME_LOG_CHECKPOINT_H
#define RUNTIME_LOG_CHECKPOINT_H

#include "runtime/base/disk.h"
#include "weir/buf.h"

typedef struct checkpoint_partition {
    uint8_t topic_id[16];
    int32_t partition;
    uint32_t reserved;
    int64_t next_offset;
    int64_t segment_base;  /* of the last segment */
    int64_t segment_bytes; /* of it, without what is reserved behind */
    int64_t max_timestamp_ms;
} checkpoint_partition;

_Static_assert(sizeof(checkpoint_partition) == 56, "no padding");

/* `checkpoint c = {0}` is empty and owns nothing. */
typedef struct log_checkpoint {
    uint8_t log_id[16];
    uint64_t generation; /* how often the log was opened */
    uint64_t position;
    weir_buf partitions; /* of checkpoint_partition */
} log_checkpoint;

void checkpoint_add(log_checkpoint *checkpoint, const checkpoint_partition *partition);
size_t checkpoint_count(const log_checkpoint *checkpoint);
checkpoint_partition checkpoint_at(const log_checkpoint *checkpoint, size_t i);
void checkpoint_done(log_checkpoint *checkpoint);

/* Writes PATH/checkpoint; when it returns, this one is the one that will be found. */
WEIR_MUST_CHECK weir_code checkpoint_write(const log_checkpoint *checkpoint, disk *disk,
                                           const char *path, weir_error *err);
/* Reads PATH/checkpoint into an empty one. WEIR_FATAL: missing or damaged. */
WEIR_MUST_CHECK weir_code checkpoint_read(log_checkpoint *checkpoint, disk *disk, const char *path,
                                          weir_error *err);

#endif
