/* batch_write.c - how a source writes records: the slow ways, and the ends of things. */
#include "runtime/base/mem.h"
#include "sdk/src/batch_state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    PUT_ROOM = 16, /* the most that a put of a number takes */
    COLUMN_MAX = 1 << 20,
};

/* The first is told; what is called so does nothing. */
static void misuse(batch_state *self, const char *what)
{
    if (self->misuse == NULL)
        self->misuse = what;
}

static batch_entry *open_entry(batch_state *self)
{
    if (self->part != PART_NONE)
        return &self->entries[self->count];
    misuse(self, "something was said of a record outside of one");
    return &self->nowhere;
}

/* Opens the arena behind `used` for puts. While puts are checked there is never room for the inline
 * writers, so that every put comes here. */
static void open_window(batch_state *self)
{
    self->batch.at = self->arena + self->used;
    self->batch.end = self->checked ? self->batch.at : self->arena + self->capacity;
}

/* Closes the key or value that is open, if any. */
static void close_part(batch_state *self)
{
    batch_entry *entry;
    size_t end;

    if (self->part != PART_KEY && self->part != PART_VALUE)
        return;
    entry = open_entry(self);
    if (self->checked && !self->illegal &&
        batch_schema_at(&self->batch,
                        self->part == PART_KEY ? entry->key_schema : entry->value_schema) != NULL &&
        !avro_check_complete(&self->checker)) {
        self->illegal = true;
        snprintf(self->problem, sizeof(self->problem), "the %s ends where %s is expected",
                 self->part == PART_KEY ? "key" : "value", avro_check_expected(&self->checker));
    }
    end = (size_t)(self->batch.at - self->arena);
    *(self->part == PART_KEY ? &entry->key : &entry->value) =
        (batch_span){(uint32_t)self->part_start, (uint32_t)(end - self->part_start)};
    self->used = end;
    self->part = PART_RECORD;
    self->batch = (weir_batch){0};
}

bool weir_record_begin(weir_batch *batch, weir_str topic)
{
    batch_state *self = batch_state_of(batch);
    batch_entry *entry;
    uint32_t number;

    if (self->part != PART_NONE) {
        misuse(self, "a record was begun inside of another one");
        weir_record_cancel(batch);
    }
    if (batch_is_full(batch))
        return false;
    number = batch_topic(batch, topic);
    entry = batch_next_entry(self);
    *entry = (batch_entry){
        .topic = number,
        .log_topic = number,
        .partition = -1,
        .log_partition = -1,
        .log_offset = -1,
        .timestamp_ms = -1,
        .key = {0, BATCH_NULL},
        .value = {0, BATCH_NULL},
        .headers = {(uint32_t)self->used, 0},
        .key_schema = BATCH_NULL,
        .value_schema = BATCH_NULL,
        .unsent = BATCH_NULL,
    };
    self->part = PART_RECORD;
    self->record_start = self->used;
    self->too_large = false;
    self->illegal = false;
    return true;
}

void weir_record_timestamp(weir_batch *batch, int64_t timestamp_ms)
{
    open_entry(batch_state_of(batch))->timestamp_ms = timestamp_ms;
}

void weir_record_partition(weir_batch *batch, int32_t partition)
{
    open_entry(batch_state_of(batch))->partition = partition;
}

void weir_record_header(weir_batch *batch, weir_str name, weir_str value)
{
    batch_state *self = batch_state_of(batch);
    batch_entry *entry = open_entry(self);
    uint8_t *at;

    if (self->part != PART_RECORD || entry->key.len != BATCH_NULL ||
        entry->value.len != BATCH_NULL) {
        misuse(self, "a header was added behind the key or the value of its record");
        return;
    }
    if (!batch_make_room(self, self->used, name.len + value.len + (size_t)2 * PUT_ROOM)) {
        self->too_large = true;
        return;
    }
    at = weir_put_varint(self->arena + self->used, (int64_t)name.len);
    if (name.len > 0)
        memcpy(at, name.ptr, name.len);
    at = weir_put_varint(at + name.len, value.ptr != NULL ? (int64_t)value.len : -1);
    if (value.ptr != NULL && value.len > 0)
        memcpy(at, value.ptr, value.len);
    self->used = (size_t)(at + value.len - self->arena);
    entry->headers.len = (uint32_t)(self->used - entry->headers.at);
    entry->header_count++;
}

