/* test_relation_schema.c - schemas of a table's events, and defaults out of expressions. */
#include "connectors/postgres-cdc/relation_schema.h"

#include "tests/unit/connectors/postgres-cdc/pg_world.h"

static pg_world world;

static int release(void **state)
{
    (void)state;
    pg_world_done(&world);
    return 0;
}

static codec codec_of(uint32_t oid)
{
    codec made;

    assert_true(
        codec_init(&made, pg_type_builtin(oid), -1, &world.context.options, world.context.scratch));
    return made;
}

enum { BOOL = 16, INT4 = 23, TEXT = 25, TIMESTAMP = 1114, BIT = 1560, UUID = 2950, INET = 869 };

static void a_default_is_the_text_of_a_literal_or_a_placeholder_for_a_call(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *sql;
        const char *text; /* NULL: none */
    } cases[] = {
        {TEXT, "'it''s'::text", "it's"},
        {TEXT, "'a\\b'::text", "a\\b"},
        {TEXT, "'a:b'::character varying(10)", "a:b"},
        {TEXT, "''::text", ""},
        {TEXT, "NULL::text", NULL},
        {TEXT, "('a'::text || 'b'::text)", NULL},
        {TEXT, "upper('a'::text)", ""},
        {TEXT, "\"My Schema\".\"f(\"('a'::text)", ""},
        {TEXT, "public.f()", ""},
        {INT4, "42", "42"},
        {INT4, "nextval('public.orders_id_seq'::regclass)", "0"},
        {BOOL, "true", "true"},
        {BIT, "B'1'::\"bit\"", "1"},
        {TIMESTAMP, "CURRENT_TIMESTAMP", "1970-01-01 00:00:00"},
        {TIMESTAMP, "LOCALTIMESTAMP", "1970-01-01 00:00:00"},
        {UUID, "gen_random_uuid()", "00000000-0000-0000-0000-000000000000"},
        {INET, "'10.0.0.1'::inet", NULL},
        {TEXT, "'never ends", NULL},
        {TEXT, "", NULL},
    };
    weir_buf text = {0};

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec column = codec_of(cases[i].type);
        bool found = relation_schema_default(&column, weir_cstr(cases[i].sql), &text);

        if (found != (cases[i].text != NULL))
            fail_msg("%s", cases[i].sql);
        if (found)
            assert_text(&text, cases[i].text);
        weir_buf_clear(&text);
    }
    weir_buf_done(&text);
}

static void names_that_avro_forbids_become_legal_and_stay_different(void **state)
{
    (void)state;
    static catalog_column columns[] = {
        {.name = WEIR_STR("Key Id"),
         .type = INT4,
         .modifier = -1,
         .key_position = 1,
         .not_null = true},
        {.name = WEIR_STR("_xKey_20Id"), .type = INT4, .modifier = -1},
        {.name = WEIR_STR("1st"), .type = INT4, .modifier = -1},
        {.name = WEIR_STR("\xc3\xbc"), .type = INT4, .modifier = -1},
    };
    catalog_table table = {.oid = 1,
                           .schema = WEIR_STR("public"),
                           .name = WEIR_STR("1 t"),
                           .identity = 'd',
                           .columns = columns,
                           .column_count = 4};

    PG_WORLD_INIT(&world, PG_WORLD_PLAIN);
    const relation *shape = relation_new(&world.context, &table, &world.err);
    assert_non_null(shape);
    weir_str key = weir_schema_text(shape->key_schema);
    assert_str(
        key, "{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"shop.public._1_t\",\"fields\":["
             "{\"name\":\"_xKey_20Id\",\"type\":\"int\",\"weir.name\":\"Key Id\"}],"
             "\"connect.name\":\"shop.public.1_t.Key\"}");
    const weir_plan *plan = weir_schema_plan(shape->envelope);
    for (size_t i = 0; i < 4; i++) {
        weir_buf path = {0};

        weir_buf_printf(&path, "after.%.*s", WEIR_ARG(columns[i].name));
        assert_int_equal(weir_plan_find(plan, weir_buf_str(&path)), shape->columns[i].plan_column);
        weir_buf_done(&path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_default_is_the_text_of_a_literal_or_a_placeholder_for_a_call,
                                  release),
        cmocka_unit_test_teardown(names_that_avro_forbids_become_legal_and_stay_different, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
