/* client.c - lanes of bulk requests over libcurl's multi interface. */
#include "client.h"

#include <assert.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum {
    POLL_MS = 100,          /* how soon a stop of the task is noticed */
    BACKOFF_MAX_MS = 60000, /* between two tries */
    BULK_BYTES_MIN = 65536, /* a request is not made smaller than this */
    SLOW_ANSWER_MS = 5000,  /* an answer that takes longer halves the lane's requests */
    ANSWER_MAX = 256 << 20, /* bytes of an answer that are kept */
};

typedef struct bulk_lane {
    CURL *easy;
    bulk_request filling, sending;
    weir_buf compressed, answer;
    bool in_flight;
    int64_t retry_at_ms; /* 0: nothing waits; else sending goes again at this time */
    int64_t sent_at_ms;
    int tries;
    size_t limit_bytes; /* of the next request: halved by 413 and by slow answers, grows again */
} bulk_lane;

struct es_client {
    client_options options;
    CURLM *multi;
    CURL *single;
    struct curl_slist *headers, *bulk_headers;
    size_t url; /* the node that the next request goes to */
    int lane_count;
    bulk_lane *lanes;
    unsigned seed; /* of the jitter */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    weir_buf *answer = context;

    if (answer->len + size * count > ANSWER_MAX)
        return 0; /* libcurl ends the request with an error */
    weir_buf_add(answer, bytes, size * count);
    return size * count;
}

static void set_text(CURL *easy, CURLoption option, weir_str text)
{
    weir_buf copy = {0};

    if (text.len == 0)
        return;
    weir_buf_add_str(&copy, text);
    curl_easy_setopt(easy, option, weir_buf_cstr(&copy)); /* libcurl copies it */
    weir_buf_done(&copy);
}

static CURL *easy_new(const es_client *client)
{
    const es_settings *settings = client->options.settings;
    CURL *easy = curl_easy_init();

    assert(easy != NULL); /* it fails only for want of memory */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)settings->read_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* what this libcurl can undo */
    set_text(easy, CURLOPT_USERNAME, settings->username);
    set_text(easy, CURLOPT_PASSWORD, settings->password);
    set_text(easy, CURLOPT_CAINFO, settings->ca_file);
    set_text(easy, CURLOPT_SSLCERT, settings->client_certificate);
    set_text(easy, CURLOPT_SSLKEY, settings->client_key);
    if (settings->proxy_host.len > 0) {
        set_text(easy, CURLOPT_PROXY, settings->proxy_host);
        curl_easy_setopt(easy, CURLOPT_PROXYPORT, (long)settings->proxy_port);
    }
    return easy;
}

static struct curl_slist *header_list(const es_client *client, const char *type, bool compressed)
{
    struct curl_slist *list = curl_slist_append(NULL, type);

    list = curl_slist_append(list, "Expect:"); /* no round trip before the body */
    if (compressed)
        list = curl_slist_append(list, "Content-Encoding: gzip");
    if (client->options.settings->api_key.len > 0) {
        weir_buf line = {0};

        weir_buf_printf(&line, "Authorization: ApiKey %.*s",
                        WEIR_ARG(client->options.settings->api_key));
        list = curl_slist_append(list, weir_buf_cstr(&line));
        weir_buf_done(&line);
    }
    return list;
}

es_client *client_new(const client_options *options)
{
    es_client *self = weir_task_alloc(options->task, sizeof(*self));

    self->options = *options;
    self->lane_count = (int)options->settings->max_in_flight;
    self->lanes = weir_task_alloc(options->task, (size_t)self->lane_count * sizeof(bulk_lane));
    self->multi = curl_multi_init();
    curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)self->lane_count + 1);
    self->headers = header_list(self, "Content-Type: application/json", false);
    self->bulk_headers =
        header_list(self, "Content-Type: application/x-ndjson", options->settings->compression);
    self->single = easy_new(self);
    curl_easy_setopt(self->single, CURLOPT_HTTPHEADER, self->headers);
    for (int i = 0; i < self->lane_count; i++) {
        bulk_lane *lane = &self->lanes[i];

        lane->easy = easy_new(self);
        lane->limit_bytes = (size_t)options->settings->bulk_size_bytes;
        curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, self->bulk_headers);
        curl_easy_setopt(lane->easy, CURLOPT_WRITEDATA, &lane->answer);
        curl_easy_setopt(lane->easy, CURLOPT_PRIVATE, lane);
    }
    self->seed = (unsigned)now_ms() | 1;
    return self;
}

