/* sink_driver.c - a sink under the hand of a test: commands on standard input, answers on standard output.
 *
 * It loads one sink and is its worker, without a log: a test says which records come, when a flush is
 * due, and what the log and the topics are called. One command a line, words separated by one space; bytes
 * are in hexadecimal, `-` is none. Each command is answered by one line, `ok ...` or `error CODE message`;
 * before it there may be lines `reject OFFSET reason` and `diag text`.
 *
 *     set NAME HEX                       a setting, before open
 *     task CONNECTOR NUMBER LOG EPOCH    who the task is, before open
 *     topic NAME ID                      the identity of a topic of the log
 *     tolerate 0|1                       whether a rejected record is tolerated; 1 at first
 *     open · close · clear
 *     schema NAME HEX                    Avro, as JSON
 *     record TOPIC PARTITION OFFSET KEYSCHEMA KEY VALUESCHEMA VALUE UNSENT [TABLETOPIC|- [HEADER=VALUE ...]]
 *     put                                the records since the last flush or clear
 *     assigned TOPIC PARTITION · revoked TOPIC PARTITION
 *     flush (TOPIC PARTITION OFFSET)...
 *     alter TOPIC PARTITION OFFSET
 *     load TOPIC FIRST COUNT STEP FLUSH  generated rows, flushed every FLUSH rows; answers the seconds
 */
#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "sdk/src/batch.h"
#include "tests/fixtures/driver.h"
#include "tests/fixtures/load_rows.h"
#include "weir/weir.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORDS_MAX = 64, BATCH_BYTES = 4 << 20, FLUSHES_MAX = 10 };

typedef struct driver {
    const plugin *connector;
    const weir_sink *sink; /* of it */
    weir_task task;
    void *state;
    bool is_open;
    bool tolerate;
    weir_batch *batch;
    weir_offsets *offsets;
    weir_map *schemas; /* by name */
    weir_map *topics;  /* by name: char * */
    arena texts;       /* of commands: until the program ends */
    driver_settings settings;
    weir_error err;
} driver;

static void host_diag(void *self, weir_level level, weir_str text)
{
    (void)self, (void)level;
    printf("diag %.*s\n", WEIR_ARG(text));
}

static void host_progress(void *self, weir_str phase, int64_t done, int64_t total)
{
    (void)self, (void)phase, (void)done, (void)total;
}

static weir_str host_topic_id(void *context, weir_str topic)
{
    driver *self = context;

    return weir_cstr(weir_map_get(self->topics, topic));
}

static weir_code host_reject(void *context, const weir_record *record, const char *reason,
                             weir_error *err)
{
    driver *self = context;

    printf("reject %" PRId64 " %s\n", record->log_offset, reason);
    if (self->tolerate)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL, "record %" PRId64 ": %s", record->log_offset, reason);
}

static const task_host host = {
    .diag = host_diag,
    .progress = host_progress,
    .gauge = driver_gauge,
    .topic_id = host_topic_id,
    .reject = host_reject,
};

static weir_code open_sink(driver *self)
{
    if (driver_bind(self->connector, &self->settings, &self->task, self->state, &self->err) !=
        WEIR_OK)
        return self->err.code;
    self->is_open = true;
    return self->sink->open(&self->task, self->state, &self->err);
}

static weir_code close_sink(driver *self)
{
    if (self->is_open)
        self->sink->close(&self->task, self->state);
    self->is_open = false;
    task_reset(&self->task);
    return WEIR_OK;
}

static weir_code add_schema(driver *self, char **words)
{
    weir_schema *schema = avro_parse(driver_bytes(&self->texts, words[2]), &self->err);

    if (schema == NULL)
        return self->err.code;
    avro_schema_free(weir_map_put(self->schemas, weir_cstr(words[1]), schema));
    return WEIR_OK;
}

static uint32_t schema_number(driver *self, const char *name)
{
    const weir_schema *schema = weir_map_get(self->schemas, weir_cstr(name));

    return schema != NULL ? batch_schema(self->batch, schema) : BATCH_NULL;
}

/* Columns that were not sent, "1,4". */
static void set_unsent(driver *self, batch_entry *entry, char *list)
{
    uint64_t *bits;
    weir_error err;

    if (strcmp(list, "-") == 0)
        return;
    if (batch_add_unsent(self->batch, entry, 256, &bits, &err) != WEIR_OK)
        errx(1, "%s", err.message);
    for (char *at = list; *at != '\0'; at += *at == ',') {
        uint64_t column = strtoul(at, &at, 10);

        if (column >= 256)
            errx(1, "column %s is past 255", list);
        bits[column / 64] |= UINT64_C(1) << column % 64;
    }
}

