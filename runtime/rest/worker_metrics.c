/* worker_metrics.c - what a worker's connectors and tasks do, as metrics.
 *
 * A family's samples must stand together, so the statuses are taken first and walked once for each family.
 */
#include "runtime/rest/worker_metrics.h"

#include "runtime/base/clock.h"
#include "runtime/base/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A number of a task's status, under one or two names. */
typedef struct number {
    const char *key;  /* in the status */
    const char *type; /* of the family */
    const char *name, *help;
    const char *only; /* "source", "sink", or NULL: both */
} number;

static const number numbers[] = {
    {"records", "counter", "weir_task_records_total",
     "Records read by a source or written by a sink.", NULL},
    {"bytes", "counter", "weir_task_bytes_total", "Bytes of these records.", NULL},
    {"errors", "counter", "weir_task_errors_total", "Records that failed and errors of the task.",
     NULL},
    {"restarts", "counter", "weir_task_restarts_total", "Automatic restarts of the task.", NULL},
    {"dead_letters", "counter", "weir_sink_dead_letters_total",
     "Records that a sink has put into its dead letter queue.", "sink"},
    {"in_flight_bytes", "gauge", "weir_task_in_flight_bytes",
     "Bytes that a source has sent to the log and that are not known to be durable.", "source"},
    {"waits", "gauge", "weir_source_waits",
     "1 while a source waits because a topic or the disk is full: its own backlog (WAL) grows "
     "meanwhile.",
     "source"},
    {"records", "counter", "kafka_connect_source_task_source_record_write_total",
     "Records that a source wrote, by Kafka Connect's name.", "source"},
    {"records", "counter", "kafka_connect_sink_task_sink_record_send_total",
     "Records that a sink was given, by Kafka Connect's name.", "sink"},
};

static weir_str text_of(const json_t *object, const char *key)
{
    return weir_cstr(json_string_value(json_object_get(object, key)));
}

/* Labels of a task: connector and task; the number's text is written into digits. */
static void label_task(const json_t *status, const json_t *task, char digits[24],
                       metric_label labels[2])
{
    snprintf(digits, 24, "%" PRId64, (int64_t)json_integer_value(json_object_get(task, "id")));
    labels[0] = (metric_label){"connector", text_of(status, "name")};
    labels[1] = (metric_label){"task", weir_cstr(digits)};
}

static void add_numbers(const number *what, const json_t *all, weir_buf *page)
{
    size_t i, t;
    json_t *status, *task;

    metrics_family(page, what->name, what->type, what->help);
    json_array_foreach(all, i, status)
    {
        if (what->only != NULL && !weir_str_eq(text_of(status, "type"), weir_cstr(what->only)))
            continue;
        json_array_foreach(json_object_get(status, "tasks"), t, task)
        {
            metric_label labels[2];
            char digits[24];

            label_task(status, task, digits, labels);
            metrics_sample(page, what->name, labels, 2,
                           json_number_value(json_object_get(task, what->key)));
        }
    }
}

static void add_states(const json_t *all, weir_buf *page)
{
    size_t i, t;
    json_t *status, *task;

    metrics_family(page, "weir_connector_state", "gauge",
                   "1 for the state that a connector is in now.");
    json_array_foreach(all, i, status)
    {
        metric_label labels[] = {{"connector", text_of(status, "name")},
                                 {"type", text_of(status, "type")},
                                 {"state", text_of(json_object_get(status, "connector"), "state")}};

        metrics_sample(page, "weir_connector_state", labels, 3, 1);
    }
    metrics_family(page, "weir_task_state", "gauge", "1 for the state that a task is in now.");
    json_array_foreach(all, i, status) json_array_foreach(json_object_get(status, "tasks"), t, task)
    {
        metric_label labels[3];
        char digits[24];

        label_task(status, task, digits, labels);
        labels[2] = (metric_label){"state", text_of(task, "state")};
        metrics_sample(page, "weir_task_state", labels, 3, 1);
    }
}

/* What a source is doing, and how far it is: rows of a snapshot. */
static void add_phases(const json_t *all, weir_buf *page)
{
    static const struct {
        const char *key, *name, *help;
    } parts[] = {
        {NULL, "weir_task_phase", "1 for what a task says it is doing now."},
        {"done", "weir_task_phase_done", "How much of its phase is done: rows of a snapshot."},
        {"total", "weir_task_phase_expected",
         "How much its phase will be, as far as it is known: rows of a snapshot, estimated."},
    };
    size_t i, t;
    json_t *status, *task;

    for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
        metrics_family(page, parts[part].name, "gauge", parts[part].help);
        json_array_foreach(all, i, status)
            json_array_foreach(json_object_get(status, "tasks"), t, task)
        {
            metric_label labels[3];
            char digits[24];

            if (text_of(task, "phase").len == 0)
                continue;
            label_task(status, task, digits, labels);
            labels[2] = (metric_label){"phase", text_of(task, "phase")};
            metrics_sample(page, parts[part].name, labels, 3,
                           parts[part].key == NULL
                               ? 1
                               : json_number_value(json_object_get(task, parts[part].key)));
        }
    }
}

static void add_held_topics(const json_t *status, const json_t *task, weir_buf *page)
{
    metric_label labels[2];
    char digits[24];

    label_task(status, task, digits, labels);
    metrics_sample(page, "weir_source_held_topics", labels, 2,
                   (double)json_array_size(json_object_get(task, "held")));
}