void client_free(es_client *client)
{
    if (client == NULL)
        return;
    for (int i = 0; i < client->lane_count; i++) {
        bulk_lane *lane = &client->lanes[i];

        if (lane->in_flight)
            curl_multi_remove_handle(client->multi, lane->easy);
        curl_easy_cleanup(lane->easy);
        bulk_done(&lane->filling);
        bulk_done(&lane->sending);
        weir_buf_done(&lane->compressed);
        weir_buf_done(&lane->answer);
    }
    curl_easy_cleanup(client->single);
    curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    curl_slist_free_all(client->bulk_headers);
}

/* The node's address and the path, in buf. */
static const char *url_of(es_client *client, weir_str path, weir_buf *buf)
{
    weir_list urls = client->options.settings->urls;
    weir_str url = urls.items[client->url % urls.count];

    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    weir_buf_clear(buf);
    weir_buf_add_str(buf, url);
    weir_buf_add_str(buf, path);
    return weir_buf_cstr(buf);
}

static weir_code judge_status(long status, weir_str answer, weir_error *err)
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

weir_code client_request(es_client *client, const char *method, weir_str path, weir_str body,
                         weir_buf *answer, long *status, weir_error *err)
{
    CURL *easy = client->single;
    weir_buf url = {0};
    CURLcode result;

    weir_buf_clear(answer);
    curl_easy_setopt(easy, CURLOPT_URL, url_of(client, path, &url));
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* forgets the body of an earlier request */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (body.ptr != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    }
    result = curl_easy_perform(easy);
    if (result != CURLE_OK) {
        client->url++;
        weir_fail(err, WEIR_RETRY, "could not reach elasticsearch at %s: %s", weir_buf_cstr(&url),
                  curl_easy_strerror(result));
        weir_buf_done(&url);
        return err->code;
    }
    weir_buf_done(&url);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    return judge_status(*status, weir_buf_str(answer), err);
}

void client_escape(es_client *client, weir_str text, weir_buf *out)
{
    char *escaped = curl_easy_escape(client->single, text.ptr, (int)text.len);

    weir_buf_add_str(out, weir_cstr(escaped));
    curl_free(escaped);
}

/* Fills lane->compressed; gzip at its fastest level: the server's CPU is the scarcer one. */
static void compress_body(bulk_lane *lane)
{
    z_stream stream = {0};
    size_t bound;
    int result = deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);

    assert(result == Z_OK);
    bound = deflateBound(&stream, lane->sending.body.len);
    weir_buf_clear(&lane->compressed);
    stream.next_in = (Bytef *)lane->sending.body.ptr;
    stream.avail_in = (uInt)lane->sending.body.len;
    stream.next_out = (Bytef *)weir_buf_reserve(&lane->compressed, bound);
    stream.avail_out = (uInt)bound;
    result = deflate(&stream, Z_FINISH);
    assert(result == Z_STREAM_END); /* there is room for the worst case */
    lane->compressed.len = stream.total_out;
    deflateEnd(&stream);
}

/* Sends lane->sending on its way. */
static void lane_start(es_client *client, bulk_lane *lane)
{
    weir_str body = weir_buf_str(&lane->sending.body);
    weir_buf url = {0};

    if (client->options.settings->compression) {
        compress_body(lane);
        body = weir_buf_str(&lane->compressed);
    }
    weir_buf_clear(&lane->answer);
    curl_easy_setopt(lane->easy, CURLOPT_URL, url_of(client, WEIR_STR(BULK_QUERY), &url));
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, body.ptr);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_multi_add_handle(client->multi, lane->easy);
    weir_buf_done(&url);
    lane->in_flight = true;
    lane->retry_at_ms = 0;
    lane->sent_at_ms = now_ms();
    client->url++; /* nodes take turns */
}

