/* test_fields.c - which fields of a record are written, and which are the key. */
#include "connectors/warehouse/fields.h"

#include "tests/unit/connectors/warehouse/route_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

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

        one->fake.has_created = false;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_key_comes_first_and_from_where_it_is_said_to),
        TEST(a_primitive_key_needs_one_name),
        TEST(records_without_what_a_row_needs_are_rejected_with_the_reason),
        TEST(a_change_event_has_the_columns_of_its_row),
        TEST(a_whitelist_leaves_out_all_but_the_key),
        TEST(more_fields_than_a_table_can_have_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
