/* fake_search.h - a small HTTP server that answers bulk requests as a test tells it, over a real socket.
 *
 * It notes the ids and versions of each request in the order of arrival, and tells when one document is in two
 * requests at a time. Indices are made, and their mappings kept, as Elasticsearch does. Each connection has
 * a thread of its own; the script is written before requests come.
 */
#ifndef FAKE_SEARCH_H
#define FAKE_SEARCH_H

#include "weir/buf.h"
#include "weir/map.h"

#include <inttypes.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { FAKE_REPLIES_MAX = 16, FAKE_BODY_MAX = 4 << 20, FAKE_WAIT_S = 20 };

/* What a bulk request gets; all zero: every item is written. */
typedef struct fake_reply {
    unsigned status;  /* 0: 200 */
    const char *body; /* NULL: a bulk answer */
    const int *items; /* the status of each item of it; NULL: 200 */
    const char *retry_after;
    bool cut;     /* the connection ends in the middle of the body */
    bool hanging; /* it does not come before the test lets it: fake_let_go */
} fake_reply;

typedef struct fake_search {
    struct MHD_Daemon *daemon;
    char url[64];
    fake_reply replies[FAKE_REPLIES_MAX]; /* of the first requests; those behind them succeed */
    size_t reply_count;
    size_t largest; /* a larger body gets 413; 0: none does */
    int together;   /* no answer before so many requests are there at a time, once; 0, 1: no wait */
    bool refuses_gzip; /* 415 */
    bool let_go;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t request_count; /* bulk requests */
    size_t probe_count;   /* GET / */
    int in_flight, most_in_flight;
    int64_t arrived_ms[64]; /* of the first bulk requests */
    weir_buf
        sent; /* "ID:VERSION " for each item, "-ID:VERSION " for a deletion, "|" behind each request */
    weir_map *flying; /* ids in requests that are not answered */
    bool overlapped;  /* one was in two of them */
    bool was_gzip;
    json_t *indices; /* name to {"mappings": ...} */
} fake_search;

typedef struct fake_request {
    weir_buf body;
    bool is_bulk;
} fake_request;

static int64_t fake_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fake_unzip(weir_buf *body)
{
    static const size_t room = FAKE_BODY_MAX;
    weir_buf plain = {0};
    z_stream stream = {0};

    stream.next_in = (Bytef *)body->ptr;
    stream.avail_in = (uInt)body->len;
    stream.next_out = (Bytef *)weir_buf_reserve(&plain, room);
    stream.avail_out = (uInt)room;
    if (inflateInit2(&stream, 15 + 16) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort(); /* what the client calls gzip has to be gzip */
    plain.len = stream.total_out;
    inflateEnd(&stream);
    weir_buf_done(body);
    *body = plain;
}

/* Notes the items of a body, or forgets that they are under way; returns how many there are. Locked. */
static size_t fake_items(fake_search *self, weir_str body, bool arrives)
{
    size_t count = 0;

    for (const char *at = body.ptr, *end = at + body.len; at < end;) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        json_t *root = json_loadb(at, (size_t)(line - at), 0, NULL);
        void *action = json_object_iter(root);
        const char *kind = json_object_iter_key(action);
        const json_t *what = json_object_iter_value(action);
        weir_str id = weir_cstr(json_string_value(json_object_get(what, "_id")));

        count++;
        if (arrives) {
            self->overlapped |= weir_map_put(self->flying, id, self) != NULL;
            weir_buf_printf(&self->sent, "%s%.*s:%lld ", kind[0] == 'd' ? "-" : "", WEIR_ARG(id),
                            (long long)json_integer_value(json_object_get(what, "version")));
        } else {
            weir_map_remove(self->flying, id);
        }
        at = line + 1;
        if (kind[0] == 'i')
            at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        json_decref(root);
    }
    return count;
}

