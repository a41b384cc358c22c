/* subject_name.c - names of subjects with their context. */
#include "schema-registry/registry/subject_name.h"

#include <string.h>

#define DEFAULT_CONTEXT WEIR_STR(".")
#define GLOBAL_CONTEXT  WEIR_STR(".__GLOBAL")

static bool starts_with(weir_str text, weir_str prefix)
{
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

static weir_str behind(weir_str text, size_t size)
{
    return (weir_str){text.ptr + size, text.len - size};
}

subject_name subject_name_of(weir_str text)
{
    const char *colon;

    if (text.len > 0 && starts_with(text, WEIR_STR(":*:")))
        return (subject_name){WEIR_STR("*"), behind(text, 3)};
    if (text.len < 2 || !starts_with(text, WEIR_STR(":.")))
        return (subject_name){DEFAULT_CONTEXT, text};
    text = behind(text, 1);
    colon = memchr(text.ptr, ':', text.len);
    if (colon == NULL)
        return (subject_name){text, WEIR_STR("")};
    return (subject_name){{text.ptr, (size_t)(colon - text.ptr)},
                          behind(text, (size_t)(colon - text.ptr) + 1)};
}

void subject_name_add_context(weir_str context, weir_buf *out)
{
    if (weir_str_eq(context, DEFAULT_CONTEXT))
        return;
    weir_buf_add_byte(out, ':');
    weir_buf_add_str(out, context);
    weir_buf_add_byte(out, ':');
}

void subject_name_add(subject_name name, weir_buf *out)
{
    subject_name_add_context(name.context, out);
    weir_buf_add_str(out, name.subject);
}

bool subject_name_is_default_context(weir_str text)
{
    subject_name name = subject_name_of(text);

    return weir_str_eq(name.context, DEFAULT_CONTEXT) && name.subject.len == 0;
}

bool subject_name_is_global_context(weir_str text)
{
    subject_name name = subject_name_of(text);

    return weir_str_eq(name.context, GLOBAL_CONTEXT) && name.subject.len == 0;
}

/* U+0000 to U+001F, and U+007F to U+009F, which are two bytes from 0x80 on. */
static bool has_control(weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];

        if (byte < 0x20 || byte == 0x7f)
            return true;
        if (byte == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0)
            return true;
    }
    return false;
}

bool subject_name_is_valid(weir_str text, bool is_setting)
{
    subject_name name = subject_name_of(text);

    if (text.ptr == NULL || has_control(text))
        return false;
    if (weir_str_eq(name.subject, WEIR_STR("__GLOBAL")) ||
        weir_str_eq(name.subject, WEIR_STR("__EMPTY")))
        return false;
    return is_setting || !weir_str_eq(name.context, GLOBAL_CONTEXT);
}

void subject_name_add_beside(weir_str parent, weir_str subject, weir_buf *out)
{
    subject_name name = subject_name_of(subject);

    if (weir_str_eq(name.context, DEFAULT_CONTEXT))
        name = (subject_name){subject_name_of(parent).context, subject};
    subject_name_add(name, out);
}

bool subject_name_matches(weir_str name, weir_str subject)
{
    subject_name parts;

    if (name.ptr == NULL || weir_str_eq(name, subject))
        return true;
    parts = subject_name_of(name);
    return parts.subject.len == 0 && (weir_str_eq(parts.context, GLOBAL_CONTEXT) ||
                                      weir_str_eq(parts.context, subject_name_of(subject).context));
}
