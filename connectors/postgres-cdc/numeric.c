/* numeric.c - PostgreSQL's numeric values, of any size, without loss.
 *
 * Values of up to 38 digits, which is nearly all, are put together in one 128-bit integer. Larger ones
 * are multiplied up in an array of 32-bit limbs, lowest first.
 */
#include "numeric.h"

#include "bytes.h"

#include <assert.h>

#define SIGN_NEGATIVE       0x4000
#define SIGN_NAN            0xC000
#define SIGN_INFINITY       0xD000
#define SIGN_MINUS_INFINITY 0xF000
#define DIGIT_LIMIT                                                                                \
    40000 /* base 10000: 131072 / 4 before and 16383 / 4 behind the point, and more */

static int digit_at(const numeric *value, size_t index)
{
    return value->digits[2 * index] << 8 | value->digits[2 * index + 1];
}

bool numeric_from_binary(weir_str value, numeric *out)
{
    bytes in = bytes_of(value);
    uint16_t count = bytes_u16(&in);
    int16_t weight = (int16_t)bytes_u16(&in);
    uint16_t sign = bytes_u16(&in);
    uint16_t scale = bytes_u16(&in);
    weir_str digits = bytes_take(&in, (size_t)count * 2);

    if (in.failed || bytes_left(&in) > 0 || scale > 0x3FFF)
        return false;
    *out = (numeric){.negative = sign == SIGN_NEGATIVE,
                     .weight = weight,
                     .scale = scale,
                     .count = count,
                     .digits = (const uint8_t *)digits.ptr};
    if (sign == SIGN_NAN)
        out->class = NUMERIC_NAN;
    else if (sign == SIGN_INFINITY)
        out->class = NUMERIC_INFINITY;
    else if (sign == SIGN_MINUS_INFINITY)
        out->class = NUMERIC_MINUS_INFINITY;
    else if (sign != 0 && sign != SIGN_NEGATIVE)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (digit_at(out, i) > 9999)
            return false;
    }
    return true;
}

/* The decimal digit at a place counted from the point: 0 is the ones, -1 the tenths. */
static int decimal_at(weir_str integer, weir_str fraction, long place)
{
    if (place >= 0)
        return place < (long)integer.len ? integer.ptr[(long)integer.len - 1 - place] - '0' : 0;
    return -place <= (long)fraction.len ? fraction.ptr[-place - 1] - '0' : 0;
}

static bool all_digits(weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return true;
}

bool numeric_from_text(weir_str value, weir_buf *scratch, numeric *out)
{
    bool negative = value.len > 0 && value.ptr[0] == '-';
    weir_str rest = {value.ptr + negative, value.len - negative};

    *out = (numeric){.negative = negative};
    if (weir_str_eq(value, WEIR_STR("NaN")))
        out->class = NUMERIC_NAN;
    else if (weir_str_eq(rest, WEIR_STR("Infinity")))
        out->class = negative ? NUMERIC_MINUS_INFINITY : NUMERIC_INFINITY;
    if (out->class != NUMERIC_FINITE)
        return true;

    const char *point = rest.len > 0 ? memchr(rest.ptr, '.', rest.len) : NULL;
    weir_str integer = {rest.ptr, point != NULL ? (size_t)(point - rest.ptr) : rest.len};
    weir_str fraction = {0};
    if (point != NULL)
        fraction = (weir_str){point + 1, rest.len - integer.len - 1};
    if (integer.len + fraction.len == 0 || rest.len > (size_t)DIGIT_LIMIT * 4 ||
        !all_digits(integer) || !all_digits(fraction))
        return false;

    long groups_before = ((long)integer.len + 3) / 4;
    long groups_behind = ((long)fraction.len + 3) / 4;
    weir_buf_clear(scratch);
    for (long group = groups_before - 1; group >= -groups_behind; group--) {
        int digit = 0;

        for (long place = group * 4 + 3; place >= group * 4; place--)
            digit = digit * 10 + decimal_at(integer, fraction, place);
        weir_buf_add_byte(scratch, (char)(digit >> 8));
        weir_buf_add_byte(scratch, (char)(digit & 0xff));
    }
    out->weight = (int)groups_before - 1;
    out->scale = (int)fraction.len;
    out->count = (size_t)(groups_before + groups_behind);
    out->digits = (const uint8_t *)scratch->ptr;
    return true;
}

int numeric_minimal_scale(const numeric *value)
{
    assert(value->class == NUMERIC_FINITE);
    for (size_t i = value->count; i-- > 0;) {
        int digit = digit_at(value, i);
        int places = 4 * ((int)i - value->weight); /* behind the point, of the whole group */

        if (digit == 0)
            continue;
        while (digit % 10 == 0) {
            digit /= 10;
            places--;
        }
        return places > 0 ? places : 0;
    }
    return 0;
}

size_t numeric_from_int(int64_t value, uint8_t out[8])
{
    size_t size = 1;

    while (size < 8 && (value >> (8 * size - 1)) != 0 && (value >> (8 * size - 1)) != -1)
        size++;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    return size;
}

