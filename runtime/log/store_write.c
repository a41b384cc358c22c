/* store_write.c - the writer: from queued appends to durable, readable ones.
 *
 * A group is what was queued while the last one was being synced. Its appends get offsets and places in
 * segments in their order; the large ones are written into their segments, which are synced; then one
 * write and one sync of the journal make the group durable. Only after that it is published, and each
 * append is told.
 *
 * Room comes first: space in the segments and in the journal is reserved before an append gets its
 * offsets, so that a full disk is found while nothing has been promised.
 */
#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/log/store_state.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUP_BYTES = 4 << 20, /* taken at once */
    GROUP_APPENDS = 1024,
    LARGE_PART_BYTES = 16384, /* smaller appends are never written to their segment first */
    RESERVE_BYTES = 65536,    /* of a segment, at least at once */
    RESERVE_MAX_BYTES = 8 << 20,
    MAX_PENDING_PIECES = 65536, /* on their way to segments, before the writer waits */
    RETRY_MS = 250,             /* until a full disk is tried again */
};

/* An append in the group, and what was decided about it. */
typedef struct planned {
    store_append *append;
    bool is_large;
    uint64_t journal_bytes; /* padded */
} planned;

typedef struct append_group {
    append_list appends;
    weir_buf plans; /* of planned */
    uint64_t journal_bytes;
    size_t piece_count; /* of assigned appends */
    pending_group *pending;
} append_group;

/* --- Lists ---------------------------------------------------------------------------------- */

static void list_push(append_list *list, store_append *append)
{
    append->next = NULL;
    if (list->last != NULL)
        list->last->next = append;
    else
        list->first = append;
    list->last = append;
}

static store_append *list_pop(append_list *list)
{
    store_append *first = list->first;

    if (first != NULL) {
        list->first = first->next;
        if (list->first == NULL)
            list->last = NULL;
    }
    return first;
}

/* All of `from` to the front of `list`. */
static void list_prepend(append_list *list, append_list *from)
{
    if (from->last == NULL)
        return;
    from->last->next = list->first;
    list->first = from->first;
    if (list->last == NULL)
        list->last = from->last;
    *from = (append_list){0};
}

void store_take_lane(store *self, const store_lane *lane, append_list *out)
{
    append_list *lists[] = {&self->parked, &self->queue};

    for (size_t i = 0; i < 2; i++) {
        append_list all = *lists[i];
        store_append *append;

        *lists[i] = (append_list){0};
        while ((append = list_pop(&all)) != NULL)
            list_push(append->lane == lane ? out : lists[i], append);
    }
}

/* --- Ends ----------------------------------------------------------------------------------- */

