/* convert_time.c - conversions of dates, times and intervals to Avro. */
#include "bytes.h"
#include "convert.h"
#include "convert_error.h"
#include "datetime.h"

/* Of infinity, as Debezium 3.3.1 writes it while streaming (its snapshots have other numbers). */
#define DEBEZIUM_DATE_INFINITY            (-2147472692)
#define DEBEZIUM_DATE_MINUS_INFINITY      (-2147472691)
#define DEBEZIUM_TIMESTAMP_INFINITY       9223372036825200000
#define DEBEZIUM_TIMESTAMP_MINUS_INFINITY (-9223372036832400000)

/* --- Dates and times ------------------------------------------------------------------------ */

static weir_code put_date(const codec *self, int32_t days, weir_batch *out, weir_error *err)
{
    (void)self, (void)err;
    if (days == DATETIME_DATE_INFINITY)
        weir_put_int(out, DEBEZIUM_DATE_INFINITY);
    else if (days == DATETIME_DATE_MINUS_INFINITY)
        weir_put_int(out, DEBEZIUM_DATE_MINUS_INFINITY);
    else
        weir_put_int(out, days + DATETIME_EPOCH_DAYS);
    return WEIR_OK;
}

static weir_code date_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);

    if (value.len != 4)
        return convert_malformed(self, value, err);
    return put_date(self, (int32_t)bytes_u32(&in), out, err);
}

static weir_code date_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    int32_t days;

    if (!datetime_parse_date(value, &days))
        return convert_bad_text(self, value, err);
    return put_date(self, days, out, err);
}

static weir_code put_time_us(const codec *self, int64_t time_us, weir_batch *out, weir_error *err)
{
    (void)self, (void)err;
    weir_put_long(out, time_us);
    return WEIR_OK;
}

static weir_code put_time_ms(const codec *self, int64_t time_us, weir_batch *out, weir_error *err)
{
    (void)self, (void)err;
    weir_put_int(out, (int32_t)(time_us / 1000));
    return WEIR_OK;
}

static bool unix_us(int64_t timestamp_us, int64_t *out)
{
    if (timestamp_us == DATETIME_INFINITY)
        *out = DEBEZIUM_TIMESTAMP_INFINITY;
    else if (timestamp_us == DATETIME_MINUS_INFINITY)
        *out = DEBEZIUM_TIMESTAMP_MINUS_INFINITY;
    else
        return !__builtin_add_overflow(timestamp_us, DATETIME_EPOCH_US, out);
    return true;
}

static weir_code put_timestamp_us(const codec *self, int64_t timestamp_us, weir_batch *out,
                                  weir_error *err)
{
    int64_t value;
    (void)self;

    if (!unix_us(timestamp_us, &value))
        return weir_fail(err, WEIR_FATAL,
                         "a timestamp after the year 294247 does not fit into microseconds since "
                         "1970; set time.precision.mode to connect");
    weir_put_long(out, value);
    return WEIR_OK;
}

static int64_t floor_ms(int64_t us)
{
    return us / 1000 - (us % 1000 < 0);
}

static weir_code put_timestamp_ms(const codec *self, int64_t timestamp_us, weir_batch *out,
                                  weir_error *err)
{
    int64_t value;
    (void)self, (void)err;

    if (unix_us(timestamp_us, &value))
        weir_put_long(out, floor_ms(value));
    else
        weir_put_long(out, floor_ms(timestamp_us) + DATETIME_EPOCH_US / 1000);
    return WEIR_OK;
}

static weir_code put_zoned_timestamp(const codec *self, int64_t timestamp_us, weir_batch *out,
                                     weir_error *err)
{
    char text[DATETIME_TEXT_SIZE];
    (void)err;

    if (timestamp_us == DATETIME_INFINITY)
        weir_put_text(out, WEIR_STR("infinity"));
    else if (timestamp_us == DATETIME_MINUS_INFINITY)
        weir_put_text(out, WEIR_STR("-infinity"));
    else
        weir_put_text(out,
                      (weir_str){text, datetime_print_timestamp(timestamp_us, self->scale, text)});
    return WEIR_OK;
}

