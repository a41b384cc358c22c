/* moves.c - deletions that wait, by partition. */
#include "moves.h"

#include <assert.h>

void moves_init(moves *self, weir_task *task)
{
    *self = (moves){.task = task, .partitions = weir_map_new()};
}

static moves_deletion *kept_at(const moves *self, size_t place)
{
    return (moves_deletion *)(void *)self->kept.ptr + place;
}

void moves_done(moves *self)
{
    moves_partition *from;
    size_t at = 0;

    while (self->partitions != NULL && (from = moves_next_held(self, &at)) != NULL)
        moves_forget_held(self, from);
    moves_clear_kept(self);
    weir_buf_done(&self->kept);
    weir_buf_done(&self->key);
    weir_map_free(self->partitions);
    *self = (moves){0};
}

/* --- Looking ahead ---------------------------------------------------------------------------- */

void moves_begin_window(moves *self)
{
    self->window++;
}

/* Records of a partition come in runs: most often it is the one of the record before. */
static moves_partition *find(moves *self, const weir_record *record)
{
    moves_partition *found = self->recent;

    if (found != NULL && found->number == record->log_partition &&
        weir_str_eq(found->topic, record->log_topic))
        return found;
    weir_buf_clear(&self->key);
    weir_buf_printf(&self->key, "%d %.*s", record->log_partition, WEIR_ARG(record->log_topic));
    found = weir_map_get(self->partitions, weir_buf_str(&self->key));
    if (found == NULL) {
        found = weir_task_alloc(self->task, sizeof(*found));
        found->topic = weir_task_copy(self->task, record->log_topic);
        found->number = record->log_partition;
        (void)weir_map_put(self->partitions, weir_buf_str(&self->key), found);
    }
    self->recent = found;
    return found;
}

static bool is_in_window(const moves *self, const moves_partition *from)
{
    return from->window == self->window;
}

moves_partition *moves_reach(moves *self, const weir_record *record)
{
    moves_partition *from = find(self, record);

    if (!is_in_window(self, from) && from->held.index != NULL &&
        record->log_offset <= from->held.offset)
        moves_forget_held(self, from);
    return from;
}

static bool is_half(const moves_deletion *one, const index_entry *index, int64_t version)
{
    return one->index == index && one->version == version;
}

const moves_deletion *moves_waiting(const moves *self, const moves_partition *from,
                                    const index_entry *index, int64_t version)
{
    if (!is_in_window(self, from) && is_half(&from->held, index, version))
        return &from->held;
    for (size_t i = 0; i < moves_kept_count(self); i++) /* of a put that ended half-way */
        if (is_half(kept_at(self, i), index, version))
            return kept_at(self, i);
    return NULL;
}

const weir_record *moves_before(const moves *self, const moves_partition *from)
{
    return is_in_window(self, from) && from->deletion.key.ptr != NULL ? &from->deletion : NULL;
}

void moves_pass(moves *self, moves_partition *from, const weir_record *record)
{
    from->window = self->window;
    from->last = record->index;
    if (record->value.ptr == NULL)
        from->deletion = *record;
    else
        from->deletion.key.ptr = NULL;
}

/* --- Deletions -------------------------------------------------------------------------------- */

bool moves_is_last(moves *self, const weir_record *record)
{
    const moves_partition *from = find(self, record);

    assert(is_in_window(self, from));
    return from->last == record->index;
}

void moves_keep(moves *self, moves_deletion taken)
{
    weir_buf_add(&self->kept, &taken, sizeof(taken));
}

void moves_hold(moves *self, const weir_record *record, moves_deletion taken)
{
    moves_partition *from = find(self, record);

    assert(from->held.index == NULL); /* it was settled when the window began */
    from->held = taken;
    from->held_flushes = 0;
    self->held_count++;
}

moves_partition *moves_next_held(const moves *self, size_t *at)
{
    void *one;

    if (self->held_count == 0)
        return NULL;
    while (weir_map_next(self->partitions, at, NULL, &one)) {
        moves_partition *from = one;

        if (from->held.index != NULL)
            return from;
    }
    return NULL;
}

bool moves_is_settled(const moves *self, const moves_partition *from)
{
    return is_in_window(self, from);
}

static void release(moves *self, moves_partition *from)
{
    assert(from->held.index != NULL && self->held_count > 0);
    from->held = (moves_deletion){0};
    self->held_count--;
}

void moves_keep_held(moves *self, moves_partition *from)
{
    moves_keep(self, from->held);
    release(self, from);
}

void moves_forget_held(moves *self, moves_partition *from)
{
    weir_buf_done(&from->held.id);
    release(self, from);
}

size_t moves_kept_count(const moves *self)
{
    return self->kept.len / sizeof(moves_deletion);
}

const moves_deletion *moves_kept_at(const moves *self, size_t place)
{
    assert(place < moves_kept_count(self));
    return kept_at(self, place);
}

void moves_clear_kept(moves *self)
{
    for (size_t i = 0; i < moves_kept_count(self); i++)
        weir_buf_done(&kept_at(self, i)->id);
    weir_buf_clear(&self->kept);
}
