/* test_announced.c - what the server announces holds, completed by the catalog as it is now. */
#include "connectors/postgres-cdc/announced.h"

#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;
static announced relations;

static int release(void **state)
{
    (void)state;
    announced_done(&relations);
    pg_world_done(&world);
    return 0;
}

static void start(void)
{
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    announced_init(&relations, &world.context);
}

enum { TEXT = 25, INT4 = 23 };

static catalog_column known_columns[] = {
    {.name = WEIR_STR("a"),
     .type = INT4,
     .modifier = -1,
     .not_null = true,
     .key_position = 2,
     .default_sql = WEIR_STR("7")},
    {.name = WEIR_STR("b"), .type = TEXT, .modifier = -1, .not_null = true, .key_position = 1},
    {.name = WEIR_STR("c"), .type = TEXT, .modifier = -1},
};
static const catalog_table known = {.columns = known_columns, .column_count = 3};

static catalog_table merge(char identity, const pgoutput_column *columns, uint16_t count)
{
    pgoutput_message message = {.kind = PGOUTPUT_RELATION, .relation = 1};
    catalog_table table = {.identity = identity};

    message.table.identity = identity;
    message.table.columns = columns;
    message.table.count = count;
    announced_merge(&world.task, &message, &known, &table);
    assert_int_equal(table.column_count, count);
    return table;
}

static void the_catalog_completes_what_was_announced(void **state)
{
    (void)state;
    static const pgoutput_column sent[] = {
        {.identity = true, .name = WEIR_STR("a"), .type = INT4, .modifier = -1},
        {.identity = true, .name = WEIR_STR("b"), .type = TEXT, .modifier = 14}};
    start();
    catalog_table table = merge('d', sent, 2);

    assert_true(table.columns[0].not_null);
    assert_str(table.columns[0].default_sql, "7");
    assert_int_equal(table.columns[0].key_position, 2);
    assert_int_equal(table.columns[1].key_position, 1);
    assert_int_equal(table.columns[1].modifier, 14);
}

static void a_column_that_the_catalog_has_no_more_is_as_announced(void **state)
{
    (void)state;
    static const pgoutput_column sent[] = {{.name = WEIR_STR("gone"), .type = TEXT, .modifier = -1},
                                           {.name = WEIR_STR("a"), .type = TEXT, .modifier = -1}};
    start();
    catalog_table table = merge('f', sent, 2);

    assert_false(table.columns[0].not_null);
    assert_false(table.columns[1].not_null); /* of another type: not the same column */
    assert_int_equal(table.columns[1].default_sql.len, 0);
}

static void a_key_that_has_changed_since_is_taken_from_the_flags(void **state)
{
    (void)state;
    static const pgoutput_column sent[] = {
        {.name = WEIR_STR("a"), .type = INT4, .modifier = -1},
        {.identity = true, .name = WEIR_STR("c"), .type = TEXT, .modifier = -1},
        {.identity = true, .name = WEIR_STR("b"), .type = TEXT, .modifier = -1}};
    start();
    catalog_table table = merge('d', sent, 3);

    assert_int_equal(table.columns[0].key_position, 0);
    assert_int_equal(table.columns[1].key_position, 1);
    assert_int_equal(table.columns[2].key_position, 2);
    assert_true(table.columns[1].not_null);
}

static void without_a_flag_a_unique_index_may_be_the_key(void **state)
{
    (void)state;
    static const pgoutput_column sent[] = {{.name = WEIR_STR("a"), .type = INT4, .modifier = -1},
                                           {.name = WEIR_STR("b"), .type = TEXT, .modifier = -1}};
    start();
    catalog_table table = merge('d', sent, 2);

    assert_int_equal(table.columns[0].key_position, 2);
    assert_int_equal(table.columns[1].key_position, 1);
}

static void flags_mark_the_columns_of_an_identity_that_is_not_full(void **state)
{
    (void)state;
    static const pgoutput_column sent[] = {
        {.identity = true, .name = WEIR_STR("c"), .type = TEXT, .modifier = -1}};
    start();
    assert_true(merge('i', sent, 1).columns[0].identity);
    assert_true(merge('d', sent, 1).columns[0].identity);
    assert_false(merge('f', sent, 1).columns[0].identity); /* all are flagged then */
    assert_int_equal(merge('f', sent, 1).columns[0].key_position, 0);
}

static void a_relation_that_was_not_announced_is_tried_again(void **state)
{
    (void)state;
    relation *found = NULL;

    start();
    assert_int_equal(announced_find(&relations, 77, &found, &world.err), WEIR_RETRY);
    assert_non_null(strstr(world.err.message, "relation 77"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_catalog_completes_what_was_announced, release),
        cmocka_unit_test_teardown(a_column_that_the_catalog_has_no_more_is_as_announced, release),
        cmocka_unit_test_teardown(a_key_that_has_changed_since_is_taken_from_the_flags, release),
        cmocka_unit_test_teardown(without_a_flag_a_unique_index_may_be_the_key, release),
        cmocka_unit_test_teardown(flags_mark_the_columns_of_an_identity_that_is_not_full, release),
        cmocka_unit_test_teardown(a_relation_that_was_not_announced_is_tried_again, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
