/* name.c - legal names, and making them.
 *
 * A byte that Avro forbids becomes _xHH. So that no two originals share a result, the underscore of
 * a text that looks like one of these already becomes _x5f; and the name of no bytes is _x.
 */
#include "schema-registry/avro/name.h"

#include "weir/schema.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

bool avro_name_is_valid(weir_str name)
{
    if (name.len == 0 || !is_letter(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_letter(name.ptr[i]) && !is_digit(name.ptr[i]))
            return false;
    return true;
}

/* The part from at up to the next dot. */
static weir_str part_at(weir_str name, size_t at)
{
    size_t end = at;

    while (end < name.len && name.ptr[end] != '.')
        end++;
    return (weir_str){name.len == 0 ? "" : name.ptr + at, end - at};
}

bool avro_full_name_is_valid(weir_str name)
{
    size_t at = 0;

    while (at <= name.len) {
        weir_str part = part_at(name, at);

        if (!avro_name_is_valid(part))
            return false;
        at += part.len + 1;
    }
    return true;
}

/* True when what begins at i would be read as an escape. */
static bool looks_escaped(weir_str text, size_t i)
{
    if (text.ptr[i] != '_' || i + 1 >= text.len || text.ptr[i + 1] != 'x')
        return false;
    return text.len == 2 ||
           (text.len - i >= 4 && is_hex(text.ptr[i + 2]) && is_hex(text.ptr[i + 3]));
}

bool weir_legal_name(weir_str original, weir_buf *out)
{
    bool is_changed = original.len == 0;

    if (original.len == 0)
        weir_buf_add_str(out, WEIR_STR("_x"));
    for (size_t i = 0; i < original.len; i++) {
        char c = original.ptr[i];
        bool is_legal = is_letter(c) || (is_digit(c) && i > 0);

        if (is_legal && !looks_escaped(original, i)) {
            weir_buf_add_byte(out, c);
            continue;
        }
        weir_buf_printf(out, "_x%02x", (unsigned)(unsigned char)c);
        is_changed = true;
    }
    return is_changed;
}

bool weir_legal_full_name(weir_str original, weir_buf *out)
{
    bool is_changed = false;
    size_t at = 0;

    while (at <= original.len) {
        weir_str part = part_at(original, at);

        if (at > 0)
            weir_buf_add_byte(out, '.');
        if (weir_legal_name(part, out))
            is_changed = true;
        at += part.len + 1;
    }
    return is_changed;
}