static void begin_part(weir_batch *batch, batch_part part, const weir_schema *schema)
{
    batch_state *self = batch_state_of(batch);
    batch_entry *entry = open_entry(self);

    if (self->part == PART_NONE)
        return;
    close_part(self);
    *(part == PART_KEY ? &entry->key_schema : &entry->value_schema) = batch_schema(batch, schema);
    if (self->checked && schema != NULL)
        avro_check_begin(&self->checker, schema);
    self->part = part;
    self->part_start = self->used;
    if (!batch_make_room(self, self->used, PUT_ROOM))
        self->too_large = true;
    open_window(self);
}

void weir_record_key(weir_batch *batch, const weir_schema *schema)
{
    begin_part(batch, PART_KEY, schema);
}

void weir_record_value(weir_batch *batch, const weir_schema *schema)
{
    begin_part(batch, PART_VALUE, schema);
}

void weir_record_unsent(weir_batch *batch, int column)
{
    batch_state *self = batch_state_of(batch);
    size_t size = ((size_t)column / 64 + 1) * 8, have = self->unsent.len;

    if (column < 0 || column > COLUMN_MAX || self->part == PART_NONE) {
        misuse(self, "a column was marked as not sent that is none, or of no record");
        return;
    }
    if (have < size) {
        memset(weir_buf_reserve(&self->unsent, size - have), 0, size - have);
        self->unsent.len = size;
    }
    ((uint64_t *)(void *)self->unsent.ptr)[column / 64] |= (uint64_t)1 << (column % 64);
}

/* Puts the bitmap behind the record's bytes. */
static void keep_unsent(batch_state *self, batch_entry *entry)
{
    const weir_schema *schema = batch_schema_at(&self->batch, entry->value_schema);
    size_t words = self->unsent.len / 8;

    if (schema != NULL) { /* readers look at any column of the plan */
        size_t columns = weir_plan_column_count(weir_schema_plan(schema));

        words = (columns + 63) / 64 > words ? (columns + 63) / 64 : words;
    }
    if (!batch_make_room(self, self->used, words * 8 + 8)) {
        self->too_large = true;
        return;
    }
    self->used = (self->used + 7) & ~(size_t)7;
    memset(self->arena + self->used, 0, words * 8);
    memcpy(self->arena + self->used, self->unsent.ptr, self->unsent.len);
    entry->unsent = (uint32_t)self->used;
    entry->unsent_words = (uint32_t)words;
    self->used += words * 8;
}

void weir_record_cancel(weir_batch *batch)
{
    batch_state *self = batch_state_of(batch);

    if (self->part == PART_NONE) {
        misuse(self, "a record was cancelled that was not begun");
        return;
    }
    self->used = self->record_start;
    self->part = PART_NONE;
    weir_buf_clear(&self->unsent);
    self->batch = (weir_batch){0};
}

weir_code weir_record_end(weir_batch *batch, weir_error *err)
{
    batch_state *self = batch_state_of(batch);

    if (self->part == PART_NONE) {
        misuse(self, "a record was ended that was not begun");
        return weir_fail(err, WEIR_FATAL, "%s", self->misuse);
    }
    close_part(self);
    if (self->unsent.len > 0)
        keep_unsent(self, open_entry(self));
    if (self->too_large) {
        weir_record_cancel(batch);
        return weir_fail(err, WEIR_REJECT, "the record is larger than %d bytes", BATCH_ARENA_MAX);
    }
    if (self->illegal) {
        weir_record_cancel(batch);
        return weir_fail(err, WEIR_REJECT, "the record breaks its schema: %s", self->problem);
    }
    self->part = PART_NONE;
    weir_buf_clear(&self->unsent);
    self->count++;
    return WEIR_OK;
}

/* --- The slow ways of putting --------------------------------------------------------------- */

/* False when the put must not be written: there is no room for it, or the schema forbids it. */
static bool admit(weir_batch *batch, avro_put kind, int64_t n, weir_str bytes)
{
    batch_state *self = batch_state_of(batch);
    size_t used;

    if (self->part != PART_KEY && self->part != PART_VALUE) {
        misuse(self, "something was put outside of a key or a value");
        return false;
    }
    used = (size_t)(self->batch.at - self->arena);
    if (self->checked && !self->illegal) {
        const batch_entry *entry = open_entry(self);
        uint32_t schema = self->part == PART_KEY ? entry->key_schema : entry->value_schema;
        bool legal = schema == BATCH_NULL ? kind == AVRO_PUT_RAW
                                          : avro_check_put(&self->checker, kind, n, bytes);

        if (!legal) {
            self->illegal = true;
            snprintf(self->problem, sizeof(self->problem), "%s was put where %s is expected",
                     avro_put_name(kind),
                     schema == BATCH_NULL ? "raw" : avro_check_expected(&self->checker));
        }
    }
    if (self->illegal || self->too_large)
        return false;
    if (!batch_make_room(self, used, bytes.len + PUT_ROOM)) {
        self->too_large = true;
        return false;
    }
    self->used = used;
    open_window(self);
    return true;
}

