/* test_route.c - how the fields of records and the columns of a table meet. */
#include "connectors/warehouse/route.h"

#include "tests/unit/connectors/warehouse/route_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

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

static void a_route_is_kept_behind_a_rollback_unless_the_table_is_another_one(void **state)
{
    static table_column other[3];
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;
    const route *along = routes_find(&one->routes, &record, &err);

    assert_ptr_equal(routes_find(&one->routes, &record, &err), along);
    assert_ptr_equal(routes_known(&one->routes, &record), along);
    along->target->known = false; /* as after a rollback */
    assert_false(route_fits(along, &record));
    assert_null(routes_known(&one->routes, &record));
    assert_ptr_equal(routes_find(&one->routes, &record, &err), along);
    memcpy(other, columns, sizeof(other));
    other[1].nullable = false;
    one->fake.columns = other;
    along->target->known = false;
    assert_ptr_not_equal(routes_find(&one->routes, &record, &err), along);
}

static void a_padded_key_is_cast_so_that_it_is_found(void **state)
{
    static const table_column padded[] = {
        {.name = {"id", 2},
         .type = {.id = TYPE_TEXT},
         .declared = {"bpchar", 6},
         .is_padded = true},
        {.name = {"name", 4},
         .type = {.id = TYPE_TEXT},
         .declared = {"bpchar", 6},
         .is_padded = true},
    };
    weir_str names[] = {WEIR_STR("id"), WEIR_STR("name")};
    fixture *one = *state;
    weir_record record =
        record_of(one, "orders", "\"string\"",
                  "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"name\",\"type\":"
                  "\"string\"}]}");
    weir_error err;
    const route *along;

    one->fake.columns = padded;
    one->fake.column_count = 2;
    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    one->fake.settings.pk_fields = (weir_list){names, 1};
    along = routes_find(&one->routes, &record, &err);
    assert_non_null(along);
    assert_true(weir_str_eq(along->layout.columns[0].cast, WEIR_STR("bpchar")));
    assert_int_equal(along->layout.columns[1].cast.len, 0);
}

static void a_merge_needs_two_columns_more_than_the_table(void **state)
{
    fixture *one = *state;
    weir_record record = record_of(one, "orders", KEY, VALUE);
    weir_error err;

    one->fake.settings.pk_mode.index = PK_RECORD_KEY;
    one->fake.base.vendor.column_max = 4;
    assert_non_null(
        routes_find(&one->routes, &record, &err)); /* inserts are copied into the table */
    one->fake.settings.insert_mode.index = INSERT_MODE_UPSERT;
    record.topic = WEIR_STR("other");
    assert_null(routes_find(&one->routes, &record, &err));
    assert_int_equal(err.code, WEIR_CONFIG);
    assert_non_null(strstr(err.message, "3 columns"));
    assert_non_null(strstr(err.message, "and 2 can be merged"));
    one->fake.base.vendor.column_max = 5;
    assert_non_null(routes_find(&one->routes, &record, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_field_of_another_type_is_cast_by_the_destination),
        TEST(a_route_is_kept_behind_a_rollback_unless_the_table_is_another_one),
        TEST(a_padded_key_is_cast_so_that_it_is_found),
        TEST(a_merge_needs_two_columns_more_than_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
