/* store_rewrite.c - replaces segments by one that holds less.
 *
 * The new segment is written beside the old ones and synced. Then, each step durable before the next: the
 * index files of the first old segment go, the new file takes its name, its index files are written, the
 * other old segments go, the oldest first. After a crash, a segment without index files is read through,
 * and one that begins below the end of the one before it is a leftover. One that does not comes back: of what it
 * holds nothing was kept, and all that was newer than it in the range is there with it.
 */
#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_BYTES = 1 << 20 };

struct store_rewrite {
    store_partition *partition;
    int64_t first_base, end_offset;
    weir_buf old; /* of log_segment *, pinned */
    disk_file *file;
    char path[STORE_PATH_BYTES];
    weir_buf bytes; /* not written yet */
    int64_t written_bytes;
    sparse_index offsets, times;
    int64_t indexed_at;
    index_facts facts;
};

static log_segment *old_at(const store_rewrite *rewrite, size_t i)
{
    log_segment *segment;

    memcpy(&segment, rewrite->old.ptr + i * sizeof(segment), sizeof(segment));
    return segment;
}

static size_t old_count(const store_rewrite *rewrite)
{
    return rewrite->old.len / sizeof(log_segment *);
}

static void rewrite_free(store_rewrite *rewrite)
{
    for (size_t i = 0; i < old_count(rewrite); i++)
        segment_unpin(old_at(rewrite, i));
    disk_close(rewrite->file);
    weir_buf_done(&rewrite->old);
    weir_buf_done(&rewrite->bytes);
    sparse_index_done(&rewrite->offsets);
    sparse_index_done(&rewrite->times);
    free(rewrite);
}

/* Pins the old segments, so that readers that have them keep the files they were opened as. */
static weir_code pin_old(store_rewrite *rewrite, weir_error *err)
{
    store_partition *partition = rewrite->partition;
    store *self = partition->topic->store;
    weir_buf found = {0};
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < partition_segment_count(partition); i++) {
        log_segment *segment = partition_segment(partition, i);

        if (segment->base_offset < rewrite->first_base ||
            segment->base_offset >= rewrite->end_offset)
            continue;
        assert(segment->is_checkpointed);
        weir_buf_add(&found, &segment, sizeof(segment));
    }
    pthread_mutex_unlock(&self->lock);
    assert(found.len > 0);
    for (size_t at = 0; at < found.len && code == WEIR_OK; at += sizeof(log_segment *)) {
        log_segment *segment;
        disk_file *file;

        memcpy(&segment, found.ptr + at, sizeof(segment));
        code = segment_pin(segment, &file, err);
        if (code == WEIR_OK)
            weir_buf_add(&rewrite->old, &segment, sizeof(segment));
    }
    weir_buf_done(&found);
    return code;
}

weir_code store_rewrite_begin(store_partition *partition, int64_t first_base, int64_t end_offset,
                              store_rewrite **out, weir_error *err)
{
    log_segment named = {.partition = partition, .base_offset = first_base};
    store_rewrite *begun;

    assert(partition->topic->info.config.compact); /* in others a gap is damage */
    if (store_may_remove(partition, err) != WEIR_OK)
        return err->code;
    begun = mem_zalloc(1, sizeof(*begun));
    begun->partition = partition;
    begun->first_base = first_base;
    begun->end_offset = end_offset;
    begun->facts = (index_facts){.next_offset = first_base, .max_timestamp_ms = -1};
    segment_path(&named, "log.new", begun->path);
    if (pin_old(begun, err) != WEIR_OK ||
        disk_open(partition->topic->store->disk, begun->path, DISK_CREATE, &begun->file, err) !=
            WEIR_OK ||
        disk_truncate(begun->file, 0, err) != WEIR_OK) {
        rewrite_free(begun);
        return err->code;
    }
    *out = begun;
    return WEIR_OK;
}

static weir_code flush(store_rewrite *rewrite, weir_error *err)
{
    struct iovec buffer = {rewrite->bytes.ptr, rewrite->bytes.len};

    if (disk_pwritev(rewrite->file, &buffer, 1, rewrite->written_bytes, err) != WEIR_OK)
        return err->code;
    rewrite->written_bytes += (int64_t)rewrite->bytes.len;
    weir_buf_clear(&rewrite->bytes);
    return WEIR_OK;
}

