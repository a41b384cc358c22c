/* arena.c - memory that is given back in one step: a list of blocks, the last one being filled. */
#include "runtime/base/arena.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8192, ALIGN = 16 };

struct arena_block {
    arena_block *before;
    size_t used, size;
    _Alignas(ALIGN) char bytes[];
};

void *arena_alloc(arena *self, size_t count, size_t size)
{
    size_t need;
    char *memory;

    if (__builtin_mul_overflow(count, size, &need) || need > SIZE_MAX / 2)
        abort(); /* sizes from outside were checked before they got here */
    need = (need + ALIGN - 1) / ALIGN * ALIGN;
    if (self->last == NULL || self->last->size - self->last->used < need) {
        size_t room = need > BLOCK ? need : BLOCK;
        arena_block *block = mem_zalloc(1, sizeof(*block) + room);

        block->size = room;
        block->before = self->last;
        self->last = block;
    }
    memory = self->last->bytes + self->last->used;
    self->last->used += need;
    assert(self->last->used <= self->last->size);
    return memory;
}

weir_str arena_copy(arena *self, weir_str text)
{
    char *copy = arena_alloc(self, 1, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    return (weir_str){copy, text.len};
}

weir_str arena_printf(arena *self, const char *fmt, ...)
{
    va_list args, again;
    char *text;
    int length;

    va_start(args, fmt);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(length >= 0);
    text = arena_alloc(self, 1, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    return (weir_str){text, (size_t)length};
}

void *arena_grow(arena *self, void *items, size_t count, size_t size)
{
    void *larger;

    if (count != 0 && (count & (count - 1)) != 0)
        return items; /* the room is always a power of two, and not full before the next one */
    larger = arena_alloc(self, count == 0 ? 1 : 2 * count, size);
    if (count > 0)
        memcpy(larger, items, count * size);
    return larger;
}

void arena_done(arena *self)
{
    while (self->last != NULL) {
        arena_block *block = self->last;

        self->last = block->before;
        free(block);
    }
}