/* Sends lane->sending again after a pause; WEIR_RETRY when that was tried often enough. */
static weir_code lane_retry_later(es_client *client, bulk_lane *lane, weir_error *err)
{
    const es_settings *settings = client->options.settings;
    int64_t pause = settings->retry_backoff_ms;

    if (settings->max_retries > 0 && lane->tries >= settings->max_retries)
        return weir_wrap(err, "gave up after %d tries", lane->tries + 1);
    for (int i = 0; i < lane->tries && pause < BACKOFF_MAX_MS; i++)
        pause *= 2;
    if (pause > BACKOFF_MAX_MS)
        pause = BACKOFF_MAX_MS;
    pause = pause / 2 + (int64_t)((unsigned)rand_r(&client->seed) % (unsigned)(pause / 2 + 1));
    if (lane->tries == 0 || lane->tries % 10 == 9)
        weir_task_diag(client->options.task, WEIR_WARN, "bulk request is repeated: %s",
                       err->message);
    lane->tries++;
    lane->retry_at_ms = now_ms() + pause;
    return WEIR_OK;
}

/* A body that is too large for the server: its first half goes now, the rest waits in front of what is
 * being filled. */
static weir_code lane_halve(es_client *client, bulk_lane *lane, weir_error *err)
{
    size_t count = bulk_count(&lane->sending);
    bulk_request rest = {0};

    if (count == 1) {
        weir_code code = client->options.refused(
            client->options.context, &lane->sending, bulk_at(&lane->sending, 0),
            WEIR_STR("the document is larger than the server takes "
                     "(http.max_content_length)"),
            err);

        bulk_clear(&lane->sending);
        return code;
    }
    for (size_t i = 0; i < count; i++)
        bulk_at(&lane->sending, i)->verdict = i < count / 2 ? BULK_DONE : BULK_AGAIN;
    weir_buf_add_str(&rest.body, weir_buf_str(&lane->sending.body));
    weir_buf_add_str(&rest.items, weir_buf_str(&lane->sending.items));
    bulk_keep_again(&rest);
    for (size_t i = 0; i < bulk_count(&lane->filling); i++) {
        bulk_item item = *bulk_at(&lane->filling, i);

        item.at += rest.body.len;
        weir_buf_add(&rest.items, &item, sizeof(item));
    }
    weir_buf_add_str(&rest.body, weir_buf_str(&lane->filling.body));
    bulk_done(&lane->filling);
    lane->filling = rest;
    for (size_t i = 0; i < count; i++)
        bulk_at(&lane->sending, i)->verdict = i < count / 2 ? BULK_AGAIN : BULK_DONE;
    bulk_keep_again(&lane->sending);
    lane->limit_bytes = lane->sending.body.len;
    lane_start(client, lane);
    return WEIR_OK;
}

/* Requests as large as the server answers quickly. */
static void lane_adapt(const es_client *client, bulk_lane *lane)
{
    size_t most = (size_t)client->options.settings->bulk_size_bytes;

    if (now_ms() - lane->sent_at_ms > SLOW_ANSWER_MS)
        lane->limit_bytes /= 2;
    else
        lane->limit_bytes += lane->limit_bytes / 4;
    if (lane->limit_bytes < BULK_BYTES_MIN && most > BULK_BYTES_MIN)
        lane->limit_bytes = BULK_BYTES_MIN;
    if (lane->limit_bytes > most)
        lane->limit_bytes = most;
}

static weir_code lane_take_verdicts(es_client *client, bulk_lane *lane, weir_error *err)
{
    bulk_request *sent = &lane->sending;
    weir_str again = {0};

    for (size_t i = 0; i < bulk_count(sent); i++) {
        const bulk_item *item = bulk_at(sent, i);
        weir_str reason = {sent->reasons.ptr + item->reason_at, item->reason_len};

        if (item->verdict == BULK_REFUSED &&
            client->options.refused(client->options.context, sent, item, reason, err) != WEIR_OK)
            return err->code;
        if (item->verdict == BULK_AGAIN)
            again = reason;
    }
    if (bulk_keep_again(sent) == 0) {
        bulk_clear(sent);
        lane->tries = 0;
        lane_adapt(client, lane);
        return WEIR_OK;
    }
    lane->limit_bytes =
        lane->limit_bytes / 2 > BULK_BYTES_MIN ? lane->limit_bytes / 2 : lane->limit_bytes;
    weir_fail(err, WEIR_RETRY, "elasticsearch is busy: %.*s", WEIR_ARG(again));
    return lane_retry_later(client, lane, err);
}

