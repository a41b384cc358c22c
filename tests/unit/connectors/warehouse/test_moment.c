/* test_moment.c - dates and times: ranges and ISO 8601. */
#include "connectors/warehouse/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void a_zoned_timestamp_becomes_microseconds_from_2000(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t micros;
    } cases[] = {
        {"2000-01-01T00:00:00Z", true, 0},
        {"2000-01-01T00:00:00.000001Z", true, 1},
        {"2000-01-01T02:00:00+02:00", true, 0},
        {"1999-12-31T23:59:59.5-00:00", true, -500000},
        {"2024-02-29T12:00:00.123456Z", true, INT64_C(762523200123456)},
        {"2016-10-04T14:23:33.123000000Z", true, INT64_C(528906213123000)},
        {"+294276-12-31T23:59:59.999999Z", true, INT64_C(9223371331199999999)},
        {"-4713-11-24T00:00:00Z", true, INT64_C(-211813488000000000)},
        {"infinity", true, INT64_MAX},
        {"-infinity", true, INT64_MIN},
        {"2023-02-29T12:00:00Z", false, 0},
        {"2024-13-01T00:00:00Z", false, 0},
        {"2024-01-01T00:00:00", false, 0},
        {"2024-01-01T00:00:00.1234567Z", false, 0},
        {"2024-01-01T25:00:00Z", false, 0},
        {"2024-01-01T00:00:00Zx", false, 0},
        {"+294277-01-01T00:00:00Z", false, 0},
        {"-4714-11-24T00:00:00Z", false, 0},
        {"2024-01-01T00:00:00.Z", false, 0},
        {"", false, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t micros = 0;

        assert_int_equal(moment_parse_timestamp(weir_cstr(cases[i].text), &micros), cases[i].ok);
        assert_int_equal(micros, cases[i].micros);
    }
}

static void a_zoned_time_keeps_its_zone(void **state)
{
    (void)state;
    int64_t micros;
    int32_t west;

    assert_true(moment_parse_time(WEIR_STR("14:23:33.123456+02:00"), &micros, &west));
    assert_int_equal(micros, INT64_C(51813123456));
    assert_int_equal(west, -7200);
    assert_true(moment_parse_time(WEIR_STR("24:00:00-05:30"), &micros, &west));
    assert_int_equal(west, 19800);
    assert_false(moment_parse_time(WEIR_STR("24:00:01Z"), &micros, &west));
    assert_false(moment_parse_time(WEIR_STR("14:23"), &micros, &west));
}

static void an_interval_has_three_parts(void **state)
{
    (void)state;
    moment_interval interval;

    assert_true(moment_parse_interval(WEIR_STR("P1Y2M3DT4H5M6.789S"), &interval));
    assert_int_equal(interval.months, 14);
    assert_int_equal(interval.days, 3);
    assert_int_equal(interval.micros, INT64_C(14706789000));
    assert_true(moment_parse_interval(WEIR_STR("P0Y0M0DT-1H0M0.5S"), &interval));
    assert_int_equal(interval.micros, INT64_C(-3599500000));
    assert_false(moment_parse_interval(WEIR_STR("P"), &interval));
    assert_false(moment_parse_interval(WEIR_STR("P1.5Y"), &interval));
    assert_false(moment_parse_interval(WEIR_STR("1Y"), &interval));
    assert_false(moment_parse_interval(WEIR_STR("P99999999999Y"), &interval));
}

static void ticks_finer_than_a_microsecond_are_refused(void **state)
{
    (void)state;
    int64_t micros = 7;

    assert_true(moment_timestamp(946684800000, 1000, &micros));
    assert_int_equal(micros, 0);
    assert_true(moment_timestamp(INT64_C(946684800000001000), 1000000000, &micros));
    assert_int_equal(micros, 1);
    assert_false(moment_timestamp(INT64_C(946684800000000001), 1000000000, &micros));
    assert_false(moment_timestamp(INT64_MAX, 1000, &micros));
    assert_int_equal(micros, 1);
}

static void debeziums_infinities_are_infinities(void **state)
{
    (void)state;
    int64_t micros;

    assert_true(moment_timestamp(INT64_C(9223372036825200000), 1000000, &micros));
    assert_int_equal(micros, MOMENT_INFINITY);
    assert_true(moment_timestamp(INT64_C(-9223372036832400000), 1000000, &micros));
    assert_int_equal(micros, MOMENT_MINUS_INFINITY);
    assert_true(moment_timestamp(INT64_C(9223372036825200), 1000, &micros));
    assert_int_equal(micros, MOMENT_INFINITY);
    assert_true(moment_timestamp(INT64_C(-9223372036832400), 1000, &micros));
    assert_int_equal(micros, MOMENT_MINUS_INFINITY);
    assert_true(moment_timestamp(INT64_C(9223372036825200), 1000000, &micros));
    assert_int_not_equal(micros, MOMENT_INFINITY);

    static const int32_t infinite[] = {106751991, -2147472692};
    static const int32_t minus_infinite[] = {-106751992, -2147472691};

    for (size_t i = 0; i < 2; i++) {
        int32_t days = 0;

        assert_true(moment_date(infinite[i], &days));
        assert_int_equal(days, INT32_MAX);
        assert_true(moment_date(minus_infinite[i], &days));
        assert_int_equal(days, INT32_MIN);
    }
}

static void dates_and_times_have_bounds(void **state)
{
    (void)state;
    int32_t days;
    int64_t micros;

    assert_true(moment_date(0, &days));
    assert_int_equal(days, -10957);
    assert_true(moment_date(2145031948 + 10957, &days));
    assert_false(moment_date(2145031949 + 10957, &days));
    assert_false(moment_date(-2451546 + 10957, &days));
    assert_true(moment_time(86400000, 1000, &micros));
    assert_false(moment_time(86400001, 1000, &micros));
    assert_false(moment_time(-1, 1000, &micros));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zoned_timestamp_becomes_microseconds_from_2000),
        cmocka_unit_test(a_zoned_time_keeps_its_zone),
        cmocka_unit_test(an_interval_has_three_parts),
        cmocka_unit_test(ticks_finer_than_a_microsecond_are_refused),
        cmocka_unit_test(debeziums_infinities_are_infinities),
        cmocka_unit_test(dates_and_times_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
