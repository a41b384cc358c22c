/* offsets.c - one offset for each partition that a sink's task reads. */
#include "sdk/src/task.h"

#include "weir/buf.h"

#include "runtime/base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct offset_entry {
    char *topic;
    size_t topic_len;
    int32_t partition;
    int64_t offset;
} offset_entry;

/* A task has tens of partitions: an array that is searched beats anything cleverer. */
struct weir_offsets {
    offset_entry *entries;
    size_t count, capacity;
};

weir_offsets *offsets_new(void)
{
    return mem_zalloc(1, sizeof(weir_offsets));
}

void offsets_clear(weir_offsets *offsets)
{
    for (size_t i = 0; i < offsets->count; i++)
        free(offsets->entries[i].topic);
    offsets->count = 0;
}

void offsets_free(weir_offsets *offsets)
{
    if (offsets == NULL)
        return;
    offsets_clear(offsets);
    free(offsets->entries);
    free(offsets);
}

void offsets_freep(weir_offsets **offsets)
{
    offsets_free(*offsets);
    *offsets = NULL;
}

static offset_entry *find(const weir_offsets *offsets, weir_str topic, int32_t partition)
{
    for (size_t i = 0; i < offsets->count; i++) {
        offset_entry *entry = &offsets->entries[i];

        if (entry->partition == partition &&
            weir_str_eq((weir_str){entry->topic, entry->topic_len}, topic))
            return entry;
    }
    return NULL;
}

void offsets_put(weir_offsets *offsets, weir_str topic, int32_t partition, int64_t offset)
{
    offset_entry *entry = find(offsets, topic, partition);

    if (entry == NULL) {
        if (offsets->count == offsets->capacity) {
            offsets->capacity = offsets->capacity > 0 ? 2 * offsets->capacity : 8;
            offsets->entries =
                mem_realloc(offsets->entries, offsets->capacity * sizeof(offset_entry));
        }
        entry = &offsets->entries[offsets->count++];
        *entry = (offset_entry){mem_zalloc(1, topic.len + 1), topic.len, partition, 0};
        memcpy(entry->topic, topic.ptr, topic.len);
    }
    entry->offset = offset;
}

void offsets_remove(weir_offsets *offsets, weir_str topic, int32_t partition)
{
    offset_entry *entry = find(offsets, topic, partition);

    if (entry == NULL)
        return;
    free(entry->topic);
    *entry = offsets->entries[--offsets->count];
}

size_t offsets_count(const weir_offsets *offsets)
{
    return offsets->count;
}

bool weir_offsets_next(const weir_offsets *offsets, size_t *at, weir_str *topic, int32_t *partition,
                       int64_t *offset)
{
    const offset_entry *entry = &offsets->entries[*at];

    if (*at >= offsets->count)
        return false;
    ++*at;
    *topic = (weir_str){entry->topic, entry->topic_len};
    *partition = entry->partition;
    *offset = entry->offset;
    return true;
}

int64_t weir_offsets_get(const weir_offsets *offsets, weir_str topic, int32_t partition)
{
    const offset_entry *entry = find(offsets, topic, partition);

    return entry != NULL ? entry->offset : -1;
}

void weir_offsets_set(weir_offsets *offsets, weir_str topic, int32_t partition, int64_t offset)
{
    offset_entry *entry = find(offsets, topic, partition);

    if (entry != NULL && offset < entry->offset)
        entry->offset = offset;
}
