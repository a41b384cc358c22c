/* http_path.c - the path of a request, matched against patterns. */
#include "runtime/base/http_path.h"

#include <assert.h>
#include <string.h>

void http_path_set(http_path *self, weir_str path)
{
    weir_buf_clear(&self->text);
    (void)weir_buf_reserve(&self->text, 2 * path.len + HTTP_PARAMETERS + 1);
    weir_buf_add_str(&self->text, path);
}

void http_path_done(http_path *self)
{
    weir_buf_done(&self->text);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes a segment as the next parameter; false when it is empty or malformed. */
static bool decode_segment(http_path *self, weir_str segment, size_t index)
{
    char *out = self->text.ptr + self->text.len + self->decoded;
    size_t used = 0;

    assert(self->text.len + self->decoded + segment.len < self->text.capacity);
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];

        if (c == '%') {
            int high = i + 2 < segment.len ? hex_digit(segment.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(segment.ptr[i + 2]) : -1;

            if (low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    self->parameters[index] = out;
    self->decoded += used + 1;
    return used > 0;
}

/* Cuts the next segment off a path; false at its end. */
static bool next_segment(weir_str *path, weir_str *segment)
{
    const char *end;

    if (path->len > 0 && path->ptr[0] == '/')
        *path = (weir_str){path->ptr + 1, path->len - 1};
    if (path->len == 0)
        return false;
    end = memchr(path->ptr, '/', path->len);
    *segment = (weir_str){path->ptr, end != NULL ? (size_t)(end - path->ptr) : path->len};
    *path = (weir_str){path->ptr + segment->len, path->len - segment->len};
    return true;
}

bool http_path_matches(http_path *self, const char *pattern)
{
    weir_str left = weir_cstr(pattern), path = weir_buf_str(&self->text), want, have;
    size_t count = 0;

    self->decoded = 0;
    memset(self->parameters, 0, sizeof(self->parameters)); /* of a pattern that matched in part */
    while (next_segment(&left, &want)) {
        if (!next_segment(&path, &have))
            return false;
        if (want.ptr[0] != '{' && weir_str_eq(want, have))
            continue;
        if (want.ptr[0] != '{')
            return false;
        assert(count < HTTP_PARAMETERS);
        if (!decode_segment(self, have, count++))
            return false;
    }
    return !next_segment(&path, &have);
}
