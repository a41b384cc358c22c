/* dump.c - shows the records of a topic, keys and values decoded by their schemas. */
#include "runtime/base/reader.h"
#include "runtime/log/store_read.h"
#include "runtime/log/verify.h"
#include "runtime/wire/record_batch.h"
#include "schema-registry/avro/avro.h"
#include "weir/map.h"

#include <inttypes.h>
#include <jansson.h>

enum { READ_BYTES = 1 << 20, MAX_BATCH_BYTES = 1 << 30, FRAME_BYTES = 5 };

typedef struct dumper {
    const dump_options *options;
    bool (*line)(void *, weir_str);
    void *context;
    weir_map *schemas; /* 4 bytes of id -> weir_schema */
    int32_t partition;
    int64_t left; /* records, -1: no limit */
    bool has_ended;
    weir_buf bytes, scratch, out, text;
} dumper;

/* --- Reading a partition -------------------------------------------------------------------- */

typedef weir_code visit_record(dumper *self, const record_view *record, weir_error *err);

static weir_code walk_batch(dumper *self, weir_str batch, visit_record *visit, weir_error *err)
{
    record_iterator records;
    record_view record;
    weir_code code = record_iterator_begin(&records, batch, &self->scratch, MAX_BATCH_BYTES, err);

    if (code == WEIR_OK && records.info.is_control)
        return WEIR_OK;
    while (code == WEIR_OK && !self->has_ended &&
           (code = record_iterator_next(&records, &record, err)) == WEIR_OK)
        code = visit(self, &record, err);
    return code == WEIR_END ? WEIR_OK : code;
}

static weir_code walk(dumper *self, store_partition *partition, int64_t from, visit_record *visit,
                      weir_error *err)
{
    store_cursor cursor = {0};
    int64_t start = store_start_offset(partition), end = store_end_offset(partition);
    int64_t at = from > start ? from : start;

    while (at < end && !self->has_ended) {
        weir_str rest;

        weir_buf_clear(&self->bytes);
        if (store_read(partition, at, READ_BYTES, &cursor, &self->bytes, err) != WEIR_OK)
            return err->code;
        if (self->bytes.len == 0)
            return WEIR_OK;
        for (rest = weir_buf_str(&self->bytes); rest.len > 0 && !self->has_ended;) {
            record_batch_info info;

            if (record_batch_peek(rest, &info, err) != WEIR_OK ||
                walk_batch(self, (weir_str){rest.ptr, info.size_bytes}, visit, err) != WEIR_OK)
                return err->code;
            at = info.last_offset + 1;
            rest.ptr += info.size_bytes;
            rest.len -= info.size_bytes;
        }
    }
    return WEIR_OK;
}

/* --- Schemas -------------------------------------------------------------------------------- */

/* A record of _schemas: {"subject", "version", "id", "schema"}. Others are of no interest here; what does
 * not parse leaves its values undecoded. */
static weir_code take_schema(dumper *self, const record_view *record, weir_error *err)
{
    json_t *root, *id, *text;
    weir_schema *schema = NULL;
    uint8_t key[4];

    (void)err;
    if (record->value.ptr == NULL)
        return WEIR_OK;
    root = json_loadb(record->value.ptr, record->value.len, 0, NULL);
    id = json_object_get(root, "id");
    text = json_object_get(root, "schema");
    if (json_is_integer(id) && json_is_string(text)) {
        weir_error ignored;

        schema =
            avro_parse((weir_str){json_string_value(text), json_string_length(text)}, &ignored);
    }
    if (schema != NULL) {
        uint32_t number = (uint32_t)json_integer_value(id);

        for (int i = 0; i < 4; i++)
            key[i] = (uint8_t)(number >> (24 - 8 * i));
        avro_schema_free(
            weir_map_put(self->schemas, (weir_str){(const char *)key, sizeof(key)}, schema));
    }
    json_decref(root);
    return WEIR_OK;
}

static weir_code load_schemas(dumper *self, store *from, weir_error *err)
{
    store_topic *topic = store_topic_find(from, WEIR_STR("_schemas"));

    self->schemas = weir_map_new();
    return topic != NULL ? walk(self, store_partition_at(topic, 0), 0, take_schema, err) : WEIR_OK;
}

static void free_schemas(dumper *self)
{
    size_t at = 0;
    void *schema;

    while (weir_map_next(self->schemas, &at, NULL, &schema))
        avro_schema_free(schema);
    weir_map_free(self->schemas);
}

