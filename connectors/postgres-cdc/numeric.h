/* numeric.h - PostgreSQL's numeric values, of any size, without loss.
 *
 * A numeric is read from the binary send format or from text into one form, and written as what Avro
 * and Debezium make of it: the unscaled integer (two's complement, big-endian, as short as possible),
 * text, or a double. Buffers belong to the caller and grow as the value needs; a value has at most
 * 131072 + 16383 digits. Pure functions, any thread.
 */
#ifndef POSTGRES_CDC_NUMERIC_H
#define POSTGRES_CDC_NUMERIC_H

#include "weir/buf.h"

typedef enum numeric_class {
    NUMERIC_FINITE,
    NUMERIC_NAN,
    NUMERIC_INFINITY,
    NUMERIC_MINUS_INFINITY,
} numeric_class;

/* value = sum of digit[i] * 10000^(weight - i); digits are 0 to 9999, as big-endian uint16. */
typedef struct numeric {
    numeric_class class;
    bool negative;
    int weight;
    int scale; /* decimal places that are shown */
    size_t count;
    const uint8_t *digits;
} numeric;

/* False when the bytes are no numeric. The result points into them. */
WEIR_MUST_CHECK bool numeric_from_binary(weir_str value, numeric *out);
/* The same for text such as "-12.30" or "NaN"; the result points into scratch. */
WEIR_MUST_CHECK bool numeric_from_text(weir_str value, weir_buf *scratch, numeric *out);

/* Decimal places that are needed to write a finite value exactly; never negative. */
int numeric_minimal_scale(const numeric *value);

/* Replaces what is in out by value * 10^scale. False when that is no integer. out and work are two
 * buffers, neither of which holds the value's digits. */
WEIR_MUST_CHECK bool numeric_unscaled(const numeric *value, int scale, weir_buf *out,
                                      weir_buf *work);

/* Replaces what is in out by the value with its decimal places, as PostgreSQL prints it. */
void numeric_text(const numeric *value, weir_buf *out);

/* A two's complement big-endian integer, as short as it can be; returns its size, at most 8. */
size_t numeric_from_int(int64_t value, uint8_t out[8]);

#endif
