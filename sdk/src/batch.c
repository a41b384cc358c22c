/* batch.c - the arena of a batch, its index and its tables. */
#include "sdk/src/batch_state.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Avro's numbers are copied as they are");

weir_batch *batch_new(size_t capacity)
{
    batch_state *self = mem_zalloc(1, sizeof(*self));

    assert(capacity > 0 && capacity <= BATCH_ARENA_MAX);
    self->arena = mem_zalloc(1, capacity);
    self->capacity = capacity;
    self->nominal = capacity;
    weir_buf_clear(&self->unsent);
#ifdef WEIR_CHECK_PUTS
    self->checked = true;
#endif
    return &self->batch;
}

void batch_free(weir_batch *batch)
{
    batch_state *self = batch_state_of(batch);

    if (batch == NULL)
        return;
    free(self->arena);
    free(self->entries);
    weir_buf_done(&self->marks);
    weir_buf_done(&self->topics);
    weir_buf_done(&self->names);
    weir_buf_done(&self->schemas);
    weir_buf_done(&self->unsent);
    free(self);
}

void batch_freep(weir_batch **batch)
{
    batch_free(*batch);
    *batch = NULL;
}

void batch_clear(weir_batch *batch)
{
    batch_state *self = batch_state_of(batch);

    if (self->capacity > self->nominal) {
        self->arena = mem_realloc(self->arena, self->nominal);
        self->capacity = self->nominal;
    }
    self->used = 0;
    self->count = 0;
    self->part = PART_NONE;
    self->misuse = NULL;
    self->batch = (weir_batch){0};
    self->last_topic = 0;
    weir_buf_clear(&self->unsent);
    weir_buf_clear(&self->marks);
    weir_buf_clear(&self->topics);
    weir_buf_clear(&self->names);
    weir_buf_clear(&self->schemas);
}

void batch_set_checked(weir_batch *batch, bool checked)
{
    batch_state_of(batch)->checked = checked;
}

const char *batch_misuse(const weir_batch *batch)
{
    const batch_state *self = batch_state_of(batch);

    if (self->misuse == NULL && self->part != PART_NONE)
        return "a record was begun and not ended";
    return self->misuse;
}

uint32_t batch_count(const weir_batch *batch)
{
    return batch_state_of(batch)->count;
}

size_t batch_bytes(const weir_batch *batch)
{
    return batch_state_of(batch)->used;
}

/* An eighth is kept for the record that is begun last: growing is for what is really large. */
bool batch_is_full(const weir_batch *batch)
{
    const batch_state *self = batch_state_of(batch);

    return self->count == BATCH_RECORDS_MAX ||
           (self->count > 0 && self->used >= self->nominal - self->nominal / 8);
}

batch_entry *batch_at(weir_batch *batch, uint32_t index)
{
    assert(index < batch_state_of(batch)->count);
    return &batch_state_of(batch)->entries[index];
}

weir_str batch_bytes_of(const weir_batch *batch, batch_span span)
{
    if (span.len == BATCH_NULL)
        return (weir_str){0};
    return (weir_str){(const char *)batch_state_of(batch)->arena + span.at, span.len};
}

size_t batch_mark_count(const weir_batch *batch)
{
    return batch_state_of(batch)->marks.len / sizeof(batch_mark);
}

const batch_mark *batch_mark_at(const weir_batch *batch, size_t index)
{
    assert(index < batch_mark_count(batch));
    return (const batch_mark *)(const void *)batch_state_of(batch)->marks.ptr + index;
}

void batch_cut_to_checkpoint(weir_batch *batch)
{
    batch_state *self = batch_state_of(batch);
    size_t marks = batch_mark_count(batch);

    if (self->part != PART_NONE)
        weir_record_cancel(batch);
    while (marks > 0 && !batch_mark_at(batch, marks - 1)->is_checkpoint)
        marks--;
    self->count = marks > 0 ? batch_mark_at(batch, marks - 1)->record_count : 0;
    self->marks.len = marks * sizeof(batch_mark);
}

bool batch_make_room(batch_state *self, size_t used, size_t size)
{
    size_t capacity = self->capacity;

    if (size > BATCH_ARENA_MAX || used + size > BATCH_ARENA_MAX)
        return false;
    while (capacity < used + size)
        capacity = capacity * 2 < BATCH_ARENA_MAX ? capacity * 2 : BATCH_ARENA_MAX;
    if (capacity > self->capacity) {
        self->arena = mem_realloc(self->arena, capacity);
        self->capacity = capacity;
    }
    return true;
}

static weir_str topic_at(const batch_state *self, uint32_t topic)
{
    batch_span span = ((const batch_span *)(const void *)self->topics.ptr)[topic];

    return (weir_str){self->names.ptr + span.at, span.len};
}

