/* store_read.c - reading raw batches, from segments and from the tail.
 *
 * What is not in a segment yet is read from the journal, which the applier and a checkpoint may free in
 * the meantime: what was read from there counts only if it is still kept afterwards, and is read again,
 * from the segment then, if not.
 */
#include "runtime/log/store_read.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum {
    CHUNK_BYTES = 65536, /* read from a segment at least at once */
    MAX_DECOMPRESSED_BYTES = 1 << 30,
};

/* Where something lies that was looked up under the lock. */
typedef struct place {
    log_segment *segment; /* pinned; NULL: in the journal */
    journal_file *file;   /* of the journal */
    uint64_t position;    /* in the journal */
    int64_t at, end;      /* what may be read of the file */
    int64_t first_offset; /* the batch at `at` begins there; where is_compact: there or above */
    int64_t end_offset;   /* no batch goes further */
    uint64_t epoch;
    bool is_compact; /* offsets may be missing */
    bool is_final;   /* a complete segment, with an index file */
    bool is_gap;     /* nothing is here, but may be from the offset on that was returned */
} place;

int64_t store_start_offset(store_partition *partition)
{
    store *self = partition->topic->store;
    int64_t offset;

    pthread_mutex_lock(&self->lock);
    offset = partition->start_offset;
    pthread_mutex_unlock(&self->lock);
    return offset;
}

int64_t store_end_offset(store_partition *partition)
{
    store *self = partition->topic->store;
    int64_t offset;

    pthread_mutex_lock(&self->lock);
    offset = partition->visible_offset;
    pthread_mutex_unlock(&self->lock);
    return offset;
}

int64_t store_size_bytes(store_partition *partition)
{
    store *self = partition->topic->store;
    int64_t size;

    pthread_mutex_lock(&self->lock);
    size = partition->size_bytes;
    pthread_mutex_unlock(&self->lock);
    return size;
}

static weir_code check_range(const store_partition *partition, int64_t offset, weir_error *err)
{
    const store_topic *topic = partition->topic;

    if (topic->is_deleted)
        return weir_fail(err, WEIR_REJECT, "topic %.*s was deleted", WEIR_ARG(topic->info.name));
    if (offset < partition->start_offset || offset > partition->visible_offset)
        return weir_fail(err, WEIR_REJECT,
                         "topic %.*s partition %d has offsets from %lld to below %lld, not %lld",
                         WEIR_ARG(topic->info.name), partition->number,
                         (long long)partition->start_offset, (long long)partition->visible_offset,
                         (long long)offset);
    return WEIR_OK;
}

/* Locked. In the i-th segment, as near before offset as the index of an unfinished one says. */
static place place_in_segment(const store_partition *partition, size_t i, int64_t offset)
{
    log_segment *segment = partition_segment(partition, i);
    sparse_pair nearest = {segment->base_offset, 0};

    (void)sparse_index_seek(&segment->offsets, offset, &nearest); /* else from the beginning */
    return (place){.segment = segment,
                   .at = nearest.value,
                   .end = segment->applied_bytes,
                   .first_offset = nearest.key,
                   .end_offset = partition_end_of(partition, i),
                   .epoch = partition->epoch,
                   .is_compact = partition->topic->info.config.compact,
                   .is_final = segment->is_final};
}

/* Finds where to read offset, and pins it. place->segment and file NULL: there is nothing to read. */
static weir_code find_place(store_partition *partition, int64_t *offset, const store_cursor *cursor,
                            place *found, weir_error *err)
{
    store *self = partition->topic->store;
    const log_extent *tail;
    weir_code code;

    *found = (place){0};
    pthread_mutex_lock(&self->lock);
    code = check_range(partition, *offset, err);
    tail = code == WEIR_OK ? partition_tail(partition, *offset) : NULL;
    if (code == WEIR_OK && tail != NULL) {
        *found = (place){.file = tail->file,
                         .position = tail->position,
                         .at = tail->file != NULL ? tail->file_at : tail->segment_at,
                         .first_offset = tail->base_offset,
                         .end_offset = tail->last_offset + 1,
                         .segment = tail->file != NULL ? NULL : tail->segment};
        found->end = found->at + tail->size;
    } else if (code == WEIR_OK && *offset < partition->visible_offset) {
        ptrdiff_t i = partition_find(partition, *offset);

        assert(i >= 0);
        *found = place_in_segment(partition, (size_t)i, *offset);
        if (cursor->epoch == partition->epoch && cursor->offset == *offset &&
            found->segment->base_offset == cursor->segment_base) {
            found->at = cursor->position;
            found->first_offset = *offset;
        }
        if (found->at >= found->end) { /* a gap at the segment's end: what follows is behind it */
            *offset = partition_end_of(partition, (size_t)i);
            *found = (place){.is_gap = true};
        }
    }
    if (found->segment != NULL)
        segment_hold(found->segment);
    pthread_mutex_unlock(&self->lock);
    return code;
}

