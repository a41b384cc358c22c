/* store_checkpoint.c - makes what was applied durable, records it, and frees the journal.
 *
 * The order is the point: first the segments, and the names of new ones, then the checkpoint, then the
 * journal may be written over. New data may arrive in a segment while it is being synced; the checkpoint
 * says how long it was before.
 */
#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGE_FACTOR = 4, /* 256 MiB are read, and written again, in well under a second */
    IDLE_MS = 60000,  /* what was applied is in a checkpoint after so long at the latest */
    ASKED_MS = 2000,  /* what was asked for is not made more often */
};

/* What is synced, taken under the lock. */
typedef struct snapshot {
    log_checkpoint checkpoint;
    weir_buf segments; /* of segment *, pinned */
    weir_buf topics;   /* of store_topic *, whose directories are new */
    uint64_t applied_bytes;
} snapshot;

bool store_checkpoint_is_due(store *self)
{
    int64_t size = self->options.journal_file_bytes, age_ns;

    if (self->has_stopped || self->applied_position == self->checkpoint_position)
        return false;
    if ((int64_t)(self->applied_position - self->checkpoint_position) >= size / 2)
        return true;
    /* Large appends take little of the journal, but recovery reads all of them. */
    if ((int64_t)(self->applied_bytes - self->checkpoint_bytes) >= size * LARGE_FACTOR)
        return true;
    /* Without much to do, too, or nothing would be old enough for retention. */
    age_ns = self->clock->mono_ns(self->clock) - self->checkpoint_ns;
    if (age_ns >= (int64_t)(self->checkpoint_is_asked ? ASKED_MS : IDLE_MS) * 1000000)
        return true;
    return self->doomed != NULL || self->disk_is_full || journal_is_crowded(self->journal);
}

static void snapshot_partition(snapshot *taken, store_partition *partition)
{
    const log_segment *last = partition->applied;
    checkpoint_partition state = {.partition = partition->number};

    if (last == NULL)
        return;
    memcpy(state.topic_id, partition->topic->id, sizeof(state.topic_id));
    state.next_offset = partition->applied_offset;
    state.segment_base = partition->checkpointed_base = last->base_offset;
    state.segment_bytes = last->applied_bytes;
    state.max_timestamp_ms = last->max_timestamp_ms;
    checkpoint_add(&taken->checkpoint, &state);
}

static void take_snapshot(store *self, snapshot *taken)
{
    taken->checkpoint.generation = self->generation;
    taken->checkpoint.position = self->applied_position;
    taken->applied_bytes = self->applied_bytes;
    memcpy(taken->checkpoint.log_id, self->id, sizeof(self->id));
    for (size_t i = 0; i < self->dirty.len / sizeof(log_segment *); i++) {
        log_segment *segment;

        memcpy(&segment, self->dirty.ptr + i * sizeof(segment), sizeof(segment));
        segment_hold(segment);
        segment->is_dirty = false;
    }
    taken->segments = self->dirty;
    self->dirty = (weir_buf){0};
    for (size_t i = 0; i < self->all_topics.len / sizeof(store_topic *); i++) {
        store_topic *topic;

        memcpy(&topic, self->all_topics.ptr + i * sizeof(topic), sizeof(topic));
        if (self->metadata->partitions[0].applied_offset > topic->deletion_offset)
            continue; /* what recovery finds in a checkpoint is defined */
        if (topic->dirs_are_new)
            weir_buf_add(&taken->topics, &topic, sizeof(topic));
        for (int32_t j = 0; j < topic->info.config.partitions; j++)
            snapshot_partition(taken, &topic->partitions[j]);
    }
}

static weir_code sync_segment(store *self, log_segment *segment, weir_error *err)
{
    char dir[STORE_PATH_BYTES];
    bool is_new;

    pthread_mutex_lock(&self->lock);
    is_new = segment->is_new || segment->has_new_index;
    segment->has_new_index = false;
    pthread_mutex_unlock(&self->lock);
    if (segment_sync(segment, err) !=
        WEIR_OK) /* its file is open: it was dirty since it was written */
        return err->code;
    if (!is_new)
        return WEIR_OK;
    partition_dir(segment->partition, dir);
    if (disk_sync_dir(self->disk, dir, err) != WEIR_OK)
        return err->code;
    /* Not before: the writer, with a large append to this segment, relies on it. */
    pthread_mutex_lock(&self->lock);
    segment->is_new = false;
    pthread_mutex_unlock(&self->lock);
    return WEIR_OK;
}

