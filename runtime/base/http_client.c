/* http_client.c - HTTP requests to one server. */
#include "runtime/base/http_client.h"

#include "runtime/base/mem.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_S = 10 };

struct http_client {
    CURL *curl;
    struct curl_slist *headers;
    weir_buf what, shown;         /* for messages; the URL without a password */
    weir_buf base, url;           /* base has no slash at its end */
    char reason[CURL_ERROR_SIZE]; /* of the last failure */
};

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* when it fails, so does every curl_easy_init */
}

static CURLUcode add_part(CURLU *url, CURLUPart what, weir_buf *out)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, what, &text, 0);

    if (code == CURLUE_OK)
        weir_buf_add_str(out, weir_cstr(text));
    curl_free(text);
    return code;
}

/* The URL, checked, and without what nobody shall read in a message. "HOST:PORT" is told from it by what is
 * missing. */
static CURLUcode take_url(http_client *self, CURLU *parsed, const char *url)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf scheme = {0};
    bool is_url = strstr(url, "://") != NULL;
    CURLUcode code;

    weir_buf_printf(&self->base, "%s%s", is_url ? "" : "http://", url);
    while (self->base.len > 0 && self->base.ptr[self->base.len - 1] == '/')
        self->base.len--;
    code = curl_url_set(parsed, CURLUPART_URL, weir_buf_cstr(&self->base), 0);
    if (code == CURLUE_OK)
        code = add_part(parsed, CURLUPART_SCHEME, &scheme);
    if (code != CURLUE_OK)
        return code;
    if (!weir_str_eq(weir_buf_str(&scheme), WEIR_STR("http")) &&
        !weir_str_eq(weir_buf_str(&scheme), WEIR_STR("https")))
        return CURLUE_UNSUPPORTED_SCHEME;
    if (!is_url) {
        weir_buf_add_str(&self->shown, weir_cstr(url));
        return CURLUE_OK;
    }
    (void)curl_url_set(parsed, CURLUPART_USER, NULL, 0); /* taking one out cannot fail */
    (void)curl_url_set(parsed, CURLUPART_PASSWORD, NULL, 0);
    return add_part(parsed, CURLUPART_URL, &self->shown);
}

static weir_code check_url(http_client *self, const char *url, weir_error *err)
{
    CURLU *parsed = curl_url();
    CURLUcode code = take_url(self, parsed, url);

    curl_url_cleanup(parsed);
    if (code != CURLUE_OK)
        return weir_fail(err, WEIR_CONFIG, "\"%s\" is no HOST:PORT and no URL: %s", url,
                         curl_url_strerror(code));
    while (self->shown.len > 0 && self->shown.ptr[self->shown.len - 1] == '/')
        self->shown.len--;             /* a URL without a path gets one */
    (void)weir_buf_cstr(&self->shown); /* http_client_shown gives it as a text */
    return WEIR_OK;
}

static size_t take_body(char *bytes, size_t one, size_t count, void *context)
{
    weir_buf *body = context;

    if (body->len + count > HTTP_CLIENT_LIMIT)
        return one * count + 1; /* not what was given: libcurl ends the request */
    weir_buf_add(body, bytes, one * count);
    return one * count;
}

static void add_header(http_client *self, const char *name, const char *value)
{
    weir_buf line = {0};

    weir_buf_printf(&line, "%s: %s", name, value);
    self->headers = curl_slist_append(self->headers, weir_buf_cstr(&line));
    weir_buf_done(&line);
}

