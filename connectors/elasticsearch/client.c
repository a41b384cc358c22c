/* client.c - lanes of bulk requests over libcurl's multi interface. */
#include "client.h"

#include "backoff.h"
#include "request_size.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <time.h>

enum {
    POLL_MS = 100,   /* how soon a stop of the task is noticed */
    PROBE_MS = 1000, /* between two questions whether the server answers; half of it is jitter */
    PROBE_TIMEOUT_MS = 5000,
    SLOW_ANSWER_MS = 5000, /* an answer that takes longer halves the requests that follow */
    EAGER_BYTES = 1 << 20, /* a lane with nothing under way does not wait for more than this */
    ACTION_BYTES = 200,    /* of an action line without its texts, at most */
    RETRY_AFTER_MAX_S = 60,
};

typedef struct bulk_lane {
    CURL *easy;
    bulk_request filling, sending;
    weir_buf compressed, answer;
    bool in_flight;
    int64_t retry_at_ms; /* what is in sending, and not under way, goes again at this time */
    int64_t asked_at_ms; /* not before this, the server said */
    int64_t sent_at_ms;
    size_t sent_bytes;
    int tries;     /* that sending took so far, but for the one under way */
    int failures;  /* in a row, since the server was last known to be there */
    weir_str node; /* that sending went to */
    char problem[CURL_ERROR_SIZE];
} bulk_lane;

struct es_client {
    client_options options;
    es_http http;
    CURLM *multi;
    int lane_count;
    bulk_lane *lanes;
    request_size size; /* of the next requests, in bytes before compression */

    struct isal_zstream *compressor;
    uint8_t *compressor_memory;

    CURL *probe; /* GET / */
    weir_buf probe_answer;
    char probe_problem[CURL_ERROR_SIZE];
    bool probe_in_flight, was_down;
    int64_t probe_at_ms;
    unsigned seed; /* of the jitter */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t with_jitter(es_client *client, int64_t pause_ms)
{
    return backoff_jitter(pause_ms, (unsigned)rand_r(&client->seed));
}

es_client *client_new(const client_options *options)
{
    es_client *self = weir_task_alloc(options->task, sizeof(*self));

    self->options = *options;
    http_init(&self->http, options->settings);
    self->lane_count = (int)options->settings->max_in_flight;
    self->lanes = weir_task_alloc(options->task, (size_t)self->lane_count * sizeof(bulk_lane));
    self->multi = curl_multi_init();
    curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)self->lane_count + 1);
    for (int i = 0; i < self->lane_count; i++) {
        bulk_lane *lane = &self->lanes[i];

        lane->easy = http_handle(&self->http, &lane->answer, lane->problem);
        curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, self->http.bulk_headers);
        curl_easy_setopt(lane->easy, CURLOPT_PRIVATE, lane);
    }
    self->compressor = weir_task_alloc(options->task, sizeof(*self->compressor));
    self->compressor_memory = weir_task_alloc(options->task, ISAL_DEF_LVL1_DEFAULT);
    self->probe = http_handle(&self->http, &self->probe_answer, self->probe_problem);
    curl_easy_setopt(self->probe, CURLOPT_TIMEOUT_MS, (long)PROBE_TIMEOUT_MS);
    self->size.most = options->settings->bulk_size_bytes > 0
                          ? (size_t)options->settings->bulk_size_bytes
                          : SETTINGS_BULK_SIZE_MAX;
    self->size.limit = self->size.most;
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
    if (client->probe_in_flight)
        curl_multi_remove_handle(client->multi, client->probe);
    curl_easy_cleanup(client->probe);
    weir_buf_done(&client->probe_answer);
    curl_multi_cleanup(client->multi);
    http_done(&client->http);
}

es_http *client_http(es_client *client)
{
    return &client->http;
}

