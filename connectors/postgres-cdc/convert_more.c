/* convert_more.c - conversions of dates and times, bits, network addresses and arrays to Avro. */
#include "bytes.h"
#include "convert.h"
#include "convert_error.h"
#include "datetime.h"

#include <arpa/inet.h>
#include <stdio.h>

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

/* --- Bits ----------------------------------------------------------------------------------- */

static weir_code bit_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    if (value.len != 5 || memcmp(value.ptr, "\0\0\0\1", 4) != 0)
        return convert_malformed(self, value, err);
    weir_put_boolean(out, (value.ptr[4] & 0x80) != 0);
    return WEIR_OK;
}

static weir_code bit_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    if (value.len != 1 || (value.ptr[0] != '0' && value.ptr[0] != '1'))
        return convert_bad_text(self, value, err);
    weir_put_boolean(out, value.ptr[0] == '1');
    return WEIR_OK;
}

/* Java's BitSet.toByteArray: the last bit is the lowest of the first byte, without zero bytes at the
 * end. set is called for each bit that is 1, by its distance from the last. */
static void bits_set(weir_buf *buf, size_t index)
{
    while (buf->len <= index / 8)
        weir_buf_add_byte(buf, 0);
    buf->ptr[index / 8] = (char)((uint8_t)buf->ptr[index / 8] | 1u << (index % 8));
}

static weir_code bits_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    size_t count = bytes_u32(&in);
    weir_str content = bytes_take(&in, (count + 7) / 8);
    weir_buf *buf = &self->scratch[1];

    if (in.failed || bytes_left(&in) > 0)
        return convert_malformed(self, value, err);
    weir_buf_clear(buf);
    for (size_t i = count; i-- > 0;) {
        if (((uint8_t)content.ptr[i / 8] >> (7 - i % 8) & 1) != 0)
            bits_set(buf, count - 1 - i);
    }
    weir_put_bytes(out, weir_buf_str(buf));
    return WEIR_OK;
}

static weir_code bits_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    weir_buf *buf = &self->scratch[1];

    weir_buf_clear(buf);
    for (size_t i = value.len; i-- > 0;) {
        if (value.ptr[i] == '1')
            bits_set(buf, value.len - 1 - i);
        else if (value.ptr[i] != '0')
            return convert_bad_text(self, value, err);
    }
    weir_put_bytes(out, weir_buf_str(buf));
    return WEIR_OK;
}

/* --- Network addresses ---------------------------------------------------------------------- */

#define INET_FAMILY_V4 2 /* PGSQL_AF_INET; IPv6 is one more, whatever the system's AF_INET6 is */

static weir_code inet_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    uint8_t family = bytes_u8(&in);
    uint8_t bits = bytes_u8(&in);
    bool is_cidr = bytes_u8(&in) != 0;
    uint8_t size = bytes_u8(&in);
    weir_str address = bytes_take(&in, size);
    bool is_v4 = family == INET_FAMILY_V4;
    char text[INET6_ADDRSTRLEN + 8];

    if (in.failed || bytes_left(&in) > 0 || size != (is_v4 ? 4 : 16) ||
        inet_ntop(is_v4 ? AF_INET : AF_INET6, address.ptr, text, sizeof(text)) == NULL)
        return convert_malformed(self, value, err);
    size_t length = strlen(text);
    if (is_cidr || bits != size * 8)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "/%u", bits);
    weir_put_text(out, (weir_str){text, length});
    return WEIR_OK;
}

static weir_code inet_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    (void)self, (void)err;
    weir_put_text(out, value);
    return WEIR_OK;
}

static weir_code macaddr_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    static const char digits[] = "0123456789abcdef";
    char text[64]; /* 23 are used: the compiler cannot see it */
    size_t at = 0;

    if (value.len != 6 && value.len != 8)
        return convert_malformed(self, value, err);
    for (size_t i = 0; i < value.len; i++) {
        if (i > 0)
            text[at++] = ':';
        text[at++] = digits[(uint8_t)value.ptr[i] >> 4];
        text[at++] = digits[(uint8_t)value.ptr[i] & 15];
    }
    weir_put_text(out, (weir_str){text, at});
    return WEIR_OK;
}
#define macaddr_text inet_text

/* --- Arrays --------------------------------------------------------------------------------- */

static codec item_codec(const codec *self)
{
    codec item = *self;

    item.binary = self->item_binary;
    item.text = self->item_text;
    item.mapping = self->item_mapping;
    item.type = self->type->element;
    return item;
}

static weir_code many_dimensions(weir_error *err)
{
    return weir_fail(err, WEIR_FATAL,
                     "an array has more than one dimension, which cannot be captured; leave the "
                     "column out by column.exclude.list");
}

