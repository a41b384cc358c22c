/* main.c - weir-kit: runs one connector from the command line, without a worker.
 *
 *     weir-kit source PLUGIN.so [--max RECORDS] NAME=VALUE ...   prints records and offsets, a JSON object each
 *     weir-kit check  PLUGIN.so [--sink] [NAME=VALUE ...]        prints what breaks the contract
 */
#include "sdk/kit/kit.h"

#include "runtime/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SETTINGS_MAX = 256, TIMEOUT_MS = 500 };

static void print_diag(void *context, weir_level level, weir_str text)
{
    (void)context;
    if (level != WEIR_DEBUG)
        fprintf(stderr, "%.*s\n", WEIR_ARG(text));
}

/* A key or value: as its schema says, or, without one, as a text. */
static weir_code add_json(weir_buf *out, const char *name, const weir_schema *schema,
                          weir_str bytes, weir_error *err)
{
    weir_buf_printf(out, ",\"%s\":", name);
    if (bytes.ptr == NULL)
        weir_buf_add_str(out, WEIR_STR("null"));
    else if (schema != NULL)
        return weir_value_json(schema, bytes, out, err);
    else
        weir_buf_add_json(out, bytes);
    return WEIR_OK;
}

static weir_code print_record(const weir_record *record, weir_buf *out, weir_error *err)
{
    weir_buf_clear(out);
    weir_buf_add_str(out, WEIR_STR("{\"topic\":"));
    weir_buf_add_json(out, record->topic);
    if (add_json(out, "key", record->key_schema, record->key, err) != WEIR_OK ||
        add_json(out, "value", record->value_schema, record->value, err) != WEIR_OK)
        return err->code;
    printf("%.*s}\n", WEIR_ARG(weir_buf_str(out)));
    return WEIR_OK;
}

static void print_marks(const weir_batch *batch)
{
    for (size_t i = 0; i < batch_mark_count(batch); i++) {
        const batch_mark *mark = batch_mark_at(batch, i);
        weir_str partition = batch_bytes_of(batch, mark->partition);
        weir_str offset = batch_bytes_of(batch, mark->offset);

        if (!mark->is_checkpoint && mark->offset.len > 0)
            printf("{\"partition\":%.*s,\"offset\":%.*s}\n", WEIR_ARG(partition), WEIR_ARG(offset));
    }
}

/* Polls until the source ends, or max records were printed. */
static weir_code run_source(kit *self, int64_t max, weir_error *err)
{
    weir_code code = kit_open(self, err);
    weir_buf line = {0};
    int64_t count = 0;

    while (code == WEIR_OK && count < max) {
        weir_record record = {0};
        weir_error failed = {0};
        weir_batch *batch;

        code = kit_poll(self, TIMEOUT_MS, &batch, err);
        for (; count < max && weir_record_next(batch, &record); count++)
            if (print_record(&record, &line, &failed) != WEIR_OK) {
                *err = failed;
                code = failed.code;
                break;
            }
        print_marks(batch);
        if (code == WEIR_OK || code == WEIR_END)
            code = kit_ack(self, err) == WEIR_OK ? code : err->code;
    }
    weir_buf_done(&line);
    return code == WEIR_END ? WEIR_OK : code;
}

static void print_finding(void *context, const char *message)
{
    ++*(size_t *)context;
    printf("%s\n", message);
}

/* A shared object may hold a source and a sink: one of them is run. */
static int run_check(plugins *loaded, bool is_sink, const config_setting *settings, size_t count)
{
    const plugin *one, *chosen = NULL;
    size_t findings = 0;

    for (size_t i = 0; (one = plugins_at(loaded, i)) != NULL; i++)
        if (chosen == NULL || (is_sink && one->kind == PLUGIN_SINK))
            chosen = one;
    kit_check(chosen, settings, count, print_finding, &findings);
    return findings > 0 ? 1 : 0;
}

static int fail(const weir_error *err)
{
    fprintf(stderr, "weir-kit: %s\n", err->message);
    return 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: weir-kit source PLUGIN.so [--max RECORDS] NAME=VALUE ...\n"
                    "       weir-kit check PLUGIN.so [--sink] [NAME=VALUE ...]\n");
    return 2;
}

/* NAME=VALUE, --max and --sink; false for anything else. */
static bool read_arguments(char **argv, config_setting *settings, size_t *count, int64_t *max,
                           bool *is_sink)
{
    for (; *argv != NULL; argv++) {
        const char *equals = strchr(*argv, '=');

        if (strcmp(*argv, "--max") == 0 && argv[1] != NULL) {
            if (!text_to_int(weir_cstr(*++argv), max) || *max < 0)
                return false;
        } else if (strcmp(*argv, "--sink") == 0) {
            *is_sink = true;
        } else if (equals != NULL && *count < SETTINGS_MAX) {
            settings[(*count)++] =
                (config_setting){{*argv, (size_t)(equals - *argv)}, weir_cstr(equals + 1)};
        } else {
            return false;
        }
    }
    return true;
}

static int run(plugins *loaded, char **argv, const config_setting *settings, size_t count,
               int64_t max)
{
    const plugin *source = plugins_at(loaded, 0); /* sources stand before sinks of a name */
    weir_error err;
    kit *self;
    int status;

    if (strcmp(argv[1], "source") != 0 || source->kind != PLUGIN_SOURCE)
        return usage();
    if (kit_new(source, settings, count, &self, &err) != WEIR_OK)
        return fail(&err);
    kit_on_diag(self, print_diag, NULL);
    status = run_source(self, max, &err) == WEIR_OK ? 0 : fail(&err);
    kit_free(self);
    return status;
}

int main(int argc, char **argv)
{
    config_setting settings[SETTINGS_MAX];
    size_t count = 0;
    int64_t max = INT64_MAX;
    bool is_sink = false;
    plugins *loaded;
    weir_error err;
    int status;

    if (argc < 3 || !read_arguments(argv + 3, settings, &count, &max, &is_sink))
        return usage();
    loaded = plugins_new(".");
    if (plugins_load(loaded, argv[2], &err) != WEIR_OK)
        status = fail(&err);
    else if (strcmp(argv[1], "check") == 0)
        status = run_check(loaded, is_sink, settings, count);
    else
        status = run(loaded, argv, settings, count, max);
    plugins_free(loaded);
    return status;
}
