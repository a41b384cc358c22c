/* test_convert_time.c - dates, times and intervals, equal from both forms, and what neither of them is. */
#include "tests/unit/connectors/postgres-cdc/codec_fixture.h"

enum { DATE = 1082, TIMESTAMP = 1114, TIMESTAMPTZ = 1184, TIMETZ = 1266, INTERVAL = 1186 };

static const type_options options = {.interval = INTERVAL_STRING};

static codec codec_of(uint32_t type)
{
    codec made;

    assert_true(codec_init(&made, pg_type_builtin(type), -1, &options, scratch));
    return made;
}

static void both_forms_are_the_same_value(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        weir_str text, binary, avro;
    } cases[] = {
        {DATE, BYTES("2000-01-02"), BYTES("\0\0\0\1"), BYTES("\x9c\xab\1")},
        {DATE, BYTES("infinity"), BYTES("\x7f\xff\xff\xff"), BYTES("\xe7\xd4\xfe\xff\xf")},
        {TIMESTAMP, BYTES("1970-01-01 00:00:00.000001"), BYTES("\xff\xfc\xa2\xfe\xc4\xc8\x20\1"),
         BYTES("\2")},
        {TIMESTAMPTZ, BYTES("-infinity"), BYTES("\x80\0\0\0\0\0\0\0"), BYTES("\22-infinity")},
        {TIMETZ, BYTES("01:00:00+01"), BYTES("\0\0\0\0\xd6\x93\xa4\0\xff\xff\xf1\xf0"),
         BYTES("\22"
               "00:00:00Z")},
        {INTERVAL, BYTES("1 mon 2 days 00:00:03"), BYTES("\0\0\0\0\0\x2d\xc6\xc0\0\0\0\2\0\0\0\1"),
         BYTES("\34P0Y1M2DT0H0M3S")},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        codec column = codec_of(cases[i].type);
        weir_batch out = empty_batch();

        if (column.text(&column, cases[i].text, &out, &err) != WEIR_OK)
            fail_msg("%s", err.message);
        assert_written(&out, cases[i].avro);
        out = empty_batch();
        if (column.binary(&column, cases[i].binary, &out, &err) != WEIR_OK)
            fail_msg("%s", err.message);
        assert_written(&out, cases[i].avro);
    }
}

static void what_is_no_value_of_the_type_is_refused(void **state)
{
    (void)state;
    static const uint32_t types[] = {DATE, TIMESTAMP, TIMESTAMPTZ, TIMETZ, INTERVAL};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        codec column = codec_of(types[i]);
        weir_batch out = empty_batch();

        assert_int_equal(column.text(&column, WEIR_STR("soon"), &out, &err), WEIR_FATAL);
        assert_non_null(strstr(err.message, "\"soon\""));
        assert_int_equal(column.binary(&column, WEIR_STR("abc"), &out, &err), WEIR_FATAL);
        assert_non_null(strstr(err.message, "3 bytes"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(both_forms_are_the_same_value, release),
        cmocka_unit_test_teardown(what_is_no_value_of_the_type_is_refused, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