static void fake_bulk_answer(const fake_reply *reply, size_t count, weir_buf *out)
{
    weir_buf_add_str(out, WEIR_STR("{\"errors\":true,\"items\":["));
    for (size_t i = 0; i < count; i++) {
        int status = reply->items != NULL ? reply->items[i] : 200;

        weir_buf_printf(out, "%s{\"index\":{\"status\":%d", i > 0 ? "," : "", status);
        if (status >= 300)
            weir_buf_printf(out, ",\"error\":{\"type\":\"%s\",\"reason\":\"because of %d\"}",
                            status == 409 ? "version_conflict_engine_exception" : "an_exception",
                            status);
        weir_buf_add_str(out, WEIR_STR("}}"));
    }
    weir_buf_add_str(out, WEIR_STR("]}"));
}

/* What has come looks like success. */
static ssize_t fake_cut(void *context, uint64_t at, char *out, size_t max)
{
    static const char text[] = "{\"errors\":false,\"items\":[{\"index\":{\"status\":200}}";
    (void)context;

    if (at > 0 || max < sizeof(text))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    memcpy(out, text, sizeof(text) - 1);
    return sizeof(text) - 1;
}

static enum MHD_Result fake_send(struct MHD_Connection *connection, const fake_reply *reply,
                                 weir_str body)
{
    struct MHD_Response *response =
        reply->cut
            ? MHD_create_response_from_callback(1000, 1000, fake_cut, NULL, NULL)
            : MHD_create_response_from_buffer(body.len, (void *)body.ptr, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (reply->retry_after != NULL)
        MHD_add_response_header(response, "Retry-After", reply->retry_after);
    result = MHD_queue_response(connection, reply->status != 0 ? reply->status : 200, response);
    MHD_destroy_response(response);
    return result;
}

/* Until so many requests are there at once, for the first time. Locked. */
static void fake_wait_for_others(fake_search *self)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FAKE_WAIT_S;
    while (self->most_in_flight < self->together &&
           pthread_cond_timedwait(&self->changed, &self->lock, &until) == 0)
        ;
}

/* Locked. */
static void fake_hang(fake_search *self)
{
    while (!self->let_go)
        pthread_cond_wait(&self->changed, &self->lock);
}

static enum MHD_Result fake_bulk(fake_search *self, struct MHD_Connection *connection,
                                 fake_request *request)
{
    const char *encoding =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Encoding");
    fake_reply reply = {0};
    weir_buf answer = {0};
    enum MHD_Result result;
    size_t count;

    if (encoding != NULL)
        fake_unzip(&request->body);
    pthread_mutex_lock(&self->lock);
    self->was_gzip = encoding != NULL;
    if (self->request_count < sizeof(self->arrived_ms) / sizeof(self->arrived_ms[0]))
        self->arrived_ms[self->request_count] = fake_now_ms();
    if (self->request_count < self->reply_count)
        reply = self->replies[self->request_count];
    self->request_count++;
    count = fake_items(self, weir_buf_str(&request->body), true);
    weir_buf_add_byte(&self->sent, '|');
    if (++self->in_flight > self->most_in_flight)
        self->most_in_flight = self->in_flight;
    pthread_cond_broadcast(&self->changed);
    fake_wait_for_others(self);
    if (reply.hanging)
        fake_hang(self);
    self->in_flight--;
    (void)fake_items(self, weir_buf_str(&request->body), false);
    if (self->refuses_gzip && encoding != NULL)
        reply = (fake_reply){.status = 415, .body = "{}"};
    if (self->largest > 0 && request->body.len > self->largest)
        reply = (fake_reply){.status = 413, .body = ""};
    pthread_mutex_unlock(&self->lock);
    if (reply.body != NULL)
        weir_buf_add_str(&answer, weir_cstr(reply.body));
    else
        fake_bulk_answer(&reply, count, &answer);
    result = fake_send(connection, &reply, weir_buf_str(&answer));
    weir_buf_done(&answer);
    return result;
}