static weir_code fail_damaged(const place *from, int64_t at, const weir_error *cause,
                              weir_error *err)
{
    char reason[sizeof(cause->message)], path[STORE_PATH_BYTES];

    memcpy(reason, cause->message, sizeof(reason));
    if (from->segment == NULL)
        return weir_fail(err, WEIR_FATAL, "journal-%03d is damaged at offset %lld: %s",
                         from->file->number, (long long)at, reason);
    segment_path(from->segment, "log", path);
    return weir_fail(err, WEIR_FATAL, "the segment '%s' is damaged at offset %lld: %s", path,
                     (long long)at, reason);
}

/* What was found in a piece of file. */
typedef struct window {
    size_t skipped;      /* bytes of batches below the offset */
    size_t taken;        /* bytes of whole batches from there on */
    size_t wanted;       /* nothing was taken: this many bytes behind what was skipped would do */
    int64_t next_offset; /* behind what was skipped and taken: the next batch begins there */
} window;

/* Its offset is the one part of a batch that its CRC does not cover. */
static weir_code check_offsets(const place *from, const record_batch_info *info, int64_t expected,
                               weir_error *err)
{
    bool follows = from->is_compact ? info->base_offset >= expected : info->base_offset == expected;

    if (!follows || info->last_offset >= from->end_offset)
        return weir_fail(err, WEIR_REJECT,
                         "a batch has offsets %lld to %lld, where %lld of up to %lld is next",
                         (long long)info->base_offset, (long long)info->last_offset,
                         (long long)expected, (long long)from->end_offset - 1);
    return WEIR_OK;
}

/* Takes whole batches that hold offset or more, up to max_bytes, at least one. What is good in front of a damaged one
 * is taken: the next read begins with that. */
static weir_code take_batches(const place *from, weir_str bytes, int64_t offset, size_t max_bytes,
                              window *out, weir_error *err)
{
    for (;;) {
        size_t at = out->skipped + out->taken;
        weir_str rest = {bytes.ptr + at, bytes.len - at};
        record_batch_info info;
        weir_code code;

        if (rest.len == 0)
            return WEIR_OK;
        code = record_batch_peek(rest, &info, err);
        if (code == WEIR_END) {
            out->wanted = info.size_bytes > 0 ? info.size_bytes : RECORD_BATCH_HEADER_BYTES;
            return WEIR_OK;
        }
        if (code == WEIR_OK && out->taken > 0 && out->taken + info.size_bytes > max_bytes)
            return WEIR_OK;
        if (code == WEIR_OK)
            code = check_offsets(from, &info, out->next_offset, err);
        if (code == WEIR_OK && info.last_offset >= offset)
            code = record_batch_check((weir_str){rest.ptr, info.size_bytes}, err);
        if (code != WEIR_OK)
            return out->taken > 0 ? WEIR_OK : code;
        *(info.last_offset < offset ? &out->skipped : &out->taken) += info.size_bytes;
        out->next_offset = info.last_offset + 1;
    }
}

/* Reads from a place into out; *next is the position behind what was taken. Nothing taken: no batch from
 * offset on is in this place. */
/* NOLINTNEXTLINE(readability-function-size): a place, what is wanted of it, and what was found */
static weir_code read_place(const place *from, disk_file *file, int64_t offset, size_t max_bytes,
                            weir_buf *out, window *taken, int64_t *next, weir_error *err)
{
    int64_t at = from->at, first_offset = from->first_offset;
    size_t size = max_bytes > CHUNK_BYTES ? max_bytes : CHUNK_BYTES;

    for (;;) {
        size_t want = size, got;
        char *room;

        if ((int64_t)want > from->end - at)
            want = (size_t)(from->end - at);
        room = weir_buf_reserve(out, want);
        if (disk_pread(file, room, want, at, &got, err) != WEIR_OK)
            return err->code;
        *taken = (window){.next_offset = first_offset};
        if (take_batches(from, (weir_str){room, got}, offset, max_bytes, taken, err) != WEIR_OK)
            return fail_damaged(from, at + (int64_t)(taken->skipped + taken->taken), err, err);
        *next = at + (int64_t)(taken->skipped + taken->taken);
        if (taken->taken > 0) {
            memmove(room, room + taken->skipped, taken->taken);
            out->len += taken->taken;
            return WEIR_OK;
        }
        if (*next >= from->end && from->is_compact)
            return WEIR_OK;
        if (got < want || (taken->wanted <= want && taken->skipped == 0) ||
            *next + (int64_t)taken->wanted > from->end) {
            (void)weir_fail(err, WEIR_FATAL, "it ends inside a batch or before offset %lld",
                            (long long)offset);
            return fail_damaged(from, *next, err, err);
        }
        at = *next; /* a batch that is larger than what was read */
        first_offset = taken->next_offset;
        size = taken->wanted > size ? taken->wanted : size;
    }
}

