/* retention.c - removes the oldest segments of topics, up to what is held. */
#include "runtime/log/retention.h"

#include "runtime/base/diag.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { WARN_EVERY_MS = 60000 };

/* In which minute the last warnings were written; any thread. */
static _Atomic int64_t warned_minute = -1;

static void warn_about(store_partition *partition, const char *holder, int64_t bytes,
                       const char *what)
{
    const log_topic *topic = store_topic_info(store_partition_topic(partition));
    char number[16], size[24];
    diag_pair pairs[] = {{"topic", topic->name},
                         {"partition", {number, 0}},
                         {"sink", weir_cstr(holder)},
                         {"bytes", {size, 0}}};

    snprintf(number, sizeof(number), "%" PRId32, store_partition_number(partition));
    snprintf(size, sizeof(size), "%" PRId64, bytes);
    pairs[1].value = weir_cstr(number);
    pairs[3].value = weir_cstr(size);
    diag_with(WEIR_WARN, pairs, sizeof(pairs) / sizeof(*pairs), "%s", what);
}

/* The age of a segment is that of its youngest record; when that lies in the future, of the first segment
 * behind it that has a past. */
static int64_t youngest_ms(store_partition *partition, const store_segment_info *segment,
                           int64_t now_ms)
{
    store_segment_info behind = *segment;

    while (behind.max_timestamp_ms > now_ms) {
        if (!store_segment_at(partition, behind.end_offset, &behind) || !behind.is_sealed)
            return now_ms;
    }
    return behind.max_timestamp_ms;
}

/* A segment that is not sealed is in the way: it will be, with the next checkpoint or the next append. */
static void hasten(store *self, const store_segment_info *segment)
{
    if (!segment->is_last)
        store_want_checkpoint(self);
}

/* Up to which offset everything is too old. */
static int64_t expired_up_to(store *self, store_partition *partition, int64_t before_ms,
                             int64_t now_ms)
{
    int64_t up_to = store_start_offset(partition);
    store_segment_info segment;

    while (store_segment_at(partition, up_to, &segment) &&
           youngest_ms(partition, &segment, now_ms) < before_ms) {
        if (!segment.is_sealed) {
            if (segment.size_bytes > 0 && segment.is_last)
                store_roll(partition); /* so that the next append makes it removable */
            hasten(self, &segment);
            break;
        }
        up_to = segment.end_offset;
    }
    return up_to;
}

/* Up to which offset the partition is too large: what is left is still as large as the limit. */
static int64_t surplus_up_to(store *self, store_partition *partition, int64_t limit_bytes)
{
    int64_t up_to = store_start_offset(partition);
    int64_t left = store_size_bytes(partition);
    store_segment_info segment;

    while (store_segment_at(partition, up_to, &segment) &&
           left - segment.size_bytes >= limit_bytes) {
        if (!segment.is_sealed) {
            hasten(self, &segment);
            break;
        }
        left -= segment.size_bytes;
        up_to = segment.end_offset;
    }
    return up_to;
}

static int64_t bytes_between(store_partition *partition, int64_t from, int64_t to)
{
    store_segment_info segment;
    int64_t bytes = 0;

    while (from < to && store_segment_at(partition, from, &segment)) {
        bytes += segment.size_bytes;
        from = segment.end_offset;
    }
    return bytes;
}

static void trim(store_partition *partition, int64_t up_to, bool ignore_holds)
{
    const log_topic *topic = store_topic_info(store_partition_topic(partition));
    int64_t start = store_start_offset(partition);
    weir_error err;

    if (up_to > start && store_trim(partition, up_to, ignore_holds, &start, &err) != WEIR_OK)
        diag_with(WEIR_WARN,
                  (diag_pair[]){{"topic", topic->name}, {"reason", weir_cstr(err.message)}}, 2,
                  "old segments could not be removed");
}

/* Drops what is too much, held or not. Says so when it is done: then whoever held it finds it gone. */
static void trim_held(store_partition *partition, int64_t surplus, int64_t held, const char *holder)
{
    int64_t start = store_start_offset(partition), from = held > start ? held : start;
    int64_t before = bytes_between(partition, from, surplus), left;

    trim(partition, surplus, true);
    left = bytes_between(partition, store_start_offset(partition), surplus);
    if (held < surplus && left < before)
        warn_about(partition, holder, before - left,
                   "records that were not read yet are removed, because the topic is full and "
                   "on.full is trim");
}

/* True when a warning was due and written. */
static bool retain(store *self, store_partition *partition, int64_t now_ms, bool may_warn)
{
    const log_topic_config *config = &store_topic_info(store_partition_topic(partition))->config;
    int64_t expired = store_start_offset(partition), surplus = expired, up_to, held;
    weir_buf holder = {0};
    bool is_held, passes;

    if (config->retention_ms >= 0)
        expired = expired_up_to(self, partition, now_ms - config->retention_ms, now_ms);
    if (config->retention_bytes >= 0)
        surplus = surplus_up_to(self, partition, config->retention_bytes);
    up_to = expired > surplus ? expired : surplus;
    held = store_held_offset(self, partition, &holder);
    is_held = held < up_to;
    passes = config->trim && held < surplus;
    if (config->trim)
        trim_held(partition, surplus, held, weir_buf_cstr(&holder));
    if (!passes && is_held && may_warn)
        warn_about(partition, weir_buf_cstr(&holder), bytes_between(partition, held, up_to),
                   "retention waits for a sink that has not committed");
    weir_buf_done(&holder);
    trim(partition, up_to, false);
    return is_held && !passes && may_warn;
}

void retention_run(store *self, int64_t now_ms)
{
    int64_t minute = now_ms / WARN_EVERY_MS;
    bool may_warn = atomic_load(&warned_minute) != minute;
    bool warned = false;
    store_topic *topic = store_topic_next(self, (weir_str){0});

    for (; topic != NULL; topic = store_topic_next(self, store_topic_info(topic)->name)) {
        const log_topic_config *config = &store_topic_info(topic)->config;

        if (store_topic_is_internal(topic) || config->compact)
            continue;
        for (int32_t i = 0; i < config->partitions; i++)
            warned |= retain(self, store_partition_at(topic, i), now_ms, may_warn);
    }
    if (warned)
        atomic_store(&warned_minute, minute);
}
