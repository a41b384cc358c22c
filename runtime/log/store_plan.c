/* store_plan.c - what becomes of a group's appends: which way their pieces are written, and to which places.
 *
 * Room comes first: space in the segments and in the journal is reserved before an append gets its
 * offsets, so that a full disk is found while nothing has been promised.
 */
#include "runtime/base/mem.h"
#include "runtime/log/store_group.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <string.h>

enum {
    LARGE_PIECE_SHARE = 16, /* of large_bytes: a smaller piece never goes to its segment at once */
    RESERVE_BYTES = 65536,  /* of a segment, at least at once */
    RESERVE_MAX_BYTES = 8 << 20,
};

uint64_t group_entry_bytes(const store_append *append, size_t bytes)
{
    return journal_padded(sizeof(journal_entry) + append->piece_count * sizeof(journal_piece) +
                          bytes);
}

bool group_exceeds_journal(const store *self, const store_append *append)
{
    return (int64_t)group_entry_bytes(append, append->size_bytes) >
           journal_max_entry(self->journal) / 4;
}

/* --- Planning ------------------------------------------------------------------------------- */

/* Whether a piece goes to its segment at once: when much of the group is for its partition, so that one more
 * sync costs less than writing the data twice. */
static bool is_large(const store *self, const store_piece *piece)
{
    return (int64_t)piece->size >= self->options.large_bytes / LARGE_PIECE_SHARE &&
           piece->partition->group_bytes >= self->options.large_bytes;
}

static planned plan_append(const store *self, store_append *append)
{
    bool all = group_exceeds_journal(self, append);
    size_t small_bytes = 0;
    planned plan = {.append = append};

    for (size_t i = 0; i < append->piece_count; i++) {
        store_piece *piece = &append->pieces[i];

        piece->is_large = all || is_large(self, piece);
        plan.has_large |= piece->is_large;
        small_bytes += piece->is_large ? 0 : piece->size;
    }
    plan.journal_bytes = group_entry_bytes(append, small_bytes);
    return plan;
}

planned *group_plan_at(const append_group *group, size_t i)
{
    return (planned *)(void *)(group->plans.ptr + i * sizeof(planned));
}

size_t group_plan_count(const append_group *group)
{
    return group->plans.len / sizeof(planned);
}

static void add_sizes(const append_group *group)
{
    for (store_append *at = group->appends.first; at != NULL; at = at->next) {
        for (size_t i = 0; i < at->piece_count; i++)
            at->pieces[i].partition->group_bytes += (int64_t)at->pieces[i].size;
    }
}

static void clear_sizes(const append_group *group)
{
    for (store_append *at = group->appends.first; at != NULL; at = at->next) {
        for (size_t i = 0; i < at->piece_count; i++)
            at->pieces[i].partition->group_bytes = 0;
    }
}

void group_plan(store *self, append_group *group)
{
    add_sizes(group);
    for (store_append *at = group->appends.first; at != NULL; at = at->next) {
        planned plan = plan_append(self, at);

        weir_buf_add(&group->plans, &plan, sizeof(plan));
        group->journal_bytes += plan.journal_bytes;
    }
    clear_sizes(group);
}

/* --- Places --------------------------------------------------------------------------------- */

/* A new last segment, when there is none or the one that is there is full. */
static void roll(store *self, store_partition *partition)
{
    log_segment *next = segment_new(partition, partition->next_offset);

    next->is_new = true;
    pthread_mutex_lock(&self->lock);
    if (partition->active != NULL)
        partition->active->is_sealed = true;
    partition_add_segment(partition, next);
    pthread_mutex_unlock(&self->lock);
    partition->active = next;
}

static weir_code reserve(log_segment *segment, int64_t size, weir_error *err)
{
    int64_t end = segment->assigned_bytes + size;
    int64_t more = segment->assigned_bytes / 2;
    disk_file *file;
    weir_code code;

    if (end <= segment->reserved_bytes)
        return WEIR_OK;
    if (more < RESERVE_BYTES)
        more = RESERVE_BYTES;
    if (more > RESERVE_MAX_BYTES)
        more = RESERVE_MAX_BYTES;
    end += more;
    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = disk_allocate(file, segment->reserved_bytes, end - segment->reserved_bytes, err);
    segment_unpin(segment);
    if (code == WEIR_OK)
        segment->reserved_bytes = end;
    return code;
}