/* --- Lines ---------------------------------------------------------------------------------- */

/* True when the bytes are UTF-8 without NULs (Unicode 15, table 3-7). */
static bool is_text(weir_str bytes)
{
    size_t i = 0;

    while (i < bytes.len) {
        uint8_t c = (uint8_t)bytes.ptr[i];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : 3;

        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || bytes.len - i <= more)
            return false;
        for (size_t n = 1; n <= more; n++) {
            uint8_t next = (uint8_t)bytes.ptr[i + n];
            bool first = n == 1;

            if ((next & 0xc0) != 0x80 || (first && c == 0xe0 && next < 0xa0) ||
                (first && c == 0xed && next > 0x9f) || (first && c == 0xf0 && next < 0x90) ||
                (first && c == 0xf4 && next > 0x8f))
                return false;
        }
        i += more + 1;
    }
    return true;
}

static void add_base64(weir_buf *out, weir_str bytes)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = 0;

        for (size_t n = 0; n < 3; n++)
            group = group << 8 | (n < have ? (uint8_t)bytes.ptr[i + n] : 0);
        for (size_t n = 0; n < 4; n++)
            weir_buf_add_byte(out, n <= have ? DIGITS[group >> (18 - 6 * n) & 63] : '=');
    }
}

/* A key or value as JSON. */
static void add_data(dumper *self, weir_str data)
{
    weir_schema *schema = NULL;
    weir_error err;

    if (data.ptr == NULL) {
        weir_buf_add_str(&self->out, WEIR_STR("null"));
        return;
    }
    if (data.len >= FRAME_BYTES && data.ptr[0] == 0)
        schema = weir_map_get(self->schemas, (weir_str){data.ptr + 1, FRAME_BYTES - 1});
    weir_buf_clear(&self->text);
    if (schema != NULL &&
        weir_value_json(schema, (weir_str){data.ptr + FRAME_BYTES, data.len - FRAME_BYTES},
                        &self->text, &err) == WEIR_OK) {
        weir_buf_add_str(&self->out, weir_buf_str(&self->text));
    } else if (is_text(data)) {
        weir_buf_add_json(&self->out, data);
    } else {
        weir_buf_add_str(&self->out, WEIR_STR("{\"base64\":\""));
        add_base64(&self->out, data);
        weir_buf_add_str(&self->out, WEIR_STR("\"}"));
    }
}

static void add_headers(dumper *self, weir_str encoded)
{
    weir_header header;
    bool first = true;

    while (record_header_next(&encoded, &header)) {
        weir_buf_add_str(&self->out, first ? WEIR_STR("{\"name\":") : WEIR_STR(",{\"name\":"));
        weir_buf_add_json(&self->out, header.name);
        weir_buf_add_str(&self->out, WEIR_STR(",\"value\":"));
        add_data(self, header.value);
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
    weir_buf_printf(&self->out, "%" PRId32 ":%" PRId64 " %" PRId64 " ", self->partition,
                    record->offset, record->timestamp_ms);
    add_data(self, record->key);
    weir_buf_add_byte(&self->out, ' ');
    add_data(self, record->value);
}

static weir_code show(dumper *self, const record_view *record, weir_error *err)
{
    (void)err;
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
    self->has_ended = !self->line(self->context, weir_buf_str(&self->out));
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
        if (walk(self, store_partition_at(topic, i), self->options->from, show, err) != WEIR_OK)
            return weir_wrap(err, "topic %.*s partition %" PRId32, WEIR_ARG(info->name), i);
    }
    return WEIR_OK;
}

weir_code dump_topic(store *from, const dump_options *options, bool (*line)(void *, weir_str),
                     void *context, weir_error *err)
{
    dumper self = {.options = options, .line = line, .context = context};
    store_topic *topic = store_topic_find(from, options->topic);
    weir_code code;

    if (topic == NULL)
        return weir_fail(err, WEIR_CONFIG, "there is no topic '%.*s'", WEIR_ARG(options->topic));
    if (options->partition >= store_topic_info(topic)->config.partitions)
        return weir_fail(err, WEIR_CONFIG, "topic '%.*s' has no partition %" PRId32,
                         WEIR_ARG(options->topic), options->partition);
    code = load_schemas(&self, from, err);
    if (code == WEIR_OK)
        code = dump_all(&self, topic, err);
    free_schemas(&self);
    weir_buf_done(&self.bytes);
    weir_buf_done(&self.scratch);
    weir_buf_done(&self.out);
    weir_buf_done(&self.text);
    return code;
}
