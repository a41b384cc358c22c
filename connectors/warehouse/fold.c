/* fold.c - an arena of rows and a hash index over their keys.
 *
 * A row that is replaced stays in the arena as garbage until the window is written: fold_bytes counts
 * it, so a key that changes all the time fills the window like any other.
 */
#include "fold.h"

#include "copy.h"

#include <assert.h>
#include <string.h>

typedef struct fold_entry {
    size_t at;
    uint32_t size;
    uint32_t hash;
    fold_kind kind;
} fold_entry;

enum { INDEX_MIN = 1024 };

static fold_entry *entry_at(const fold *self, size_t index)
{
    return (fold_entry *)(void *)self->entries.ptr + index;
}

static size_t index_size(const fold *self)
{
    return self->index.len / sizeof(uint32_t);
}

/* Behind the field that begins here. */
static const char *skip_field(const char *field)
{
    int32_t length = copy_length(field);

    return field + 4 + (length > 0 ? length : 0);
}

/* The bytes of the key's fields, lengths included. */
static weir_str key_of(const fold *self, size_t row)
{
    const char *start = self->bytes.ptr + row + 2;
    const char *end = start;

    for (size_t i = 0; i < self->key_count; i++)
        end = skip_field(end);
    return (weir_str){start, (size_t)(end - start)};
}

