/* naming.c - names of tables. */
#include "naming.h"

#include <string.h>

static void add_topic(const settings *config, weir_str topic, weir_buf *out)
{
    for (size_t i = 0; i < topic.len; i++)
        weir_buf_add_byte(out, config->flattens_topic && topic.ptr[i] == '.' ? '_' : topic.ptr[i]);
}

void naming_format(const settings *config, weir_str topic, weir_buf *out)
{
    static const weir_str mark = {"${topic}", 8};
    weir_str format = config->table_name_format;

    for (size_t i = 0; i < format.len; i++) {
        if (format.len - i >= mark.len && memcmp(format.ptr + i, mark.ptr, mark.len) == 0) {
            add_topic(config, topic, out);
            i += mark.len - 1;
        } else {
            weir_buf_add_byte(out, format.ptr[i]);
        }
    }
}

/* The part that the text begins with, without its quotes; false when they do not end, or something follows
 * them that is no dot. *rest is what stands behind the dot, ptr NULL when there is none. */
static bool take_part(weir_task *task, weir_str text, weir_str *part, weir_str *rest)
{
    const char *end = text.ptr + text.len, *at = text.ptr;
    char *unquoted = NULL;
    size_t size = 0;

    if (text.len > 0 && *at == '"') {
        unquoted = weir_task_alloc(task, text.len);
        for (at++; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); at++) {
            at += *at == '"';
            unquoted[size++] = *at;
        }
        if (at == end || (++at < end && *at != '.'))
            return false;
        *part = (weir_str){unquoted, size};
    } else {
        while (at < end && *at != '.')
            at++;
        *part = (weir_str){text.ptr, (size_t)(at - text.ptr)};
    }
    *rest = at < end ? (weir_str){at + 1, (size_t)(end - at - 1)} : (weir_str){0};
    return true;
}

weir_code naming_split(weir_task *task, weir_str full, weir_str *schema, weir_str *name,
                       weir_error *err)
{
    weir_str first, second = {0}, rest;
    bool is_name = take_part(task, full, &first, &rest) && first.len > 0;

    if (is_name && rest.ptr != NULL)
        is_name = take_part(task, rest, &second, &rest) && second.len > 0;
    if (!is_name)
        return weir_fail(err, WEIR_CONFIG, "\"%.*s\" is no name of a table", WEIR_ARG(full));
    if (rest.ptr != NULL)
        return weir_fail(
            err, WEIR_CONFIG,
            "the table name \"%.*s\" has more than a schema and a table; shorten it with "
            "the route transform or set table.name.format",
            WEIR_ARG(full));
    *schema = second.len > 0 ? first : (weir_str){0};
    *name = second.len > 0 ? second : first;
    return WEIR_OK;
}

weir_code naming_check_length(const sql_vendor *vendor, weir_str name, const char *remedy,
                              weir_error *err)
{
    if (vendor->name_max == 0 || name.len <= vendor->name_max)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_CONFIG,
        "the name \"%.*s\" is longer than the %zu bytes that the destination keeps: %s",
        WEIR_ARG(name), vendor->name_max, remedy);
}
