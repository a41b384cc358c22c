/* varint.h - a zig-zag varint at the end of a buffer: lengths, numbers and branches of Avro and of headers. */
#ifndef RUNTIME_CONNECT_VARINT_H
#define RUNTIME_CONNECT_VARINT_H

#include "weir/batch.h"
#include "weir/buf.h"

static inline void put_varint(weir_buf *out, int64_t value)
{
    uint8_t bytes[10];

    weir_buf_add(out, bytes, (size_t)(weir_put_varint(bytes, value) - bytes));
}

#endif
