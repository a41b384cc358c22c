/* copy.h - rows and fields in PostgreSQL's binary form, as COPY (FORMAT binary) takes them.
 *
 * This form is also what rows look like while they wait to be folded, whatever the destination is:
 * one encoder on the hot path (encode.h), and other destinations convert from it. A row is an int16
 * count of fields, then the fields. A field is its length as a big-endian int32, -1 for NULL, then its
 * bytes. Pure functions over bytes.
 */
#ifndef WAREHOUSE_COPY_H
#define WAREHOUSE_COPY_H

#include "type.h"

#include "weir/buf.h"

#include <string.h>

enum {
    COPY_NULL = -1,
    COPY_UNSENT = -2, /* only while rows wait: the source did not send the field */
};

/* Appends a field that is COPY_NULL or COPY_UNSENT. */
void copy_marker(weir_buf *out, int32_t marker);
void copy_int32(weir_buf *out, int32_t value);
void copy_int64(weir_buf *out, int64_t value);
void copy_text(weir_buf *out, weir_str text);

/* What COPY's data begins and ends with. */
void copy_header(weir_buf *out);
void copy_trailer(weir_buf *out);

/* The int16 count of fields that each row begins with. */
void copy_row(weir_buf *out, size_t field_count);

/* Reading it back. The length of a field, or a marker. */
int32_t copy_length(const char *field);
int64_t copy_read_int(const char *at, size_t size);

/* The Oid that an array's binary form names its items with. */
uint32_t copy_oid(type_id id);

/* Fields of other shapes are put together from these: room for so many bytes behind what is there, to
 * be filled and then added to out->len. */
static inline char *copy_room(weir_buf *out, size_t size)
{
    return out->capacity - out->len >= size ? out->ptr + out->len : weir_buf_reserve(out, size);
}

static inline void copy_put32(char *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, 4);
}

static inline void copy_put64(char *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

#endif
