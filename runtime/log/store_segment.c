/* store_segment.c - segments' files: opened when needed, closed when too many are open. */
#include "runtime/base/mem.h"
#include "runtime/base/reader.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_BYTES = 1 << 20 };

void segment_path(const log_segment *segment, const char *suffix, char *path)
{
    const store_topic *topic = segment->partition->topic;

    snprintf(path, STORE_PATH_BYTES, "%s/topics/%s/%d/%020lld.%s", topic->store->path, topic->dir,
             segment->partition->number, (long long)segment->base_offset, suffix);
}

int64_t segment_base_of(const char *name)
{
    int64_t base = 0;

    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' || base > INT64_MAX / 10 - 1)
            return -1;
        base = base * 10 + (name[i] - '0');
    }
    return base;
}

void segment_note_base(void *context, const char *name)
{
    int64_t base = segment_base_of(name);

    if (base >= 0 && strcmp(name + 20, ".log") == 0)
        weir_buf_add(context, &base, sizeof(base));
}

log_segment *segment_new(store_partition *partition, int64_t base_offset)
{
    log_segment *segment = mem_zalloc(1, sizeof(*segment));

    segment->partition = partition;
    segment->base_offset = base_offset;
    segment->max_timestamp_ms = -1;
    return segment;
}

void segment_free(log_segment *segment)
{
    if (segment == NULL)
        return;
    assert(segment->pins == 0);
    disk_close(segment->file);
    sparse_index_done(&segment->offsets);
    free(segment);
}

/* Locked: the list of open files that may be closed. */
static void unlink_clean(log_segment *segment)
{
    store *self = segment->partition->topic->store;

    if (segment->newer != NULL)
        segment->newer->older = segment->older;
    else
        self->newest = segment->older;
    if (segment->older != NULL)
        segment->older->newer = segment->newer;
    else
        self->oldest = segment->newer;
    segment->newer = segment->older = NULL;
    self->clean_count--;
}

static bool is_clean(const log_segment *segment)
{
    return segment->pins == 0 && !segment->is_dirty && segment->file != NULL;
}

static void link_clean(log_segment *segment)
{
    store *self = segment->partition->topic->store;

    segment->older = self->newest;
    if (self->newest != NULL)
        self->newest->newer = segment;
    else
        self->oldest = segment;
    self->newest = segment;
    self->clean_count++;
}

void segment_hold(log_segment *segment)
{
    if (is_clean(segment))
        unlink_clean(segment);
    segment->pins++;
}

weir_code segment_pin(log_segment *segment, disk_file **file, weir_error *err)
{
    store *self = segment->partition->topic->store;
    char path[STORE_PATH_BYTES];
    disk_file *opened;
    bool exists;

    pthread_mutex_lock(&self->lock);
    exists = segment->is_final;
    segment_hold(segment);
    *file = segment->file;
    pthread_mutex_unlock(&self->lock);
    if (*file != NULL)
        return WEIR_OK;

    segment_path(segment, "log", path);
    if (disk_open(self->disk, path, exists ? DISK_WRITE : DISK_CREATE, &opened, err) != WEIR_OK) {
        segment_unpin(segment);
        return err->code;
    }
    pthread_mutex_lock(&self->lock);
    if (segment->file == NULL) {
        segment->file = opened;
        opened = NULL;
    }
    *file = segment->file;
    pthread_mutex_unlock(&self->lock);
    disk_close(opened); /* somebody else was faster */
    return WEIR_OK;
}

void segment_unpin(log_segment *pinned)
{
    store *self = pinned->partition->topic->store;
    disk_file *closing = NULL;
    log_segment *gone = NULL;

    pthread_mutex_lock(&self->lock);
    assert(pinned->pins > 0);
    pinned->pins--;
    if (pinned->pins == 0 && pinned->is_removed) {
        gone = pinned;
    } else if (is_clean(pinned)) {
        link_clean(pinned);
        if (self->clean_count > CLEAN_FILES || self->clean_count > self->max_dirty) {
            log_segment *oldest = self->oldest;

            unlink_clean(oldest);
            closing = oldest->file;
            oldest->file = NULL;
        }
    }
    pthread_mutex_unlock(&self->lock);
    disk_close(closing);
    segment_free(gone);
}

void segment_mark_dirty(log_segment *segment)
{
    store *self = segment->partition->topic->store;

    segment->is_written = true;
    if (segment->is_dirty)
        return;
    if (is_clean(segment))
        unlink_clean(segment);
    segment->is_dirty = true;
    weir_buf_add(&self->dirty, &segment, sizeof(segment));
}

static void begin_sync(log_segment *segment)
{
    store *self = segment->partition->topic->store;

    pthread_mutex_lock(&self->lock);
    while (segment->is_syncing &&
           !self->options.manual) /* what it is told counts for this one, too */
        pthread_cond_wait(&self->moved, &self->lock);
    segment->is_syncing = true;
    pthread_mutex_unlock(&self->lock);
}

static bool end_sync(log_segment *segment, weir_code code)
{
    store *self = segment->partition->topic->store;
    bool failed;

    pthread_mutex_lock(&self->lock);
    segment->is_syncing = false;
    segment->sync_has_failed |= code != WEIR_OK;
    failed = segment->sync_has_failed;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
    return failed;
}

