/* test_restart.c - which documents came before a snapshot that began again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connectors/elasticsearch/restart.h"

static void an_id_precedes_by_topic_partition_and_offset(void **state)
{
    static const struct {
        const char *id;
        bool precedes;
    } cases[] = {
        {"a+b+2+0", true},
        {"a+b+2+99", true},
        {"a+b+2+100", false}, /* the record's own place */
        {"a+b+2+1000", false},
        {"a+b+3+5", false},
        {"a+b+22+5", false},
        {"a+2+5", false},
        {"a+b+2+", false},
        {"a+b+2+5x", false},
        {"a+b+2+-5", false},
        {"", false},
        {"a+b+2+99999999999999999999", false},
    };
    const weir_record record = {
        .log_topic = WEIR_STR("a+b"), .log_partition = 2, .log_offset = 100};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(restart_precedes(weir_cstr(cases[i].id), &record), cases[i].precedes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_precedes_by_topic_partition_and_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
