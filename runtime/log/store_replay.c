/* store_replay.c - applies the journal's entries again, from the checkpoint's position on.
 *
 * They say themselves where they belong, so applying one that was applied already changes nothing. Each must follow
 * the one before it, in offsets and in its segment: one that does not is damage. What a large entry speaks of is looked
 * at before anything of the entry is applied: when it is not there, the entry is no valid one.
 */
#include "runtime/log/journal_scan.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <string.h>

/* --- Large pieces --------------------------------------------------------------------------- */

/* The file of the segment that a large piece names; NULL: there is none. Nothing is made. */
static weir_code open_large(store_partition *partition, const journal_piece *piece,
                            disk_file **file, weir_error *err)
{
    log_segment named = {.partition = partition, .base_offset = piece->segment_base};
    disk *on = partition->topic->store->disk;
    char path[STORE_PATH_BYTES];
    weir_buf bases = {0};
    bool found = false;
    weir_code code;

    *file = NULL;
    partition_dir(partition, path);
    code = disk_list(on, path, segment_note_base, &bases, err);
    for (size_t at = 0; at < bases.len; at += sizeof(int64_t))
        found |= memcmp(bases.ptr + at, &piece->segment_base, sizeof(int64_t)) == 0;
    weir_buf_done(&bases);
    if (code != WEIR_OK || !found)
        return code;
    segment_path(&named, "log", path);
    return disk_open(on, path, DISK_WRITE, file, err);
}

/* Whether the bytes of a large piece are in the segment. They were synced before the entry was acknowledged,
 * but not before it was written. WEIR_END: they are not. When they are, they are written again: when the last run
 * ended because that sync failed, they may be in memory only, and the system takes them for written. */
static weir_code check_large(store_partition *partition, const journal_piece *piece,
                             weir_error *err)
{
    log_segment named = {.partition = partition, .base_offset = piece->segment_base};
    char path[STORE_PATH_BYTES];
    weir_buf bytes = {0};
    size_t size = (size_t)piece->size, got = 0;
    int64_t end = piece->segment_at + piece->size;
    disk_file *file;
    weir_code code = open_large(partition, piece, &file, err);

    if (code == WEIR_OK && file != NULL)
        code = disk_pread(file, weir_buf_reserve(&bytes, size), size, piece->segment_at, &got, err);
    if (code == WEIR_OK && (got != size || crc32c(0, bytes.ptr, size) != piece->crc)) {
        segment_path(&named, "log", path);
        code = weir_fail(err, WEIR_END, "the segment '%s' is damaged between offsets %lld and %lld",
                         path, (long long)piece->segment_at, (long long)end);
    }
    if (code == WEIR_OK)
        code = disk_pwritev(file, &(struct iovec){bytes.ptr, size}, 1, piece->segment_at, err);
    disk_close(file);
    weir_buf_done(&bytes);
    return code;
}

