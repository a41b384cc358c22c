/* store_state.h - the store from the inside: its state, and which thread owns which part of it.
 *
 * Three threads work on a store; in manual mode one thread does their work in turn.
 *
 *     submitters --queue--> writer --groups--> applier --dirty segments--> keeper
 *
 * The **writer** takes queued appends, gives them offsets and places in segments, writes and syncs the
 * journal, and publishes. The **applier** copies groups from the journal into the segments. The
 * **keeper** makes checkpoints, prepares journal files, removes what was deleted, and calls options.tend.
 *
 * `lock` guards what is marked "locked" below; it is held for a few lines and never across I/O. It is the
 * innermost lock, except for the journal's own. `admin` serialises changes of topics and facts and is
 * taken before it. What is marked "writer", "applier" or "keeper" is that thread's alone.
 */
#ifndef RUNTIME_LOG_STORE_STATE_H
#define RUNTIME_LOG_STORE_STATE_H

#include "runtime/log/beside.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/store_parts.h"

#include <stdatomic.h>

/* A piece of a committed group on its way to its segment. */
typedef struct pending_piece {
    log_segment *segment;
    int64_t segment_at, size;
    int64_t base_offset, last_offset;
    int64_t max_timestamp_ms;
    int64_t file_at; /* in the journal file; -1: large, in its segment already */
} pending_piece;

typedef struct pending_group {
    struct pending_group *next;
    journal_file *file;
    int64_t file_at;   /* where its first entry is */
    uint64_t position; /* likewise */
    uint64_t end;      /* position behind it */
    size_t count;
    pending_piece pieces[];
} pending_group;

typedef struct append_list {
    store_append *first, *last;
} append_list;

struct store {
    store_options options;
    char path[STORE_MAX_PATH_BYTES + 1];
    char id_text[37];
    uint8_t id[STORE_ID_BYTES];
    disk *disk;
    clock_source *clock;
    disk_file *lock_file;
    log_journal *journal;
    uint64_t generation;

    pthread_mutex_t admin;
    pthread_mutex_t lock;
    pthread_cond_t to_write, to_apply, to_keep, moved; /* moved: somebody may wait for progress */
    pthread_t writer, applier, keeper;

    /* locked */
    append_list queue;
    append_list parked; /* wait for a full topic */
    bool is_closing, writer_has_ended;
    bool pending_is_crowded; /* the writer waits for the applier */
    bool apply_is_full;      /* the applier waits for room on the disk */
    bool recheck_parked;
    bool disk_is_full; /* the queue waits; full_reason says for what */
    int64_t full_ns;   /* since when */
    int64_t retry_ns;
    weir_error full_reason;
    atomic_bool has_stopped;
    weir_error stop_reason;
    pending_group *pending_first, *pending_last;
    int64_t pending_pieces;
    uint64_t applied_position;    /* all entries below are in their segments */
    uint64_t checkpoint_position; /* and durable there */
    uint64_t applied_bytes;       /* since the store was opened; large ones count, too */
    uint64_t checkpoint_bytes;    /* of them, those behind the checkpoint */
    int64_t checkpoint_ns;        /* when it was made */
    bool checkpoint_is_asked;     /* by store_want_checkpoint, since then */
    int64_t checkpoint_retry_ns;  /* not before, since the last one found no room; 0: it did */
    weir_buf dirty;               /* of segment * */
    size_t max_dirty;             /* so many; constant */
    log_segment *newest, *oldest; /* clean open files */
    size_t clean_count;
    store_topic *doomed; /* deleted, their files not yet removed */
    bool is_kicked;
    uint64_t checkpoint_wanted, checkpoint_done; /* tickets of store_checkpoint_now */
    weir_map *topics;                            /* name -> store_topic */
    weir_map *by_id;                             /* deleted ones included */
    weir_buf sorted;                             /* of store_topic *, by name */
    weir_buf all_topics;                         /* of store_topic *, deleted ones included */
    uint64_t topics_generation;
    weir_map *facts; /* key -> int64_t * */
    store_topic *metadata;
    uint64_t next_serial;
    uint64_t random_state;
    store_stats stats;

    /* writer */
    beside *beside;   /* writes the journal while the writer writes segments; manual mode: NULL */
    weir_buf tables;  /* fronts and pieces of the group's entries */
    weir_buf vectors; /* of struct iovec */
    /* applier */
    weir_buf apply_bytes;
    weir_buf apply_order;
    /* keeper */
    int64_t tended_ns;
};

#endif
