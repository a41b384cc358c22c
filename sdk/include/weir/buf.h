/* buf.h - a growing byte buffer.
 *
 * For memory whose lifetime is a task or a request: a message being built, a body being received.
 * `weir_buf b = {0};` is an empty buffer that owns nothing. Running out of memory stops the
 * process; sizes that come from outside are checked against a limit before they get here.
 *
 * Not thread-safe: a buffer belongs to whoever holds it.
 */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H

#include "weir/base.h"

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_buf {
    char *ptr; /* NULL while nothing was reserved */
    size_t len;
    size_t capacity;
} weir_buf;

/* Room for size more bytes behind len; returns where they begin. len does not change. */
WEIR_API char *weir_buf_reserve(weir_buf *buf, size_t size);

WEIR_API void weir_buf_add(weir_buf *buf, const void *bytes, size_t size);
WEIR_API void weir_buf_add_str(weir_buf *buf, weir_str text);
WEIR_API void weir_buf_add_byte(weir_buf *buf, char byte);
WEIR_API void weir_buf_printf(weir_buf *buf, const char *fmt, ...) WEIR_PRINTF(2, 3);
WEIR_API void weir_buf_vprintf(weir_buf *buf, const char *fmt, va_list args) WEIR_PRINTF(2, 0);

/* Adds text as a JSON string, quotes included (RFC 8259). Bytes that are not UTF-8 become U+FFFD. */
WEIR_API void weir_buf_add_json(weir_buf *buf, weir_str text);

/* What was added so far; valid until the next change of the buffer. */
WEIR_API weir_str weir_buf_str(const weir_buf *buf);

/* The same with a NUL behind it, which does not count. */
WEIR_API const char *weir_buf_cstr(weir_buf *buf);

/* Empties the buffer and keeps its memory. */
WEIR_API void weir_buf_clear(weir_buf *buf);

/* Releases the memory; the buffer is empty and usable again. */
WEIR_API void weir_buf_done(weir_buf *buf);

#ifdef __cplusplus
}
#endif

#endif
