/* test_settings.c - the table of settings: Debezium's names, what is refused, what becomes of them. */
#include "connectors/postgres-cdc/settings.h"

#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;

static int release(void **state)
{
    (void)state;
    pg_world_done(&world);
    return 0;
}

static weir_code bind_one(const char *name, const char *value)
{
    const char *pairs[] = {name, value};

    return pg_world_bind(&world, pairs, 1);
}

static void every_setting_is_there_once_and_says_what_it_is(void **state)
{
    (void)state;
    pg_world_start(&world);
    for (size_t i = 0; i < SETTINGS_FIELD_COUNT; i++) {
        assert_non_null(settings_fields[i].doc);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(settings_fields[i].name, settings_fields[j].name);
    }
}

static void the_defaults_are_debeziums(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    assert_int_equal(world.settings.port, 5432);
    assert_str(world.settings.slot_name, "debezium");
    assert_str(world.settings.publication_name, "dbz_publication");
    assert_int_equal(world.settings.snapshot_mode.index, SNAPSHOT_INITIAL);
    assert_true(world.settings.tombstones_on_delete);
    assert_true(settings_skips(&world.settings, 't'));
    assert_false(settings_skips(&world.settings, 'u'));
    assert_string_equal(settings_sslmode(&world.settings), "prefer");
}

static void what_is_refused_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"slot.name", "Big-Slot"},
        {"topic.prefix", "a b"},
        {"skipped.operations", "x"},
        {"snapshot.mode", "sometimes"},
        {"slot.drop.on.stop", "true"},
        {"schema.name.adjustment.mode", "ascii"},
        {"column.mask.with.5.chars", "a"},
        {"snapshot.select.statement.overrides.public.t", "select 1"},
        {"flush.lsn.source", "false"},
        {"hstore.handling.mode", "map"},
        {"unavailable.value.placeholder", "hex:00"},
        {"snapshot.max.threads", "17"},
        {"snapshot.chunk.size", "99"},
        {"database.port", "65536"},
        {"topic.delimiter", "::"},
        {"decimal.handling.mode", "exact"},
    };

    pg_world_start(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(bind_one(cases[i][0], cases[i][1]), WEIR_CONFIG);
        assert_non_null(strstr(world.err.message, cases[i][0]));
    }
}

static void debeziums_defaults_may_be_spelled_out(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"flush.lsn.source", "true"},
        {"read.only", "false"},
        {"hstore.handling.mode", "json"},
        {"snapshot.query.mode", "select_all"},
        {"topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy"},
        {"snapshot.delay.ms", "0"},
        {"slot.drop.on.stop", "false"},
        {"topic.cache.size", "10000"},
    };

    pg_world_start(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (bind_one(cases[i][0], cases[i][1]) != WEIR_OK)
            fail_msg("%s", world.err.message);
    }
}

static void lists_that_exclude_each_other_are_refused(void **state)
{
    (void)state;
    static const char *const pairs[] = {"column.include.list", "a", "column.exclude.list", "b"};

    pg_world_start(&world);
    assert_int_equal(pg_world_bind(&world, pairs, 2), WEIR_CONFIG);
    assert_non_null(strstr(world.err.message, "column.include.list and column.exclude.list"));
}

static void modes_of_types_reach_the_codecs(void **state)
{
    (void)state;
    PG_WORLD_INIT(&world, "decimal.handling.mode", "string", "time.precision.mode", "connect",
                  "interval.handling.mode", "string", "binary.handling.mode", "hex",
                  "money.fraction.digits", "4", "unavailable.value.placeholder", "gone",
                  "skipped.operations", "c,d");
    type_options options = settings_types(&world.settings);

    assert_int_equal(options.decimal, DECIMAL_STRING);
    assert_int_equal(options.time, TIME_CONNECT);
    assert_int_equal(options.interval, INTERVAL_STRING);
    assert_int_equal(options.binary, BINARY_HEX);
    assert_int_equal(options.money_digits, 4);
    assert_str(options.placeholder, "gone");
    assert_true(settings_skips(&world.settings, 'd'));
    assert_false(settings_skips(&world.settings, 't'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_setting_is_there_once_and_says_what_it_is, release),
        cmocka_unit_test_teardown(the_defaults_are_debeziums, release),
        cmocka_unit_test_teardown(what_is_refused_is_named, release),
        cmocka_unit_test_teardown(debeziums_defaults_may_be_spelled_out, release),
        cmocka_unit_test_teardown(lists_that_exclude_each_other_are_refused, release),
        cmocka_unit_test_teardown(modes_of_types_reach_the_codecs, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
