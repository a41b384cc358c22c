/* store_apply.c - the applier: copies committed groups from the journal into the segments.
 *
 * A group's region of the journal is read at once, from the page cache, and written to the segments in as
 * few calls as its pieces allow. Nothing is synced here; that is the checkpoint's work. When a segment
 * is complete, its index files are written.
 */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { GATHER_COUNT = 256, KEEP_BYTES = 1 << 20 };

void segment_index_piece(log_segment *segment, const pending_piece *piece)
{
    if (piece->segment_at == 0 || piece->segment_at - segment->indexed_at >= INDEX_INTERVAL_BYTES) {
        sparse_index_add(&segment->offsets, piece->base_offset, piece->segment_at);
        segment->indexed_at = piece->segment_at;
    }
}

static weir_code write_indexes(log_segment *finished, index_facts *facts, weir_error *err)
{
    disk *on = finished->partition->topic->store->disk;
    sparse_index offsets = {0}, times = {0};
    char path[STORE_PATH_BYTES];
    weir_code code;

    /* Read once more: what the indexes say is what the file says, and the file is in memory. */
    code = segment_index(finished, finished->assigned_bytes, &offsets, &times, facts, err);
    if (facts->next_offset < finished->ends_at)
        facts->next_offset = finished->ends_at;
    if (code == WEIR_OK) {
        segment_path(finished, "index", path);
        code = index_write(on, path, &offsets, facts, err);
    }
    if (code == WEIR_OK) {
        segment_path(finished, "timeindex", path);
        code = index_write(on, path, &times, facts, err);
    }
    sparse_index_done(&offsets);
    sparse_index_done(&times);
    return code;
}

weir_code segment_finish(log_segment *finished, weir_error *err)
{
    store *self = finished->partition->topic->store;
    index_facts facts;
    disk_file *file;
    weir_code code;

    if (segment_pin(finished, &file, err) != WEIR_OK)
        return err->code;
    code = write_indexes(finished, &facts, err);
    if (code == WEIR_OK)
        code = disk_truncate(file, finished->assigned_bytes, err); /* what was reserved behind */
    if (code == WEIR_OK) {
        pthread_mutex_lock(&self->lock);
        sparse_index_done(&finished->offsets);
        finished->max_timestamp_ms = facts.max_timestamp_ms;
        finished->is_final = true;
        finished->has_new_index = true;
        segment_mark_dirty(finished);
        pthread_mutex_unlock(&self->lock);
    }
    segment_unpin(finished);
    return code;
}

static int compare_pieces(const void *a, const void *b)
{
    const pending_piece *left = *(const pending_piece *const *)a;
    const pending_piece *right = *(const pending_piece *const *)b;

    if (left->segment != right->segment)
        return left->segment->serial < right->segment->serial ? -1 : 1;
    return (left->segment_at > right->segment_at) - (left->segment_at < right->segment_at);
}

static weir_code write_run(log_segment *segment, const struct iovec *buffers, int count, int64_t at,
                           weir_error *err)
{
    store *self = segment->partition->topic->store;
    disk_file *file;
    weir_code code;

    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = disk_pwritev(file, buffers, count, at, err);
    pthread_mutex_lock(&self->lock);
    segment_mark_dirty(
        segment); /* behind the write: a checkpoint that came before has not synced it */
    pthread_mutex_unlock(&self->lock);
    segment_unpin(segment);
    return code;
}

