/* test_table_state.c - what an answer of the server says about a table's size and files. */
#include "connectors/postgres-cdc/table_state.h"

#include "tests/unit/connectors/postgres-cdc/pg_result.h"
#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static const char *const answer[] = {"12", "-1", "7/70/public/t"};

static catalog_table take(bool is_partitioned, int rows, const char *files)
{
    PGresult *result = pg_result_new(answer, rows, 3);
    catalog_table table = {.is_partitioned = is_partitioned, .page_count = 3, .row_count = 4};
    weir_buf found = {0};

    table_state_take(&table, result, &found);
    PQclear(result);
    assert_string_equal(weir_buf_cstr(&found), files);
    weir_buf_done(&found);
    return table;
}

static void the_estimates_are_those_of_the_state(void **state)
{
    (void)state;
    catalog_table table = take(false, 1, "7/70/public/t");

    assert_int_equal(table.page_count, 12);
    assert_int_equal(table.row_count, -1);
}

static void a_partitioned_table_has_no_pages_of_its_own(void **state)
{
    (void)state;
    catalog_table table = take(true, 1, "7/70/public/t");

    assert_int_equal(table.page_count, 3);
    assert_int_equal(table.row_count, 4);
}

static void a_table_that_is_gone_has_no_files(void **state)
{
    (void)state;
    catalog_table table = take(false, 0, "");

    assert_int_equal(table.page_count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimates_are_those_of_the_state),
        cmocka_unit_test(a_partitioned_table_has_no_pages_of_its_own),
        cmocka_unit_test(a_table_that_is_gone_has_no_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
