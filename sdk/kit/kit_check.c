/* kit_check.c - the conformance check: a connector keeps to its contract while it runs. */
#include "sdk/kit/kit.h"

#include "runtime/base/clock.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

enum { POLLS = 5, TIMEOUT_MS = 200, GRACE_MS = 100 };

typedef struct check {
    kit *kit;
    void (*found)(void *context, const char *message);
    void *context;
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

static void check_object(const check *self, const char *what, weir_str text)
{
    json_t *value = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);

    if (!json_is_object(value))
        add(self, "%s is no JSON object: %.*s", what, WEIR_ARG(text));
    json_decref(value);
}

static void check_marks(const check *self, const weir_batch *batch)
{
    for (size_t i = 0; i < batch_mark_count(batch); i++) {
        const batch_mark *mark = batch_mark_at(batch, i);

        if (mark->is_checkpoint)
            continue;
        check_object(self, "a source partition", batch_bytes_of(batch, mark->partition));
        if (mark->offset.len > 0)
            check_object(self, "an offset", batch_bytes_of(batch, mark->offset));
    }
}

static void check_time(const check *self, const char *what, int64_t since_ms, int allowed_ms)
{
    int64_t took = clock_mono_ms(clock_system()) - since_ms;

    if (took > allowed_ms)
        add(self, "%s took %lld ms; %d ms are allowed", what, (long long)took, allowed_ms);
}

/* False when there is nothing more to be polled for. */
static bool check_poll(const check *self)
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

/* Twice: what the first left behind must not disturb the second. */
static void check_running(const check *self, plugin_kind kind)
{
    weir_error err;

    for (int round = 0; round < 2; round++) {
        if (kit_open(self->kit, &err) != WEIR_OK) {
            add(self, "open failed%s: %s", round > 0 ? " after close" : "", err.message);
            kit_close(self->kit);
            return;
        }
        for (int i = 0; kind == PLUGIN_SOURCE && i < POLLS && check_poll(self); i++)
            ;
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
    kit_free(self.kit);
}
