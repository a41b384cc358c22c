/* source_driver.c - a source under the hand of a test: commands on standard input, answers on standard output.
 *
 * It loads one source and is its worker, without a log: a test says when it is polled, what is
 * acknowledged, and where it resumes. One command a line; texts are in hexadecimal. Each command is
 * answered by one line, `ok ...` or `error CODE message`; before it there may be lines `record JSON`,
 * `offset JSON` (of a checkpoint: the partition and where it resumes) and `diag LEVEL text`. A schema is
 * a number in records; `schema JSON` says what it is, before its first record, counting from 0.
 *
 *     set NAME HEX           a setting, before open
 *     offset PARTITION HEX   where a partition was, before open
 *     open · idle · close
 *     poll MILLISECONDS      answers `ok end` when the source has ended
 *     quiet 0|1              records are counted, not printed; poll answers `ok COUNT`
 *     ack                    everything up to the last checkpoint is durable
 */
#include "runtime/base/mem.h"
#include "sdk/src/batch.h"
#include "tests/fixtures/driver.h"
#include "weir/weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1 << 20, BATCH_BYTES = 1 << 20 };

typedef struct driver {
    const plugin *connector;
    const weir_source *source; /* of it */
    weir_task task;
    void *state;
    bool is_open;
    bool quiet;
    weir_batch *batch;
    arena texts; /* of commands: until the program ends */
    driver_settings settings;
    weir_buf partition, offset; /* of the last checkpoint */
    weir_buf text;
    weir_buf schemas; /* of pointers: those that were printed */
    weir_error err;
} driver;

static void host_diag(void *host, weir_level level, weir_str text)
{
    (void)host;
    printf("diag %d %.*s\n", level, WEIR_ARG(text));
}

static void host_progress(void *host, weir_str phase, int64_t done_count, int64_t total_count)
{
    (void)host;
    printf("diag 0 %.*s: %lld of %lld\n", WEIR_ARG(phase), (long long)done_count,
           (long long)total_count);
}

static weir_str host_topic_id(void *host, weir_str topic)
{
    (void)host, (void)topic;
    return (weir_str){0};
}

static weir_code host_reject(void *host, const weir_record *record, const char *reason,
                             weir_error *err)
{
    (void)host, (void)record;
    return weir_fail(err, WEIR_FATAL, "%s", reason);
}

static const task_host host = {host_diag, host_progress, driver_gauge, host_topic_id, host_reject};

static size_t schema_number(const driver *self, const weir_schema *schema)
{
    const weir_schema *const *printed = (const void *)self->schemas.ptr;
    size_t count = self->schemas.len / sizeof(schema), i = 0;

    while (i < count && printed[i] != schema)
        i++;
    return i;
}

/* A schema has its line once: texts of schemas are much longer than records. */
static void print_schema(driver *self, const weir_schema *schema)
{
    if (schema == NULL || schema_number(self, schema) < self->schemas.len / sizeof(schema))
        return;
    printf("schema %.*s\n", WEIR_ARG(weir_schema_text(schema)));
    weir_buf_add(&self->schemas, &schema, sizeof(schema));
}

static void print_value(driver *self, const char *name, weir_str value, const weir_schema *schema)
{
    weir_error err;

    weir_buf_clear(&self->text);
    if (value.ptr == NULL || schema == NULL ||
        weir_value_json(schema, value, &self->text, &err) != WEIR_OK) {
        printf(",\"%s\":null", name);
        if (value.ptr != NULL)
            printf(",\"%s_error\":\"%s\"", name, schema != NULL ? err.message : "no schema");
        return;
    }
    printf(",\"%s\":%s", name, weir_buf_cstr(&self->text));
    printf(",\"%s_schema\":%zu", name, schema_number(self, schema));
}

static void print_record(driver *self, const weir_record *record)
{
    print_schema(self, record->key_schema);
    print_schema(self, record->value_schema);
    printf("record {\"topic\":\"%.*s\"", WEIR_ARG(record->topic));
    print_value(self, "key", record->key, record->key_schema);
    print_value(self, "value", record->value, record->value_schema);
    printf(",\"tombstone\":%s,\"headers\":{", record->value.ptr == NULL ? "true" : "false");
    for (uint32_t i = 0; i < record->header_count; i++) {
        weir_header header = weir_record_header_at(self->batch, record, i);

        printf("%s\"%.*s\":\"%.*s\"", i > 0 ? "," : "", WEIR_ARG(header.name),
               WEIR_ARG(header.value));
    }
    printf("},\"unsent\":[");
    const weir_plan *plan = record->unsent != NULL ? weir_schema_plan(record->value_schema) : NULL;
    const char *separator = "";
    for (size_t i = 0; plan != NULL && i < weir_plan_column_count(plan); i++) {
        if (!weir_record_is_unsent(record, (int)i))
            continue;
        printf("%s\"%.*s\"", separator, WEIR_ARG(weir_plan_column(plan, i)->path));
        separator = ",";
    }
    printf("]}\n");
}

