/* test_adbc_vendor.c - what is known of a vendor: its URL, types, messages. */
#include "connectors/warehouse/adbc_vendor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void a_vendor_is_found_by_its_drivers_entry_point(void **state)
{
    static const struct {
        const char *text;
        const char *name;
    } cases[] = {
        {"adbc:/x.so?entrypoint=duckdb_adbc_init", "duckdb"},
        {"adbc:/x.so?entrypoint=AdbcDriverSnowflakeInit", NULL},
        {"adbc:/x.so", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const adbc_vendor *found;
        weir_error err;
        url where;

        (void)url_parse(weir_cstr(cases[i].text), &where, &err);
        found = adbc_vendor_find(&where);
        assert_int_equal(found != NULL, cases[i].name != NULL);
        if (found != NULL)
            assert_string_equal(found->sql->name, cases[i].name);
        assert_int_equal(adbc_vendor_check(&where, &err), found != NULL ? WEIR_OK : WEIR_CONFIG);
        url_done(&where);
    }
}

static void declared_types_are_understood(void **state)
{
    column_type type = adbc_vendor_type(WEIR_STR("DECIMAL(10,2)[]"));
    (void)state;

    assert_true(type.is_array && type.id == TYPE_NUMERIC);
    assert_int_equal(type.precision, 10);
    assert_int_equal(type.scale, 2);
    assert_int_equal(adbc_vendor_type(WEIR_STR("TIMESTAMP WITH TIME ZONE")).id, TYPE_TIMESTAMPTZ);
    assert_int_equal(adbc_vendor_type(WEIR_STR("TIMESTAMP_S")).id, TYPE_TIMESTAMP);
    assert_int_equal(adbc_vendor_type(WEIR_STR("TIMESTAMP_S")).step_micros, 1000000);
    assert_int_equal(adbc_vendor_type(WEIR_STR("HUGEINT")).id, TYPE_OTHER);
    assert_int_equal(adbc_vendor_type(WEIR_STR("")).id, TYPE_OTHER);
}

static void messages_of_the_driver_are_classified(void **state)
{
    (void)state;
    assert_int_equal(adbc_vendor_class_of_error("Constraint Error: Duplicate key"), WEIR_REJECT);
    assert_int_equal(adbc_vendor_class_of_error("IO Error: Could not set lock on file"),
                     WEIR_RETRY);
    assert_int_equal(adbc_vendor_class_of_error("Catalog Error: no such function"), WEIR_FATAL);
    assert_int_equal(
        adbc_vendor_class_of_error("Catalog Error: Table with name orders does not exist!"),
        WEIR_RETRY);
    assert_int_equal(adbc_vendor_class_of_error(""), WEIR_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vendor_is_found_by_its_drivers_entry_point),
        cmocka_unit_test(declared_types_are_understood),
        cmocka_unit_test(messages_of_the_driver_are_classified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