static weir_code sync_snapshot(store *self, const snapshot *taken, weir_error *err)
{
    for (size_t at = 0; at < taken->topics.len; at += sizeof(store_topic *)) {
        store_topic *topic;

        memcpy(&topic, taken->topics.ptr + at, sizeof(topic));
        if (topics_sync_dirs(topic, err) != WEIR_OK)
            return err->code;
        pthread_mutex_lock(&self->lock);
        topic->dirs_are_new = false;
        pthread_mutex_unlock(&self->lock);
    }
    for (size_t at = 0; at < taken->segments.len; at += sizeof(log_segment *)) {
        log_segment *segment;

        memcpy(&segment, taken->segments.ptr + at, sizeof(segment));
        if (sync_segment(self, segment, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static void unpin_all(const weir_buf *segments)
{
    for (size_t at = 0; at < segments->len; at += sizeof(log_segment *)) {
        log_segment *segment;

        memcpy(&segment, segments->ptr + at, sizeof(segment));
        segment_unpin(segment);
    }
}

/* --- Before a checkpoint -------------------------------------------------------------------- */

/* Locked. The older half of the segments that wait for a sync, when they are too many. */
static void take_early(store *self, weir_buf *taken)
{
    size_t count = self->dirty.len / sizeof(log_segment *);

    for (size_t i = 0; count > self->max_dirty && i < (count + 1) / 2; i++) {
        log_segment *segment;

        memcpy(&segment, self->dirty.ptr + i * sizeof(segment), sizeof(segment));
        segment_hold(segment);
        segment->is_early = true;
        segment->is_written = false;
        weir_buf_add(taken, &segment, sizeof(segment));
    }
}

/* Locked. They leave the list if nothing was written to them meanwhile; a checkpoint that took them before syncs them
 * once more. */
static void leave_early(store *self, const weir_buf *taken)
{
    size_t left = 0;

    for (size_t at = 0; at < self->dirty.len; at += sizeof(log_segment *)) {
        log_segment *segment;

        memcpy(&segment, self->dirty.ptr + at, sizeof(segment));
        if (segment->is_early && !segment->is_written) {
            segment->is_dirty = false; /* and is closed with its last pin, or kept as a clean one */
            continue;
        }
        memcpy(self->dirty.ptr + left, &segment, sizeof(segment));
        left += sizeof(segment);
    }
    self->dirty.len = left;
    for (size_t at = 0; at < taken->len; at += sizeof(log_segment *)) {
        log_segment *segment;

        memcpy(&segment, taken->ptr + at, sizeof(segment));
        segment->is_early = false;
    }
}

weir_code store_bound_dirty(store *self, weir_error *err)
{
    weir_buf taken = {0};
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&self->lock);
    take_early(self, &taken);
    pthread_mutex_unlock(&self->lock);
    if (taken.len == 0)
        return WEIR_OK;
    for (size_t at = 0; at < taken.len && code == WEIR_OK; at += sizeof(log_segment *)) {
        log_segment *segment;

        memcpy(&segment, taken.ptr + at, sizeof(segment));
        code = sync_segment(self, segment, err);
    }
    if (code == WEIR_RETRY)
        err->code = code = WEIR_FATAL; /* as in a checkpoint */
    if (code == WEIR_OK) {
        pthread_mutex_lock(&self->lock);
        leave_early(self, &taken);
        pthread_mutex_unlock(&self->lock);
    }
    unpin_all(&taken);
    weir_buf_done(&taken);
    return code;
}

/* --- The checkpoint ------------------------------------------------------------------------- */

/* Locked. */
static void mark_partition(store_partition *partition)
{
    for (size_t k = partition_segment_count(partition); k > 0; k--) {
        log_segment *segment = partition_segment(partition, k - 1);

        if (segment->is_checkpointed)
            break; /* and so are all before it */
        /* By what the checkpoint says: the applier may have gone on to another one. */
        segment->is_checkpointed = segment->is_final && !segment->is_dirty &&
                                   (PLANTED(PLANT_LAST_SEGMENT_FREED)
                                        ? segment != partition->applied
                                        : segment->base_offset < partition->checkpointed_base);
    }
}

/* Locked. Segments that are complete and durable may be removed or replaced from now on. */
static void mark_checkpointed(store *self)
{
    for (size_t i = 0; i < self->all_topics.len / sizeof(store_topic *); i++) {
        store_topic *topic;

        memcpy(&topic, self->all_topics.ptr + i * sizeof(topic), sizeof(topic));
        for (int32_t j = 0; j < topic->info.config.partitions; j++)
            mark_partition(&topic->partitions[j]);
    }
}

static void note_checkpoint(store *self, const snapshot *taken)
{
    pthread_mutex_lock(&self->lock);
    self->checkpoint_position = taken->checkpoint.position;
    self->checkpoint_bytes = taken->applied_bytes;
    self->checkpoint_ns = self->clock->mono_ns(self->clock);
    self->stats.checkpoints++;
    self->checkpoint_is_asked = false;
    mark_checkpointed(self);
    pthread_mutex_unlock(&self->lock);
    journal_free_below(self->journal, taken->checkpoint.position);
    pthread_mutex_lock(&self->lock);
    pthread_cond_signal(&self->to_write); /* it may have waited for room in the journal */
    self->retry_ns = 0;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

/* Locked. */
static void drop_all_segments(store_topic *topic)
{
    for (int32_t i = 0; i < topic->info.config.partitions; i++) {
        store_partition *partition = &topic->partitions[i];

        topic->dirs_are_new = false;
        partition->applied = NULL;
        while (partition_segment_count(partition) > 0) {
            log_segment *segment = partition_segment(partition, 0);

            partition_drop_segment(partition, 0);
            segment_remove(segment);
        }
    }
}

/* Takes a topic whose deletion is behind the checkpoint off the list; NULL when there is none. */
static store_topic *take_doomed(store *self, uint64_t position)
{
    store_topic **at = &self->doomed, *topic;

    pthread_mutex_lock(&self->lock);
    while (*at != NULL && (*at)->deleted_at > position)
        at = &(*at)->next_doomed;
    topic = *at;
    if (topic != NULL) {
        *at = topic->next_doomed;
        drop_all_segments(topic);
    }
    pthread_mutex_unlock(&self->lock);
    return topic;
}

/* Removes the files of topics whose deletion is behind the checkpoint. */
static weir_code remove_doomed(store *self, uint64_t position, weir_error *err)
{
    store_topic *topic;

    while ((topic = take_doomed(self, position)) != NULL)
        if (topics_remove_dir(self, topic->dir, err) != WEIR_OK)
            return err->code;
    return WEIR_OK;
}

weir_code store_make_checkpoint(store *self, weir_error *err)
{
    snapshot taken = {0};
    weir_code code;

    pthread_mutex_lock(&self->lock);
    take_snapshot(self, &taken);
    pthread_mutex_unlock(&self->lock);
    code = PLANTED(PLANT_CHECKPOINT_FIRST)
               ? checkpoint_write(&taken.checkpoint, self->disk, self->path, err)
               : WEIR_OK;
    if (code == WEIR_OK)
        code = sync_snapshot(self, &taken, err);
    if (code == WEIR_RETRY)
        err->code = code = WEIR_FATAL; /* data that was applied found no room: it is lost */
    if (code == WEIR_OK)
        code = checkpoint_write(&taken.checkpoint, self->disk, self->path, err);
    if (code == WEIR_OK)
        note_checkpoint(self, &taken);
    else if (code != WEIR_RETRY) /* a full disk: the last checkpoint stands, the next may succeed */
        store_stop(self, err);
    unpin_all(&taken.segments);
    weir_buf_done(&taken.segments);
    weir_buf_done(&taken.topics);
    if (code == WEIR_OK)
        code = remove_doomed(self, taken.checkpoint.position, err);
    checkpoint_done(&taken.checkpoint);
    return code;
}
