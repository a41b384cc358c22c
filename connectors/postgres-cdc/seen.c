/* seen.c - which changes are in the rows of tables that were read under a later state than the slot's. */
#include "seen.h"

#include <inttypes.h>
#include <string.h>

typedef struct seen_entry {
    uint64_t relation, until, xmax;
    weir_str running; /* "xid,xid,..." */
    weir_str whole;   /* with the semicolon */
} seen_entry;

/* Takes a number and the byte behind it. */
static bool take(weir_str *text, char end, uint64_t *value)
{
    size_t at = 0;

    *value = 0;
    while (at < text->len && at < 20 && text->ptr[at] >= '0' && text->ptr[at] <= '9')
        *value = *value * 10 + (uint64_t)(text->ptr[at++] - '0');
    if (at == 0 || at == text->len || text->ptr[at] != end)
        return false;
    *text = (weir_str){text->ptr + at + 1, text->len - at - 1};
    return true;
}

static bool next(weir_str *text, seen_entry *entry)
{
    weir_str rest = *text;

    if (!take(&rest, ':', &entry->relation) || !take(&rest, ':', &entry->until) ||
        !take(&rest, ':', &entry->xmax))
        return false;
    const char *end = memchr(rest.ptr, ';', rest.len);
    if (end == NULL)
        return false;
    entry->running = (weir_str){rest.ptr, (size_t)(end - rest.ptr)};
    entry->whole = (weir_str){text->ptr, (size_t)(end + 1 - text->ptr)};
    *text = (weir_str){end + 1, text->len - entry->whole.len};
    return true;
}

void seen_done(seen *self)
{
    weir_buf_done(&self->text);
}

bool seen_read(seen *self, weir_str text)
{
    weir_str rest = text;
    seen_entry entry;

    while (next(&rest, &entry))
        continue;
    weir_buf_clear(&self->text);
    weir_buf_add_str(&self->text, text);
    return rest.len == 0;
}

/* Keeps the entries of other relations that are needed behind a commit. */
static void sift(seen *self, uint64_t relation, uint64_t commit)
{
    weir_str rest = weir_buf_str(&self->text);
    size_t kept = 0;
    seen_entry entry;

    while (next(&rest, &entry)) {
        if (entry.relation == relation || entry.until <= commit)
            continue;
        memmove(self->text.ptr + kept, entry.whole.ptr, entry.whole.len);
        kept += entry.whole.len;
    }
    self->text.len = kept;
}

void seen_add(seen *self, uint32_t relation, const seen_state *state)
{
    weir_str snapshot = state->snapshot;
    uint64_t xmin;

    sift(self, relation, 0);
    if (take(&snapshot, ':', &xmin))
        weir_buf_printf(&self->text, "%" PRIu32 ":%" PRIu64 ":%.*s;", relation, state->until,
                        WEIR_ARG(snapshot));
}

/* Numbers of transactions go round: the lower 32 bits, which the stream has, are compared. */
static bool is_running(weir_str running, uint32_t xid)
{
    while (running.len > 0) {
        const char *comma = memchr(running.ptr, ',', running.len);
        size_t size = comma != NULL ? (size_t)(comma - running.ptr) : running.len;
        uint64_t value = 0;

        for (size_t i = 0; i < size; i++)
            value = value * 10 + (uint64_t)(running.ptr[i] - '0');
        if ((uint32_t)value == xid)
            return true;
        size += comma != NULL;
        running = (weir_str){running.ptr + size, running.len - size};
    }
    return false;
}

bool seen_has(const seen *self, uint32_t relation, uint32_t xid)
{
    weir_str rest = weir_buf_str(&self->text);
    seen_entry entry;

    while (next(&rest, &entry)) {
        if (entry.relation == relation)
            return (int32_t)(xid - (uint32_t)entry.xmax) < 0 && !is_running(entry.running, xid);
    }
    return false;
}

void seen_forget(seen *self, uint64_t commit)
{
    if (self->text.len > 0)
        sift(self, 0, commit);
}
