/* store_parts.h - what a store consists of: topics, partitions, segments, lanes, watches.
 *
 * Which thread owns what, and what "locked" means, store_state.h says.
 */
#ifndef RUNTIME_LOG_STORE_PARTS_H
#define RUNTIME_LOG_STORE_PARTS_H

#include "runtime/log/checkpoint.h"
#include "runtime/log/index.h"
#include "runtime/log/journal.h"
#include "runtime/log/store_read.h"
#include "weir/map.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    STORE_PATH_BYTES = 4096,
    STORE_MAX_PATH_BYTES = 3000, /* of the directory; the rest is for names below it */
    STORE_ID_BYTES = 16,
    INDEX_INTERVAL_BYTES = 16384, /* of a segment, between two pairs of its index */
    CLEAN_FILES = 256, /* segment files kept open though they are not written to, at most */
};

typedef struct log_segment {
    store_partition *partition;
    int64_t base_offset;
    uint64_t serial; /* in order of making, for sorting */
    int64_t ends_at; /* recovery, in compacted topics: where the next one begins; 0: not known */

    int64_t assigned_bytes; /* writer: places given out */
    int64_t reserved_bytes; /* writer: the file is at least so long */

    /* locked */
    int64_t applied_bytes; /* what can be read from the file */
    int64_t max_timestamp_ms;
    disk_file *file;      /* NULL: not open */
    uint32_t pins;        /* reads, writes and syncs under way: the file stays open */
    bool is_sealed;       /* nothing more is assigned */
    bool is_final;        /* all is applied, and its index files are written */
    bool is_checkpointed; /* final before the last checkpoint: may be removed or replaced */
    bool is_dirty;        /* in the store's list of segments with data that is not synced */
    bool is_written;      /* since its last early sync began */
    bool is_early;        /* being synced before a checkpoint asks for it */
    bool is_new;          /* its name is not synced: cleared behind the sync, not before */
    bool has_new_index;   /* its index files were written since the keeper took it */
    bool is_replaced;     /* another takes its name: index files are that one's */
    bool is_removed;      /* freed with the last pin */
    bool is_syncing;      /* by one thread at a time */
    bool sync_has_failed; /* the system tells one who syncs, and has dropped what others wrote */
    struct log_segment *newer, *older; /* among clean open files */

    /* locked; what is known of the offsets of a segment that is not final */
    sparse_index offsets;
    int64_t indexed_at; /* position of its last pair */
} log_segment;

/* What is committed and not yet in its segment. */
typedef struct log_extent {
    int64_t base_offset, last_offset;
    int64_t size;
    int64_t max_timestamp_ms;
    log_segment *segment; /* where it belongs, and where a large one is already */
    int64_t segment_at;   /* place there */
    journal_file *file;   /* NULL: in the segment */
    int64_t file_at;
    uint64_t position; /* in the journal */
} log_extent;

typedef struct hold {
    struct hold *next;
    int64_t offset;
    char holder[]; /* NUL-terminated */
} hold;

struct store_partition {
    store_topic *topic;
    int32_t number;

    /* writer */
    int64_t next_offset;
    log_segment *active;    /* NULL: none yet */
    atomic_bool wants_roll; /* by store_roll: a new segment with the next append */
    int64_t group_bytes;    /* in the group that is being made */

    /* keeper */
    bool keep_has_failed; /* an old segment's file may still be there */

    /* locked */
    weir_buf segments;         /* of segment *, by base offset */
    int64_t checkpointed_base; /* of the last segment in the checkpoint that is being made */
    int64_t start_offset, visible_offset, applied_offset;
    log_segment *applied; /* the last one the applier wrote to */
    int64_t size_bytes;
    weir_buf tail; /* of extent; those before tail_first are applied */
    size_t tail_first;
    uint64_t epoch; /* changes when segments are removed or replaced */
    hold *holds;
    weir_buf watches; /* of store_watch * */
};

struct store_topic {
    store *store;
    log_topic info; /* immutable */
    uint8_t id[STORE_ID_BYTES];
    bool is_internal;
    atomic_bool is_deleted;
    uint64_t
        deleted_at; /* locked: position behind the record that deletes it; UINT64_MAX: none yet */
    int64_t deletion_offset; /* locked: of that record; INT64_MAX: it is not deleted */
    bool dirs_are_new;       /* locked: their names are not synced */
    store_topic *next_doomed;
    char *dir; /* name below topics/ */
    store_partition *partitions;
};

struct store_lane {
    uint64_t active_count; /* locked: submitted and not done */
    uint64_t parked_count; /* locked */
    bool is_closing;       /* locked */
    bool has_failed;       /* writer: an append was refused */
    weir_buf reason;       /* locked: what it is parked for */
};

struct store_watch {
    store *store;
    pthread_cond_t signal;
    bool is_set; /* locked */
};

#endif
