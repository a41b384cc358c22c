/* store_work.h - what the files of the store do for one another; store_state.h says which thread may call what. */
#ifndef RUNTIME_LOG_STORE_WORK_H
#define RUNTIME_LOG_STORE_WORK_H

#include "runtime/log/store_state.h"

#include <time.h>

/* Stops the log: the first reason is kept. Takes the lock. */
void store_stop(store *store, const weir_error *reason);

/* Makes up an identity: 16 bytes, and as text. */
void store_new_id(store *store, uint8_t *id);
void store_id_text(const uint8_t *id, char *text);
bool store_id_parse(weir_str text, uint8_t *id);

/* --- store_segment.c: files of segments ----------------------------------------------------- */

void segment_path(const log_segment *segment, const char *suffix, char *path);
/* The base offset in the name of a segment's file; -1 when it is no such name. */
int64_t segment_base_of(const char *name);
/* For disk_list: adds the base offset of a segment's .log file to a weir_buf. */
void segment_note_base(void *context, const char *name);
/* A segment that nothing knows yet. Its file is made by the first pin. */
log_segment *segment_new(store_partition *partition, int64_t base_offset);
/* Its file, opened (and made) when it is not; unpin when done with it. */
WEIR_MUST_CHECK weir_code segment_pin(log_segment *segment, disk_file **file, weir_error *err);
/* Locked: keeps it, and its file when that is open, until the unpin. */
void segment_hold(log_segment *segment);
void segment_unpin(log_segment *segment);
/* Locked: it has data that is not synced. */
void segment_mark_dirty(log_segment *segment);
/* Makes what was written to a pinned one durable. WEIR_FATAL also when another thread's sync of it failed: that one was
 * told, this one's may have succeeded with nothing left to write. */
WEIR_MUST_CHECK weir_code segment_sync(log_segment *pinned, weir_error *err);
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
/* Recovery: what was found is the last one. */
void partition_take_segment(store_partition *partition, log_segment *added);
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

/* --- store_table.c -------------------------------------------------------------------------- */

extern const uint8_t STORE_METADATA_ID[STORE_ID_BYTES];

/* Makes the table with the internal topic of definitions in it. */
void topics_init(store *store);
void topics_done(store *store);
/* Any state: the topic with an identity, NULL when there is none. Recovery only. */
store_topic *topics_by_id(store *store, const uint8_t *id);
/* store_topics.c, recovery: takes in what records of the metadata topic say. */
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
/* Applier, recovery: syncs segments when too many files are open because they wait for that. */
WEIR_MUST_CHECK weir_code store_bound_dirty(store *store, weir_error *err);
WEIR_MUST_CHECK weir_code store_make_checkpoint(store *store, weir_error *err);
/* store_keep.c: removes the files of a segment, durably */
WEIR_MUST_CHECK weir_code store_unlink_segment(store_partition *partition, int64_t base_offset,
                                               weir_error *err);
/* WEIR_RETRY: a removal has failed, so which files are there is not known. Removing younger ones could leave a
 * hole, or bring back what was replaced. */
WEIR_MUST_CHECK weir_code store_may_remove(const store_partition *partition, weir_error *err);
WEIR_MUST_CHECK weir_code store_unlink_if_there(disk *disk, const char *path, weir_error *err);
/* store_recover.c: checkpoint, topics, segments */
WEIR_MUST_CHECK weir_code store_recover(store *store, weir_error *err);
/* store_replay.c: the journal, from where the checkpoint ends */
WEIR_MUST_CHECK weir_code store_replay(store *store, const log_checkpoint *checkpoint,
                                       weir_error *err);
/* store_format.c: the files format and lock */
WEIR_MUST_CHECK weir_code store_claim(store *store, weir_error *err);

/* --- Waiting -------------------------------------------------------------------------------- */

void store_cond_init(pthread_cond_t *condition);
/* Locked: moves the appends of a lane that no group has taken yet to out. */
void store_take_lane(store *store, const store_lane *lane, append_list *out);
/* Not locked: ends appends that are in no list any more. */
void store_end_appends(store *store, append_list *list, weir_code code, const weir_error *reason);

#endif