static weir_code put_null_item(const codec *self, weir_batch *out, weir_error *err)
{
    if (!self->nullable_items)
        return weir_fail(err, WEIR_FATAL,
                         "an array of %.*s has an item that is NULL, which its schema cannot hold; "
                         "leave the column out by column.exclude.list",
                         WEIR_ARG(self->type->element->name));
    weir_put_branch(out, 0);
    weir_put_null(out);
    return WEIR_OK;
}

static weir_code array_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    uint32_t dimensions = bytes_u32(&in);
    (void)bytes_u32(&in); /* whether there are NULLs */
    (void)bytes_u32(&in); /* the items' type, which the column's type tells */
    uint32_t count = dimensions > 0 ? bytes_u32(&in) : 0;
    if (dimensions > 0)
        (void)bytes_u32(&in); /* the lower bound: Debezium has none either */
    codec item = item_codec(self);

    if (dimensions > 1)
        return many_dimensions(err);
    if (in.failed || count > value.len)
        return convert_malformed(self, value, err);
    if (count > 0)
        weir_put_block(out, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = bytes_u32(&in);
        weir_str content = {0};
        weir_code code = WEIR_OK;

        if (size != UINT32_MAX)
            content = bytes_take(&in, size);
        if (in.failed)
            return convert_malformed(self, value, err);
        if (size == UINT32_MAX) {
            code = put_null_item(self, out, err);
        } else {
            if (self->nullable_items)
                weir_put_branch(out, 1);
            code = item.binary(&item, content, out, err);
        }
        if (code != WEIR_OK)
            return code;
    }
    if (bytes_left(&in) > 0)
        return convert_malformed(self, value, err);
    weir_put_block(out, 0);
    return WEIR_OK;
}

/* An item of "{a,\"b c\",NULL}": its text without quotes is left in buf. False at the end or when it is
 * no item; *at is then where reading stopped. */
static bool next_item(weir_str array, size_t *at, weir_buf *buf, bool *is_null)
{
    bool quoted = *at < array.len && array.ptr[*at] == '"';

    weir_buf_clear(buf);
    if (quoted)
        (*at)++;
    for (; *at < array.len; (*at)++) {
        char c = array.ptr[*at];

        if (quoted ? c == '"' : (c == ',' || c == '}'))
            break;
        if (!quoted && (c == '{' || c == '"'))
            return false;
        if (c == '\\' && ++(*at) == array.len)
            return false;
        weir_buf_add_byte(buf, array.ptr[*at]);
    }
    if (quoted && (*at == array.len || ++(*at) == array.len))
        return false;
    *is_null = !quoted && weir_str_eq(weir_buf_str(buf), WEIR_STR("NULL"));
    if (*at == array.len || (array.ptr[*at] != ',' && array.ptr[*at] != '}'))
        return false;
    return quoted || buf->len > 0;
}

/* Steps behind "[2:4]=" and the brace; false when there is none. */
static bool array_start(weir_str array, size_t *at)
{
    const char *equals =
        array.len > 0 && array.ptr[0] == '[' ? memchr(array.ptr, '=', array.len) : NULL;

    *at = equals != NULL ? (size_t)(equals - array.ptr) + 1 : 0;
    if (*at >= array.len || array.ptr[*at] != '{')
        return false;
    (*at)++;
    return true;
}

/* How many items there are; -1 when the text is no array of one dimension. */
static int64_t count_items(weir_str array, weir_buf *buf)
{
    size_t at;
    int64_t count = 0;
    bool is_null;

    if (!array_start(array, &at))
        return -1;
    if (at + 1 == array.len && array.ptr[at] == '}')
        return 0;
    for (; next_item(array, &at, buf, &is_null); at++) {
        count++;
        if (array.ptr[at] == '}')
            return at + 1 == array.len ? count : -1;
    }
    return -1;
}

static weir_code array_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    weir_buf *buf = &self->scratch[3];
    int64_t count = count_items(value, buf);
    codec item = item_codec(self);
    size_t at;

    if (!array_start(value, &at) || count < 0)
        return at < value.len && value.ptr[at] == '{' ? many_dimensions(err)
                                                      : convert_bad_text(self, value, err);
    if (count > 0)
        weir_put_block(out, count);
    for (int64_t i = 0; i < count; i++, at++) {
        bool is_null = false;
        weir_code code;

        (void)next_item(value, &at, buf, &is_null); /* counted before: it is one */
        if (is_null) {
            code = put_null_item(self, out, err);
        } else {
            if (self->nullable_items)
                weir_put_branch(out, 1);
            code = item.text(&item, weir_buf_str(buf), out, err);
        }
        if (code != WEIR_OK)
            return code;
    }
    weir_put_block(out, 0);
    return WEIR_OK;
}

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
PAIR(bit)
PAIR(bits)
PAIR(inet)
PAIR(macaddr)
PAIR(array)
