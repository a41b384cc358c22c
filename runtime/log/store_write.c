/* store_write.c - the writer: from queued appends to durable, readable ones.
 *
 * A group is what was queued while the last one was being synced. Its appends get offsets and places in
 * segments in their order; then one write and one sync of the journal make the group durable. Of large
 * pieces the journal has only the place and the CRC: their bytes are written into their segments, and
 * those are synced at the same time as the journal. Only when all of it is durable the group is published,
 * and each append is told. After a crash in between, recovery finds that the bytes do not match the CRC.
 */
#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/log/store_group.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PENDING_PIECES = 65536 }; /* on their way to segments, before the writer waits */

/* --- Writing -------------------------------------------------------------------------------- */

/* The entry's front and pieces into the store's tables; where it will lie is known. */
static void encode_entry(store *self, const planned *plan, const pending_piece *pieces,
                         uint64_t position)
{
    journal_entry front = {.magic = JOURNAL_ENTRY_MAGIC,
                           .generation = self->generation,
                           .position = position,
                           .synced = journal_position(self->journal),
                           .piece_count = (uint32_t)plan->append->piece_count};
    size_t start = self->tables.len;
    size_t table = sizeof(front) + plan->append->piece_count * sizeof(journal_piece);
    size_t skip = offsetof(journal_entry, generation);
    uint32_t crc;

    front.length = table;
    for (size_t i = 0; i < plan->append->piece_count; i++)
        front.length += plan->append->pieces[i].is_large ? 0 : plan->append->pieces[i].size;
    weir_buf_add(&self->tables, &front, sizeof(front));
    for (size_t i = 0; i < plan->append->piece_count; i++) {
        const store_partition *partition = pieces[i].segment->partition;
        const store_piece *from = &plan->append->pieces[i];
        journal_piece piece = {.partition = partition->number,
                               .flags = from->is_large ? JOURNAL_LARGE : 0,
                               .base_offset = pieces[i].base_offset,
                               .last_offset = pieces[i].last_offset,
                               .segment_base = pieces[i].segment->base_offset,
                               .segment_at = pieces[i].segment_at,
                               .size = pieces[i].size,
                               .max_timestamp_ms = pieces[i].max_timestamp_ms};

        memcpy(piece.topic_id, partition->topic->id, sizeof(piece.topic_id));
        piece.crc = from->is_large ? crc32c(0, from->bytes, from->size) : 0;
        weir_buf_add(&self->tables, &piece, sizeof(piece));
    }
    crc = crc32c(0, self->tables.ptr + start + skip, table - skip);
    for (size_t i = 0; i < plan->append->piece_count; i++) {
        const store_piece *piece = &plan->append->pieces[i];

        if (!piece->is_large)
            crc = crc32c(crc, piece->bytes, piece->size);
    }
    memcpy(self->tables.ptr + start + offsetof(journal_entry, crc), &crc, sizeof(crc));
}

static void add_vector(store *self, const void *bytes, size_t size)
{
    struct iovec vector = {(void *)bytes, size};

    if (size > 0)
        weir_buf_add(&self->vectors, &vector, sizeof(vector));
}

/* The group's entries as one list of buffers; encodes them on the way. */
static void gather(store *self, append_group *group)
{
    static const char ZEROS[JOURNAL_ALIGN];
    pending_piece *pieces = group->pending->pieces;
    uint64_t position = group->pending->position;
    size_t tables_size = group_plan_count(group) * sizeof(journal_entry) +
                         group->piece_count * sizeof(journal_piece);

    weir_buf_clear(&self->tables);
    weir_buf_clear(&self->vectors);
    weir_buf_reserve(&self->tables, tables_size); /* so that it does not move */
    for (size_t i = 0; i < group_plan_count(group); i++) {
        const planned *plan = group_plan_at(group, i);
        size_t start = self->tables.len, table;
        uint64_t size;

        encode_entry(self, plan, pieces, position);
        table = self->tables.len - start;
        size = table;
        add_vector(self, self->tables.ptr + start, table);
        for (size_t j = 0; j < plan->append->piece_count; j++) {
            const store_piece *piece = &plan->append->pieces[j];

            if (piece->is_large)
                continue;
            pieces[j].file_at =
                group->pending->file_at + (int64_t)(position - group->pending->position + size);
            add_vector(self, piece->bytes, piece->size);
            size += piece->size;
        }
        add_vector(self, ZEROS, plan->journal_bytes - size);
        pieces += plan->append->piece_count;
        position += plan->journal_bytes;
    }
    assert(self->tables.len == tables_size);
}

