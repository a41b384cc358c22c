/* record_batch.h - Kafka's RecordBatch v2, the format of the log on disk and on the wire.
 *
 * Source: Apache Kafka documentation, "Message Format" (magic 2), and KIP-98 for control batches. Pure
 * functions over bytes; nothing here does I/O or knows a file.
 *
 *     baseOffset i64 · batchLength i32 · partitionLeaderEpoch i32 · magic i8 · crc u32 (CRC-32C of all
 *     behind it) · attributes i16 · lastOffsetDelta i32 · baseTimestamp i64 · maxTimestamp i64 ·
 *     producerId i64 · producerEpoch i16 · baseSequence i32 · recordCount i32 · records
 *
 * baseOffset and partitionLeaderEpoch lie in front of the CRC: whoever appends sets them without
 * touching the rest.
 */
#ifndef RUNTIME_WIRE_RECORD_BATCH_H
#define RUNTIME_WIRE_RECORD_BATCH_H

#include "weir/base.h"
#include "weir/batch.h"
#include "weir/buf.h"

enum {
    RECORD_BATCH_HEADER_BYTES = 61,
    RECORD_BATCH_LENGTH_AT = 8, /* of batchLength, which counts what lies behind it */
};

typedef enum record_compression {
    RECORD_NONE = 0,
    RECORD_GZIP = 1,
    RECORD_SNAPPY = 2,
    RECORD_LZ4 = 3,
    RECORD_ZSTD = 4,
} record_compression;

/* The fields of a header, in host order. */
typedef struct record_batch_info {
    int64_t base_offset;
    int64_t last_offset;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id; /* -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
    int32_t leader_epoch;
    size_t size_bytes; /* of the whole batch */
    record_compression compression;
    bool is_transactional;
    bool is_control;
    bool is_append_time; /* every record's timestamp is max_timestamp_ms */
} record_batch_info;

/* --- Building ------------------------------------------------------------------------------- */

/* Records are written straight into a buffer, behind a header that end fills in. `record_batch_builder
 * b = {0}` needs no done: the buffer belongs to the caller. One batch at a time. */
typedef struct record_batch_builder {
    weir_buf *out;
    size_t start; /* where the batch begins in out */
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int32_t record_count;
} record_batch_builder;

void record_batch_begin(record_batch_builder *builder, weir_buf *out);

/* A key or value is a prefix followed by content; both ptr NULL: null. */
typedef struct record_fields {
    int64_t timestamp_ms;
    weir_str key_prefix, key;
    weir_str value_prefix, value;
    weir_str coded_headers; /* as records have them, behind their count: they come before headers */
    uint32_t coded_count;
    const weir_header *headers;
    uint32_t header_count;
} record_fields;

void record_batch_add(record_batch_builder *builder, const record_fields *record);

/* Bytes so far, the header included, before compression. */
size_t record_batch_bytes(const record_batch_builder *builder);

/* Finishes the batch: compresses, sets lengths and the CRC; base offset 0, no producer. scratch is used
 * for compressing and may be shared by batches. */
WEIR_MUST_CHECK weir_code record_batch_end(record_batch_builder *builder,
                                           record_compression compression, weir_buf *scratch,
                                           weir_error *err);

/* Sets what lies in front of the CRC. */
void record_batch_set_base_offset(void *batch, int64_t base_offset);
/* Sets the producer's fields and computes the CRC again. */
void record_batch_set_producer(void *batch, int64_t producer_id, int16_t epoch, int32_t sequence);

/* --- Reading -------------------------------------------------------------------------------- */

/* Reads the header of the batch that bytes begin with. WEIR_END: bytes end before the batch does (size_bytes
 * is set when the length could be read, else 0). WEIR_REJECT: no v2 batch, or lengths that contradict
 * each other. The CRC is not looked at. */
WEIR_MUST_CHECK weir_code record_batch_peek(weir_str bytes, record_batch_info *info,
                                            weir_error *err);

/* Checks the CRC of a whole batch. */
WEIR_MUST_CHECK weir_code record_batch_check(weir_str batch, weir_error *err);

typedef struct record_view {
    int64_t offset;
    int64_t timestamp_ms;
    weir_str key;   /* ptr NULL: null */
    weir_str value; /* ptr NULL: null */
    uint32_t header_count;
    weir_str headers; /* encoded; read by record_header_next */
} record_view;

/* Steps through the records of a batch. Views point into the batch, or into scratch when it is
 * compressed. */
typedef struct record_iterator {
    record_batch_info info;
    const uint8_t *at, *end;
    int32_t left;
} record_iterator;

/* max_bytes bounds what decompression may make of the batch. */
WEIR_MUST_CHECK weir_code record_iterator_begin(record_iterator *records, weir_str batch,
                                                weir_buf *scratch, size_t max_bytes,
                                                weir_error *err);
/* WEIR_END after the last record; WEIR_REJECT when the bytes are not what they should be. */
WEIR_MUST_CHECK weir_code record_iterator_next(record_iterator *records, record_view *record,
                                               weir_error *err);
/* Takes one header off the front of an encoded list; false at its end or when it is malformed. */
bool record_header_next(weir_str *headers, weir_header *header);

/* CRC-32C (Castagnoli), by hardware where there is one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

/* Kafka's murmur2 with its seed, made positive and taken modulo the partitions: the partition that a Java
 * producer picks for this key. */
int32_t partition_of_key(weir_str key, int32_t partition_count);

#endif
