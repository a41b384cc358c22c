/* numeric.h - exact decimals in PostgreSQL's binary form.
 *
 * A numeric on the wire is four int16 (count of digits, weight, sign, digits behind the point as
 * shown) and digits to the base 10,000. Pure functions over bytes.
 */
#ifndef WAREHOUSE_NUMERIC_H
#define WAREHOUSE_NUMERIC_H

#include "weir/buf.h"

/* What PostgreSQL can hold: digits behind the point, and in front of it. */
enum { NUMERIC_SCALE_MAX = 16383, NUMERIC_DIGITS_MAX = 131072 };

/* Appends unscaled * 10^-scale, without a length. unscaled is two's complement, big-endian, as Avro
 * and Java's BigInteger write it. WEIR_REJECT when PostgreSQL has no such number. */
weir_code numeric_encode(weir_str unscaled, int64_t scale, weir_buf *out, weir_error *err);

/* The same for a small integer. */
void numeric_encode_integer(int64_t value, weir_buf *out);

/* A binary numeric has no digit but zeros behind so many places after the point; negative: nor in the last
 * places before it. */
bool numeric_has_scale(weir_str binary, int scale);

/* A binary numeric as text, "-12.340", "NaN", "Infinity", for destinations that take text. */
void numeric_text(weir_str binary, weir_buf *out);

/* A binary numeric as value * 10^scale, when it fits into 128 bits and has no more digits behind the
 * point. False when it does not. */
bool numeric_to_int128(weir_str binary, int scale, __int128 *out);

#endif
