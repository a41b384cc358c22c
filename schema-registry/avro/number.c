/* number.c - floating point numbers as JSON: the shortest digits that read back as the same. */
#include "schema-registry/avro/json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Whole numbers below 2^53 need no search; the fraction says that it is no integer, as Java does. */
static bool add_whole(weir_buf *out, double value)
{
    if (fabs(value) >= 1e15 || value != (double)(int64_t)value)
        return false;
    weir_buf_printf(out, "%s%" PRId64 ".0", signbit(value) && value == 0 ? "-" : "",
                    (int64_t)value);
    return true;
}

void avro_json_double(weir_buf *out, double value)
{
    char text[40];

    if (!isfinite(value)) {
        add_special(out, value);
        return;
    }
    if (add_whole(out, value))
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
    if (fabsf(value) < 1e7F && add_whole(out, (double)value))
        return;
    for (int digits = fabsf(value) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    weir_buf_add_str(out, weir_cstr(text));
}
