/* number.c - floating point numbers as JSON: the shortest digits that read back as the same. */
#include "schema-registry/avro/json.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON has no such numbers; Jackson, which Connect uses, writes them as text. */
static void add_special(weir_buf *out, double value)
{
    if (isnan(value))
        weir_buf_add_str(out, WEIR_STR("\"NaN\""));
    else if (value > 0)
        weir_buf_add_str(out, WEIR_STR("\"Infinity\""));
    else
        weir_buf_add_str(out, WEIR_STR("\"-Infinity\""));
}

/* The decimal number digits / 10^places; with a fraction, as Java does, also where it is 0. */
static void add_decimal(weir_buf *out, int64_t digits, int places, bool is_negative)
{
    char text[24], *at = text + sizeof(text);
    int left = places > 0 ? places : 1;

    if (places == 0)
        digits *= 10;
    do {
        *--at = (char)('0' + digits % 10);
        digits /= 10;
        if (--left == 0)
            *--at = '.';
    } while (digits > 0 || left >= 0);
    if (is_negative)
        *--at = '-';
    weir_buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

/* Most numbers that people keep have few digits. n / 10^k, both exact, is rounded as reading the text
 * would round it: when that gives the number, the text is right, and the first k is the shortest. */
static bool add_short_double(weir_buf *out, double value)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    double size = fabs(value);

    for (int places = 0; places < 7; places++) {
        double scaled = size * powers[places];

        if (scaled >= 1e15)
            return false;
        int64_t digits = (int64_t)(scaled + 0.5);

        if ((double)digits / powers[places] != size)
            continue;
        add_decimal(out, digits, places, signbit(value));
        return true;
    }
    return false;
}

static bool add_short_float(weir_buf *out, float value)
{
    static const float powers[] = {1, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F};
    float size = fabsf(value);

    for (int places = 0; places < 7; places++) {
        float scaled = size * powers[places];

        if (scaled >= 1e6F)
            return false;
        int64_t digits = (int64_t)(scaled + 0.5F);

        if ((float)digits / powers[places] != size)
            continue;
        add_decimal(out, digits, places, signbit(value));
        return true;
    }
    return false;
}

void avro_json_double(weir_buf *out, double value)
{
    char text[40];

    if (!isfinite(value)) {
        add_special(out, value);
        return;
    }
    if (add_short_double(out, value))
        return;
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    weir_buf_add_str(out, weir_cstr(text));
}

void avro_json_float(weir_buf *out, float value)
{
    char text[40];

    if (!isfinite(value)) {
        add_special(out, (double)value);
        return;
    }
    if (add_short_float(out, value))
        return;
    for (int digits = fabsf(value) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    weir_buf_add_str(out, weir_cstr(text));
}

/* --- As Java prints them ---------------------------------------------------------------------- */

/* Zeros at the end that say nothing, but for one behind the point. */
static void cut_zeros(weir_buf *out)
{
    while (out->ptr[out->len - 1] == '0' && out->ptr[out->len - 2] != '.')
        out->len--;
}

/* A number of so many digits, two at least: between 0.001 and 10000000 without an exponent. */
static void add_java(weir_buf *out, double value, int digits)
{
    char text[40];
    const char *mark = NULL;
    int exponent = 0;

    assert(digits >= 2);
    snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    mark = strchr(text, 'e');
    assert(mark != NULL);
    for (const char *digit = mark + 2; *digit != '\0'; digit++)
        exponent = 10 * exponent + (*digit - '0');
    if (mark[1] == '-')
        exponent = -exponent;
    if (exponent >= -3 && exponent < 7) {
        weir_buf_printf(out, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 1, value);
        cut_zeros(out);
        return;
    }
    weir_buf_add(out, text, (size_t)(mark - text));
    cut_zeros(out);
    weir_buf_printf(out, "E%d", exponent);
}

void avro_java_double(weir_buf *out, double value)
{
    char text[40];
    int digits = 2; /* no fewer, which decides what the smallest numbers are: 4.9E-324 */

    if (!isfinite(value)) {
        add_special(out, value);
        return;
    }
    for (; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    add_java(out, value, digits);
}

void avro_java_float(weir_buf *out, float value)
{
    char text[40];
    int digits = 2; /* no fewer, which decides what the smallest numbers are: 4.9E-324 */

    if (!isfinite(value)) {
        add_special(out, (double)value);
        return;
    }
    for (; digits < 9; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    add_java(out, (double)value, digits);
}
