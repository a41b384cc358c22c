/* metrics.h - numbers for Prometheus: a registry of counters and gauges, and its text format.
 *
 * A metric is one time series: a name, and at most METRICS_LABELS labels. It is found or made once, with a
 * lock, and then changed with atomic operations and none: hold on to the pointer. It lives until
 * metrics_remove takes it out of the page; its memory stays (and is used again when the same name and labels
 * come back), so a pointer held too long does no harm.
 *
 * Names are lower case with underscores and begin with weir_; a counter's name ends in _total. All metrics
 * of one name have the same help and type: those of the first.
 *
 * What is not counted where it happens is written while the page is made: a collector is called for each
 * page and adds samples of its own families with metrics_family and metrics_sample.
 *
 * Threads: any.
 */
#ifndef RUNTIME_BASE_METRICS_H
#define RUNTIME_BASE_METRICS_H

#include "weir/buf.h"

#define METRICS_LABELS 4

typedef struct metric metric;

typedef struct metric_label {
    const char *name; /* a literal: "connector" */
    weir_str value;   /* any bytes; copied */
} metric_label;

/* The metric of this name and these labels, made with the value 0 when there is none. help and name are
 * literals. */
metric *metrics_counter(const char *name, const char *help, const metric_label *labels,
                        size_t count);
metric *metrics_gauge(const char *name, const char *help, const metric_label *labels, size_t count);

/* Adds to a counter (by is not negative) or to a gauge. */
void metric_add(metric *series, double by);
/* Sets a gauge. */
void metric_set(metric *series, double value);
double metric_value(const metric *series);

/* Takes every metric out of the page that has this label: those of a connector that was deleted. */
void metrics_remove(const char *label, weir_str value);

/* Called for each page, in the order of adding, by the thread that makes the page. At most 16. */
typedef void (*metrics_collector)(void *context, weir_buf *page);
void metrics_collect(metrics_collector collect, void *context);
void metrics_uncollect(metrics_collector collect, void *context);

/* Begins a family in the page: type is "counter" or "gauge". */
void metrics_family(weir_buf *page, const char *name, const char *type, const char *help);
void metrics_sample(weir_buf *page, const char *name, const metric_label *labels, size_t count,
                    double value);

/* The whole page, in the text format 0.0.4: one HELP and one TYPE for each name, then its samples. */
void metrics_page(weir_buf *page);

#endif