/* /INDEX, /INDEX/_mapping, /INDEX/_count, /INDEX/_refresh. Locked. */
static unsigned fake_index(fake_search *self, const char *method, const char *path, weir_str body,
                           weir_buf *answer)
{
    const char *rest = strchr(path + 1, '/');
    size_t len = rest != NULL ? (size_t)(rest - path - 1) : strlen(path + 1);
    json_t *index = json_object_getn(self->indices, path + 1, len), *new_mapping;
    char *text;

    if (strcmp(method, "PUT") == 0) {
        json_t *root = json_loadb(body.ptr, body.len, 0, NULL);

        new_mapping =
            rest == NULL ? json_incref(json_object_get(root, "mappings")) : json_incref(root);
        if (index == NULL)
            json_object_setn_new(self->indices, path + 1, len, json_pack("{s:{}}", "mappings"));
        index = json_object_getn(self->indices, path + 1, len);
        json_object_update_recursive(json_object_get(index, "mappings"), new_mapping);
        json_decref(new_mapping);
        json_decref(root);
    }
    if (index == NULL)
        return 404;
    if (rest == NULL || strcmp(rest, "/_mapping") != 0) {
        weir_buf_add_str(answer, WEIR_STR("{\"count\":0}"));
        return 200;
    }
    text = json_dumps(index, JSON_COMPACT);
    weir_buf_printf(answer, "{\"%.*s\":%s}", (int)len, path + 1, text);
    free(text);
    return 200;
}

static enum MHD_Result fake_other(fake_search *self, struct MHD_Connection *connection,
                                  const char *method, const char *path, weir_str body)
{
    weir_buf answer = {0};
    fake_reply reply = {0};
    enum MHD_Result result;

    pthread_mutex_lock(&self->lock);
    if (strcmp(path, "/") == 0) {
        self->probe_count++;
        weir_buf_add_str(&answer, WEIR_STR("{}"));
    } else {
        reply.status = fake_index(self, method, path, body, &answer);
    }
    pthread_mutex_unlock(&self->lock);
    result = fake_send(connection, &reply, weir_buf_str(&answer));
    weir_buf_done(&answer);
    return result;
}

static enum MHD_Result fake_handle(void *context, struct MHD_Connection *connection,
                                   const char *path, const char *method, const char *version,
                                   const char *bytes, size_t *size, void **state)
{
    fake_search *self = context;
    fake_request *request = *state;
    (void)version;

    if (request == NULL) {
        *state = calloc(1, sizeof(fake_request));
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        weir_buf_add(&request->body, bytes, *size);
        *size = 0;
        return MHD_YES;
    }
    if (strcmp(path, "/_bulk") == 0)
        return fake_bulk(self, connection, request);
    return fake_other(self, connection, method, path, weir_buf_str(&request->body));
}

static void fake_completed(void *context, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode code)
{
    fake_request *request = *state;
    (void)context, (void)connection, (void)code;

    if (request == NULL)
        return;
    weir_buf_done(&request->body);
    free(request);
}

static void fake_start(fake_search *self)
{
    *self = (fake_search){.lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER,
                          .flying = weir_map_new(),
                          .indices = json_object()};
    self->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, fake_handle, self, MHD_OPTION_NOTIFY_COMPLETED, fake_completed, NULL, MHD_OPTION_END);
    if (self->daemon == NULL)
        abort();
    snprintf(self->url, sizeof(self->url), "http://127.0.0.1:%u",
             MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

/* Between what the test writes or reads and what the server's threads do: before requests, and behind them. */
static void fake_settle(fake_search *self)
{
    pthread_mutex_lock(&self->lock);
    pthread_mutex_unlock(&self->lock);
}

/* Answers that hang come now. */
static void fake_let_go(fake_search *self)
{
    pthread_mutex_lock(&self->lock);
    self->let_go = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void fake_stop(fake_search *self)
{
    fake_let_go(self);
    MHD_stop_daemon(self->daemon);
    weir_map_free(self->flying);
    weir_buf_done(&self->sent);
    json_decref(self->indices);
}

#endif