#define INT64_PAIR(name, parse, put)                                                               \
    static weir_code name##_binary(const codec *self, weir_str value, weir_batch *out,             \
                                   weir_error *err)                                                \
    {                                                                                              \
        bytes in = bytes_of(value);                                                                \
                                                                                                   \
        if (value.len != 8)                                                                        \
            return convert_malformed(self, value, err);                                            \
        return put(self, (int64_t)bytes_u64(&in), out, err);                                       \
    }                                                                                              \
                                                                                                   \
    static weir_code name##_text(const codec *self, weir_str value, weir_batch *out,               \
                                 weir_error *err)                                                  \
    {                                                                                              \
        int64_t number;                                                                            \
                                                                                                   \
        if (!parse(value, &number))                                                                \
            return convert_bad_text(self, value, err);                                             \
        return put(self, number, out, err);                                                        \
    }

INT64_PAIR(time_us, datetime_parse_time, put_time_us)
INT64_PAIR(time_ms, datetime_parse_time, put_time_ms)
INT64_PAIR(timestamp_us, datetime_parse_timestamp, put_timestamp_us)
INT64_PAIR(timestamp_ms, datetime_parse_timestamp, put_timestamp_ms)
INT64_PAIR(zoned_timestamp, datetime_parse_timestamp, put_zoned_timestamp)

static void put_zoned_time(int64_t time_us, int32_t offset_s, weir_batch *out)
{
    char text[DATETIME_TEXT_SIZE];

    weir_put_text(out, (weir_str){text, datetime_print_timetz(time_us, offset_s, text)});
}

static weir_code zoned_time_binary(const codec *self, weir_str value, weir_batch *out,
                                   weir_error *err)
{
    bytes in = bytes_of(value);
    int64_t time_us = (int64_t)bytes_u64(&in);
    int32_t west_s = (int32_t)bytes_u32(&in);

    if (value.len != 12 || west_s < -86400 || west_s > 86400)
        return convert_malformed(self, value, err);
    put_zoned_time(time_us, -west_s, out);
    return WEIR_OK;
}

static weir_code zoned_time_text(const codec *self, weir_str value, weir_batch *out,
                                 weir_error *err)
{
    int64_t time_us;
    int32_t offset_s;

    if (!datetime_parse_timetz(value, &time_us, &offset_s))
        return convert_bad_text(self, value, err);
    put_zoned_time(time_us, offset_s, out);
    return WEIR_OK;
}

static bool interval_from_binary(weir_str value, datetime_interval *interval)
{
    bytes in = bytes_of(value);

    interval->time_us = (int64_t)bytes_u64(&in);
    interval->days = (int32_t)bytes_u32(&in);
    interval->months = (int32_t)bytes_u32(&in);
    return value.len == 16;
}

static void put_interval_us(const datetime_interval *interval, weir_batch *out)
{
    weir_put_long(out, datetime_interval_us(interval));
}

static void put_interval_text(const datetime_interval *interval, weir_batch *out)
{
    char text[2 * DATETIME_TEXT_SIZE];

    weir_put_text(out, (weir_str){text, datetime_print_interval(interval, text)});
}

#define INTERVAL_PAIR(name, put)                                                                   \
    static weir_code name##_binary(const codec *self, weir_str value, weir_batch *out,             \
                                   weir_error *err)                                                \
    {                                                                                              \
        datetime_interval interval;                                                                \
                                                                                                   \
        if (!interval_from_binary(value, &interval))                                               \
            return convert_malformed(self, value, err);                                            \
        put(&interval, out);                                                                       \
        return WEIR_OK;                                                                            \
    }                                                                                              \
                                                                                                   \
    static weir_code name##_text(const codec *self, weir_str value, weir_batch *out,               \
                                 weir_error *err)                                                  \
    {                                                                                              \
        datetime_interval interval;                                                                \
                                                                                                   \
        if (!datetime_parse_interval(value, &interval))                                            \
            return convert_bad_text(self, value, err);                                             \
        put(&interval, out);                                                                       \
        return WEIR_OK;                                                                            \
    }

INTERVAL_PAIR(interval_us, put_interval_us)
INTERVAL_PAIR(interval_text, put_interval_text)

#define PAIR(name) const conversion convert_##name = {name##_binary, name##_text};
PAIR(date)
PAIR(time_us)
PAIR(time_ms)
PAIR(timestamp_us)
PAIR(timestamp_ms)
PAIR(zoned_time)
PAIR(zoned_timestamp)
PAIR(interval_us)
PAIR(interval_text)
