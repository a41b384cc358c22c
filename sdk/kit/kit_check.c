/* kit_check.c - the conformance check: a connector keeps to its contract while it runs. */
#include "sdk/kit/kit.h"

#include "runtime/base/clock.h"
#include "schema-registry/avro/avro.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

enum { POLLS = 5, TIMEOUT_MS = 200, GRACE_MS = 100, SAMPLES = 3 };

#define SAMPLE                                                                                     \
    "{\"type\":\"record\",\"name\":\"Sample\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"    \
    "{\"name\":\"text\",\"type\":[\"null\",\"string\"],\"default\":null}]}"

typedef struct check {
    kit *kit;
    void (*found)(void *context, const char *message);
    void *context;
    weir_buf first, last; /* offsets: the first that the open source wrote, and the last */
} check;

static void WEIR_PRINTF(2, 3) add(const check *self, const char *fmt, ...)
{
    char message[1200];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args); /* a cut message is still a message */
    va_end(args);
    self->found(self->context, message);
}

static bool check_object(const check *self, const char *what, weir_str text)
{
    json_t *value = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);

    bool is_object = json_is_object(value);

    if (!is_object)
        add(self, "%s is no JSON object: %.*s", what, WEIR_ARG(text));
    json_decref(value);
    return is_object;
}

static void check_marks(check *self, const weir_batch *batch)
{
    for (size_t i = 0; i < batch_mark_count(batch); i++) {
        const batch_mark *mark = batch_mark_at(batch, i);

        if (mark->is_checkpoint)
            continue;
        (void)check_object(self, "a source partition", batch_bytes_of(batch, mark->partition));
        if (mark->offset.len == 0 ||
            !check_object(self, "an offset", batch_bytes_of(batch, mark->offset)))
            continue;
        weir_buf_clear(&self->last);
        weir_buf_add_str(&self->last, batch_bytes_of(batch, mark->offset));
        if (self->first.len == 0)
            weir_buf_add_str(&self->first, weir_buf_str(&self->last));
    }
}

static void check_time(const check *self, const char *what, int64_t since_ms, int allowed_ms)
{
    int64_t took = clock_mono_ms(clock_system()) - since_ms;

    if (took > allowed_ms)
        add(self, "%s took %lld ms; %d ms are allowed", what, (long long)took, allowed_ms);
}

/* False when there is nothing more to be polled for. */
static bool check_poll(check *self)
{
    int64_t start = clock_mono_ms(clock_system());
    weir_batch *batch;
    weir_error err;
    weir_code code = kit_poll(self->kit, TIMEOUT_MS, &batch, &err);

    check_time(self, "poll", start, TIMEOUT_MS + GRACE_MS);
    if (code != WEIR_OK && code != WEIR_END) {
        add(self, "poll failed: %s", err.message);
        return false;
    }
    check_marks(self, batch);
    start = clock_mono_ms(clock_system());
    if (kit_idle(self->kit, &err) != WEIR_OK)
        add(self, "idle failed: %s", err.message);
    check_time(self, "idle", start, GRACE_MS);
    if (kit_ack(self->kit, &err) != WEIR_OK)
        add(self, "acked failed: %s", err.message);
    return code == WEIR_OK;
}

/* Opened again it goes on behind what was acknowledged, so that its first offset is another one. */
static void check_source(check *self, int round)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf began = {0};
    bool moved = !weir_str_eq(weir_buf_str(&self->first), weir_buf_str(&self->last));

    weir_buf_add_str(&began, weir_buf_str(&self->first));
    weir_buf_clear(&self->first);
    for (int i = 0; i < POLLS && check_poll(self); i++)
        ;
    if (round > 0 && moved && self->first.len > 0 &&
        weir_str_eq(weir_buf_str(&began), weir_buf_str(&self->first)))
        add(self,
            "opened again it began at offset %.*s, as the first time; it must go on behind the "
            "offset that weir_task_offset returns",
            WEIR_ARG(weir_buf_str(&began)));
}

static void fill_samples(weir_batch *batch, const weir_schema *schema)
{
    for (int64_t i = 0; i < SAMPLES && weir_record_begin(batch, WEIR_STR("samples")); i++) {
        weir_error err;

        weir_record_value(batch, schema);
        weir_put_long(batch, i);
        weir_put_branch(batch, i % 2 == 0 ? 0 : 1);
        if (i % 2 == 0)
            weir_put_null(batch);
        else
            weir_put_text(batch, WEIR_STR("sample"));
        if (weir_record_end(batch, &err) != WEIR_OK)
            return; /* a batch this small is never full */
    }
}

/* Records of a table of two columns; a sink may refuse them, but one by one. */
static void check_sink(check *self)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    WEIR_CLEANUP(avro_schema_freep) weir_schema *schema = NULL;
    int64_t next = -1;
    weir_error err;

    schema = avro_parse(WEIR_STR(SAMPLE), &err);
    fill_samples(batch, schema);
    if (kit_put(self->kit, batch, &err) != WEIR_OK)
        add(self, "put failed: %s", err.message);
    else if (kit_flush(self->kit, &next, &err) != WEIR_OK)
        add(self, "flush failed: %s", err.message);
    else if (next % SAMPLES != 0 || next <= 0)
        add(self,
            "after flush offset %lld is the first that is not durable; all records that were put "
            "before must be",
            (long long)next);
}

/* Twice: what the first left behind must not disturb the second. */
static void check_running(check *self, plugin_kind kind)
{
    weir_error err;

    for (int round = 0; round < 2; round++) {
        if (kit_open(self->kit, &err) != WEIR_OK) {
            add(self, "open failed%s: %s", round > 0 ? " after close" : "", err.message);
            kit_close(self->kit);
            return;
        }
        if (kind == PLUGIN_SOURCE)
            check_source(self, round);
        else
            check_sink(self);
        kit_close(self->kit);
    }
}

void kit_check(const plugin *connector, const config_setting *settings, size_t count,
               void (*found)(void *context, const char *message), void *context)
{
    check self = {.found = found, .context = context};
    weir_error err;

    plugin_check(connector, found, context);
    if (kit_new(connector, settings, count, &self.kit, &err) != WEIR_OK) {
        add(&self, "could not be configured: %s", err.message);
        return;
    }
    check_running(&self, connector->kind);
    weir_buf_done(&self.first);
    weir_buf_done(&self.last);
    kit_free(self.kit);
}
