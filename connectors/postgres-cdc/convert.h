/* convert.h - the conversions that codecs are made of: one PostgreSQL type to one Avro type each.
 *
 * Each comes as a pair, for the binary send format and for text, that write the same bytes. A value
 * that is malformed or out of range gives WEIR_FATAL and a message that names value and type; what was
 * written of it until then is the caller's to cancel.
 */
#ifndef POSTGRES_CDC_CONVERT_H
#define POSTGRES_CDC_CONVERT_H

#include "types.h"

typedef struct conversion {
    codec_put binary; /* NULL: the type is asked for as text */
    codec_put text;
} conversion;

#define CONVERSIONS(X)                                                                             \
    X(bool)                                                                                        \
    X(int2)                                                                                        \
    X(int4)                                                                                        \
    X(int8)                                                                                        \
    X(oid)                                                                                         \
    X(float4)                                                                                      \
    X(float8)                                                                                      \
    X(plain_text)                                                                                  \
    X(as_text)        /* the same for types that are asked for as text */                          \
    X(versioned_text) /* jsonb, ltree: the binary form has a byte 1 in front */                    \
    X(char)                                                                                        \
    X(bytea)                                                                                       \
    X(bytea_text) /* as text, by binary.handling.mode */                                           \
    X(date)                                                                                        \
    X(time_us)                                                                                     \
    X(time_ms)                                                                                     \
    X(timestamp_us)                                                                                \
    X(timestamp_ms)                                                                                \
    X(zoned_time)                                                                                  \
    X(zoned_timestamp)                                                                             \
    X(interval_us)                                                                                 \
    X(interval_text)                                                                               \
    X(uuid)                                                                                        \
    X(decimal)                                                                                     \
    X(variable_decimal)                                                                            \
    X(numeric_double)                                                                              \
    X(numeric_text)                                                                                \
    X(money_decimal)                                                                               \
    X(money_double)                                                                                \
    X(money_text)                                                                                  \
    X(bit)                                                                                         \
    X(bits)                                                                                        \
    X(inet)                                                                                        \
    X(macaddr)                                                                                     \
    X(hstore)                                                                                      \
    X(point)                                                                                       \
    X(array)

#define X(name) extern const conversion convert_##name;
CONVERSIONS(X)
#undef X

#endif
