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
#include "runtime/log/checkpoint.h"
#include "runtime/log/index.h"
#include "runtime/log/journal.h"
#include "runtime/log/store.h"
#include "runtime/log/store_keep.h"
#include "weir/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    STORE_PATH_BYTES = 4096,
    STORE_MAX_PATH_BYTES = 3000, /* of the directory; the rest is for names below it */
    STORE_ID_BYTES = 16,
    INDEX_INTERVAL_BYTES = 16384, /* of a segment, between two pairs of its index */
    CLEAN_FILES = 256,            /* segment files kept open though they are not written to */
};

typedef struct log_segment {
    store_partition *partition;
    int64_t base_offset;
    uint64_t serial; /* in order of making, for sorting */

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
    bool is_new;          /* its name is not synced: cleared behind the sync, not before */
    bool has_new_index;   /* its index files were written since the keeper took it */
    bool is_replaced;     /* another takes its name: index files are that one's */
    bool is_removed;      /* freed with the last pin */
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
    int64_t group_bytes; /* in the group that is being made, by appends to this partition alone */

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
    bool dirs_are_new; /* locked: their names are not synced */
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
    bool recheck_parked;
    bool disk_is_full; /* the queue waits; full_reason says for what */
    int64_t retry_ns;
    weir_error full_reason;
    atomic_bool has_stopped;
    weir_error stop_reason;
    pending_group *pending_first, *pending_last;
    int64_t pending_pieces;
    uint64_t applied_position;    /* all entries below are in their segments */
    uint64_t checkpoint_position; /* and durable there */
    int64_t checkpoint_ns;        /* when it was made */
    int64_t checkpoint_retry_ns;  /* not before, since the last one found no room; 0: it did */
    weir_buf dirty;               /* of segment * */
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

/* Stops the log: the first reason is kept. Takes the lock. */
void store_stop(store *store, const weir_error *reason);

/* Makes up an identity: 16 bytes, and as text. */
void store_new_id(store *store, uint8_t *id);
void store_id_text(const uint8_t *id, char *text);
bool store_id_parse(weir_str text, uint8_t *id);

/* --- store_segment.c: files of segments ----------------------------------------------------- */

void segment_path(const log_segment *segment, const char *suffix, char *path);
/* A segment that nothing knows yet. Its file is made by the first pin. */
log_segment *segment_new(store_partition *partition, int64_t base_offset);
/* Its file, opened (and made) when it is not; unpin when done with it. */
WEIR_MUST_CHECK weir_code segment_pin(log_segment *segment, disk_file **file, weir_error *err);
/* Locked: keeps it, and its file when that is open, until the unpin. */
void segment_hold(log_segment *segment);
void segment_unpin(log_segment *segment);
/* Locked: it has data that is not synced. */
void segment_mark_dirty(log_segment *segment);
/* Locked: takes it out of everything; its memory goes with the last pin. */
void segment_remove(log_segment *segment);
void segment_free(log_segment *segment);
/* Reads the headers of all batches in the first size bytes and builds the indexes, which may be NULL, and
 * the facts. WEIR_FATAL: they are no batches, or out of order; the message names file and offset. */
WEIR_MUST_CHECK weir_code segment_index(log_segment *segment, int64_t size, sparse_index *offsets,
                                        sparse_index *times, index_facts *facts, weir_error *err);

/* --- store_partition.c: lists, under lock --------------------------------------------------- */

size_t partition_segment_count(const store_partition *partition);
log_segment *partition_segment(const store_partition *partition, size_t i);
/* The last segment whose base is at or below offset, else the first; -1 when there is none. */
ptrdiff_t partition_find(const store_partition *partition, int64_t offset);
void partition_add_segment(store_partition *partition, log_segment *segment);
void partition_insert_segment(store_partition *partition, size_t i, log_segment *segment);
void partition_drop_segment(store_partition *partition, size_t i);
int64_t partition_end_of(const store_partition *partition, size_t i);
void partition_push(store_partition *partition, const log_extent *extent);
/* Takes the first extent off the tail. */
void partition_pop(store_partition *partition);
const log_extent *partition_tail(const store_partition *partition, int64_t offset);
int64_t partition_held(const store_partition *partition, const char **holder);
/* True when an append of size bytes must wait; reason says why. */
bool partition_is_full(const store_partition *partition, int64_t size, weir_buf *reason);
int64_t partition_segment_bytes(const store_partition *partition);
void partition_done(store_partition *partition);
void partition_dir(const store_partition *partition, char *path);

/* --- store_topics.c ------------------------------------------------------------------------- */

extern const uint8_t STORE_METADATA_ID[STORE_ID_BYTES];

/* Makes the table with the internal topic of definitions in it. */
void topics_init(store *store);
void topics_done(store *store);
/* Any state: the topic with an identity, NULL when there is none. Recovery only. */
store_topic *topics_by_id(store *store, const uint8_t *id);
/* Recovery: takes in what records of the metadata topic say. */
WEIR_MUST_CHECK weir_code topics_replay(store *store, weir_str batches, weir_error *err);
WEIR_MUST_CHECK weir_code topics_make_dirs(store_topic *topic, weir_error *err);
WEIR_MUST_CHECK weir_code topics_sync_dirs(store_topic *topic, weir_error *err);
WEIR_MUST_CHECK weir_code topics_remove_dir(store *store, const char *name, weir_error *err);

/* --- The threads' work ---------------------------------------------------------------------- */

/* store_write.c; true when something was done */
bool store_write_group(store *store);
void store_fail_queue(store *store);
/* store_apply.c */
bool store_apply_group(store *store);
/* Adds a piece to the indexes of its segment. Locked. */
void segment_index_piece(log_segment *segment, const pending_piece *piece);
/* Writes the index files of a sealed segment whose data is all there. */
WEIR_MUST_CHECK weir_code segment_finish(log_segment *segment, weir_error *err);
/* store_checkpoint.c */
bool store_checkpoint_is_due(store *store); /* locked */
WEIR_MUST_CHECK weir_code store_make_checkpoint(store *store, weir_error *err);
/* store_keep.c: removes the files of a segment, durably */
WEIR_MUST_CHECK weir_code store_unlink_segment(store_partition *partition, int64_t base_offset,
                                               weir_error *err);
/* WEIR_RETRY: a removal has failed, so which files are there is not known. Removing younger ones could leave a
 * hole, or bring back what was replaced. */
WEIR_MUST_CHECK weir_code store_may_remove(const store_partition *partition, weir_error *err);
WEIR_MUST_CHECK weir_code store_unlink_if_there(disk *disk, const char *path, weir_error *err);
/* store_recover.c: checkpoint, topics, segments, journal */
WEIR_MUST_CHECK weir_code store_recover(store *store, weir_error *err);
/* store_format.c: the files format and lock */
WEIR_MUST_CHECK weir_code store_claim(store *store, weir_error *err);

/* --- Waiting -------------------------------------------------------------------------------- */

void store_cond_init(pthread_cond_t *condition);
/* A moment from now, for conditions made by store_cond_init. */
void store_deadline(struct timespec *deadline, int64_t timeout_ms);
/* Locked: moves the appends of a lane that no group has taken yet to out. */
void store_take_lane(store *store, const store_lane *lane, append_list *out);
/* Not locked: ends appends that are in no list any more. */
void store_end_appends(store *store, append_list *list, weir_code code, const weir_error *reason);

#endif
