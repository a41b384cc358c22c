/* arena.h - memory that is given back in one step: for what is built from a file or a request.
 *
 * `arena a = {0};` is an empty arena. Nothing in it is freed alone. Belongs to one thread.
 */
#ifndef RUNTIME_BASE_ARENA_H
#define RUNTIME_BASE_ARENA_H

#include "weir/base.h"

typedef struct arena_block arena_block;

typedef struct arena {
    arena_block *last;
} arena;

/* Zeroed memory for count objects of size bytes, aligned for any of them. Never NULL. */
void *arena_alloc(arena *arena, size_t count, size_t size);
/* A copy of text with a NUL behind it, which does not count. */
weir_str arena_copy(arena *arena, weir_str text);
/* A text made as by printf, with a NUL behind it. */
weir_str arena_printf(arena *arena, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* An array that grows by one: returns room for count + 1 items, the first count as they were. Grows by
 * doubling, so that adding n items costs n. */
void *arena_grow(arena *arena, void *items, size_t count, size_t size);
/* Gives all of it back; the arena is empty and usable again. */
void arena_done(arena *arena);

#endif
