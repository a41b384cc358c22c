/* json_span.c - the members of a JSON object as pieces of its text. */
#include "schema-registry/registry/json_span.h"

#include "runtime/base/text.h"

#include <string.h>

static void skip_space(json_span *self)
{
    while (self->at < self->end &&
           (*self->at == ' ' || *self->at == '\n' || *self->at == '\r' || *self->at == '\t'))
        self->at++;
}

static bool take(json_span *self, char c)
{
    if (self->at == self->end || *self->at != c)
        return false;
    self->at++;
    return true;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_escape(json_span *self)
{
    if (self->end - self->at < 2)
        return false;
    if (memchr("\"\\/bfnrt", self->at[1], 8) != NULL) {
        self->at += 2;
        return true;
    }
    if (self->at[1] != 'u' || self->end - self->at < 6)
        return false;
    for (int i = 2; i < 6; i++)
        if (hex_of(self->at[i]) < 0)
            return false;
    self->at += 6;
    return true;
}

/* One character of two to four bytes, neither longer than it has to be nor a surrogate (Unicode 3.9). */
static bool take_utf8(json_span *self)
{
    const unsigned char *at = (const unsigned char *)self->at;
    ptrdiff_t left = self->end - self->at;
    int size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

    if (at[0] < 0xc2 || at[0] > 0xf4 || left < size)
        return false;
    for (int i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return false;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return false;
    self->at += size;
    return true;
}

static bool take_string(json_span *self)
{
    if (!take(self, '"'))
        return false;
    while (self->at < self->end) {
        unsigned char c = (unsigned char)*self->at;

        if (c == '"') {
            self->at++;
            return true;
        }
        if (c < 0x20)
            return false;
        if (c == '\\') {
            if (!take_escape(self))
                return false;
        } else if (c < 0x80) {
            self->at++;
        } else if (!take_utf8(self)) {
            return false;
        }
    }
    return false;
}

static bool take_digits(json_span *self)
{
    const char *start = self->at;

    while (self->at < self->end && *self->at >= '0' && *self->at <= '9')
        self->at++;
    return self->at > start;
}

static bool take_number(json_span *self)
{
    (void)take(self, '-'); /* a sign may be there */
    if (!take(self, '0') && !take_digits(self))
        return false;
    if (take(self, '.') && !take_digits(self))
        return false;
    if (take(self, 'e') || take(self, 'E')) {
        if (!take(self, '+'))
            (void)take(self, '-'); /* a sign may be there */
        return take_digits(self);
    }
    return true;
}

static bool take_word(json_span *self, weir_str word)
{
    if ((size_t)(self->end - self->at) < word.len || memcmp(self->at, word.ptr, word.len) != 0)
        return false;
    self->at += word.len;
    return true;
}

static bool take_scalar(json_span *self)
{
    if (self->at == self->end)
        return false;
    switch (*self->at) {
    case '"':
        return take_string(self);
    case 't':
        return take_word(self, WEIR_STR("true"));
    case 'f':
        return take_word(self, WEIR_STR("false"));
    case 'n':
        return take_word(self, WEIR_STR("null"));
    default:
        return take_number(self);
    }
}

static bool take_name(json_span *self)
{
    skip_space(self);
    if (!take_string(self))
        return false;
    skip_space(self);
    return take(self, ':');
}

/* What comes between two values: goes on to the next one, or closes what is complete. False when the text
 * is wrong; with depth 0 the outermost value is complete. */
static bool take_between(json_span *self, const char *open, int *depth)
{
    while (*depth > 0) {
        char kind = open[*depth - 1];

        skip_space(self);
        if (take(self, ','))
            return kind == '[' || take_name(self);
        if (!take(self, kind == '{' ? '}' : ']'))
            return false;
        (*depth)--;
    }
    return true;
}

/* Any value; without recursion: the stack is a byte for each level. */
static bool take_value(json_span *self)
{
    char open[JSON_SPAN_DEPTH_MAX];
    int depth = 0;

    do {
        char kind;

        skip_space(self);
        kind = self->at < self->end ? *self->at : '\0';
        if (kind != '{' && kind != '[') {
            if (!take_scalar(self) || !take_between(self, open, &depth))
                return false;
            continue;
        }
        if (depth == JSON_SPAN_DEPTH_MAX)
            return false;
        self->at++;
        skip_space(self);
        if (take(self, kind == '{' ? '}' : ']')) {
            if (!take_between(self, open, &depth))
                return false;
            continue;
        }
        open[depth++] = kind;
        if (kind == '{' && !take_name(self))
            return false;
    } while (depth > 0);
    return true;
}

json_span json_span_of(weir_str text)
{
    static const char nothing[1];
    const char *at = text.ptr != NULL ? text.ptr : nothing;

    return (json_span){.at = at, .end = at + text.len, .is_first = true};
}

static bool fail(json_span *self)
{
    self->is_bad = true;
    self->at = self->end;
    return false;
}

/* The brace or comma in front of the next member. False: there is none, or the text is wrong. */
static bool enter(json_span *self, char open, char close)
{
    bool was_first = self->is_first;

    if (self->is_bad || (!was_first && self->at == self->end))
        return false;
    skip_space(self);
    if (was_first && !take(self, open))
        return fail(self);
    self->is_first = false;
    skip_space(self);
    if (take(self, close)) {
        skip_space(self);
        return self->at == self->end ? false : fail(self);
    }
    if (!was_first && !take(self, ','))
        return fail(self);
    skip_space(self);
    return true;
}

bool json_span_next(json_span *span, weir_str *name, weir_str *value)
{
    const char *start;

    if (!enter(span, '{', '}'))
        return false;
    start = span->at;
    if (!take_string(span))
        return fail(span);
    *name = (weir_str){start, (size_t)(span->at - start)};
    skip_space(span);
    if (!take(span, ':'))
        return fail(span);
    skip_space(span);
    start = span->at;
    if (!take_value(span))
        return fail(span);
    *value = (weir_str){start, (size_t)(span->at - start)};
    skip_space(span);
    return span->at < span->end || fail(span);
}

bool json_span_next_item(json_span *span, weir_str *value)
{
    const char *start;

    if (!enter(span, '[', ']'))
        return false;
    start = span->at;
    if (!take_value(span))
        return fail(span);
    *value = (weir_str){start, (size_t)(span->at - start)};
    skip_space(span);
    return span->at < span->end || fail(span);
}

bool json_span_is_value(weir_str text)
{
    json_span span = json_span_of(text);

    if (!take_value(&span))
        return false;
    skip_space(&span);
    return span.at == span.end;
}

void json_span_add_compact(weir_str value, weir_buf *out)
{
    bool is_string = false;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (!is_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            continue;
        weir_buf_add_byte(out, c);
        if (c == '"')
            is_string = !is_string;
        if (is_string && c == '\\')
            weir_buf_add_byte(out, value.ptr[++i]);
    }
}

static void add_utf8(weir_buf *out, uint32_t code)
{
    if (code < 0x80) {
        weir_buf_add_byte(out, (char)code);
        return;
    }
    if (code < 0x800) {
        weir_buf_add_byte(out, (char)(0xc0 | code >> 6));
    } else if (code < 0x10000) {
        weir_buf_add_byte(out, (char)(0xe0 | code >> 12));
        weir_buf_add_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
    } else {
        weir_buf_add_byte(out, (char)(0xf0 | code >> 18));
        weir_buf_add_byte(out, (char)(0x80 | (code >> 12 & 0x3f)));
        weir_buf_add_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
    }
    weir_buf_add_byte(out, (char)(0x80 | (code & 0x3f)));
}

static uint32_t hex4(const char *at)
{
    uint32_t code = 0;

    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)hex_of(at[i]);
    return code;
}

/* Adds what the escape at says; returns how long it is. */
static size_t add_escape(const char *at, const char *end, weir_buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *plain = strchr(from, at[1]);
    uint32_t code;

    if (plain != NULL) {
        weir_buf_add_byte(out, to[plain - from]);
        return 2;
    }
    if (at[1] != 'u') {
        weir_buf_add_byte(out, at[1]);
        return 2;
    }
    code = hex4(at + 2);
    if (code >= 0xd800 && code < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        uint32_t low = hex4(at + 8);

        if (low >= 0xdc00 && low < 0xe000) {
            add_utf8(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            return 12;
        }
    }
    add_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return 6;
}

void json_span_add_text(weir_str string, weir_buf *out)
{
    const char *at = string.ptr + 1, *end = string.ptr + string.len - 1;

    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));

        weir_buf_add(out, at, (size_t)((slash != NULL ? slash : end) - at));
        if (slash == NULL)
            return;
        at = slash + add_escape(slash, end, out);
    }
}

bool json_span_is_string(weir_str value)
{
    return value.len >= 2 && value.ptr[0] == '"';
}

bool json_span_says(weir_str value, weir_str text)
{
    return value.len == text.len + 2 && value.ptr[0] == '"' &&
           memcmp(value.ptr + 1, text.ptr, text.len) == 0;
}

bool json_span_to_int(weir_str value, int32_t *out)
{
    int64_t number;

    if (!text_to_int(value, &number) || number < INT32_MIN || number > INT32_MAX)
        return false;
    *out = (int32_t)number;
    return true;
}