uint32_t batch_topic(weir_batch *batch, weir_str topic)
{
    batch_state *self = batch_state_of(batch);
    uint32_t count = (uint32_t)(self->topics.len / sizeof(batch_span));
    batch_span span = {(uint32_t)self->names.len, (uint32_t)topic.len};

    if (self->last_topic < count && weir_str_eq(topic_at(self, self->last_topic), topic))
        return self->last_topic; /* neighbours mostly have the same */
    for (uint32_t i = 0; i < count; i++)
        if (weir_str_eq(topic_at(self, i), topic))
            return self->last_topic = i;
    (void)weir_buf_reserve(&self->names,
                           1); /* an empty name is not NULL, which means "before the first" */
    weir_buf_add_str(&self->names, topic);
    weir_buf_add(&self->topics, &span, sizeof(span));
    return self->last_topic = count;
}

uint32_t batch_schema(weir_batch *batch, const weir_schema *schema)
{
    batch_state *self = batch_state_of(batch);
    const weir_schema *const *table = (const void *)self->schemas.ptr;
    uint32_t count = (uint32_t)(self->schemas.len / sizeof(schema));

    if (schema == NULL)
        return BATCH_NULL;
    for (uint32_t i = count; i-- > 0;)
        if (table[i] == schema)
            return i;
    weir_buf_add(&self->schemas, &schema, sizeof(schema));
    return count;
}

weir_str batch_topic_name(const weir_batch *batch, uint32_t topic)
{
    return topic_at(batch_state_of(batch), topic);
}

const weir_schema *batch_schema_at(const weir_batch *batch, uint32_t schema)
{
    const batch_state *self = batch_state_of(batch);

    if (schema == BATCH_NULL)
        return NULL;
    assert(schema < self->schemas.len / sizeof(const weir_schema *));
    return ((const weir_schema *const *)(const void *)self->schemas.ptr)[schema];
}

weir_code batch_reserve(weir_batch *batch, size_t size, uint8_t **out, weir_error *err)
{
    batch_state *self = batch_state_of(batch);

    assert(self->part == PART_NONE);
    if (!batch_make_room(self, self->used, size))
        return weir_fail(err, WEIR_REJECT,
                         "%zu bytes more would make the batch larger than %d bytes", size,
                         BATCH_ARENA_MAX);
    *out = self->arena + self->used;
    return WEIR_OK;
}

batch_span batch_take(weir_batch *batch, size_t used)
{
    batch_state *self = batch_state_of(batch);
    batch_span span = {(uint32_t)self->used, (uint32_t)used};

    assert(self->used + used <= self->capacity);
    self->used += used;
    return span;
}

weir_code batch_append(weir_batch *batch, weir_str bytes, batch_span *out, weir_error *err)
{
    uint8_t *to;

    *out = (batch_span){0, BATCH_NULL};
    if (bytes.ptr == NULL)
        return WEIR_OK;
    if (batch_reserve(batch, bytes.len, &to, err) != WEIR_OK)
        return err->code;
    memcpy(to, bytes.ptr, bytes.len);
    *out = batch_take(batch, bytes.len);
    return WEIR_OK;
}

weir_code batch_add_unsent(weir_batch *batch, batch_entry *entry, size_t columns, uint64_t **out,
                           weir_error *err)
{
    size_t words = (columns + 63) / 64, gap;
    uint8_t *memory;

    if (batch_reserve(batch, words * 8 + 8, &memory, err) != WEIR_OK)
        return err->code;
    gap = (8 - ((uintptr_t)memory & 7)) & 7;
    *out = (uint64_t *)(void *)(memory + gap);
    memset(*out, 0, words * 8);
    entry->unsent = batch_take(batch, gap + words * 8).at + (uint32_t)gap;
    entry->unsent_words = (uint32_t)words;
    return WEIR_OK;
}

/* The next place of the index. */
batch_entry *batch_next_entry(batch_state *self)
{
    if (self->count == self->entries_capacity) {
        self->entries_capacity = self->entries_capacity > 0 ? self->entries_capacity * 2 : 256;
        self->entries = mem_realloc(self->entries, self->entries_capacity * sizeof(batch_entry));
    }
    return &self->entries[self->count];
}

static batch_span take_bytes(batch_state *self, weir_str bytes)
{
    batch_span span = {(uint32_t)self->used, (uint32_t)bytes.len};

    if (bytes.ptr == NULL)
        return (batch_span){0, BATCH_NULL};
    if (bytes.len > 0)
        memcpy(self->arena + self->used, bytes.ptr, bytes.len);
    self->used += bytes.len;
    return span;
}

bool batch_add_log_record(weir_batch *batch, const batch_log_record *record)
{
    batch_state *self = batch_state_of(batch);
    size_t size = record->key.len + record->value.len + record->headers.len;
    batch_entry *entry;

    if (self->count > 0 && (batch_is_full(batch) || self->used + size > self->capacity))
        return false;
    if (!batch_make_room(self, self->used, size + 1))
        return false; /* larger than any record that the log takes */
    entry = batch_next_entry(self);
    *entry = (batch_entry){
        .topic = record->topic,
        .log_topic = record->topic,
        .partition = record->partition,
        .log_partition = record->partition,
        .log_offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .header_count = record->header_count,
        .key_schema = BATCH_NULL,
        .value_schema = BATCH_NULL,
        .unsent = BATCH_NULL,
    };
    entry->headers = take_bytes(self, record->headers);
    entry->key = take_bytes(self, record->key);
    entry->value = take_bytes(self, record->value);
    self->count++;
    return true;
}
