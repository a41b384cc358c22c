/* test_snapshot_table.c - a table's ranges: cut, read, written into the offset and read again. */
#include "connectors/postgres-cdc/snapshot_table.h"

#include "tests/unit/connectors/postgres-cdc/pg_result.h"
#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;
static snapshot_table ranges;

static int release(void **state)
{
    (void)state;
    snapshot_table_done(&ranges);
    pg_world_done(&world);
    return 0;
}

enum { TEXT = 25, INT4 = 23, LINE = 628 };

static catalog_column columns[] = {
    {.name = WEIR_STR("id"), .type = INT4, .modifier = -1, .key_position = 1, .not_null = true},
    {.name = WEIR_STR("t"), .type = TEXT, .modifier = -1},
};
static catalog_table table;

static void start(weir_str left)
{
    table = (catalog_table){.oid = 1,
                            .schema = WEIR_STR("public"),
                            .name = WEIR_STR("t"),
                            .identity = 'd',
                            .columns = columns,
                            .column_count = 2,
                            .row_count = 1000,
                            .page_count = 100};
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *shape = relation_new(&world.context, &table, &world.err);
    assert_non_null(shape);
    snapshot_table_init(&ranges, &world.task, &table, shape, left);
}

static size_t cut(size_t index, const char *const *keys, int count)
{
    PGresult *result = pg_result_new(keys, count, 1);
    size_t last = snapshot_table_split(&ranges, index, result);

    PQclear(result);
    return last;
}

static void a_whole_table_is_copied_without_a_query(void **state)
{
    (void)state;
    start((weir_str){0});
    assert_int_equal(snapshot_table_range_count(&ranges), 1);
    assert_string_equal(snapshot_table_copy_sql(&ranges, 0),
                        "COPY \"public\".\"t\" (\"id\", \"t\") TO STDOUT (FORMAT binary)");
}

static void a_row_filter_is_a_condition_of_every_range(void **state)
{
    (void)state;
    static const char *const keys[] = {"10"};

    start((weir_str){0});
    table.row_filter = WEIR_STR("(a) OR (b)");
    assert_string_equal(
        snapshot_table_copy_sql(&ranges, 0),
        "COPY (SELECT \"id\", \"t\" FROM ONLY \"public\".\"t\" WHERE true AND ((a) OR (b))) "
        "TO STDOUT (FORMAT binary)");
    assert_int_equal(cut(0, keys, 1), 1);
    assert_string_equal(
        snapshot_table_copy_sql(&ranges, 1),
        "COPY (SELECT \"id\", \"t\" FROM ONLY \"public\".\"t\" WHERE (\"id\") >= (E'10') AND "
        "((a) OR (b))) TO STDOUT (FORMAT binary)");
}

static void a_partitioned_table_is_read_with_its_partitions(void **state)
{
    (void)state;
    start((weir_str){0});
    table.is_partitioned = true;
    assert_string_equal(
        snapshot_table_copy_sql(&ranges, 0),
        "COPY (SELECT \"id\", \"t\" FROM \"public\".\"t\" WHERE true) TO STDOUT (FORMAT binary)");
    assert_false(snapshot_table_is_large(&ranges, 10));
}

static void ranges_are_cut_at_keys_without_an_empty_one(void **state)
{
    (void)state;
    static const char *const keys[] = {"10", "10", "20"};

    start((weir_str){0});
    assert_int_equal(cut(0, keys, 3), 2);
    assert_int_equal(snapshot_table_range_count(&ranges), 3);
    assert_int_equal(cut(1, (const char *const[]){"15"}, 1), 2);
    assert_int_equal(snapshot_table_range_count(&ranges), 4);
    assert_non_null(
        strstr(snapshot_table_copy_sql(&ranges, 2), "(\"id\") >= (E'15') AND (\"id\") < (E'20')"));
}

static void what_is_not_done_is_in_the_offset_and_ranges_that_touch_are_one(void **state)
{
    (void)state;
    static const char *const keys[] = {"10", "20", "30"};
    weir_buf left = {0};

    start((weir_str){0});
    assert_int_equal(cut(0, keys, 3), 3);
    snapshot_table_range(&ranges, 1)->state = RANGE_DONE;
    snapshot_table_range(&ranges, 2)->state = RANGE_READING;
    snapshot_table_left(&ranges, &left);
    assert_string_equal(weir_buf_cstr(&left), "2:id,23/=<2:10,;2:20,<;");
    snapshot_table_done(&ranges);
    pg_world_done(&world);

    start(weir_buf_str(&left));
    assert_int_equal(snapshot_table_range_count(&ranges), 2);
    assert_non_null(strstr(snapshot_table_copy_sql(&ranges, 1), "WHERE (\"id\") >= (E'20')) TO"));
    weir_buf_done(&left);
}

static void an_offset_of_another_key_means_the_whole_table(void **state)
{
    (void)state;
    start(WEIR_STR("2:no,23/=<2:10,;"));
    assert_int_equal(snapshot_table_range_count(&ranges), 1);
    assert_non_null(strstr(snapshot_table_copy_sql(&ranges, 0), "COPY \"public\".\"t\""));
}

static void a_table_is_cut_when_its_estimate_is_half_again_a_range(void **state)
{
    (void)state;
    start((weir_str){0});
    assert_true(snapshot_table_is_large(&ranges, 600));
    assert_false(snapshot_table_is_large(&ranges, 700));
    ranges.row_count = -1; /* never analyzed: by its pages */
    assert_true(snapshot_table_is_large(&ranges, 700));
}

static void a_key_whose_operators_may_be_anywhere_is_not_cut(void **state)
{
    (void)state;
    static const pg_type line = {.oid = LINE, .kind = 'b', .name = WEIR_STR("line")};
    static const pg_type mood = {.oid = 70000, .kind = 'e', .name = WEIR_STR("mood")};

    start((weir_str){0});
    ranges.relation->columns[0].codec.type = &line;
    assert_false(snapshot_table_is_large(&ranges, 10));
    ranges.relation->columns[0].codec.type = &mood;
    assert_true(snapshot_table_is_large(&ranges, 10));
}

static void a_range_is_cut_by_a_sample_of_the_tables_pages(void **state)
{
    (void)state;
    start((weir_str){0});
    const char *sql = snapshot_table_split_sql(&ranges, 0, 500);

    assert_non_null(
        strstr(sql, "SELECT \"id\"::text FROM (SELECT \"id\", pg_catalog.row_number() OVER"));
    assert_non_null(strstr(sql, "TABLESAMPLE SYSTEM (40.0"));
    assert_non_null(strstr(sql, "% 200 = 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_whole_table_is_copied_without_a_query, release),
        cmocka_unit_test_teardown(a_row_filter_is_a_condition_of_every_range, release),
        cmocka_unit_test_teardown(a_partitioned_table_is_read_with_its_partitions, release),
        cmocka_unit_test_teardown(ranges_are_cut_at_keys_without_an_empty_one, release),
        cmocka_unit_test_teardown(what_is_not_done_is_in_the_offset_and_ranges_that_touch_are_one,
                                  release),
        cmocka_unit_test_teardown(an_offset_of_another_key_means_the_whole_table, release),
        cmocka_unit_test_teardown(a_table_is_cut_when_its_estimate_is_half_again_a_range, release),
        cmocka_unit_test_teardown(a_key_whose_operators_may_be_anywhere_is_not_cut, release),
        cmocka_unit_test_teardown(a_range_is_cut_by_a_sample_of_the_tables_pages, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
