/* counter_source.c - counts 0, 1, 2, ... into a topic: the smallest complete source. */
#include "weir/weir.h"

#include <inttypes.h>
#include <poll.h>
#include <time.h>

#define PARTITION WEIR_STR("{\"counter\":0}") /* there is only one thing to count */

typedef struct counter {
    weir_str topic;      /* from the configuration */
    int64_t limit;       /* from the configuration */
    int64_t batch;       /* from the configuration */
    int64_t interval_ms; /* from the configuration */
    int64_t next;        /* the number sent next */
    int64_t due_ms;      /* when the next batch may go, on the monotonic clock */
    const weir_schema *schema;
} counter;

static const weir_field fields[] = {
    WEIR_FIELD(counter, topic, .name = "topic", .doc = "Topic that the numbers are written to."),
    WEIR_FIELD(counter, limit, .name = "limit", .fallback = "0", .min = 0, .max = INT64_MAX,
               .doc = "Finish after this many numbers; 0 counts for ever."),
    WEIR_FIELD(counter, batch, .name = "batch.size", .fallback = "1000", .min = 1, .max = 1000000,
               .importance = WEIR_LOW, .doc = "Numbers that become durable together."),
    WEIR_FIELD(counter, interval_ms, .name = "interval.ms", .fallback = "0", .min = 0,
               .max = 3600000, .importance = WEIR_LOW, .doc = "Pause after each batch."),
};

static weir_code counter_open(weir_task *task, void *state, weir_error *err)
{
    counter *self = state;
    weir_str offset = weir_task_offset(task, PARTITION);

    if (offset.len > 0 && !weir_offset_int(offset, "next", &self->next))
        return weir_fail(err, WEIR_FATAL, "offset %.*s has no \"next\"", WEIR_ARG(offset));
    self->schema = weir_task_schema(task, WEIR_STR("\"long\""), err);
    return self->schema != NULL ? WEIR_OK : err->code;
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: this clock always exists */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True when the pause after the last batch is over; waits for that, as long as a poll may take. */
static bool is_due(const counter *self, int timeout_ms)
{
    int64_t left = self->due_ms - now_ms();

    if (left <= 0)
        return true;
    (void)poll(NULL, 0, left < timeout_ms ? (int)left : timeout_ms); /* early is caught below */
    return now_ms() >= self->due_ms;
}

static weir_code counter_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                              weir_error *err)
{
    counter *self = state;
    int64_t end = self->limit > 0 ? self->limit : INT64_MAX;
    int64_t stop = self->next < end - self->batch ? self->next + self->batch : end;
    (void)task;

    if (self->next >= end)
        return WEIR_END;
    if (self->interval_ms > 0 && !is_due(self, timeout_ms))
        return WEIR_OK;
    while (self->next < stop && weir_record_begin(batch, self->topic)) {
        weir_record_value(batch, self->schema);
        weir_put_long(batch, self->next++);
        if (weir_record_end(batch, err) != WEIR_OK)
            return err->code;
    }
    weir_offset(batch, PARTITION, "{\"next\":%" PRId64 "}", self->next);
    weir_checkpoint(batch);
    self->due_ms = self->interval_ms > 0 ? now_ms() + self->interval_ms : 0;
    return WEIR_OK;
}

static const weir_source counter_source = {
    .name = "counter",
    .version = "1.0.0",
    .summary = "Counts into a topic; useful to try out a pipeline.",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0]),
    .state_size = sizeof(counter),
    .open = counter_open,
    .poll = counter_poll,
};
WEIR_EXPORT(.source = &counter_source);
