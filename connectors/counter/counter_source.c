/* counter_source.c - counts 0, 1, 2, ... into a topic: the smallest complete source.
 *
 * Of n counters the k-th counts k, k + n, k + 2n, ...: together they count every number once. Each is a source
 * partition with an offset of its own, {"counter":k} or, of several, {"counter":k,"of":n}. The plan deals them
 * out to the tasks, so how many tasks there are changes who counts, and never what.
 */
#include "weir/weir.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#define COUNTERS_MAX 1000
#define LAST         (INT64_MAX - COUNTERS_MAX) /* so that no step behind it overflows */

typedef struct counter {
    weir_str partition;
    int64_t next; /* the number sent next */
} counter;

typedef struct counter_task {
    weir_str topic;      /* from the configuration */
    int64_t limit;       /* from the configuration */
    int64_t batch;       /* from the configuration */
    int64_t interval_ms; /* from the configuration */
    int64_t counters;    /* from the configuration: of all tasks */
    int64_t task;  /* from the plan: this task has every `tasks`-th counter, from this one on */
    int64_t tasks; /* from the plan */
    counter *own;
    size_t own_count;
    size_t turn;    /* whose batch is next */
    int64_t due_ms; /* when the next batch may go, on the monotonic clock */
    const weir_schema *schema;
} counter_task;

#define FIELD(member, ...) WEIR_FIELD(counter_task, member, __VA_ARGS__)

static const weir_field fields[] = {
    FIELD(topic, .name = "topic", .doc = "Topic that the numbers are written to."),
    FIELD(limit, .name = "limit", .fallback = "0", .min = 0, .max = INT64_MAX,
          .doc = "Finish after this many numbers; 0 counts for ever."),
    FIELD(batch, .name = "batch.size", .fallback = "1000", .min = 1, .max = 1000000,
          .importance = WEIR_LOW, .doc = "Numbers that become durable together."),
    FIELD(interval_ms, .name = "interval.ms", .fallback = "0", .min = 0, .max = 3600000,
          .importance = WEIR_LOW, .doc = "Pause of each task after each batch."),
    FIELD(counters, .name = "counters", .fallback = "1", .min = 1, .max = COUNTERS_MAX,
          .importance = WEIR_LOW,
          .doc = "Counters that share the numbers, dealt out to at most tasks.max tasks. Another "
                 "count of them begins anew."),
    FIELD(task, .name = "counters.task", .fallback = "0", .min = 0, .max = 999,
          .importance = WEIR_LOW, .doc = "Set by the connector for each of its tasks."),
    FIELD(tasks, .name = "counters.tasks", .fallback = "1", .min = 1, .max = 1000,
          .importance = WEIR_LOW, .doc = "Set by the connector for each of its tasks."),
};

static weir_code counter_plan(const void *state, int max_tasks, weir_planner *planner,
                              weir_error *err)
{
    const counter_task *self = state;
    int tasks = self->counters < max_tasks ? (int)self->counters : max_tasks;
    (void)err;

    for (int task = 0; task < tasks; task++) {
        char number[16], count[16];
        const weir_str settings[] = {WEIR_STR("counters.task"),
                                     {number, (size_t)snprintf(number, sizeof(number), "%d", task)},
                                     WEIR_STR("counters.tasks"),
                                     {count, (size_t)snprintf(count, sizeof(count), "%d", tasks)}};

        weir_planner_add(planner, settings, 4);
    }
    return WEIR_OK;
}

static weir_str partition_of(weir_task *task, int64_t number, int64_t counters)
{
    char text[64];
    int size = counters == 1
                   ? snprintf(text, sizeof(text), "{\"counter\":0}")
                   : snprintf(text, sizeof(text), "{\"counter\":%" PRId64 ",\"of\":%" PRId64 "}",
                              number, counters);

    return weir_task_copy(task, (weir_str){text, (size_t)size});
}

static weir_code counter_open(weir_task *task, void *state, weir_error *err)
{
    counter_task *self = state;

    self->own = weir_task_alloc(task, (size_t)self->counters * sizeof(*self->own));
    for (int64_t number = self->task; number < self->counters; number += self->tasks) {
        counter *one = &self->own[self->own_count++];
        weir_str offset;

        *one = (counter){partition_of(task, number, self->counters), number};
        offset = weir_task_offset(task, one->partition);
        if (offset.len > 0 && !weir_offset_int(offset, "next", &one->next))
            return weir_fail(err, WEIR_FATAL, "offset %.*s has no \"next\"", WEIR_ARG(offset));
    }
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
static bool is_due(const counter_task *self, int timeout_ms)
{
    int64_t left = self->due_ms - now_ms();

    if (left <= 0)
        return true;
    (void)poll(NULL, 0, left < timeout_ms ? (int)left : timeout_ms); /* early is caught below */
    return now_ms() >= self->due_ms;
}

/* The counter whose turn it is, of those that have not ended; NULL: all have. */
static counter *next_counter(counter_task *self, int64_t end)
{
    for (size_t i = 0; i < self->own_count; i++) {
        counter *one = &self->own[self->turn++ % self->own_count];

        if (one->next < end)
            return one;
    }
    return NULL;
}

static weir_code counter_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                              weir_error *err)
{
    counter_task *self = state;
    int64_t end = self->limit > 0 && self->limit < LAST ? self->limit : LAST;
    counter *one = next_counter(self, end);
    (void)task;

    if (one == NULL)
        return WEIR_END;
    if (self->interval_ms > 0 && !is_due(self, timeout_ms)) {
        self->turn--; /* it stays its turn */
        return WEIR_OK;
    }
    for (int64_t i = 0; i < self->batch && one->next < end; i++) {
        if (!weir_record_begin(batch, self->topic))
            break; /* the batch is full */
        weir_record_value(batch, self->schema);
        weir_put_long(batch, one->next);
        one->next += self->counters;
        if (weir_record_end(batch, err) != WEIR_OK)
            return err->code;
    }
    weir_offset(batch, one->partition, "{\"next\":%" PRId64 "}", one->next);
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
    .state_size = sizeof(counter_task),
    .plan = counter_plan,
    .open = counter_open,
    .poll = counter_poll,
};
WEIR_EXPORT(.source = &counter_source);
