/* batch.h - records in transit, and the memory they live in.
 *
 * A batch is one contiguous arena. A source writes into it, front to back; a sink reads it. Its
 * memory is given back in one step, so nobody frees a single record, key or value. Inside, records
 * are offsets and not pointers: a batch can be handed to another process without a copy.
 *
 * A batch belongs to one thread at a time; it is handed on whole.
 */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include "weir/base.h"
#include "weir/schema.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The two members that the inline writers below need; all else is the worker's. ABI. `at` is where
 * the next byte of the open key or value goes. While puts are checked against the schema, end equals
 * at, so that every put takes the slow way. */
typedef struct weir_batch {
    uint8_t *at;
    uint8_t *end;
} weir_batch;

/* --- Writing, for sources ------------------------------------------------------------------- */

/* Starts the next record. False when the batch is full: return, and be polled again. */
WEIR_API WEIR_MUST_CHECK bool weir_record_begin(weir_batch *batch, weir_str topic);

/* Optional; without them a record has the time of its commit and the partition of its key. */
WEIR_API void weir_record_timestamp(weir_batch *batch, int64_t timestamp_ms);
WEIR_API void weir_record_partition(weir_batch *batch, int32_t partition);

/* Adds a header. Headers come before the key and the value of their record. */
WEIR_API void weir_record_header(weir_batch *batch, weir_str name, weir_str value);

/* What weir_put_* writes from here on is the record's key, or its value. In schema order; debug
 * builds check every put against the schema, release builds do for plugins from elsewhere. A record
 * whose value is never begun is a tombstone; one whose key is never begun has none. A NULL schema:
 * bytes without a schema, written by weir_put_raw. */
WEIR_API void weir_record_key(weir_batch *batch, const weir_schema *schema);
WEIR_API void weir_record_value(weir_batch *batch, const weir_schema *schema);

/* The column (of the value schema's plan) was not sent by the source: what was put for it is a
 * placeholder. Any time before weir_record_end. */
WEIR_API void weir_record_unsent(weir_batch *batch, int column);

/* WEIR_REJECT when the record breaks its schema or a limit: it is taken out of the batch again. One
 * that is larger than the batch gets a batch of its own. */
WEIR_API WEIR_MUST_CHECK weir_code weir_record_end(weir_batch *batch, weir_error *err);

/* Takes the record that was begun out of the batch again. */
WEIR_API void weir_record_cancel(weir_batch *batch);

/* The slow way of the writers below: makes room, checks against the schema. */
WEIR_API void weir_put_null_slow(weir_batch *batch);
WEIR_API void weir_put_boolean_slow(weir_batch *batch, bool value);
WEIR_API void weir_put_int_slow(weir_batch *batch, int32_t value);
WEIR_API void weir_put_long_slow(weir_batch *batch, int64_t value);
WEIR_API void weir_put_float_slow(weir_batch *batch, float value);
WEIR_API void weir_put_double_slow(weir_batch *batch, double value);
WEIR_API void weir_put_bytes_slow(weir_batch *batch, weir_str value);
WEIR_API void weir_put_fixed_slow(weir_batch *batch, weir_str value);
WEIR_API void weir_put_enum_slow(weir_batch *batch, int32_t symbol);
WEIR_API void weir_put_branch_slow(weir_batch *batch, int32_t branch);
WEIR_API void weir_put_block_slow(weir_batch *batch, int64_t count);
WEIR_API void weir_put_raw_slow(weir_batch *batch, weir_str encoded);

/* Avro specification 1.11, "Binary Encoding": zig-zag, then seven bits a byte, the lowest first. */
static inline uint8_t *weir_put_varint(uint8_t *at, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);

    while (rest >= 0x80) {
        *at++ = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    *at++ = (uint8_t)rest;
    return at;
}

#define WEIR_ROOM(batch, size) ((size_t)((batch)->end - (batch)->at) >= (size_t)(size))

static inline void weir_put_null(weir_batch *batch)
{
    if (!WEIR_ROOM(batch, 1)) /* writes nothing, but is checked */
        weir_put_null_slow(batch);
}

static inline void weir_put_boolean(weir_batch *batch, bool value)
{
    if (WEIR_ROOM(batch, 1))
        *batch->at++ = value;
    else
        weir_put_boolean_slow(batch, value);
}

static inline void weir_put_int(weir_batch *batch, int32_t value)
{
    if (WEIR_ROOM(batch, 5))
        batch->at = weir_put_varint(batch->at, value);
    else
        weir_put_int_slow(batch, value);
}

static inline void weir_put_long(weir_batch *batch, int64_t value)
{
    if (WEIR_ROOM(batch, 10))
        batch->at = weir_put_varint(batch->at, value);
    else
        weir_put_long_slow(batch, value);
}

static inline void weir_put_float(weir_batch *batch, float value)
{
    if (!WEIR_ROOM(batch, 4)) {
        weir_put_float_slow(batch, value);
        return;
    }
    memcpy(batch->at, &value, 4); /* little-endian machines only; base checks that at build time */
    batch->at += 4;
}

