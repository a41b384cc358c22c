/* record_batch.c - building and reading Kafka's RecordBatch v2. */
#include "runtime/wire/record_batch.h"

#include "runtime/base/reader.h"
#include "runtime/wire/compress.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Where the fields of a batch's header stand. */
enum {
    AT_BASE_OFFSET = 0,
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21, /* the CRC covers everything from here */
    AT_LAST_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_RECORD_COUNT = 57,
    MAGIC = 2,
    LENGTH_OVERHEAD = 12, /* what batchLength does not count */
};

enum {
    ATTRIBUTE_COMPRESSION = 7,
    ATTRIBUTE_APPEND_TIME = 8,
    ATTRIBUTE_TRANSACTION = 16,
    ATTRIBUTE_CONTROL = 32
};

static void put_be(void *bytes, size_t at, size_t size, uint64_t value)
{
    uint8_t *out = (uint8_t *)bytes + at;

    for (size_t i = size; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
}

void record_batch_begin(record_batch_builder *builder, weir_buf *out)
{
    *builder = (record_batch_builder){.out = out, .start = out->len};
    weir_buf_reserve(out, RECORD_BATCH_HEADER_BYTES);
    out->len += RECORD_BATCH_HEADER_BYTES;
}

/* Bytes of a zig-zag varint. */
static size_t varint_size(int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);

    return rest == 0 ? 1 : (70 - (size_t)__builtin_clzll(rest)) / 7;
}

static int64_t joined_size(weir_str prefix, weir_str content)
{
    if (prefix.ptr == NULL && content.ptr == NULL)
        return -1;
    return (int64_t)(prefix.len + content.len);
}

static size_t field_size(int64_t size)
{
    return varint_size(size) + (size > 0 ? (size_t)size : 0);
}

static size_t headers_size(const record_fields *record)
{
    size_t size = varint_size((int64_t)record->coded_count + record->header_count) +
                  record->coded_headers.len;

    for (uint32_t i = 0; i < record->header_count; i++) {
        const weir_header *header = &record->headers[i];

        size += field_size((int64_t)header->name.len) +
                field_size(header->value.ptr != NULL ? (int64_t)header->value.len : -1);
    }
    return size;
}

