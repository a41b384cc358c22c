/* datetime.h - PostgreSQL's dates and times: numbers, ISO text, and the parts of an interval.
 *
 * Days and microseconds are counted as PostgreSQL does, from 2000-01-01; what Debezium wants counts
 * from 1970. The proleptic Gregorian calendar goes both ways over the server's whole range, 4714 BC to
 * 294276 (timestamps) and 5874897 (dates). Pure functions, any thread.
 */
#ifndef POSTGRES_CDC_DATETIME_H
#define POSTGRES_CDC_DATETIME_H

#include "weir/base.h"

#define DATETIME_EPOCH_DAYS          10957           /* 1970-01-01 to 2000-01-01 */
#define DATETIME_EPOCH_US            946684800000000 /* the same in microseconds */
#define DATETIME_DAY_US              86400000000
#define DATETIME_INFINITY            INT64_MAX /* a timestamp's infinity */
#define DATETIME_MINUS_INFINITY      INT64_MIN
#define DATETIME_DATE_INFINITY       INT32_MAX /* a date's infinity */
#define DATETIME_DATE_MINUS_INFINITY INT32_MIN
#define DATETIME_TEXT_SIZE           48 /* longest result of the functions that print */

typedef struct datetime_interval {
    int32_t months;
    int32_t days;
    int64_t time_us;
} datetime_interval;

/* Parsing of what the server prints with DateStyle ISO and IntervalStyle postgres. False when it is not
 * that. Dates: days since 2000-01-01. */
WEIR_MUST_CHECK bool datetime_parse_date(weir_str text, int32_t *days);
WEIR_MUST_CHECK bool datetime_parse_time(weir_str text, int64_t *time_us);
/* offset_s: seconds east of Greenwich. */
WEIR_MUST_CHECK bool datetime_parse_timetz(weir_str text, int64_t *time_us, int32_t *offset_s);
/* With or without an offset, which is subtracted: microseconds since 2000-01-01. */
WEIR_MUST_CHECK bool datetime_parse_timestamp(weir_str text, int64_t *timestamp_us);
WEIR_MUST_CHECK bool datetime_parse_interval(weir_str text, datetime_interval *interval);

/* ISO 8601 as Java prints it, in UTC: "2020-01-01T00:00:00.000123Z", years beyond 9999 with a sign, BC as
 * negative years. fraction: how many digits; -1: as many as are not zero. Returns the length. */
size_t datetime_print_timestamp(int64_t timestamp_us, int fraction, char out[DATETIME_TEXT_SIZE]);
/* "10:00:00.5Z": a time with an offset, moved to UTC. */
size_t datetime_print_timetz(int64_t time_us, int32_t offset_s, char out[DATETIME_TEXT_SIZE]);
/* "P1Y2M3DT4H5M6.78S". */
size_t datetime_print_interval(const datetime_interval *interval, char out[2 * DATETIME_TEXT_SIZE]);

/* Microseconds, with months of 365.25 / 12 days, in Debezium's floating point arithmetic. */
int64_t datetime_interval_us(const datetime_interval *interval);

#endif
