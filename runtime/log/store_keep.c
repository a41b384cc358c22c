/* store_keep.c - holds, and removing segments. */
#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"

#include "runtime/base/mem.h"
#include "runtime/base/plant.h"
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- Holds ---------------------------------------------------------------------------------- */

void store_hold(store *self, weir_str holder, store_partition *partition, int64_t offset)
{
    hold *kept;
    hold **at;

    pthread_mutex_lock(&self->lock);
    at = &partition->holds;
    while (*at != NULL && !weir_str_eq(weir_cstr((*at)->holder), holder))
        at = &(*at)->next;
    kept = *at;
    if (kept == NULL && offset >= 0) {
        kept = mem_zalloc(1, sizeof(*kept) + holder.len + 1);
        memcpy(kept->holder, holder.ptr, holder.len);
        *at = kept;
    }
    if (kept != NULL && offset >= 0) {
        kept->offset = offset;
    } else if (kept != NULL) {
        *at = kept->next;
        free(kept);
    }
    if (self->parked.first != NULL) { /* there may be room now, or something to remove */
        self->recheck_parked = true;
        self->is_kicked = true;
        pthread_cond_signal(&self->to_write);
        pthread_cond_signal(&self->to_keep);
    }
    pthread_mutex_unlock(&self->lock);
}

int64_t store_held_offset(store *self, store_partition *partition, weir_buf *holder)
{
    const char *name = NULL;
    int64_t offset;

    pthread_mutex_lock(&self->lock);
    offset = partition_held(partition, &name);
    if (holder != NULL && name != NULL)
        weir_buf_add_str(holder, weir_cstr(name));
    pthread_mutex_unlock(&self->lock);
    return offset;
}

void store_kick(store *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_kicked = true;
    pthread_cond_signal(&self->to_keep);
    pthread_mutex_unlock(&self->lock);
}

/* --- Segments ------------------------------------------------------------------------------- */

bool store_segment_at(store_partition *partition, int64_t offset, store_segment_info *out)
{
    store *self = partition->topic->store;
    bool found = false;
    ptrdiff_t first;

    pthread_mutex_lock(&self->lock);
    first = partition_find(partition, offset);
    for (size_t i = first < 0 ? 0 : (size_t)first; first >= 0 && !found; i++) {
        const log_segment *segment;

        if (i >= partition_segment_count(partition))
            break;
        segment = partition_segment(partition, i);
        *out = (store_segment_info){.base_offset = segment->base_offset,
                                    .end_offset = partition_end_of(partition, i),
                                    .size_bytes = segment->applied_bytes,
                                    .max_timestamp_ms = segment->max_timestamp_ms,
                                    .is_sealed = segment->is_checkpointed,
                                    .is_last = i + 1 == partition_segment_count(partition)};
        found = offset < out->end_offset;
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

void store_roll(store_partition *partition)
{
    atomic_store(&partition->wants_roll, true);
}

void store_want_checkpoint(store *self)
{
    pthread_mutex_lock(&self->lock);
    self->checkpoint_is_asked = true;
    pthread_mutex_unlock(&self->lock);
}

weir_code store_unlink_if_there(disk *on, const char *path, weir_error *err)
{
    weir_error missing;
    disk_file *file;

    /* Not the other way round: what cannot be opened may be there. */
    if (disk_unlink(on, path, err) == WEIR_OK ||
        disk_open(on, path, DISK_READ, &file, &missing) != WEIR_OK)
        return WEIR_OK;
    disk_close(file);
    return err->code;
}

static weir_code unlink_files(store_partition *partition, int64_t base_offset, weir_error *err)
{
    static const char *const SUFFIXES[] = {"index", "timeindex"};
    log_segment named = {.partition = partition, .base_offset = base_offset};
    disk *on = partition->topic->store->disk;
    char path[STORE_PATH_BYTES];

    for (size_t i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++) {
        segment_path(&named, SUFFIXES[i], path);
        if (store_unlink_if_there(on, path, err) != WEIR_OK)
            return err->code;
    }
    segment_path(&named, "log", path);
    if (disk_unlink(on, path, err) != WEIR_OK)
        return err->code;
    partition_dir(partition, path);
    return disk_sync_dir(on, path, err);
}

weir_code store_unlink_segment(store_partition *partition, int64_t base_offset, weir_error *err)
{
    weir_code code = unlink_files(partition, base_offset, err);

    partition->keep_has_failed |= code != WEIR_OK;
    return code;
}

weir_code store_may_remove(const store_partition *partition, weir_error *err)
{
    if (partition->keep_has_failed)
        return weir_fail(err, WEIR_RETRY,
                         "an old segment could not be removed; nothing more is removed from this "
                         "partition before the next start");
    return WEIR_OK;
}

/* Takes the first segment out when it may be removed; *base is its. */
static bool drop_first(store_partition *partition, int64_t up_to, bool ignore_holds, int64_t *base)
{
    store *self = partition->topic->store;
    log_segment *first;
    int64_t limit = up_to;
    bool may;

    pthread_mutex_lock(&self->lock);
    if (!ignore_holds && !PLANTED(PLANT_HOLD_IGNORED) && partition_held(partition, NULL) < limit)
        limit = partition_held(partition, NULL);
    may = partition_segment_count(partition) > 1 && !partition->topic->is_internal &&
          partition_end_of(partition, 0) <= limit;
    if (may) {
        first = partition_segment(partition, 0);
        may = first->is_checkpointed;
    }
    if (may) {
        *base = first->base_offset;
        partition->start_offset = partition_end_of(partition, 0);
        partition->size_bytes -= first->applied_bytes;
        partition_drop_segment(partition, 0);
        segment_remove(first);
        self->recheck_parked = true;
        pthread_cond_signal(&self->to_write);
    }
    pthread_mutex_unlock(&self->lock);
    return may;
}

weir_code store_trim(store_partition *partition, int64_t up_to, bool ignore_holds, int64_t *start,
                     weir_error *err)
{
    int64_t base;

    if (store_may_remove(partition, err) != WEIR_OK)
        return weir_wrap(err, "topic %.*s", WEIR_ARG(partition->topic->info.name));
    /* One after the other, each durable, so that a crash leaves no hole. */
    while (drop_first(partition, up_to, ignore_holds, &base)) {
        if (store_unlink_segment(partition, base, err) != WEIR_OK)
            return weir_wrap(err, "removing a segment of topic %.*s",
                             WEIR_ARG(partition->topic->info.name));
    }
    *start = store_start_offset(partition);
    return WEIR_OK;
}
