/* value.c - Avro bytes to JSON, at any depth.
 *
 * The bytes were checked when their record was decoded. Lengths are checked here all the same, so that
 * nothing is read behind their end whatever came before.
 */
#include "value.h"

#include <math.h>
#include <string.h>

enum {
    DEPTH_MAX = 64,
    JSON_MAX = 1 << 30, /* bytes: few bytes can say that very many nulls follow */
    SCALE_MAX = 1024,   /* digits behind the point; more are written as an exponent */
};

/* Where the walk through a nested value stands. */
typedef struct walk {
    weir_str rest;
    weir_buf *out;
    weir_error *err;
    int depth;
} walk;

static void add_base64(weir_buf *out, weir_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    char *at = weir_buf_reserve(out, (bytes.len + 2) / 3 * 4 + 2);
    char *start = at;

    *at++ = '"';
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                        (left > 2 ? in[i + 2] : 0);

        *at++ = digits[word >> 18];
        *at++ = digits[word >> 12 & 63];
        *at++ = left > 1 ? digits[word >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[word & 63] : '=';
    }
    *at++ = '"';
    out->len += (size_t)(at - start);
}

static void add_integer(weir_buf *out, int64_t value)
{
    char digits[24];
    char *end = digits + sizeof(digits), *at = end;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--at = '-';
    weir_buf_add(out, at, (size_t)(end - at));
}

/* Divides a big-endian magnitude by 1e9 in place and returns the remainder. */
static uint32_t divide(uint8_t *magnitude, size_t size)
{
    uint64_t rest = 0;

    for (size_t i = 0; i < size; i++) {
        rest = rest << 8 | magnitude[i];
        magnitude[i] = (uint8_t)(rest / 1000000000);
        rest %= 1000000000;
    }
    return (uint32_t)rest;
}

/* The decimal digits of a big-endian magnitude, least significant first, without zeros in front. */
static size_t digits_of(uint8_t *magnitude, size_t size, char *digits)
{
    size_t count = 0, first = 0; /* first: the first byte that is not 0 yet */

    while (first < size) {
        uint32_t part;

        if (magnitude[first] == 0) {
            first++;
            continue;
        }
        part = divide(magnitude + first, size - first);
        for (int i = 0; i < 9; i++, part /= 10)
            digits[count++] = (char)('0' + part % 10);
    }
    while (count > 0 && digits[count - 1] == '0')
        count--;
    return count;
}

/* unscaled: two's complement, big-endian. */
static weir_code add_decimal(weir_buf *out, weir_str unscaled, int scale, weir_error *err)
{
    uint8_t magnitude[VALUE_DECIMAL_MAX];
    char digits[VALUE_DECIMAL_MAX * 3 + SCALE_MAX];
    size_t count, behind = scale > 0 && scale <= SCALE_MAX ? (size_t)scale : 0;
    bool negative;

    if (unscaled.len == 0 || unscaled.len > sizeof(magnitude))
        return weir_fail(err, WEIR_REJECT, "a decimal of %zu bytes cannot be a number",
                         unscaled.len);
    memcpy(magnitude, unscaled.ptr, unscaled.len);
    negative = (magnitude[0] & 0x80) != 0;
    if (negative) { /* the two's complement of it */
        unsigned carry = 1;

        for (size_t i = unscaled.len; i-- > 0;) {
            carry += (uint8_t)~magnitude[i];
            magnitude[i] = (uint8_t)carry;
            carry >>= 8;
        }
        weir_buf_add_byte(out, '-');
    }
    count = digits_of(magnitude, unscaled.len, digits);
    while (count <= behind) /* one digit in front of the point, at least */
        digits[count++] = '0';
    while (count > 0) {
        weir_buf_add_byte(out, digits[--count]);
        if (count == behind && behind > 0)
            weir_buf_add_byte(out, '.');
    }
    if (scale != 0 && behind == 0)
        weir_buf_printf(out, "e%d", -scale);
    return WEIR_OK;
}

