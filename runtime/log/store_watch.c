/* store_watch.c - waiting for new data, lanes, and offsets by time. */
#include "runtime/base/mem.h"
#include "runtime/log/store_read.h"
#include "runtime/log/store_work.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIME_READ_BYTES = 1 << 20, MAX_DECOMPRESSED_BYTES = 1 << 30 };

void store_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

store_watch *store_watch_new(store *self)
{
    store_watch *watch = mem_zalloc(1, sizeof(*watch));

    watch->store = self;
    store_cond_init(&watch->signal);
    return watch;
}

void store_watch_free(store_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_cond_destroy(&watch->signal);
    free(watch);
}

void store_watch_add(store_watch *watch, store_partition *partition)
{
    pthread_mutex_lock(&watch->store->lock);
    weir_buf_add(&partition->watches, &watch, sizeof(watch));
    watch->is_set = true; /* there may be data already */
    pthread_mutex_unlock(&watch->store->lock);
}

void store_watch_remove(store_watch *watch, store_partition *partition)
{
    weir_buf *all = &partition->watches;

    pthread_mutex_lock(&watch->store->lock);
    for (size_t at = 0; at < all->len; at += sizeof(watch)) {
        if (memcmp(all->ptr + at, &watch, sizeof(watch)) == 0) {
            all->len -= sizeof(watch);
            memmove(all->ptr + at, all->ptr + at + sizeof(watch), all->len - at);
            break;
        }
    }
    pthread_mutex_unlock(&watch->store->lock);
}

bool store_watch_wait(store_watch *watch, int timeout_ms)
{
    store *self = watch->store;
    struct timespec deadline;
    bool was_set;

    clock_deadline(&deadline, timeout_ms);
    pthread_mutex_lock(&self->lock);
    while (!watch->is_set && timeout_ms > 0 && !self->options.manual) {
        if (pthread_cond_timedwait(&watch->signal, &self->lock, &deadline) != 0)
            break;
    }
    was_set = watch->is_set;
    watch->is_set = false;
    pthread_mutex_unlock(&self->lock);
    return was_set;
}

void store_watch_wake(store_watch *watch)
{
    pthread_mutex_lock(&watch->store->lock);
    watch->is_set = true;
    pthread_cond_broadcast(&watch->signal);
    pthread_mutex_unlock(&watch->store->lock);
}

/* --- Lanes ---------------------------------------------------------------------------------- */

store_lane *store_lane_open(store *self)
{
    (void)self;
    return mem_zalloc(1, sizeof(store_lane));
}

void store_lane_end(store *self, store_lane *lane)
{
    append_list ended = {0};
    weir_error closed;

    (void)weir_fail(&closed, WEIR_RETRY, "its writer was closed");
    pthread_mutex_lock(&self->lock);
    lane->is_closing = true;
    store_take_lane(self, lane, &ended);
    pthread_mutex_unlock(&self->lock);
    store_end_appends(self, &ended, WEIR_RETRY, &closed);
    pthread_mutex_lock(&self->lock);
    while (lane->active_count > 0) {
        assert(!self->options.manual); /* nothing is under way between steps */
        pthread_cond_wait(&self->moved, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

void store_lane_close(store *self, store_lane *lane)
{
    if (lane == NULL)
        return;
    store_lane_end(self, lane);
    weir_buf_done(&lane->reason);
    free(lane);
}

bool store_lane_is_full(store *self, store_lane *lane, weir_buf *reason)
{
    bool is_full;

    pthread_mutex_lock(&self->lock);
    is_full = lane->parked_count > 0 || (self->disk_is_full && lane->active_count > 0);
    if (is_full && reason != NULL && lane->parked_count > 0)
        weir_buf_add_str(reason, weir_buf_str(&lane->reason));
    else if (is_full && reason != NULL)
        weir_buf_add_str(reason, weir_cstr(self->full_reason.message));
    pthread_mutex_unlock(&self->lock);
    return is_full;
}

/* --- Time ----------------------------------------------------------------------------------- */

/* Where to begin looking for a timestamp: in the first segment that has one so large. */
static int64_t time_start(store_partition *partition, int64_t timestamp_ms, int64_t *end)
{
    store *self = partition->topic->store;
    sparse_index times = {0};
    char path[STORE_PATH_BYTES] = "";
    index_facts facts;
    weir_error ignored;
    int64_t start;

    pthread_mutex_lock(&self->lock);
    *end = start = partition->visible_offset;
    for (size_t i = 0; i < partition_segment_count(partition); i++) {
        const log_segment *segment = partition_segment(partition, i);

        if (segment->max_timestamp_ms < timestamp_ms)
            continue;
        start = segment->base_offset;
        if (segment->is_final)
            segment_path(segment, "timeindex", path);
        break;
    }
    pthread_mutex_unlock(&self->lock);
    if (path[0] != 0 && index_read(self->disk, path, &times, &facts, &ignored) == WEIR_OK)
        start = sparse_index_floor(&times, timestamp_ms - 1, start);
    sparse_index_done(&times);
    return start;
}

/* The first record of one batch that is not older. WEIR_END: there is none. */
static weir_code find_in_batch(weir_str batch, int64_t timestamp_ms, weir_buf *scratch,
                               int64_t *offset, weir_error *err)
{
    record_iterator records;
    record_view record;
    weir_code code;

    if (record_iterator_begin(&records, batch, scratch, MAX_DECOMPRESSED_BYTES, err) != WEIR_OK)
        return err->code;
    while ((code = record_iterator_next(&records, &record, err)) == WEIR_OK)
        if (record.timestamp_ms >= timestamp_ms) {
            *offset = record.offset;
            return WEIR_OK;
        }
    return code;
}

/* The first record of some batches that is not older. WEIR_END: there is none. */
static weir_code find_in_batches(weir_str batches, int64_t timestamp_ms, weir_buf *scratch,
                                 int64_t *offset, weir_error *err)
{
    while (batches.len > 0) {
        record_batch_info info;
        weir_code code = WEIR_END;

        if (record_batch_peek(batches, &info, err) != WEIR_OK)
            return err->code;
        if (info.max_timestamp_ms >= timestamp_ms)
            code = find_in_batch(batches, timestamp_ms, scratch, offset, err);
        if (code != WEIR_END)
            return code;
        batches.ptr += info.size_bytes;
        batches.len -= info.size_bytes;
    }
    return WEIR_END;
}

weir_code store_offset_at_time(store_partition *partition, int64_t timestamp_ms, int64_t *offset,
                               weir_error *err)
{
    store_cursor cursor = {0};
    weir_buf bytes = {0}, scratch = {0};
    int64_t end, at = time_start(partition, timestamp_ms, &end);
    weir_code code = WEIR_END;

    while (at < end && code == WEIR_END) {
        weir_buf_clear(&bytes);
        code = store_read(partition, at, TIME_READ_BYTES, &cursor, &bytes, err);
        if (code != WEIR_OK)
            break;
        code = find_in_batches(weir_buf_str(&bytes), timestamp_ms, &scratch, offset, err);
        at = bytes.len > 0 ? cursor.offset : end;
    }
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
    if (code == WEIR_END) {
        *offset = end;
        code = WEIR_OK;
    }
    return code;
}
