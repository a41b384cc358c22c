/* test_process_metrics.c - a page says what this process takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/process_metrics.h"

/* The value of a sample without labels. */
static double value_of(const char *name)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf page = {0};
    char start[80];
    const char *found;

    process_metrics_collect((void *)(uintptr_t) "1.2.3", &page);
    snprintf(start, sizeof(start), "\n%s ", name);
    found = strstr(weir_buf_cstr(&page), start);
    assert_non_null(found);
    return strtod(found + strlen(start), NULL);
}

static void memory_and_time_are_those_of_this_process(void **state)
{
    (void)state;
    assert_true(value_of("process_resident_memory_bytes") > 100000);
    assert_true(value_of("process_cpu_seconds_total") >= 0);
    assert_true(value_of("process_max_fds") > 3);
}

static void an_open_file_counts_until_it_is_closed(void **state)
{
    double before = value_of("process_open_fds");
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal((int)value_of("process_open_fds"), (int)before + 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal((int)value_of("process_open_fds"), (int)before);
}

static void the_version_is_a_label(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf page = {0};
    (void)state;

    process_metrics_collect((void *)(uintptr_t) "1.2.3", &page);
    assert_non_null(strstr(weir_buf_cstr(&page), "weir_build_info{version=\"1.2.3\"} 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_and_time_are_those_of_this_process),
        cmocka_unit_test(an_open_file_counts_until_it_is_closed),
        cmocka_unit_test(the_version_is_a_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
