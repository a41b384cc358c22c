/* buf.c - a growing byte buffer. */
#include "weir/buf.h"

#include "runtime/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *weir_buf_reserve(weir_buf *buf, size_t size)
{
    size_t need;

    assert(buf->len <= buf->capacity);
    if (buf->capacity - buf->len >= size)
        return buf->ptr + buf->len;
    if (__builtin_add_overflow(buf->len, size, &need))
        abort(); /* sizes from outside were checked before they got here */
    if (need < 2 * buf->capacity)
        need = 2 * buf->capacity;
    if (need < 64)
        need = 64;
    buf->ptr = mem_realloc(buf->ptr, need);
    buf->capacity = need;
    return buf->ptr + buf->len;
}

void weir_buf_add(weir_buf *buf, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    memcpy(weir_buf_reserve(buf, size), bytes, size);
    buf->len += size;
}

void weir_buf_add_str(weir_buf *buf, weir_str text)
{
    weir_buf_add(buf, text.ptr, text.len);
}

void weir_buf_add_byte(weir_buf *buf, char byte)
{
    *weir_buf_reserve(buf, 1) = byte;
    buf->len++;
}

void weir_buf_vprintf(weir_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    size_t room = buf->capacity - buf->len;
    int length;

    va_copy(again, args);
    length = vsnprintf(room > 0 ? buf->ptr + buf->len : NULL, room, fmt, args);
    assert(length >= 0);
    if ((size_t)length >= room)
        vsnprintf(weir_buf_reserve(buf, (size_t)length + 1), (size_t)length + 1, fmt, again);
    va_end(again);
    buf->len += (size_t)length;
}

void weir_buf_printf(weir_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_buf_vprintf(buf, fmt, args);
    va_end(args);
}

/* Bytes of the UTF-8 sequence at the start of text; 0 when it is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    unsigned char first = text[0];
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t length;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    length = first < 0xe0 ? 2 : (first < 0xf0 ? 3 : 4);
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (left < length || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void add_json_ascii(weir_buf *buf, char c)
{
    static const char plain[] = "\b\t\n\f\r\"\\";
    static const char escaped[] = "btnfr\"\\";
    const char *found = c != '\0' ? strchr(plain, c) : NULL;

    if (found != NULL) {
        weir_buf_add_byte(buf, '\\');
        weir_buf_add_byte(buf, escaped[found - plain]);
    } else if ((unsigned char)c < 0x20) {
        weir_buf_printf(buf, "\\u%04X", (unsigned)c);
    } else {
        weir_buf_add_byte(buf, c);
    }
}

/* How many bytes from here on are ASCII and need no escape; eight are looked at in one step. */
static size_t plain_length(weir_str text, size_t from)
{
    const uint64_t ones = UINT64_MAX / 255, highs = ones << 7;
    size_t i = from;

    for (; i + 8 <= text.len; i += 8) {
        uint64_t eight;

        memcpy(&eight, text.ptr + i, 8);
        uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';

        /* a byte's high bit is set when it is not ASCII, below 0x20, or one of the two */
        if (((eight | (eight - ones * 0x20) | (quote - ones) | (slash - ones)) & highs) != 0)
            break;
    }
    while (i < text.len) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
        i++;
    }
    return i - from;
}

void weir_buf_add_json(weir_buf *buf, weir_str text)
{
    weir_buf_add_byte(buf, '"');
    for (size_t i = 0; i < text.len;) {
        size_t plain = plain_length(text, i);

        weir_buf_add(buf, text.ptr + i, plain);
        i += plain;
        if (i == text.len)
            break;
        size_t length = utf8_length((const unsigned char *)text.ptr + i, text.len - i);

        if (length == 1)
            add_json_ascii(buf, text.ptr[i]);
        else if (length > 1)
            weir_buf_add(buf, text.ptr + i, length);
        else
            weir_buf_add_str(buf, WEIR_STR("\xef\xbf\xbd")); /* U+FFFD */
        i += length > 0 ? length : 1;
    }
    weir_buf_add_byte(buf, '"');
}

weir_str weir_buf_str(const weir_buf *buf)
{
    return (weir_str){buf->ptr, buf->len};
}

const char *weir_buf_cstr(weir_buf *buf)
{
    *weir_buf_reserve(buf, 1) = '\0';
    return buf->ptr;
}

void weir_buf_clear(weir_buf *buf)
{
    buf->len = 0;
}

void weir_buf_done(weir_buf *buf)
{
    free(buf->ptr);
    *buf = (weir_buf){0};
}