weir_code store_rewrite_add(store_rewrite *rewrite, weir_str batch, weir_error *err)
{
    int64_t at = rewrite->facts.segment_bytes;
    record_batch_info info;

    if (record_batch_peek(batch, &info, err) != WEIR_OK)
        return weir_wrap(err, "rewriting '%s'", rewrite->path);
    if (info.base_offset < rewrite->facts.next_offset || info.last_offset >= rewrite->end_offset)
        return weir_fail(err, WEIR_REJECT,
                         "rewriting '%s': offsets %lld to %lld come behind %lld, of up to %lld",
                         rewrite->path, (long long)info.base_offset, (long long)info.last_offset,
                         (long long)rewrite->facts.next_offset - 1,
                         (long long)rewrite->end_offset - 1);
    if (at == 0 || at - rewrite->indexed_at >= INDEX_INTERVAL_BYTES) {
        sparse_index_add(&rewrite->offsets, info.base_offset, at);
        if (at > 0)
            sparse_index_add(&rewrite->times, rewrite->facts.max_timestamp_ms, info.base_offset);
        rewrite->indexed_at = at;
    }
    if (info.max_timestamp_ms > rewrite->facts.max_timestamp_ms)
        rewrite->facts.max_timestamp_ms = info.max_timestamp_ms;
    rewrite->facts.next_offset = info.last_offset + 1;
    rewrite->facts.segment_bytes += (int64_t)info.size_bytes;
    weir_buf_add(&rewrite->bytes, batch.ptr, info.size_bytes);
    return rewrite->bytes.len >= FLUSH_BYTES ? flush(rewrite, err) : WEIR_OK;
}

static weir_code write_indexes(const store_rewrite *rewrite, weir_error *err)
{
    disk *on = rewrite->partition->topic->store->disk;
    char path[STORE_PATH_BYTES];

    segment_path(old_at(rewrite, 0), "index", path);
    if (index_write(on, path, &rewrite->offsets, &rewrite->facts, err) != WEIR_OK)
        return err->code;
    segment_path(old_at(rewrite, 0), "timeindex", path);
    return index_write(on, path, &rewrite->times, &rewrite->facts, err);
}

/* Puts the new file where the first old one is. */
static weir_code put_in_place(store_rewrite *rewrite, const char *dir, weir_error *err)
{
    disk *on = rewrite->partition->topic->store->disk;
    char path[STORE_PATH_BYTES];

    segment_path(old_at(rewrite, 0), "index", path);
    if (store_unlink_if_there(on, path, err) != WEIR_OK)
        return err->code;
    segment_path(old_at(rewrite, 0), "timeindex", path);
    if (store_unlink_if_there(on, path, err) != WEIR_OK || disk_sync_dir(on, dir, err) != WEIR_OK)
        return err->code;
    segment_path(old_at(rewrite, 0), "log", path);
    if (disk_rename(on, rewrite->path, path, err) != WEIR_OK ||
        (!PLANTED(PLANT_SWAP_NOT_SYNCED) && disk_sync_dir(on, dir, err) != WEIR_OK))
        return err->code;
    if (write_indexes(rewrite, err) != WEIR_OK && err->code != WEIR_RETRY)
        return err
            ->code; /* without room there is none: reading does without, and the next start makes it */
    return PLANTED(PLANT_SWAP_NOT_SYNCED) ? WEIR_OK : disk_sync_dir(on, dir, err);
}

/* The list of segments with the new one instead of the old ones. */
static void swap(store_rewrite *rewrite)
{
    store_partition *partition = rewrite->partition;
    store *self = partition->topic->store;
    log_segment *made = segment_new(partition, rewrite->first_base);
    ptrdiff_t first;

    made->assigned_bytes = made->applied_bytes = made->reserved_bytes =
        rewrite->facts.segment_bytes;
    made->max_timestamp_ms = rewrite->facts.max_timestamp_ms;
    made->is_sealed = made->is_final = made->is_checkpointed = true;
    pthread_mutex_lock(&self->lock);
    first = partition_find(partition, rewrite->first_base);
    assert(first >= 0);
    made->serial = self->next_serial++;
    for (size_t i = 0; i < old_count(rewrite); i++) {
        log_segment *old = partition_segment(partition, (size_t)first);

        assert(old == old_at(rewrite, i));
        partition->size_bytes -= old->applied_bytes;
        partition_drop_segment(partition, (size_t)first);
        segment_remove(old); /* pinned: freed with the rewrite */
    }
    partition_insert_segment(partition, (size_t)first, made);
    partition->size_bytes += made->applied_bytes;
    pthread_mutex_unlock(&self->lock);
}

/* From here on the index files are no longer those of the old segments, which readers may still hold. */
static void mark_replaced(store_rewrite *rewrite)
{
    store *self = rewrite->partition->topic->store;

    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < old_count(rewrite); i++)
        old_at(rewrite, i)->is_replaced = true;
    pthread_mutex_unlock(&self->lock);
}

