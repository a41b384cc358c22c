/* base.h - what every other weir header builds on: text slices and errors.
 *
 * A function that can fail returns a weir_code and takes a weir_error as its last argument. The
 * code tells the caller what to do next; the message tells a person what happened. A function that
 * cannot fail returns its result, or nothing.
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_API               __attribute__((visibility("default")))
#define WEIR_MUST_CHECK        __attribute__((warn_unused_result))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Text or bytes that somebody else owns. Not NUL-terminated; print it with "%.*s" and WEIR_ARG. */
typedef struct weir_str {
    const char *ptr;
    size_t len;
} weir_str;

#define WEIR_STR(literal) ((weir_str){"" literal, sizeof(literal) - 1})
#define WEIR_ARG(str)     (int)(str).len, (str).ptr

/* `WEIR_CLEANUP(thing_freep) thing *t = thing_new();` frees t on every way out of the scope. */
#define WEIR_CLEANUP(function) __attribute__((cleanup(function)))

/* The slice of a NUL-terminated text; the empty slice for NULL. */
WEIR_API weir_str weir_cstr(const char *text);

/* Same bytes. Two empty slices are equal, whatever they point to. */
WEIR_API bool weir_str_eq(weir_str a, weir_str b);

/* Every outcome a call can have, by what the worker does about it. Names, documentation and the
 * REST API's error codes all come from this table. The numbers are ABI: append, never renumber. */
#define WEIR_CODES(X)                                                                              \
    X(WEIR_OK, 0, "the call did what it says")                                                     \
    X(WEIR_END, 1, "the source has no more data, ever; its task completes")                        \
    X(WEIR_RETRY, 2, "a passing fault; the call is repeated after a back-off")                     \
    X(WEIR_REJECT, 3, "this record can never succeed; it goes to the dead-letter topic")           \
    X(WEIR_CONFIG, 4, "the configuration is wrong; nothing is started")                            \
    X(WEIR_FATAL, 5, "the task cannot go on; it fails and the restart policy decides")

typedef enum weir_code {
#define X(name, number, meaning) name = number,
    WEIR_CODES(X)
#undef X
} weir_code;

/* Lives on the caller's stack: an error path allocates nothing and leaves nothing to free. Its
 * size is ABI and never changes. */
typedef struct weir_error {
    weir_code code;
    char message[1020];
} weir_error;

/* Fills err and returns code, so that a failing check is one statement:
 *
 *     return weir_fail(err, WEIR_RETRY, "could not connect to %s: %s", host, reason);
 *
 * The message is lower case, without a full stop, and says what was attempted. */
WEIR_API weir_code weir_fail(weir_error *err, weir_code code, const char *fmt, ...)
    WEIR_PRINTF(3, 4);

/* Puts context in front of a message that a callee wrote, "fmt: message", and returns its code. */
WEIR_API weir_code weir_wrap(weir_error *err, const char *fmt, ...) WEIR_PRINTF(2, 3);

/* The name of a code as it is spelled in C, "WEIR_RETRY", or "?" for a number that has none. */
WEIR_API const char *weir_code_name(weir_code code);

#ifdef __cplusplus
}
#endif

#endif
