/* types.h - how values of PostgreSQL's types become Avro, as Debezium maps them.
 *
 * A codec is chosen once per column, from the column's type and the connector's settings. It writes a
 * value that came in the binary send format or as text; both give the same bytes. It also describes
 * itself as Avro schema, with the properties that Connect's Avro converter writes.
 *
 * A codec is plain data without ownership: it may be copied. It points to the type and to the scratch
 * buffers it was made with, which outlive it. One thread at a time, because of the buffers.
 */
#ifndef POSTGRES_CDC_TYPES_H
#define POSTGRES_CDC_TYPES_H

#include "weir/batch.h"
#include "weir/buf.h"

/* The order is that of the choices in the settings. */
typedef enum decimal_mode { DECIMAL_PRECISE, DECIMAL_DOUBLE, DECIMAL_STRING } decimal_mode;
typedef enum time_mode {
    TIME_ADAPTIVE,
    TIME_ADAPTIVE_MICROSECONDS,
    TIME_CONNECT,
    TIME_MICROSECONDS
} time_mode;
typedef enum interval_mode { INTERVAL_NUMERIC, INTERVAL_STRING } interval_mode;
typedef enum binary_mode { BINARY_BYTES, BINARY_BASE64, BINARY_BASE64_URL, BINARY_HEX } binary_mode;

typedef struct type_options {
    decimal_mode decimal;
    time_mode time;
    interval_mode interval;
    binary_mode binary;
    int money_digits;
    weir_str placeholder; /* stands for a value that was not sent */
} type_options;

/* A type of the database, as far as the codecs need to know. Domains are resolved before. */
typedef struct pg_type {
    uint32_t oid;
    char kind;                     /* of pg_type.typtype: b, e, r, m, c, p */
    weir_str name;                 /* of pg_type.typname */
    weir_str labels;               /* of an enum: joined by commas */
    const struct pg_type *element; /* of an array */
} pg_type;

/* Buffers that conversions use: the value read, the value written, work, and an item of an array. */
#define CODEC_SCRATCH_COUNT 4

typedef struct codec codec;
typedef weir_code (*codec_put)(const codec *self, weir_str value, weir_batch *out, weir_error *err);

struct type_mapping; /* what a codec is in Avro and Connect; types.c */

struct codec {
    codec_put binary; /* NULL: the type comes as text only */
    codec_put text;
    const struct type_mapping *mapping;
    const pg_type *type;
    int precision; /* of a decimal; the length of bits */
    int scale;     /* of a decimal; digits of a fraction of a second */
    bool nullable_items;
    codec_put item_binary; /* of an array: its items' */
    codec_put item_text;
    const struct type_mapping *item_mapping;
    const type_options *options;
    weir_buf *scratch; /* CODEC_SCRATCH_COUNT of them */
};

/* Fills the codec for a column of this type and modifier. False when the type has none: its column is
 * left out, as Debezium does. */
WEIR_MUST_CHECK bool codec_init(codec *self, const pg_type *type, int32_t modifier,
                                const type_options *options, weir_buf scratch[CODEC_SCRATCH_COUNT]);

/* Writes what stands for NULL in a column that is NOT NULL (the key-only old row of a delete), as
 * Debezium does: 0, an empty text, 1970. */
void codec_put_zero(const codec *self, weir_batch *out);

/* Whether the type can hold the placeholder of a value that was not sent; and writes it. */
bool codec_holds_unsent(const codec *self);
void codec_put_unsent(const codec *self, weir_batch *out);

/* Adds the Avro schema of the type. default_json: its default in Avro's JSON encoding, or empty. The
 * record types that the schema text defines are defined once: *defined, 0 at first, remembers which. */
void codec_schema(const codec *self, weir_str default_json, unsigned *defined, weir_buf *out);

/* Adds the default in Avro's JSON encoding, from its text form. False, and nothing added, when the type
 * has no such form or the text is none of its values. */
WEIR_MUST_CHECK bool codec_default(const codec *self, weir_str text, weir_buf *out);

/* The type of a built-in oid, arrays included; NULL for any other. */
const pg_type *pg_type_builtin(uint32_t oid);

#endif