int client_lane_count(const es_client *client)
{
    return client->lane_count;
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* Fills lane->compressed. Its fastest level: it is the server's CPU and ours that are scarce. */
static void compress_body(es_client *client, bulk_lane *lane)
{
    struct isal_zstream *stream = client->compressor;
    size_t size = lane->sending.body.len;
    size_t room = size + size / 4096 + 1024; /* stored blocks have 5 bytes for each 65535 */
    int result;

    isal_deflate_stateless_init(stream);
    stream->level = 1;
    stream->level_buf = client->compressor_memory;
    stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    stream->gzip_flag = IGZIP_GZIP;
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)lane->sending.body.ptr;
    stream->avail_in = (uint32_t)size;
    weir_buf_clear(&lane->compressed);
    stream->next_out = (uint8_t *)weir_buf_reserve(&lane->compressed, room);
    stream->avail_out = (uint32_t)room;
    result = isal_deflate_stateless(stream);
    assert(result == COMP_OK); /* there is room for the worst case */
    lane->compressed.len = stream->total_out;
}

/* Sends lane->sending on its way. */
static void lane_start(es_client *client, bulk_lane *lane)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf url = {0};
    weir_str body = weir_buf_str(&lane->sending.body);

    lane->sent_bytes = body.len;
    if (client->options.settings->compression) {
        compress_body(client, lane);
        body = weir_buf_str(&lane->compressed);
    }
    weir_buf_clear(&lane->answer);
    curl_easy_setopt(lane->easy, CURLOPT_URL, http_url(&client->http, WEIR_STR(BULK_QUERY), &url));
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, body.ptr);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_multi_add_handle(client->multi, lane->easy);
    lane->node = http_node(&client->http);
    lane->problem[0] = '\0';
    lane->in_flight = true;
    lane->sent_at_ms = now_ms();
    client->http.turn++;
}

/* Until all that was sent is answered for, whatever went wrong meanwhile. */
static bool lane_is_busy(const bulk_lane *lane)
{
    return bulk_count(&lane->sending) > 0;
}

static bool lane_waits(const bulk_lane *lane)
{
    return lane_is_busy(lane) && !lane->in_flight;
}

static void lane_take_filled(es_client *client, bulk_lane *lane)
{
    bulk_limits limits = {(size_t)client->options.settings->batch_size, client->size.limit};

    assert(!lane_is_busy(lane));
    bulk_take(&lane->filling, &limits, &lane->sending);
}

static void lane_send_filled(es_client *client, bulk_lane *lane)
{
    if (bulk_count(&lane->filling) == 0)
        return;
    lane_take_filled(client, lane);
    lane->tries = lane->failures = 0;
    lane_start(client, lane);
}

/* Sends once more what waits; less of it, when requests are to be smaller now. */
static void lane_send_again(es_client *client, bulk_lane *lane)
{
    if (lane->sending.body.len > client->size.limit) {
        bulk_prepend(&lane->filling, &lane->sending);
        lane_take_filled(client, lane);
    }
    lane_start(client, lane);
}

/* --- When the server cannot ------------------------------------------------------------------- */

