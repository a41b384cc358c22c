/* url.c - connection.url taken apart. */
#include "url.h"

#include "adbc_vendor.h"

#include <assert.h>
#include <string.h>

static bool starts_with(weir_str text, weir_str prefix)
{
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

static weir_str skip(weir_str text, size_t size)
{
    assert(size <= text.len);
    return (weir_str){text.ptr + size, text.len - size};
}

/* Up to the first of a byte; *rest is what follows it, empty when it is not there. */
static weir_str cut(weir_str text, char at, weir_str *rest)
{
    const char *found = text.len > 0 ? memchr(text.ptr, at, text.len) : NULL;
    weir_str head = text;

    *rest = (weir_str){0};
    if (found != NULL) {
        head.len = (size_t)(found - text.ptr);
        *rest = skip(text, head.len + 1);
    }
    return head;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* Appends the decoded text with a NUL behind it. The buffer has room: slices into it must not move. */
static weir_str decode(weir_str text, weir_buf *out)
{
    size_t start = out->len;

    assert(out->capacity - out->len > text.len);
    for (size_t i = 0; i < text.len; i++) {
        int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

        if (text.ptr[i] == '%' && high >= 0 && low >= 0) {
            weir_buf_add_byte(out, (char)(high * 16 + low));
            i += 2;
        } else {
            weir_buf_add_byte(out, text.ptr[i]);
        }
    }
    weir_buf_add_byte(out, '\0');
    return (weir_str){out->ptr + start, out->len - start - 1};
}

static weir_code parse_parameters(weir_str query, url *out, weir_error *err)
{
    while (query.len > 0) {
        weir_str rest;
        weir_str value;
        weir_str pair = cut(query, '&', &rest);
        weir_str name = cut(pair, '=', &value);

        if (out->parameter_count == URL_PARAMETERS_MAX)
            return weir_fail(err, WEIR_CONFIG, "connection.url has more than %d parameters",
                             URL_PARAMETERS_MAX);
        if (name.len > 0)
            out->parameters[out->parameter_count++] =
                (url_parameter){decode(name, &out->text), decode(value, &out->text)};
        query = rest;
    }
    return WEIR_OK;
}

/* JDBC's short forms, postgresql:NAME and postgresql:/, mean a server on this host. The buffer has room. */
static weir_str keep_base(weir_str base, weir_buf *out)
{
    size_t start = out->len, size = sizeof("postgresql:") - 1;

    if (starts_with(base, WEIR_STR("postgresql:")) &&
        !starts_with(base, WEIR_STR("postgresql://"))) {
        weir_str name = skip(base, size);

        weir_buf_printf(out, "postgresql://localhost/");
        base = name.len > 0 && name.ptr[0] == '/' ? skip(name, 1) : name;
    }
    weir_buf_add_str(out, base);
    weir_buf_add_byte(out, '\0');
    return (weir_str){out->ptr + start, out->len - start - 1};
}

weir_code url_parse(weir_str text, url *out, weir_error *err)
{
    weir_str query;

    *out = (url){0};
    if (starts_with(text, WEIR_STR("jdbc:postgresql:"))) {
        out->is_jdbc = true;
        text = skip(text, 5);
    } else if (starts_with(text, WEIR_STR("adbc:"))) {
        out->kind = URL_ADBC;
        text = skip(text, 5);
    } else if (!starts_with(text, WEIR_STR("postgresql://")) &&
               !starts_with(text, WEIR_STR("postgres://"))) {
        return weir_fail(err, WEIR_CONFIG,
                         "connection.url is none of postgresql://…, jdbc:postgresql://… and "
                         "adbc:PATH.so?entrypoint=…");
    }
    (void)weir_buf_reserve(&out->text, 3 * text.len + (size_t)2 * URL_PARAMETERS_MAX + 64);
    out->base = cut(text, '?', &query);
    /* the base stays encoded for libpq; of a driver it is a path */
    out->base =
        out->kind == URL_ADBC ? decode(out->base, &out->text) : keep_base(out->base, &out->text);
    if (out->base.len == 0) {
        url_done(out);
        return weir_fail(err, WEIR_CONFIG, "connection.url names no driver: adbc:PATH.so?…");
    }
    if (parse_parameters(query, out, err) != WEIR_OK) {
        url_done(out);
        return err->code;
    }
    return WEIR_OK;
}

void url_done(url *self)
{
    weir_buf_done(&self->text);
    *self = (url){0};
}

weir_str url_parameter_value(const url *self, const char *name)
{
    for (size_t i = 0; i < self->parameter_count; i++)
        if (weir_str_eq(self->parameters[i].name, weir_cstr(name)))
            return self->parameters[i].value;
    return (weir_str){0};
}

weir_code url_check(weir_str value, weir_error *err)
{
    url parsed;

    weir_code code = url_parse(value, &parsed, err);

    if (code == WEIR_OK && parsed.kind == URL_ADBC)
        code = adbc_vendor_check(&parsed, err);
    url_done(&parsed);
    return code;
}

const char *url_jdbc_keyword(weir_str name)
{
    static const struct {
        const char *jdbc, *libpq;
    } words[] = {
        {"user", "user"},
        {"password", "password"},
        {"sslmode", "sslmode"},
        {"sslcert", "sslcert"},
        {"sslkey", "sslkey"},
        {"sslrootcert", "sslrootcert"},
        {"sslpassword", "sslpassword"},
        {"ApplicationName", "application_name"},
        {"connectTimeout", "connect_timeout"},
        {"gssEncMode", "gssencmode"},
        {"channelBinding", "channel_binding"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (weir_str_eq(name, weir_cstr(words[i].jdbc)))
            return words[i].libpq;
    return NULL;
}
