/* encode.h - fields of records for columns: from a decoded slot to copy.h's form, exactly or not at all.
 *
 * A column may be narrower than the field, or of another kind: what it can hold exactly is written, and a
 * value that it would have to round or to cut is rejected. Pure functions over bytes.
 */
#ifndef WAREHOUSE_ENCODE_H
#define WAREHOUSE_ENCODE_H

#include "type.h"

#include "weir/buf.h"

/* A field can be written to a column of this type as it is; otherwise it is staged as its natural type
 * and the destination casts it. */
bool encode_is_direct(const value_source *source, column_type target);

/* Appends one field for a column that encode_is_direct says yes to. WEIR_REJECT for a value that the
 * column cannot hold exactly; out is then as it was. */
weir_code encode_field(const value_source *source, column_type target, const weir_slot *slot,
                       weir_buf *out, weir_error *err);

#endif
