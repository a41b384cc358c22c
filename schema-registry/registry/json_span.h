/* json_span.h - the members of a JSON object as pieces of its text, without building anything.
 *
 * A start reads a hundred thousand records, and an answer is put together from the pieces they had. So
 * every value that is stepped over is checked to the letter (RFC 8259, UTF-8 included): a piece can be
 * printed into another document as it is. Pure functions; any thread.
 */
#ifndef SCHEMA_REGISTRY_REGISTRY_JSON_SPAN_H
#define SCHEMA_REGISTRY_REGISTRY_JSON_SPAN_H

#include "weir/buf.h"

#define JSON_SPAN_DEPTH_MAX 200

typedef struct json_span {
    const char *at, *end;
    bool is_first;
    bool is_bad; /* it is no JSON object, or something stands behind it */
} json_span;

/* Steps through the members of an object: `json_span s = json_span_of(text); while (json_span_next(&s,
 * &name, &value))`. Names and values are as in the text, quotes included. False at the end, and, with
 * is_bad, where the text is wrong. */
json_span json_span_of(weir_str text);
bool json_span_next(json_span *span, weir_str *name, weir_str *value);

/* The same for the values of an array. */
bool json_span_next_item(json_span *span, weir_str *value);

/* True when the text is one JSON value and nothing more. */
bool json_span_is_value(weir_str text);

/* Adds the value without the white space between its tokens. The text is a JSON value. */
void json_span_add_compact(weir_str value, weir_buf *out);

/* Adds what a JSON string says; the quotes are in it. A half of a surrogate pair becomes U+FFFD. */
void json_span_add_text(weir_str string, weir_buf *out);

bool json_span_is_string(weir_str value);
/* True when the value is the JSON string of this text, which needs no escapes. */
bool json_span_says(weir_str value, weir_str text);
/* A whole number that fits into 32 bits. */
bool json_span_to_int(weir_str value, int32_t *out);

#endif
