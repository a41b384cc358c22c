/* convert_number.c - conversions of truth values, numbers, money and points to Avro. */
#include "bytes.h"
#include "convert.h"
#include "convert_error.h"
#include "numeric.h"

#include <assert.h>
#include <stdlib.h>

/* --- Booleans, integers, floating point ----------------------------------------------------- */

static weir_code bool_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    if (value.len != 1)
        return convert_malformed(self, value, err);
    weir_put_boolean(out, value.ptr[0] != 0);
    return WEIR_OK;
}

static weir_code bool_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bool is_true = weir_str_eq(value, WEIR_STR("t")) || weir_str_eq(value, WEIR_STR("true"));

    if (!is_true && !weir_str_eq(value, WEIR_STR("f")) && !weir_str_eq(value, WEIR_STR("false")))
        return convert_bad_text(self, value, err);
    weir_put_boolean(out, is_true);
    return WEIR_OK;
}

static weir_code int2_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);

    if (value.len != 2)
        return convert_malformed(self, value, err);
    weir_put_int(out, (int16_t)bytes_u16(&in));
    return WEIR_OK;
}

static weir_code int4_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);

    if (value.len != 4)
        return convert_malformed(self, value, err);
    weir_put_int(out, (int32_t)bytes_u32(&in));
    return WEIR_OK;
}

static weir_code int8_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);

    if (value.len != 8)
        return convert_malformed(self, value, err);
    weir_put_long(out, (int64_t)bytes_u64(&in));
    return WEIR_OK;
}

static weir_code oid_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);

    if (value.len != 4)
        return convert_malformed(self, value, err);
    weir_put_long(out, bytes_u32(&in));
    return WEIR_OK;
}

static bool parse_integer(weir_str text, int64_t min, int64_t max, int64_t *out)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int64_t value = 0;

    if (text.len == (size_t)negative)
        return false;
    for (size_t i = negative; i < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit,
                                   &value)) /* downwards: the minimum has no opposite */
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

static weir_code int2_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    int64_t number;

    if (!parse_integer(value, INT16_MIN, INT16_MAX, &number))
        return convert_bad_text(self, value, err);
    weir_put_int(out, (int32_t)number);
    return WEIR_OK;
}

static weir_code int4_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    int64_t number;

    if (!parse_integer(value, INT32_MIN, INT32_MAX, &number))
        return convert_bad_text(self, value, err);
    weir_put_int(out, (int32_t)number);
    return WEIR_OK;
}

static weir_code int8_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    int64_t number;

    if (!parse_integer(value, INT64_MIN, INT64_MAX, &number))
        return convert_bad_text(self, value, err);
    weir_put_long(out, number);
    return WEIR_OK;
}

static weir_code oid_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    int64_t number;

    if (!parse_integer(value, 0, UINT32_MAX, &number))
        return convert_bad_text(self, value, err);
    weir_put_long(out, number);
    return WEIR_OK;
}

/* A double of text that has no NUL behind it. */
static bool parse_double(const codec *self, weir_str text, double *out)
{
    weir_buf *buf = &self->scratch[2];
    char *end;

    weir_buf_clear(buf);
    weir_buf_add_str(buf, text);
    const char *start = weir_buf_cstr(buf);
    *out = strtod(start, &end);
    return text.len > 0 && end == start + text.len;
}

static weir_code float4_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    uint32_t bits = bytes_u32(&in);
    float number;

    if (value.len != 4)
        return convert_malformed(self, value, err);
    memcpy(&number, &bits, sizeof(number));
    weir_put_float(out, number);
    return WEIR_OK;
}

static weir_code float4_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    weir_buf *buf = &self->scratch[2];
    char *end;

    weir_buf_clear(buf);
    weir_buf_add_str(buf, value);
    const char *start = weir_buf_cstr(buf);
    float number = strtof(start, &end); /* a double in between would round twice */
    if (value.len == 0 || end != start + value.len)
        return convert_bad_text(self, value, err);
    weir_put_float(out, number);
    return WEIR_OK;
}

static weir_code float8_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    uint64_t bits = bytes_u64(&in);
    double number;

    if (value.len != 8)
        return convert_malformed(self, value, err);
    memcpy(&number, &bits, sizeof(number));
    weir_put_double(out, number);
    return WEIR_OK;
}

static weir_code float8_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    double number;

    if (!parse_double(self, value, &number))
        return convert_bad_text(self, value, err);
    weir_put_double(out, number);
    return WEIR_OK;
}