/* A header, NAME=VALUE, in the encoding of batch_entry.headers: lengths are zig-zag, one byte. */
static void add_header(batch_log_record *record, char *text, weir_buf *headers)
{
    char *value = strchr(text, '=');

    if (value == NULL)
        errx(1, "header %s has no value", text);
    *value++ = '\0';
    weir_buf_printf(headers, "%c%s%c%s", (int)(2 * strlen(text)), text, (int)(2 * strlen(value)),
                    value);
    record->headers = weir_buf_str(headers);
    record->header_count++;
}

static weir_code add_record(driver *self, char **words, size_t count)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf headers = {0};
    bool is_routed = count > 9 && strcmp(words[9], "-") != 0;
    batch_log_record record = {.topic = batch_topic(self->batch, weir_cstr(words[1])),
                               .partition = (int32_t)driver_number(words[2]),
                               .offset = driver_number(words[3]),
                               .key = driver_bytes(&self->texts, words[5]),
                               .value = driver_bytes(&self->texts, words[7])};

    for (size_t i = 10; i < count; i++)
        add_header(&record, words[i], &headers);
    if (!batch_add_log_record(self->batch, &record))
        return weir_fail(&self->err, WEIR_FATAL, "the batch is full");
    uint32_t key_schema = schema_number(self, words[4]);
    uint32_t value_schema = schema_number(self, words[6]);
    uint32_t topic = batch_topic(self->batch, weir_cstr(words[is_routed ? 9 : 1]));
    batch_entry *entry = batch_at(self->batch, batch_count(self->batch) - 1);

    entry->key_schema = key_schema;
    entry->value_schema = value_schema;
    entry->topic = topic;
    set_unsent(self, entry, words[8]);
    return WEIR_OK;
}

static weir_code put(driver *self)
{
    return self->sink->put(&self->task, self->state, self->batch, &self->err);
}

/* As a worker: what a flush leaves out of the offsets is flushed again, records or none. */
static weir_code flush(driver *self, char **words, size_t count)
{
    weir_code code = WEIR_OK;
    bool is_behind = true;

    for (int tries = 0; code == WEIR_OK && is_behind && tries < FLUSHES_MAX; tries++) {
        offsets_clear(self->offsets);
        for (size_t i = 1; i + 2 < count; i += 3)
            offsets_put(self->offsets, weir_cstr(words[i]), (int32_t)driver_number(words[i + 1]),
                        driver_number(words[i + 2]));
        code = self->sink->flush(&self->task, self->state, self->offsets, &self->err);
        is_behind = false;
        for (size_t i = 1; i + 2 < count; i += 3)
            is_behind |= weir_offsets_get(self->offsets, weir_cstr(words[i]),
                                          (int32_t)driver_number(words[i + 1])) <
                         driver_number(words[i + 2]);
    }
    if (code == WEIR_OK)
        batch_clear(self->batch);
    return code;
}

/* --- Load ------------------------------------------------------------------------------------ */

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static weir_code load(driver *self, char **words, double *took)
{
    load_rows rows = {.topic = weir_cstr(words[1]),
                      .first = driver_number(words[2]),
                      .count = driver_number(words[3]),
                      .step = driver_number(words[4])};
    int64_t flush_count = driver_number(words[5]);

    if (load_rows_begin(&rows, &self->task, &self->err) != WEIR_OK)
        return self->err.code;
    for (int64_t done = 0, flushed = 0; done < rows.count;) {
        batch_clear(self->batch);
        if (load_rows_fill(&rows, done, self->batch, &self->err) != WEIR_OK)
            return self->err.code;
        double start = seconds(); /* what a worker's reader would do is not measured */

        if (put(self) != WEIR_OK)
            return self->err.code;
        done += batch_count(self->batch);
        if (done - flushed >= flush_count || done == rows.count) {
            flushed = done;
            offsets_clear(self->offsets);
            offsets_put(self->offsets, rows.topic, 0, done);
            if (self->sink->flush(&self->task, self->state, self->offsets, &self->err) != WEIR_OK)
                return self->err.code;
        }
        *took += seconds() - start;
    }
    batch_clear(self->batch);
    return WEIR_OK;
}

/* --- Commands -------------------------------------------------------------------------------- */

static weir_str keep(driver *self, const char *word)
{
    return arena_copy(&self->texts, weir_cstr(word));
}

static weir_code be(driver *self, char **words)
{
    task_done(&self->task);
    task_init(&self->task, keep(self, words[1]), (int)driver_number(words[2]), &host, self);
    self->task.log_id = keep(self, words[3]);
    self->task.epoch = driver_number(words[4]);
    return WEIR_OK;
}