/* FNV-1a over eight bytes at a time, with a final mix; keys are short. */
static uint32_t hash_of(weir_str key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t i = 0;

    for (uint64_t word; i + 8 <= key.len; i += 8) {
        memcpy(&word, key.ptr + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.ptr[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32);
}

static void index_put(fold *self, uint32_t hash, size_t place)
{
    uint32_t *slots = (uint32_t *)(void *)self->index.ptr;
    size_t mask = index_size(self) - 1;
    size_t at = hash & mask;

    while (slots[at] != 0)
        at = (at + 1) & mask;
    slots[at] = (uint32_t)place + 1;
}

static void index_grow(fold *self)
{
    size_t size = index_size(self) * 2;

    if (size < INDEX_MIN)
        size = INDEX_MIN;
    weir_buf_clear(&self->index);
    memset(weir_buf_reserve(&self->index, size * sizeof(uint32_t)), 0, size * sizeof(uint32_t));
    self->index.len = size * sizeof(uint32_t);
    for (size_t i = 0; i < self->row_count; i++)
        index_put(self, entry_at(self, i)->hash, i);
}

static fold_entry *find(const fold *self, weir_str key, uint32_t hash)
{
    const uint32_t *slots = (const uint32_t *)(const void *)self->index.ptr;
    size_t mask = index_size(self) - 1;

    for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        fold_entry *entry = entry_at(self, slots[at] - 1);

        if (entry->hash == hash && weir_str_eq(key_of(self, entry->at), key))
            return entry;
    }
    return NULL;
}

void fold_reset(fold *self, size_t key_count)
{
    weir_buf_clear(&self->bytes);
    weir_buf_clear(&self->entries);
    if (self->index.len > 0)
        memset(self->index.ptr, 0, self->index.len);
    memset(self->kind_counts, 0, sizeof(self->kind_counts));
    self->row_count = 0;
    self->key_count = key_count;
}

void fold_done(fold *self)
{
    weir_buf_done(&self->bytes);
    weir_buf_done(&self->entries);
    weir_buf_done(&self->index);
    *self = (fold){.key_count = 0};
}

size_t fold_bytes(const fold *self)
{
    return self->bytes.len + self->entries.len;
}

static bool has_unsent(const char *row, size_t size)
{
    const char *end = row + size;

    for (const char *field = row + 2; field < end; field = skip_field(field))
        if (copy_length(field) == COPY_UNSENT)
            return true;
    return false;
}

/* Appends the row at `later`, its unsent fields taken from the row at `earlier`. Both have the same
 * columns. Returns whether a field is still unsent. */
static bool complete(fold *self, const fold_entry *earlier, size_t later, size_t size)
{
    size_t start = self->bytes.len;
    bool unsent = false;

    (void)weir_buf_reserve(&self->bytes, size + earlier->size);
    const char *old = self->bytes.ptr + earlier->at + 2;
    const char *field = self->bytes.ptr + later + 2;
    const char *end = self->bytes.ptr + later + size;

    assert(memcmp(old - 2, field - 2, 2) == 0);
    weir_buf_add(&self->bytes, field - 2, 2);
    for (; field < end; field = skip_field(field), old = skip_field(old)) {
        const char *from = copy_length(field) == COPY_UNSENT ? old : field;

        weir_buf_add(&self->bytes, from, (size_t)(skip_field(from) - from));
        unsent |= copy_length(from) == COPY_UNSENT;
    }
    /* the completed row takes the place of the later one */
    size = self->bytes.len - start;
    memmove(self->bytes.ptr + later, self->bytes.ptr + start, size);
    self->bytes.len = later + size;
    return unsent;
}

static void add_entry(fold *self, size_t start, uint32_t hash, fold_kind kind)
{
    fold_entry entry = {
        .at = start, .size = (uint32_t)(self->bytes.len - start), .hash = hash, .kind = kind};

    weir_buf_add(&self->entries, &entry, sizeof(entry));
    index_put(self, hash, self->row_count++);
    self->kind_counts[kind]++;
}

/* What the table in the header says. */
static fold_result merge(fold *self, fold_entry *entry, size_t start, fold_kind kind)
{
    fold_kind next = kind;

    if (kind == FOLD_INSERT && entry->kind != FOLD_DELETE)
        return FOLD_CONFLICT;
    if (entry->kind == FOLD_INSERT && kind != FOLD_DELETE)
        return FOLD_CONFLICT;
    if (entry->kind == FOLD_DELETE && kind == FOLD_PARTIAL)
        return FOLD_ORPHAN;
    if (kind == FOLD_PARTIAL) {
        bool unsent = complete(self, entry, start, self->bytes.len - start);

        assert(!unsent || entry->kind == FOLD_PARTIAL);
        next = unsent ? FOLD_PARTIAL : FOLD_UPSERT;
        if (entry->kind != FOLD_PARTIAL)
            next = entry->kind;
    } else if (kind != FOLD_DELETE && (entry->kind == FOLD_DELETE || entry->kind == FOLD_REPLACE)) {
        next = FOLD_REPLACE;
    }
    self->kind_counts[entry->kind]--;
    self->kind_counts[next]++;
    entry->kind = next;
    entry->at = start;
    entry->size = (uint32_t)(self->bytes.len - start);
    return FOLD_ADDED;
}

fold_result fold_add(fold *self, size_t start, fold_kind kind)
{
    assert(start < self->bytes.len);
    if (self->key_count == 0) {
        self->row_count++;
        self->kind_counts[FOLD_INSERT]++;
        return FOLD_ADDED;
    }
    if (kind == FOLD_UPSERT && has_unsent(self->bytes.ptr + start, self->bytes.len - start))
        kind = FOLD_PARTIAL;
    if (4 * (self->row_count + 1) > 3 * index_size(self))
        index_grow(self);

    weir_str key = key_of(self, start);
    uint32_t hash = hash_of(key);
    fold_entry *entry = find(self, key, hash);

    if (entry != NULL)
        return merge(self, entry, start, kind);
    add_entry(self, start, hash, kind);
    return FOLD_ADDED;
}

bool fold_next(const fold *self, size_t *at, weir_str *row, fold_kind *kind)
{
    if (self->key_count > 0) {
        if (*at == self->row_count)
            return false;
        const fold_entry *entry = entry_at(self, (*at)++);

        *row = (weir_str){self->bytes.ptr + entry->at, entry->size};
        *kind = entry->kind;
        return true;
    }
    if (*at == self->bytes.len)
        return false;

    const char *start = self->bytes.ptr + *at;
    const char *end = start + 2;
    size_t count = (size_t)copy_read_int(start, 2);

    for (size_t i = 0; i < count; i++)
        end = skip_field(end);
    *row = (weir_str){start, (size_t)(end - start)};
    *kind = FOLD_INSERT;
    *at += row->len;
    return true;
}
