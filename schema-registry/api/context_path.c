/* context_path.c - the paths of a context. */
#include "schema-registry/api/context_path.h"

#include <string.h>

#define FOLDER WEIR_STR("contexts")

/* Cuts the next segment off a path; empty ones do not count. False at its end. */
static bool next_segment(weir_str *path, weir_str *segment)
{
    const char *slash;

    while (path->len > 0 && path->ptr[0] == '/')
        *path = (weir_str){path->ptr + 1, path->len - 1};
    if (path->len == 0)
        return false;
    slash = memchr(path->ptr, '/', path->len);
    *segment = (weir_str){path->ptr, slash != NULL ? (size_t)(slash - path->ptr) : path->len};
    *path = (weir_str){path->ptr + segment->len, path->len - segment->len};
    return true;
}

/* How many bytes a colon takes at the start of an encoded text: 0 when there is none. */
static size_t colon_at(weir_str text)
{
    if (text.len > 0 && text.ptr[0] == ':')
        return 1;
    return text.len >= 3 && memcmp(text.ptr, "%3", 2) == 0 && (text.ptr[2] | 0x20) == 'a' ? 3 : 0;
}

static weir_str behind(weir_str text, size_t size)
{
    return (weir_str){text.ptr + size, text.len - size};
}

/* A context as it may be written, ":.c:", ".c" or "c", still encoded. False when it is none. */
static bool add_context(weir_str text, weir_buf *out)
{
    text = behind(text, colon_at(text));
    for (size_t i = 0; i < text.len; i++) {
        size_t size = colon_at(behind(text, i));

        if (size == 0)
            continue;
        if (i + size < text.len)
            return false;
        text.len = i;
    }
    if (weir_str_eq(text, WEIR_STR(".")) || text.len == 0)
        return true;
    weir_buf_add_str(out, text.ptr[0] == '.' ? WEIR_STR(":") : WEIR_STR(":."));
    weir_buf_add_str(out, text);
    weir_buf_add_byte(out, ':');
    return true;
}

bool context_path_is_qualified(weir_str text)
{
    return (text.len >= 2 && memcmp(text.ptr, ":.", 2) == 0) ||
           (text.len >= 3 && memcmp(text.ptr, ":*:", 3) == 0);
}

/* The same of an encoded text. */
static bool is_qualified(weir_str segment)
{
    size_t colon = colon_at(segment);
    weir_str rest = behind(segment, colon);

    return colon > 0 && rest.len > 0 &&
           (rest.ptr[0] == '.' || (rest.ptr[0] == '*' && colon_at(behind(rest, 1)) > 0));
}

static bool is_one_of(weir_str segment, weir_str a, weir_str b)
{
    return weir_str_eq(segment, a) || weir_str_eq(segment, b);
}

/* The path behind "/contexts/C", with its subjects in the context. */
static void add_rest(weir_str path, weir_str context, weir_buf *out)
{
    bool is_first = true, is_subject = false, is_setting = false;
    weir_str segment;

    while (next_segment(&path, &segment)) {
        bool is_root = is_first && is_one_of(segment, WEIR_STR("config"), WEIR_STR("mode"));

        weir_buf_add_byte(out, '/');
        if (is_subject && !is_qualified(segment))
            weir_buf_add_str(out, context);
        is_subject = !is_subject && (is_root || weir_str_eq(segment, WEIR_STR("subjects")));
        is_setting = is_root;
        weir_buf_add_str(out, segment);
        is_first = false;
    }
    if (is_setting && context.len > 0) {
        weir_buf_add_byte(out, '/');
        weir_buf_add_str(out, context);
    }
}

/* The segment behind "/contexts/", and what is behind that. False when there is none. */
static bool split(weir_str *path, weir_str *context)
{
    weir_str segment;

    return path->len > FOLDER.len + 2 && path->ptr[0] == '/' &&
           memcmp(path->ptr + 1, FOLDER.ptr, FOLDER.len) == 0 && next_segment(path, &segment) &&
           weir_str_eq(segment, FOLDER) && next_segment(path, context);
}

bool context_path_rewrite(weir_str path, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf context = {0};
    weir_str segment, rest;

    if (!split(&path, &segment) || !add_context(segment, &context))
        return false;
    rest = path;
    if (!next_segment(&rest, &segment))
        return false; /* the context itself */
    add_rest(path, weir_buf_str(&context), out);
    return true;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool context_path_add(weir_str path, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf context = {0};
    weir_str segment;

    if (!split(&path, &segment) || !add_context(segment, &context))
        return false;
    for (size_t i = 0; i < context.len; i++) {
        int high = context.ptr[i] == '%' && i + 2 < context.len ? hex_of(context.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_of(context.ptr[i + 2]) : -1;

        weir_buf_add_byte(out, low >= 0 ? (char)(high * 16 + low) : context.ptr[i]);
        i += low >= 0 ? 2 : 0;
    }
    return true;
}
