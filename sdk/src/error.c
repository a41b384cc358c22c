/* error.c - filling and wrapping weir_error. */
#include "weir/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

weir_code weir_fail(weir_error *err, weir_code code, const char *fmt, ...)
{
    va_list args;

    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, args); /* a cut message is still a message */
    va_end(args);
    return code;
}

weir_code weir_wrap(weir_error *err, const char *fmt, ...)
{
    char cause[sizeof(err->message)];
    va_list args;
    int used;

    memcpy(cause, err->message, sizeof(cause));
    va_start(args, fmt);
    used = vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->message)) {
        size_t room = sizeof(err->message) - (size_t)used;

        snprintf(err->message + used, room, ": %.*s", (int)room, cause);
    }
    return err->code;
}

const char *weir_code_name(weir_code code)
{
    switch (code) {
#define X(name, number, meaning)                                                                   \
    case name:                                                                                     \
        return #name;
        WEIR_CODES(X)
#undef X
    }
    return "?";
}

weir_str weir_cstr(const char *text)
{
    return text != NULL ? (weir_str){text, strlen(text)} : (weir_str){0};
}

bool weir_str_eq(weir_str a, weir_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
