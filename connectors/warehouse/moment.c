/* moment.c - dates and times: ranges and ISO 8601. */
#include "moment.h"

#include <assert.h>

#define MICROS              INT64_C(1000000)
#define TIMESTAMP_MIN       INT64_C(-211813488000000000) /* 4714-11-24 BC */
#define TIMESTAMP_END       INT64_C(9223371331200000000) /* 294277-01-01 */
#define DATE_MIN            INT64_C(-2451545)            /* 4714-11-24 BC */
#define DATE_END            INT64_C(2145031949)          /* 5874898-01-01 */
#define OFFSET_MAX          (16 * 3600)                  /* below that, in both directions */
#define DEBEZIUM_MAX        INT64_C(9223372036825200000) /* pgjdbc's DATE_POSITIVE_INFINITY */
#define DEBEZIUM_MIN        INT64_C(-9223372036832400000)
#define DAYS_INFINITY       INT64_C(106751991) /* the same as days, microseconds assumed */
#define DAYS_MINUS_INF      INT64_C(-106751992)
#define DAYS_STREAMED       INT64_C(-2147472692) /* what Debezium writes while streaming */
#define DAYS_STREAMED_MINUS INT64_C(-2147472691)

/* Howard Hinnant's way: years begin in March, so that the leap day comes last. */
int64_t moment_days(int64_t year, int month, int day)
{
    assert(month >= 1 && month <= 12);
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool moment_date(int64_t days_1970, int32_t *out)
{
    if (days_1970 == DAYS_INFINITY || days_1970 == DAYS_STREAMED) {
        *out = INT32_MAX;
        return true;
    }
    if (days_1970 == DAYS_MINUS_INF || days_1970 == DAYS_STREAMED_MINUS) {
        *out = INT32_MIN;
        return true;
    }
    if (days_1970 - MOMENT_DAYS_1970 < DATE_MIN || days_1970 - MOMENT_DAYS_1970 >= DATE_END)
        return false;
    *out = (int32_t)(days_1970 - MOMENT_DAYS_1970);
    return true;
}

/* To microseconds, exactly. */
static bool to_micros(int64_t ticks, int64_t ticks_per_second, int64_t *out)
{
    assert(ticks_per_second > 0);
    if (ticks_per_second <= MICROS)
        return !__builtin_mul_overflow(ticks, MICROS / ticks_per_second, out);
    if (ticks % (ticks_per_second / MICROS) != 0)
        return false;
    *out = ticks / (ticks_per_second / MICROS);
    return true;
}

static bool in_range(int64_t micros, int64_t *out)
{
    if (micros < TIMESTAMP_MIN || micros >= TIMESTAMP_END)
        return false;
    *out = micros;
    return true;
}

bool moment_timestamp(int64_t ticks, int64_t ticks_per_second, int64_t *out)
{
    int64_t micros;

    if (ticks == DEBEZIUM_MAX || ticks == DEBEZIUM_MIN ||
        (ticks_per_second == 1000 &&
         (ticks == DEBEZIUM_MAX / 1000 || ticks == DEBEZIUM_MIN / 1000))) {
        *out = ticks > 0 ? MOMENT_INFINITY : MOMENT_MINUS_INFINITY;
        return true;
    }
    return to_micros(ticks, ticks_per_second, &micros) &&
           !__builtin_sub_overflow(micros, MOMENT_DAYS_1970 * MOMENT_MICROS_PER_DAY, &micros) &&
           in_range(micros, out);
}

bool moment_time(int64_t ticks, int64_t ticks_per_second, int64_t *out)
{
    int64_t micros;

    if (!to_micros(ticks, ticks_per_second, &micros) || micros < 0 ||
        micros > MOMENT_MICROS_PER_DAY)
        return false;
    *out = micros;
    return true;
}

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take(cursor *in, char byte)
{
    if (in->at == in->end || *in->at != byte)
        return false;
    in->at++;
    return true;
}

/* At least low and at most high digits. */
static bool take_number(cursor *in, int low, int high, int64_t *out)
{
    int64_t value = 0;
    int count = 0;

    assert(high <= 18);
    while (count < high && in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        value = value * 10 + (*in->at++ - '0');
        count++;
    }
    *out = value;
    return count >= low;
}

/* What may follow seconds: a point and up to nine digits, of which six can be kept. */
static bool take_fraction(cursor *in, int64_t *micros)
{
    int64_t scale = MICROS;

    *micros = 0;
    if (!take(in, '.'))
        return true;
    for (int count = 0; in->at < in->end && *in->at >= '0' && *in->at <= '9'; count++, in->at++) {
        if (scale == 1 && *in->at != '0')
            return false;
        if (scale > 1) {
            scale /= 10;
            *micros += (*in->at - '0') * scale;
        }
        if (count == 9)
            return false;
    }
    return in->at[-1] != '.';
}

/* hh:mm[:ss[.fraction]] */
static bool take_clock(cursor *in, int64_t *micros)
{
    int64_t hours, minutes, seconds = 0, fraction = 0;

    if (!take_number(in, 2, 2, &hours) || !take(in, ':') || !take_number(in, 2, 2, &minutes))
        return false;
    if (take(in, ':') && (!take_number(in, 2, 2, &seconds) || !take_fraction(in, &fraction)))
        return false;
    *micros = ((hours * 60 + minutes) * 60 + seconds) * MICROS + fraction;
    return hours <= 24 && minutes < 60 && seconds <= 60 && *micros <= MOMENT_MICROS_PER_DAY;
}

/* Z, or a sign and hh[:mm[:ss]]; seconds east of Greenwich. Ends the text. */
static bool take_zone(cursor *in, int32_t *east)
{
    int64_t hours, minutes = 0, seconds = 0;
    bool negative;

    *east = 0;
    if (take(in, 'Z'))
        return in->at == in->end;
    negative = take(in, '-');
    if (!negative && !take(in, '+'))
        return false;
    if (!take_number(in, 2, 2, &hours) || (take(in, ':') && !take_number(in, 2, 2, &minutes)) ||
        (take(in, ':') && !take_number(in, 2, 2, &seconds)))
        return false;
    *east = (int32_t)((hours * 60 + minutes) * 60 + seconds);
    if (negative)
        *east = -*east;
    return *east > -OFFSET_MAX && *east < OFFSET_MAX && in->at == in->end;
}

static int days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Year 0 is 1 BC, as in ISO 8601. */
static bool take_date(cursor *in, int64_t *days)
{
    bool negative = take(in, '-');
    int64_t year, month, day;

    if (!negative)
        (void)take(in, '+');
    if (!take_number(in, 4, 9, &year) || !take(in, '-') || !take_number(in, 2, 2, &month) ||
        !take(in, '-') || !take_number(in, 2, 2, &day))
        return false;
    if (negative)
        year = -year;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = moment_days(year, (int)month, (int)day);
    return *days > -DATE_END && *days < DATE_END;
}

bool moment_parse_timestamp(weir_str text, int64_t *out)
{
    cursor in = {text.ptr, text.ptr + text.len};
    int64_t days, clock, micros;
    int32_t east;

    if (weir_str_eq(text, WEIR_STR("infinity")) || weir_str_eq(text, WEIR_STR("-infinity"))) {
        *out = text.ptr[0] == '-' ? MOMENT_MINUS_INFINITY : MOMENT_INFINITY;
        return true;
    }
    if (!take_date(&in, &days) || !(take(&in, 'T') || take(&in, ' ')) || !take_clock(&in, &clock) ||
        !take_zone(&in, &east))
        return false;
    /* from 2000 at once: the last years do not fit when they are counted from 1970 */
    if (__builtin_mul_overflow(days - MOMENT_DAYS_1970, MOMENT_MICROS_PER_DAY, &micros) ||
        __builtin_add_overflow(micros, clock - east * MICROS, &micros))
        return false;
    return in_range(micros, out);
}

bool moment_parse_time(weir_str text, int64_t *micros, int32_t *west)
{
    cursor in = {text.ptr, text.ptr + text.len};
    int32_t east;

    if (!take_clock(&in, micros) || !take_zone(&in, &east))
        return false;
    *west = -east;
    return true;
}

/* One part of an interval: a signed number and its unit. */
static bool take_part(cursor *in, bool in_time, moment_interval *out)
{
    bool negative = take(in, '-');
    int64_t value, fraction;
    int32_t small;

    if (!negative)
        (void)take(in, '+');
    if (!take_number(in, 1, 12, &value) || !take_fraction(in, &fraction) || in->at == in->end)
        return false;
    char unit = *in->at++;
    if (fraction != 0 && unit != 'S')
        return false;
    if (in_time) {
        int64_t seconds = unit == 'H' ? 3600 : unit == 'M' ? 60 : 1;

        if (unit != 'H' && unit != 'M' && unit != 'S')
            return false;
        value = value * seconds;
        if (__builtin_mul_overflow(value, MICROS, &value))
            return false;
        value += fraction;
        return !__builtin_add_overflow(out->micros, negative ? -value : value, &out->micros);
    }
    value *= unit == 'Y' ? 12 : unit == 'W' ? 7 : 1;
    if (value > INT32_MAX)
        return false;
    small = (int32_t)(negative ? -value : value);
    if (unit == 'Y' || unit == 'M')
        return !__builtin_add_overflow(out->months, small, &out->months);
    return (unit == 'W' || unit == 'D') && !__builtin_add_overflow(out->days, small, &out->days);
}

bool moment_parse_interval(weir_str text, moment_interval *out)
{
    cursor in = {text.ptr, text.ptr + text.len};
    moment_interval result = {0};
    bool in_time = false;
    int parts = 0;

    if (!take(&in, 'P'))
        return false;
    while (in.at < in.end) {
        if (!in_time && take(&in, 'T')) {
            in_time = true;
            continue;
        }
        if (++parts > 16 || !take_part(&in, in_time, &result))
            return false;
    }
    if (parts == 0)
        return false;
    *out = result;
    return true;
}