/* libcurl copies every text. It refuses an option only when it was built without it; then the request fails. */
static void set_options(http_client *self, const http_client_options *options)
{
    const char *type = options->accept != NULL ? options->accept : "application/json";

    add_header(self, "Accept", type);
    add_header(self, "Content-Type", type);
    add_header(self, "Expect", ""); /* no 100-continue: it costs a round trip */
    curl_easy_setopt(self->curl, CURLOPT_HTTPHEADER, self->headers);
    curl_easy_setopt(self->curl, CURLOPT_ERRORBUFFER, self->reason);
    curl_easy_setopt(self->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(self->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(self->curl, CURLOPT_TIMEOUT, (long)HTTP_CLIENT_TIMEOUT_S);
    curl_easy_setopt(self->curl, CURLOPT_WRITEFUNCTION, take_body);
    if (options->user != NULL) {
        curl_easy_setopt(self->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(self->curl, CURLOPT_USERPWD, options->user);
    }
    if (options->token != NULL) {
        curl_easy_setopt(self->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(self->curl, CURLOPT_XOAUTH2_BEARER, options->token);
    }
    if (options->ca_file != NULL)
        curl_easy_setopt(self->curl, CURLOPT_CAINFO, options->ca_file);
    if (options->cert_file != NULL)
        curl_easy_setopt(self->curl, CURLOPT_SSLCERT, options->cert_file);
    if (options->key_file != NULL)
        curl_easy_setopt(self->curl, CURLOPT_SSLKEY, options->key_file);
    if (options->key_password != NULL)
        curl_easy_setopt(self->curl, CURLOPT_KEYPASSWD, options->key_password);
}

weir_code http_client_new(const http_client_options *options, http_client **out, weir_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    http_client *self = mem_zalloc(1, sizeof(*self));

    pthread_once(&once, init_curl);
    weir_buf_add_str(&self->what, weir_cstr(options->what));
    self->curl = curl_easy_init();
    if (self->curl == NULL)
        (void)weir_fail(err, WEIR_CONFIG, "libcurl could not be started");
    if (self->curl == NULL || check_url(self, options->url, err) != WEIR_OK) {
        http_client_free(self);
        return err->code;
    }
    set_options(self, options);
    *out = self;
    return WEIR_OK;
}

void http_client_free(http_client *self)
{
    if (self == NULL)
        return;
    curl_easy_cleanup(self->curl);
    curl_slist_free_all(self->headers);
    weir_buf_done(&self->base);
    weir_buf_done(&self->url);
    weir_buf_done(&self->what);
    weir_buf_done(&self->shown);
    free(self);
}

static weir_code send_failed(http_client *self, CURLcode code, weir_error *err)
{
    const char *what = weir_buf_cstr(&self->what), *shown = weir_buf_cstr(&self->shown);
    long number = 0;

    if (code == CURLE_WRITE_ERROR)
        return weir_fail(err, WEIR_RETRY, "the answer of the %s at %s is larger than %d bytes",
                         what, shown, HTTP_CLIENT_LIMIT);
    (void)curl_easy_getinfo(self->curl, CURLINFO_OS_ERRNO,
                            &number); /* stays 0 when it is not known */
    if (code == CURLE_COULDNT_CONNECT && number != 0)
        return weir_fail(err, WEIR_RETRY, "no %s answers at %s: %s", what, shown,
                         strerror((int)number));
    return weir_fail(err, WEIR_RETRY, "no %s answers at %s: %s", what, shown,
                     self->reason[0] != '\0' ? self->reason : curl_easy_strerror(code));
}

weir_code http_client_send(http_client *self, const http_client_request *request, int *status,
                           weir_buf *body_out, weir_error *err)
{
    long answered = 0;
    CURLcode code;

    weir_buf_clear(body_out);
    weir_buf_clear(&self->url);
    weir_buf_printf(&self->url, "%s%s", weir_buf_cstr(&self->base), request->target);
    self->reason[0] = '\0';
    curl_easy_setopt(self->curl, CURLOPT_URL, weir_buf_cstr(&self->url));
    curl_easy_setopt(self->curl, CURLOPT_WRITEDATA, body_out);
    curl_easy_setopt(self->curl, CURLOPT_NOBODY, strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
    curl_easy_setopt(self->curl, CURLOPT_POSTFIELDS,
                     request->body.len > 0 ? request->body.ptr : NULL);
    curl_easy_setopt(self->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    if (request->body.len == 0 && strcmp(request->method, "GET") == 0)
        curl_easy_setopt(self->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(self->curl, CURLOPT_CUSTOMREQUEST, request->method);
    code = curl_easy_perform(self->curl);
    if (code != CURLE_OK)
        return send_failed(self, code, err);
    (void)curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE,
                            &answered); /* there was an answer */
    *status = (int)answered;
    return WEIR_OK;
}

const char *http_client_redirect(const http_client *self)
{
    char *url = NULL;

    (void)curl_easy_getinfo(self->curl, CURLINFO_REDIRECT_URL, &url); /* stays NULL */
    return url;
}

const char *http_client_shown(const http_client *self)
{
    return self->shown.ptr;
}

void http_client_add_segment(weir_buf *target, weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (isalnum(c) || (c != 0 && strchr("-._~", c) != NULL))
            weir_buf_add_byte(target, (char)c);
        else
            weir_buf_printf(target, "%%%02X", c);
    }
}
