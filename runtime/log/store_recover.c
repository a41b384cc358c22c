/* store_recover.c - from what is on disk to a store that can go on.
 *
 *  1. The checkpoint says where the journal is read from, and how long each partition's last segment was.
 *  2. The topic of definitions is read up to there: the table of topics as of the checkpoint.
 *  3. Every partition's segments are listed; files behind the last segment are leftovers and are removed at
 *     the end, unless the journal names them.
 *  4. The journal's entries are applied again (store_replay.c).
 *  5. Segments are cut to the length that is known, unknown files removed, and a new checkpoint is made, with
 *     the next generation.
 *
 * One thread, before the others are started.
 */
#include "runtime/log/store_read.h"
#include "runtime/log/store_work.h"

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

/* What both index files of a segment say. WEIR_REJECT: one is not there, or no longer of the other's making. */
static weir_code read_indexes(const log_segment *segment, index_facts *facts, weir_error *err)
{
    disk *on = segment->partition->topic->store->disk;
    char path[STORE_PATH_BYTES];
    index_facts of_times;

    segment_path(segment, "timeindex", path);
    if (index_read(on, path, NULL, &of_times, err) != WEIR_OK)
        return err->code;
    segment_path(segment, "index", path);
    if (index_read(on, path, NULL, facts, err) != WEIR_OK)
        return err->code;
    if (memcmp(facts, &of_times, sizeof(of_times)) != 0)
        return weir_fail(err, WEIR_REJECT, "the index '%s' is of another segment", path);
    return WEIR_OK;
}

/* A compacted segment may end in a gap. How far that goes only its index said: up to the next segment that is there. */
static weir_code note_gap(log_segment *segment, const weir_buf *bases, weir_error *err)
{
    index_facts facts;

    if (!segment->partition->topic->info.config.compact)
        return WEIR_OK;
    if (segment_index(segment, segment->assigned_bytes, NULL, NULL, &facts, err) != WEIR_OK)
        return err->code;
    for (size_t at = 0; at < bases->len && (segment->ends_at < facts.next_offset ||
                                            segment->ends_at <= segment->base_offset);
         at += sizeof(int64_t)) /* they rise; and an empty one ends behind its beginning, too */
        memcpy(&segment->ends_at, bases->ptr + at, sizeof(int64_t));
    return WEIR_OK;
}

/* Its index files were lost: a crash came while it was replaced, or they are damaged. */
static weir_code finish_again(log_segment *segment, const weir_buf *bases, weir_error *err)
{
    disk_file *file;
    weir_code code;

    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = disk_size(file, &segment->assigned_bytes, err);
    segment_unpin(segment);
    if (code == WEIR_OK)
        code = note_gap(segment, bases, err);
    return code == WEIR_OK ? segment_finish(segment, err) : code;
}

/* What a complete segment's index files say; without them, what the segment itself says. bases: of all segments. */
static weir_code load_complete(log_segment *segment, const weir_buf *bases, int64_t *next_offset,
                               weir_error *err)
{
    index_facts facts = {0};
    weir_code code;

    segment->is_sealed = segment->is_final = segment->is_checkpointed = true;
    if (read_indexes(segment, &facts, err) != WEIR_OK) {
        code = finish_again(segment, bases, err);
        if (code == WEIR_OK)
            code = read_indexes(segment, &facts, err);
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

static weir_code fail_gap(const store_partition *partition, int64_t from, int64_t to,
                          weir_error *err)
{
    log_segment missing = {.partition = (store_partition *)partition, .base_offset = from};
    char path[STORE_PATH_BYTES];

    segment_path(&missing, "log", path);
    return weir_fail(err, WEIR_FATAL,
                     "topic %.*s partition %d is damaged: the segment with offsets %lld to below "
                     "%lld is missing: '%s'",
                     WEIR_ARG(partition->topic->info.name), partition->number, (long long)from,
                     (long long)to, path);
}

/* Whether a segment follows the one before it, which ends at next_offset. WEIR_END: it was replaced by that one, but not
 * removed in time; only compaction replaces. */
static weir_code check_follows(const store_partition *partition, int64_t base, int64_t next_offset,
                               bool is_first, weir_error *err)
{
    bool is_compact = partition->topic->info.config.compact;

    if (is_first) /* retention removes from the front, compaction does not */
        return is_compact && base > 0 ? fail_gap(partition, 0, base, err) : WEIR_OK;
    if (base > next_offset)
        return fail_gap(partition, next_offset, base, err);
    if (base == next_offset)
        return WEIR_OK;
    if (is_compact)
        return WEIR_END;
    return weir_fail(err, WEIR_FATAL,
                     "topic %.*s partition %d is damaged: the segment %020lld.log begins below "
                     "offset %lld, where the one before it ends",
                     WEIR_ARG(partition->topic->info.name), partition->number, (long long)base,
                     (long long)next_offset);
}

/* Lists the segments of a partition that the checkpoint knows. */
static weir_code load_partition(store_partition *partition, const checkpoint_partition *state,
                                weir_error *err)
{
    store *self = partition->topic->store;
    weir_buf bases = {0};
    char dir[STORE_PATH_BYTES];
    weir_code code;
    const int64_t *at;
    int64_t next_offset = 0;
    size_t count;

    partition_dir(partition, dir);
    code = disk_list(self->disk, dir, segment_note_base, &bases, err);
    at = (const int64_t *)(const void *)bases.ptr;
    count = bases.len / sizeof(*at);
    if (count > 0)
        qsort(bases.ptr, count, sizeof(*at), compare_bases);
    for (size_t i = 0; i < count && code == WEIR_OK && at[i] <= state->segment_base; i++) {
        log_segment *added;

        code = check_follows(partition, at[i], next_offset, partition->active == NULL, err);
        if (code == WEIR_END) {
            code = WEIR_OK;
            continue;
        }
        if (code != WEIR_OK)
            break;
        added = segment_new(partition, at[i]);
        if (at[i] < state->segment_base)
            code = load_complete(added, &bases, &next_offset, err);
        else
            code = load_last(added, state, err);
        partition_take_segment(partition, added);
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
    int64_t base = segment_base_of(name);
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
    /* Not synced: should it come back, the next start cuts it once more. */
    code = disk_truncate(file, last->assigned_bytes, err);
    last->reserved_bytes = last->assigned_bytes;
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
        code = store_replay(self, &checkpoint, err);
    if (code == WEIR_OK)
        code = clean_up(self, err);
    checkpoint_done(&checkpoint);
    if (code == WEIR_OK)
        code = store_make_checkpoint(self, err);
    if (code == WEIR_OK) /* not before: the last checkpoint needed what they hold */
        code = journal_drop_short(self->journal, err);
    return code;
}
