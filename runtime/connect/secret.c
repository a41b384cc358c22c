/* secret.c - replacing references to secrets. */
#include "runtime/connect/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_FILE_MAX = 1 << 20 };

static weir_str trim_line(weir_str line)
{
    while (line.len > 0 && strchr(" \t\r\n", line.ptr[line.len - 1]) != NULL)
        line.len--;
    while (line.len > 0 && strchr(" \t", line.ptr[0]) != NULL)
        line.ptr++, line.len--;
    return line;
}

static weir_code resolve_env(weir_str name, weir_buf *out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf copy = {0};
    const char *value;

    weir_buf_add_str(&copy, name);
    value = getenv(weir_buf_cstr(&copy)); /* NOLINT(concurrency-mt-unsafe): nobody sets any */
    if (value == NULL)
        return weir_fail(err, WEIR_CONFIG, "the environment variable \"%.*s\" is not set",
                         WEIR_ARG(name));
    weir_buf_add_str(out, weir_cstr(value));
    return WEIR_OK;
}

static weir_code read_file(const char *path, weir_buf *out, weir_error *err)
{
    FILE *file = fopen(path, "rbe");
    size_t got;

    if (file == NULL)
        return weir_fail(err, WEIR_CONFIG, "could not read '%s': %s", path,
                         strerror(errno)); /* NOLINT(concurrency-mt-unsafe): glibc's is */
    got = fread(weir_buf_reserve(out, SECRET_FILE_MAX), 1, SECRET_FILE_MAX, file);
    out->len += got;
    (void)fclose(file); /* read-only: nothing to lose */
    if (got == SECRET_FILE_MAX)
        return weir_fail(err, WEIR_CONFIG, "'%s' is larger than %d bytes", path, SECRET_FILE_MAX);
    return WEIR_OK;
}

/* The value of a line KEY=VALUE; ptr NULL when it is another line. */
static weir_str value_of(weir_str line, weir_str key)
{
    weir_str rest;

    if (line.len <= key.len || memcmp(line.ptr, key.ptr, key.len) != 0)
        return (weir_str){0};
    rest = trim_line((weir_str){line.ptr + key.len, line.len - key.len});
    if (rest.len == 0 || rest.ptr[0] != '=')
        return (weir_str){0};
    return trim_line((weir_str){rest.ptr + 1, rest.len - 1});
}

static weir_code find_key(weir_str text, weir_str key, const char *path, weir_buf *out,
                          weir_error *err)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t size = end != NULL ? (size_t)(end - text.ptr) : text.len;
        weir_str value = value_of(trim_line((weir_str){text.ptr, size}), key);

        if (value.ptr != NULL) {
            weir_buf_add_str(out, value);
            return WEIR_OK;
        }
        size += end != NULL;
        text = (weir_str){text.ptr + size, text.len - size};
    }
    return weir_fail(err, WEIR_CONFIG, "'%s' has no line \"%.*s=...\"", path, WEIR_ARG(key));
}

/* what is PATH or PATH:KEY. */
static weir_code resolve_file(weir_str what, weir_buf *out, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf path = {0}, text = {0};
    const char *colon = memrchr(what.ptr, ':', what.len);
    size_t size = colon != NULL ? (size_t)(colon - what.ptr) : what.len;

    weir_buf_add(&path, what.ptr, size);
    if (read_file(weir_buf_cstr(&path), &text, err) != WEIR_OK)
        return err->code;
    if (colon == NULL) {
        weir_buf_add_str(out, trim_line(weir_buf_str(&text)));
        return WEIR_OK;
    }
    return find_key(weir_buf_str(&text), (weir_str){colon + 1, what.len - size - 1},
                    weir_buf_cstr(&path), out, err);
}

static bool begins(weir_str text, weir_str with)
{
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

weir_code secret_resolve(weir_str text, weir_buf *out, weir_error *err)
{
    weir_str env = WEIR_STR("${env:"), file = WEIR_STR("${file:");

    while (text.len > 0) {
        bool is_env = begins(text, env), is_file = begins(text, file);
        const char *end = is_env || is_file ? memchr(text.ptr, '}', text.len) : NULL;
        size_t head = is_env ? env.len : file.len, size;
        weir_str inside;

        if (end == NULL) {
            weir_buf_add_byte(out, text.ptr[0]);
            text = (weir_str){text.ptr + 1, text.len - 1};
            continue;
        }
        size = (size_t)(end - text.ptr);
        inside = (weir_str){text.ptr + head, size - head};
        if ((is_env ? resolve_env(inside, out, err) : resolve_file(inside, out, err)) != WEIR_OK)
            return err->code;
        text = (weir_str){end + 1, text.len - size - 1};
    }
    return WEIR_OK;
}

weir_code secret_resolve_settings(config_setting *settings, size_t count, weir_task *memory,
                                  weir_error *err)
{
    for (size_t i = 0; i < count; i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf value = {0};

        if (memmem(settings[i].value.ptr, settings[i].value.len, "${", 2) == NULL)
            continue;
        if (secret_resolve(settings[i].value, &value, err) != WEIR_OK)
            return weir_wrap(err, "setting \"%.*s\"", WEIR_ARG(settings[i].name));
        settings[i].value = weir_task_copy(memory, weir_buf_str(&value));
    }
    return WEIR_OK;
}
