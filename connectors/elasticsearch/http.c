/* http.c - libcurl handles with this sink's settings. */
#include "http.h"

#include <assert.h>

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    weir_buf *answer = context;

    if (answer->len + size * count > HTTP_ANSWER_MAX)
        return 0; /* libcurl ends the request with CURLE_WRITE_ERROR */
    weir_buf_add(answer, bytes, size * count);
    return size * count;
}

static void set_text(CURL *easy, CURLoption option, weir_str text)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf copy = {0};

    if (text.len == 0)
        return;
    weir_buf_add_str(&copy, text);
    curl_easy_setopt(easy, option, weir_buf_cstr(&copy)); /* libcurl copies it */
}

static void set_tls(CURL *easy, const es_settings *settings)
{
    bool is_pkcs12 = settings->keystore_type.index == STORE_PKCS12;

    set_text(easy, CURLOPT_CAINFO, settings->ca_file);
    set_text(easy, CURLOPT_CAINFO, settings->truststore);
    set_text(easy, CURLOPT_SSLCERT, settings->client_certificate);
    set_text(easy, CURLOPT_SSLKEY, settings->client_key);
    set_text(easy, CURLOPT_KEYPASSWD, settings->key_password);
    if (settings->keystore.len > 0) {
        set_text(easy, CURLOPT_SSLCERT, settings->keystore);
        curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, is_pkcs12 ? "P12" : "PEM");
        if (is_pkcs12)
            set_text(easy, CURLOPT_KEYPASSWD, settings->keystore_password);
    }
    if (settings->host_check.len == 0)
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

CURL *http_handle(const es_http *http, weir_buf *answer, char problem[CURL_ERROR_SIZE])
{
    const es_settings *settings = http->settings;
    CURL *easy = curl_easy_init();

    assert(easy != NULL); /* it fails only for want of memory */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_DEFAULT_PROTOCOL, "http");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)settings->read_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* what this libcurl can undo */
    set_text(easy, CURLOPT_USERNAME, settings->username);
    set_text(easy, CURLOPT_PASSWORD, settings->password);
    set_tls(easy, settings);
    if (settings->proxy_host.len > 0) {
        set_text(easy, CURLOPT_PROXY, settings->proxy_host);
        curl_easy_setopt(easy, CURLOPT_PROXYPORT, (long)settings->proxy_port);
    }
    return easy;
}

static struct curl_slist *header_list(const es_settings *settings, const char *type,
                                      bool compressed)
{
    struct curl_slist *list = curl_slist_append(NULL, type);

    list = curl_slist_append(list, "Expect:"); /* no round trip before the body */
    if (compressed)
        list = curl_slist_append(list, "Content-Encoding: gzip");
    if (settings->api_key.len > 0) {
        WEIR_CLEANUP(weir_buf_done) weir_buf line = {0};

        weir_buf_printf(&line, "Authorization: ApiKey %.*s", WEIR_ARG(settings->api_key));
        list = curl_slist_append(list, weir_buf_cstr(&line));
    }
    return list;
}

void http_init(es_http *http, const es_settings *settings)
{
    *http = (es_http){.settings = settings};
    http->headers = header_list(settings, "Content-Type: application/json", false);
    http->bulk_headers =
        header_list(settings, "Content-Type: application/x-ndjson", settings->compression);
    http->single = http_handle(http, NULL, http->problem);
}

void http_done(es_http *http)
{
    curl_easy_cleanup(http->single); /* takes NULL, as the next two */
    curl_slist_free_all(http->headers);
    curl_slist_free_all(http->bulk_headers);
    *http = (es_http){0};
}

weir_str http_node(const es_http *http)
{
    weir_list urls = http->settings->urls;
    weir_str url = urls.items[http->turn % urls.count];

    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    return url;
}

const char *http_url(const es_http *http, weir_str path, weir_buf *buf)
{
    weir_buf_clear(buf);
    weir_buf_add_str(buf, http_node(http));
    weir_buf_add_str(buf, path);
    return weir_buf_cstr(buf);
}

weir_code http_judge(long status, weir_str answer, weir_error *err)
{
    int shown = answer.len > 300 ? 300 : (int)answer.len;

    if (status == 401 || status == 403)
        return weir_fail(err, WEIR_FATAL,
                         "elasticsearch refused the request with status %ld: check "
                         "connection.username, connection.password or connection.api.key and the "
                         "privileges: %.*s",
                         status, shown, answer.ptr);
    if (status == 429 || status >= 500)
        return weir_fail(err, WEIR_RETRY, "elasticsearch answered with status %ld: %.*s", status,
                         shown, answer.ptr);
    return WEIR_OK;
}

weir_code http_failed(const es_http *http, CURLcode result, weir_str node, const char *problem,
                      weir_error *err)
{
    const char *remedy = NULL;

    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
        remedy =
            http->settings->ca_file.len + http->settings->truststore.len == 0
                ? "connection.ssl.ca.file names the authority that signs the server's certificate"
                : "check connection.ssl.ca.file, and that the certificate names this host";
        break;
    case CURLE_SSL_CACERT_BADFILE:
        remedy = "check connection.ssl.ca.file";
        break;
    case CURLE_SSL_CERTPROBLEM:
        remedy = "check connection.ssl.certificate.file, connection.ssl.key.file and the password";
        break;
    default:
        break;
    }
    if (problem[0] == '\0')
        problem = curl_easy_strerror(result);
    if (remedy == NULL)
        return weir_fail(err, WEIR_RETRY, "could not reach elasticsearch at %.*s: %s",
                         WEIR_ARG(node), problem);
    return weir_fail(err, WEIR_FATAL, "no TLS with elasticsearch at %.*s: %s (%s)", WEIR_ARG(node),
                     problem, remedy);
}

weir_code http_request(es_http *http, const http_call *call, weir_buf *answer, long *status,
                       weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf url = {0};
    CURL *easy = http->single;
    CURLcode result;

    weir_buf_clear(answer);
    curl_easy_setopt(easy, CURLOPT_URL, http_url(http, call->path, &url));
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* forgets the body of an earlier request */
    if (call->body.ptr != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    http->problem[0] = '\0';
    result = curl_easy_perform(easy);
    if (result == CURLE_WRITE_ERROR)
        return weir_fail(err, WEIR_REJECT, "the answer to %s %.*s is larger than %d bytes",
                         call->method, WEIR_ARG(call->path), HTTP_ANSWER_MAX);
    if (result != CURLE_OK) {
        weir_str node = http_node(http);

        http->turn++;
        return http_failed(http, result, node, http->problem, err);
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    return http_judge(*status, weir_buf_str(answer), err);
}

void http_escape(es_http *http, weir_str text, weir_buf *out)
{
    char *escaped = curl_easy_escape(http->single, text.ptr, (int)text.len);

    weir_buf_add_str(out, weir_cstr(escaped));
    curl_free(escaped);
}
