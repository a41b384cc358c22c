/* numeric.c - two's complement to digits of base 10,000.
 *
 * The digits must be aligned at the decimal point: the number is first multiplied by a power of ten
 * below 10,000 that makes its scale a multiple of four. Numbers of up to 14 bytes, which is nearly
 * all of them, are divided as one 128-bit integer; larger ones by long division.
 */
#include "numeric.h"

#include <assert.h>
#include <string.h>

enum {
    NUMERIC_BYTES_MAX = 61300, /* log2(10) / 8 * (131072 + 16383) */
    SMALL_BYTES = 14,          /* times 1,000 they fit into 128 bits */
    SMALL_DIGITS = 10,
};

typedef struct digits {
    const uint16_t *at; /* the lowest first */
    size_t count;
    int64_t scale_groups; /* how many of them stand behind the point */
    bool negative;
} digits;

static void put_u16(char *at, int64_t value)
{
    at[0] = (char)(value >> 8 & 0xff);
    at[1] = (char)(value & 0xff);
}

static uint16_t get_u16(const char *at)
{
    return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static unsigned power_of_ten(int64_t exponent)
{
    static const unsigned powers[] = {1, 10, 100, 1000};

    assert(exponent >= 0 && exponent < 4);
    return powers[exponent];
}

/* Writes the header and the digits, without zeros at either end. */
static weir_code write_digits(const digits *self, int64_t dscale, weir_buf *out, weir_error *err)
{
    size_t high = self->count; /* behind the highest that is not zero */
    size_t low = 0;
    int64_t weight;
    char *at;

    while (high > 0 && self->at[high - 1] == 0)
        high--;
    while (low < high && self->at[low] == 0)
        low++;
    weight = high > 0 ? (int64_t)high - self->scale_groups - 1 : 0;
    if (weight >= NUMERIC_DIGITS_MAX / 4 || dscale > NUMERIC_SCALE_MAX)
        return weir_fail(err, WEIR_REJECT,
                         "decimal has more digits than a numeric can hold (%d before the point, %d "
                         "behind it)",
                         NUMERIC_DIGITS_MAX, NUMERIC_SCALE_MAX);

    at = weir_buf_reserve(out, 8 + 2 * (high - low));
    put_u16(at, (int64_t)(high - low));
    put_u16(at + 2, weight);
    put_u16(at + 4, self->negative && high > low ? 0x4000 : 0);
    put_u16(at + 6, dscale);
    at += 8;
    for (size_t i = high; i > low; i--, at += 2)
        put_u16(at, self->at[i - 1]);
    out->len += 8 + 2 * (high - low);
    return WEIR_OK;
}

/* Returns the count of digits. */
static size_t split_small(unsigned __int128 magnitude, uint16_t *to)
{
    size_t count = 0;

    for (; magnitude > UINT64_MAX; magnitude /= 10000)
        to[count++] = (uint16_t)(magnitude % 10000);
    for (uint64_t rest = (uint64_t)magnitude; rest > 0; rest /= 10000)
        to[count++] = (uint16_t)(rest % 10000);
    assert(count <= SMALL_DIGITS);
    return count;
}

/* Limbs of 32 bits, the highest first; they are used up. */
static void split_large(uint32_t *limbs, size_t count, weir_buf *out)
{
    while (count > 0) {
        uint64_t rest = 0;

        for (size_t i = 0; i < count; i++) {
            uint64_t value = rest << 32 | limbs[i];

            limbs[i] = (uint32_t)(value / 100000000);
            rest = value % 100000000;
        }
        uint16_t pair[2] = {(uint16_t)(rest % 10000), (uint16_t)(rest / 10000)};

        weir_buf_add(out, pair, sizeof(pair));
        while (count > 0 && limbs[0] == 0) {
            limbs++;
            count--;
        }
    }
}

/* The absolute value times factor, as limbs with one to spare at the front. */
static size_t make_limbs(weir_str unscaled, unsigned factor, weir_buf *out)
{
    size_t count = unscaled.len / 4 + 2;
    bool negative = (uint8_t)unscaled.ptr[0] >= 0x80;
    uint32_t *limbs = (uint32_t *)(void *)weir_buf_reserve(out, count * 4);
    uint64_t carry = 0;
    unsigned borrow = negative ? 1 : 0;

    memset(limbs, 0, count * 4);
    for (size_t i = 0; i < unscaled.len; i++) {
        unsigned byte = (uint8_t)unscaled.ptr[unscaled.len - 1 - i];

        if (negative) {
            byte = (~byte & 0xff) + borrow;
            borrow = byte >> 8;
            byte &= 0xff;
        }
        limbs[count - 1 - i / 4] |= (uint32_t)byte << (i % 4 * 8);
    }
    /* -2^(8n-1) is its own complement: the carry out of the top byte cannot happen */
    for (size_t i = count; i > 0; i--) {
        carry += (uint64_t)limbs[i - 1] * factor;
        limbs[i - 1] = (uint32_t)carry;
        carry >>= 32;
    }
    assert(carry == 0);
    return count;
}

static __int128 small_value(weir_str unscaled)
{
    __int128 value = unscaled.len > 0 && (uint8_t)unscaled.ptr[0] >= 0x80 ? -1 : 0;

    for (size_t i = 0; i < unscaled.len; i++)
        value = (__int128)((unsigned __int128)value << 8) | (uint8_t)unscaled.ptr[i];
    return value;
}

/* work has the sign and the scale. */
static weir_code encode_large(weir_str unscaled, unsigned factor, digits *work, int64_t scale,
                              weir_buf *out, weir_error *err)
{
    weir_buf limbs = {0};
    weir_buf parts = {0};
    size_t count = make_limbs(unscaled, factor, &limbs);

    split_large((uint32_t *)(void *)limbs.ptr, count, &parts);
    work->at = (const uint16_t *)(const void *)parts.ptr;
    work->count = parts.len / sizeof(uint16_t);
    weir_code code = write_digits(work, scale > 0 ? scale : 0, out, err);
    weir_buf_done(&parts);
    weir_buf_done(&limbs);
    return code;
}

weir_code numeric_encode(weir_str unscaled, int64_t scale, weir_buf *out, weir_error *err)
{
    if (unscaled.len > NUMERIC_BYTES_MAX || scale > NUMERIC_SCALE_MAX ||
        scale < -NUMERIC_DIGITS_MAX)
        return weir_fail(err, WEIR_REJECT,
                         "decimal of %zu bytes and scale %lld is more than a numeric can hold",
                         unscaled.len, (long long)scale);

    int64_t shift = scale >= 0 ? (4 - scale % 4) % 4 : -scale % 4;
    unsigned factor = power_of_ten(shift);
    digits work = {.negative = unscaled.len > 0 && (uint8_t)unscaled.ptr[0] >= 0x80};

    work.scale_groups = scale >= 0 ? (scale + shift) / 4 : -((-scale - shift) / 4);
    if (unscaled.len > SMALL_BYTES)
        return encode_large(unscaled, factor, &work, scale, out, err);

    uint16_t small[SMALL_DIGITS];
    __int128 value = small_value(unscaled);

    work.at = small;
    work.count = split_small((unsigned __int128)(value < 0 ? -value : value) * factor, small);
    return write_digits(&work, scale > 0 ? scale : 0, out, err);
}

void numeric_encode_integer(int64_t value, weir_buf *out)
{
    char bytes[8];
    weir_error err;
    uint64_t rest = (uint64_t)value;

    for (int i = 7; i >= 0; i--, rest >>= 8)
        bytes[i] = (char)(rest & 0xff);
    weir_code code = numeric_encode((weir_str){bytes, sizeof(bytes)}, 0, out, &err);
    assert(code == WEIR_OK);
    (void)code;
}

typedef struct header {
    int count, weight, sign, dscale;
} header;

static header read_header(weir_str binary)
{
    assert(binary.len >= 8);
    header head = {(int16_t)get_u16(binary.ptr), (int16_t)get_u16(binary.ptr + 2),
                   get_u16(binary.ptr + 4), get_u16(binary.ptr + 6)};
    assert(head.count >= 0 && binary.len == 8 + 2 * (size_t)head.count);
    return head;
}

/* The digit that stands for 10000^position; zeros on both sides of those that are there. */
static int digit_of(weir_str binary, header head, int position)
{
    int index = head.weight - position;

    if (index < 0 || index >= head.count)
        return 0;
    return get_u16(binary.ptr + 8 + (size_t)2 * (size_t)index);
}

bool numeric_has_scale(weir_str binary, int scale)
{
    header head = read_header(binary);

    if (head.count == 0)
        return true;
    /* zeros at the end are not written in groups of four, so the last group is not zero */
    int last = get_u16(binary.ptr + 8 + (size_t)2 * ((size_t)head.count - 1));
    int places = 4 * (head.count - 1 - head.weight);

    assert(last > 0);
    for (; last % 10 == 0; last /= 10)
        places--;
    return places <= scale;
}

void numeric_text(weir_str binary, weir_buf *out)
{
    header head = read_header(binary);
    int first = head.weight > 0 ? head.weight : 0;

    if (head.sign == 0xC000 || head.sign == 0xD000 || head.sign == 0xF000) {
        weir_buf_printf(out, "%s",
                        head.sign == 0xC000   ? "NaN"
                        : head.sign == 0xD000 ? "Infinity"
                                              : "-Infinity");
        return;
    }
    if (head.sign == 0x4000)
        weir_buf_add_byte(out, '-');
    weir_buf_printf(out, "%d", digit_of(binary, head, first));
    for (int position = first - 1; position >= 0; position--)
        weir_buf_printf(out, "%04d", digit_of(binary, head, position));
    if (head.dscale == 0)
        return;
    weir_buf_add_byte(out, '.');
    size_t end = out->len + (size_t)head.dscale;
    for (int position = -1; out->len < end; position--)
        weir_buf_printf(out, "%04d", digit_of(binary, head, position));
    out->len = end;
}

bool numeric_to_int128(weir_str binary, int scale, __int128 *out)
{
    header head = read_header(binary);
    int lowest = -((scale + 3) / 4);
    unsigned __int128 value = 0;
    const unsigned __int128 limit = (unsigned __int128)1 << 112;

    assert(scale >= 0);
    if (head.sign != 0 && head.sign != 0x4000)
        return false;
    for (int position = head.weight; position >= lowest; position--) {
        if (value > limit) /* times 10,000 stays below 2^127 */
            return false;
        value = value * 10000 + (unsigned)digit_of(binary, head, position);
    }
    for (int i = head.weight - lowest + 1 > 0 ? head.weight - lowest + 1 : 0; i < head.count; i++)
        if (get_u16(binary.ptr + 8 + (size_t)2 * (size_t)i) != 0)
            return false;
    unsigned surplus = power_of_ten(-lowest * 4 - scale);
    if (value % surplus != 0)
        return false;
    *out = (__int128)(value / surplus);
    if (head.sign == 0x4000)
        *out = -*out;
    return true;
}