static weir_code partition(driver *self, char **words, bool gained, int64_t *resume)
{
    if (gained ? self->sink->assigned == NULL : self->sink->revoked == NULL)
        return WEIR_OK; /* optional: a sink need not hear of its partitions */
    if (gained)
        return self->sink->assigned(&self->task, self->state, weir_cstr(words[1]),
                                    (int32_t)driver_number(words[2]), resume, &self->err);
    return self->sink->revoked(&self->task, self->state, weir_cstr(words[1]),
                               (int32_t)driver_number(words[2]), &self->err);
}

static bool is(const char *word, const char *name, size_t count, size_t wanted)
{
    return strcmp(word, name) == 0 && count >= wanted;
}

/* Commands that configure the driver. */
static bool prepare(driver *self, char **words, size_t count, weir_code *code)
{
    *code = WEIR_OK;
    if (is(words[0], "set", count, 3))
        driver_set(&self->settings, &self->texts, words[1], words[2]);
    else if (is(words[0], "task", count, 5))
        *code = be(self, words);
    else if (is(words[0], "topic", count, 3))
        (void)weir_map_put(self->topics, weir_cstr(words[1]), (char *)keep(self, words[2]).ptr);
    else if (is(words[0], "tolerate", count, 2))
        self->tolerate = words[1][0] == '1';
    else if (is(words[0], "schema", count, 3))
        *code = add_schema(self, words);
    else if (is(words[0], "clear", count, 1))
        batch_clear(self->batch);
    else
        return false;
    return true;
}

static weir_code act(driver *self, char **words, size_t count, char *answer, size_t size)
{
    int64_t resume = -1;
    double took = 0;
    weir_code code;

    if (prepare(self, words, count, &code))
        return code;
    if (is(words[0], "open", count, 1))
        return open_sink(self);
    if (is(words[0], "close", count, 1))
        return close_sink(self);
    if (is(words[0], "record", count, 9))
        return add_record(self, words, count);
    if (is(words[0], "put", count, 1))
        return put(self);
    if (is(words[0], "flush", count, 1))
        return flush(self, words, count);
    if (is(words[0], "alter", count, 4) && self->sink->alter_offsets != NULL)
        return self->sink->alter_offsets(&self->task, self->state, weir_cstr(words[1]),
                                         (int32_t)driver_number(words[2]), driver_number(words[3]),
                                         &self->err);
    if (is(words[0], "assigned", count, 3) || is(words[0], "revoked", count, 3)) {
        code = partition(self, words, words[0][0] == 'a', &resume);
        (void)snprintf(answer, size, " %" PRId64, resume);
        return code;
    }
    if (is(words[0], "load", count, 6)) {
        code = load(self, words, &took);
        (void)snprintf(answer, size, " %.6f", took);
        return code;
    }
    return weir_fail(&self->err, WEIR_FATAL, "unknown command \"%s\"", words[0]);
}

static void done(driver *self)
{
    weir_str name;
    void *schema = NULL;
    size_t at = 0;

    task_done(&self->task);
    while (weir_map_next(self->schemas, &at, &name, &schema))
        avro_schema_free(schema);
    weir_map_free(self->schemas);
    weir_map_free(self->topics);
    offsets_free(self->offsets);
    batch_free(self->batch);
    free(self->state);
    arena_done(&self->texts);
}

int main(int argc, char **argv)
{
    driver self = {.tolerate = true};
    char *line = NULL;
    size_t size = 0;

    self.connector = driver_load(argc, argv, PLUGIN_SINK);
    self.sink = &self.connector->sink;
    self.state = mem_zalloc(1, self.connector->state_size);
    self.batch = batch_new(BATCH_BYTES);
    self.offsets = offsets_new();
    self.schemas = weir_map_new();
    self.topics = weir_map_new();
    task_init(&self.task, WEIR_STR("test"), 0, &host, &self);
    while (getline(&line, &size, stdin) > 0) {
        char *words[WORDS_MAX];
        char *rest = line;
        char answer[64] = "";
        size_t count = 0;

        for (char *word; count < WORDS_MAX && (word = strsep(&rest, " \n")) != NULL;)
            if (*word != '\0')
                words[count++] = word;
        weir_code code = count > 0 ? act(&self, words, count, answer, sizeof(answer)) : WEIR_OK;

        if (code == WEIR_OK)
            printf("ok%s\n", answer);
        else
            printf("error %s %s\n", weir_code_name(code), self.err.message);
        (void)fflush(stdout);
    }
    weir_code code = close_sink(&self);

    done(&self);
    free(line);
    return code == WEIR_OK ? 0 : 1;
}
