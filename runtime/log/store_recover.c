/* store_recover.c - from what is on disk to a store that can go on.
 *
 *  1. The checkpoint says where the journal is read from, and how long each partition's last segment was.
 *  2. The topic of definitions is read up to there: the table of topics as of the checkpoint.
 *  3. Every partition's segments are listed; files behind the last segment are leftovers and are removed at
 *     the end, unless the journal names them.
 *  4. The journal's entries are applied again. They say themselves where they belong, so applying one that was
 *     applied already changes nothing.
 *  5. Segments are cut to the length that is known, unknown files removed, and a new checkpoint is made, with
 *     the next generation.
 *
 * One thread, before the others are started.
 */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/log/journal_scan.h"
#include "runtime/log/store_read.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METADATA_READ_BYTES = 1 << 20 };

/* --- Segments ------------------------------------------------------------------------------- */

static int compare_bases(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* The base offset in the name of a segment's file; -1 when it is no such name. */
static int64_t base_of(const char *name)
{
    int64_t base = 0;

    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' || base > INT64_MAX / 10 - 1)
            return -1;
        base = base * 10 + (name[i] - '0');
    }
    return base;
}

/* Collects the base offsets of a directory's segments. */
static void note_base(void *context, const char *name)
{
    int64_t base = base_of(name);

    if (base >= 0 && strcmp(name + 20, ".log") == 0)
        weir_buf_add(context, &base, sizeof(base));
}

/* What a complete segment's index says; without one, what the segment itself says. */
static weir_code load_complete(log_segment *segment, int64_t *next_offset, weir_error *err)
{
    store *self = segment->partition->topic->store;
    char path[STORE_PATH_BYTES];
    index_facts facts;
    disk_file *file;
    weir_code code;

    segment->is_sealed = segment->is_final = segment->is_checkpointed = true;
    segment_path(segment, "index", path);
    if (index_read(self->disk, path, NULL, &facts, err) != WEIR_OK) {
        if (segment_pin(segment, &file, err) != WEIR_OK)
            return err->code;
        code = disk_size(file, &segment->assigned_bytes, err);
        segment_unpin(segment);
        if (code == WEIR_OK)
            code = segment_finish(segment, err); /* a crash came while it was replaced */
        if (code == WEIR_OK)
            code = index_read(self->disk, path, NULL, &facts, err);
        if (code != WEIR_OK)
            return code == WEIR_REJECT ? (err->code = WEIR_FATAL) : code;
    }
    segment->assigned_bytes = segment->applied_bytes = segment->reserved_bytes =
        facts.segment_bytes;
    segment->max_timestamp_ms = facts.max_timestamp_ms;
    *next_offset = facts.next_offset;
    return WEIR_OK;
}

/* The segment that was the last one at the checkpoint. */
static weir_code load_last(log_segment *segment, const checkpoint_partition *state, weir_error *err)
{
    char path[STORE_PATH_BYTES];
    disk_file *file;
    int64_t size;
    weir_code code;

    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = disk_size(file, &size, err);
    segment_unpin(segment);
    if (code != WEIR_OK)
        return code;
    segment_path(segment, "log", path);
    if (size < state->segment_bytes)
        return weir_fail(
            err, WEIR_FATAL,
            "the segment '%s' is damaged: it ends at offset %lld, but %lld bytes of it "
            "were durable",
            path, (long long)size, (long long)state->segment_bytes);
    segment->assigned_bytes = segment->applied_bytes = state->segment_bytes;
    segment->reserved_bytes = size;
    segment->max_timestamp_ms = state->max_timestamp_ms;
    return WEIR_OK;
}

static void take_segment(store_partition *partition, log_segment *added)
{
    if (partition_segment_count(partition) == 0)
        partition->start_offset = added->base_offset;
    partition_add_segment(partition, added);
    partition->active = partition->applied = added;
    partition->size_bytes += added->applied_bytes;
}