static void advance(weir_batch *batch, uint8_t *at)
{
    batch->at = at;
    if (batch_state_of(batch)->checked)
        batch->end = at;
}

void weir_put_null_slow(weir_batch *batch)
{
    (void)admit(batch, AVRO_PUT_NULL, 0, (weir_str){0}); /* nothing to write */
}

void weir_put_boolean_slow(weir_batch *batch, bool value)
{
    if (!admit(batch, AVRO_PUT_BOOLEAN, value, (weir_str){0}))
        return;
    *batch->at = value;
    advance(batch, batch->at + 1);
}

static void put_varint(weir_batch *batch, avro_put kind, int64_t value)
{
    if (admit(batch, kind, value, (weir_str){0}))
        advance(batch, weir_put_varint(batch->at, value));
}

void weir_put_int_slow(weir_batch *batch, int32_t value)
{
    put_varint(batch, AVRO_PUT_INT, value);
}

void weir_put_long_slow(weir_batch *batch, int64_t value)
{
    put_varint(batch, AVRO_PUT_LONG, value);
}

void weir_put_enum_slow(weir_batch *batch, int32_t symbol)
{
    put_varint(batch, AVRO_PUT_ENUM, symbol);
}

void weir_put_branch_slow(weir_batch *batch, int32_t branch)
{
    put_varint(batch, AVRO_PUT_BRANCH, branch);
}

void weir_put_block_slow(weir_batch *batch, int64_t count)
{
    put_varint(batch, AVRO_PUT_BLOCK, count);
}

static void put_copy(weir_batch *batch, avro_put kind, weir_str bytes)
{
    if (!admit(batch, kind, 0, bytes))
        return;
    if (bytes.len > 0)
        memcpy(batch->at, bytes.ptr, bytes.len);
    advance(batch, batch->at + bytes.len);
}

void weir_put_float_slow(weir_batch *batch, float value)
{
    put_copy(batch, AVRO_PUT_FLOAT, (weir_str){(const char *)&value, sizeof(value)});
}

void weir_put_double_slow(weir_batch *batch, double value)
{
    put_copy(batch, AVRO_PUT_DOUBLE, (weir_str){(const char *)&value, sizeof(value)});
}

void weir_put_fixed_slow(weir_batch *batch, weir_str value)
{
    put_copy(batch, AVRO_PUT_FIXED, value);
}

void weir_put_raw_slow(weir_batch *batch, weir_str encoded)
{
    put_copy(batch, AVRO_PUT_RAW, encoded);
}

void weir_put_bytes_slow(weir_batch *batch, weir_str value)
{
    uint8_t *at;

    if (!admit(batch, AVRO_PUT_BYTES, 0, value))
        return;
    at = weir_put_varint(batch->at, (int64_t)value.len);
    if (value.len > 0)
        memcpy(at, value.ptr, value.len);
    advance(batch, at + value.len);
}

/* --- Offsets and checkpoints ---------------------------------------------------------------- */

/* Small texts, so the bound on records does not hold for them: there is no way to refuse one. */
static batch_span keep_text(batch_state *self, weir_str text)
{
    batch_span span = {(uint32_t)self->used, (uint32_t)text.len};

    if (self->capacity < self->used + text.len) {
        self->capacity = self->used + text.len;
        self->arena = mem_realloc(self->arena, self->capacity);
    }
    if (text.len > 0)
        memcpy(self->arena + self->used, text.ptr, text.len);
    self->used += text.len;
    return span;
}

void weir_offset(weir_batch *batch, weir_str partition, const char *offset_fmt, ...)
{
    batch_state *self = batch_state_of(batch);
    batch_mark mark = {.record_count = self->count};
    weir_buf text = {0};
    va_list args;

    if (self->part != PART_NONE)
        misuse(self, "an offset was written inside of a record");
    va_start(args, offset_fmt);
    weir_buf_vprintf(&text, offset_fmt, args);
    va_end(args);
    mark.partition = keep_text(self, partition);
    mark.offset = keep_text(self, weir_buf_str(&text));
    weir_buf_add(&self->marks, &mark, sizeof(mark));
    weir_buf_done(&text);
}

void weir_checkpoint(weir_batch *batch)
{
    batch_state *self = batch_state_of(batch);
    batch_mark mark = {.record_count = self->count, .is_checkpoint = true};

    if (self->part != PART_NONE)
        misuse(self, "a checkpoint was made inside of a record");
    weir_buf_add(&self->marks, &mark, sizeof(mark));
}