/* All of them, before anything of the entry is applied. */
static weir_code check_all_large(store *self, const journal_scan_entry *entry, weir_error *err)
{
    for (uint32_t i = 0; i < entry->front.piece_count; i++) {
        store_partition *partition;
        store_topic *topic;
        journal_piece piece;

        memcpy(&piece, entry->pieces + i * sizeof(piece), sizeof(piece));
        topic = topics_by_id(self, piece.topic_id);
        partition = topic != NULL ? store_partition_at(topic, piece.partition) : NULL;
        if (!(piece.flags & JOURNAL_LARGE) || partition == NULL || piece.size <= 0)
            continue; /* replay_piece says what is wrong */
        if (check_large(partition, &piece, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* --- Pieces --------------------------------------------------------------------------------- */

static weir_code fail_piece(const journal_scan_entry *entry, const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_FATAL, "the journal entry at position %llu is damaged: %s",
                     (unsigned long long)entry->front.position, what);
}

/* The segment that a piece belongs to, made when it is the next one. */
static weir_code replay_segment(store_partition *partition, const journal_piece *piece,
                                weir_error *err)
{
    log_segment *last = partition->active;
    log_segment *next;
    disk_file *file;
    weir_code code;

    if (last != NULL && last->base_offset == piece->segment_base)
        return WEIR_OK;
    if (last != NULL) {
        last->is_sealed = true;
        if (segment_finish(last, err) != WEIR_OK)
            return err->code;
    }
    next = segment_new(partition, piece->segment_base);
    next->is_new = true;
    partition_take_segment(partition, next);
    if (segment_pin(next, &file, err) != WEIR_OK)
        return err->code;
    code = disk_size(file, &next->reserved_bytes, err); /* the file may have been there */
    segment_unpin(next);
    return code;
}

static weir_code replay_bytes(log_segment *segment, const journal_piece *piece, weir_str bytes,
                              weir_error *err)
{
    struct iovec buffer = {(void *)bytes.ptr, bytes.len};
    disk_file *file;
    weir_code code = WEIR_OK;

    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    if (!(piece->flags & JOURNAL_LARGE))
        code = disk_pwritev(file, &buffer, 1, piece->segment_at, err);
    segment_mark_dirty(segment);
    segment_unpin(segment);
    return code == WEIR_OK ? store_bound_dirty(segment->partition->topic->store, err) : code;
}

static weir_code replay_piece(store *self, const journal_scan_entry *entry,
                              const journal_piece *piece, weir_str bytes, weir_error *err)
{
    store_topic *topic = topics_by_id(self, piece->topic_id);
    store_partition *partition;
    pending_piece applied;
    log_segment *segment;

    if (topic == NULL)
        return fail_piece(entry, "it names an unknown topic", err);
    partition = store_partition_at(topic, piece->partition);
    if (partition == NULL || piece->size <= 0 || piece->last_offset < piece->base_offset ||
        piece->base_offset != partition->next_offset)
        return weir_fail(
            err, WEIR_FATAL,
            "the journal entry at position %llu is damaged: it has offset %lld of topic "
            "%.*s partition %d, where %lld is next",
            (unsigned long long)entry->front.position, (long long)piece->base_offset,
            WEIR_ARG(topic->info.name), piece->partition,
            partition != NULL ? (long long)partition->next_offset : -1);
    if (replay_segment(partition, piece, err) != WEIR_OK)
        return err->code;
    segment = partition->active;
    if (segment->assigned_bytes != piece->segment_at)
        return fail_piece(entry, "its place in the segment does not follow the one before", err);
    if (replay_bytes(segment, piece, bytes, err) != WEIR_OK)
        return err->code;

    applied = (pending_piece){.segment_at = piece->segment_at, .base_offset = piece->base_offset};
    segment_index_piece(segment, &applied);
    segment->assigned_bytes = segment->applied_bytes = piece->segment_at + piece->size;
    if (segment->reserved_bytes < segment->assigned_bytes)
        segment->reserved_bytes = segment->assigned_bytes;
    if (piece->max_timestamp_ms > segment->max_timestamp_ms)
        segment->max_timestamp_ms = piece->max_timestamp_ms;
    partition->size_bytes += piece->size;
    partition->next_offset = partition->visible_offset = partition->applied_offset =
        piece->last_offset + 1;
    if (topic == self->metadata)
        return topics_replay(self, bytes, err);
    return WEIR_OK;
}

static weir_code replay_entry(void *context, const journal_scan_entry *entry, weir_error *err)
{
    store *self = context;
    weir_str rest = {entry->bytes, entry->size};

    if (check_all_large(self, entry, err) != WEIR_OK)
        return err->code;
    for (uint32_t i = 0; i < entry->front.piece_count; i++) {
        journal_piece piece;
        weir_str bytes = {0};

        memcpy(&piece, entry->pieces + i * sizeof(piece), sizeof(piece));
        if (!(piece.flags & JOURNAL_LARGE)) {
            if (piece.size < 0 || (uint64_t)piece.size > rest.len)
                return fail_piece(entry, "its pieces are longer than it is", err);
            bytes = (weir_str){rest.ptr, (size_t)piece.size};
            rest.ptr += piece.size;
            rest.len -= (size_t)piece.size;
        }
        if (replay_piece(self, entry, &piece, bytes, err) != WEIR_OK)
            return err->code;
    }
    self->stats.replayed++;
    return WEIR_OK;
}

/* --- The journal ---------------------------------------------------------------------------- */

/* A new log is ready at once: its first file is small. */
enum { FIRST_FILE_PART = 16, FIRST_FILE_BYTES = 16384 };

static int64_t first_file_bytes(const store *self)
{
    int64_t size = self->options.journal_file_bytes / FIRST_FILE_PART;

    return size > FIRST_FILE_BYTES ? size : FIRST_FILE_BYTES;
}

static weir_code open_journal(store *self, uint64_t generation, weir_error *err)
{
    journal_options options = {.disk = self->disk,
                               .path = self->path,
                               .generation = generation,
                               .file_bytes = self->options.journal_file_bytes,
                               .first_file_bytes = first_file_bytes(self)};

    memcpy(options.log_id, self->id, sizeof(options.log_id));
    return journal_open(&options, &self->journal, err);
}

weir_code store_replay(store *self, const log_checkpoint *checkpoint, weir_error *err)
{
    journal_scan_end end;

    if (open_journal(self, checkpoint->generation + 1, err) != WEIR_OK)
        return err->code;
    if (journal_scan(self->journal, checkpoint->position, checkpoint->generation, replay_entry,
                     self, &end, err) != WEIR_OK)
        return err->code;
    self->generation = checkpoint->generation + 1;
    self->applied_position = end.position;
    return journal_resume(self->journal, end.file, end.position, err);
}
