/* moment.h - dates and times: from text to the numbers PostgreSQL's binary form has.
 *
 * PostgreSQL counts microseconds and days from 2000-01-01. Text is what Debezium writes, ISO 8601.
 * Pure functions; each returns false for text that is not one, and for what PostgreSQL can't hold.
 */
#ifndef WAREHOUSE_MOMENT_H
#define WAREHOUSE_MOMENT_H

#include "weir/base.h"

#define MOMENT_DAYS_1970      INT64_C(10957) /* from 1970-01-01 to 2000-01-01 */
#define MOMENT_MICROS_PER_DAY INT64_C(86400000000)
#define MOMENT_INFINITY       INT64_MAX /* of a timestamp, as PostgreSQL has it */
#define MOMENT_MINUS_INFINITY INT64_MIN

typedef struct moment_interval {
    int64_t micros;
    int32_t days;
    int32_t months;
} moment_interval;

/* Days from 1970-01-01 of a date of the proleptic Gregorian calendar. */
int64_t moment_days(int64_t year, int month, int day);

/* Days from 1970 as days from 2000. */
bool moment_date(int64_t days_1970, int32_t *out);

/* Ticks from 1970, so many a second, as microseconds from 2000. False also when they are finer than a
 * microsecond. */
bool moment_timestamp(int64_t ticks, int64_t ticks_per_second, int64_t *out);

/* Ticks from midnight as microseconds; 24:00:00 is a time. */
bool moment_time(int64_t ticks, int64_t ticks_per_second, int64_t *out);

/* "2016-10-04T14:23:33.123456+02:00", "-0043-03-15T00:00:00Z", "infinity". */
bool moment_parse_timestamp(weir_str text, int64_t *out);

/* "14:23:33.123456+02:00"; west is seconds west of Greenwich, as PostgreSQL counts. */
bool moment_parse_time(weir_str text, int64_t *micros, int32_t *west);

/* "P1Y2M3DT4H5M6.789S", each number with a sign of its own. */
bool moment_parse_interval(weir_str text, moment_interval *out);

#endif
