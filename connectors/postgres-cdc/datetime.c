/* datetime.c - PostgreSQL's dates and times: numbers, ISO text, and the parts of an interval. */
#include "datetime.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define YEAR_LIMIT           6000000             /* beyond every date of the server */
#define INTERVAL_HOURS_LIMIT INT64_C(2562047788) /* so many fit into microseconds */

/* Text that is read from the front; `bad` once it was not what was expected. */
typedef struct scan {
    const char *at;
    const char *end;
    bool bad;
} scan;

static scan scan_of(weir_str text)
{
    return (scan){.at = text.ptr, .end = text.ptr == NULL ? NULL : text.ptr + text.len};
}

static bool scan_done(const scan *in)
{
    return in->at == in->end;
}

static char scan_peek(const scan *in)
{
    return scan_done(in) ? 0 : *in->at;
}

static bool scan_is_digit(const scan *in)
{
    return scan_peek(in) >= '0' && scan_peek(in) <= '9';
}

static bool scan_accept(scan *in, char expected)
{
    if (scan_peek(in) != expected || scan_done(in))
        return false;
    in->at++;
    return true;
}

static void scan_expect(scan *in, char expected)
{
    if (!scan_accept(in, expected))
        in->bad = true;
}

static int64_t scan_number(scan *in)
{
    int64_t value = 0;

    if (!scan_is_digit(in))
        in->bad = true;
    while (scan_is_digit(in)) {
        if (value > INT64_MAX / 100)
            in->bad = true;
        else
            value = value * 10 + (*in->at - '0');
        in->at++;
    }
    return value;
}

