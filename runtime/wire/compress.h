/* compress.h - the four compressions of Kafka's record batches, as its clients frame them.
 *
 * gzip (RFC 1952), snappy in xerial's frames or bare, lz4 frames, zstd frames. Pure functions; any thread.
 */
#ifndef RUNTIME_WIRE_COMPRESS_H
#define RUNTIME_WIRE_COMPRESS_H

#include "runtime/wire/record_batch.h"

/* Adds the compressed bytes to out. */
WEIR_MUST_CHECK weir_code compress_bytes(record_compression how, weir_str bytes, weir_buf *out,
                                         weir_error *err);

/* Adds the original bytes to out, at most max_bytes. WEIR_REJECT when the bytes are damaged or would become
 * more than that. */
WEIR_MUST_CHECK weir_code decompress_bytes(record_compression how, weir_str bytes, weir_buf *out,
                                           size_t max_bytes, weir_error *err);

#endif