static void add_int128(weir_buf *out, __int128 value)
{
    size_t size = 1;

    while (size < 16 && (value >> (8 * size - 1)) != 0 && (value >> (8 * size - 1)) != -1)
        size++;
    for (size_t i = size; i-- > 0;)
        weir_buf_add_byte(out, (char)(uint8_t)(value >> (8 * i)));
}

/* limbs = limbs * factor + summand. */
static void limbs_multiply(weir_buf *limbs, uint32_t factor, uint32_t summand)
{
    uint32_t *limb = (uint32_t *)(void *)limbs->ptr;
    size_t count = limbs->len / 4;
    uint64_t carry = summand;

    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)limb[i] * factor;
        limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        uint32_t top = (uint32_t)carry;
        weir_buf_add(limbs, &top, sizeof(top));
    }
}

/* limbs = limbs / divisor; the remainder is returned. */
static uint32_t limbs_divide(weir_buf *limbs, uint32_t divisor)
{
    uint32_t *limb = (uint32_t *)(void *)limbs->ptr;
    uint64_t rest = 0;

    for (size_t i = limbs->len / 4; i-- > 0;) {
        rest = rest << 32 | limb[i];
        limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

/* Two's complement, big-endian, without superfluous bytes in front. */
static void limbs_write(const weir_buf *limbs, bool negative, weir_buf *out)
{
    size_t size = limbs->len + 1; /* room for the sign */
    const uint8_t *from = (const uint8_t *)limbs->ptr;
    uint8_t *to = (uint8_t *)weir_buf_reserve(out, size);
    unsigned carry = negative;
    size_t skip = 0;

    for (size_t i = 0; i < size; i++) { /* from the lowest byte up */
        unsigned byte = i < limbs->len ? from[i] : 0;

        if (negative) {
            byte = (~byte & 0xff) + carry;
            carry = byte >> 8;
        }
        to[size - 1 - i] = (uint8_t)byte;
    }
    while (skip + 1 < size &&
           ((to[skip] == 0 && to[skip + 1] < 0x80) || (to[skip] == 0xff && to[skip + 1] >= 0x80)))
        skip++;
    memmove(to, to + skip, size - skip);
    out->len += size - skip;
}

static bool unscaled_large(const numeric *value, long exponent, weir_buf *out, weir_buf *work)
{
    weir_buf_clear(work);
    for (size_t i = 0; i < value->count; i++)
        limbs_multiply(work, 10000, (uint32_t)digit_at(value, i));
    for (; exponent >= 9; exponent -= 9)
        limbs_multiply(work, 1000000000, 0);
    for (; exponent > 0; exponent--)
        limbs_multiply(work, 10, 0);
    for (; exponent < 0; exponent++) {
        if (limbs_divide(work, 10) != 0)
            return false;
    }
    limbs_write(work, value->negative, out);
    return true;
}

bool numeric_unscaled(const numeric *value, int scale, weir_buf *out, weir_buf *work)
{
    assert(value->class == NUMERIC_FINITE);
    size_t count = value->count;
    while (count > 0 && digit_at(value, count - 1) == 0)
        count--;
    numeric trimmed = *value;
    trimmed.count = count;
    long exponent = 4L * (value->weight - (long)count + 1) + scale; /* of ten, of the last group */

    weir_buf_clear(out);
    if (count == 0) {
        weir_buf_add_byte(out, 0);
        return true;
    }
    if (4 * (long)count + (exponent > 0 ? exponent : 0) > 38)
        return unscaled_large(&trimmed, exponent, out, work);

    __int128 sum = 0;
    for (size_t i = 0; i < count; i++)
        sum = sum * 10000 + digit_at(value, i);
    for (; exponent > 0; exponent--)
        sum *= 10;
    for (; exponent < 0; exponent++) {
        if (sum % 10 != 0)
            return false;
        sum /= 10;
    }
    add_int128(out, value->negative ? -sum : sum);
    return true;
}

void numeric_text(const numeric *value, weir_buf *out)
{
    static const char *const names[] = {"", "NaN", "Infinity", "-Infinity"};

    weir_buf_clear(out);
    if (value->class != NUMERIC_FINITE) {
        weir_buf_add_str(out, weir_cstr(names[value->class]));
        return;
    }
    if (value->negative)
        weir_buf_add_byte(out, '-');
    if (value->weight < 0)
        weir_buf_add_byte(out, '0');
    for (int group = 0; group <= value->weight; group++) {
        int digit = (size_t)group < value->count ? digit_at(value, (size_t)group) : 0;

        weir_buf_printf(out, group == 0 ? "%d" : "%04d", digit);
    }
    if (value->scale > 0)
        weir_buf_add_byte(out, '.');
    for (int place = 0; place < value->scale; place++) {
        static const int power[] = {1000, 100, 10, 1};
        long group = (long)value->weight + 1 + place / 4;
        int digit = group >= 0 && (size_t)group < value->count ? digit_at(value, (size_t)group) : 0;

        weir_buf_add_byte(out, (char)('0' + digit / power[place % 4] % 10));
    }
}