/* ".123" as microseconds; 0 when there is none. */
static int64_t scan_fraction(scan *in)
{
    int64_t value = 0;
    int64_t unit = 100000;

    if (!scan_accept(in, '.'))
        return 0;
    for (; scan_is_digit(in); in->at++) {
        value += (*in->at - '0') * unit;
        unit /= 10;
    }
    return value;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar, year 0 being 1 BC. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* The year as printed; " BC" at the end of the text makes it 1 - year, and is cut off. */
static bool scan_is_bc(scan *in)
{
    if (in->end - in->at < 3 || memcmp(in->end - 3, " BC", 3) != 0)
        return false;
    in->end -= 3;
    return true;
}

/* "2020-01-31", as days since 2000-01-01. */
static int64_t scan_date(scan *in, bool bc)
{
    int64_t year = scan_number(in);
    scan_expect(in, '-');
    int64_t month = scan_number(in);
    scan_expect(in, '-');
    int64_t day = scan_number(in);

    if (in->bad || year > YEAR_LIMIT || month < 1 || month > 12 || day < 1 || day > 31) {
        in->bad = true;
        return 0;
    }
    return days_from_civil(bc ? 1 - year : year, month, day) - DATETIME_EPOCH_DAYS;
}

/* An interval's may have any number of hours, and reaches to both ends of an int64. */
static int64_t scan_time(scan *in, bool negative)
{
    int64_t sign = negative ? -1 : 1;
    int64_t time_us = 0;

    int64_t hours = scan_number(in);
    scan_expect(in, ':');
    int64_t minutes = scan_number(in);
    scan_expect(in, ':');
    int64_t seconds = scan_number(in);

    if (in->bad || hours > INTERVAL_HOURS_LIMIT || minutes > 59 || seconds > 60 ||
        __builtin_mul_overflow(sign * (hours * 3600 + minutes * 60 + seconds), 1000000, &time_us) ||
        __builtin_add_overflow(time_us, sign * scan_fraction(in), &time_us)) {
        in->bad = true;
        return 0;
    }
    return time_us;
}

/* "+05:30", "-03", "+00:19:32" as seconds; nothing is 0. */
static int32_t scan_offset(scan *in)
{
    bool west = scan_peek(in) == '-';
    int64_t seconds = 0;

    if (!scan_accept(in, '+') && !scan_accept(in, '-'))
        return 0;
    seconds = scan_number(in) * 3600;
    if (scan_accept(in, ':'))
        seconds += scan_number(in) * 60;
    if (scan_accept(in, ':'))
        seconds += scan_number(in);
    if (in->bad || seconds > INT64_C(24) * 3600) {
        in->bad = true;
        return 0;
    }
    return (int32_t)(west ? -seconds : seconds);
}

static bool is_infinity(weir_str text, bool *negative)
{
    *negative = text.len > 0 && text.ptr[0] == '-';
    return weir_str_eq(text, WEIR_STR("infinity")) || weir_str_eq(text, WEIR_STR("-infinity"));
}

bool datetime_parse_date(weir_str text, int32_t *days)
{
    scan in = scan_of(text);
    bool negative;

    if (is_infinity(text, &negative)) {
        *days = negative ? DATETIME_DATE_MINUS_INFINITY : DATETIME_DATE_INFINITY;
        return true;
    }
    int64_t value = scan_date(&in, scan_is_bc(&in));
    if (in.bad || !scan_done(&in) || value <= INT32_MIN || value >= INT32_MAX)
        return false;
    *days = (int32_t)value;
    return true;
}

bool datetime_parse_time(weir_str text, int64_t *time_us)
{
    scan in = scan_of(text);
    int64_t value = scan_time(&in, false);

    if (in.bad || !scan_done(&in) || value > DATETIME_DAY_US)
        return false;
    *time_us = value;
    return true;
}

bool datetime_parse_timetz(weir_str text, int64_t *time_us, int32_t *offset_s)
{
    scan in = scan_of(text);
    int64_t value = scan_time(&in, false);
    int32_t offset = scan_offset(&in);

    if (in.bad || !scan_done(&in) || value > DATETIME_DAY_US)
        return false;
    *time_us = value;
    *offset_s = offset;
    return true;
}

bool datetime_parse_timestamp(weir_str text, int64_t *timestamp_us)
{
    scan in = scan_of(text);
    bool negative;

    if (is_infinity(text, &negative)) {
        *timestamp_us = negative ? DATETIME_MINUS_INFINITY : DATETIME_INFINITY;
        return true;
    }
    int64_t days = scan_date(&in, scan_is_bc(&in));
    scan_expect(&in, ' ');
    int64_t time_us = scan_time(&in, false);
    int64_t offset_us = (int64_t)scan_offset(&in) * 1000000;
    int64_t value;
    if (in.bad || !scan_done(&in) || time_us > DATETIME_DAY_US ||
        __builtin_mul_overflow(days, DATETIME_DAY_US, &value) ||
        __builtin_add_overflow(value, time_us - offset_us, &value))
        return false;
    *timestamp_us = value;
    return true;
}

/* One "3 mons" of an interval. */
static bool add_unit(datetime_interval *interval, int64_t amount, weir_str unit)
{
    static const struct {
        const char *name;
        int32_t months, days;
    } units[] = {{"year", 12, 0}, {"mon", 1, 0}, {"day", 0, 1}};

    if (unit.len > 0 && unit.ptr[unit.len - 1] == 's')
        unit.len--;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t months = interval->months + amount * units[i].months;
        int64_t days = interval->days + amount * units[i].days;

        if (!weir_str_eq(unit, weir_cstr(units[i].name)))
            continue;
        if (months != (int32_t)months || days != (int32_t)days)
            return false;
        interval->months = (int32_t)months;
        interval->days = (int32_t)days;
        return true;
    }
    return false;
}

bool datetime_parse_interval(weir_str text, datetime_interval *interval)
{
    scan in = scan_of(text);
    datetime_interval value = {0};

    while (!scan_done(&in) && !in.bad) {
        scan start = in;
        bool negative = scan_accept(&in, '-');
        if (!negative)
            (void)scan_accept(&in, '+');
        int64_t amount = scan_number(&in);

        if (scan_peek(&in) == ':') {
            in.at = start.at + (*start.at == '-' || *start.at == '+');
            value.time_us = scan_time(&in, negative);
        } else {
            scan_expect(&in, ' ');
            const char *unit = in.at;
            while (scan_peek(&in) >= 'a' && scan_peek(&in) <= 'z')
                in.at++;
            if (in.bad || amount > INT32_MAX ||
                !add_unit(&value, negative ? -amount : amount,
                          (weir_str){unit, (size_t)(in.at - unit)}))
                return false;
        }
        if (!scan_done(&in))
            scan_expect(&in, ' ');
    }
    if (in.bad || text.len == 0)
        return false;
    *interval = value;
    return true;
}

