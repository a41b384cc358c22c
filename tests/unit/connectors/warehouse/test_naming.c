/* test_naming.c - which table a topic becomes. */
#include "connectors/warehouse/naming.h"

#include "tests/unit/connectors/warehouse/route_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

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

static void parts_of_a_name_may_stand_in_quotes(void **state)
{
    static const struct {
        const char *full, *schema, *name; /* name NULL: refused */
    } cases[] = {
        {"\"My.Schema\".\"a\"\"b\"", "My.Schema", "a\"b"},
        {"\"orders\"", "", "orders"},
        {"dwh.\"Order Lines\"", "dwh", "Order Lines"},
        {"o\"rders", "", "o\"rders"},
        {"\"orders", NULL, NULL},
        {"\"orders\"x", NULL, NULL},
        {"\"\"", NULL, NULL},
        {"a.\"b\".c", NULL, NULL},
    };
    fixture *one = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_str schema, name;
        weir_error err;
        weir_code code =
            naming_split(&one->fake.task, weir_cstr(cases[i].full), &schema, &name, &err);

        assert_int_equal(code, cases[i].name != NULL ? WEIR_OK : WEIR_CONFIG);
        if (code != WEIR_OK)
            continue;
        assert_true(weir_str_eq(schema, weir_cstr(cases[i].schema)));
        assert_true(weir_str_eq(name, weir_cstr(cases[i].name)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_named_by_the_format_and_has_at_most_a_schema),
        TEST(a_name_that_the_destination_would_cut_is_refused),
        TEST(parts_of_a_name_may_stand_in_quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
