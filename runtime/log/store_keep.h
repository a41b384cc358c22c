/* store_keep.h - what retention, compaction and the tools need of the store, beside store.h.
 *
 * The store knows how files are removed and replaced so that a crash at any point does no harm; what to
 * remove and what to keep is decided by
 *
 *     retention.h: void retention_run(store *store, int64_t now_ms);
 *     compact.h:   void compact_run(store *store, int64_t now_ms);
 *
 * which the embedded log (embedded.c) calls from options.tend, on the keeper's thread; both step through
 * the topics with store_topic_next. retention_run does nothing for internal topics and for compacted ones;
 * compact_run does nothing for others. Functions here: any thread, unless they say "keeper", which is
 * options.tend, or the thread that steps a manual store.
 */
#ifndef RUNTIME_LOG_STORE_KEEP_H
#define RUNTIME_LOG_STORE_KEEP_H

#include "runtime/log/store.h"
#include "runtime/log/store_read.h"

/* --- Holds ---------------------------------------------------------------------------------- */

/* As log_hold: keeps everything from offset on for holder; offset -1 gives it up. */
void store_hold(store *store, weir_str holder, store_partition *partition, int64_t offset);
/* The lowest held offset; INT64_MAX when nobody holds. holder, which may be NULL, gets who it is. */
int64_t store_held_offset(store *store, store_partition *partition, weir_buf *holder);
/* Has options.tend called soon. */
void store_kick(store *store);

/* --- Segments ------------------------------------------------------------------------------- */

typedef struct store_segment_info {
    int64_t base_offset;
    int64_t end_offset; /* base of the next one; of the last: the partition's end */
    int64_t size_bytes;
    int64_t max_timestamp_ms; /* the largest of its records; -1 when it has none */
    bool is_sealed; /* not the last, and wholly behind a checkpoint: may be trimmed or replaced */
    bool is_last;   /* appends go there */
} store_segment_info;

/* The segment that holds offset, or the first one above; false when there is none. Steps:
 * `for (at = start; store_segment_at(p, at, &s, &err); at = s.end_offset)`. */
bool store_segment_at(store_partition *partition, int64_t offset, store_segment_info *out);

/* Keeper. Removes sealed segments that end at or below up_to, oldest first. Stops at holds unless
 * ignore_holds. *start gets the new start offset. */
WEIR_MUST_CHECK weir_code store_trim(store_partition *partition, int64_t up_to, bool ignore_holds,
                                     int64_t *start, weir_error *err);

/* Keeper. Closes the last segment so that it can be trimmed or compacted: the next append begins a new
 * one. Takes effect with a later checkpoint. Nothing happens when it is empty. */
void store_roll(store_partition *partition);

/* --- Replacing ------------------------------------------------------------------------------ */

/* Keeper. A rewrite makes one segment out of the sealed segments from first_base to below end_offset.
 * Batches are added in the order of their offsets, which they keep (gaps are fine: the topic is compacted). Until end, readers
 * see the old ones. Each begin has one end or abort. */
typedef struct store_rewrite store_rewrite;

WEIR_MUST_CHECK weir_code store_rewrite_begin(store_partition *partition, int64_t first_base,
                                              int64_t end_offset, store_rewrite **out,
                                              weir_error *err);
WEIR_MUST_CHECK weir_code store_rewrite_add(store_rewrite *rewrite, weir_str batch,
                                            weir_error *err);
/* Makes the new segment durable and puts it in place. Frees the rewrite in any case. */
WEIR_MUST_CHECK weir_code store_rewrite_end(store_rewrite *rewrite, weir_error *err);
void store_rewrite_abort(store_rewrite *rewrite);

/* --- Checking ------------------------------------------------------------------------------- */

/* For `weir log verify`: the files of a segment, against each other. Batches are read with store_read,
 * which checks their CRCs; this checks that the indexes say what the segment says. WEIR_FATAL: damaged,
 * with file and position. */
WEIR_MUST_CHECK weir_code store_verify_segment(store_partition *partition, int64_t base_offset,
                                               weir_error *err);

/* Keeper. Has a checkpoint made within seconds, not within a minute: there is something to remove or to replace that
 * waits for it. Does not wait. */
void store_want_checkpoint(store *store);
/* Has a checkpoint made now, and waits for it. */
WEIR_MUST_CHECK weir_code store_checkpoint_now(store *store, weir_error *err);

/* Counters since the store was opened, for metrics and tests. */
typedef struct store_stats {
    uint64_t entries, bytes; /* committed */
    uint64_t groups;         /* syncs of the journal */
    uint64_t large_pieces;   /* written to their segment at once */
    uint64_t checkpoints;
    uint64_t journal_bytes; /* not yet freed */
    uint64_t replayed;      /* entries that recovery applied */
} store_stats;

void store_get_stats(store *store, store_stats *out);

#endif
