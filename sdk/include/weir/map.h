/* map.h - a hash map from bytes to a pointer.
 *
 * Keys are copied; values belong to the caller. Open addressing, grows by doubling. Not
 * thread-safe: a map belongs to whoever holds it.
 */
#ifndef WEIR_MAP_H
#define WEIR_MAP_H

#include "weir/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_map weir_map;

WEIR_API weir_map *weir_map_new(void);
/* Frees the map, not the values. NULL is fine. */
WEIR_API void weir_map_free(weir_map *map);
WEIR_API void weir_map_freep(weir_map **map);

/* The value of a key, NULL when there is none. */
WEIR_API void *weir_map_get(const weir_map *map, weir_str key);

/* Sets a key's value, which is not NULL; returns the value that it replaces, or NULL. */
WEIR_API void *weir_map_put(weir_map *map, weir_str key, void *value);

/* Takes a key out and returns its value; NULL when there was none. */
WEIR_API void *weir_map_remove(weir_map *map, weir_str key);

WEIR_API size_t weir_map_count(const weir_map *map);

/* Steps through all entries in no order: `size_t at = 0; while (weir_map_next(map, &at, &k, &v))`.
 * The map must not change meanwhile. key and value may be NULL. */
WEIR_API bool weir_map_next(const weir_map *map, size_t *at, weir_str *key, void **value);

#ifdef __cplusplus
}
#endif

#endif
