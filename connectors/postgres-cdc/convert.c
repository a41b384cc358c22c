/* convert.c - conversions of numbers, texts and bytes from PostgreSQL to Avro. */
#include "convert.h"

#include "bytes.h"
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

/* --- Texts and bytes ------------------------------------------------------------------------ */

static weir_code plain_text_text(const codec *self, weir_str value, weir_batch *out,
                                 weir_error *err)
{
    (void)self, (void)err;
    weir_put_text(out, value);
    return WEIR_OK;
}
#define plain_text_binary plain_text_text

static weir_code versioned_text_binary(const codec *self, weir_str value, weir_batch *out,
                                       weir_error *err)
{
    if (value.len < 1 || value.ptr[0] != 1)
        return convert_malformed(self, value, err);
    weir_put_text(out, (weir_str){value.ptr + 1, value.len - 1});
    return WEIR_OK;
}
#define versioned_text_text plain_text_text

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x0a1b", as bytea_output hex writes it; the bytes are left in the first scratch buffer. */
static bool bytea_from_text(const codec *self, weir_str value)
{
    weir_buf *buf = &self->scratch[0];

    weir_buf_clear(buf);
    if (value.len < 2 || value.len % 2 != 0 || memcmp(value.ptr, "\\x", 2) != 0)
        return false;
    char *to = weir_buf_reserve(buf, value.len);
    for (size_t i = 2; i < value.len; i += 2) {
        int high = hex_digit(value.ptr[i]);
        int low = hex_digit(value.ptr[i + 1]);

        if (high < 0 || low < 0)
            return false;
        *to++ = (char)(high << 4 | low);
    }
    buf->len = value.len / 2 - 1;
    return true;
}

static weir_code bytea_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    (void)self, (void)err;
    weir_put_bytes(out, value);
    return WEIR_OK;
}

static weir_code bytea_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    if (!bytea_from_text(self, value))
        return convert_bad_text(self, value, err);
    weir_put_bytes(out, weir_buf_str(&self->scratch[0]));
    return WEIR_OK;
}

static void add_hex(weir_buf *out, weir_str value)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < value.len; i++) {
        weir_buf_add_byte(out, digits[(uint8_t)value.ptr[i] >> 4]);
        weir_buf_add_byte(out, digits[(uint8_t)value.ptr[i] & 15]);
    }
}

static void add_base64(weir_buf *out, weir_str value, bool url)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *digits = url ? safe : plain;

    for (size_t i = 0; i < value.len; i += 3) {
        size_t left = value.len - i;
        uint32_t group = (uint32_t)(uint8_t)value.ptr[i] << 16;

        if (left > 1)
            group |= (uint32_t)(uint8_t)value.ptr[i + 1] << 8;
        if (left > 2)
            group |= (uint8_t)value.ptr[i + 2];
        weir_buf_add_byte(out, digits[group >> 18]);
        weir_buf_add_byte(out, digits[group >> 12 & 63]);
        weir_buf_add_byte(out, left > 1 ? digits[group >> 6 & 63] : '=');
        weir_buf_add_byte(out, left > 2 ? digits[group & 63] : '=');
    }
}

static weir_code bytea_text_binary(const codec *self, weir_str value, weir_batch *out,
                                   weir_error *err)
{
    weir_buf *buf = &self->scratch[1];
    (void)err;

    weir_buf_clear(buf);
    if (self->options->binary == BINARY_HEX)
        add_hex(buf, value);
    else
        add_base64(buf, value, self->options->binary == BINARY_BASE64_URL);
    weir_put_text(out, weir_buf_str(buf));
    return WEIR_OK;
}

static weir_code bytea_text_text(const codec *self, weir_str value, weir_batch *out,
                                 weir_error *err)
{
    if (!bytea_from_text(self, value))
        return convert_bad_text(self, value, err);
    return bytea_text_binary(self, weir_buf_str(&self->scratch[0]), out, err);
}

static weir_code uuid_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    static const char digits[] = "0123456789abcdef";
    char text[36];
    size_t at = 0;

    if (value.len != 16)
        return convert_malformed(self, value, err);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[(uint8_t)value.ptr[i] >> 4];
        text[at++] = digits[(uint8_t)value.ptr[i] & 15];
    }
    weir_put_text(out, (weir_str){text, sizeof(text)});
    return WEIR_OK;
}
#define uuid_text plain_text_text

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
PAIR(plain_text)
PAIR(versioned_text)
PAIR(bytea)
PAIR(bytea_text)
PAIR(uuid)
const conversion convert_as_text = {NULL, plain_text_text};
