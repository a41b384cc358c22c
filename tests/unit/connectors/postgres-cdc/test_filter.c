/* test_filter.c - which schemas, tables and columns are captured. */
#include "connectors/postgres-cdc/filter.h"

#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;

static int release(void **state)
{
    (void)state;
    pg_world_done(&world);
    return 0;
}

static bool takes(const char *schema, const char *table)
{
    return filter_takes_table(world.filter, weir_cstr(schema), weir_cstr(table));
}

static bool takes_column(const char *column)
{
    return filter_takes_column(world.filter, WEIR_STR("public"), WEIR_STR("orders"),
                               weir_cstr(column));
}

static void without_lists_everything_is_taken(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    assert_true(takes("public", "orders"));
    assert_true(takes_column("id"));
}

static void an_expression_has_to_match_the_whole_name_in_any_case(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "table.include.list", "public.ord, PUBLIC\\.customers ,other[.]t\\d+");
    assert_false(takes("public", "orders"));
    assert_true(takes("public", "ord"));
    assert_true(takes("Public", "Customers"));
    assert_true(takes("other", "t12"));
    assert_false(takes("other", "t12x"));
    assert_false(takes("another", "t12"));
}

static void a_table_has_to_pass_the_lists_of_schemas_and_of_tables(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "schema.include.list", "shop_.*", "table.exclude.list", ".*\\.secret");
    assert_true(takes("shop_a", "orders"));
    assert_false(takes("shop_a", "secret"));
    assert_false(takes("public", "orders"));
}

static void columns_are_excluded_by_their_full_names(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "column.exclude.list", "public.orders.note,.*[.]secret_.*");
    assert_true(takes_column("id"));
    assert_false(takes_column("note"));
    assert_false(takes_column("secret_x"));
    assert_true(takes_column("not"));
}

static void the_first_rule_that_matches_a_table_names_its_key(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "message.key.columns", "public.orders:a,b; (.*)\\.t:c;;.*:z");
    weir_str schema = WEIR_STR("public");

    assert_str(filter_key_columns(world.filter, schema, WEIR_STR("orders")), "a,b");
    assert_str(filter_key_columns(world.filter, schema, WEIR_STR("t")), "c");
    assert_str(filter_key_columns(world.filter, schema, WEIR_STR("x")), "z");
}

static void without_a_rule_there_are_no_key_columns(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "message.key.columns", "public.orders:a");
    assert_int_equal(filter_key_columns(world.filter, WEIR_STR("public"), WEIR_STR("o")).len, 0);
}

static void what_is_no_expression_names_the_setting_and_the_place(void **state)
{
    (void)state;
    static const char *const pairs[] = {"table.include.list", "a.b,public.(orders"};

    pg_world_start(&world);
    assert_int_equal(pg_world_bind(&world, pairs, 1), WEIR_OK);
    assert_int_equal(pg_world_compile(&world), WEIR_CONFIG);
    assert_non_null(strstr(world.err.message, "table.include.list: \"public.(orders\""));
    assert_non_null(strstr(world.err.message, "at character 14"));
}

static void a_rule_without_columns_shows_how_it_is_written(void **state)
{
    (void)state;
    static const char *const pairs[] = {"message.key.columns", "public.orders"};

    pg_world_start(&world);
    assert_int_equal(pg_world_bind(&world, pairs, 1), WEIR_OK);
    assert_int_equal(pg_world_compile(&world), WEIR_CONFIG);
    assert_non_null(strstr(world.err.message, "is not schema.table:column,column"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_lists_everything_is_taken, release),
        cmocka_unit_test_teardown(an_expression_has_to_match_the_whole_name_in_any_case, release),
        cmocka_unit_test_teardown(a_table_has_to_pass_the_lists_of_schemas_and_of_tables, release),
        cmocka_unit_test_teardown(columns_are_excluded_by_their_full_names, release),
        cmocka_unit_test_teardown(the_first_rule_that_matches_a_table_names_its_key, release),
        cmocka_unit_test_teardown(without_a_rule_there_are_no_key_columns, release),
        cmocka_unit_test_teardown(what_is_no_expression_names_the_setting_and_the_place, release),
        cmocka_unit_test_teardown(a_rule_without_columns_shows_how_it_is_written, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
