/* diag.c - writes diagnostics as logfmt or JSON, one write(2) a line.
 *
 * A line is built on the stack and cut when it is longer than that: a diagnostic is short, and writing
 * one must work when everything else has failed.
 */
#include "runtime/base/diag.h"

#include "runtime/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, CONTEXT_PAIRS = 4 };

typedef struct line {
    char text[LINE_BYTES];
    size_t len;
    bool json;
} line;

static _Atomic(int) minimum_level = WEIR_INFO;
static atomic_bool as_json = false;
static _Atomic(uint64_t) line_count;
static _Thread_local const diag_pair *context_pairs;
static _Thread_local size_t context_count;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error"};

void diag_set_level(weir_level level)
{
    atomic_store(&minimum_level, (int)level);
}

void diag_set_json(bool json)
{
    atomic_store(&as_json, json);
}

bool diag_is_on(weir_level level)
{
    return (int)level >= atomic_load(&minimum_level);
}

uint64_t diag_line_count(void)
{
    return atomic_load(&line_count);
}

void diag_context(const diag_pair *pairs, size_t count)
{
    context_pairs = pairs;
    context_count = count < CONTEXT_PAIRS ? count : CONTEXT_PAIRS;
}

/* Keeps room for what ends a line: an ellipsis, a quote, a brace, a newline. */
static void line_add(line *out, const char *bytes, size_t size)
{
    size_t room = sizeof(out->text) - 8 - out->len;

    if (size > room)
        size = room;
    memcpy(out->text + out->len, bytes, size);
    out->len += size;
}

static void line_add_cstr(line *out, const char *text)
{
    line_add(out, text, strlen(text));
}

static bool needs_quotes(weir_str value)
{
    if (value.len == 0)
        return true;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return true;
    }
    return false;
}

static void add_quoted(line *out, weir_str value)
{
    line_add_cstr(out, "\"");
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        char escape[8];

        if (c == '"' || c == '\\') {
            line_add(out, (char[]){'\\', (char)c}, 2);
        } else if (c == '\n') {
            line_add_cstr(out, "\\n");
        } else if (c == '\t') {
            line_add_cstr(out, "\\t");
        } else if (c < ' ' || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            line_add_cstr(out, escape);
        } else {
            line_add(out, (char *)&c, 1);
        }
    }
    line_add_cstr(out, "\"");
}

static void add_pair(line *out, const char *key, weir_str value)
{
    if (out->json) {
        line_add_cstr(out, out->len > 1 ? ",\"" : "\"");
        line_add_cstr(out, key);
        line_add_cstr(out, "\":");
        add_quoted(out, value);
        return;
    }
    if (out->len > 0)
        line_add_cstr(out, " ");
    line_add_cstr(out, key);
    line_add_cstr(out, "=");
    if (needs_quotes(value))
        add_quoted(out, value);
    else
        line_add(out, value.ptr, value.len);
}

static void add_time(line *out)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    time_t seconds = (time_t)(now_ms / 1000);
    char text[40];
    struct tm parts;
    size_t used;

    gmtime_r(&seconds, &parts);
    used = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + used, sizeof(text) - used, ".%03dZ", (int)(now_ms % 1000));
    add_pair(out, "time", weir_cstr(text));
}

static void write_line(weir_level level, const diag_pair *pairs, size_t count, const char *fmt,
                       va_list args)
{
    char message[2048];
    line out = {.json = atomic_load(&as_json)};

    vsnprintf(message, sizeof(message), fmt, args); /* a cut message is still a message */
    if (out.json)
        line_add_cstr(&out, "{");
    add_time(&out);
    add_pair(&out, "level", weir_cstr(LEVEL_NAMES[level]));
    add_pair(&out, "msg", weir_cstr(message));
    for (size_t i = 0; i < context_count; i++)
        add_pair(&out, context_pairs[i].key, context_pairs[i].value);
    for (size_t i = 0; i < count; i++)
        add_pair(&out, pairs[i].key, pairs[i].value);
    if (out.json)
        out.text[out.len++] = '}';
    out.text[out.len++] = '\n';
    atomic_fetch_add(&line_count,
                     1); /* before: a line is never there without having been counted */
    if (write(STDERR_FILENO, out.text, out.len) < 0)
        return; /* there is nowhere left to say so */
}

void diag(weir_level level, const char *fmt, ...)
{
    va_list args;

    if (!diag_is_on(level))
        return;
    va_start(args, fmt);
    write_line(level, NULL, 0, fmt, args);
    va_end(args);
}

void diag_with(weir_level level, const diag_pair *pairs, size_t count, const char *fmt, ...)
{
    va_list args;

    if (!diag_is_on(level))
        return;
    va_start(args, fmt);
    write_line(level, pairs, count, fmt, args);
    va_end(args);
}
