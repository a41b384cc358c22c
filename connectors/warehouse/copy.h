/* copy.h - fields of records in PostgreSQL's binary form, as COPY (FORMAT binary) takes them.
 *
 * This form is also what rows look like while they wait to be folded, whatever the destination is:
 * one encoder on the hot path, and other destinations convert from it. A field is its length as a
 * big-endian int32, -1 for NULL, then its bytes. Pure functions over bytes.
 */
#ifndef WAREHOUSE_COPY_H
#define WAREHOUSE_COPY_H

#include "type.h"

enum {
    COPY_NULL = -1,
    COPY_UNSENT = -2, /* only while rows wait: the source did not send the field */
};

/* A field can be written to a column of this type as it is; otherwise it is staged as its natural type
 * and the destination casts it. */
bool copy_is_direct(const value_source *source, column_type target);

/* Appends one field for a column that copy_is_direct says yes to. WEIR_REJECT for a value that the
 * column cannot hold exactly; out is then as it was. */
weir_code copy_field(const value_source *source, column_type target, const weir_slot *slot,
                     weir_buf *out, weir_error *err);

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

#endif