/* Lists the segments of a partition that the checkpoint knows. */
static weir_code fail_gap(const store_partition *partition, int64_t from, int64_t to,
                          weir_error *err)
{
    return weir_fail(err, WEIR_FATAL,
                     "topic %.*s partition %d is damaged: the segment with offsets %lld to below "
                     "%lld is missing",
                     WEIR_ARG(partition->topic->info.name), partition->number, (long long)from,
                     (long long)to);
}

static weir_code load_partition(store_partition *partition, const checkpoint_partition *state,
                                weir_error *err)
{
    store *self = partition->topic->store;
    weir_buf bases = {0};
    char dir[STORE_PATH_BYTES];
    weir_code code;
    const int64_t *at;
    int64_t next_offset = 0;
    bool has_any = false;
    size_t count;

    partition_dir(partition, dir);
    code = disk_list(self->disk, dir, note_base, &bases, err);
    at = (const int64_t *)(const void *)bases.ptr;
    count = bases.len / sizeof(*at);
    if (count > 0)
        qsort(bases.ptr, count, sizeof(*at), compare_bases);
    for (size_t i = 0; i < count && code == WEIR_OK && at[i] <= state->segment_base; i++) {
        log_segment *added;

        if (at[i] < next_offset) /* replaced by the one before, but not removed in time */
            continue;
        if (at[i] > next_offset && has_any && !partition->topic->info.config.compact)
            code = fail_gap(partition, next_offset, at[i], err);
        if (code != WEIR_OK)
            break;
        has_any = true;
        added = segment_new(partition, at[i]);
        if (at[i] < state->segment_base)
            code = load_complete(added, &next_offset, err);
        else
            code = load_last(added, state, err);
        take_segment(partition, added);
    }
    weir_buf_done(&bases);
    if (code == WEIR_OK &&
        (partition->active == NULL || partition->active->base_offset != state->segment_base))
        return weir_fail(err, WEIR_FATAL, "the segment '%s/%020lld.log' is missing", dir,
                         (long long)state->segment_base);
    partition->next_offset = partition->visible_offset = partition->applied_offset =
        state->next_offset;
    return code;
}

/* Going on would remove the files of a topic that somebody wrote to. */
static weir_code fail_topic(const checkpoint_partition *state, weir_error *err)
{
    char id[37];

    store_id_text(state->topic_id, id);
    return weir_fail(
        err, WEIR_FATAL,
        "the checkpoint has a topic with the id %s, but topic __weir_metadata does not "
        "define it: that one is damaged",
        id);
}

