/* store_queue.c - appends on their way to the writer: submitting, waiting for room, and being told.
 *
 * An append is in one of three lists: the queue, parked (a topic it goes to is full), or the group that is
 * being written.
 */
#include "runtime/base/diag.h"
#include "runtime/log/store_group.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>

enum {
    GROUP_BYTES = 4 << 20, /* taken at once */
    GROUP_APPENDS = 1024,
    RETRY_MS = 250, /* until a full disk is tried again */
};

/* --- Lists ---------------------------------------------------------------------------------- */

void append_list_push(append_list *list, store_append *append)
{
    append->next = NULL;
    if (list->last != NULL)
        list->last->next = append;
    else
        list->first = append;
    list->last = append;
}

store_append *append_list_pop(append_list *list)
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
static void append_list_prepend(append_list *list, append_list *from)
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
        while ((append = append_list_pop(&all)) != NULL)
            append_list_push(append->lane == lane ? out : lists[i], append);
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

void store_end_append(store *self, store_append *append, weir_code code, const weir_error *reason)
{
    append->code = code;
    if (code != WEIR_OK)
        append->err = *reason;
    tell(self, append);
}

void store_end_appends(store *self, append_list *list, weir_code code, const weir_error *reason)
{
    store_append *append;

    while ((append = append_list_pop(list)) != NULL)
        store_end_append(self, append, code, reason);
}

void store_fail_queue(store *self)
{
    append_list all;
    weir_error err;
    weir_code code;

    pthread_mutex_lock(&self->lock);
    all = self->queue;
    self->queue = (append_list){0};
    append_list_prepend(&all, &self->parked);
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

static weir_code check_append(store *self, store_append *append, weir_error *err)
{
    assert(append->piece_count > 0);
    append->size_bytes = 0;
    for (size_t i = 0; i < append->piece_count; i++) {
        if (check_piece(&append->pieces[i], err) != WEIR_OK)
            return err->code;
        append->size_bytes += append->pieces[i].size;
    }
    if ((int64_t)group_entry_bytes(append, 0) > journal_max_entry(self->journal) / 4)
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
        append_list_push(&self->queue, append);
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

/* Locked. What is parked goes before what is queued, and is looked at again. */
static void unpark(store *self)
{
    for (store_append *at = self->parked.first; at != NULL; at = at->next) {
        if (at->lane != NULL)
            at->lane->parked_count = 0;
    }
    append_list_prepend(&self->queue, &self->parked);
    self->recheck_parked = false;
}

/* Locked. Moves what does not wait for long out of the queue. */
static void take_impatient(store *self, append_list *out)
{
    append_list all = self->queue;
    store_append *append;

    self->queue = (append_list){0};
    while ((append = append_list_pop(&all)) != NULL)
        append_list_push(append->gives_up ? out : &self->queue, append);
}

/* Locked. While the disk is full, what does not wait for long goes first, by itself: it is small, and there may be
 * room for it in what its segment has reserved. A sink that holds the log back could not be removed else. */
static void prefer_impatient(store *self)
{
    append_list impatient = {0};

    if (!self->disk_is_full)
        return;
    take_impatient(self, &impatient);
    append_list_prepend(&self->queue, &impatient);
}

/* Locked. */
static bool belongs(const store *self, const append_group *group, const store_append *append)
{
    const store_append *first = group->appends.first;

    return !self->disk_is_full || first == NULL || first->gives_up == append->gives_up;
}

void queue_take_group(store *self, append_group *group)
{
    uint64_t limit = (uint64_t)journal_max_entry(self->journal) / 4;
    uint64_t bytes = 0, count = 0;

    if (limit > GROUP_BYTES)
        limit = GROUP_BYTES;
    pthread_mutex_lock(&self->lock);
    if (self->recheck_parked)
        unpark(self);
    prefer_impatient(self);
    while (self->queue.first != NULL && bytes < limit && count < GROUP_APPENDS &&
           belongs(self, group, self->queue.first)) {
        store_append *append = append_list_pop(&self->queue);

        if (must_park(append)) {
            if (append->lane != NULL)
                append->lane->parked_count++;
            append_list_push(&self->parked, append);
            continue;
        }
        append_list_push(&group->appends, append);
        bytes +=
            group_entry_bytes(append, group_exceeds_journal(self, append) ? 0 : append->size_bytes);
        count++;
    }
    group->passes = self->disk_is_full && self->queue.first != NULL &&
                    group->appends.first != NULL && group->appends.first->gives_up;
    pthread_mutex_unlock(&self->lock);
}

/* Locked. Takes out what does not wait for long, when the disk has been full for long. */
static void give_up(store *self, int64_t now_ns, append_list *out)
{
    if (now_ns - self->full_ns < (int64_t)self->options.give_up_ms * 1000000)
        return;
    take_impatient(self, out);
    for (store_append *at = out->first; at != NULL; at = at->next) {
        if (at->lane != NULL)
            at->lane->has_failed = true; /* nothing of it may come behind the gap */
    }
}

/* What cannot be written now goes back, in front of what came later. */
void queue_give_back(store *self, append_list *rest, const weir_error *reason)
{
    int64_t now_ns = self->clock->mono_ns(self->clock);
    append_list given_up = {0};
    weir_error no_room;
    bool first_time;

    (void)weir_fail(&no_room, WEIR_RETRY, "the log has no room: %.900s", reason->message);
    pthread_mutex_lock(&self->lock);
    unpark(self); /* what was parked meanwhile is of the same lanes, and younger */
    append_list_prepend(&self->queue, rest);
    first_time = !self->disk_is_full;
    if (first_time)
        self->full_ns = now_ns;
    self->disk_is_full = true;
    self->full_reason = *reason;
    self->retry_ns = now_ns + (int64_t)RETRY_MS * 1000000;
    give_up(self, now_ns, &given_up);
    self->is_kicked = true; /* a checkpoint frees the journal, retention the segments */
    pthread_cond_signal(&self->to_keep);
    pthread_mutex_unlock(&self->lock);
    if (first_time)
        diag_with(WEIR_WARN, (diag_pair[]){{"reason", weir_cstr(reason->message)}}, 1,
                  "the log has no room: appends wait");
    store_end_appends(self, &given_up, WEIR_RETRY, &no_room);
}