static void add_last_record(const json_t *status, const json_t *task, weir_buf *page)
{
    double at_ms = json_number_value(json_object_get(task, "last_record_ms"));
    metric_label labels[2];
    char digits[24];

    if (at_ms <= 0)
        return; /* none since the task started */
    label_task(status, task, digits, labels);
    metrics_sample(page, "weir_source_last_record_timestamp_seconds", labels, 2, at_ms / 1000);
}

static void add_delay(const json_t *status, const json_t *task, weir_buf *page)
{
    double since_ms = json_number_value(json_object_get(task, "pending_since_ms"));
    double delay_ms = since_ms > 0 ? (double)clock_wall_ms(clock_system()) - since_ms : 0;
    metric_label labels[2];
    char digits[24];

    label_task(status, task, digits, labels);
    metrics_sample(page, "weir_sink_delay_seconds", labels, 2, delay_ms > 0 ? delay_ms / 1000 : 0);
}

static double lag_of(const json_t *partition)
{
    double lag = json_number_value(json_object_get(partition, "end")) -
                 json_number_value(json_object_get(partition, "committed"));

    return lag > 0 ? lag : 0;
}

static void add_partition_lags(const json_t *status, const json_t *task, weir_buf *page)
{
    size_t p;
    json_t *partition;

    json_array_foreach(json_object_get(task, "partitions"), p, partition)
    {
        metric_label labels[4];
        char digits[24], place[24];

        label_task(status, task, digits, labels);
        snprintf(place, sizeof(place), "%" PRId64,
                 (int64_t)json_integer_value(json_object_get(partition, "partition")));
        labels[2] = (metric_label){"topic", text_of(partition, "topic")};
        labels[3] = (metric_label){"partition", weir_cstr(place)};
        metrics_sample(page, "weir_sink_lag_records", labels, 4, lag_of(partition));
    }
}

static void add_greatest_lag(const json_t *status, const json_t *task, weir_buf *page)
{
    metric_label labels[2];
    char digits[24];
    double greatest = 0;
    size_t p;
    json_t *partition;

    json_array_foreach(json_object_get(task, "partitions"), p,
                       partition) if (lag_of(partition) > greatest) greatest = lag_of(partition);
    label_task(status, task, digits, labels);
    metrics_sample(page, "kafka_connect_sink_task_sink_record_lag_max", labels, 2, greatest);
}

/* Calls each for every task of every source or sink. */
static void for_tasks(const json_t *all, const char *type, weir_buf *page,
                      void (*each)(const json_t *, const json_t *, weir_buf *))
{
    size_t i, t;
    json_t *status, *task;

    json_array_foreach(all, i, status) json_array_foreach(json_object_get(status, "tasks"), t, task)
    {
        if (weir_str_eq(text_of(status, "type"), weir_cstr(type)))
            each(status, task, page);
    }
}

/* Gauges that connectors set: a family for each name, found as it comes and written once. */
static void add_gauge(const char *key, const json_t *all, weir_buf *page)
{
    char name[128];
    size_t i, t;
    json_t *status, *task;

    snprintf(name, sizeof(name), "weir_task_%s", key);
    metrics_family(page, name, "gauge", "Set by the connector; its documentation says what it is.");
    json_array_foreach(all, i, status) json_array_foreach(json_object_get(status, "tasks"), t, task)
    {
        const json_t *value = json_object_get(json_object_get(task, "gauges"), key);
        metric_label labels[2];
        char digits[24];

        if (value == NULL)
            continue;
        label_task(status, task, digits, labels);
        metrics_sample(page, name, labels, 2, json_number_value(value));
    }
}

static void add_gauges(const json_t *all, weir_buf *page)
{
    json_t *names = json_object();
    size_t i, t;
    json_t *status, *task, *value;
    const char *key;

    json_array_foreach(all, i, status)
        json_array_foreach(json_object_get(status, "tasks"), t, task)(void)
            json_object_update(names, json_object_get(task, "gauges"));
    json_object_foreach(names, key, value) add_gauge(key, all, page);
    json_decref(names);
}

void worker_metrics_collect(void *context, weir_buf *page)
{
    worker *self = context;
    json_t *names = worker_names(self), *all = json_array(), *name;
    size_t i;

    json_array_foreach(names, i, name)
    {
        json_t *status = worker_status(self, weir_cstr(json_string_value(name)));

        if (status != NULL)
            (void)json_array_append_new(all, status);
    }
    add_states(all, page);
    for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
        add_numbers(&numbers[n], all, page);
    metrics_family(page, "weir_sink_lag_records", "gauge",
                   "Records of a partition that a sink has not made durable yet.");
    for_tasks(all, "sink", page, add_partition_lags);
    metrics_family(page, "kafka_connect_sink_task_sink_record_lag_max", "gauge",
                   "The greatest lag of a sink task's partitions, by Kafka Connect's name.");
    for_tasks(all, "sink", page, add_greatest_lag);
    metrics_family(page, "weir_sink_delay_seconds", "gauge",
                   "Age of the oldest record that a sink has read and not made durable; 0: none.");
    for_tasks(all, "sink", page, add_delay);
    metrics_family(page, "weir_source_last_record_timestamp_seconds", "gauge",
                   "When a source last read a record, since 1970.");
    for_tasks(all, "source", page, add_last_record);
    metrics_family(page, "weir_source_held_topics", "gauge",
                   "Topics whose records wait for a schema to be accepted.");
    for_tasks(all, "source", page, add_held_topics);
    add_phases(all, page);
    add_gauges(all, page);
    json_decref(names);
    json_decref(all);
}