static weir_code load_partitions(store *self, const log_checkpoint *checkpoint, bool metadata,
                                 weir_error *err)
{
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        checkpoint_partition state = checkpoint_at(checkpoint, i);
        store_topic *topic = topics_by_id(self, state.topic_id);
        store_partition *partition;

        if (metadata != (memcmp(state.topic_id, STORE_METADATA_ID, sizeof(state.topic_id)) == 0))
            continue; /* the other kind */
        if (topic == NULL || topic->is_deleted)
            return fail_topic(&state, err);
        partition = store_partition_at(topic, state.partition);
        if (partition == NULL)
            return weir_fail(
                err, WEIR_FATAL, "the checkpoint has partition %d of topic %.*s, which has %d",
                state.partition, WEIR_ARG(topic->info.name), topic->info.config.partitions);
        if (load_partition(partition, &state, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* --- Topics --------------------------------------------------------------------------------- */

static weir_code load_topics(store *self, weir_error *err)
{
    store_partition *partition = &self->metadata->partitions[0];
    int64_t offset = partition->start_offset;
    store_cursor cursor = {0};
    weir_buf bytes = {0};
    weir_code code = WEIR_OK;

    while (offset < partition->visible_offset && code == WEIR_OK) {
        weir_buf_clear(&bytes);
        code = store_read(partition, offset, METADATA_READ_BYTES, &cursor, &bytes, err);
        if (code == WEIR_OK && bytes.len == 0)
            break;
        if (code == WEIR_OK)
            code = topics_replay(self, weir_buf_str(&bytes), err);
        offset = cursor.offset;
    }
    weir_buf_done(&bytes);
    return code;
}

static weir_code make_all_dirs(store *self, weir_error *err)
{
    for (size_t at = 0; at < self->all_topics.len; at += sizeof(store_topic *)) {
        store_topic *topic;

        memcpy(&topic, self->all_topics.ptr + at, sizeof(topic));
        if (topic->is_deleted)
            continue;
        topic->dirs_are_new = true; /* until a checkpoint has synced them */
        if (topics_make_dirs(topic, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* --- The journal ---------------------------------------------------------------------------- */

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
    take_segment(partition, next);
    if (segment_pin(next, &file, err) != WEIR_OK)
        return err->code;
    code = disk_size(file, &next->reserved_bytes, err); /* the file may have been there */
    segment_unpin(next);
    return code;
}

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
    code = disk_list(on, path, note_base, &bases, err);
    for (size_t at = 0; at < bases.len; at += sizeof(int64_t))
        found |= memcmp(bases.ptr + at, &piece->segment_base, sizeof(int64_t)) == 0;
    weir_buf_done(&bases);
    if (code != WEIR_OK || !found)
        return code;
    segment_path(&named, "log", path);
    return disk_open(on, path, DISK_READ, file, err);
}

/* Whether the bytes of a large piece are in the segment. They were synced before the entry was acknowledged,
 * but not before it was written. WEIR_END: they are not. */
static weir_code check_large(store_partition *partition, const journal_piece *piece,
                             weir_error *err)
{
    log_segment named = {.partition = partition, .base_offset = piece->segment_base};
    char path[STORE_PATH_BYTES];
    weir_buf bytes = {0};
    size_t size = (size_t)piece->size, got = 0;
    disk_file *file;
    weir_code code = open_large(partition, piece, &file, err);

    if (code == WEIR_OK && file != NULL)
        code = disk_pread(file, weir_buf_reserve(&bytes, size), size, piece->segment_at, &got, err);
    disk_close(file);
    if (code == WEIR_OK && (got != size || crc32c(0, bytes.ptr, size) != piece->crc)) {
        segment_path(&named, "log", path);
        code = weir_fail(err, WEIR_END, "the segment '%s' is damaged between offsets %lld and %lld",
                         path, (long long)piece->segment_at,
                         (long long)(piece->segment_at + piece->size));
    }
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
    return code;
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

static weir_code open_journal(store *self, uint64_t generation, weir_error *err)
{
    journal_options options = {.disk = self->disk,
                               .path = self->path,
                               .generation = generation,
                               .file_bytes = self->options.journal_file_bytes};

    memcpy(options.log_id, self->id, sizeof(options.log_id));
    return journal_open(&options, &self->journal, err);
}

/* --- Cleaning up ---------------------------------------------------------------------------- */

typedef struct leftovers {
    store *store;
    store_partition *partition; /* NULL: names of topics */
    weir_buf names;
} leftovers;

/* A file of a partition that belongs to none of its segments. */
static void note_stray(void *context, const char *name)
{
    leftovers *found = context;
    int64_t base = base_of(name);
    ptrdiff_t i = base < 0 ? -1 : partition_find(found->partition, base);

    if (i >= 0 && partition_segment(found->partition, (size_t)i)->base_offset == base &&
        (strcmp(name + 20, ".log") == 0 || strcmp(name + 20, ".index") == 0 ||
         strcmp(name + 20, ".timeindex") == 0))
        return;
    weir_buf_add(&found->names, name, strlen(name) + 1);
}

static weir_code clean_partition(store_partition *partition, weir_error *err)
{
    leftovers found = {.store = partition->topic->store, .partition = partition};
    char dir[STORE_PATH_BYTES], path[STORE_PATH_BYTES];
    log_segment *last = partition->active;
    disk_file *file;
    weir_code code;

    partition_dir(partition, dir);
    code = disk_list(found.store->disk, dir, note_stray, &found, err);
    for (size_t at = 0; at < found.names.len && code == WEIR_OK;
         at += strlen(found.names.ptr + at) + 1) {
        snprintf(path, sizeof(path), "%.3000s/%.255s", dir, found.names.ptr + at);
        code = disk_unlink(found.store->disk, path, err);
    }
    weir_buf_done(&found.names);
    if (code != WEIR_OK || last == NULL || last->reserved_bytes == last->assigned_bytes)
        return code;
    if (segment_pin(last, &file, err) != WEIR_OK)
        return err->code;
    code = disk_truncate(file, last->assigned_bytes, err);
    last->reserved_bytes = last->assigned_bytes;
    segment_mark_dirty(last);
    segment_unpin(last);
    return code;
}

static void note_unknown_topic(void *context, const char *name)
{
    leftovers *found = context;
    size_t size = strlen(name);
    uint8_t id[STORE_ID_BYTES];
    store_topic *topic = NULL;

    if (size > 36 && store_id_parse((weir_str){name + size - 36, 36}, id))
        topic = topics_by_id(found->store, id);
    if (topic == NULL || (topic->is_deleted && !topic->dirs_are_new))
        weir_buf_add(&found->names, name, size + 1);
}

static weir_code remove_unknown(store *self, weir_buf *names, weir_error *err)
{
    weir_code code = WEIR_OK;

    for (size_t at = 0; at < names->len && code == WEIR_OK; at += strlen(names->ptr + at) + 1)
        code = topics_remove_dir(self, names->ptr + at, err);
    weir_buf_done(names);
    return code;
}

static weir_code clean_up(store *self, weir_error *err)
{
    leftovers found = {.store = self};
    char path[STORE_PATH_BYTES];
    weir_code code = WEIR_OK;

    for (size_t at = 0; at < self->all_topics.len && code == WEIR_OK; at += sizeof(store_topic *)) {
        store_topic *topic;

        memcpy(&topic, self->all_topics.ptr + at, sizeof(topic));
        if (topic->is_deleted && topic->dirs_are_new) { /* removed after the checkpoint */
            topic->next_doomed = self->doomed;
            self->doomed = topic;
        }
        for (int32_t i = 0; i < topic->info.config.partitions && !topic->is_deleted; i++) {
            code = clean_partition(&topic->partitions[i], err);
            if (code != WEIR_OK)
                return code;
        }
    }
    snprintf(path, sizeof(path), "%.4000s/topics", self->path);
    return disk_list(self->disk, path, note_unknown_topic, &found, err) != WEIR_OK
               ? err->code
               : remove_unknown(self, &found.names, err);
}

/* --- All of it ------------------------------------------------------------------------------ */

static weir_code replay(store *self, const log_checkpoint *checkpoint, weir_error *err)
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

weir_code store_recover(store *self, weir_error *err)
{
    log_checkpoint checkpoint = {0};
    weir_code code;

    code = checkpoint_read(&checkpoint, self->disk, self->path, err);
    if (code == WEIR_OK && memcmp(checkpoint.log_id, self->id, sizeof(self->id)) != 0)
        code =
            weir_fail(err, WEIR_FATAL, "the checkpoint in '%s' belongs to another log", self->path);
    if (code == WEIR_OK)
        code = load_partitions(self, &checkpoint, true, err);
    if (code == WEIR_OK)
        code = load_topics(self, err);
    if (code == WEIR_OK)
        code = make_all_dirs(self, err);
    if (code == WEIR_OK)
        code = load_partitions(self, &checkpoint, false, err);
    if (code == WEIR_OK)
        code = replay(self, &checkpoint, err);
    if (code == WEIR_OK)
        code = clean_up(self, err);
    checkpoint_done(&checkpoint);
    return code == WEIR_OK ? store_make_checkpoint(self, err) : code;
}
