/* map.c - a hash map from bytes to a pointer: open addressing, linear probing, no tombstones. */
#include "weir/map.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN ((size_t)16)

typedef struct slot {
    char *key; /* NULL: free */
    size_t len;
    uint64_t hash;
    void *value;
} slot;

struct weir_map {
    slot *slots;
    size_t size; /* a power of two; at most three quarters are used */
    size_t count;
};

/* FNV-1a, then a mix: the low bits choose the slot. */
static uint64_t hash_of(weir_str key)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * 1099511628211u;
    return hash ^ hash >> 32;
}

/* The slot that has the key, or the free one where it would go. */
static slot *find(const weir_map *map, weir_str key, uint64_t hash)
{
    size_t i = hash & (map->size - 1);

    for (;; i = (i + 1) & (map->size - 1)) {
        slot *at = &map->slots[i];

        if (at->key == NULL || (at->hash == hash && weir_str_eq((weir_str){at->key, at->len}, key)))
            return at;
    }
}

static void resize(weir_map *map, size_t size)
{
    slot *old = map->slots;
    size_t old_size = map->size;

    map->slots = mem_zalloc(size, sizeof(slot));
    map->size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].key != NULL)
            *find(map, (weir_str){old[i].key, old[i].len}, old[i].hash) = old[i];
    free(old);
}

weir_map *weir_map_new(void)
{
    weir_map *map = mem_zalloc(1, sizeof(*map));

    resize(map, SLOTS_MIN);
    return map;
}

void weir_map_free(weir_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->size; i++)
        free(map->slots[i].key);
    free(map->slots);
    free(map);
}

void weir_map_freep(weir_map **map)
{
    weir_map_free(*map);
    *map = NULL;
}

void *weir_map_get(const weir_map *map, weir_str key)
{
    return find(map, key, hash_of(key))->value; /* NULL in a free slot */
}

void *weir_map_put(weir_map *map, weir_str key, void *value)
{
    uint64_t hash = hash_of(key);
    slot *at = find(map, key, hash);
    void *old = at->value;

    assert(value != NULL);
    if (at->key == NULL) {
        if ((map->count + 1) * 4 > map->size * 3) {
            resize(map, map->size * 2);
            at = find(map, key, hash);
        }
        at->key = mem_zalloc(key.len + 1, 1);
        if (key.len > 0)
            memcpy(at->key, key.ptr, key.len);
        at->len = key.len;
        at->hash = hash;
        map->count++;
    }
    at->value = value;
    return old;
}

/* Entries behind the gap move up, unless that would put them in front of where their search begins. */
static void close_gap(weir_map *map, size_t gap)
{
    size_t mask = map->size - 1;

    for (size_t i = (gap + 1) & mask; map->slots[i].key != NULL; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;

        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        map->slots[gap] = map->slots[i];
        map->slots[i] = (slot){0};
        gap = i;
    }
}

void *weir_map_remove(weir_map *map, weir_str key)
{
    slot *at = find(map, key, hash_of(key));
    void *value = at->value;

    if (at->key == NULL)
        return NULL;
    free(at->key);
    *at = (slot){0};
    map->count--;
    close_gap(map, (size_t)(at - map->slots));
    return value;
}

size_t weir_map_count(const weir_map *map)
{
    return map->count;
}

bool weir_map_next(const weir_map *map, size_t *at, weir_str *key, void **value)
{
    while (*at < map->size && map->slots[*at].key == NULL)
        ++*at;
    if (*at >= map->size)
        return false;
    if (key != NULL)
        *key = (weir_str){map->slots[*at].key, map->slots[*at].len};
    if (value != NULL)
        *value = map->slots[*at].value;
    ++*at;
    return true;
}
