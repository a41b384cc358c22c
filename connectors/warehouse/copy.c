/* copy.c - rows and fields in PostgreSQL's binary form. */
#include "copy.h"

#include <assert.h>

void copy_marker(weir_buf *out, int32_t marker)
{
    assert(marker == COPY_NULL || marker == COPY_UNSENT);
    copy_put32(copy_room(out, 4), (uint32_t)marker);
    out->len += 4;
}

void copy_int32(weir_buf *out, int32_t value)
{
    char *at = copy_room(out, 8);

    copy_put32(at, 4);
    copy_put32(at + 4, (uint32_t)value);
    out->len += 8;
}

void copy_int64(weir_buf *out, int64_t value)
{
    char *at = copy_room(out, 12);

    copy_put32(at, 8);
    copy_put64(at + 4, (uint64_t)value);
    out->len += 12;
}

void copy_text(weir_buf *out, weir_str text)
{
    char *at = copy_room(out, 4 + text.len);

    copy_put32(at, (uint32_t)text.len);
    if (text.len > 0)
        memcpy(at + 4, text.ptr, text.len);
    out->len += 4 + text.len;
}

void copy_header(weir_buf *out)
{
    static const char header[19] = "PGCOPY\n\377\r\n"; /* then flags and extension: zeros */

    weir_buf_add(out, header, sizeof(header));
}

void copy_row(weir_buf *out, size_t field_count)
{
    char *at = copy_room(out, 2);

    at[0] = (char)(field_count >> 8 & 0xff);
    at[1] = (char)(field_count & 0xff);
    out->len += 2;
}

void copy_trailer(weir_buf *out)
{
    weir_buf_add(out, "\377\377", 2);
}

int32_t copy_length(const char *field)
{
    uint32_t value;

    memcpy(&value, field, 4);
    return (int32_t)__builtin_bswap32(value);
}

int64_t copy_read_int(const char *at, size_t size)
{
    int64_t value = (uint8_t)at[0];

    if (value >= 0x80)
        value -= 0x100;

    for (size_t i = 1; i < size; i++)
        value = value * 256 + (uint8_t)at[i];
    return value;
}

uint32_t copy_oid(type_id id)
{
    static const uint32_t oids[] = {
        [TYPE_BOOL] = 16,        [TYPE_INT2] = 21,          [TYPE_INT4] = 23,
        [TYPE_INT8] = 20,        [TYPE_FLOAT4] = 700,       [TYPE_FLOAT8] = 701,
        [TYPE_NUMERIC] = 1700,   [TYPE_TEXT] = 25,          [TYPE_BYTES] = 17,
        [TYPE_DATE] = 1082,      [TYPE_TIME] = 1083,        [TYPE_TIMETZ] = 1266,
        [TYPE_TIMESTAMP] = 1114, [TYPE_TIMESTAMPTZ] = 1184, [TYPE_INTERVAL] = 1186,
        [TYPE_JSON] = 114,       [TYPE_JSONB] = 3802,       [TYPE_UUID] = 2950,
        [TYPE_OTHER] = 25,
    };

    return oids[id];
}
