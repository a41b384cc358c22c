/* compress.c - gzip, snappy, lz4 and zstd over byte buffers. */
#include "runtime/wire/compress.h"

#include "runtime/base/reader.h"

#include <assert.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { STEP_BYTES = 65536, ZSTD_LEVEL = 1, XERIAL_HEADER_BYTES = 16 };

static const char XERIAL_MAGIC[8] = {(char)0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

static weir_code damaged(weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_REJECT, "the %s data is damaged", what);
}

static weir_code too_large(weir_error *err, size_t max_bytes)
{
    return weir_fail(err, WEIR_REJECT, "the batch would become more than %zu bytes", max_bytes);
}

/* --- gzip ----------------------------------------------------------------------------------- */

static weir_code gzip_compress(weir_str bytes, weir_buf *out, weir_error *err)
{
    z_stream stream = {0};
    size_t bound;

    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return weir_fail(err, WEIR_FATAL, "could not start compressing with gzip");
    bound = deflateBound(&stream, bytes.len);
    stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = (Bytef *)weir_buf_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    (void)deflate(&stream, Z_FINISH); /* the bound is enough for one step */
    out->len += stream.total_out;
    deflateEnd(&stream);
    return WEIR_OK;
}

static weir_code gzip_decompress(weir_str bytes, weir_buf *out, size_t max_bytes, weir_error *err)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes.ptr, .avail_in = (uInt)bytes.len};
    size_t start = out->len;
    int result;

    if (inflateInit2(&stream, 15 + 16) != Z_OK)
        return weir_fail(err, WEIR_FATAL, "could not start decompressing gzip");
    do {
        stream.next_out = (Bytef *)weir_buf_reserve(out, STEP_BYTES);
        stream.avail_out = STEP_BYTES;
        result = inflate(&stream, Z_NO_FLUSH);
        out->len += STEP_BYTES - stream.avail_out;
    } while (result == Z_OK && out->len - start <= max_bytes);
    inflateEnd(&stream);
    if (result == Z_OK || out->len - start > max_bytes)
        return too_large(err, max_bytes);
    return result == Z_STREAM_END ? WEIR_OK : damaged(err, "gzip");
}

/* --- snappy --------------------------------------------------------------------------------- */

static weir_code snappy_block(weir_str bytes, weir_buf *out, size_t max_bytes, weir_error *err)
{
    size_t size;

    if (snappy_uncompressed_length(bytes.ptr, bytes.len, &size) != SNAPPY_OK)
        return damaged(err, "snappy");
    if (size > max_bytes)
        return too_large(err, max_bytes);
    if (snappy_uncompress(bytes.ptr, bytes.len, weir_buf_reserve(out, size + 1), &size) !=
        SNAPPY_OK)
        return damaged(err, "snappy");
    out->len += size;
    return WEIR_OK;
}