static void print_batch(driver *self)
{
    weir_record record = {0};

    while (!self->quiet && weir_record_next(self->batch, &record))
        print_record(self, &record);
    for (size_t i = 0; i < batch_mark_count(self->batch); i++) {
        const batch_mark *mark = batch_mark_at(self->batch, i);

        if (mark->is_checkpoint)
            continue;
        weir_buf_clear(&self->partition);
        weir_buf_clear(&self->offset);
        weir_buf_add_str(&self->partition, batch_bytes_of(self->batch, mark->partition));
        weir_buf_add_str(&self->offset, batch_bytes_of(self->batch, mark->offset));
        printf("offset {\"partition\":%s,\"offset\":%s,\"records\":%u}\n",
               weir_buf_cstr(&self->partition), weir_buf_cstr(&self->offset), mark->record_count);
    }
}

static weir_code open_source(driver *self)
{
    if (driver_bind(self->connector, &self->settings, &self->task, self->state, &self->err) !=
        WEIR_OK)
        return self->err.code;
    self->is_open = true; /* close also runs after an open that failed */
    return self->source->open(&self->task, self->state, &self->err);
}

static void close_source(driver *self)
{
    if (self->is_open)
        self->source->close(&self->task, self->state);
    self->is_open = false;
}

static weir_code poll_source(driver *self, int timeout_ms, char answer[64])
{
    batch_clear(self->batch);
    weir_code code =
        self->source->poll(&self->task, self->state, self->batch, timeout_ms, &self->err);

    if (code != WEIR_OK && code != WEIR_END)
        return code;
    print_batch(self);
    (void)snprintf(answer, 64, code == WEIR_END ? "end" : "%u", batch_count(self->batch));
    return WEIR_OK;
}

static weir_code acknowledge(driver *self)
{
    if (self->offset.len == 0 || self->source->acked == NULL)
        return WEIR_OK;
    return self->source->acked(&self->task, self->state, weir_buf_str(&self->partition),
                               weir_buf_str(&self->offset), &self->err);
}

static weir_code run(driver *self, char *line, char answer[64])
{
    char *rest = line;
    char *word = strtok_r(line, " \n", &rest);
    char *first = strtok_r(NULL, " \n", &rest);
    char *second = strtok_r(NULL, " \n", &rest);

    if (word == NULL)
        return WEIR_OK;
    if (strcmp(word, "set") == 0 && first != NULL) {
        driver_set(&self->settings, &self->texts, first, second != NULL ? second : "");
        return WEIR_OK;
    }
    if (strcmp(word, "offset") == 0 && first != NULL && second != NULL) {
        task_set_offset(&self->task, driver_bytes(&self->texts, first),
                        driver_bytes(&self->texts, second));
        return WEIR_OK;
    }
    if (strcmp(word, "open") == 0)
        return open_source(self);
    if (strcmp(word, "close") == 0) {
        close_source(self);
        return WEIR_OK;
    }
    if (strcmp(word, "quiet") == 0 && first != NULL) {
        self->quiet = first[0] == '1';
        return WEIR_OK;
    }
    if (self->is_open && strcmp(word, "poll") == 0 && first != NULL)
        return poll_source(self, (int)strtod(first, NULL), answer);
    if (self->is_open && strcmp(word, "idle") == 0)
        return self->source->idle != NULL ? self->source->idle(&self->task, self->state, &self->err)
                                          : WEIR_OK;
    if (self->is_open && strcmp(word, "ack") == 0)
        return acknowledge(self);
    return weir_fail(&self->err, WEIR_CONFIG, "no such command: %s", word);
}

int main(int argc, char **argv)
{
    static char line[LINE_MAX_BYTES];
    driver self = {0};

    self.connector = driver_load(argc, argv, PLUGIN_SOURCE);
    self.source = &self.connector->source;
    self.state = mem_zalloc(1, self.connector->state_size);
    task_init(&self.task, WEIR_STR("test.source"), 0, &host, NULL);
    self.batch = batch_new(BATCH_BYTES);
    batch_set_checked(self.batch, true);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char answer[64] = "";
        weir_code code = run(&self, line, answer);

        if (code == WEIR_OK)
            printf("ok %s\n", answer);
        else
            printf("error %s %s\n", weir_code_name(code), self.err.message);
        (void)fflush(stdout);
    }
    close_source(&self);
    task_done(&self.task);
    batch_free(self.batch);
    weir_buf_done(&self.partition);
    weir_buf_done(&self.offset);
    weir_buf_done(&self.text);
    weir_buf_done(&self.schemas);
    free(self.state);
    arena_done(&self.texts);
    return 0;
}
