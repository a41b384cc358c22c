/* test_evolve.c - what is done when a table or a column is not there. */
#include "connectors/warehouse/evolve.h"

#include "tests/unit/connectors/warehouse/route_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void what_is_missing_in_the_destination_is_named_with_the_remedy(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.columns = NULL;
    one->fake.column_count = 0;
    assert_null(routes_find(&one->routes, &record, &err));
    assert_string_equal(err.message,
                        "table \"orders\" does not exist: create it, or set auto.create=true");
    one->fake.columns = columns;
    one->fake.column_count = 2;
    record.topic = WEIR_STR("narrow");
    assert_null(routes_find(&one->routes, &record, &err));
    assert_string_equal(err.message, "table \"narrow\" has no column \"inner\": add it, or set "
                                     "auto.evolve=true");
}

static void a_missing_table_is_made_and_a_missing_column_added(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.settings.auto_create = one->fake.settings.auto_evolve = true;
    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    one->fake.column_count = 2;
    assert_non_null(routes_find(&one->routes, &record, &err));
    assert_string_equal(fake_said(&one->fake),
                        "ALTER TABLE \"orders\" ADD COLUMN IF NOT EXISTS \"inner\" jsonb\n");
    weir_buf_clear(&one->fake.said);
    one->fake.columns = NULL;
    one->fake.column_count = 0;
    record.topic = WEIR_STR("new");
    assert_non_null(routes_find(&one->routes, &record, &err));
    assert_string_equal(fake_said(&one->fake), "CREATE TABLE IF NOT EXISTS \"new\" (\"id\" bigint "
                                               "NOT NULL, \"name\" text, \"inner\" jsonb "
                                               "NOT NULL, PRIMARY KEY (\"id\"))\n");
}

static void a_key_is_never_added_to_a_table(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.settings.auto_evolve = true;
    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    one->fake.columns = columns + 1;
    one->fake.column_count = 2;
    assert_null(routes_find(&one->routes, &record, &err));
    assert_non_null(strstr(err.message, "a key cannot be added to a table"));
}

static void a_column_that_must_have_a_value_and_gets_none_is_named(void **state)
{
    static const table_column strict[] = {
        {.name = {"id", 2}, .type = {.id = TYPE_INT8}},
        {.name = {"name", 4}, .type = {.id = TYPE_TEXT}, .nullable = true},
        {.name = {"inner", 5}, .type = {.id = TYPE_JSONB}},
        {.name = {"made", 4}, .type = {.id = TYPE_TEXT}, .has_default = true},
        {.name = {"tax", 3}, .type = {.id = TYPE_INT4}},
    };
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.columns = strict;
    one->fake.column_count = 5;
    assert_null(routes_find(&one->routes, &record, &err));
    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "column \"tax\" of table \"orders\" is NOT NULL"));
}

static weir_code find_nothing(dialect *base, table *target, weir_error *err)
{
    (void)err;
    table_found(target, base->task, false, NULL, 0);
    return WEIR_OK;
}

/* Rows for it would be dropped: there is nowhere to put them. */
static void a_table_that_is_made_and_not_found_is_an_error(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    dialect_ops blind = *one->fake.base.ops;
    weir_error err;

    blind.describe = find_nothing;
    one->fake.base.ops = &blind;
    one->fake.settings.auto_create = true;
    assert_null(routes_find(&one->routes, &record, &err));
    assert_int_equal(err.code, WEIR_FATAL);
    assert_non_null(strstr(err.message, "\"orders\" was made by auto.create and is not found"));
}

static void a_column_that_the_destination_computes_is_named(void **state)
{
    static const table_column computed[] = {
        {.name = {"id", 2}, .type = {.id = TYPE_INT8}},
        {.name = {"name", 4}, .type = {.id = TYPE_TEXT}, .has_default = true, .is_computed = true},
        {.name = {"inner", 5}, .type = {.id = TYPE_JSONB}},
    };
    weir_str names[] = {WEIR_STR("id"), WEIR_STR("inner")};
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.columns = computed;
    assert_null(routes_find(&one->routes, &record, &err));
    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "column \"name\" of table \"orders\" is computed"));
    one->fake.settings.fields_whitelist = (weir_list){names, 2};
    assert_non_null(routes_find(&one->routes, &record, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_missing_in_the_destination_is_named_with_the_remedy),
        TEST(a_missing_table_is_made_and_a_missing_column_added),
        TEST(a_key_is_never_added_to_a_table),
        TEST(a_column_that_must_have_a_value_and_gets_none_is_named),
        TEST(a_table_that_is_made_and_not_found_is_an_error),
        TEST(a_column_that_the_destination_computes_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
