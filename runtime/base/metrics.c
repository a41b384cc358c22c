/* metrics.c - numbers for Prometheus.
 *
 * All metrics stand in one list, sorted by name, so that the samples of a family are together as the
 * format demands. The list's lock guards its links and the collectors; values are atomics beside it. A
 * double is kept as its bits: C11 has no atomic addition for it, so adding is a compare-and-swap loop.
 */
#include "runtime/base/metrics.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { COLLECTORS = 16 };

struct metric {
    metric *next;
    const char *name;
    const char *help;
    const char *type;
    size_t label_count;
    metric_label labels[METRICS_LABELS];
    _Atomic uint64_t bits;
};

static struct {
    pthread_mutex_t lock; /* guards the rest, and the links of the list */
    metric *first;
    metric *removed; /* kept: somebody may hold them */
    size_t collector_count;
    struct {
        metrics_collector collect;
        void *context;
    } collectors[COLLECTORS];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double value_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* By name, then by labels: a stable order of the page. */
static int compare_labels(const metric *series, const metric_label *labels, size_t count)
{
    for (size_t i = 0; i < series->label_count && i < count; i++) {
        const metric_label *a = &series->labels[i], *b = &labels[i];
        size_t shorter = a->value.len < b->value.len ? a->value.len : b->value.len;
        int order = strcmp(a->name, b->name);

        if (order == 0 && shorter > 0)
            order = memcmp(a->value.ptr, b->value.ptr, shorter);
        if (order != 0)
            return order;
        if (a->value.len != b->value.len)
            return a->value.len < b->value.len ? -1 : 1;
    }
    return series->label_count == count ? 0 : (series->label_count < count ? -1 : 1);
}

/* One that was removed comes back, from 0: the memory of names that come and go stays bounded. */
static metric *take_removed(const char *name, const metric_label *labels, size_t count)
{
    for (metric **at = &registry.removed; *at != NULL; at = &(*at)->next) {
        metric *here = *at;

        if (strcmp(here->name, name) != 0 || compare_labels(here, labels, count) != 0)
            continue;
        *at = here->next;
        metric_set(here, 0);
        return here;
    }
    return NULL;
}

static metric *metric_new(const char *name, const metric_label *labels, size_t count)
{
    metric *made = mem_zalloc(1, sizeof(*made));

    made->name = name;
    made->label_count = count;
    for (size_t i = 0; i < count; i++) {
        char *copy = mem_zalloc(1, labels[i].value.len + 1);

        if (labels[i].value.len > 0)
            memcpy(copy, labels[i].value.ptr, labels[i].value.len);
        made->labels[i] = (metric_label){labels[i].name, {copy, labels[i].value.len}};
    }
    return made;
}

static metric *find_or_make(const char *name, const char *help, const char *type,
                            const metric_label *labels, size_t count)
{
    metric **at = &registry.first;
    metric *found;

    assert(count <= METRICS_LABELS);
    pthread_mutex_lock(&registry.lock);
    while (*at != NULL) {
        int order = strcmp((*at)->name, name);

        if (order == 0)
            order = compare_labels(*at, labels, count);
        if (order >= 0)
            break;
        at = &(*at)->next;
    }
    found = *at;
    if (found == NULL || strcmp(found->name, name) != 0 ||
        compare_labels(found, labels, count) != 0) {
        found = take_removed(name, labels, count);
        if (found == NULL)
            found = metric_new(name, labels, count);
        found->help = help;
        found->type = type;
        found->next = *at;
        *at = found;
    }
    pthread_mutex_unlock(&registry.lock);
    return found;
}

metric *metrics_counter(const char *name, const char *help, const metric_label *labels,
                        size_t count)
{
    size_t length = strlen(name);

    assert(length > 6);
    assert(strcmp(name + length - 6, "_total") == 0);
    return find_or_make(name, help, "counter", labels, count);
}

metric *metrics_gauge(const char *name, const char *help, const metric_label *labels, size_t count)
{
    return find_or_make(name, help, "gauge", labels, count);
}

void metric_add(metric *series, double by)
{
    uint64_t old = atomic_load_explicit(&series->bits, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(&series->bits, &old, bits_of(value_of(old) + by),
                                                  memory_order_relaxed, memory_order_relaxed)) {
        /* old was loaded again: another thread added meanwhile, so one of us got on */
    }
}

void metric_set(metric *series, double value)
{
    atomic_store_explicit(&series->bits, bits_of(value), memory_order_relaxed);
}

double metric_value(const metric *series)
{
    return value_of(atomic_load_explicit(&series->bits, memory_order_relaxed));
}

static bool has_label(const metric *series, const char *label, weir_str value)
{
    for (size_t i = 0; i < series->label_count; i++)
        if (strcmp(series->labels[i].name, label) == 0 &&
            weir_str_eq(series->labels[i].value, value))
            return true;
    return false;
}

void metrics_remove(const char *label, weir_str value)
{
    pthread_mutex_lock(&registry.lock);
    for (metric **at = &registry.first; *at != NULL;) {
        metric *here = *at;

        if (!has_label(here, label, value)) {
            at = &here->next;
            continue;
        }
        *at = here->next;
        here->next = registry.removed;
        registry.removed = here;
    }
    pthread_mutex_unlock(&registry.lock);
}

void metrics_collect(metrics_collector collect, void *context)
{
    pthread_mutex_lock(&registry.lock);
    assert(registry.collector_count < COLLECTORS);
    registry.collectors[registry.collector_count].collect = collect;
    registry.collectors[registry.collector_count++].context = context;
    pthread_mutex_unlock(&registry.lock);
}

void metrics_uncollect(metrics_collector collect, void *context)
{
    size_t kept = 0;

    pthread_mutex_lock(&registry.lock);
    for (size_t i = 0; i < registry.collector_count; i++)
        if (registry.collectors[i].collect != collect || registry.collectors[i].context != context)
            registry.collectors[kept++] = registry.collectors[i];
    registry.collector_count = kept;
    pthread_mutex_unlock(&registry.lock);
}

/* Backslash and line feed are escaped everywhere, the quote in label values only. */
static void add_escaped(weir_buf *page, weir_str text, bool quotes)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];

        if (byte == '\n') {
            weir_buf_add(page, "\\n", 2);
            continue;
        }
        if (byte == '\\' || (quotes && byte == '"'))
            weir_buf_add_byte(page, '\\');
        weir_buf_add_byte(page, byte);
    }
}