/* Writes the last `width` digits of a number, zeros in front; returns what lies behind them. These are on
 * the path of every row, where snprintf costs more than all the rest of a column. */
static char *put_digits(char *out, int64_t value, int width)
{
    for (int i = width; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + width;
}

/* HH:MM:SS of a time of day. */
static char *put_clock(char *out, int seconds)
{
    out = put_digits(out, seconds / 3600, 2);
    *out++ = ':';
    out = put_digits(out, seconds / 60 % 60, 2);
    *out++ = ':';
    return put_digits(out, seconds % 60, 2);
}

/* Digits of a fraction of a second, with the point; width -1: without trailing zeros. */
static char *put_fraction(char *out, int64_t micros, int width)
{
    if (width < 0) {
        width = 6;
        for (int64_t rest = micros; width > 0 && rest % 10 == 0; rest /= 10)
            width--;
    }
    if (width == 0)
        return out;
    *out++ = '.';
    (void)put_digits(out, micros, 6); /* room is for all six */
    return out + width;
}

/* The year as ISO 8601 and Java write it: four digits, more with a sign. */
static char *put_year(char *out, int64_t year)
{
    uint64_t size = (uint64_t)(year < 0 ? -year : year);
    int width = 4;

    if (year > 9999)
        *out++ = '+';
    if (year < 0)
        *out++ = '-';
    for (uint64_t rest = size / 10000; rest > 0; rest /= 10)
        width++;
    return put_digits(out, (int64_t)size, width);
}

size_t datetime_print_timestamp(int64_t timestamp_us, int fraction, char out[DATETIME_TEXT_SIZE])
{
    int64_t unix_days = timestamp_us / DATETIME_DAY_US + DATETIME_EPOCH_DAYS;
    int64_t time_us = timestamp_us % DATETIME_DAY_US;
    int64_t year;
    int month, day;

    if (time_us < 0) {
        time_us += DATETIME_DAY_US;
        unix_days--;
    }
    civil_from_days(unix_days, &year, &month, &day);
    int seconds = (int)(time_us / 1000000);
    char *at = put_year(out, year);

    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_fraction(put_clock(at, seconds), time_us % 1000000, fraction);
    *at++ = 'Z';
    return (size_t)(at - out);
}

size_t datetime_print_timetz(int64_t time_us, int32_t offset_s, char out[DATETIME_TEXT_SIZE])
{
    int64_t utc = time_us - (int64_t)offset_s * 1000000;

    if (utc < 0)
        utc += DATETIME_DAY_US;
    else if (utc > DATETIME_DAY_US || (utc == DATETIME_DAY_US && offset_s != 0))
        utc -= DATETIME_DAY_US;
    int seconds = (int)(utc / 1000000);
    char *at = put_fraction(put_clock(out, seconds), utc % 1000000, -1);

    *at++ = 'Z';
    return (size_t)(at - out);
}

size_t datetime_print_interval(const datetime_interval *interval, char out[2 * DATETIME_TEXT_SIZE])
{
    int64_t time_us = interval->time_us;
    int64_t seconds = time_us / 1000000 % 60;
    int64_t micros = time_us % 1000000;
    size_t size = (size_t)2 * DATETIME_TEXT_SIZE;
    int length =
        snprintf(out, size, "P%dY%dM%dDT%" PRId64 "H%" PRId64 "M%s%" PRId64, interval->months / 12,
                 interval->months % 12, interval->days, time_us / 3600000000,
                 time_us / 60000000 % 60, seconds == 0 && micros < 0 ? "-" : "", seconds);

    char *at = put_fraction(out + length, micros < 0 ? -micros : micros, -1);

    *at++ = 'S';
    return (size_t)(at - out);
}

int64_t datetime_interval_us(const datetime_interval *interval)
{
    const double days_per_month = 365.25 / 12.0;
    int64_t hours = interval->time_us / 3600000000;
    int64_t minutes = interval->time_us / 60000000 % 60;
    double seconds = (double)(interval->time_us % 60000000) / 1e6;
    double days = interval->months * days_per_month + interval->days;
    double total = (((days * 24 + (double)hours) * 60) + (double)minutes) * 60 + seconds;
    double micros = total * 1e6;

    if (micros >= 9223372036854775807.0) /* as a cast in Java: the nearest long */
        return INT64_MAX;
    if (micros <= -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)micros;
}
