/* test_missing.c - which columns of a row are read from its table, and how its row is found. */
#include "connectors/postgres-cdc/missing.h"

#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;
static missing gaps;

static int release(void **state)
{
    (void)state;
    missing_done(&gaps);
    pg_world_done(&world);
    return 0;
}

enum { TEXT = 25, INT4 = 23, XML = 142, TSVECTOR = 3614 };

static catalog_column columns[] = {
    {.name = WEIR_STR("id"), .type = INT4, .modifier = -1, .key_position = 1, .not_null = true},
    {.name = WEIR_STR("t"), .type = TEXT, .modifier = -1},
    {.name = WEIR_STR("x"), .type = XML, .modifier = -1},
    {.name = WEIR_STR("v"), .type = TSVECTOR, .modifier = -1},
    {.name = WEIR_STR("secret"), .type = TEXT, .modifier = -1},
};

static const relation *start(bool has_identity)
{
    static catalog_table table;

    columns[0].identity = has_identity;
    table = (catalog_table){.oid = 77,
                            .schema = WEIR_STR("public"),
                            .name = WEIR_STR("t\"t"),
                            .identity = 'd',
                            .columns = columns,
                            .column_count = 5};
    PG_WORLD_INIT(&world, "column.exclude.list", ".*[.]secret");
    const relation *shape = relation_new(&world.context, &table, &world.err);
    assert_non_null(shape);
    return shape;
}

/* One letter for each column: its form. */
static pgoutput_tuple row_of(const char *forms)
{
    static pgoutput_value values[5];

    for (size_t i = 0; i < 5; i++)
        values[i] = (pgoutput_value){(pgoutput_form)forms[i], WEIR_STR("1")};
    return (pgoutput_tuple){5, values};
}

static void only_captured_columns_that_were_not_sent_are_missing(void **state)
{
    (void)state;
    const relation *shape = start(true);
    pgoutput_tuple row = row_of("btntt");

    assert_false(missing_any(shape, &row));
    row = row_of("btntu"); /* it is left out */
    assert_false(missing_any(shape, &row));
    row = row_of("bunnn");
    assert_true(missing_any(shape, &row));
}

static void the_row_is_found_by_its_identity_in_the_very_table(void **state)
{
    (void)state;
    const relation *shape = start(true);
    pgoutput_tuple row = row_of("buuuu");

    assert_true(missing_sql(shape, &row, &gaps.sql));
    assert_text(&gaps.sql,
                "SELECT \"t\", pg_catalog.textin(pg_catalog.xml_out(\"x\")), \"v\"::text "
                "FROM \"public\".\"t\"\"t\" WHERE (tableoid = 77 OR EXISTS (SELECT FROM "
                "pg_catalog.pg_class c WHERE c.oid = 77 AND c.relkind = 'p')) AND \"id\" = $1");
}

static void without_an_identity_nothing_is_read(void **state)
{
    (void)state;
    const relation *shape = start(false);
    pgoutput_tuple row = row_of("bunnn");
    const pgoutput_tuple *fill = &row;

    assert_false(missing_sql(shape, &row, &gaps.sql));
    assert_int_equal(missing_read(&gaps, NULL, shape, &row, &fill, &world.err), WEIR_OK);
    assert_null(fill);
}

static void a_key_that_was_not_sent_finds_no_row(void **state)
{
    (void)state;
    const relation *shape = start(true);
    pgoutput_tuple row = row_of("uunnn");

    assert_false(missing_sql(shape, &row, &gaps.sql));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(only_captured_columns_that_were_not_sent_are_missing, release),
        cmocka_unit_test_teardown(the_row_is_found_by_its_identity_in_the_very_table, release),
        cmocka_unit_test_teardown(without_an_identity_nothing_is_read, release),
        cmocka_unit_test_teardown(a_key_that_was_not_sent_finds_no_row, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
