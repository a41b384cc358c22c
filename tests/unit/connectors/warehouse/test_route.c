/* test_route.c - which table, which columns, and what is done when they are not there. */
#include "connectors/warehouse/route.h"

#include "tests/unit/connectors/warehouse/fake_dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>

#define KEY "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}"
#define VALUE                                                                                      \
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"         \
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"]},"                                          \
    "{\"name\":\"inner\",\"type\":{\"type\":\"record\",\"name\":\"I\",\"fields\":["                \
    "{\"name\":\"x\",\"type\":\"int\"}]}}]}"
#define EVENT                                                                                      \
    "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"before\",\"type\":[\"null\","     \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"         \
    "{\"name\":\"name\",\"type\":\"string\"}]}]},{\"name\":\"after\",\"type\":[\"null\",\"R\"]},"  \
    "{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":["               \
    "{\"name\":\"lsn\",\"type\":\"long\"}]}},{\"name\":\"op\",\"type\":\"string\"}]}"

static const table_column columns[] = {
    {.name = {"id", 2}, .type = {.id = TYPE_INT8}, .declared = {"bigint", 6}},
    {.name = {"name", 4}, .type = {.id = TYPE_TEXT}, .declared = {"text", 4}, .nullable = true},
    {.name = {"inner", 5}, .type = {.id = TYPE_JSONB}, .declared = {"jsonb", 5}, .nullable = true},
};

typedef struct fixture {
    fake_dialect fake;
    routes routes;
} fixture;

static int set_up(void **state)
{
    static fixture one;

    fake_init(&one.fake);
    one.fake.columns = columns;
    one.fake.column_count = 3;
    routes_init(&one.routes, &one.fake.base);
    *state = &one;
    return 0;
}

static int tear_down(void **state)
{
    fixture *one = *state;

    routes_done(&one->routes);
    fake_done(&one->fake);
    return 0;
}

static weir_record record_of(fixture *one, const char *topic, const char *key, const char *value)
{
    weir_record record = {.topic = weir_cstr(topic), .log_topic = weir_cstr(topic)};
    weir_error err;

    if (key != NULL) {
        record.key_schema = weir_task_schema(&one->fake.task, weir_cstr(key), &err);
        record.key = WEIR_STR("k");
    }
    if (value != NULL) {
        record.value_schema = weir_task_schema(&one->fake.task, weir_cstr(value), &err);
        record.value = WEIR_STR("v");
    }
    return record;
}

/* The names of a route's columns, those of the key in brackets. */
static const char *names_of(const route *along)
{
    static char text[256];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < along->layout.count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 along->fields[i].is_key ? "[%.*s]" : " %.*s",
                                 WEIR_ARG(along->layout.columns[i].name));
    return text;
}

static void a_table_is_named_by_the_format_and_has_at_most_a_schema(void **state)
{
    static const struct {
        const char *format, *topic, *name;
        bool flattens;
    } cases[] = {
        {"${topic}", "orders", "\"orders\"", false},
        {"dwh.${topic}", "orders", "\"dwh\".\"orders\"", false},
        {"${topic}", "public.orders", "\"public\".\"orders\"", false},
        {"a_${topic}_${topic}", "x", "\"a_x_x\"", false},
        {"${topic}", "shop.public.orders", "\"shop_public_orders\"", true},
        {"dwh.${topic}", "shop.orders", "\"dwh\".\"shop_orders\"", true},
        {"${topic}", "shop.public.orders", NULL, false},
        {"${topic}", "orders.", NULL, false},
        {"${topic}", ".orders", NULL, false},
    };
    fixture *one = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err;
        table *found;

        one->fake.settings.table_name_format = weir_cstr(cases[i].format);
        one->fake.settings.flattens_topic = cases[i].flattens;
        found = routes_table(&one->routes, weir_cstr(cases[i].topic), &err);
        assert_int_equal(found != NULL, cases[i].name != NULL);
        if (found != NULL)
            assert_true(weir_str_eq(found->sql_name, weir_cstr(cases[i].name)));
        else
            assert_int_equal(err.code, WEIR_CONFIG);
    }
}

static void the_key_comes_first_and_from_where_it_is_said_to(void **state)
{
    weir_str id[] = {WEIR_STR("id")};
    const struct {
        pk_mode mode;
        weir_list fields;
        const char *names;
    } cases[] = {
        {PK_NONE, {NULL, 0}, " id name inner"},
        {PK_RECORD_KEY, {NULL, 0}, "[id] name inner"},
        {PK_RECORD_VALUE, {id, 1}, "[id] name inner"},
        {PK_RECORD_VALUE, {NULL, 0}, "[id][name][inner]"},
        {PK_KAFKA,
         {NULL, 0},
         "[__connect_topic][__connect_partition][__connect_offset] id name inner"},
    };
    fixture *one = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char topic[2] = {(char)('a' + i), '\0'};
        weir_record record = record_of(one, topic, KEY, VALUE);
        weir_error err;
        const route *along;

        one->fake.columns = NULL; /* the table is made */
        one->fake.column_count = 0;
        one->fake.settings.auto_create = true;
        one->fake.settings.pk_mode.index = cases[i].mode;
        one->fake.settings.pk_fields = cases[i].fields;
        along = routes_find(&one->routes, &record, &err);
        assert_non_null(along);
        assert_string_equal(names_of(along), cases[i].names);
    }
}

static void a_primitive_key_needs_one_name(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", "\"long\"", VALUE);
    weir_str names[] = {WEIR_STR("id"), WEIR_STR("more")};
    weir_error err;

    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    assert_null(routes_find(&one->routes, &record, &err));
    assert_non_null(strstr(err.message, "name its one column in pk.fields"));
    one->fake.settings.pk_fields = (weir_list){names, 2};
    assert_null(routes_find(&one->routes, &record, &err));
    one->fake.settings.pk_fields.count = 1;
    assert_string_equal(names_of(routes_find(&one->routes, &record, &err)), "[id] name inner");
}