/* The size of the UTF-8 sequence (RFC 3629) that text begins with; 0: it is none. */
static size_t sequence_size(weir_str text)
{
    uint8_t first = (uint8_t)text.ptr[0];
    size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = first < 0x80 ? first : first & (0xffu >> (size + 1));

    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || size > text.len)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (((uint8_t)text.ptr[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((uint8_t)text.ptr[i] & 0x3f);
    }
    if ((size == 3 && code < 0x800) || (size == 4 && (code < 0x10000 || code > 0x10ffff)) ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    return size;
}

bool value_is_utf8(weir_str text)
{
    while (text.len > 0) {
        size_t size = sequence_size(text);

        if (size == 0)
            return false;
        text.ptr += size;
        text.len -= size;
    }
    return true;
}

/* A text that is not UTF-8 would be another one in JSON. */
static weir_code add_text(weir_buf *out, weir_str text, weir_error *err)
{
    size_t start = out->len;

    weir_buf_add_json(out, text);
    if (out->len - start == text.len + 2) /* it stands there as it was */
        return WEIR_OK;
    if (!value_is_utf8(text))
        return weir_fail(err, WEIR_REJECT, "a text that is not UTF-8 cannot be in a document");
    return WEIR_OK;
}

static weir_code add_bytes(const weir_schema *schema, weir_str bytes, weir_buf *out,
                           weir_error *err)
{
    if (weir_schema_logical(schema) == WEIR_LOGICAL_DECIMAL)
        return add_decimal(out, bytes, weir_schema_scale(schema), err);
    if (weir_schema_type(schema) == WEIR_TYPE_STRING)
        return add_text(out, bytes, err);
    add_base64(out, bytes);
    return WEIR_OK;
}

/* encoded: the Avro bytes of a float or a double. */
static weir_code add_number(const weir_schema *schema, double value, weir_str encoded,
                            weir_buf *out, weir_error *err)
{
    if (!isfinite(value))
        return weir_fail(err, WEIR_REJECT, "%s is no number that Elasticsearch can store",
                         isnan(value) ? "NaN"
                         : value > 0  ? "Infinity"
                                      : "-Infinity");
    return weir_value_json(schema, encoded, out, err);
}

/* The steps of the walk say whether they went well; else err says why not. */
static bool fail(walk *self)
{
    (void)weir_fail(self->err, WEIR_REJECT, "the bytes of a nested value are damaged");
    return false;
}

static bool take(walk *self, size_t size, weir_str *bytes)
{
    if (size > self->rest.len)
        return fail(self);
    *bytes = (weir_str){self->rest.ptr, size};
    self->rest.ptr += size;
    self->rest.len -= size;
    return true;
}

static bool take_long(walk *self, int64_t *out)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64 && self->rest.len > 0; shift += 7) {
        uint8_t byte = (uint8_t)*self->rest.ptr++;

        self->rest.len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return fail(self);
}

/* The content of bytes, string or fixed. */
static bool take_bytes(walk *self, const weir_schema *schema, weir_str *bytes)
{
    int64_t size;

    if (weir_schema_type(schema) == WEIR_TYPE_FIXED)
        return take(self, weir_schema_fixed_size(schema), bytes);
    if (!take_long(self, &size))
        return false;
    return size < 0 ? fail(self) : take(self, (size_t)size, bytes);
}

static bool walk_number(walk *self, const weir_schema *schema)
{
    weir_str encoded;
    double number;
    float single;

    if (weir_schema_type(schema) == WEIR_TYPE_DOUBLE) {
        if (!take(self, sizeof(number), &encoded))
            return false;
        memcpy(&number, encoded.ptr, sizeof(number));
    } else {
        if (!take(self, sizeof(single), &encoded))
            return false;
        memcpy(&single, encoded.ptr, sizeof(single));
        number = (double)single;
    }
    return add_number(schema, number, encoded, self->out, self->err) == WEIR_OK;
}

static bool walk_integer(walk *self, const weir_schema *schema)
{
    weir_type type = weir_schema_type(schema);
    weir_str byte;
    int64_t value;

    if (type == WEIR_TYPE_BOOLEAN) {
        if (!take(self, 1, &byte))
            return false;
        weir_buf_add_str(self->out, byte.ptr[0] != 0 ? WEIR_STR("true") : WEIR_STR("false"));
        return true;
    }
    if (!take_long(self, &value))
        return false;
    if (type != WEIR_TYPE_ENUM)
        add_integer(self->out, value);
    else if (value < 0 || (size_t)value >= weir_schema_symbol_count(schema))
        return fail(self);
    else
        weir_buf_add_json(self->out, weir_schema_symbol(schema, (size_t)value));
    return true;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the value, at most DEPTH_MAX */
static bool walk_value(walk *self, const weir_schema *schema);

static bool walk_record(walk *self, const weir_schema *schema)
{
    weir_buf_add_byte(self->out, '{');
    for (size_t i = 0; i < weir_schema_field_count(schema); i++) {
        if (i > 0)
            weir_buf_add_byte(self->out, ',');
        weir_buf_add_json(self->out, weir_schema_field_name(schema, i));
        weir_buf_add_byte(self->out, ':');
        if (!walk_value(self, weir_schema_field(schema, i)))
            return false;
    }
    weir_buf_add_byte(self->out, '}');
    return true;
}

/* An item of an array, or an entry of a map. */
static bool walk_item(walk *self, const weir_schema *schema)
{
    weir_str key;

    if (weir_schema_type(schema) == WEIR_TYPE_MAP) {
        int64_t size;

        if (!take_long(self, &size) || size < 0 || !take(self, (size_t)size, &key))
            return fail(self);
        if (add_text(self->out, key, self->err) != WEIR_OK)
            return false;
        weir_buf_add_byte(self->out, ':');
    }
    return walk_value(self, weir_schema_items(schema));
}

static bool walk_items(walk *self, const weir_schema *schema)
{
    bool is_map = weir_schema_type(schema) == WEIR_TYPE_MAP, first = true;
    int64_t count, size;

    weir_buf_add_byte(self->out, is_map ? '{' : '[');
    for (;;) {
        if (!take_long(self, &count))
            return false;
        if (count == 0)
            break;
        if (count < 0 && !take_long(self, &size)) /* a block may say how long it is */
            return false;
        for (uint64_t left = count < 0 ? -(uint64_t)count : (uint64_t)count; left > 0; left--) {
            if (!first)
                weir_buf_add_byte(self->out, ',');
            first = false;
            if (self->out->len > JSON_MAX)
                return fail(self);
            if (!walk_item(self, schema))
                return false;
        }
    }
    weir_buf_add_byte(self->out, is_map ? '}' : ']');
    return true;
}

static bool walk_union(walk *self, const weir_schema *schema)
{
    weir_str start = self->rest;
    size_t mark = self->out->len;
    int64_t branch;

    if (!take_long(self, &branch))
        return false;
    if (branch < 0 || (size_t)branch >= weir_schema_branch_count(schema))
        return fail(self);
    if (!walk_value(self, weir_schema_branch(schema, (size_t)branch)))
        return false;
    if (value_is_plain(schema))
        return true;
    self->out->len = mark; /* that was to find its end */
    start.len -= self->rest.len;
    return weir_value_json(schema, start, self->out, self->err) == WEIR_OK;
}

static bool walk_value(walk *self, const weir_schema *schema)
{
    weir_str bytes;
    bool good = true;

    if (++self->depth > DEPTH_MAX)
        return weir_fail(self->err, WEIR_REJECT, "a value is nested deeper than %d", DEPTH_MAX) ==
               WEIR_OK;
    switch (weir_schema_type(schema)) {
    case WEIR_TYPE_NULL:
        weir_buf_add_str(self->out, WEIR_STR("null"));
        break;
    case WEIR_TYPE_BOOLEAN:
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
    case WEIR_TYPE_ENUM:
        good = walk_integer(self, schema);
        break;
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
        good = walk_number(self, schema);
        break;
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
    case WEIR_TYPE_FIXED:
        good = take_bytes(self, schema, &bytes) &&
               add_bytes(schema, bytes, self->out, self->err) == WEIR_OK;
        break;
    case WEIR_TYPE_RECORD:
        good = walk_record(self, schema);
        break;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        good = walk_items(self, schema);
        break;
    case WEIR_TYPE_UNION:
        good = walk_union(self, schema);
        break;
    }
    self->depth--;
    return good;
}
/* NOLINTEND(misc-no-recursion) */

bool value_is_plain(const weir_schema *schema)
{
    return weir_schema_type(schema) != WEIR_TYPE_UNION || weir_schema_branch_count(schema) == 1 ||
           weir_schema_unwrap(schema) != schema;
}

weir_code value_json(const weir_schema *schema, const weir_slot *slot, weir_buf *out,
                     weir_error *err)
{
    walk nested = {.rest = slot->bytes, .out = out, .err = err};

    switch (slot->kind) {
    case WEIR_SLOT_NULL:
    case WEIR_SLOT_UNSENT:
        weir_buf_add_str(out, WEIR_STR("null"));
        return WEIR_OK;
    case WEIR_SLOT_BOOLEAN:
        weir_buf_add_str(out, slot->integer != 0 ? WEIR_STR("true") : WEIR_STR("false"));
        return WEIR_OK;
    case WEIR_SLOT_INTEGER:
        if (weir_schema_type(schema) == WEIR_TYPE_ENUM)
            weir_buf_add_json(out, weir_schema_symbol(schema, (size_t)slot->integer));
        else
            add_integer(out, slot->integer);
        return WEIR_OK;
    case WEIR_SLOT_NUMBER:
        return add_number(schema, slot->number, slot->bytes, out, err);
    case WEIR_SLOT_BYTES:
        return add_bytes(schema, slot->bytes, out, err);
    case WEIR_SLOT_NESTED:
        return walk_value(&nested, schema) ? WEIR_OK : err->code;
    }
    return weir_fail(err, WEIR_REJECT, "a field of an unknown kind");
}