/* --- Numeric and money ---------------------------------------------------------------------- */

static weir_code put_decimal(const codec *self, const numeric *number, weir_batch *out,
                             weir_error *err)
{
    weir_buf *unscaled = &self->scratch[1];

    if (number->class != NUMERIC_FINITE)
        return weir_fail(err, WEIR_FATAL,
                         "NaN and infinity are no Avro decimals; set decimal.handling.mode to "
                         "double or string");
    if (!numeric_unscaled(number, self->scale, unscaled, &self->scratch[2]))
        return weir_fail(err, WEIR_FATAL, "a numeric has more than %d decimal places", self->scale);
    weir_put_bytes(out, weir_buf_str(unscaled));
    return WEIR_OK;
}

static weir_code put_variable(const codec *self, const numeric *number, weir_batch *out,
                              weir_error *err)
{
    weir_buf *unscaled = &self->scratch[1];

    if (number->class != NUMERIC_FINITE)
        return put_decimal(self, number, out, err); /* its message */
    int scale = numeric_minimal_scale(number);
    bool exact = numeric_unscaled(number, scale, unscaled, &self->scratch[2]);
    assert(exact);
    (void)exact;
    weir_put_int(out, scale);
    weir_put_bytes(out, weir_buf_str(unscaled));
    return WEIR_OK;
}

static weir_code put_numeric_double(const codec *self, const numeric *number, weir_batch *out,
                                    weir_error *err)
{
    double result;

    numeric_text(number, &self->scratch[1]);
    if (!parse_double(self, weir_buf_str(&self->scratch[1]), &result))
        return convert_bad_text(self, weir_buf_str(&self->scratch[1]), err);
    weir_put_double(out, result);
    return WEIR_OK;
}

/* Special values have Debezium's names. */
static weir_code put_numeric_text(const codec *self, const numeric *number, weir_batch *out,
                                  weir_error *err)
{
    static const char *const names[] = {"", "NAN", "POSITIVE_INFINITY", "NEGATIVE_INFINITY"};
    (void)err;

    if (number->class != NUMERIC_FINITE) {
        weir_put_text(out, weir_cstr(names[number->class]));
        return WEIR_OK;
    }
    numeric_text(number, &self->scratch[1]);
    weir_put_text(out, weir_buf_str(&self->scratch[1]));
    return WEIR_OK;
}

#define NUMERIC_PAIR(name, put)                                                                    \
    static weir_code name##_binary(const codec *self, weir_str value, weir_batch *out,             \
                                   weir_error *err)                                                \
    {                                                                                              \
        numeric number;                                                                            \
                                                                                                   \
        if (!numeric_from_binary(value, &number))                                                  \
            return convert_malformed(self, value, err);                                            \
        return put(self, &number, out, err);                                                       \
    }                                                                                              \
                                                                                                   \
    static weir_code name##_text(const codec *self, weir_str value, weir_batch *out,               \
                                 weir_error *err)                                                  \
    {                                                                                              \
        numeric number;                                                                            \
                                                                                                   \
        if (!numeric_from_text(value, &self->scratch[0], &number))                                 \
            return convert_bad_text(self, value, err);                                             \
        return put(self, &number, out, err);                                                       \
    }

NUMERIC_PAIR(decimal, put_decimal)
NUMERIC_PAIR(variable_decimal, put_variable)
NUMERIC_PAIR(numeric_double, put_numeric_double)
NUMERIC_PAIR(numeric_text, put_numeric_text)

/* Money is an integer of hundredths on the wire; as text, with lc_monetary C, "-$1,234.56". */
static bool money_from_binary(weir_str value, int64_t *hundredths)
{
    bytes in = bytes_of(value);

    *hundredths = (int64_t)bytes_u64(&in);
    return value.len == 8;
}

static bool money_from_text(weir_str value, int64_t *hundredths)
{
    char digits[32];
    size_t count = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c == '$' || c == ',' || c == '.')
            continue;
        if (count == sizeof(digits))
            return false;
        digits[count++] = c;
    }
    return parse_integer((weir_str){digits, count}, INT64_MIN, INT64_MAX, hundredths);
}