static void tell(store *self, store_append *append)
{
    store_lane *lane = append->lane;

    append->done(append); /* from here on it may be gone */
    if (lane == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    assert(lane->active_count > 0);
    lane->active_count--;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

static void end_append(store *self, store_append *append, weir_code code, const weir_error *reason)
{
    append->code = code;
    if (code != WEIR_OK)
        append->err = *reason;
    tell(self, append);
}

void store_end_appends(store *self, append_list *list, weir_code code, const weir_error *reason)
{
    store_append *append;

    while ((append = list_pop(list)) != NULL)
        end_append(self, append, code, reason);
}

void store_fail_queue(store *self)
{
    append_list all;
    weir_error err;
    weir_code code;

    pthread_mutex_lock(&self->lock);
    all = self->queue;
    self->queue = (append_list){0};
    list_prepend(&all, &self->parked);
    pthread_mutex_unlock(&self->lock);
    if (store_has_stopped(self, &err))
        code = WEIR_FATAL;
    else
        code = weir_fail(&err, WEIR_RETRY, "the log was closed");
    store_end_appends(self, &all, code, &err);
}

/* --- Submitting ----------------------------------------------------------------------------- */

/* Checks that a piece is whole batches, and notes how many offsets they take (in last_offset). */
static weir_code check_piece(store_piece *piece, weir_error *err)
{
    weir_str rest = {piece->bytes, piece->size};
    int64_t count = 0;

    while (rest.len > 0) {
        record_batch_info info;

        if (record_batch_peek(rest, &info, err) != WEIR_OK)
            return weir_fail(err, WEIR_REJECT, "an append has bytes that are no record batch");
        count += info.last_offset - info.base_offset + 1;
        rest.ptr += info.size_bytes;
        rest.len -= info.size_bytes;
    }
    if (count == 0)
        return weir_fail(err, WEIR_REJECT, "an append has a piece without records");
    piece->last_offset = count;
    return WEIR_OK;
}

/* What an append takes of the journal. */
static uint64_t entry_bytes(const store_append *append, bool is_large)
{
    uint64_t table = sizeof(journal_entry) + append->piece_count * sizeof(journal_piece);

    return journal_padded(table + (is_large ? 0 : append->size_bytes));
}

/* Larger appends would take too much of the journal, and go to their segments first. */
static bool exceeds_journal(const store *self, const store_append *append)
{
    return (int64_t)entry_bytes(append, false) > journal_max_entry(self->journal) / 4;
}

static weir_code check_append(store *self, store_append *append, weir_error *err)
{
    assert(append->piece_count > 0);
    append->size_bytes = 0;
    for (size_t i = 0; i < append->piece_count; i++) {
        if (check_piece(&append->pieces[i], err) != WEIR_OK)
            return err->code;
        append->size_bytes += append->pieces[i].size;
    }
    if ((int64_t)entry_bytes(append, true) > journal_max_entry(self->journal) / 4)
        return weir_fail(err, WEIR_REJECT, "an append of %zu pieces is too large",
                         append->piece_count);
    return WEIR_OK;
}

void store_submit(store *self, store_append *append)
{
    weir_code code = check_append(self, append, &append->err);

    append->queued_ns = self->clock->mono_ns(self->clock);
    pthread_mutex_lock(&self->lock);
    if (append->lane != NULL)
        append->lane->active_count++;
    if (code == WEIR_OK && self->has_stopped) {
        append->err = self->stop_reason;
        code = WEIR_FATAL;
    } else if (code == WEIR_OK &&
               (self->is_closing || (append->lane != NULL && append->lane->is_closing))) {
        code = weir_fail(&append->err, WEIR_RETRY, "the log or its writer was closed");
    }
    if (code == WEIR_OK) {
        list_push(&self->queue, append);
        pthread_cond_signal(&self->to_write);
    }
    pthread_mutex_unlock(&self->lock);
    if (code != WEIR_OK) {
        append->code = code;
        tell(self, append);
    }
}

/* --- Taking a group ------------------------------------------------------------------------- */

/* Locked. Whether the append has to wait for a topic with room, or behind one of its lane that does. */
static bool must_park(store_append *append)
{
    weir_buf *reason = append->lane != NULL ? &append->lane->reason : NULL;

    if (append->lane != NULL && append->lane->parked_count > 0)
        return true;
    for (size_t i = 0; i < append->piece_count; i++) {
        const store_piece *piece = &append->pieces[i];

        if (!piece->partition->topic->is_deleted &&
            partition_is_full(piece->partition, (int64_t)piece->size, reason))
            return true;
    }
    return false;
}

static void take_group(store *self, append_group *group)
{
    uint64_t limit = (uint64_t)journal_max_entry(self->journal) / 4;
    uint64_t bytes = 0, count = 0;

    if (limit > GROUP_BYTES)
        limit = GROUP_BYTES;
    pthread_mutex_lock(&self->lock);
    if (self->recheck_parked) {
        for (store_append *at = self->parked.first; at != NULL; at = at->next) {
            if (at->lane != NULL)
                at->lane->parked_count = 0;
        }
        list_prepend(&self->queue, &self->parked);
        self->recheck_parked = false;
    }
    while (self->queue.first != NULL && bytes < limit && count < GROUP_APPENDS) {
        store_append *append = list_pop(&self->queue);

        if (must_park(append)) {
            if (append->lane != NULL)
                append->lane->parked_count++;
            list_push(&self->parked, append);
            continue;
        }
        list_push(&group->appends, append);
        bytes += entry_bytes(append, exceeds_journal(self, append));
        count++;
    }
    pthread_mutex_unlock(&self->lock);
}

/* What cannot be written now goes back, in front of what came later. */
static void give_back(store *self, append_list *rest, const weir_error *reason)
{
    bool first_time;

    pthread_mutex_lock(&self->lock);
    list_prepend(&self->queue, rest);
    first_time = !self->disk_is_full;
    self->disk_is_full = true;
    self->full_reason = *reason;
    self->retry_ns = self->clock->mono_ns(self->clock) + (int64_t)RETRY_MS * 1000000;
    self->is_kicked = true; /* a checkpoint frees the journal, retention the segments */
    pthread_cond_signal(&self->to_keep);
    pthread_mutex_unlock(&self->lock);
    if (first_time)
        diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(reason->message)}}, 1,
                  "the log has no room: appends wait");
}

/* --- Planning ------------------------------------------------------------------------------- */

static bool is_of_one_partition(const store_append *append)
{
    for (size_t i = 1; i < append->piece_count; i++) {
        if (append->pieces[i].partition != append->pieces[0].partition)
            return false;
    }
    return true;
}