weir_code segment_sync(log_segment *pinned, weir_error *err)
{
    char path[STORE_PATH_BYTES];
    weir_code code;

    assert(pinned->file != NULL);
    begin_sync(pinned);
    code = disk_fdatasync(pinned->file, err);
    if (!end_sync(pinned, code) || code != WEIR_OK)
        return code;
    segment_path(pinned, "log", path);
    return weir_fail(err, WEIR_FATAL, "an earlier sync of '%s' failed", path);
}

void segment_remove(log_segment *segment)
{
    assert(!segment->is_dirty);
    if (is_clean(segment))
        unlink_clean(segment);
    segment->is_removed = true;
    if (segment->pins == 0)
        segment_free(segment);
}

/* The fields of a batch's header that place it; false when there is no batch. The rest of the batch need
 * not be there, which is why this is not record_batch_peek. */
static bool read_header(const char *header, record_batch_info *info)
{
    reader in = reader_of((weir_str){header, RECORD_BATCH_HEADER_BYTES});
    int32_t length, last_delta;
    uint8_t magic;

    info->base_offset = (int64_t)reader_be64(&in);
    length = (int32_t)reader_be32(&in);
    (void)reader_be32(&in); /* leader epoch */
    magic = reader_u8(&in);
    (void)reader_be32(&in); /* CRC */
    (void)reader_be16(&in); /* attributes */
    last_delta = (int32_t)reader_be32(&in);
    (void)reader_be64(&in); /* base timestamp */
    info->max_timestamp_ms = (int64_t)reader_be64(&in);
    if (magic != 2 || last_delta < 0 || info->base_offset < 0 ||
        info->base_offset > INT64_MAX - INT32_MAX ||
        length < RECORD_BATCH_HEADER_BYTES - RECORD_BATCH_LENGTH_AT - 4)
        return false;
    info->last_offset = info->base_offset + last_delta;
    info->size_bytes = (size_t)length + RECORD_BATCH_LENGTH_AT + 4;
    return true;
}

/* A walk over the headers of a segment's batches. */
typedef struct batch_walk {
    log_segment *segment;
    disk_file *file;
    weir_buf window;
    int64_t window_at;
    sparse_index *offsets, *times;
    int64_t indexed_at;
    index_facts *facts;
} batch_walk;

static void index_batch(batch_walk *walk, const record_batch_info *info)
{
    int64_t at = walk->facts->segment_bytes;

    if (walk->offsets != NULL && (at == 0 || at - walk->indexed_at >= INDEX_INTERVAL_BYTES)) {
        sparse_index_add(walk->offsets, info->base_offset, at);
        if (at > 0)
            sparse_index_add(walk->times, walk->facts->max_timestamp_ms, info->base_offset);
        walk->indexed_at = at;
    }
    if (info->max_timestamp_ms > walk->facts->max_timestamp_ms)
        walk->facts->max_timestamp_ms = info->max_timestamp_ms;
    walk->facts->next_offset = info->last_offset + 1;
    walk->facts->segment_bytes += (int64_t)info->size_bytes;
}

/* The header at a position; NULL behind the end of the file. */
static weir_code view_header(batch_walk *walk, int64_t at, const char **header, weir_error *err)
{
    int64_t end = walk->window_at + (int64_t)walk->window.len;
    size_t got;

    if (at < walk->window_at || at + RECORD_BATCH_HEADER_BYTES > end) {
        weir_buf_clear(&walk->window);
        if (disk_pread(walk->file, weir_buf_reserve(&walk->window, SCAN_BYTES), SCAN_BYTES, at,
                       &got, err) != WEIR_OK)
            return err->code;
        walk->window.len = got;
        walk->window_at = at;
        end = at + (int64_t)got;
    }
    *header =
        at + RECORD_BATCH_HEADER_BYTES <= end ? walk->window.ptr + (at - walk->window_at) : NULL;
    return WEIR_OK;
}

/* Only what was compacted has gaps. */
static bool follows(const batch_walk *walk, int64_t base_offset)
{
    return walk->segment->partition->topic->info.config.compact
               ? base_offset >= walk->facts->next_offset
               : base_offset == walk->facts->next_offset;
}

static weir_code walk_batch(batch_walk *walk, int64_t size, weir_error *err)
{
    int64_t at = walk->facts->segment_bytes;
    char path[STORE_PATH_BYTES];
    record_batch_info info;
    const char *header = NULL;

    if (view_header(walk, at, &header, err) != WEIR_OK)
        return err->code;
    if (header == NULL || !read_header(header, &info) || !follows(walk, info.base_offset) ||
        at + (int64_t)info.size_bytes > size) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is pinned, so nobody frees it */
        segment_path(walk->segment, "log", path);
        return weir_fail(err, WEIR_FATAL, "the segment '%s' is damaged at offset %lld", path,
                         (long long)at);
    }
    index_batch(walk, &info);
    return WEIR_OK;
}

weir_code segment_index(log_segment *segment, int64_t size, sparse_index *offsets,
                        sparse_index *times, index_facts *facts, weir_error *err)
{
    batch_walk walk = {.segment = segment, .offsets = offsets, .times = times, .facts = facts};
    weir_code code = WEIR_OK;

    *facts = (index_facts){.next_offset = segment->base_offset, .max_timestamp_ms = -1};
    if (segment_pin(segment, &walk.file, err) != WEIR_OK)
        return err->code;
    while (facts->segment_bytes < size && code == WEIR_OK)
        code = walk_batch(&walk, size, err);
    segment_unpin(segment); /* NOLINT(clang-analyzer-unix.Malloc): it was pinned until here */
    weir_buf_done(&walk.window);
    return code;
}
