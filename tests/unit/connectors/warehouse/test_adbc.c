/* test_adbc.c - what is refused before a driver is loaded. */
#include "connectors/warehouse/dialect.h"

#include "sdk/src/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static weir_error refusal(const char *text, int number)
{
    const settings config = {.buffer_bytes = 65536};
    weir_error err = {.code = WEIR_OK};
    weir_task task;
    url where;

    task_init(&task, WEIR_STR("shop.dwh"), number, NULL, NULL);
    (void)url_parse(weir_cstr(text), &where, &err);
    assert_null(adbc_open(&task, &config, &where, &err));
    url_done(&where);
    task_done(&task);
    return err;
}

static void a_vendor_without_a_dialect_is_refused_with_the_one_that_has(void **state)
{
    weir_error err = refusal("adbc:/x.so?entrypoint=AdbcDriverFlightSqlInit", 0);
    (void)state;

    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "supported is DuckDB"));
}

static void a_second_task_is_refused_where_a_file_has_one_writer(void **state)
{
    weir_error err = refusal("adbc:/x.so?entrypoint=duckdb_adbc_init&path=/tmp/x.db", 1);
    (void)state;

    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "tasks.max=1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vendor_without_a_dialect_is_refused_with_the_one_that_has),
        cmocka_unit_test(a_second_task_is_refused_where_a_file_has_one_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