/* What the last answer's Retry-After asks for, within reason. */
static int64_t pause_asked(const bulk_lane *lane)
{
    curl_off_t seconds = 0;

    curl_easy_getinfo(lane->easy, CURLINFO_RETRY_AFTER, &seconds);
    return (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

/* Sends lane->sending again after a pause; WEIR_RETRY when that was tried often enough. */
static weir_code lane_retry_later(es_client *client, bulk_lane *lane, weir_error *err)
{
    const es_settings *settings = client->options.settings;

    if (settings->max_retries > 0 && lane->tries >= settings->max_retries) {
        int tries = lane->tries + 1;

        lane->tries = lane->failures = 0; /* the caller may go on all the same */
        lane->retry_at_ms = 0;
        return weir_wrap(err, "gave up after %d tries", tries);
    }
    if (lane->tries == 0 || lane->tries % 10 == 9)
        weir_task_diag(client->options.task, WEIR_WARN, "bulk request is repeated: %s",
                       err->message);
    lane->tries++;
    lane->failures++;
    lane->asked_at_ms = now_ms() + pause_asked(lane);
    lane->retry_at_ms =
        now_ms() + with_jitter(client, backoff_pause(settings->retry_backoff_ms, lane->failures));
    if (lane->retry_at_ms < lane->asked_at_ms)
        lane->retry_at_ms = lane->asked_at_ms;
    if (client->probe_at_ms == 0)
        client->probe_at_ms = now_ms() + with_jitter(client, PROBE_MS);
    return WEIR_OK;
}

/* The server takes requests: what waits for it need not. Not all at once, though. It may still refuse some until
 * it has recovered; then pauses begin anew, and are no longer than that takes. */
static void hurry(es_client *client)
{
    int64_t base = client->options.settings->retry_backoff_ms;

    for (int i = 0; i < client->lane_count; i++) {
        bulk_lane *lane = &client->lanes[i];
        int64_t at = now_ms() + with_jitter(client, base < PROBE_MS ? base : PROBE_MS);

        lane->failures = 0;
        if (at < lane->asked_at_ms)
            at = lane->asked_at_ms;
        if (lane->retry_at_ms > at)
            lane->retry_at_ms = at;
    }
    client->was_down = false;
}

/* Asks whether the server answers, while a lane waits for it. */
static void probe_when_due(es_client *client)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf url = {0};
    bool waiting = false;

    for (int i = 0; i < client->lane_count; i++)
        waiting |= lane_waits(&client->lanes[i]);
    if (!waiting)
        client->probe_at_ms = 0;
    if (!waiting || client->probe_in_flight || now_ms() < client->probe_at_ms)
        return;
    weir_buf_clear(&client->probe_answer);
    curl_easy_setopt(client->probe, CURLOPT_URL, http_url(&client->http, WEIR_STR("/"), &url));
    curl_multi_add_handle(client->multi, client->probe);
    client->probe_in_flight = true;
    client->http.turn++;
}

static void probe_finished(es_client *client, CURLcode result)
{
    long status = 0;

    curl_easy_getinfo(client->probe, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(client->multi, client->probe);
    client->probe_in_flight = false;
    client->probe_at_ms = now_ms() + with_jitter(client, PROBE_MS);
    if (result != CURLE_OK || status == 429 || status >= 500)
        client->was_down = true;
    else if (client->was_down) /* a server that is only busy answers all the time */
        hurry(client);
}

/* A body that is too large for the server: all of it goes back in front of what is being filled, and is sent
 * in smaller parts. */
static weir_code lane_halve(es_client *client, bulk_lane *lane, weir_error *err)
{
    if (bulk_count(&lane->sending) == 1) {
        weir_code code = client->options.refused(
            client->options.context, &lane->sending, bulk_at(&lane->sending, 0),
            WEIR_STR("the document is larger than the server takes "
                     "(http.max_content_length)"),
            err);

        bulk_clear(&lane->sending);
        return code;
    }
    request_size_halve(&client->size, lane->sent_bytes);
    bulk_prepend(&lane->filling, &lane->sending);
    lane_send_filled(client, lane);
    return WEIR_OK;
}

/* --- Answers ---------------------------------------------------------------------------------- */

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
        if (item->verdict == BULK_AGAIN && again.len == 0)
            again = reason;
    }
    if (bulk_keep_again(sent) == 0) {
        bulk_clear(sent);
        if (now_ms() - lane->sent_at_ms > SLOW_ANSWER_MS)
            request_size_shrink(&client->size, lane->sent_bytes);
        else
            request_size_grow(&client->size, lane->sent_bytes);
        hurry(client);
        return WEIR_OK;
    }
    request_size_shrink(&client->size, lane->sent_bytes);
    weir_fail(err, WEIR_RETRY, "elasticsearch does not take documents now: %.*s", WEIR_ARG(again));
    return lane_retry_later(client, lane, err);
}

