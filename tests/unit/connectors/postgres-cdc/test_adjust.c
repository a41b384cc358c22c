/* test_adjust.c - names of schemas and fields as Debezium's adjustment modes make them. */
#include "connectors/postgres-cdc/adjust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

typedef void (*adjust_function)(weir_str name, adjust_mode mode, weir_buf *out);

static void assert_becomes(adjust_function adjust, const char *name, adjust_mode mode,
                           const char *expected)
{
    weir_buf out = {0};

    adjust(weir_cstr(name), mode, &out);
    assert_string_equal(weir_buf_cstr(&out), expected);
    weir_buf_done(&out);
}

static void without_a_mode_a_name_stays(void **state)
{
    (void)state;
    assert_becomes(adjust_schema_name, "a-b.c d", ADJUST_NONE, "a-b.c d");
    assert_becomes(adjust_field_name, "1.a-b", ADJUST_NONE, "1.a-b");
}

static void what_avro_forbids_becomes_an_underscore(void **state)
{
    (void)state;
    assert_becomes(adjust_schema_name, "my-shop.public.a$.Key", ADJUST_AVRO,
                   "my_shop.public.a_.Key");
    assert_becomes(adjust_schema_name, ".a", ADJUST_AVRO, "_a");
    assert_becomes(adjust_field_name, "a.b_c d", ADJUST_AVRO, "a_b_c_d");
    assert_becomes(adjust_field_name, "1st", ADJUST_AVRO, "_1st");
    assert_becomes(adjust_field_name, "gr\xc3\xbc\xc3\x9f", ADJUST_AVRO, "gr__");
    assert_becomes(adjust_field_name, "x\xf0\x9f\x90\x98", ADJUST_AVRO,
                   "x__"); /* two units of UTF-16 */
}

static void what_avro_forbids_becomes_its_number(void **state)
{
    (void)state;
    assert_becomes(adjust_schema_name, "my-shop.a_b", ADJUST_UNICODE, "my_u002dshop.a_u005fb");
    assert_becomes(adjust_field_name, "a.b", ADJUST_UNICODE, "a_u002eb");
    assert_becomes(adjust_field_name, "1st", ADJUST_UNICODE, "_u0031st");
    assert_becomes(adjust_field_name, "\xe2\x82\xac", ADJUST_UNICODE, "_u20ac");
    assert_becomes(adjust_field_name, "x\xf0\x9f\x90\x98", ADJUST_UNICODE, "x_ud83d_udc18");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mode_a_name_stays),
        cmocka_unit_test(what_avro_forbids_becomes_an_underscore),
        cmocka_unit_test(what_avro_forbids_becomes_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