void metrics_family(weir_buf *page, const char *name, const char *type, const char *help)
{
    weir_buf_printf(page, "# HELP %s ", name);
    add_escaped(page, weir_cstr(help), false);
    weir_buf_printf(page, "\n# TYPE %s %s\n", name, type);
}

void metrics_sample(weir_buf *page, const char *name, const metric_label *labels, size_t count,
                    double value)
{
    weir_buf_add_str(page, weir_cstr(name));
    for (size_t i = 0; i < count; i++) {
        weir_buf_printf(page, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
        add_escaped(page, labels[i].value, true);
        weir_buf_add_byte(page, '"');
    }
    if (count > 0)
        weir_buf_add_byte(page, '}');
    if (isnan(value))
        weir_buf_add_str(page, WEIR_STR(" NaN\n"));
    else if (isinf(value))
        weir_buf_add_str(page, value > 0 ? WEIR_STR(" +Inf\n") : WEIR_STR(" -Inf\n"));
    else if (value == floor(value) && fabs(value) < 9e15)
        weir_buf_printf(page, " %" PRId64 "\n", (int64_t)value);
    else
        weir_buf_printf(page, " %.17g\n", value);
}

void metrics_page(weir_buf *page)
{
    metrics_collector collect[COLLECTORS];
    void *context[COLLECTORS];
    const char *family = "";
    size_t count;

    pthread_mutex_lock(&registry.lock);
    for (const metric *at = registry.first; at != NULL; at = at->next) {
        if (strcmp(family, at->name) != 0)
            metrics_family(page, at->name, at->type, at->help);
        family = at->name;
        metrics_sample(page, at->name, at->labels, at->label_count, metric_value(at));
    }
    count = registry.collector_count;
    for (size_t i = 0; i < count; i++) {
        collect[i] = registry.collectors[i].collect;
        context[i] = registry.collectors[i].context;
    }
    pthread_mutex_unlock(&registry.lock);
    for (size_t i = 0; i < count; i++) /* without the lock: a collector may ask other threads */
        collect[i](context[i], page);
}
