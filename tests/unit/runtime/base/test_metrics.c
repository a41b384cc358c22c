/* test_metrics.c - the page is what Prometheus' text format 0.0.4 asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "runtime/base/metrics.h"

static metric_label connector(const char *name)
{
    return (metric_label){"connector", weir_cstr(name)};
}

static void assert_page_has(const char *text, bool expected)
{
    weir_buf page = {0};
    bool found;

    metrics_page(&page);
    found = strstr(weir_buf_cstr(&page), text) != NULL;
    weir_buf_done(&page);
    assert_int_equal(found, expected);
}

static void a_family_has_one_help_and_all_its_samples_together(void **state)
{
    metric_label a = connector("a"), b = connector("b");
    (void)state;

    metric_add(metrics_counter("weir_test_rows_total", "Rows.", &b, 1), 2);
    metric_set(metrics_gauge("weir_test_between", "Other.", NULL, 0), 1);
    metric_add(metrics_counter("weir_test_rows_total", "Rows.", &a, 1), 1);
    assert_page_has("# HELP weir_test_rows_total Rows.\n"
                    "# TYPE weir_test_rows_total counter\n"
                    "weir_test_rows_total{connector=\"a\"} 1\n"
                    "weir_test_rows_total{connector=\"b\"} 2\n",
                    true);
    assert_page_has("# TYPE weir_test_between gauge\nweir_test_between 1\n", true);
}

static void the_same_name_and_labels_are_the_same_metric(void **state)
{
    metric_label a = connector("a"), b = connector("b");
    (void)state;

    assert_ptr_equal(metrics_gauge("weir_test_same", "h", &a, 1),
                     metrics_gauge("weir_test_same", "h", &a, 1));
    assert_ptr_not_equal(metrics_gauge("weir_test_same", "h", &a, 1),
                         metrics_gauge("weir_test_same", "h", &b, 1));
}

static void label_values_and_help_are_escaped(void **state)
{
    metric_label odd = connector("q\"\\\nz");
    (void)state;

    metric_set(metrics_gauge("weir_test_odd", "back\\slash \"quote\"\nline", &odd, 1), 1);
    assert_page_has("# HELP weir_test_odd back\\\\slash \"quote\"\\nline\n", true);
    assert_page_has("weir_test_odd{connector=\"q\\\"\\\\\\nz\"} 1\n", true);
}

static void numbers_are_written_in_full(void **state)
{
    metric *gauge = metrics_gauge("weir_test_number", "h", NULL, 0);
    (void)state;

    metric_set(gauge, 1234567890123456.0);
    assert_page_has("weir_test_number 1234567890123456\n", true);
    metric_set(gauge, 0.5);
    assert_page_has("weir_test_number 0.5\n", true);
    metric_set(gauge, (double)NAN);
    assert_page_has("weir_test_number NaN\n", true);
    metric_set(gauge, -(double)INFINITY);
    assert_page_has("weir_test_number -Inf\n", true);
}

static void the_metrics_of_a_deleted_connector_leave_the_page(void **state)
{
    metric_label gone = connector("gone");
    metric *held = metrics_gauge("weir_test_gone", "h", &gone, 1);
    (void)state;

    assert_page_has("weir_test_gone", true);
    metrics_remove("connector", WEIR_STR("gone"));
    assert_page_has("weir_test_gone", false);
    metric_set(held, 3); /* somebody who still holds it does no harm */
    assert_page_has("weir_test_gone", false);
}

static void collect_one(void *context, weir_buf *page)
{
    metrics_family(page, "weir_test_collected", "gauge", "h");
    metrics_sample(page, "weir_test_collected", NULL, 0, *(double *)context);
}

static void a_collector_adds_to_each_page_until_it_is_taken_out(void **state)
{
    double value = 42;
    (void)state;

    metrics_collect(collect_one, &value);
    assert_page_has("# TYPE weir_test_collected gauge\nweir_test_collected 42\n", true);
    metrics_uncollect(collect_one, &value);
    assert_page_has("weir_test_collected", false);
}

enum { ADDS = 20000 };

static void *add_many(void *counter)
{
    for (int i = 0; i < ADDS; i++)
        metric_add(counter, 1);
    return NULL;
}

static void adding_from_many_threads_loses_nothing(void **state)
{
    metric *counter = metrics_counter("weir_test_threads_total", "h", NULL, 0);
    pthread_t threads[4];
    (void)state;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, counter), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(metric_value(counter) == 4.0 * ADDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_has_one_help_and_all_its_samples_together),
        cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
        cmocka_unit_test(label_values_and_help_are_escaped),
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(the_metrics_of_a_deleted_connector_leave_the_page),
        cmocka_unit_test(a_collector_adds_to_each_page_until_it_is_taken_out),
        cmocka_unit_test(adding_from_many_threads_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