/* Room for an append in the segments of all its partitions. */
static weir_code reserve_append(store *self, const store_append *append, weir_error *err)
{
    if (append->lane != NULL && append->lane->has_failed)
        return weir_fail(err, WEIR_REJECT, "an earlier append of the same writer failed");
    for (size_t i = 0; i < append->piece_count; i++) {
        store_partition *partition = append->pieces[i].partition;

        if (partition->topic->is_deleted)
            return weir_fail(err, WEIR_REJECT, "topic %.*s was deleted",
                             WEIR_ARG(partition->topic->info.name));
    }
    for (size_t i = 0; i < append->piece_count; i++)
        append->pieces[i].partition->group_bytes += (int64_t)append->pieces[i].size;
    for (size_t i = 0; i < append->piece_count; i++) {
        store_partition *partition = append->pieces[i].partition;
        int64_t size = partition->group_bytes;

        partition->group_bytes = 0;
        if (size == 0 || err->code != WEIR_OK)
            continue; /* seen already, or only cleaning up */
        if (partition->active == NULL ||
            (partition->active->assigned_bytes > 0 &&
             partition->active->assigned_bytes + size > partition_segment_bytes(partition)) ||
            (partition->active->assigned_bytes > 0 && atomic_load(&partition->wants_roll))) {
            atomic_store(&partition->wants_roll, false);
            roll(self, partition);
        }
        (void)reserve(partition->active, size, err); /* looked at below */
    }
    return err->code;
}

/* Sets the base offsets of a piece's batches; returns the largest timestamp. */
static int64_t number_batches(const store_piece *piece)
{
    char *at = piece->bytes, *end = at + piece->size;
    int64_t offset = piece->base_offset;
    int64_t max_timestamp_ms = -1;

    while (at < end) {
        record_batch_info info;
        weir_error err;
        weir_code code = record_batch_peek((weir_str){at, (size_t)(end - at)}, &info, &err);

        assert(code == WEIR_OK); /* store_submit has looked */
        record_batch_set_base_offset(at, offset);
        offset += info.last_offset - info.base_offset + 1;
        if (info.max_timestamp_ms > max_timestamp_ms)
            max_timestamp_ms = info.max_timestamp_ms;
        at += info.size_bytes;
    }
    assert(offset == piece->last_offset + 1);
    return max_timestamp_ms;
}

static pending_piece assign_piece(store_piece *piece)
{
    store_partition *partition = piece->partition;
    int64_t count = piece->last_offset;
    pending_piece pending = {.segment = partition->active,
                             .segment_at = partition->active->assigned_bytes,
                             .size = (int64_t)piece->size,
                             .base_offset = partition->next_offset,
                             .last_offset = partition->next_offset + count - 1,
                             .file_at = -1};

    piece->base_offset = pending.base_offset;
    piece->last_offset = pending.last_offset;
    pending.max_timestamp_ms = number_batches(piece);
    partition->next_offset += count;
    partition->active->assigned_bytes += pending.size;
    return pending;
}

/* Gives places to as many appends as there is room for; the others stay in group->appends. */
weir_code group_assign(store *self, append_group *group, weir_error *err)
{
    weir_buf pieces = {0};
    size_t good = 0;
    int64_t at;

    if (journal_reserve(self->journal, group->journal_bytes, err) != WEIR_OK) {
        group->plans.len = 0;
        return err->code;
    }
    group->journal_bytes = 0;
    for (size_t i = 0; i < group_plan_count(group); i++) {
        planned plan = *group_plan_at(group, i);

        err->code = WEIR_OK;
        (void)reserve_append(self, plan.append, err); /* err->code is looked at below */
        if (err->code == WEIR_RETRY || err->code == WEIR_FATAL)
            break;
        (void)append_list_pop(&group->appends);
        if (err->code == WEIR_REJECT) {
            if (plan.append->lane != NULL)
                plan.append->lane->has_failed = true;
            store_end_append(self, plan.append, WEIR_REJECT, err);
            continue;
        }
        for (size_t j = 0; j < plan.append->piece_count; j++) {
            pending_piece piece = assign_piece(&plan.append->pieces[j]);

            weir_buf_add(&pieces, &piece, sizeof(piece));
        }
        group->journal_bytes += plan.journal_bytes;
        *group_plan_at(group, good++) = plan;
    }
    group->plans.len = good * sizeof(planned);
    group->piece_count = pieces.len / sizeof(pending_piece);
    if (good > 0) {
        group->pending = mem_zalloc(1, sizeof(*group->pending) + pieces.len);
        if (pieces.len > 0)
            memcpy(group->pending->pieces, pieces.ptr, pieces.len);
        group->pending->count = group->piece_count;
        group->pending->file = journal_current(self->journal, &at);
        group->pending->file_at = at;
        group->pending->position = journal_position(self->journal);
        group->pending->end = group->pending->position + group->journal_bytes;
    }
    weir_buf_done(&pieces);
    return err->code == WEIR_REJECT ? WEIR_OK : err->code;
}
