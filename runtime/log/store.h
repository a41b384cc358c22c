/* store.h - the embedded log below the worker's interface: raw record batches, one directory.
 *
 * A store keeps topics of partitions; a partition is a sequence of record batches (wire/record_batch.h)
 * in segments. An **append** is one atomic entry: batches for any number of partitions that become
 * durable and readable together. It is written to the journal (journal.h), which is the commit point; in
 * the background an applier copies entries into the segments, and a keeper makes checkpoints, which free
 * the journal. What is committed but not yet in a segment is read from the journal.
 *
 *     PATH/format                    version and identity of the log
 *     PATH/lock                      held by the one process that has it open
 *     PATH/checkpoint                where recovery begins: journal position, sizes of segments
 *     PATH/journal-NNN               written once with zeros, then recycled
 *     PATH/topics/NAME-UUID/PARTITION/OFFSET.log, .index, .timeindex
 *
 * The definitions of topics are records of the internal topic `__weir_metadata`, which is always there.
 * Topics whose names begin with "__", and `_schemas`, are internal: never trimmed; compacted if their makers say so.
 *
 * Threads: any, for all functions, except where it says otherwise. Handles (store_topic,
 * store_partition) live until store_close, also when the topic is deleted: then using them is refused.
 * Errors: WEIR_FATAL with the words "the log has stopped" after a failed write or sync; nothing is
 * acknowledged any more, reading goes on.
 */
#ifndef RUNTIME_LOG_STORE_H
#define RUNTIME_LOG_STORE_H

#include "runtime/base/clock.h"
#include "runtime/base/disk.h"
#include "runtime/log/log.h"
#include "weir/buf.h"

typedef struct store store;
typedef struct store_topic store_topic;
typedef struct store_partition store_partition;
typedef struct store_lane store_lane;
typedef struct store_append store_append;

typedef struct store_options {
    const char *path;           /* the directory; it is made when it is not there */
    disk *disk;                 /* NULL: disk_posix() */
    clock_source *clock;        /* NULL: clock_system() */
    int32_t sync_interval_ms;   /* durability: 0 sync; else entries are gathered for so long */
    int64_t journal_file_bytes; /* 0: 64 MiB */
    int64_t segment_bytes;      /* 0: 64 MiB; smaller where retention.bytes is small */
    int64_t large_bytes; /* 0: 256 KiB; so much for one partition goes to its segment at once */
    int32_t give_up_ms;  /* 0: 5 s; appends that give up wait no longer for a full disk */
    int32_t dirty_files; /* open because not synced; 0: a quarter of what the system allows */
    uint64_t seed;       /* of identities; 0: from the operating system */
    /* No threads: everything is done by store_step, or by the call that waits for it. */
    bool manual;
    /* Called by the keeper about once a second and after store_kick, without locks: retention and
     * compaction (retention.h, compact.h). */
    void (*tend)(store *store, void *context);
    void *tend_context;
} store_options;

/* Opens the directory, recovers, starts the threads. WEIR_CONFIG: locked by another worker, of a newer
 * format, not readable or writable. WEIR_FATAL: corrupted; the message names file and offset. */
WEIR_MUST_CHECK weir_code store_open(const store_options *options, store **out, weir_error *err);

/* Ends the threads after what was queued is durable, and makes a checkpoint. What waits for room is
 * ended with an error. All lanes and watches were closed. NULL is fine. */
void store_close(store *store);

/* One unit of background work, in manual mode only; true when there was something to do. */
typedef enum store_work {
    STORE_WRITE,      /* one group of queued entries into the journal: write, sync, complete */
    STORE_APPLY,      /* some committed entries into their segments */
    STORE_CHECKPOINT, /* sync the segments, record it, free the journal */
    STORE_TEND,       /* options.tend */
} store_work;
bool store_step(store *store, store_work work);

/* The identity of the log: a UUID as text. */
const char *store_id(const store *store);
/* True when it has stopped; err, which may be NULL, says why. */
bool store_has_stopped(store *store, weir_error *err);
clock_source *store_clock(const store *store);

/* --- Topics --------------------------------------------------------------------------------- */

/* As log_topic_create and its neighbours in log.h say. Create and delete are durable when they return. Like facts,
 * they do not wait for a full disk for long: WEIR_RETRY. */
WEIR_MUST_CHECK weir_code store_topic_create(store *store, weir_str name,
                                             const log_topic_config *config, weir_error *err);
WEIR_MUST_CHECK weir_code store_topic_delete(store *store, weir_str name, weir_error *err);
store_topic *store_topic_find(store *store, weir_str name); /* NULL: there is none */
/* The first topic whose name is greater than after; NULL at the end. */
store_topic *store_topic_next(store *store, weir_str after);
uint64_t store_topics_generation(store *store);
/* Immutable, lives as long as the store. */
const log_topic *store_topic_info(const store_topic *topic);
bool store_topic_is_internal(const store_topic *topic);

/* NULL when the topic has no such partition. */
store_partition *store_partition_at(store_topic *topic, int32_t partition);
store_topic *store_partition_topic(const store_partition *partition);
int32_t store_partition_number(const store_partition *partition);

/* Small facts that are kept with the topics' definitions (the epochs of writers): durable when put
 * returns. get returns the number, or otherwise. Keys: at most 255 bytes. */
WEIR_MUST_CHECK weir_code store_fact_put(store *store, weir_str key, int64_t value,
                                         weir_error *err);
int64_t store_fact_get(store *store, weir_str key, int64_t otherwise);

/* --- Appending ------------------------------------------------------------------------------ */

/* Appends of one lane are committed in their order, also when one of them waits for a full topic; those
 * of other lanes pass it. When one of them fails, so do all later ones. */
store_lane *store_lane_open(store *store);
/* Ends appends that are not being written yet (code WEIR_RETRY), waits for those that are, refuses later ones. */
void store_lane_end(store *store, store_lane *lane);
void store_lane_close(store *store, store_lane *lane); /* ends and frees it; NULL is fine */
/* True while an append of the lane waits for room; reason, which may be NULL, says for what. */
bool store_lane_is_full(store *store, store_lane *lane, weir_buf *reason);

/* Whole batches, back to back, for one partition. Base offsets and leader epochs are set in place. */
typedef struct store_piece {
    store_partition *partition;
    char *bytes;
    size_t size;
    int64_t base_offset; /* result: of the first record */
    int64_t last_offset; /* result */
    bool is_large;       /* the store's own */
} store_piece;

/* An append on its way: the caller fills the first part, and nothing of it, pieces and bytes included,
 * is touched until done is called: by the writer thread (or the submitter), without locks; it must not
 * block. From then on the append belongs to the caller again. */
struct store_append {
    store_piece *pieces;
    size_t piece_count; /* 1 or more */
    store_lane *lane;   /* NULL: none */
    bool gives_up;      /* does not wait for long while the disk is full */
    void (*done)(store_append *append);
    void *context;

    /* OK: durable and readable; RETRY: closed, or given up; REJECT: no whole batches, deleted topic */
    weir_code code;
    weir_error err;

    store_append *next; /* the store's own from here */
    size_t size_bytes;
    int64_t queued_ns;
};
void store_submit(store *store, store_append *append);
/* Submits and waits for the end, but gives up; done and context are not looked at. */
WEIR_MUST_CHECK weir_code store_append_now(store *store, store_append *append, weir_error *err);

#endif
