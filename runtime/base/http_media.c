/* http_media.c - which content type an Accept header likes best (RFC 9110, 12.5.1). */
#include "runtime/base/http.h"

#include <string.h>
#include <strings.h>

static weir_str trim(weir_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (weir_str){text.ptr + 1, text.len - 1};
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Cuts what stands before the next separator off a text; false at its end. */
static bool next_part(weir_str *left, char separator, weir_str *part)
{
    const char *end;

    if (left->len == 0)
        return false;
    end = memchr(left->ptr, separator, left->len);
    part->ptr = left->ptr;
    part->len = end != NULL ? (size_t)(end - left->ptr) : left->len;
    *left = end != NULL ? (weir_str){end + 1, left->len - part->len - 1} : (weir_str){0};
    *part = trim(*part);
    return true;
}

/* "0.25" in thousandths; what is no weight counts as 1. */
static int weight_of(weir_str text)
{
    int weight = 0, unit = 100;

    if (text.len == 0 || text.ptr[0] != '0')
        return 1000;
    for (size_t i = 2; i < text.len && i < 5 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
        weight += (text.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return weight;
}

/* How exactly a range names a type: 3 as a whole, 2 as in "application" and a star, 1 as a star and whatever, 0
 * not at all. */
static int precision(weir_str range, const char *type)
{
    size_t main_length = strcspn(type, "/") + 1;

    if (range.len == strlen(type) && strncasecmp(range.ptr, type, range.len) == 0)
        return 3;
    if (weir_str_eq(range, WEIR_STR("*")) ||
        (range.len > 2 && range.ptr[0] == '*' && range.ptr[1] == '/'))
        return 1; /* also of a subtype, which is no range, but what JAX-RS takes */
    if (range.len == main_length + 1 && range.ptr[main_length] == '*' &&
        strncasecmp(range.ptr, type, main_length) == 0)
        return 2;
    return 0;
}

/* The weight that the most exact range gives a type; 0 when none names it. */
static int weight_for(const char *accept, const char *type)
{
    weir_str left = weir_cstr(accept), entry, range, parameter;
    int best = 0, weight = 0;

    while (next_part(&left, ',', &entry)) {
        int own = 1000, how;

        if (!next_part(&entry, ';', &range))
            continue;
        while (next_part(&entry, ';', &parameter))
            if (parameter.len > 2 && strncasecmp(parameter.ptr, "q=", 2) == 0)
                own = weight_of((weir_str){parameter.ptr + 2, parameter.len - 2});
        how = precision(range, type);
        if (how > best) {
            best = how;
            weight = own;
        }
    }
    return weight;
}

const char *http_negotiate(const char *accept, const char *const *types)
{
    const char *found = NULL;
    int best = 0;

    if (accept == NULL || trim(weir_cstr(accept)).len == 0)
        return types[0];
    for (; *types != NULL; types++) {
        int weight = weight_for(accept, *types);

        if (weight > best) {
            best = weight;
            found = *types;
        }
    }
    return found;
}
