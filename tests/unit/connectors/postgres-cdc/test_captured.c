/* test_captured.c - specimens have every schema that a table's events have. */
#include "connectors/postgres-cdc/captured.h"

#include "sdk/src/batch.h"
#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;
static captured self;
static event events;
static weir_batch *batch;

static int release(void **state)
{
    (void)state;
    event_done(&events);
    captured_done(&self);
    pg_world_done(&world);
    batch_free(batch);
    batch = NULL;
    return 0;
}

#define COLUMN(label, oid, ...)                                                                    \
    {                                                                                              \
        .name = WEIR_STR(label), .type = oid, .modifier = -1, __VA_ARGS__                          \
    }

/* One of each, NOT NULL: what stands for a value must be valid. */
static catalog_column every_type[] = {
    COLUMN("id", 23, .key_position = 1, .not_null = true),
    COLUMN("b", 16, .not_null = true),
    COLUMN("i8", 20, .not_null = true),
    COLUMN("i2", 21, .not_null = true),
    COLUMN("t", 25, .not_null = true),
    COLUMN("f4", 700, .not_null = true),
    COLUMN("f8", 701, .not_null = true),
    COLUMN("n", 1700, .not_null = true),
    COLUMN("d", 1082, .not_null = true),
    COLUMN("tm", 1083, .not_null = true),
    COLUMN("ts", 1114, .not_null = true),
    COLUMN("tz", 1184, .not_null = true),
    COLUMN("iv", 1186, .not_null = true),
    COLUMN("u", 2950, .not_null = true),
    COLUMN("j", 3802, .not_null = true),
    COLUMN("by", 17, .not_null = true),
    COLUMN("a", 1007, .not_null = true),
    COLUMN("at", 1009, .not_null = true),
    COLUMN("o", 25),
    COLUMN("od", 23, .default_sql = WEIR_STR("7")),
};
static catalog_column keyless[] = {COLUMN("v", 25)};

static catalog_table tables[] = {
    {.oid = 1,
     .schema = WEIR_STR("public"),
     .name = WEIR_STR("all"),
     .identity = 'd',
     .columns = every_type,
     .column_count = sizeof(every_type) / sizeof(every_type[0])},
    {.oid = 2,
     .schema = WEIR_STR("public"),
     .name = WEIR_STR("bare"),
     .identity = 'f',
     .columns = keyless,
     .column_count = 1},
};

/* The tables as if they had been read. */
static void write_specimens(void)
{
    static relation *relations[2];

    for (size_t i = 0; i < 2; i++) {
        relations[i] = relation_new(&world.context, &tables[i], &world.err);
        assert_non_null(relations[i]);
    }
    self = (captured){.catalog = {.task = &world.task, .tables = tables, .table_count = 2},
                      .relations = relations};
    event_init(&events, &world.settings);
    batch = batch_new(1 << 16);
    batch_set_checked(batch, true);
    assert_int_equal(captured_write(&self, &events, batch, &world.err), WEIR_OK);
}

/* "k" with a key, "v" with a value; one word for each record. */
static void assert_records(const char *expected)
{
    weir_buf found = {0};
    weir_record record = {0};

    while (weir_record_next(batch, &record)) {
        weir_buf_printf(&found, "%s%s%s ", record.topic.ptr[12] == 'a' ? "all:" : "bare:",
                        record.key.ptr != NULL ? "k" : "", record.value.ptr != NULL ? "v" : "");
    }
    assert_text(&found, expected);
    weir_buf_done(&found);
}

static void each_table_has_a_row_a_delete_and_its_tombstone(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    write_specimens();
    assert_records("all:kv all:kv all:k bare:v bare:v bare: ");
}

static void what_the_connector_leaves_out_is_left_out(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "tombstones.on.delete", "false", "skipped.operations", "c,u");
    write_specimens();
    assert_records("all:kv all:kv bare:v bare:v ");
}

static void the_schemas_are_those_of_the_relation(void **state)
{
    weir_record record = {0};
    (void)state;

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    write_specimens();
    assert_true(weir_record_next(batch, &record));
    assert_ptr_equal(record.key_schema, self.relations[0]->key_schema);
    assert_ptr_equal(record.value_schema, self.relations[0]->envelope);
    assert_str(record.topic, "shop.public.all");
}

static void too_many_tables_are_told(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    write_specimens();
    batch_free(batch);
    batch = batch_new(64);
    assert_int_equal(captured_write(&self, &events, batch, &world.err), WEIR_CONFIG);
    assert_non_null(strstr(world.err.message, "table.include.list"));
}

static void what_was_not_read_has_no_table(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    write_specimens();
    assert_int_equal(captured_find(&self, WEIR_STR("public"), WEIR_STR("all")), -1);
    assert_int_equal(captured_find_oid(&self, 1), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(each_table_has_a_row_a_delete_and_its_tombstone),
        TEST(what_the_connector_leaves_out_is_left_out),
        TEST(the_schemas_are_those_of_the_relation),
        TEST(too_many_tables_are_told),
        TEST(what_was_not_read_has_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