static weir_code lane_finished(es_client *client, bulk_lane *lane, CURLcode result, weir_error *err)
{
    long status = 0;

    curl_multi_remove_handle(client->multi, lane->easy);
    lane->in_flight = false;
    if (result != CURLE_OK) {
        client->was_down |= result != CURLE_OPERATION_TIMEDOUT;
        if (result == CURLE_OPERATION_TIMEDOUT) /* the same again might take as long, for ever */
            request_size_shrink(&client->size, lane->sent_bytes);
        if (http_failed(&client->http, result, lane->node, lane->problem, err) != WEIR_RETRY)
            return err->code;
        return lane_retry_later(client, lane, err);
    }
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 413)
        return lane_halve(client, lane, err);
    if (status == 429)
        request_size_shrink(&client->size, lane->sent_bytes);
    if (http_judge(status, weir_buf_str(&lane->answer), err) != WEIR_OK)
        return err->code == WEIR_RETRY ? lane_retry_later(client, lane, err) : err->code;
    if (status == 415 && client->options.settings->compression)
        return weir_fail(
            err, WEIR_FATAL,
            "elasticsearch, or a proxy before it, takes no compressed requests (status "
            "415): set connection.compression to false");
    if (status != 200)
        return weir_fail(err, WEIR_FATAL,
                         "elasticsearch answered a bulk request with status %ld: %.*s", status,
                         lane->answer.len > 300 ? 300 : (int)lane->answer.len, lane->answer.ptr);
    if (bulk_read_answer(&lane->sending, weir_buf_str(&lane->answer), err) != WEIR_OK)
        return err->code == WEIR_RETRY ? lane_retry_later(client, lane, err) : err->code;
    return lane_take_verdicts(client, lane, err);
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

static weir_code take_messages(es_client *client, weir_error *err)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        CURLcode result = message->data.result;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        if (message->easy_handle == client->probe) {
            probe_finished(client, result);
            continue;
        }
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        if (lane_finished(client, (bulk_lane *)(void *)private, result, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

/* Starts what has waited long enough; returns how long until the next one has, at most wait_ms. */
static int start_waiting(es_client *client, int wait_ms)
{
    int64_t now = now_ms();

    for (int i = 0; i < client->lane_count; i++) {
        bulk_lane *lane = &client->lanes[i];

        if (!lane_waits(lane))
            continue;
        if (now >= lane->retry_at_ms)
            lane_send_again(client, lane);
        else if (lane->retry_at_ms - now < wait_ms)
            wait_ms = (int)(lane->retry_at_ms - now);
    }
    return wait_ms;
}

/* Lets requests go on, waiting at most wait_ms for something to happen. */
static weir_code pump(es_client *client, int wait_ms, weir_error *err)
{
    int running;

    wait_ms = start_waiting(client, wait_ms);
    probe_when_due(client);
    if (wait_ms > 0 && check_stop(client, err) != WEIR_OK)
        return err->code;
    curl_multi_perform(client->multi, &running);
    if (wait_ms > 0)
        curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
    curl_multi_perform(client->multi, &running);
    return take_messages(client, err);
}

/* --- What the sink calls ---------------------------------------------------------------------- */

weir_code client_room(es_client *client, int index, size_t size, bulk_request **bulk,
                      weir_error *err)
{
    bulk_lane *lane = &client->lanes[index];
    size_t most =
        lane_is_busy(lane) || client->size.limit < EAGER_BYTES ? client->size.limit : EAGER_BYTES;

    *bulk = &lane->filling;
    if (bulk_count(*bulk) == 0 ||
        (lane->filling.body.len + size + ACTION_BYTES <= most &&
         bulk_count(*bulk) < (size_t)client->options.settings->batch_size))
        return WEIR_OK;
    while (lane_is_busy(lane))
        if (pump(client, POLL_MS, err) != WEIR_OK)
            return err->code;
    lane_send_filled(client, lane);
    return pump(client, 0, err);
}

weir_code client_drain(es_client *client, weir_error *err)
{
    for (;;) {
        bool busy = false;

        for (int i = 0; i < client->lane_count; i++) {
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
