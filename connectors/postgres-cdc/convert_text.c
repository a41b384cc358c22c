/* convert_text.c - conversions of texts, bytes, bits, network addresses and hstore to Avro. */
#include "bytes.h"
#include "convert.h"
#include "convert_error.h"

#include <arpa/inet.h>
#include <stdio.h>

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

/* "char" is one byte: 0 is the empty text, and what is no text of its own is written in octal, as
 * PostgreSQL does since version 16. */
static weir_code char_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    uint8_t byte = value.len == 1 ? (uint8_t)value.ptr[0] : 0;
    char octal[4] = {'\\', (char)('0' + (byte >> 6)), (char)('0' + (byte >> 3 & 7)),
                     (char)('0' + (byte & 7))};
    (void)self, (void)err;

    if (value.len == 1 && byte == 0)
        value.len = 0;
    weir_put_text(out, byte < 0x80 ? value : (weir_str){octal, sizeof(octal)});
    return WEIR_OK;
}
#define char_binary char_text

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

/* --- hstore --------------------------------------------------------------------------------- */

static void add_pair(weir_buf *json, weir_str key, bool is_null, weir_str value)
{
    if (json->len > 1)
        weir_buf_add_byte(json, ',');
    weir_buf_add_json(json, key);
    weir_buf_add_byte(json, ':');
    if (is_null)
        weir_buf_add_str(json, WEIR_STR("null"));
    else
        weir_buf_add_json(json, value);
}

static weir_code put_json(weir_buf *json, weir_batch *out)
{
    weir_buf_add_byte(json, '}');
    weir_put_text(out, weir_buf_str(json));
    return WEIR_OK;
}

static weir_code hstore_binary(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    bytes in = bytes_of(value);
    uint32_t count = bytes_u32(&in);
    weir_buf *json = &self->scratch[1];

    weir_buf_clear(json);
    weir_buf_add_byte(json, '{');
    for (uint32_t i = 0; i < count && !in.failed; i++) {
        weir_str key = bytes_take(&in, bytes_u32(&in));
        uint32_t size = bytes_u32(&in);
        weir_str content = {0};

        if (size != UINT32_MAX)
            content = bytes_take(&in, size);
        add_pair(json, key, size == UINT32_MAX, content);
    }
    if (in.failed || bytes_left(&in) > 0)
        return convert_malformed(self, value, err);
    return put_json(json, out);
}

/* Takes "..." without the quotes and backslashes; false when it is none. */
static bool take_quoted(weir_str *text, weir_buf *buf)
{
    size_t at = 1;

    weir_buf_clear(buf);
    if (text->len == 0 || text->ptr[0] != '"')
        return false;
    for (; at < text->len && text->ptr[at] != '"'; at++) {
        if (text->ptr[at] == '\\' && ++at == text->len)
            return false;
        weir_buf_add_byte(buf, text->ptr[at]);
    }
    if (at == text->len)
        return false;
    *text = (weir_str){text->ptr + at + 1, text->len - at - 1};
    return true;
}

static bool take_word(weir_str *text, weir_str word)
{
    if (text->len < word.len || memcmp(text->ptr, word.ptr, word.len) != 0)
        return false;
    *text = (weir_str){text->ptr + word.len, text->len - word.len};
    return true;
}

/* "a"=>"1", "b"=>NULL */
static weir_code hstore_text(const codec *self, weir_str value, weir_batch *out, weir_error *err)
{
    weir_buf *key = &self->scratch[0], *json = &self->scratch[1], *content = &self->scratch[2];
    weir_str rest = value;

    weir_buf_clear(json);
    weir_buf_add_byte(json, '{');
    while (rest.len > 0) {
        if (!take_quoted(&rest, key) || !take_word(&rest, WEIR_STR("=>")))
            return convert_bad_text(self, value, err);
        bool is_null = take_word(&rest, WEIR_STR("NULL"));
        if (!is_null && !take_quoted(&rest, content))
            return convert_bad_text(self, value, err);
        add_pair(json, weir_buf_str(key), is_null, weir_buf_str(content));
        if (rest.len > 0 && !take_word(&rest, WEIR_STR(", ")))
            return convert_bad_text(self, value, err);
    }
    return put_json(json, out);
}

#define PAIR(name) const conversion convert_##name = {name##_binary, name##_text};
PAIR(plain_text)
PAIR(versioned_text)
PAIR(char)
PAIR(bytea)
PAIR(bytea_text)
PAIR(uuid)
PAIR(bit)
PAIR(bits)
PAIR(inet)
PAIR(macaddr)
PAIR(hstore)
const conversion convert_as_text = {NULL, plain_text_text};