static weir_code write_piece(const store_piece *piece, const pending_piece *pending,
                             weir_error *err)
{
    struct iovec buffer = {piece->bytes, piece->size};
    log_segment *segment = pending->segment;
    store *self = segment->partition->topic->store;
    disk_file *file;
    weir_code code;

    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = disk_pwritev(file, &buffer, 1, pending->segment_at, err);
    pthread_mutex_lock(&self->lock);
    segment_mark_dirty(segment);
    pthread_mutex_unlock(&self->lock);
    segment_unpin(segment);
    return code;
}

/* Syncs a segment, and its name when that is new. */
static weir_code sync_segment(store *self, log_segment *segment, weir_error *err)
{
    char dir[STORE_PATH_BYTES];
    store_topic *topic = segment->partition->topic;
    bool is_new, dirs_are_new;
    disk_file *file;
    weir_code code;

    if (PLANTED(PLANT_OFFSET_AHEAD))
        return WEIR_OK;
    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = segment_sync(segment, err);
    segment_unpin(segment);
    pthread_mutex_lock(&self->lock); /* the keeper may be syncing the same names */
    is_new = segment->is_new;
    dirs_are_new = topic->dirs_are_new;
    pthread_mutex_unlock(&self->lock);
    if (code != WEIR_OK || !is_new)
        return code;
    if (dirs_are_new) {
        if (topics_sync_dirs(topic, err) != WEIR_OK)
            return err->code;
        pthread_mutex_lock(&self->lock);
        topic->dirs_are_new = false;
        pthread_mutex_unlock(&self->lock);
    }
    partition_dir(segment->partition, dir);
    if (disk_sync_dir(self->disk, dir, err) != WEIR_OK)
        return err->code;
    pthread_mutex_lock(&self->lock);
    segment->is_new = false;
    pthread_mutex_unlock(&self->lock);
    return WEIR_OK;
}

/* The bytes of large pieces become durable in the segments. */
static weir_code write_large(store *self, const append_group *group, weir_error *err)
{
    const pending_piece *pieces = group->pending->pieces;
    log_segment *unsynced = NULL;

    for (size_t i = 0; i < group_plan_count(group); i++) {
        const planned *plan = group_plan_at(group, i);

        for (size_t j = 0; j < plan->append->piece_count; j++) {
            if (!plan->append->pieces[j].is_large)
                continue;
            if (unsynced != NULL && unsynced != pieces[j].segment &&
                sync_segment(self, unsynced, err) != WEIR_OK)
                return err->code;
            if (write_piece(&plan->append->pieces[j], &pieces[j], err) != WEIR_OK)
                return err->code;
            unsynced = pieces[j].segment;
        }
        pieces += plan->append->piece_count;
    }
    return unsynced != NULL ? sync_segment(self, unsynced, err) : WEIR_OK;
}

typedef struct journal_job {
    store *store;
    append_group *group;
} journal_job;

static weir_code write_journal(void *context, weir_error *err)
{
    journal_job *job = context;
    store *self = job->store;

    gather(self, job->group);
    return journal_write(self->journal, (struct iovec *)(void *)self->vectors.ptr,
                         (int)(self->vectors.len / sizeof(struct iovec)), job->group->journal_bytes,
                         err);
}

/* Segments and journal at once: neither waits for the other, so a crash may come between in any order.
 * Manual mode: one after the other, in both orders in turn. */
static weir_code write_both(store *self, append_group *group, weir_error *err)
{
    bool journal_first = group->pending->position / JOURNAL_ALIGN % 2 == 0;
    journal_job job = {self, group};
    weir_error of_journal;
    weir_code code;

    if (self->beside == NULL) {
        if (journal_first && write_journal(&job, err) != WEIR_OK)
            return err->code;
        if (write_large(self, group, err) != WEIR_OK)
            return err->code;
        return journal_first ? WEIR_OK : write_journal(&job, err);
    }
    beside_begin(self->beside, write_journal, &job);
    code = write_large(self, group, err);
    if (beside_end(self->beside, &of_journal) != WEIR_OK && code == WEIR_OK) {
        *err = of_journal;
        code = err->code;
    }
    return code;
}

