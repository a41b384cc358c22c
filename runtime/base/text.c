/* text.c - small questions about text. */
#include "runtime/base/text.h"

#include <ctype.h>

enum { LONGEST = 64 };

static char lower(char c)
{
    return (char)tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, row by row; two earlier rows are kept, one of them for the swaps. */
size_t text_distance(weir_str a, weir_str b)
{
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t a_len = least(a.len, LONGEST), b_len = least(b.len, LONGEST);
    size_t cut = (a.len - a_len) + (b.len - b_len);

    for (size_t j = 0; j <= b_len; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            char x = lower(a.ptr[i - 1]), y = lower(b.ptr[j - 1]);

            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.ptr[j - 2]) && lower(a.ptr[i - 2]) == y)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[b_len] + cut;
}

const char *text_nearest(weir_str written, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance = 0;

    for (size_t i = 0; names[i] != NULL; i++) {
        weir_str name = weir_cstr(names[i]);
        size_t distance = text_distance(written, name);
        size_t allowed = least(1 + name.len / 3, 4);

        if (distance > allowed || (best != NULL && distance >= best_distance))
            continue;
        best = names[i];
        best_distance = distance;
    }
    return best;
}

bool text_to_int(weir_str text, int64_t *out)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int64_t value = 0;

    if (text.len <= (size_t)negative)
        return false;
    for (size_t i = (size_t)negative; i < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false; /* counted downwards: the smallest number has no positive twin */
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

weir_str text_trim(weir_str text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ')
        text = (weir_str){text.ptr + 1, text.len - 1};
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    return text;
}