/* Whether an append goes to its segments first: when much of the group is for one partition, so that one
 * more sync costs less than writing the data twice; or when it would take too much of the journal. */
static bool is_large(const store *self, const store_append *append)
{
    if (exceeds_journal(self, append))
        return true;
    return append->size_bytes >= LARGE_PART_BYTES && is_of_one_partition(append) &&
           append->pieces[0].partition->group_bytes >= self->options.large_bytes;
}

static planned *plan_at(const append_group *group, size_t i)
{
    return (planned *)(void *)(group->plans.ptr + i * sizeof(planned));
}

static size_t plan_count(const append_group *group)
{
    return group->plans.len / sizeof(planned);
}

static void plan_group(store *self, append_group *group)
{
    for (store_append *at = group->appends.first; at != NULL; at = at->next) {
        if (is_of_one_partition(at))
            at->pieces[0].partition->group_bytes += (int64_t)at->size_bytes;
    }
    for (store_append *at = group->appends.first; at != NULL; at = at->next) {
        planned plan = {.append = at, .is_large = is_large(self, at)};

        plan.journal_bytes = entry_bytes(at, plan.is_large);
        weir_buf_add(&group->plans, &plan, sizeof(plan));
        group->journal_bytes += plan.journal_bytes;
    }
    for (store_append *at = group->appends.first; at != NULL; at = at->next)
        at->pieces[0].partition->group_bytes = 0;
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

    front.length = table + (plan->is_large ? 0 : plan->append->size_bytes);
    weir_buf_add(&self->tables, &front, sizeof(front));
    for (size_t i = 0; i < plan->append->piece_count; i++) {
        const store_partition *partition = pieces[i].segment->partition;
        const store_piece *from = &plan->append->pieces[i];
        journal_piece piece = {.partition = partition->number,
                               .flags = plan->is_large ? JOURNAL_LARGE : 0,
                               .base_offset = pieces[i].base_offset,
                               .last_offset = pieces[i].last_offset,
                               .segment_base = pieces[i].segment->base_offset,
                               .segment_at = pieces[i].segment_at,
                               .size = pieces[i].size,
                               .max_timestamp_ms = pieces[i].max_timestamp_ms};

        memcpy(piece.topic_id, partition->topic->id, sizeof(piece.topic_id));
        piece.crc = plan->is_large ? crc32c(0, from->bytes, from->size) : 0;
        weir_buf_add(&self->tables, &piece, sizeof(piece));
    }
    crc = crc32c(0, self->tables.ptr + start + skip, table - skip);
    for (size_t i = 0; i < plan->append->piece_count && !plan->is_large; i++)
        crc = crc32c(crc, plan->append->pieces[i].bytes, plan->append->pieces[i].size);
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
    size_t tables_size =
        plan_count(group) * sizeof(journal_entry) + group->piece_count * sizeof(journal_piece);

    weir_buf_clear(&self->tables);
    weir_buf_clear(&self->vectors);
    weir_buf_reserve(&self->tables, tables_size); /* so that it does not move */
    for (size_t i = 0; i < plan_count(group); i++) {
        const planned *plan = plan_at(group, i);
        size_t start = self->tables.len, table;
        uint64_t size;

        encode_entry(self, plan, pieces, position);
        table = self->tables.len - start;
        size = table;
        add_vector(self, self->tables.ptr + start, table);
        for (size_t j = 0; j < plan->append->piece_count && !plan->is_large; j++) {
            pieces[j].file_at =
                group->pending->file_at + (int64_t)(position - group->pending->position + size);
            add_vector(self, plan->append->pieces[j].bytes, plan->append->pieces[j].size);
            size += plan->append->pieces[j].size;
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
    disk_file *file;
    weir_code code;

    if (segment_pin(segment, &file, err) != WEIR_OK)
        return err->code;
    code = disk_fdatasync(file, err);
    segment_unpin(segment);
    if (code != WEIR_OK || !segment->is_new)
        return code;
    if (segment->partition->topic->dirs_are_new) {
        if (topics_sync_dirs(segment->partition->topic, err) != WEIR_OK)
            return err->code;
        pthread_mutex_lock(&self->lock);
        segment->partition->topic->dirs_are_new = false;
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

/* Large appends: their bytes become durable in the segments before the journal speaks of them. */
static weir_code write_large(store *self, const append_group *group, weir_error *err)
{
    const pending_piece *pieces = group->pending->pieces;
    log_segment *unsynced = NULL;

    for (size_t i = 0; i < plan_count(group); i++) {
        const planned *plan = plan_at(group, i);

        for (size_t j = 0; j < plan->append->piece_count && plan->is_large; j++) {
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

static weir_code write_group(store *self, append_group *group, weir_error *err)
{
    weir_code code;

    if (!PLANTED(PLANT_OFFSET_AHEAD) && write_large(self, group, err) != WEIR_OK)
        return err->code;
    gather(self, group);
    code =
        journal_write(self->journal, (struct iovec *)(void *)self->vectors.ptr,
                      (int)(self->vectors.len / sizeof(struct iovec)), group->journal_bytes, err);
    if (PLANTED(PLANT_OFFSET_AHEAD) && code == WEIR_OK)
        code = write_large(self, group, err);
    return code;
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
    for (size_t i = 0; i < plan_count(group); i++) {
        const planned *plan = plan_at(group, i);

        self->stats.large_entries += plan->is_large;
    }
    self->stats.entries += plan_count(group);
    self->stats.groups++;
    self->disk_is_full = false;
    if (self->pending_last != NULL)
        self->pending_last->next = pending;
    else
        self->pending_first = pending;
    self->pending_last = pending;
    self->pending_pieces += (int64_t)pending->count;
    pthread_cond_signal(&self->to_apply);
    pthread_mutex_unlock(&self->lock);
}

/* --- The group as a whole ------------------------------------------------------------------- */

/* Gives places to as many appends as there is room for; the others stay in group->appends. */
static weir_code assign_group(store *self, append_group *group, weir_error *err)
{
    weir_buf pieces = {0};
    size_t good = 0;
    int64_t at;

    if (journal_reserve(self->journal, group->journal_bytes, err) != WEIR_OK) {
        group->plans.len = 0;
        return err->code;
    }
    group->journal_bytes = 0;
    for (size_t i = 0; i < plan_count(group); i++) {
        planned plan = *plan_at(group, i);

        err->code = WEIR_OK;
        (void)reserve_append(self, plan.append, err); /* err->code is looked at below */
        if (err->code == WEIR_RETRY || err->code == WEIR_FATAL)
            break;
        (void)list_pop(&group->appends);
        if (err->code == WEIR_REJECT) {
            if (plan.append->lane != NULL)
                plan.append->lane->has_failed = true;
            end_append(self, plan.append, WEIR_REJECT, err);
            continue;
        }
        for (size_t j = 0; j < plan.append->piece_count; j++) {
            pending_piece piece = assign_piece(&plan.append->pieces[j]);

            weir_buf_add(&pieces, &piece, sizeof(piece));
        }
        group->journal_bytes += plan.journal_bytes;
        *plan_at(group, good++) = plan;
    }
    group->plans.len = good * sizeof(planned);
    group->piece_count = pieces.len / sizeof(pending_piece);
    if (good > 0) {
        group->pending = mem_zalloc(1, sizeof(*group->pending) + pieces.len);
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

/* Writes what was assigned, publishes it, and tells its submitters. */
static void finish_group(store *self, append_group *group)
{
    weir_error err;
    weir_code code;

    if (plan_count(group) == 0)
        return;
    code = write_group(self, group, &err);
    if (code != WEIR_OK) {
        store_stop(self, &err);
        (void)store_has_stopped(self, &err);
        free(group->pending);
    } else {
        publish(self, group);
    }
    for (size_t i = 0; i < plan_count(group); i++)
        end_append(self, plan_at(group, i)->append, code == WEIR_OK ? WEIR_OK : WEIR_FATAL, &err);
}

static bool may_write(store *self)
{
    bool may;

    pthread_mutex_lock(&self->lock);
    self->pending_is_crowded = self->pending_pieces >= MAX_PENDING_PIECES;
    may = !self->has_stopped && !self->pending_is_crowded;
    pthread_mutex_unlock(&self->lock);
    return may;
}

bool store_write_group(store *self)
{
    append_group group = {0};
    weir_error err = {0};
    bool did;

    if (!may_write(self)) {
        if (!self->has_stopped || self->queue.first == NULL)
            return false;
        store_fail_queue(self);
        return true;
    }
    take_group(self, &group);
    if (group.appends.first == NULL)
        return false;
    plan_group(self, &group);
    if (assign_group(self, &group, &err) == WEIR_FATAL)
        store_stop(self, &err);
    did = plan_count(&group) > 0;
    finish_group(self, &group);
    if (group.appends.first != NULL) {
        if (self->has_stopped) {
            (void)store_has_stopped(self, &err);
            store_end_appends(self, &group.appends, WEIR_FATAL, &err);
        } else {
            give_back(self, &group.appends, &err);
        }
    }
    weir_buf_done(&group.plans);
    return did;
}
