/* scan.c - spans of JSON (RFC 8259). */
#include "scan.h"

#include <string.h>

static void skip(scanner *self, size_t size)
{
    self->rest.ptr += size;
    self->rest.len -= size;
}

static void skip_space(scanner *self)
{
    while (self->rest.len > 0 && memchr(" \t\r\n", *self->rest.ptr, 4) != NULL)
        skip(self, 1);
}

static bool is_at(const scanner *self, char c)
{
    return self->rest.len > 0 && *self->rest.ptr == c;
}

static bool damaged(scanner *self)
{
    self->is_damaged = true;
    self->rest.len = 0;
    return false;
}

/* The size of the string that text begins with, quotes included; 0: it has no end. */
static size_t string_size(weir_str text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The size of the value that text begins with; 0: it has no end. Brackets are only counted. */
static size_t value_size(weir_str text)
{
    size_t depth = 0, at = 0;

    while (at < text.len) {
        char c = text.ptr[at];
        size_t size = 1;

        if (c == '"') {
            size = string_size((weir_str){text.ptr + at, text.len - at});
            if (size == 0)
                return 0;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return at; /* the end of what is around a number or a word */
            depth--;
        } else if (depth == 0 && memchr(", \t\r\n", c, 5) != NULL) {
            return at;
        }
        at += size;
        if (depth == 0 && memchr("\"}]", c, 3) != NULL)
            return at;
    }
    return depth == 0 ? at : 0;
}

scanner scan_begin(weir_str json)
{
    scanner self = {.rest = json};

    skip_space(&self);
    self.is_object = is_at(&self, '{');
    if (self.is_object || is_at(&self, '['))
        skip(&self, 1);
    else
        (void)damaged(&self);
    return self;
}

/* The name of a member and its colon. */
static bool take_name(scanner *self, weir_str *name)
{
    size_t size = is_at(self, '"') ? string_size(self->rest) : 0;

    if (size == 0)
        return false;
    *name = (weir_str){self->rest.ptr + 1, size - 2};
    skip(self, size);
    skip_space(self);
    if (!is_at(self, ':'))
        return false;
    skip(self, 1);
    skip_space(self);
    return true;
}

bool scan_next(scanner *self, weir_str *name, weir_str *value)
{
    char end = self->is_object ? '}' : ']';
    size_t size;

    if (self->is_damaged)
        return false;
    skip_space(self);
    if (is_at(self, ',')) {
        skip(self, 1);
        skip_space(self);
    }
    if (is_at(self, end))
        return false;
    *name = (weir_str){"", 0};
    if (self->is_object && !take_name(self, name))
        return damaged(self);
    size = value_size(self->rest);
    if (size == 0)
        return damaged(self);
    *value = (weir_str){self->rest.ptr, size};
    skip(self, size);
    return true;
}

weir_str scan_find(weir_str json, weir_str name)
{
    scanner self = scan_begin(json);
    weir_str member, value, found = {"", 0};

    while (scan_next(&self, &member, &value))
        if (scan_name_is(member, name))
            found = value;
    return found;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(weir_str text)
{
    int32_t value = 0;

    if (text.len < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, text.ptr[i] | 0x20, 16);

        if (digit == NULL)
            return -1;
        value = value * 16 + (int32_t)(digit - digits);
    }
    return value;
}

static size_t utf8(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 63));
        out[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 63));
    out[2] = (char)(0x80 | (code >> 6 & 63));
    out[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* Undoes the escape that text begins with; its size, or 0 when it is none. */
static size_t unescape(weir_str text, char out[4], size_t *out_size)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = text.len < 2 ? NULL : memchr(letters, text.ptr[1], sizeof(letters) - 1);
    int32_t code, low;

    if (letter != NULL) {
        out[0] = meanings[letter - letters];
        *out_size = 1;
        return 2;
    }
    if (text.len < 6 || text.ptr[1] != 'u')
        return 0;
    code = hex4((weir_str){text.ptr + 2, 4});
    if (code >= 0xd800 && code < 0xdc00 && text.len >= 12 && text.ptr[6] == '\\' &&
        text.ptr[7] == 'u') {
        low = hex4((weir_str){text.ptr + 8, 4});
        if (low >= 0xdc00 && low < 0xe000) {
            *out_size = utf8((uint32_t)(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)), out);
            return 12;
        }
    }
    if (code < 0)
        return 0;
    *out_size = utf8((uint32_t)code, out);
    return 6;
}

bool scan_name_is(weir_str escaped, weir_str text)
{
    if (memchr(escaped.ptr, '\\', escaped.len) == NULL)
        return weir_str_eq(escaped, text);
    while (escaped.len > 0) {
        char bytes[4] = {*escaped.ptr};
        size_t size = 1, step = 1;

        if (*escaped.ptr == '\\')
            step = unescape(escaped, bytes, &size);
        if (step == 0 || size > text.len || memcmp(bytes, text.ptr, size) != 0)
            return false;
        escaped.ptr += step;
        escaped.len -= step;
        text.ptr += size;
        text.len -= size;
    }
    return text.len == 0;
}