static weir_code write_group(store *self, append_group *group, weir_error *err)
{
    journal_job job = {self, group};

    for (size_t i = 0; i < group_plan_count(group); i++) {
        if (group_plan_at(group, i)->has_large)
            return write_both(self, group, err);
    }
    return write_journal(&job, err);
}

/* --- Publishing ----------------------------------------------------------------------------- */

static void wake_watches(const store_partition *partition)
{
    for (size_t at = 0; at < partition->watches.len; at += sizeof(store_watch *)) {
        store_watch *watch;

        memcpy(&watch, partition->watches.ptr + at, sizeof(watch));
        watch->is_set = true;
        pthread_cond_broadcast(&watch->signal);
    }
}

static void publish(store *self, append_group *group)
{
    pending_group *pending = group->pending;

    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < pending->count; i++) {
        const pending_piece *piece = &pending->pieces[i];
        log_extent extent = {.base_offset = piece->base_offset,
                             .last_offset = piece->last_offset,
                             .size = piece->size,
                             .max_timestamp_ms = piece->max_timestamp_ms,
                             .segment = piece->segment,
                             .segment_at = piece->segment_at,
                             .file = piece->file_at < 0 ? NULL : pending->file,
                             .file_at = piece->file_at,
                             .position = pending->position};

        partition_push(piece->segment->partition, &extent);
        wake_watches(piece->segment->partition);
        self->stats.bytes += (uint64_t)piece->size;
    }
    for (size_t i = 0; i < group_plan_count(group); i++) {
        const store_append *append = group_plan_at(group, i)->append;

        for (size_t j = 0; j < append->piece_count; j++)
            self->stats.large_pieces += append->pieces[j].is_large;
    }
    self->stats.entries += group_plan_count(group);
    self->stats.groups++;
    self->disk_is_full = self->disk_is_full && group->passes;
    if (self->pending_last != NULL)
        self->pending_last->next = pending;
    else
        self->pending_first = pending;
    self->pending_last = pending;
    self->pending_pieces += (int64_t)pending->count;
    pthread_mutex_unlock(&self->lock);
}

/* --- The group as a whole ------------------------------------------------------------------- */

/* Writes what was assigned, publishes it, and tells its submitters. */
static void finish_group(store *self, append_group *group)
{
    weir_error err;
    weir_code code;

    if (group_plan_count(group) == 0)
        return;
    code = write_group(self, group, &err);
    if (code == WEIR_OK && store_has_stopped(self, &err))
        code = WEIR_FATAL; /* a name that the group relies on may be what could not be synced */
    if (code != WEIR_OK) {
        store_stop(self, &err);
        (void)store_has_stopped(self, &err);
        free(group->pending);
    } else {
        publish(self, group);
    }
    for (size_t i = 0; i < group_plan_count(group); i++)
        store_end_append(self, group_plan_at(group, i)->append,
                         code == WEIR_OK ? WEIR_OK : WEIR_FATAL, &err);
    pthread_cond_signal(&self->to_apply); /* last: who waits for the disk goes first */
}

/* *any: something is queued. */
static bool may_write(store *self, bool *any)
{
    bool may;

    pthread_mutex_lock(&self->lock);
    self->pending_is_crowded = self->pending_pieces >= MAX_PENDING_PIECES;
    may = !self->has_stopped && !self->pending_is_crowded;
    *any = self->queue.first != NULL;
    pthread_mutex_unlock(&self->lock);
    return may;
}

bool store_write_group(store *self)
{
    append_group group = {0};
    weir_error err = {0};
    bool did, any;

    if (!may_write(self, &any)) {
        if (!self->has_stopped || !any)
            return false;
        store_fail_queue(self);
        return true;
    }
    queue_take_group(self, &group);
    if (group.appends.first == NULL)
        return false;
    group_plan(self, &group);
    if (group_assign(self, &group, &err) == WEIR_FATAL)
        store_stop(self, &err);
    did = group_plan_count(&group) > 0;
    finish_group(self, &group);
    if (group.appends.first != NULL) {
        if (self->has_stopped) {
            (void)store_has_stopped(self, &err);
            store_end_appends(self, &group.appends, WEIR_FATAL, &err);
        } else {
            queue_give_back(self, &group.appends, &err);
        }
    }
    weir_buf_done(&group.plans);
    return did;
}
