/* batch.h - a batch from the inside: what the worker, the log and the test kit do with one.
 *
 * The arena is one block of memory: records' bytes grow from its front; the index of records, and the
 * tables of topics and schemas, are arrays beside it that hold offsets into the arena and numbers into
 * the tables, never pointers, except the schema table, which each process fills for itself.
 *
 * Between writer and reader nothing is copied: a transform changes an entry of the index (another topic,
 * a part of the value with another schema) or adds bytes at the arena's end.
 */
#ifndef SDK_SRC_BATCH_H
#define SDK_SRC_BATCH_H

#include "weir/batch.h"
#include "weir/buf.h"

#define BATCH_NULL UINT32_MAX /* a length that says: there is none */

/* Bytes in the arena. */
typedef struct batch_span {
    uint32_t at;
    uint32_t len; /* BATCH_NULL: none */
} batch_span;

/* One record of the index. */
typedef struct batch_entry {
    uint32_t topic;     /* into the topic table */
    uint32_t log_topic; /* into the topic table */
    int32_t partition;  /* -1: by key */
    int32_t log_partition;
    int64_t log_offset;
    int64_t timestamp_ms; /* -1: not set */
    batch_span key, value;
    batch_span
        headers; /* Kafka's encoding: varint name length, name, varint value length or -1, value */
    uint32_t header_count;
    uint32_t key_schema, value_schema; /* into the schema table; BATCH_NULL: none */
    uint32_t unsent; /* offset of the bitmap in the arena, 8-aligned; BATCH_NULL: none */
    uint32_t unsent_words;
    bool dropped; /* taken out by a transform or the error policy: readers step over it */
} batch_entry;

/* A unit's end, or an offset on its way to one. record_count: how many records stand before it. */
typedef struct batch_mark {
    uint32_t record_count;
    bool is_checkpoint;
    batch_span partition, offset; /* of an offset; len 0 of offset: removed */
} batch_mark;

/* A batch whose arena has capacity bytes. It grows only for a record that is larger than it, up to
 * 1 GiB, when it is empty. */
weir_batch *batch_new(size_t capacity);
void batch_free(weir_batch *batch);
void batch_freep(weir_batch **batch);

/* Empties it and keeps the memory; an arena that grew for one large record shrinks again. */
void batch_clear(weir_batch *batch);

/* Every put is checked against the schema (the default in debug builds). */
void batch_set_checked(weir_batch *batch, bool checked);

/* What whoever filled the batch has called in a wrong order, or left undone; NULL: nothing. What is in the batch may
 * lack something then. */
const char *batch_misuse(const weir_batch *batch);

uint32_t batch_count(const weir_batch *batch); /* of records, dropped ones included */
size_t batch_bytes(const weir_batch *batch);   /* used in the arena */
bool batch_is_full(const weir_batch *batch);
batch_entry *batch_at(weir_batch *batch, uint32_t index);
weir_str batch_bytes_of(const weir_batch *batch, batch_span span); /* ptr NULL for BATCH_NULL */
size_t batch_mark_count(const weir_batch *batch);
const batch_mark *batch_mark_at(const weir_batch *batch, size_t index);

/* Takes out everything behind the last checkpoint: records, offsets. */
void batch_cut_to_checkpoint(weir_batch *batch);

/* The number of a topic or schema in the table; adds it when it is not there. */
uint32_t batch_topic(weir_batch *batch, weir_str topic);
uint32_t batch_schema(weir_batch *batch, const weir_schema *schema);
weir_str batch_topic_name(const weir_batch *batch, uint32_t topic);
const weir_schema *batch_schema_at(const weir_batch *batch, uint32_t schema);

/* The last header of a name; false when there is none. */
bool batch_header_find(const weir_batch *batch, const batch_entry *entry, weir_str name,
                       weir_header *out);

/* Copies bytes to the arena's end; ptr NULL gives a span of BATCH_NULL. The index may be told to point there. The
 * arena grows when it must: this is for transforms and converters, which cannot stop half-way; pointers into
 * it go stale. WEIR_REJECT, and nothing changed, past 1 GiB. */
WEIR_MUST_CHECK weir_code batch_append(weir_batch *batch, weir_str bytes, batch_span *out,
                                       weir_error *err);
/* The same in two steps: room for size bytes at the arena's end, then how many of them were used. */
WEIR_MUST_CHECK weir_code batch_reserve(weir_batch *batch, size_t size, uint8_t **out,
                                        weir_error *err);
batch_span batch_take(weir_batch *batch, size_t used);
/* Gives the entry a bitmap of fields that were not sent, with all bits 0; out points to its words. */
WEIR_MUST_CHECK weir_code batch_add_unsent(weir_batch *batch, batch_entry *entry, size_t columns,
                                           uint64_t **out, weir_error *err);

/* For reading from the log: adds a record whose bytes are copied. False, and nothing changed, when it does
 * not fit and the batch is not empty. headers is in the encoding of batch_entry.headers. */
typedef struct batch_log_record {
    uint32_t topic; /* of this batch's table */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    weir_str key, value, headers;
    uint32_t header_count;
} batch_log_record;

WEIR_MUST_CHECK bool batch_add_log_record(weir_batch *batch, const batch_log_record *record);

#endif