static void records_without_what_a_row_needs_are_rejected_with_the_reason(void **state)
{
    static const struct {
        const char *key, *value, *message;
        pk_mode mode;
    } cases[] = {
        {NULL, VALUE, "no key with a schema", PK_RECORD_KEY},
        {NULL, "\"string\"", "the value is a string and no record", PK_NONE},
        {KEY, VALUE, "no field \"other\"", PK_RECORD_KEY},
        {KEY, "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[]}", "no field of the record",
         PK_NONE},
    };
    weir_str other[] = {WEIR_STR("other")};
    fixture *one = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_record record = record_of(one, "orders", cases[i].key, cases[i].value);
        weir_error err;

        one->fake.settings.pk_mode.index = cases[i].mode;
        one->fake.settings.pk_fields = (weir_list){other, 1};
        assert_null(routes_find(&one->routes, &record, &err));
        assert_int_equal(err.code, WEIR_REJECT);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

static void a_change_event_has_the_columns_of_its_row(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, EVENT);
    weir_error err;
    const route *along;

    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    along = routes_find(&one->routes, &record, &err);
    assert_non_null(along);
    assert_string_equal(names_of(along), "[id] name");
    assert_int_equal(along->fields[1].slot,
                     weir_plan_find(weir_schema_plan(record.value_schema), WEIR_STR("after.name")));
    one->fake.settings.pk_mode.index = PK_RECORD_VALUE;
    one->routes.dialect->settings = &one->fake.settings;
    record.topic = WEIR_STR("others");
    assert_string_equal(names_of(routes_find(&one->routes, &record, &err)), "[id][name]");
}

static void a_whitelist_leaves_out_all_but_the_key(void **state)
{
    weir_str names[] = {WEIR_STR("inner")};
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    one->fake.settings.fields_whitelist = (weir_list){names, 1};
    assert_string_equal(names_of(routes_find(&one->routes, &record, &err)), "[id] inner");
}

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

static void a_field_of_another_type_is_cast_by_the_destination(void **state)
{
    static const table_column other[] = {
        {.name = {"id", 2}, .type = {.id = TYPE_INT8}},
        {.name = {"name", 4}, .type = {.id = TYPE_OTHER}, .declared = {"mood", 4}},
        {.name = {"inner", 5}, .type = {.id = TYPE_JSONB}, .nullable = true},
    };
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;
    const route *along;

    one->fake.columns = other;
    along = routes_find(&one->routes, &record, &err);
    assert_non_null(along);
    assert_true(along->layout.has_cast);
    assert_true(weir_str_eq(along->layout.columns[1].cast, WEIR_STR("mood")));
    assert_int_equal(along->layout.columns[1].type.id, TYPE_TEXT);
    assert_int_equal(along->layout.columns[0].cast.len, 0);
}

static void a_route_is_kept_until_its_table_is_looked_at_again(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;
    const route *along = routes_find(&one->routes, &record, &err);

    assert_ptr_equal(routes_find(&one->routes, &record, &err), along);
    along->target->known = false; /* as after a rollback */
    assert_false(route_fits(along, &record));
    assert_ptr_not_equal(routes_find(&one->routes, &record, &err), along);
}

static void a_name_that_the_destination_would_cut_is_refused(void **state)
{
    fixture *one = *state;
    char topic[80] = "", value[256];
    weir_record record;
    weir_error err;

    memset(topic, 'n', 64);
    assert_null(routes_table(&one->routes, weir_cstr(topic), &err));
    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "63 bytes"));
    (void)snprintf(value, sizeof(value),
                   "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"%s\",\"type\":"
                   "\"int\"}]}",
                   topic);
    record = record_of(one, "orders", NULL, value);
    assert_null(routes_find(&one->routes, &record, &err));
    assert_non_null(strstr(err.message, "fields.whitelist"));
    one->fake.base.vendor.name_max = 0;
    assert_non_null(routes_table(&one->routes, weir_cstr(topic), &err));
}

static void more_fields_than_a_table_can_have_are_refused(void **state)
{
    fixture *one = *state;
    weir_buf text = {0};
    weir_record record;
    weir_error err;

    weir_buf_printf(&text, "{\"type\":\"record\",\"name\":\"W\",\"fields\":[");
    for (int i = 0; i < 1601; i++)
        weir_buf_printf(&text, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i > 0 ? "," : "", i);
    weir_buf_printf(&text, "]}");
    record = record_of(one, "wide", NULL, weir_buf_cstr(&text));
    assert_null(routes_find(&one->routes, &record, &err));
    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "too many columns"));
    weir_buf_done(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_named_by_the_format_and_has_at_most_a_schema),
        TEST(the_key_comes_first_and_from_where_it_is_said_to),
        TEST(a_primitive_key_needs_one_name),
        TEST(records_without_what_a_row_needs_are_rejected_with_the_reason),
        TEST(a_change_event_has_the_columns_of_its_row),
        TEST(a_whitelist_leaves_out_all_but_the_key),
        TEST(what_is_missing_in_the_destination_is_named_with_the_remedy),
        TEST(a_missing_table_is_made_and_a_missing_column_added),
        TEST(a_key_is_never_added_to_a_table),
        TEST(a_column_that_must_have_a_value_and_gets_none_is_named),
        TEST(a_field_of_another_type_is_cast_by_the_destination),
        TEST(a_route_is_kept_until_its_table_is_looked_at_again),
        TEST(a_name_that_the_destination_would_cut_is_refused),
        TEST(more_fields_than_a_table_can_have_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
