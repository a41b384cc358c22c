/* store_metrics.c - what a log holds, as metrics. */
#include "runtime/log/store_metrics.h"

#include "runtime/base/metrics.h"
#include "runtime/log/store_read.h"

typedef struct totals {
    double topics, partitions;
} totals;

static int64_t size_of(store_topic *topic)
{
    int64_t size = 0;

    for (int32_t p = 0; p < store_topic_info(topic)->config.partitions; p++) {
        store_partition *partition = store_partition_at(topic, p);

        size += partition != NULL ? store_size_bytes(partition) : 0;
    }
    return size;
}

static totals add_sizes(store *self, weir_buf *page)
{
    totals sum = {0};
    store_topic *topic;

    metrics_family(page, "weir_log_topic_size_bytes", "gauge", "Bytes of a topic's segments.");
    for (weir_str after = {0}; (topic = store_topic_next(self, after)) != NULL;) {
        const log_topic *info = store_topic_info(topic);

        metrics_sample(page, "weir_log_topic_size_bytes", &(metric_label){"topic", info->name}, 1,
                       (double)size_of(topic));
        sum.topics++;
        sum.partitions += info->config.partitions;
        after = info->name;
    }
    return sum;
}

static void add_gauge(weir_buf *page, const char *name, const char *help, double value)
{
    metrics_family(page, name, "gauge", help);
    metrics_sample(page, name, NULL, 0, value);
}

void store_metrics_collect(void *context, weir_buf *page)
{
    store *self = context;
    totals sum = add_sizes(self, page);

    add_gauge(page, "weir_log_topics", "Topics of the log, internal ones included.", sum.topics);
    add_gauge(page, "weir_log_partitions", "Partitions of these topics.", sum.partitions);
    add_gauge(page, "weir_log_stopped",
              "1 when a write or sync has failed: nothing is acknowledged any more.",
              store_has_stopped(self, NULL) ? 1 : 0);
}
