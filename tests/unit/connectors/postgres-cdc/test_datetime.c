/* test_datetime.c - the server's dates and times, over their whole range. */
#include "connectors/postgres-cdc/datetime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static void a_date_counts_days_from_2000(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t days;
    } cases[] = {
        {"2000-01-01", 0},          {"1999-12-31", -1},          {"2024-02-29", 8825},
        {"0001-01-01 BC", -730485}, {"4714-11-24 BC", -2451545}, {"5874897-12-31", 2145031948},
        {"infinity", INT32_MAX},    {"-infinity", INT32_MIN},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int32_t days = 7;

        assert_true(datetime_parse_date(weir_cstr(cases[i].text), &days));
        assert_int_equal(days, cases[i].days);
    }
}

static void a_timestamp_counts_microseconds_from_2000_in_utc(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"2000-01-01 00:00:00", 0},
        {"1999-12-31 23:59:59.999999", -1},
        {"2000-01-01 05:30:00.5+05:30", 500000},
        {"2000-01-01 00:00:00-08", INT64_C(28800000000)},
        {"0044-03-15 12:00:00+00 BC", -INT64_C(64464465600000000)},
        {"294276-12-31 23:59:59.999999", INT64_C(9223371331199999999)},
        {"infinity", INT64_MAX},
        {"-infinity", INT64_MIN},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t us = 7;

        assert_true(datetime_parse_timestamp(weir_cstr(cases[i].text), &us));
        assert_int_equal(us, cases[i].us);
    }
}

static void a_timestamp_is_printed_as_java_does(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int fraction;
        const char *to;
    } cases[] = {
        {"2024-02-29 12:34:56.1", 6, "2024-02-29T12:34:56.100000Z"},
        {"2024-02-29 12:34:56.1", 3, "2024-02-29T12:34:56.100Z"},
        {"2024-02-29 12:34:56", -1, "2024-02-29T12:34:56Z"},
        {"2024-02-29 12:34:56.12", -1, "2024-02-29T12:34:56.12Z"},
        {"12024-05-05 01:02:03", 6, "+12024-05-05T01:02:03.000000Z"},
        {"0044-03-15 12:00:00 BC", 6, "-0043-03-15T12:00:00.000000Z"},
        {"0001-01-01 00:00:00 BC", 6, "0000-01-01T00:00:00.000000Z"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[DATETIME_TEXT_SIZE + 1];
        int64_t us;

        assert_true(datetime_parse_timestamp(weir_cstr(cases[i].from), &us));
        text[datetime_print_timestamp(us, cases[i].fraction, text)] = 0;
        assert_string_equal(text, cases[i].to);
    }
}

static void a_time_with_an_offset_moves_to_utc(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        {"12:34:56.789+05:30", "07:04:56.789Z"},
        {"00:00:00.5-15:59", "15:59:00.5Z"},
        {"01:00:00+02", "23:00:00Z"},
        {"23:00:00-02", "01:00:00Z"},
        {"24:00:00+00", "24:00:00Z"},
        {"24:00:00-01", "01:00:00Z"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[DATETIME_TEXT_SIZE + 1];
        int64_t us;
        int32_t offset;

        assert_true(datetime_parse_timetz(weir_cstr(cases[i].from), &us, &offset));
        text[datetime_print_timetz(us, offset, text)] = 0;
        assert_string_equal(text, cases[i].to);
    }
}

static void an_interval_keeps_months_days_and_time_apart(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        datetime_interval to;
        int64_t us;
        const char *text;
    } cases[] = {
        {"1 year 2 mons 3 days 04:05:06.789",
         {14, 3, INT64_C(14706789000)},
         INT64_C(37091106789000),
         "P1Y2M3DT4H5M6.789S"},
        {"-1 years -2 mons +3 days -04:05:06.7",
         {-14, 3, -INT64_C(14706700000)},
         -INT64_C(36572706700000),
         "P-1Y-2M3DT-4H-5M-6.7S"},
        {"-00:00:00.5", {0, 0, -500000}, -500000, "P0Y0M0DT0H0M-0.5S"},
        {"00:00:00", {0, 0, 0}, 0, "P0Y0M0DT0H0M0S"},
        {"1 day", {0, 1, 0}, INT64_C(86400000000), "P0Y0M1DT0H0M0S"},
        {"2562047788:00:54.775807",
         {0, 0, INT64_MAX},
         INT64_MAX,
         "P0Y0M0DT2562047788H0M54.775807S"},
        {"-2562047788:00:54.775808",
         {0, 0, INT64_MIN},
         INT64_MIN,
         "P0Y0M0DT-2562047788H0M-54.775808S"},
        {"178000000 years", {2136000000, 0, 0}, INT64_MAX, "P178000000Y0M0DT0H0M0S"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2 * DATETIME_TEXT_SIZE + 1];
        datetime_interval value;

        assert_true(datetime_parse_interval(weir_cstr(cases[i].from), &value));
        assert_int_equal(value.months, cases[i].to.months);
        assert_int_equal(value.days, cases[i].to.days);
        assert_int_equal(value.time_us, cases[i].to.time_us);
        assert_int_equal(datetime_interval_us(&value), cases[i].us);
        text[datetime_print_interval(&value, text)] = 0;
        assert_string_equal(text, cases[i].text);
    }
}

static void what_is_no_date_or_time_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "2000",
        "2000-13-01",
        "2000-01-32",
        "2000-01-01x",
        "2000-01-01 00:00",
        "2000-01-01 25:00:00",
        "99999999999999999999-01-01",
        "01:02",
        "1 parsec",
        "5",
        "1 day ",
        "2562047788:00:54.775808",
        "2562047789:00:00",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        weir_str text = weir_cstr(texts[i]);
        int32_t days, offset;
        int64_t us;
        datetime_interval interval;

        assert_false(datetime_parse_date(text, &days));
        assert_false(datetime_parse_time(text, &us));
        assert_false(datetime_parse_timetz(text, &us, &offset));
        assert_false(datetime_parse_timestamp(text, &us));
        assert_true(!datetime_parse_interval(text, &interval) || i == 12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_counts_days_from_2000),
        cmocka_unit_test(a_timestamp_counts_microseconds_from_2000_in_utc),
        cmocka_unit_test(a_timestamp_is_printed_as_java_does),
        cmocka_unit_test(a_time_with_an_offset_moves_to_utc),
        cmocka_unit_test(an_interval_keeps_months_days_and_time_apart),
        cmocka_unit_test(what_is_no_date_or_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
