/* test_store_metrics.c - a page says what a log holds. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/store_metrics.h"

static bool page_has(fixture *f, const char *line)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf page = {0};

    store_metrics_collect(f->store, &page);
    return strstr(weir_buf_cstr(&page), line) != NULL;
}

static void topics_partitions_and_bytes_are_counted(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    assert_true(page_has(f, "\nweir_log_topics 1\n")); /* __weir_metadata */
    fixture_topic(f, "t", 3);
    assert_true(page_has(f, "\nweir_log_topics 2\n"));
    assert_true(page_has(f, "\nweir_log_partitions 4\n"));
    assert_true(page_has(f, "\nweir_log_topic_size_bytes{topic=\"t\"} 0\n"));
    fixture_append_size(f, "t", 1, 5000);
    assert_false(page_has(f, "\nweir_log_topic_size_bytes{topic=\"t\"} 0\n"));
    assert_true(page_has(f, "\nweir_log_stopped 0\n"));
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(topics_partitions_and_bytes_are_counted, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