weir_code store_rewrite_end(store_rewrite *rewrite, weir_error *err)
{
    char dir[STORE_PATH_BYTES];
    weir_code code;

    partition_dir(rewrite->partition, dir);
    if (flush(rewrite, err) != WEIR_OK || disk_fdatasync(rewrite->file, err) != WEIR_OK) {
        store_rewrite_abort(rewrite);
        return err->code;
    }
    mark_replaced(rewrite);
    rewrite->facts.next_offset =
        rewrite->end_offset; /* so far nothing is missing behind its last record */
    code = put_in_place(rewrite, dir, err);
    if (code != WEIR_OK) {
        store_stop(rewrite->partition->topic->store, err); /* which file is there is not known */
    } else {
        swap(rewrite);
        for (size_t i = 1; i < old_count(rewrite) && code == WEIR_OK; i++)
            code = store_unlink_segment(rewrite->partition, old_at(rewrite, i)->base_offset, err);
    }
    rewrite_free(rewrite);
    return code;
}

void store_rewrite_abort(store_rewrite *rewrite)
{
    weir_error ignored;

    if (disk_unlink(rewrite->partition->topic->store->disk, rewrite->path, &ignored) == WEIR_OK)
        rewrite->path[0] = 0; /* else the next start removes it */
    rewrite_free(rewrite);
}

/* --- Checking ------------------------------------------------------------------------------- */

static weir_code compare_index(log_segment *segment, const char *suffix, const sparse_index *right,
                               const index_facts *facts, weir_error *err)
{
    sparse_index found = {0};
    char path[STORE_PATH_BYTES];
    index_facts kept;
    weir_code code;

    segment_path(segment, suffix, path);
    code = index_read(segment->partition->topic->store->disk, path, &found, &kept, err);
    if (code == WEIR_OK &&
        (kept.segment_bytes != facts->segment_bytes || kept.next_offset != facts->next_offset ||
         kept.max_timestamp_ms != facts->max_timestamp_ms || found.pairs.len != right->pairs.len ||
         (found.pairs.len > 0 && memcmp(found.pairs.ptr, right->pairs.ptr, found.pairs.len) != 0)))
        code =
            weir_fail(err, WEIR_FATAL, "the index '%s' does not say what the segment says", path);
    sparse_index_done(&found);
    return code == WEIR_REJECT ? (err->code = WEIR_FATAL) : code;
}

/* Behind its last record comes the next segment's first, or a gap, which only compaction makes; the index files of one
 * that was compacted say where that ends. */
static weir_code check_end(const log_segment *segment, int64_t end, index_facts *facts,
                           weir_error *err)
{
    bool is_compact = segment->partition->topic->info.config.compact;
    char path[STORE_PATH_BYTES];

    if (facts->next_offset > end || (facts->next_offset < end && !is_compact)) {
        segment_path(segment, "log", path);
        return weir_fail(err, WEIR_FATAL,
                         "the segment '%s' is damaged at offset %lld: its records end before %lld, "
                         "not before %lld",
                         path, (long long)facts->segment_bytes, (long long)facts->next_offset,
                         (long long)end);
    }
    facts->next_offset = end;
    return WEIR_OK;
}

weir_code store_verify_segment(store_partition *partition, int64_t base_offset, weir_error *err)
{
    store *self = partition->topic->store;
    sparse_index offsets = {0}, times = {0};
    log_segment *segment = NULL;
    index_facts facts;
    int64_t size = 0, end = 0;
    bool is_final = false;
    weir_code code;
    ptrdiff_t i;

    pthread_mutex_lock(&self->lock);
    i = partition_find(partition, base_offset);
    if (i >= 0 && partition_segment(partition, (size_t)i)->base_offset == base_offset) {
        segment = partition_segment(partition, (size_t)i);
        segment_hold(segment);
        size = segment->applied_bytes;
        is_final = segment->is_final;
        end = partition_end_of(partition, (size_t)i);
        if (end > partition->applied_offset)
            end = partition->applied_offset;
    }
    pthread_mutex_unlock(&self->lock);
    if (segment == NULL)
        return WEIR_OK; /* removed since it was listed */
    code = segment_index(segment, size, &offsets, &times, &facts, err);
    if (code == WEIR_OK)
        code = check_end(segment, end, &facts, err);
    if (code == WEIR_OK && is_final)
        code = compare_index(segment, "index", &offsets, &facts, err);
    if (code == WEIR_OK && is_final)
        code = compare_index(segment, "timeindex", &times, &facts, err);
    segment_unpin(segment);
    sparse_index_done(&offsets);
    sparse_index_done(&times);
    return code;
}