/* Writes sorted pieces: those that follow each other in a segment with one call. */
static weir_code write_pieces(const pending_group *group, pending_piece **pieces, size_t count,
                              char *bytes, weir_error *err)
{
    struct iovec buffers[GATHER_COUNT];
    size_t i = 0;

    while (i < count) {
        log_segment *segment = pieces[i]->segment;
        int64_t at = pieces[i]->segment_at, end = at;
        int used = 0;

        while (i < count && used < GATHER_COUNT && pieces[i]->segment == segment &&
               pieces[i]->segment_at == end) {
            buffers[used++] = (struct iovec){bytes + (pieces[i]->file_at - group->file_at),
                                             (size_t)pieces[i]->size};
            end += pieces[i++]->size;
        }
        if (write_run(segment, buffers, used, at, err) != WEIR_OK ||
            store_bound_dirty(segment->partition->topic->store, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code copy_group(store *self, pending_group *group, weir_error *err)
{
    size_t size = (size_t)(group->end - group->position);
    size_t count = 0;
    pending_piece **order;
    char *bytes;
    size_t got;
    weir_code code;

    weir_buf_clear(&self->apply_order);
    order = (pending_piece **)(void *)weir_buf_reserve(&self->apply_order,
                                                       group->count * sizeof(*order));
    for (size_t i = 0; i < group->count; i++) {
        if (group->pieces[i].file_at >= 0)
            order[count++] = &group->pieces[i];
    }
    if (count == 0)
        return WEIR_OK;
    weir_buf_clear(&self->apply_bytes);
    bytes = weir_buf_reserve(&self->apply_bytes, size);
    if (disk_pread(group->file->file, bytes, size, group->file_at, &got, err) != WEIR_OK)
        return err->code;
    if (got != size)
        return weir_fail(err, WEIR_FATAL, "journal-%03d became shorter", group->file->number);
    qsort(order, count, sizeof(*order), compare_pieces);
    code = write_pieces(group, order, count, bytes, err);
    if (self->apply_bytes.capacity > KEEP_BYTES)
        weir_buf_done(&self->apply_bytes);
    return code;
}

static bool is_complete(store *self, const pending_piece *piece)
{
    log_segment *segment = piece->segment;
    bool complete;

    pthread_mutex_lock(&self->lock);
    complete = segment->is_sealed && !segment->is_final &&
               piece->segment_at + piece->size == segment->assigned_bytes;
    pthread_mutex_unlock(&self->lock);
    return complete;
}

/* Finishes segments that are complete with this group, or turn out to have been with the last one: before
 * the group counts as applied, so that a checkpoint never has an older segment without its indexes. */
static weir_code finish_segments(store *self, const pending_group *group, weir_error *err)
{
    for (size_t i = 0; i < group->count; i++) {
        const pending_piece *piece = &group->pieces[i];
        log_segment *before = piece->segment->partition->applied;

        if (before != NULL && before != piece->segment && !before->is_final &&
            before->assigned_bytes == before->applied_bytes &&
            segment_finish(before, err) != WEIR_OK)
            return err->code;
        if (is_complete(self, piece) && segment_finish(piece->segment, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static void note_applied(store *self, pending_group *group)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < group->count; i++) {
        const pending_piece *piece = &group->pieces[i];
        log_segment *segment = piece->segment;

        if (!segment->is_final)
            segment_index_piece(segment, piece);
        segment->partition->applied = segment;
        segment->applied_bytes = piece->segment_at + piece->size;
        self->applied_bytes += (uint64_t)piece->size;
        partition_pop(segment->partition);
    }
    self->pending_first = group->next;
    if (self->pending_first == NULL)
        self->pending_last = NULL;
    self->pending_pieces -= (int64_t)group->count;
    self->pending_is_crowded = false;
    self->apply_is_full = false;
    self->applied_position = group->end;
    if (store_checkpoint_is_due(self))
        pthread_cond_signal(&self->to_keep);
    pthread_cond_signal(&self->to_write);
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

/* The group stays, in the journal, and all of it is written again. Index files are what needs room here. */
static void wait_for_room(store *self, const weir_error *reason)
{
    bool first_time;

    pthread_mutex_lock(&self->lock);
    first_time = !self->apply_is_full;
    self->apply_is_full = true;
    self->is_kicked = true; /* retention may make room */
    pthread_cond_signal(&self->to_keep);
    pthread_mutex_unlock(&self->lock);
    if (first_time)
        diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(reason->message)}}, 1,
                  "the log has no room: what is committed stays in the journal");
}

bool store_apply_group(store *self)
{
    pending_group *group;
    weir_error err;

    pthread_mutex_lock(&self->lock);
    group = self->has_stopped ? NULL : self->pending_first;
    pthread_mutex_unlock(&self->lock);
    if (group == NULL)
        return false;
    if (copy_group(self, group, &err) != WEIR_OK || finish_segments(self, group, &err) != WEIR_OK) {
        (void)weir_wrap(&err, "copying the journal into segments");
        if (err.code == WEIR_RETRY)
            wait_for_room(self, &err);
        else
            store_stop(self, &err);
        return false;
    }
    note_applied(self, group);
    free(group);
    return true;
}