static weir_code lane_finished(es_client *client, bulk_lane *lane, CURLcode result, weir_error *err)
{
    long status = 0;

    curl_multi_remove_handle(client->multi, lane->easy);
    lane->in_flight = false;
    if (result != CURLE_OK) {
        weir_fail(err, WEIR_RETRY, "could not send documents to elasticsearch: %s",
                  curl_easy_strerror(result));
        return lane_retry_later(client, lane, err);
    }
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 413)
        return lane_halve(client, lane, err);
    if (judge_status(status, weir_buf_str(&lane->answer), err) != WEIR_OK)
        return err->code == WEIR_RETRY ? lane_retry_later(client, lane, err) : err->code;
    if (status != 200)
        return weir_fail(err, WEIR_FATAL,
                         "elasticsearch answered a bulk request with status %ld: %.*s", status,
                         lane->answer.len > 300 ? 300 : (int)lane->answer.len, lane->answer.ptr);
    if (bulk_read_answer(&lane->sending, weir_buf_str(&lane->answer), err) != WEIR_OK)
        return lane_retry_later(client, lane, err);
    return lane_take_verdicts(client, lane, err);
}

static bool lane_is_busy(const bulk_lane *lane)
{
    return lane->in_flight || lane->retry_at_ms != 0;
}

static void lane_send_filled(es_client *client, bulk_lane *lane)
{
    bulk_request swap = lane->sending;

    assert(!lane_is_busy(lane));
    if (bulk_count(&lane->filling) == 0)
        return;
    lane->sending = lane->filling;
    lane->filling = swap;
    bulk_clear(&lane->filling);
    lane->tries = 0;
    lane_start(client, lane);
}

/* A task that shall stop waits for answers, but not for a server that has to recover first. */
static weir_code check_stop(const es_client *client, weir_error *err)
{
    for (int i = 0; i < client->lane_count; i++)
        if (client->lanes[i].in_flight)
            return WEIR_OK;
    if (weir_task_stopping(client->options.task))
        return weir_fail(err, WEIR_RETRY, "stopped while documents waited to be sent again");
    return WEIR_OK;
}

/* Lets requests go on, waiting at most wait_ms for something to happen. */
static weir_code pump(es_client *client, int wait_ms, weir_error *err)
{
    int running, left;
    CURLMsg *message;

    for (int i = 0; i < client->lane_count; i++) {
        bulk_lane *lane = &client->lanes[i];

        if (lane->retry_at_ms != 0 && !lane->in_flight && now_ms() >= lane->retry_at_ms)
            lane_start(client, lane);
    }
    if (wait_ms > 0 && check_stop(client, err) != WEIR_OK)
        return err->code;
    curl_multi_perform(client->multi, &running);
    if (wait_ms > 0)
        curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
    curl_multi_perform(client->multi, &running);
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        CURLcode result = message->data.result;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        if (lane_finished(client, (bulk_lane *)(void *)private, result, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

int client_lane_count(const es_client *client)
{
    return client->lane_count;
}

bulk_request *client_filling(es_client *client, int lane)
{
    return &client->lanes[lane].filling;
}

weir_code client_added(es_client *client, int index, weir_error *err)
{
    bulk_lane *lane = &client->lanes[index];

    if (lane->filling.body.len < lane->limit_bytes &&
        bulk_count(&lane->filling) < (size_t)client->options.settings->batch_size)
        return WEIR_OK;
    while (lane_is_busy(lane))
        if (pump(client, POLL_MS, err) != WEIR_OK)
            return err->code;
    lane_send_filled(client, lane);
    return pump(client, 0, err);
}

static weir_code drain(es_client *client, int first, int end, weir_error *err)
{
    for (;;) {
        bool busy = false;

        for (int i = first; i < end; i++) {
            bulk_lane *lane = &client->lanes[i];

            if (!lane_is_busy(lane))
                lane_send_filled(client, lane);
            busy |= lane_is_busy(lane);
        }
        if (!busy)
            return WEIR_OK;
        if (pump(client, POLL_MS, err) != WEIR_OK)
            return err->code;
    }
}

weir_code client_drain_lane(es_client *client, int lane, weir_error *err)
{
    return drain(client, lane, lane + 1, err);
}

weir_code client_drain(es_client *client, weir_error *err)
{
    return drain(client, 0, client->lane_count, err);
}
