/* convert_error.h - what conversions say about a value that is none of its type. */
#ifndef POSTGRES_CDC_CONVERT_ERROR_H
#define POSTGRES_CDC_CONVERT_ERROR_H

#include "types.h"

/* Binary bytes that no server of the type sends. */
static inline weir_code convert_malformed(const codec *self, weir_str value, weir_error *err)
{
    return weir_fail(err, WEIR_FATAL, "%zu bytes are no binary value of type %.*s", value.len,
                     WEIR_ARG(self->type->name));
}

static inline weir_code convert_bad_text(const codec *self, weir_str value, weir_error *err)
{
    int shown = value.len < 100 ? (int)value.len : 100;

    return weir_fail(err, WEIR_FATAL, "\"%.*s\" is no value of type %.*s that can be captured",
                     shown, value.ptr == NULL ? "" : value.ptr, WEIR_ARG(self->type->name));
}

#endif
