/* test_catalog.c - which tables are captured, and names and literals in SQL. */
#include "connectors/postgres-cdc/catalog.h"

#include "tests/unit/connectors/postgres-cdc/pg_result.h"
#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;

static int release(void **state)
{
    (void)state;
    pg_world_done(&world);
    return 0;
}

#define ROW(oid, name, partitioned, ancestors)                                                     \
    oid, "public", name, "d", "t", "12", "3", partitioned, ancestors

/* tree -> (low, high -> high_1), and plain */
static const char *const tree[] = {
    ROW("12", "high", "t", "{10}"), ROW("13", "high_1", "f", "{12,10}"),
    ROW("11", "low", "f", "{10}"), ROW("14", "plain", "f", "{}"), ROW("10", "tree", "t", "{}")};

/* The names of the captured tables, in their order. */
static weir_buf take(bool with_roots)
{
    PGresult *rows = pg_result_new(tree, 5, 9);
    weir_buf names = {0};

    catalog_take(&world.catalog, rows, with_roots);
    PQclear(rows);
    for (size_t i = 0; i < world.catalog.table_count; i++)
        weir_buf_printf(&names, "%.*s ", WEIR_ARG(world.catalog.tables[i].name));
    return names;
}

static void partitions_stand_for_themselves(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    weir_buf names = take(false);

    assert_string_equal(weir_buf_cstr(&names), "high_1 low plain ");
    assert_int_equal(world.diags.len, 0);
    weir_buf_done(&names);
}

static void the_topmost_stands_for_its_partitions_with_roots(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    weir_buf names = take(true);

    assert_string_equal(weir_buf_cstr(&names), "plain tree ");
    weir_buf_done(&names);
}

static void with_roots_the_lists_decide_which_is_the_topmost(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "table.exclude.list", "public.tree");
    weir_buf names = take(true);

    assert_string_equal(weir_buf_cstr(&names), "high low plain ");
    weir_buf_done(&names);
}

static void partitioned_tables_of_the_lists_are_kept_beside_their_partitions(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    weir_buf names = take(false);
    const catalog *all = &world.catalog;

    assert_int_equal(all->root_count, 2); /* high, tree */
    assert_true(catalog_is_below(&all->tables[0], &all->roots[0]));
    assert_true(catalog_is_below(&all->tables[0], &all->roots[1]));
    assert_false(catalog_is_below(&all->tables[1], &all->roots[0]));
    assert_false(catalog_is_below(&all->tables[2], &all->roots[1]));
    weir_buf_done(&names);
    release(NULL);
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    names = take(true);
    assert_int_equal(all->root_count, 0);
    weir_buf_done(&names);
}

static void a_partitioned_table_without_its_partitions_is_warned_of(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "table.include.list", "public.tree,public.high,public.high_1");
    weir_buf names = take(false);

    assert_string_equal(weir_buf_cstr(&names), "high_1 ");
    assert_int_equal(world.diags.len, 0); /* high_1 is a partition of both */
    weir_buf_done(&names);
    release(NULL);
    PG_WORLD_INIT(&world, "table.include.list", "public.tree,public.plain");
    names = take(false);
    assert_string_equal(weir_buf_cstr(&names), "plain ");
    assert_non_null(strstr(weir_buf_cstr(&world.diags), "public.tree is partitioned"));
    weir_buf_done(&names);
}

static void what_the_server_says_of_a_table_is_kept(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "table.include.list", "public.low");
    weir_buf names = take(false);
    const catalog_table *low = &world.catalog.tables[0];

    assert_int_equal(low->oid, 11);
    assert_int_equal(low->identity, 'd');
    assert_true(low->has_identity);
    assert_int_equal(low->row_count, 12);
    assert_int_equal(low->page_count, 3);
    weir_buf_done(&names);
}

static void identifiers_and_literals_survive_any_content(void **state)
{
    (void)state;
    weir_buf sql = {0};

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    catalog_add_name(&sql, WEIR_STR("my \"schema"), WEIR_STR("t.x"));
    assert_text(&sql, "\"my \"\"schema\".\"t.x\"");
    catalog_add_literal(&sql, WEIR_STR("it's a \\ \"b\""));
    assert_text(&sql, "E'it''s a \\\\ \"b\"'");
    weir_buf_done(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(partitions_stand_for_themselves, release),
        cmocka_unit_test_teardown(the_topmost_stands_for_its_partitions_with_roots, release),
        cmocka_unit_test_teardown(with_roots_the_lists_decide_which_is_the_topmost, release),
        cmocka_unit_test_teardown(partitioned_tables_of_the_lists_are_kept_beside_their_partitions,
                                  release),
        cmocka_unit_test_teardown(a_partitioned_table_without_its_partitions_is_warned_of, release),
        cmocka_unit_test_teardown(what_the_server_says_of_a_table_is_kept, release),
        cmocka_unit_test_teardown(identifiers_and_literals_survive_any_content, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