static uint8_t *put_bytes(uint8_t *at, weir_str bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

static uint8_t *put_headers(uint8_t *at, const record_fields *record)
{
    at = weir_put_varint(at, (int64_t)record->coded_count + record->header_count);
    at = put_bytes(at, record->coded_headers);
    for (uint32_t i = 0; i < record->header_count; i++) {
        const weir_header *header = &record->headers[i];

        at = weir_put_varint(at, (int64_t)header->name.len);
        at = put_bytes(at, header->name);
        at = weir_put_varint(at, header->value.ptr != NULL ? (int64_t)header->value.len : -1);
        at = put_bytes(at, header->value);
    }
    return at;
}

void record_batch_add(record_batch_builder *builder, const record_fields *record)
{
    int64_t key = joined_size(record->key_prefix, record->key);
    int64_t value = joined_size(record->value_prefix, record->value);
    int64_t delta;
    size_t size;
    uint8_t *at;

    if (builder->record_count == 0)
        builder->base_timestamp_ms = builder->max_timestamp_ms = record->timestamp_ms;
    if (record->timestamp_ms > builder->max_timestamp_ms)
        builder->max_timestamp_ms = record->timestamp_ms;
    delta = record->timestamp_ms - builder->base_timestamp_ms;
    size = 1 + varint_size(delta) + varint_size(builder->record_count) + field_size(key) +
           field_size(value) + headers_size(record);
    at = (uint8_t *)weir_buf_reserve(builder->out, size + varint_size((int64_t)size));
    at = weir_put_varint(at, (int64_t)size);
    *at++ = 0; /* attributes: none are defined */
    at = weir_put_varint(at, delta);
    at = weir_put_varint(at, builder->record_count++);
    at = weir_put_varint(at, key);
    at = put_bytes(put_bytes(at, record->key_prefix), record->key);
    at = weir_put_varint(at, value);
    at = put_bytes(put_bytes(at, record->value_prefix), record->value);
    at = put_headers(at, record);
    builder->out->len = (size_t)(at - (uint8_t *)builder->out->ptr);
}

size_t record_batch_bytes(const record_batch_builder *builder)
{
    return builder->out->len - builder->start;
}

static void seal(void *batch, size_t size)
{
    put_be(batch, AT_CRC, 4,
           crc32c(0, (const uint8_t *)batch + AT_ATTRIBUTES, size - AT_ATTRIBUTES));
}

weir_code record_batch_end(record_batch_builder *builder, record_compression compression,
                           weir_buf *scratch, weir_error *err)
{
    weir_buf *out = builder->out;
    size_t first = builder->start + RECORD_BATCH_HEADER_BYTES;
    uint8_t *batch;

    assert(builder->record_count > 0);
    if (compression != RECORD_NONE) {
        weir_str records = {out->ptr + first, out->len - first};

        weir_buf_clear(scratch);
        if (compress_bytes(compression, records, scratch, err) != WEIR_OK)
            return err->code;
        out->len = first;
        weir_buf_add(out, scratch->ptr, scratch->len);
    }
    batch = (uint8_t *)out->ptr + builder->start;
    memset(batch, 0, RECORD_BATCH_HEADER_BYTES);
    put_be(batch, AT_LENGTH, 4, record_batch_bytes(builder) - LENGTH_OVERHEAD);
    batch[AT_MAGIC] = MAGIC;
    put_be(batch, AT_ATTRIBUTES, 2, compression);
    put_be(batch, AT_LAST_DELTA, 4, (uint64_t)builder->record_count - 1);
    put_be(batch, AT_BASE_TIMESTAMP, 8, (uint64_t)builder->base_timestamp_ms);
    put_be(batch, AT_MAX_TIMESTAMP, 8, (uint64_t)builder->max_timestamp_ms);
    put_be(batch, AT_PRODUCER_ID, 8, UINT64_MAX); /* none */
    put_be(batch, AT_PRODUCER_EPOCH, 2, UINT16_MAX);
    put_be(batch, AT_BASE_SEQUENCE, 4, UINT32_MAX);
    put_be(batch, AT_RECORD_COUNT, 4, (uint64_t)builder->record_count);
    seal(batch, record_batch_bytes(builder));
    return WEIR_OK;
}

void record_batch_set_base_offset(void *batch, int64_t base_offset)
{
    put_be(batch, AT_BASE_OFFSET, 8, (uint64_t)base_offset);
}

void record_batch_set_producer(void *batch, int64_t producer_id, int16_t epoch, int32_t sequence)
{
    reader length = reader_of((weir_str){(const char *)batch + AT_LENGTH, 4});

    put_be(batch, AT_PRODUCER_ID, 8, (uint64_t)producer_id);
    put_be(batch, AT_PRODUCER_EPOCH, 2, (uint64_t)epoch);
    put_be(batch, AT_BASE_SEQUENCE, 4, (uint64_t)sequence);
    seal(batch, reader_be32(&length) + (size_t)LENGTH_OVERHEAD);
}

/* --- Reading -------------------------------------------------------------------------------- */

static void read_fields(reader *in, record_batch_info *info)
{
    uint16_t attributes = reader_be16(in);
    int64_t last_delta = (int32_t)reader_be32(in);

    info->compression = attributes & ATTRIBUTE_COMPRESSION;
    info->is_append_time = (attributes & ATTRIBUTE_APPEND_TIME) != 0;
    info->is_transactional = (attributes & ATTRIBUTE_TRANSACTION) != 0;
    info->is_control = (attributes & ATTRIBUTE_CONTROL) != 0;
    info->last_offset = info->base_offset + last_delta;
    info->base_timestamp_ms = (int64_t)reader_be64(in);
    info->max_timestamp_ms = (int64_t)reader_be64(in);
    info->producer_id = (int64_t)reader_be64(in);
    info->producer_epoch = (int16_t)reader_be16(in);
    info->base_sequence = (int32_t)reader_be32(in);
    info->record_count = (int32_t)reader_be32(in);
}

weir_code record_batch_peek(weir_str bytes, record_batch_info *info, weir_error *err)
{
    reader in = reader_of(bytes);
    int32_t length;
    uint8_t magic;

    *info = (record_batch_info){0};
    info->base_offset = (int64_t)reader_be64(&in);
    length = (int32_t)reader_be32(&in);
    if (in.failed)
        return weir_fail(err, WEIR_END, "the bytes end in a batch's header");
    if (length < RECORD_BATCH_HEADER_BYTES - LENGTH_OVERHEAD || info->base_offset < 0 ||
        info->base_offset > INT64_MAX - INT32_MAX)
        return weir_fail(err, WEIR_REJECT,
                         "no record batch: its length is %" PRId32 ", its offset %" PRId64, length,
                         info->base_offset);
    info->size_bytes = (size_t)length + LENGTH_OVERHEAD;
    if (bytes.len < RECORD_BATCH_HEADER_BYTES)
        return weir_fail(err, WEIR_END, "the bytes end in a batch's header");
    info->leader_epoch = (int32_t)reader_be32(&in);
    magic = reader_u8(&in);
    if (magic != MAGIC)
        return weir_fail(err, WEIR_REJECT, "a record batch of format %d; only %d is known", magic,
                         MAGIC);
    (void)reader_be32(&in); /* the CRC */
    read_fields(&in, info);
    if (info->record_count < 0 || info->last_offset < info->base_offset ||
        info->compression > RECORD_ZSTD)
        return weir_fail(err, WEIR_REJECT,
                         "a record batch with %" PRId32 " records, offsets %" PRId64 " to %" PRId64
                         " and compression %d",
                         info->record_count, info->base_offset, info->last_offset,
                         (int)info->compression);
    if (bytes.len < info->size_bytes)
        return weir_fail(err, WEIR_END, "the bytes end inside a batch");
    return WEIR_OK;
}

weir_code record_batch_check(weir_str batch, weir_error *err)
{
    reader in = reader_of(batch);
    uint32_t stored, computed;

    if (batch.len < RECORD_BATCH_HEADER_BYTES)
        return weir_fail(err, WEIR_REJECT, "a record batch of only %zu bytes", batch.len);
    (void)reader_bytes(&in, AT_CRC);
    stored = reader_be32(&in);
    computed = crc32c(0, in.at, reader_left(&in));
    if (stored != computed)
        return weir_fail(err, WEIR_REJECT,
                         "the record batch is damaged: its CRC is %08" PRIx32
                         ", that of its bytes %08" PRIx32,
                         stored, computed);
    return WEIR_OK;
}

weir_code record_iterator_begin(record_iterator *records, weir_str batch, weir_buf *scratch,
                                size_t max_bytes, weir_error *err)
{
    weir_str body;

    if (record_batch_peek(batch, &records->info, err) != WEIR_OK)
        return err->code == WEIR_END ? weir_fail(err, WEIR_REJECT, "a record batch that is cut off")
                                     : err->code;
    body = (weir_str){batch.ptr + RECORD_BATCH_HEADER_BYTES,
                      records->info.size_bytes - RECORD_BATCH_HEADER_BYTES};
    if (records->info.compression != RECORD_NONE) {
        weir_buf_clear(scratch);
        if (decompress_bytes(records->info.compression, body, scratch, max_bytes, err) != WEIR_OK)
            return err->code;
        body = weir_buf_str(scratch);
    }
    records->at = (const uint8_t *)body.ptr;
    records->end = records->at + body.len;
    records->left = records->info.record_count;
    return WEIR_OK;
}

static weir_str nullable_bytes(reader *in)
{
    int64_t size = reader_varint(in);

    if (size < 0)
        return (weir_str){0};
    return reader_bytes(in, (size_t)size);
}

weir_code record_iterator_next(record_iterator *records, record_view *record, weir_error *err)
{
    reader in = {.at = records->at, .end = records->end};
    int64_t size, header_count, timestamp_delta, offset_delta;

    if (records->left == 0)
        return in.at == in.end
                   ? WEIR_END
                   : weir_fail(err, WEIR_REJECT, "a record batch with %zu bytes too many",
                               reader_left(&in));
    size = reader_varint(&in);
    if (size < 0 || (uint64_t)size > reader_left(&in))
        return weir_fail(err, WEIR_REJECT, "a record that is longer than its batch");
    records->at = in.at + size;
    in.end = records->at;
    (void)reader_u8(&in); /* attributes */
    timestamp_delta = reader_varint(&in);
    offset_delta = reader_varint(&in);
    record->key = nullable_bytes(&in);
    record->value = nullable_bytes(&in);
    header_count = reader_varint(&in);
    if (in.failed || header_count < 0 || (uint64_t)header_count > reader_left(&in) ||
        offset_delta < 0 || offset_delta > records->info.last_offset - records->info.base_offset ||
        __builtin_add_overflow(records->info.base_timestamp_ms, timestamp_delta,
                               &record->timestamp_ms))
        return weir_fail(err, WEIR_REJECT, "a record whose parts contradict its batch");
    record->offset = records->info.base_offset + offset_delta;
    if (records->info.is_append_time)
        record->timestamp_ms = records->info.max_timestamp_ms;
    record->header_count = (uint32_t)header_count;
    record->headers = (weir_str){(const char *)in.at, reader_left(&in)};
    records->left--;
    return WEIR_OK;
}

bool record_header_next(weir_str *headers, weir_header *header)
{
    reader in = reader_of(*headers);
    int64_t size;

    if (headers->len == 0)
        return false;
    size = reader_varint(&in);
    if (size < 0)
        return false;
    header->name = reader_bytes(&in, (size_t)size);
    header->value = nullable_bytes(&in);
    if (in.failed)
        return false;
    *headers = (weir_str){(const char *)in.at, reader_left(&in)};
    return true;
}
