/* test_convert_number.c - numerics in the modes that the settings offer, and points, equal from both forms. */
#include "tests/unit/connectors/postgres-cdc/codec_fixture.h"

enum { NUMERIC = 1700, POINT = 600 };

/* Writes the value by one of the codec's functions and compares the bytes. */
static void assert_writes(const codec *column, codec_put put, weir_str value, weir_str avro)
{
    weir_batch out = empty_batch();

    if (put(column, value, &out, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    assert_written(&out, avro);
}

static void numerics_are_written_as_the_mode_says(void **state)
{
    (void)state;
    weir_str binary = BYTES("\0\2\0\0\0\0\0\2\0\1\x13\x88"); /* 1.50 */
    const type_options text = {.decimal = DECIMAL_STRING}, number = {.decimal = DECIMAL_DOUBLE};
    codec column;

    assert_true(codec_init(&column, pg_type_builtin(NUMERIC), -1, &text, scratch));
    assert_writes(&column, column.binary, binary,
                  (weir_str)BYTES("\10"
                                  "1.50"));
    assert_writes(&column, column.text, WEIR_STR("1.50"),
                  (weir_str)BYTES("\10"
                                  "1.50"));
    assert_true(codec_init(&column, pg_type_builtin(NUMERIC), -1, &number, scratch));
    assert_writes(&column, column.binary, binary, (weir_str)BYTES("\0\0\0\0\0\0\xf8\x3f"));
    assert_writes(&column, column.text, WEIR_STR("1.50"), (weir_str)BYTES("\0\0\0\0\0\0\xf8\x3f"));
}

static const type_options plain = {.money_digits = 2};

static void points_are_written_with_their_well_known_bytes(void **state)
{
    (void)state;
    codec column;
    weir_str avro = BYTES("\0\0\0\0\0\0\xf8\x3f"
                          "\0\0\0\0\0\0\0\xc0"
                          "\2\52\1\1\0\0\0"
                          "\0\0\0\0\0\0\xf8\x3f"
                          "\0\0\0\0\0\0\0\xc0"
                          "\0");

    assert_true(codec_init(&column, pg_type_builtin(POINT), -1, &plain, scratch));
    assert_writes(&column, column.text, WEIR_STR("(1.5,-2)"), avro);
    assert_writes(&column, column.binary, (weir_str)BYTES("\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0"),
                  avro);
}

static void what_is_no_point_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",     "(",   "()",   "(,)",  "(1,)",
                                        "(,1)", "1,2", "(1,2", "(1,x)"};
    codec column;

    assert_true(codec_init(&column, pg_type_builtin(POINT), -1, &plain, scratch));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_batch out = empty_batch();

        if (column.text(&column, weir_cstr(cases[i]), &out, &err) == WEIR_OK)
            fail_msg("\"%s\" was taken", cases[i]);
    }
    weir_batch out = empty_batch();
    assert_int_equal(column.binary(&column, (weir_str)BYTES("1234567"), &out, &err), WEIR_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(numerics_are_written_as_the_mode_says, release),
        cmocka_unit_test_teardown(points_are_written_with_their_well_known_bytes, release),
        cmocka_unit_test_teardown(what_is_no_point_is_refused, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