static inline void weir_put_double(weir_batch *batch, double value)
{
    if (!WEIR_ROOM(batch, 8)) {
        weir_put_double_slow(batch, value);
        return;
    }
    memcpy(batch->at, &value, 8);
    batch->at += 8;
}

/* As memcpy. Most texts are short: two moves that overlap are done before the call would have begun. */
static inline void weir_copy(uint8_t *to, const char *from, size_t size)
{
    if (size > 32) {
        memcpy(to, from, size);
    } else if (size >= 16) {
        memcpy(to, from, 16);
        memcpy(to + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else {
        for (size_t i = 0; i < size; i++)
            to[i] = (uint8_t)from[i];
    }
}

/* Bytes and strings: a length, then the content. A string is UTF-8; that is the caller's promise. */
static inline void weir_put_bytes(weir_batch *batch, weir_str value)
{
    if (!WEIR_ROOM(batch, 10 + value.len)) {
        weir_put_bytes_slow(batch, value);
        return;
    }
    batch->at = weir_put_varint(batch->at, (int64_t)value.len);
    weir_copy(batch->at, value.ptr, value.len);
    batch->at += value.len;
}

static inline void weir_put_text(weir_batch *batch, weir_str value)
{
    weir_put_bytes(batch, value);
}

static inline void weir_put_fixed(weir_batch *batch, weir_str value)
{
    weir_put_fixed_slow(batch, value);
}

static inline void weir_put_enum(weir_batch *batch, int32_t symbol)
{
    if (WEIR_ROOM(batch, 5))
        batch->at = weir_put_varint(batch->at, symbol);
    else
        weir_put_enum_slow(batch, symbol);
}

/* The branch of a union; what it holds is put next. */
static inline void weir_put_branch(weir_batch *batch, int32_t branch)
{
    if (WEIR_ROOM(batch, 5))
        batch->at = weir_put_varint(batch->at, branch);
    else
        weir_put_branch_slow(batch, branch);
}

/* A block of count items of an array, or entries (text key, then value) of a map. A block of 0 ends
 * the array or map and is always written. */
static inline void weir_put_block(weir_batch *batch, int64_t count)
{
    if (WEIR_ROOM(batch, 10))
        batch->at = weir_put_varint(batch->at, count);
    else
        weir_put_block_slow(batch, count);
}

/* A value that is Avro bytes of the schema expected here already: a prepared part of a record. */
static inline void weir_put_raw(weir_batch *batch, weir_str encoded)
{
    if (!WEIR_ROOM(batch, encoded.len + 1)) {
        weir_put_raw_slow(batch, encoded);
        return;
    }
    if (encoded.len > 0)
        memcpy(batch->at, encoded.ptr, encoded.len);
    batch->at += encoded.len;
}

/* Where this source partition would resume after the records written so far. Both are small JSON
 * objects; an empty offset removes the partition. Takes effect with the next checkpoint. */
WEIR_API void weir_offset(weir_batch *batch, weir_str partition, const char *offset_fmt, ...)
    WEIR_PRINTF(3, 4);

/* A commit point: all records and all offsets since the last one become durable together, or not
 * at all. May stand alone, without records. Without one, a unit may span batches,
 * up to 1 GiB. */
WEIR_API void weir_checkpoint(weir_batch *batch);

/* --- Reading, for sinks --------------------------------------------------------------------- */

/* A view into the batch, valid as long as the batch is. */
typedef struct weir_record {
    weir_str topic; /* the destination's name for it, after transforms */
    weir_str key;   /* Avro bytes when key_schema is set, else as they are; ptr NULL: no key */
    weir_str value; /* likewise; ptr NULL: a tombstone */
    const weir_schema *key_schema;
    const weir_schema *value_schema;
    int64_t timestamp_ms;
    weir_str log_topic; /* where it was read: flush, ledgers and versions use these three */
    int32_t log_partition;
    int64_t log_offset;
    uint32_t index; /* its place in the batch; weir_record_next starts from 0 */
    uint32_t header_count;
    const uint64_t *unsent; /* bit i: column i of the value's plan was not sent; NULL: all were */
} weir_record;

/* Steps to the next record: `weir_record r = {0}; while (weir_record_next(batch, &r)) ...` */
WEIR_API bool weir_record_next(const weir_batch *batch, weir_record *record);

typedef struct weir_header {
    weir_str name;
    weir_str value; /* ptr NULL: a header without a value */
} weir_header;

/* The header at a place below header_count. */
WEIR_API weir_header weir_record_header_at(const weir_batch *batch, const weir_record *record,
                                           uint32_t index);
/* The last header of a name; its ptr is NULL when there is none. */
WEIR_API weir_str weir_record_header_find(const weir_batch *batch, const weir_record *record,
                                          weir_str name);

static inline bool weir_record_is_unsent(const weir_record *record, int column)
{
    return record->unsent != NULL && (record->unsent[column / 64] >> (column % 64) & 1) != 0;
}

/* Decodes the record's value: as weir_plan_decode, with WEIR_SLOT_UNSENT for what was not sent. The
 * value has a schema and is no tombstone. */
WEIR_API WEIR_MUST_CHECK weir_code weir_record_decode(const weir_record *record, weir_slot *slots,
                                                      weir_error *err);

#ifdef __cplusplus
}
#endif

#endif
