/* search_fixture.h - a task of the sink, its settings and its client, before the fake search server. */
#ifndef SEARCH_FIXTURE_H
#define SEARCH_FIXTURE_H

#include "connectors/elasticsearch/client.h"
#include "sdk/src/task.h"

#include "tests/unit/connectors/elasticsearch/fake_search.h"

typedef struct search_fixture {
    fake_search server;
    es_settings settings;
    weir_str urls[2];
    weir_task task;
    es_client *client;
    weir_buf diags;    /* "TEXT|" for each */
    weir_buf refused;  /* "ID:REASON|" for each item */
    weir_code refusal; /* what becomes of the task then */
    int rejected;      /* records */
} search_fixture;

static inline void search_note_diag(void *context, weir_level level, weir_str text)
{
    (void)level;
    weir_buf_printf(&((search_fixture *)context)->diags, "%.*s|", WEIR_ARG(text));
}

static inline weir_str search_topic_id(void *context, weir_str topic)
{
    (void)context, (void)topic;
    return WEIR_STR("topic-1");
}

static inline weir_code search_reject(void *context, const weir_record *record, const char *reason,
                                      weir_error *err)
{
    (void)record, (void)reason, (void)err;
    ((search_fixture *)context)->rejected++;
    return WEIR_OK;
}

static inline weir_code search_note_refused(void *context, const bulk_request *bulk,
                                            const bulk_item *item, weir_str reason, weir_error *err)
{
    search_fixture *self = context;

    weir_buf_printf(&self->refused, "%.*s:%.*s|", WEIR_ARG(bulk_item_id(bulk, item)),
                    WEIR_ARG(reason));
    return self->refusal == WEIR_OK ? WEIR_OK : weir_fail(err, self->refusal, "the policy says no");
}

static inline void search_set_up(search_fixture *self)
{
    static const task_host host = {
        .diag = search_note_diag, .topic_id = search_topic_id, .reject = search_reject};

    *self = (search_fixture){.settings = {.connect_timeout_ms = 1000,
                                          .read_timeout_ms = 30000,
                                          .batch_size = 5000,
                                          .bulk_size_bytes = 5 << 20,
                                          .max_in_flight = 1,
                                          .retry_backoff_ms = 1,
                                          .on_null = {.index = NULL_DELETE},
                                          .host_check = WEIR_STR("https")}};
    fake_start(&self->server);
    self->urls[0] = weir_cstr(self->server.url);
    self->settings.urls = (weir_list){self->urls, 1};
    task_init(&self->task, WEIR_STR("search"), 0, &host, self);
    self->task.log_id = WEIR_STR("log-1");
}

/* With the settings as they are now; what was there before is closed. */
static inline void search_open(search_fixture *self)
{
    client_free(self->client);
    self->client = client_new(&(client_options){.task = &self->task,
                                                .settings = &self->settings,
                                                .refused = search_note_refused,
                                                .context = self});
    fake_settle(&self->server);
}

static inline void search_tear_down(search_fixture *self)
{
    client_free(self->client);
    fake_stop(&self->server);
    task_done(&self->task);
    weir_buf_done(&self->diags);
    weir_buf_done(&self->refused);
}

#endif