static void print_money(const codec *self, int64_t hundredths)
{
    uint64_t size = hundredths < 0 ? 0 - (uint64_t)hundredths : (uint64_t)hundredths;

    weir_buf_clear(&self->scratch[1]);
    weir_buf_printf(&self->scratch[1], "%s%llu.%02u", hundredths < 0 ? "-" : "",
                    (unsigned long long)(size / 100), (unsigned)(size % 100));
}

static weir_code put_money_decimal(const codec *self, int64_t hundredths, weir_batch *out,
                                   weir_error *err)
{
    numeric number;

    print_money(self, hundredths);
    if (!numeric_from_text(weir_buf_str(&self->scratch[1]), &self->scratch[0], &number))
        return convert_bad_text(self, weir_buf_str(&self->scratch[1]), err);
    return put_decimal(self, &number, out, err);
}

static weir_code put_money_double(const codec *self, int64_t hundredths, weir_batch *out,
                                  weir_error *err)
{
    (void)self, (void)err;
    weir_put_double(out, (double)hundredths / 100);
    return WEIR_OK;
}

static weir_code put_money_text(const codec *self, int64_t hundredths, weir_batch *out,
                                weir_error *err)
{
    (void)err;
    print_money(self, hundredths);
    weir_put_text(out, weir_buf_str(&self->scratch[1]));
    return WEIR_OK;
}

#define MONEY_PAIR(name, put)                                                                      \
    static weir_code name##_binary(const codec *self, weir_str value, weir_batch *out,             \
                                   weir_error *err)                                                \
    {                                                                                              \
        int64_t hundredths;                                                                        \
                                                                                                   \
        if (!money_from_binary(value, &hundredths))                                                \
            return convert_malformed(self, value, err);                                            \
        return put(self, hundredths, out, err);                                                    \
    }                                                                                              \
                                                                                                   \
    static weir_code name##_text(const codec *self, weir_str value, weir_batch *out,               \
                                 weir_error *err)                                                  \
    {                                                                                              \
        int64_t hundredths;                                                                        \
                                                                                                   \
        if (!money_from_text(value, &hundredths))                                                  \
            return convert_bad_text(self, value, err);                                             \
        return put(self, hundredths, out, err);                                                    \
    }

MONEY_PAIR(money_decimal, put_money_decimal)
MONEY_PAIR(money_double, put_money_double)
MONEY_PAIR(money_text, put_money_text)

/* --- Points --------------------------------------------------------------------------------- */

/* Debezium's Point: both numbers, and the same once more as WKB, the well-known binary form of geometry. */
static void put_point(double x, double y, weir_batch *out)
{
    char wkb[21] = {1, 1}; /* little-endian; a point */

    memcpy(wkb + 5, &x, sizeof(x));
    memcpy(wkb + 13, &y, sizeof(y));
    weir_put_double(out, x);
    weir_put_double(out, y);
    weir_put_branch(out, 1);
    weir_put_bytes(out, (weir_str){wkb, sizeof(wkb)});
    weir_put_branch(out, 0); /* srid */
    weir_put_null(out);
}

static double take_double(bytes *in)
{
    uint64_t bits = bytes_u64(in);
    double number;

    memcpy(&number, &bits, sizeof(number));
    return number;
}

static weir_code point_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    double x = take_double(&in);
    double y = take_double(&in);

    if (in.failed || bytes_left(&in) > 0)
        return convert_malformed(self, value, err);
    put_point(x, y, out);
    return WEIR_OK;
}

/* "(1.5,-2)" */
static weir_code point_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    const char *comma = value.len > 2 ? memchr(value.ptr, ',', value.len) : NULL;
    double x, y;

    if (comma == NULL || value.ptr[0] != '(' || value.ptr[value.len - 1] != ')' ||
        !parse_double(self, (weir_str){value.ptr + 1, (size_t)(comma - value.ptr) - 1}, &x) ||
        !parse_double(self, (weir_str){comma + 1, value.len - (size_t)(comma - value.ptr) - 2}, &y))
        return convert_bad_text(self, value, err);
    put_point(x, y, out);
    return WEIR_OK;
}

#define PAIR(name) const conversion convert_##name = {name##_binary, name##_text};
PAIR(bool)
PAIR(int2)
PAIR(int4)
PAIR(int8)
PAIR(oid)
PAIR(float4)
PAIR(float8)
PAIR(decimal)
PAIR(variable_decimal)
PAIR(numeric_double)
PAIR(numeric_text)
PAIR(money_decimal)
PAIR(money_double)
PAIR(money_text)
PAIR(point)
