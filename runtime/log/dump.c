/* dump.c - shows the records of a topic, keys and values decoded by their schemas. */
#include "runtime/base/reader.h"
#include "runtime/log/store_read.h"
#include "runtime/log/verify.h"
#include "runtime/wire/record_batch.h"

#include <inttypes.h>
#include <jansson.h>

enum { READ_BYTES = 1 << 20, MAX_BATCH_BYTES = 1 << 30, FRAME_BYTES = 5 };

typedef struct dumper {
    const dump_options *options;
    int32_t partition;
    int64_t left; /* records, -1: no limit */
    bool has_ended;
    weir_buf bytes, scratch, out;
} dumper;

/* --- Lines ---------------------------------------------------------------------------------- */

/* Bytes without a schema. */
static void add_plain(weir_buf *out, weir_str bytes)
{
    json_t *value = json_loadb(bytes.ptr, bytes.len, JSON_ALLOW_NUL, NULL);
    json_t *text = value == NULL ? json_stringn(bytes.ptr, bytes.len) : NULL;

    if (value != NULL) {
        weir_buf_add_str(out, bytes);
    } else if (text != NULL) { /* it is UTF-8 */
        weir_buf_add_json(out, bytes);
    } else {
        weir_buf_add_str(out, WEIR_STR("{\"hex\":\""));
        for (size_t i = 0; i < bytes.len; i++)
            weir_buf_printf(out, "%02x", (unsigned)(unsigned char)bytes.ptr[i]);
        weir_buf_add_str(out, WEIR_STR("\"}"));
    }
    json_decref(value);
    json_decref(text);
}

static bool add_decoded(dumper *self, weir_str data)
{
    reader in = reader_of(data);
    size_t start = self->out.len;
    int32_t id;

    if (self->options->decode == NULL || data.len < FRAME_BYTES || reader_u8(&in) != 0)
        return false;
    id = (int32_t)reader_be32(&in);
    data = (weir_str){data.ptr + FRAME_BYTES, data.len - FRAME_BYTES};
    if (self->options->decode(self->options->context, id, data, &self->out))
        return true;
    self->out.len = start;
    return false;
}

/* A key or value as JSON. */
static void add_data(dumper *self, weir_str data)
{
    if (data.ptr == NULL)
        weir_buf_add_str(&self->out, WEIR_STR("null"));
    else if (!add_decoded(self, data))
        add_plain(&self->out, data);
}

static void add_headers(dumper *self, weir_str encoded)
{
    weir_header header;
    bool first = true;

    while (record_header_next(&encoded, &header)) {
        weir_buf_add_str(&self->out, first ? WEIR_STR("{\"key\":") : WEIR_STR(",{\"key\":"));
        weir_buf_add_json(&self->out, header.name);
        weir_buf_add_str(&self->out, WEIR_STR(",\"value\":"));
        if (header.value.ptr == NULL)
            weir_buf_add_str(&self->out, WEIR_STR("null"));
        else
            add_plain(&self->out, header.value);
        weir_buf_add_byte(&self->out, '}');
        first = false;
    }
}

static void add_json_line(dumper *self, const record_view *record)
{
    weir_buf_add_str(&self->out, WEIR_STR("{\"topic\":"));
    weir_buf_add_json(&self->out, self->options->topic);
    weir_buf_printf(&self->out,
                    ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64
                    ",\"headers\":[",
                    self->partition, record->offset, record->timestamp_ms);
    add_headers(self, record->headers);
    weir_buf_add_str(&self->out, WEIR_STR("],\"key\":"));
    add_data(self, record->key);
    weir_buf_add_str(&self->out, WEIR_STR(",\"value\":"));
    add_data(self, record->value);
    weir_buf_add_byte(&self->out, '}');
}

static void add_text_line(dumper *self, const record_view *record)
{
    weir_buf_printf(&self->out, "%" PRId32 " %" PRId64 " %" PRId64 "\t", self->partition,
                    record->offset, record->timestamp_ms);
    add_data(self, record->key);
    weir_buf_add_byte(&self->out, '\t');
    add_data(self, record->value);
}

/* WEIR_END: there were enough. */
static weir_code show(dumper *self, const record_view *record)
{
    if (record->offset < self->options->from)
        return WEIR_OK;
    if (self->left == 0)
        return WEIR_END;
    if (self->left > 0)
        self->left--;
    weir_buf_clear(&self->out);
    if (self->options->json)
        add_json_line(self, record);
    else
        add_text_line(self, record);
    self->has_ended = !self->options->line(self->options->context, weir_buf_str(&self->out));
    return WEIR_OK;
}

/* --- Reading a partition -------------------------------------------------------------------- */

static weir_code walk_batch(dumper *self, weir_str batch, weir_error *err)
{
    record_iterator records;
    record_view record;
    weir_code code = record_iterator_begin(&records, batch, &self->scratch, MAX_BATCH_BYTES, err);

    if (code == WEIR_OK && records.info.is_control)
        return WEIR_OK;
    while (code == WEIR_OK && !self->has_ended &&
           (code = record_iterator_next(&records, &record, err)) == WEIR_OK)
        code = show(self, &record);
    return code == WEIR_END ? WEIR_OK : code;
}

static weir_code walk(dumper *self, store_partition *partition, int64_t from, weir_error *err)
{
    store_cursor cursor = {0};
    int64_t start = store_start_offset(partition), end = store_end_offset(partition);
    int64_t at = from > start ? from : start;

    while (at < end && !self->has_ended && self->left != 0) {
        weir_str rest;

        weir_buf_clear(&self->bytes);
        if (store_read(partition, at, READ_BYTES, &cursor, &self->bytes, err) != WEIR_OK)
            return err->code;
        if (self->bytes.len == 0)
            return WEIR_OK;
        for (rest = weir_buf_str(&self->bytes); rest.len > 0 && !self->has_ended;) {
            record_batch_info info;

            if (record_batch_peek(rest, &info, err) != WEIR_OK ||
                walk_batch(self, (weir_str){rest.ptr, info.size_bytes}, err) != WEIR_OK)
                return err->code;
            at = info.last_offset + 1;
            rest.ptr += info.size_bytes;
            rest.len -= info.size_bytes;
        }
    }
    return WEIR_OK;
}

static weir_code dump_all(dumper *self, store_topic *topic, weir_error *err)
{
    const log_topic *info = store_topic_info(topic);

    for (int32_t i = 0; i < info->config.partitions && !self->has_ended; i++) {
        if (self->options->partition >= 0 && self->options->partition != i)
            continue;
        self->partition = i;
        self->left = self->options->count;
        if (walk(self, store_partition_at(topic, i), self->options->from, err) != WEIR_OK)
            return weir_wrap(err, "topic %.*s partition %" PRId32, WEIR_ARG(info->name), i);
    }
    return WEIR_OK;
}

weir_code dump_topic(store *from, const dump_options *options, weir_error *err)
{
    dumper self = {.options = options};
    store_topic *topic = store_topic_find(from, options->topic);
    weir_code code;

    if (topic == NULL)
        return weir_fail(err, WEIR_CONFIG, "there is no topic \"%.*s\"", WEIR_ARG(options->topic));
    if (options->partition >= store_topic_info(topic)->config.partitions)
        return weir_fail(err, WEIR_CONFIG, "topic \"%.*s\" has no partition %" PRId32,
                         WEIR_ARG(options->topic), options->partition);
    code = dump_all(&self, topic, err);
    weir_buf_done(&self.bytes);
    weir_buf_done(&self.scratch);
    weir_buf_done(&self.out);
    return code;
}
