/* test_convert_text.c - bytes, single bytes and hstore, equal from both forms. */
#include "tests/unit/connectors/postgres-cdc/codec_fixture.h"

enum { BYTEA = 17, CHAR = 18 };

static const type_options plain = {.money_digits = 2};
static const pg_type hstore = {.oid = 90000, .kind = 'b', .name = WEIR_STR("hstore")};

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

static void a_single_byte_is_text_whatever_it_is(void **state)
{
    (void)state;
    codec column;

    assert_true(codec_init(&column, pg_type_builtin(CHAR), -1, &plain, scratch));
    assert_writes(&column, column.binary, (weir_str)BYTES("x"), (weir_str)BYTES("\2x"));
    assert_writes(&column, column.binary, (weir_str)BYTES("\0"), (weir_str)BYTES("\0"));
    assert_writes(&column, column.text, (weir_str)BYTES(""), (weir_str)BYTES("\0"));
    assert_writes(&column, column.binary, (weir_str)BYTES("\xff"), (weir_str)BYTES("\10\\377"));
    assert_writes(&column, column.text, (weir_str)BYTES("\xff"), (weir_str)BYTES("\10\\377"));
    assert_writes(&column, column.text, (weir_str)BYTES("\\377"), (weir_str)BYTES("\10\\377"));
}

static void hstore_is_written_as_json(void **state)
{
    (void)state;
    static const struct {
        weir_str text, binary, avro;
    } cases[] = {
        {BYTES(""), BYTES("\0\0\0\0"), BYTES("\4{}")},
        {BYTES("\"a\"=>\"1\", \"b\"=>NULL"),
         BYTES("\0\0\0\2\0\0\0\1a\0\0\0\0011\0\0\0\1b\377\377\377\377"),
         BYTES("\44{\"a\":\"1\",\"b\":null}")},
        {BYTES("\"q\\\"\\\\\"=>\"NULL\""), BYTES("\0\0\0\1\0\0\0\3q\"\\\0\0\0\4NULL"),
         BYTES("\40{\"q\\\"\\\\\":\"NULL\"}")},
    };
    codec column;

    assert_true(codec_init(&column, &hstore, -1, &plain, scratch));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_writes(&column, column.text, cases[i].text, cases[i].avro);
        assert_writes(&column, column.binary, cases[i].binary, cases[i].avro);
    }
}

static void what_is_no_hstore_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"a",           "\"a",          "\"a\"",
                                        "\"a\"=>",     "\"a\"=>b",     "\"a\"=>\"b",
                                        "\"a\"=>\"\\", "\"a\"=>NULLx", "\"a\"=>\"b\"x"};
    weir_str whole = BYTES("\0\0\0\1\0\0\0\1a\0\0\0\0011");
    codec column;

    assert_true(codec_init(&column, &hstore, -1, &plain, scratch));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_batch out = empty_batch();

        if (column.text(&column, weir_cstr(cases[i]), &out, &err) == WEIR_OK)
            fail_msg("\"%s\" was taken", cases[i]);
    }
    for (size_t size = 0; size <= whole.len; size++) {
        weir_batch out = empty_batch();
        weir_code code = column.binary(&column, (weir_str){whole.ptr, size}, &out, &err);

        assert_int_equal(code, size == whole.len ? WEIR_OK : WEIR_FATAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bytes_are_written_as_the_mode_says, release),
        cmocka_unit_test_teardown(bytes_that_are_not_hexadecimal_are_refused, release),
        cmocka_unit_test_teardown(a_single_byte_is_text_whatever_it_is, release),
        cmocka_unit_test_teardown(hstore_is_written_as_json, release),
        cmocka_unit_test_teardown(what_is_no_hstore_is_refused, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
