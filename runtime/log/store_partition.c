/* store_partition.c - a partition's lists: segments, and the tail that is not in them yet.
 *
 *      start                    applied                     visible   next
 *        |---- segments ----------|---- tail: extents --------|---------|
 *
 * Everything here is called with the store's lock held.
 */
#include "runtime/base/mem.h"
#include "runtime/log/store_work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_SLACK = 64 }; /* applied extents that are kept before the rest is moved up */

void partition_dir(const store_partition *partition, char *path)
{
    const store_topic *topic = partition->topic;

    snprintf(path, STORE_PATH_BYTES, "%s/topics/%s/%d", topic->store->path, topic->dir,
             partition->number);
}

size_t partition_segment_count(const store_partition *partition)
{
    return partition->segments.len / sizeof(log_segment *);
}

log_segment *partition_segment(const store_partition *partition, size_t i)
{
    log_segment *found;

    assert(i < partition_segment_count(partition));
    memcpy(&found, partition->segments.ptr + i * sizeof(found), sizeof(found));
    return found;
}

ptrdiff_t partition_find(const store_partition *partition, int64_t offset)
{
    size_t low = 0, high = partition_segment_count(partition);

    if (high == 0)
        return -1;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;

        if (partition_segment(partition, middle)->base_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return (ptrdiff_t)low;
}

void partition_add_segment(store_partition *partition, log_segment *segment)
{
    size_t count = partition_segment_count(partition);

    assert(count == 0 ||
           partition_segment(partition, count - 1)->base_offset < segment->base_offset);
    segment->serial = partition->topic->store->next_serial++;
    weir_buf_add(&partition->segments, &segment, sizeof(segment));
}

void partition_take_segment(store_partition *partition, log_segment *added)
{
    if (partition_segment_count(partition) == 0)
        partition->start_offset = added->base_offset;
    partition_add_segment(partition, added);
    partition->active = partition->applied = added;
    partition->size_bytes += added->applied_bytes;
}

void partition_insert_segment(store_partition *partition, size_t i, log_segment *segment)
{
    char *at;

    weir_buf_reserve(&partition->segments, sizeof(segment));
    at = partition->segments.ptr + i * sizeof(segment);
    memmove(at + sizeof(segment), at, partition->segments.len - i * sizeof(segment));
    memcpy(at, &segment, sizeof(segment));
    partition->segments.len += sizeof(segment);
    partition->epoch++;
}

void partition_drop_segment(store_partition *partition, size_t i)
{
    log_segment **at = (log_segment **)(void *)partition->segments.ptr + i;

    assert(i < partition_segment_count(partition));
    partition->segments.len -= sizeof(*at);
    memmove(at, at + 1, partition->segments.len - i * sizeof(*at));
    partition->epoch++;
}

int64_t partition_end_of(const store_partition *partition, size_t i)
{
    return i + 1 < partition_segment_count(partition)
               ? partition_segment(partition, i + 1)->base_offset
               : partition->visible_offset;
}

static size_t tail_count(const store_partition *partition)
{
    return partition->tail.len / sizeof(log_extent);
}

static const log_extent *tail_at(const store_partition *partition, size_t i)
{
    assert(i >= partition->tail_first && i < tail_count(partition));
    return (const log_extent *)(const void *)(partition->tail.ptr + i * sizeof(log_extent));
}

void partition_push(store_partition *partition, const log_extent *added)
{
    assert(added->base_offset == partition->visible_offset);
    weir_buf_add(&partition->tail, added, sizeof(*added));
    partition->visible_offset = added->last_offset + 1;
    partition->size_bytes += added->size;
    if (added->max_timestamp_ms > added->segment->max_timestamp_ms)
        added->segment->max_timestamp_ms = added->max_timestamp_ms;
}

void partition_pop(store_partition *partition)
{
    size_t first = partition->tail_first + 1;
    size_t left = tail_count(partition) - first;

    partition->applied_offset = tail_at(partition, partition->tail_first)->last_offset + 1;
    partition->tail_first = first;
    if (left == 0) {
        partition->tail_first = 0;
        if (partition->tail.capacity > TAIL_SLACK * sizeof(log_extent))
            weir_buf_done(&partition->tail);
        weir_buf_clear(&partition->tail);
    } else if (first >= TAIL_SLACK && first >= left) {
        memmove(partition->tail.ptr, partition->tail.ptr + first * sizeof(log_extent),
                left * sizeof(log_extent));
        partition->tail.len = left * sizeof(log_extent);
        partition->tail_first = 0;
    }
}

const log_extent *partition_tail(const store_partition *partition, int64_t offset)
{
    size_t low = partition->tail_first, high = tail_count(partition);

    if (offset < partition->applied_offset || offset >= partition->visible_offset)
        return NULL;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;

        if (tail_at(partition, middle)->base_offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return tail_at(partition, low);
}

int64_t partition_held(const store_partition *partition, const char **holder)
{
    int64_t lowest = INT64_MAX;

    for (const hold *at = partition->holds; at != NULL; at = at->next) {
        if (at->offset < lowest) {
            lowest = at->offset;
            if (holder != NULL)
                *holder = at->holder;
        }
    }
    return lowest;
}

int64_t partition_segment_bytes(const store_partition *partition)
{
    const log_topic_config *config = &partition->topic->info.config;
    int64_t size = partition->topic->store->options.segment_bytes;

    /* Whole segments are removed: a quarter is as much as may be kept too long. */
    if (config->retention_bytes >= 0 && config->retention_bytes / 4 < size)
        size = config->retention_bytes / 4;
    return size < INDEX_INTERVAL_BYTES ? INDEX_INTERVAL_BYTES : size;
}

/* Bytes from the held offset on; what is in the index of its segment decides how exactly. */
static int64_t held_bytes(const store_partition *partition, int64_t held)
{
    ptrdiff_t first = partition_find(partition, held);
    int64_t bytes = partition->size_bytes;
    log_segment *segment;

    if (held >= partition->visible_offset || first < 0)
        return 0;
    for (ptrdiff_t i = 0; i < first; i++)
        bytes -= partition_segment(partition, (size_t)i)->applied_bytes;
    segment = partition_segment(partition, (size_t)first);
    return bytes - sparse_index_floor(&segment->offsets, held, 0);
}

bool partition_is_full(const store_partition *partition, int64_t size, weir_buf *reason)
{
    const log_topic_config *config = &partition->topic->info.config;
    const char *holder = NULL;
    int64_t held, bytes;

    if (config->retention_bytes < 0 || config->trim || partition->topic->is_internal)
        return false;
    held = partition_held(partition, &holder);
    if (held == INT64_MAX)
        return false;
    bytes = held_bytes(partition, held);
    if (bytes == 0 || bytes + size <= config->retention_bytes)
        return false; /* what is larger than the limit passes when nothing is held */
    if (reason != NULL) {
        weir_buf_clear(reason);
        weir_buf_printf(reason, "topic %.*s partition %d is full: %s has not committed %lld bytes",
                        WEIR_ARG(partition->topic->info.name), partition->number, holder,
                        (long long)bytes);
    }
    return true;
}

void partition_done(store_partition *partition)
{
    for (size_t i = 0; i < partition_segment_count(partition); i++)
        segment_free(partition_segment(partition, i));
    weir_buf_done(&partition->segments);
    weir_buf_done(&partition->tail);
    weir_buf_done(&partition->watches);
    while (partition->holds != NULL) {
        hold *next = partition->holds->next;

        free(partition->holds);
        partition->holds = next;
    }
}
