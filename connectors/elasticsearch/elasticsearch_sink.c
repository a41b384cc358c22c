/* elasticsearch_sink.c - the descriptor, and what becomes of what Elasticsearch refuses. */
#include "writer.h"

#include "weir/weir.h"

#include <inttypes.h>

typedef struct elasticsearch {
    es_settings settings; /* first: the table of settings binds its members by their place in it */
    weir_task *task;
    es_client *client;
    writer writer;
} elasticsearch;

/* What Elasticsearch refused is long gone from the batch: the worker reads it again from the log. */
static weir_code refused(void *context, const bulk_request *bulk, const bulk_item *item,
                         weir_str reason, weir_error *err)
{
    elasticsearch *self = context;
    weir_record record = {.log_topic = index_table_topic(&self->writer.indices, item->topic),
                          .log_partition = item->partition,
                          .log_offset = item->offset,
                          .index = WEIR_RECORD_GONE};

    weir_str id = bulk_item_id(bulk, item), index = bulk_item_index(bulk, item);

    if (self->settings.on_malformed.index == MALFORMED_FAIL)
        return weir_task_reject(self->task, &record, err,
                                "elasticsearch refused document %.*s of index %.*s: %.*s",
                                WEIR_ARG(id), WEIR_ARG(index), WEIR_ARG(reason));
    if (self->settings.on_malformed.index == MALFORMED_WARN)
        weir_task_diag(self->task, WEIR_WARN,
                       "elasticsearch refused document %.*s of index %.*s (offset %" PRId64
                       " of %.*s-%d): %.*s",
                       WEIR_ARG(id), WEIR_ARG(index), item->offset, WEIR_ARG(record.log_topic),
                       item->partition, WEIR_ARG(reason));
    return WEIR_OK;
}

static weir_code elasticsearch_validate(const void *state, weir_error *err)
{
    return settings_validate(&((const elasticsearch *)state)->settings, err);
}

static weir_code elasticsearch_open(weir_task *task, void *state, weir_error *err)
{
    elasticsearch *self = state;
    WEIR_CLEANUP(weir_buf_done) weir_buf answer = {0};
    long status = 0;

    self->task = task;
    self->client = client_new(&(client_options){
        .task = task, .settings = &self->settings, .refused = refused, .context = self});
    writer_init(&self->writer, task, &self->settings, self->client);
    if (http_request(client_http(self->client), &(http_call){"GET", WEIR_STR("/"), {0}}, &answer,
                     &status, err) != WEIR_OK)
        return err->code;
    if (status != 200)
        return weir_fail(
            err, WEIR_FATAL,
            "%.*s does not look like Elasticsearch: GET / was answered with status %ld",
            WEIR_ARG(self->settings.urls.items[0]), status);
    return WEIR_OK;
}

static void elasticsearch_close(weir_task *task, void *state)
{
    elasticsearch *self = state;
    (void)task;

    client_free(self->client);
    writer_done(&self->writer);
}

static weir_code elasticsearch_put(weir_task *task, void *state, const weir_batch *batch,
                                   weir_error *err)
{
    (void)task;
    return writer_put(&((elasticsearch *)state)->writer, batch, err);
}

static weir_code elasticsearch_flush(weir_task *task, void *state, weir_offsets *offsets,
                                     weir_error *err)
{
    (void)task;
    return writer_flush(&((elasticsearch *)state)->writer, offsets, err);
}

static const char *const aliases[] = {
    "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
    "ElasticsearchSinkConnector",
    NULL,
};

static const weir_sink elasticsearch_sink = {
    .name = "elasticsearch",
    .version = "1.0.0",
    .summary = "Keeps an Elasticsearch index for each topic: newest version of each key.",
    .fields = settings_fields,
    .field_count = SETTINGS_COUNT,
    .state_size = sizeof(elasticsearch),
    .aliases = aliases,
    .validate = elasticsearch_validate,
    .open = elasticsearch_open,
    .put = elasticsearch_put,
    .flush = elasticsearch_flush,
    .close = elasticsearch_close,
};
WEIR_EXPORT(.sink = &elasticsearch_sink);