static bool is_replaced(store *self, const log_segment *segment)
{
    bool replaced;

    pthread_mutex_lock(&self->lock);
    replaced = segment->is_replaced;
    pthread_mutex_unlock(&self->lock);
    return replaced;
}

/* A complete segment's index narrows the place down; without one it is read from its beginning. */
static void narrow(store *self, int64_t offset, place *from)
{
    sparse_index index = {0};
    char path[STORE_PATH_BYTES];
    index_facts facts;
    sparse_pair nearest;
    weir_error ignored;

    if (from->at != 0 || !from->is_final || offset == from->segment->base_offset)
        return;
    segment_path(from->segment, "index", path);
    if (index_read(self->disk, path, &index, &facts, &ignored) == WEIR_OK &&
        !is_replaced(self, from->segment) && /* looked at behind the read: else it was this one's */
        sparse_index_seek(&index, offset, &nearest)) {
        from->at = nearest.value;
        from->first_offset = nearest.key;
    }
    sparse_index_done(&index);
}

/* NOLINTNEXTLINE(readability-function-size): as above */
static weir_code read_segment(store *self, place *from, int64_t *offset, size_t max_bytes,
                              store_cursor *cursor, weir_buf *out, weir_error *err)
{
    int64_t base = from->segment->base_offset, next = 0;
    disk_file *file;
    window taken = {0};
    weir_code code;

    narrow(self, *offset, from);
    code = segment_pin(from->segment, &file, err);
    if (code == WEIR_OK) {
        code = read_place(from, file, *offset, max_bytes, out, &taken, &next, err);
        segment_unpin(from->segment);
    }
    if (code == WEIR_OK) {
        if (taken.taken > 0)
            *offset = taken.next_offset;
        *cursor = (store_cursor){
            .segment_base = base, .position = next, .offset = *offset, .epoch = from->epoch};
    }
    return code;
}

/* From the journal; nothing is added when it was freed meanwhile. */
/* NOLINTNEXTLINE(readability-function-size): as above */
static weir_code read_journal(store *self, const place *from, int64_t *offset, size_t max_bytes,
                              store_cursor *cursor, weir_buf *out, weir_error *err)
{
    size_t before = out->len;
    window taken = {0};
    int64_t next;
    weir_code code =
        read_place(from, from->file->file, *offset, max_bytes, out, &taken, &next, err);

    if (!journal_keeps(self->journal, from->position)) {
        out->len = before;
        return WEIR_OK;
    }
    if (code == WEIR_OK) {
        *offset = taken.next_offset;
        *cursor = (store_cursor){.offset = taken.next_offset};
    }
    return code;
}

weir_code store_read(store_partition *partition, int64_t offset, size_t max_bytes,
                     store_cursor *cursor, weir_buf *out, weir_error *err)
{
    store *self = partition->topic->store;
    size_t start = out->len;

    while (out->len == start || out->len - start < max_bytes) {
        size_t left = max_bytes > out->len - start ? max_bytes - (out->len - start) : 1;
        size_t before = out->len;
        place from;
        weir_code code;

        if (find_place(partition, &offset, cursor, &from, err) != WEIR_OK)
            return out->len > start ? WEIR_OK : err->code;
        if (from.segment == NULL && from.file == NULL) {
            if (from.is_gap)
                continue;
            return WEIR_OK;
        }
        if (out->len > start && (int64_t)left < from.end - from.at &&
            (left < CHUNK_BYTES || from.segment == NULL))
            code = WEIR_OK; /* enough: the next call goes on here */
        else if (from.segment != NULL)
            code = read_segment(self, &from, &offset, left, cursor, out, err);
        else
            code = read_journal(self, &from, &offset, left, cursor, out, err);
        if (from.segment != NULL)
            segment_unpin(from.segment);
        if (code != WEIR_OK)
            return out->len > start ? WEIR_OK : code; /* the next call begins with what is wrong */
        if (out->len > start && out->len == before)
            return WEIR_OK;
    }
    return WEIR_OK;
}
