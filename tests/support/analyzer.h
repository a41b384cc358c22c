/* analyzer.h - what clang-tidy is told about functions whose bodies it does not see.
 *
 * Given to it in front of every file by `make check`, and to no compiler. A failure has a code that is not
 * WEIR_OK; without this the analyzer follows paths on which weir_fail reports success.
 */
#ifndef TESTS_SUPPORT_ANALYZER_H
#define TESTS_SUPPORT_ANALYZER_H

#include "weir/base.h"

static inline weir_code analyzer_failed(weir_error *err, weir_code code)
{
    if (code == WEIR_OK)
        __builtin_unreachable();
    err->code = code;
    return code;
}

void analyzer_text(const char *fmt, ...) WEIR_PRINTF(1, 2);

#define weir_fail(err, code, ...) (analyzer_text(__VA_ARGS__), analyzer_failed(err, code))
#define weir_wrap(err, ...)       (analyzer_text(__VA_ARGS__), analyzer_failed(err, (err)->code))

#endif
