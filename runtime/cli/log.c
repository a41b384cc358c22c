/* log.c - `weir log verify` and `weir log dump`: a data directory that no worker has open. */
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"
#include "runtime/log/embedded.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/verify.h"
#include "schema-registry/registry/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_TOPIC "there is no topic \"%s\" in %s"

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

static void print_json(const verify_partition *one)
{
    json_t *line = json_pack(
        "{s:s%, s:i, s:I, s:I, s:I, s:I, s:b, s:s?}", "topic", one->topic.ptr, one->topic.len,
        "partition", (int)one->partition, "start_offset", (json_int_t)one->start_offset,
        "end_offset", (json_int_t)one->end_offset, "records", (json_int_t)one->records, "bytes",
        (json_int_t)one->size_bytes, "good", one->problems == 0, "error", one->problem);

    (void)json_dumpf(line, stdout, JSON_COMPACT); /* as good as printf */
    putchar('\n');
    json_decref(line);
}

static void print_partition(void *context, const verify_partition *one)
{
    const arguments *args = context;

    if (args->json) {
        print_json(one);
        return;
    }
    printf("%.*s-%" PRId32 ": %" PRId64 " records in %" PRId64 " batches, offsets %" PRId64
           " to %" PRId64 ", %" PRId64 " bytes: ",
           WEIR_ARG(one->topic), one->partition, one->records, one->batches, one->start_offset,
           one->end_offset, one->size_bytes);
    if (one->problems == 0)
        printf("good\n");
    else
        printf("DAMAGED in %" PRId64 " segments: %s\n", one->problems, one->problem);
}

static int verify(arguments *args)
{
    verify_options wanted = {.partition = print_partition, .context = args};
    verify_result sums;
    store *opened;
    weir_error err;

    if (args->topic != NULL)
        wanted.topic = weir_cstr(args->topic);
    if (store_open(&(store_options){.path = args->data}, &opened, &err) != WEIR_OK)
        return cli_fail("log", "%s", err.message);
    if (store_checkpoint_now(opened, &err) != WEIR_OK) { /* segments and indexes hold all, then */
        store_close(opened);
        return cli_fail("log", "%s", err.message);
    }
    verify_log(opened, &wanted, &sums);
    store_close(opened);
    if (sums.topics == 0)
        return cli_fail("log", NO_TOPIC, args->topic, args->data);
    if (!args->json)
        printf("%" PRId64 " records in %" PRId64 " batches, %" PRId64 " partitions damaged\n",
               sums.records, sums.batches, sums.damaged_partitions);
    return sums.problems == 0 ? CLI_OK : CLI_FAILED;
}

/* --- dump ------------------------------------------------------------------------------------ */

static bool decode(void *context, int32_t schema_id, weir_str datum, weir_buf *out)
{
    const weir_schema *schema;
    weir_error err;

    return registry_avro_of(context, schema_id, &schema, &err) == WEIR_OK &&
           weir_value_json(schema, datum, out, &err) == WEIR_OK;
}

static bool print_line(void *context, weir_str line)
{
    (void)context;
    return fwrite(line.ptr, 1, line.len, stdout) == line.len && putchar('\n') != EOF;
}

static int dump(const arguments *args, log *opened)
{
    dump_options wanted = {.topic = weir_cstr(args->topic),
                           .partition = -1,
                           .count = -1,
                           .json = args->json,
                           .decode = decode,
                           .line = print_line};
    registry *schemas;
    log_topic topic;
    weir_error err;
    weir_code code;

    if (!log_topic_find(opened, weir_cstr(args->topic), &topic))
        return cli_fail("log", NO_TOPIC, args->topic, args->data);
    code = registry_open(opened, &REGISTRY_DEFAULTS, &schemas, &err);
    if (code == WEIR_OK) {
        wanted.context = schemas;
        code = dump_topic(embedded_store(opened), &wanted, &err);
        registry_close(schemas);
    }
    if (code != WEIR_OK)
        return cli_fail("log", "%s", err.message);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return cli_fail("log", "the output cannot be written: %s", strerror(errno));
    return CLI_OK;
}

static int open_and_dump(const arguments *args)
{
    log *opened;
    weir_error err;
    int result;

    if (embedded_open(&(store_options){.path = args->data}, &opened, &err) != WEIR_OK)
        return cli_fail("log", "%s", err.message);
    result = dump(args, opened);
    embedded_close(opened);
    return result;
}

/* --- Choosing -------------------------------------------------------------------------------- */

static int run(arguments *args)
{
    char format[OPTIONS_TEXT + 16];

    snprintf(format, sizeof(format), "%s/format", args->data);
    if (access(format, F_OK) != 0) /* opening would make a new log there */
        return cli_fail("log", "%s: there is no log here: %s", args->data, strerror(errno));
    return strcmp(args->action, "verify") == 0 ? verify(args) : open_and_dump(args);
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
