/* log.c - `weir log verify` and `weir log dump`: a data directory that no worker has open. */
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"
#include "runtime/log/embedded.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"
#include "schema-registry/store/schema_store.h"
#include "sdk/src/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, BATCH = 4 << 20 };

typedef struct arguments {
    char data[OPTIONS_TEXT];
    const char *action, *topic;
    bool json;
} arguments;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    arguments *args = state->input;

    switch (key) {
    case 'd':
        if (snprintf(args->data, sizeof(args->data), "%s", value) >= (int)sizeof(args->data))
            argp_error(state, "--data is longer than %d bytes", OPTIONS_TEXT - 1);
        return 0;
    case 't':
        args->topic = value;
        return 0;
    case 'j':
        args->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (args->action != NULL)
            argp_error(state, "verify or dump, and options");
        args->action = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- verify ---------------------------------------------------------------------------------- */

typedef struct tally {
    int64_t batches, records, damages;
} tally;

/* Every batch from the start to the end: store_read checks the CRCs. */
static weir_code read_all(store_partition *partition, tally *sums, weir_error *err)
{
    store_cursor cursor = {0};
    int64_t at = store_start_offset(partition), end = store_end_offset(partition);
    weir_buf bytes = {0};
    weir_code code = WEIR_OK;

    while (code == WEIR_OK && at < end) {
        weir_str left;

        weir_buf_clear(&bytes);
        code = store_read(partition, at, CHUNK, &cursor, &bytes, err);
        left = weir_buf_str(&bytes);
        if (code == WEIR_OK && left.len == 0)
            break; /* only removed offsets are left */
        while (code == WEIR_OK && left.len > 0) {
            record_batch_info info;

            code = record_batch_peek(left, &info, err);
            if (code != WEIR_OK)
                break;
            sums->batches++;
            sums->records += info.record_count;
            at = info.last_offset + 1;
            left = (weir_str){left.ptr + info.size_bytes, left.len - info.size_bytes};
        }
    }
    weir_buf_done(&bytes);
    return code;
}

static weir_code check_indexes(store_partition *partition, weir_error *err)
{
    store_segment_info segment;
    int64_t at = store_start_offset(partition);

    while (store_segment_at(partition, at, &segment)) {
        if (store_verify_segment(partition, segment.base_offset, err) != WEIR_OK)
            return err->code;
        if (segment.end_offset <= at)
            break;
        at = segment.end_offset;
    }
    return WEIR_OK;
}

static void verify_partition(const arguments *args, store_partition *partition, tally *sums)
{
    weir_str topic = store_topic_info(store_partition_topic(partition))->name;
    tally own = {0};
    weir_error err = {0};
    bool good =
        read_all(partition, &own, &err) == WEIR_OK && check_indexes(partition, &err) == WEIR_OK;

    sums->damages += !good;
    sums->batches += own.batches;
    sums->records += own.records;
    if (args->json) {
        json_t *line =
            json_pack("{s:s%, s:i, s:I, s:I, s:I, s:I, s:b, s:s?}", "topic", topic.ptr, topic.len,
                      "partition", store_partition_number(partition), "start_offset",
                      (json_int_t)store_start_offset(partition), "end_offset",
                      (json_int_t)store_end_offset(partition), "records", (json_int_t)own.records,
                      "bytes", (json_int_t)store_size_bytes(partition), "good", good, "error",
                      good ? NULL : err.message);

        (void)json_dumpf(line, stdout, JSON_COMPACT); /* as good as printf */
        putchar('\n');
        json_decref(line);
        return;
    }
    printf("%.*s-%d: %" PRId64 " records in %" PRId64 " batches, offsets %" PRId64 " to %" PRId64
           ", %" PRId64 " bytes: %s%s\n",
           WEIR_ARG(topic), store_partition_number(partition), own.records, own.batches,
           store_start_offset(partition), store_end_offset(partition), store_size_bytes(partition),
           good ? "good" : "DAMAGED: ", good ? "" : err.message);
}

static int verify(const arguments *args, log *opened)
{
    store *below = embedded_store(opened);
    tally sums = {0};
    weir_str after = {0};
    weir_error err;
    store_topic *topic;

    if (store_checkpoint_now(below, &err) != WEIR_OK) /* segments and indexes hold all, then */
        return cli_fail("log", "%s", err.message);
    while ((topic = store_topic_next(below, after)) != NULL) {
        const log_topic *info = store_topic_info(topic);

        after = info->name;
        if (args->topic != NULL && !weir_str_eq(after, weir_cstr(args->topic)))
            continue;
        for (int32_t p = 0; p < info->config.partitions; p++)
            if (store_partition_at(topic, p) != NULL)
                verify_partition(args, store_partition_at(topic, p), &sums);
    }
    if (!args->json)
        printf("%" PRId64 " records in %" PRId64 " batches, %" PRId64 " partitions damaged\n",
               sums.records, sums.batches, sums.damages);
    return sums.damages == 0 ? CLI_OK : CLI_FAILED;
}

/* --- dump ------------------------------------------------------------------------------------ */

/* Bytes without a schema: JSON as it is, a text as a text, anything else in hexadecimal. */
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

/* By the schema whose id is in front of it, if it is framed so and the schema is known. */
static void add_decoded(weir_buf *out, schema_store *schemas, weir_str bytes)
{
    size_t start = out->len;
    const weir_schema *schema;
    weir_error err;

    if (bytes.ptr == NULL) {
        weir_buf_add_str(out, WEIR_STR("null"));
        return;
    }
    if (bytes.len >= 5 && bytes.ptr[0] == '\0') {
        const unsigned char *id = (const unsigned char *)bytes.ptr + 1;
        uint32_t number =
            (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | (uint32_t)id[3];

        if (schema_store_get(schemas, (int32_t)number, &schema, &err) == WEIR_OK &&
            weir_value_json(schema, (weir_str){bytes.ptr + 5, bytes.len - 5}, out, &err) == WEIR_OK)
            return;
        out->len = start;
    }
    add_plain(out, bytes);
}

static void add_headers(weir_buf *out, const weir_batch *batch, const weir_record *record)
{
    weir_buf_add_byte(out, '[');
    for (uint32_t i = 0; i < record->header_count; i++) {
        weir_header header = weir_record_header_at(batch, record, i);

        weir_buf_add_str(out, i > 0 ? WEIR_STR(",{\"key\":") : WEIR_STR("{\"key\":"));
        weir_buf_add_json(out, header.name);
        weir_buf_add_str(out, WEIR_STR(",\"value\":"));
        if (header.value.ptr == NULL)
            weir_buf_add_str(out, WEIR_STR("null"));
        else
            add_plain(out, header.value);
        weir_buf_add_byte(out, '}');
    }
    weir_buf_add_byte(out, ']');
}

static void print_record(const arguments *args, schema_store *schemas, const weir_batch *batch,
                         const weir_record *record)
{
    weir_buf line = {0};

    if (args->json) {
        weir_buf_add_str(&line, WEIR_STR("{\"topic\":"));
        weir_buf_add_json(&line, record->log_topic);
        weir_buf_printf(&line,
                        ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64
                        ",\"headers\":",
                        record->log_partition, record->log_offset, record->timestamp_ms);
        add_headers(&line, batch, record);
        weir_buf_add_str(&line, WEIR_STR(",\"key\":"));
    } else {
        weir_buf_printf(&line, "%" PRId32 " %" PRId64 " %" PRId64 "\t", record->log_partition,
                        record->log_offset, record->timestamp_ms);
    }
    add_decoded(&line, schemas, record->key);
    weir_buf_add_str(&line, args->json ? WEIR_STR(",\"value\":") : WEIR_STR("\t"));
    add_decoded(&line, schemas, record->value);
    weir_buf_add_str(&line, args->json ? WEIR_STR("}\n") : WEIR_STR("\n"));
    (void)fwrite(line.ptr, 1, line.len, stdout); /* looked at once, at the end */
    weir_buf_done(&line);
}

static weir_code dump_partition(const arguments *args, log *opened, schema_store *schemas,
                                int32_t partition, weir_error *err)
{
    weir_str topic = weir_cstr(args->topic);
    weir_batch *batch = batch_new(BATCH);
    log_reader *reader = NULL;
    int64_t start = 0, end = 0;
    weir_code code = log_offset_of(opened, topic, partition, LOG_EARLIEST, &start, err);

    if (code == WEIR_OK)
        code = log_offset_of(opened, topic, partition, LOG_LATEST, &end, err);
    if (code == WEIR_OK)
        code = log_reader_open(opened, &reader, err);
    if (code == WEIR_OK)
        code = log_reader_assign(reader, topic, partition, start, err);
    while (code == WEIR_OK && log_reader_position(reader, topic, partition) < end) {
        int64_t before = log_reader_position(reader, topic, partition);
        weir_record record = {0};

        batch_clear(batch);
        code = log_read(reader, batch, 0, err);
        while (code == WEIR_OK && weir_record_next(batch, &record))
            print_record(args, schemas, batch, &record);
        if (batch_count(batch) == 0 && log_reader_position(reader, topic, partition) == before)
            break; /* only removed offsets are left */
    }
    if (reader != NULL)
        log_reader_close(reader);
    batch_free(batch);
    return code;
}

static int dump(const arguments *args, log *opened)
{
    schema_store *schemas = NULL;
    log_topic topic;
    weir_error err;
    weir_code code;

    if (!log_topic_find(opened, weir_cstr(args->topic), &topic))
        return cli_fail("log", "there is no topic \"%s\" in %s", args->topic, args->data);
    code = schema_store_open(opened, &schemas, &err);
    for (int32_t p = 0; code == WEIR_OK && p < topic.config.partitions; p++)
        code = dump_partition(args, opened, schemas, p, &err);
    if (schemas != NULL)
        schema_store_close(schemas);
    if (code != WEIR_OK)
        return cli_fail("log", "%s", err.message);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return cli_fail("log", "the output cannot be written: %s", strerror(errno));
    return CLI_OK;
}

/* --- Choosing -------------------------------------------------------------------------------- */

static int run(const arguments *args)
{
    char format[OPTIONS_TEXT + 16];
    log *opened = NULL;
    weir_error err;
    int result;

    snprintf(format, sizeof(format), "%s/format", args->data);
    if (access(format, F_OK) != 0) /* opening would make a new log there */
        return cli_fail("log", "%s: there is no log here: %s", args->data, strerror(errno));
    if (embedded_open(&(store_options){.path = args->data}, &opened, &err) != WEIR_OK)
        return cli_fail("log", "%s", err.message);
    result = strcmp(args->action, "verify") == 0 ? verify(args, opened) : dump(args, opened);
    embedded_close(opened);
    return result;
}

int cli_log(int argc, char **argv)
{
    static const struct argp_option flags[] = {
        {"data", 'd', "DIR", 0, "Where the log is (weir-data)", 0},
        {"topic", 't', "TOPIC", 0, "verify: this topic alone; dump: which topic", 0},
        {"json", 'j', NULL, 0, "One JSON object in each line", 0},
        {0},
    };
    static const struct argp parser = {
        flags,
        parse_option,
        "verify\ndump --topic TOPIC",
        "Checks every batch and index of a log, or prints the records of a topic, decoded by their "
        "schemas. No worker may have the directory open.",
        NULL,
        NULL,
        NULL};
    arguments args = {.data = "weir-data"};
    bool dumps;

    cli_parse(&parser, argc, argv, &args);
    dumps = args.action != NULL && strcmp(args.action, "dump") == 0;
    if (args.action == NULL || (!dumps && strcmp(args.action, "verify") != 0) ||
        (dumps && args.topic == NULL)) {
        fputs("usage: weir log verify | dump --topic TOPIC [--json] [--data DIR]\n", stderr);
        return CLI_USAGE;
    }
    return run(&args);
}