static weir_code snappy_decompress(weir_str bytes, weir_buf *out, size_t max_bytes, weir_error *err)
{
    reader in = reader_of(bytes);
    size_t start = out->len;

    if (bytes.len < XERIAL_HEADER_BYTES ||
        memcmp(bytes.ptr, XERIAL_MAGIC, sizeof(XERIAL_MAGIC)) != 0)
        return snappy_block(bytes, out, max_bytes, err);
    (void)reader_bytes(&in, XERIAL_HEADER_BYTES); /* magic, version, lowest compatible version */
    while (reader_left(&in) > 0) {
        weir_str block = reader_bytes(&in, reader_be32(&in));

        if (in.failed)
            return damaged(err, "snappy");
        if (snappy_block(block, out, max_bytes - (out->len - start), err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code snappy_compress_frame(weir_str bytes, weir_buf *out, weir_error *err)
{
    static const char versions[8] = {0, 0, 0, 1, 0, 0, 0, 1};
    size_t size = snappy_max_compressed_length(bytes.len);
    char *at;

    weir_buf_add(out, XERIAL_MAGIC, sizeof(XERIAL_MAGIC));
    weir_buf_add(out, versions, sizeof(versions));
    at = weir_buf_reserve(out, size + 4);
    if (snappy_compress(bytes.ptr, bytes.len, at + 4, &size) != SNAPPY_OK)
        return weir_fail(err, WEIR_FATAL, "could not compress with snappy");
    for (int i = 0; i < 4; i++)
        at[i] = (char)(size >> (24 - 8 * i));
    out->len += size + 4;
    return WEIR_OK;
}

/* --- lz4 ------------------------------------------------------------------------------------ */

static weir_code lz4_compress(weir_str bytes, weir_buf *out, weir_error *err)
{
    LZ4F_preferences_t preferences = {.frameInfo = {.blockMode = LZ4F_blockIndependent}};
    size_t bound = LZ4F_compressFrameBound(bytes.len, &preferences);
    size_t size =
        LZ4F_compressFrame(weir_buf_reserve(out, bound), bound, bytes.ptr, bytes.len, &preferences);

    if (LZ4F_isError(size))
        return weir_fail(err, WEIR_FATAL, "could not compress with lz4: %s",
                         LZ4F_getErrorName(size));
    out->len += size;
    return WEIR_OK;
}

static weir_code lz4_decompress(weir_str bytes, weir_buf *out, size_t max_bytes, weir_error *err)
{
    LZ4F_dctx *context;
    size_t start = out->len, hint = 1;
    const char *at = bytes.ptr, *end = bytes.ptr + bytes.len;

    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return weir_fail(err, WEIR_FATAL, "could not start decompressing lz4");
    while (hint != 0 && !LZ4F_isError(hint) && out->len - start <= max_bytes) {
        size_t made = STEP_BYTES, taken = (size_t)(end - at);

        hint = LZ4F_decompress(context, weir_buf_reserve(out, STEP_BYTES), &made, at, &taken, NULL);
        if (taken == 0 && made == 0)
            break; /* it waits for bytes that are not there */
        at += taken;
        out->len += made;
    }
    LZ4F_freeDecompressionContext(context);
    if (out->len - start > max_bytes)
        return too_large(err, max_bytes);
    return hint == 0 ? WEIR_OK : damaged(err, "lz4");
}

/* --- zstd ----------------------------------------------------------------------------------- */

static weir_code zstd_compress(weir_str bytes, weir_buf *out, weir_error *err)
{
    size_t bound = ZSTD_compressBound(bytes.len);
    size_t size =
        ZSTD_compress(weir_buf_reserve(out, bound), bound, bytes.ptr, bytes.len, ZSTD_LEVEL);

    if (ZSTD_isError(size))
        return weir_fail(err, WEIR_FATAL, "could not compress with zstd: %s",
                         ZSTD_getErrorName(size));
    out->len += size;
    return WEIR_OK;
}

static weir_code zstd_decompress(weir_str bytes, weir_buf *out, size_t max_bytes, weir_error *err)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    size_t start = out->len, hint = 1;

    assert(stream != NULL); /* it fails only for want of memory */
    while (hint != 0 && !ZSTD_isError(hint) && out->len - start <= max_bytes) {
        ZSTD_outBuffer step = {weir_buf_reserve(out, STEP_BYTES), STEP_BYTES, 0};
        size_t before = in.pos;

        hint = ZSTD_decompressStream(stream, &step, &in);
        if (ZSTD_isError(hint) || (step.pos == 0 && in.pos == before))
            break;
        out->len += step.pos;
    }
    ZSTD_freeDStream(stream);
    if (out->len - start > max_bytes)
        return too_large(err, max_bytes);
    return hint == 0 ? WEIR_OK : damaged(err, "zstd");
}

/* --- All ------------------------------------------------------------------------------------ */

weir_code compress_bytes(record_compression how, weir_str bytes, weir_buf *out, weir_error *err)
{
    switch (how) {
    case RECORD_NONE:
        weir_buf_add_str(out, bytes);
        return WEIR_OK;
    case RECORD_GZIP:
        return gzip_compress(bytes, out, err);
    case RECORD_SNAPPY:
        return snappy_compress_frame(bytes, out, err);
    case RECORD_LZ4:
        return lz4_compress(bytes, out, err);
    case RECORD_ZSTD:
        return zstd_compress(bytes, out, err);
    }
    return weir_fail(err, WEIR_REJECT, "compression %d is not known", (int)how);
}

weir_code decompress_bytes(record_compression how, weir_str bytes, weir_buf *out, size_t max_bytes,
                           weir_error *err)
{
    switch (how) {
    case RECORD_NONE:
        weir_buf_add_str(out, bytes);
        return WEIR_OK;
    case RECORD_GZIP:
        return gzip_decompress(bytes, out, max_bytes, err);
    case RECORD_SNAPPY:
        return snappy_decompress(bytes, out, max_bytes, err);
    case RECORD_LZ4:
        return lz4_decompress(bytes, out, max_bytes, err);
    case RECORD_ZSTD:
        return zstd_decompress(bytes, out, max_bytes, err);
    }
    return weir_fail(err, WEIR_REJECT, "compression %d is not known", (int)how);
}
