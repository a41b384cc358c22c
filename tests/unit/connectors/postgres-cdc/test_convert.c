/* test_convert.c - bytes and numerics in the modes that the settings offer, equal from both forms. */
#include "tests/unit/connectors/postgres-cdc/codec_fixture.h"

enum { BYTEA = 17, NUMERIC = 1700, MONEY = 790 };

/* Writes the value by one of the codec's functions and compares the bytes. */
static void assert_writes(const codec *column, codec_put put, weir_str value, weir_str avro)
{
    weir_batch out = empty_batch();

    if (put(column, value, &out, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    assert_written(&out, avro);
}

static void bytes_are_written_as_the_mode_says(void **state)
{
    (void)state;
    static const struct {
        binary_mode mode;
        weir_str binary;
        weir_str text;
        weir_str avro;
    } cases[] = {
        {BINARY_BYTES, BYTES("\xfb\xff\0"), BYTES("\\xfbff00"), BYTES("\6\xfb\xff\0")},
        {BINARY_HEX, BYTES("\xfb\xff\0"), BYTES("\\xfbff00"),
         BYTES("\14"
               "fbff00")},
        {BINARY_BASE64, BYTES("\xfb\xff\0"), BYTES("\\xfbff00"), BYTES("\10+/8A")},
        {BINARY_BASE64_URL, BYTES("\xfb\xff\0"), BYTES("\\xfbff00"), BYTES("\10-_8A")},
        {BINARY_BASE64, BYTES("\xfb"), BYTES("\\xfb"), BYTES("\10+w==")},
        {BINARY_BASE64, BYTES("\xfb\xff"), BYTES("\\xfbff"), BYTES("\10+/8=")},
        {BINARY_BASE64, BYTES(""), BYTES("\\x"), BYTES("\0")},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const type_options options = {.binary = cases[i].mode};
        codec column;

        assert_true(codec_init(&column, pg_type_builtin(BYTEA), -1, &options, scratch));
        assert_writes(&column, column.binary, cases[i].binary, cases[i].avro);
        assert_writes(&column, column.text, cases[i].text, cases[i].avro);
    }
}

static void bytes_that_are_not_hexadecimal_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "x", "\\", "\\x0", "\\xgg", "\\000", "\\xAB"};
    const type_options options = {.binary = BINARY_BYTES};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_batch out = empty_batch();
        codec column;

        assert_true(codec_init(&column, pg_type_builtin(BYTEA), -1, &options, scratch));
        if (column.text(&column, weir_cstr(cases[i]), &out, &err) == WEIR_OK)
            fail_msg("\"%s\" was taken", cases[i]);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bytes_are_written_as_the_mode_says, release),
        cmocka_unit_test_teardown(bytes_that_are_not_hexadecimal_are_refused, release),
        cmocka_unit_test_teardown(numerics_are_written_as_the_mode_says, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
