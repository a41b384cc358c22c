/* elasticsearch_sink.c - the descriptor, and the way of a record into a bulk request. */
#include "client.h"
#include "document.h"
#include "index.h"

#include "weir/weir.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

typedef struct elasticsearch {
    es_settings settings; /* first: the table of settings binds its members by their place in it */
    weir_task *task;
    es_client *client;
    index_table indices;
    weir_buf id;
} elasticsearch;

/* The record, once its index, id and version are known. */
typedef struct write_target {
    index_entry *index;
    int64_t version;
    bool is_delete;
    int lane;
} write_target;

/* What Elasticsearch refused is long gone from the batch: the worker reads it again from the log. */
static weir_code refused(void *context, const bulk_request *bulk, const bulk_item *item,
                         weir_str reason, weir_error *err)
{
    elasticsearch *self = context;
    weir_record record = {.log_topic = index_table_topic(&self->indices, item->topic),
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
    index_table_init(&self->indices);
    self->client = client_new(&(client_options){
        .task = task, .settings = &self->settings, .refused = refused, .context = self});
    if (client_request(self->client, "GET", WEIR_STR("/"), (weir_str){0}, &answer, &status, err) !=
        WEIR_OK)
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
    index_table_done(&self->indices);
    weir_buf_done(&self->id);
}

/* FNV-1a: spreads ids over lanes, nothing else depends on it. */
static int lane_of(const elasticsearch *self, weir_str index, weir_str id)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < index.len; i++)
        hash = (hash ^ (uint8_t)index.ptr[i]) * 1099511628211u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 1099511628211u;
    return (int)(hash >> 16 & 0x7fffffff) % client_lane_count(self->client);
}

static weir_code make_id(elasticsearch *self, const weir_record *record, bool id_is_key,
                         weir_error *err)
{
    weir_buf_clear(&self->id);
    if (id_is_key)
        return document_id(record, &self->id, err);
    weir_buf_printf(&self->id, "%.*s+%d+%" PRId64, WEIR_ARG(record->log_topic),
                    record->log_partition, record->log_offset);
    return WEIR_OK;
}

static weir_code find_target(weir_task *task, elasticsearch *self, const weir_batch *batch,
                             const weir_record *record, write_target *out, weir_error *err)
{
    index_context context = {task, &self->settings, self->client};
    bool id_is_key = !settings_key_is_ignored(&self->settings, record->topic);
    bool by_position;

    if (make_id(self, record, id_is_key, err) != WEIR_OK)
        return err->code;
    if (!document_version(batch, record, id_is_key, &out->version, &by_position))
        return weir_fail(err, WEIR_REJECT, "the header weir.position is not a number");
    if (index_find(&self->indices, &context, record, by_position, &out->index, err) != WEIR_OK)
        return err->code;
    out->is_delete = record->value.ptr == NULL;
    out->lane = lane_of(self, out->index->name, weir_buf_str(&self->id));
    return WEIR_OK;
}

/* The document that is there, for fields that the source did not send. */
typedef struct present_document {
    json_t *root;
    weir_buf text; /* of the field looked up last */
} present_document;

static weir_str present_field(void *context, weir_str field)
{
    present_document *there = context;
    json_t *source = json_object_get(there->root, "_source");
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};
    json_t *value;
    char *text;

    weir_buf_add_str(&name, field);
    value = json_object_get(source, weir_buf_cstr(&name));
    if (value == NULL)
        return (weir_str){0};
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    weir_buf_clear(&there->text);
    weir_buf_add_str(&there->text, weir_cstr(text));
    free(text);
    return weir_buf_str(&there->text);
}

/* Reads it when nothing else is on its way to it: the lane is drained first. */
static weir_code read_present(elasticsearch *self, const write_target *target,
                              present_document *there, weir_error *err)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf path = {0}, answer = {0};
    long status = 0;

    if (client_drain_lane(self->client, target->lane, err) != WEIR_OK)
        return err->code;
    weir_buf_printf(&path, "/%.*s/_doc/", WEIR_ARG(target->index->name));
    client_escape(self->client, weir_buf_str(&self->id), &path);
    if (client_request(self->client, "GET", weir_buf_str(&path), (weir_str){0}, &answer, &status,
                       err) != WEIR_OK)
        return err->code;
    if (status == 404)
        return WEIR_OK; /* there is none */
    if (status != 200)
        return weir_fail(err, WEIR_FATAL,
                         "reading document \"%.*s\" of index \"%.*s\" to complete it was answered "
                         "with status %ld",
                         WEIR_ARG(weir_buf_str(&self->id)), WEIR_ARG(target->index->name), status);
    /* A number that cannot be kept as it is must not become another one, or none, silently. */
    there->root = json_loadb(answer.ptr, answer.len, 0, NULL);
    if (there->root == NULL)
        return weir_fail(
            err, WEIR_REJECT,
            "document \"%.*s\" of index \"%.*s\" cannot be read to complete it: its JSON "
            "has a number that is too large, or is damaged",
            WEIR_ARG(weir_buf_str(&self->id)), WEIR_ARG(target->index->name));
    return WEIR_OK;
}

static weir_code add_document(weir_task *task, elasticsearch *self, const weir_record *record,
                              const write_target *target, weir_buf *body, weir_error *err)
{
    present_document there = {0};
    weir_code code = WEIR_OK;

    if (record->unsent != NULL) {
        code = read_present(self, target, &there, err);
        if (code == WEIR_OK && there.root == NULL)
            weir_task_diag(task, WEIR_WARN,
                           "a change without all fields found no document \"%.*s\" to complete it",
                           WEIR_ARG(weir_buf_str(&self->id)));
    }
    if (code == WEIR_OK)
        code = document_json(record, present_field, &there, body, err);
    if (code == WEIR_OK)
        weir_buf_add_byte(body, '\n');
    json_decref(there.root);
    weir_buf_done(&there.text);
    return code;
}

static weir_code write_record(weir_task *task, elasticsearch *self, const weir_batch *batch,
                              const weir_record *record, weir_error *err)
{
    write_target target;
    bulk_action action;
    weir_buf document = {0};
    bulk_request *bulk;

    if (find_target(task, self, batch, record, &target, err) != WEIR_OK)
        return err->code;
    if (!target.is_delete && add_document(task, self, record, &target, &document, err) != WEIR_OK) {
        weir_buf_done(&document);
        return err->code;
    }
    action = (bulk_action){.is_delete = target.is_delete,
                           .index = target.index->name,
                           .id = weir_buf_str(&self->id),
                           .version = target.version,
                           .topic = target.index->number,
                           .partition = record->log_partition,
                           .offset = record->log_offset};
    bulk = client_filling(self->client, target.lane);
    bulk_item_begin(bulk, &action);
    weir_buf_add_str(&bulk->body, weir_buf_str(&document));
    bulk_item_end(bulk);
    weir_buf_done(&document);
    return client_added(self->client, target.lane, err);
}

/* A record without a value: what it means is a setting. True when nothing is to be written. */
static weir_code skip_null(weir_task *task, const elasticsearch *self, const weir_record *record,
                           bool *skip, weir_error *err)
{
    *skip = false;
    if (record->value.ptr != NULL)
        return WEIR_OK;
    switch (self->settings.on_null.index) {
    case NULL_FAIL:
        *skip = true;
        return weir_task_reject(task, record, err,
                                "the record has no value (behavior.on.null.values is \"fail\")");
    case NULL_DELETE: /* without an id from the key there is nothing to delete by */
        *skip = record->key.ptr == NULL || settings_key_is_ignored(&self->settings, record->topic);
        return WEIR_OK;
    default:
        *skip = true;
        return WEIR_OK;
    }
}

static weir_code elasticsearch_put(weir_task *task, void *state, const weir_batch *batch,
                                   weir_error *err)
{
    elasticsearch *self = state;
    weir_record record = {0};

    while (weir_record_next(batch, &record)) {
        weir_error problem = {0};
        bool skip;

        if (skip_null(task, self, &record, &skip, err) != WEIR_OK)
            return err->code;
        if (skip || write_record(task, self, batch, &record, &problem) == WEIR_OK)
            continue;
        if (problem.code != WEIR_REJECT) {
            *err = problem;
            return err->code;
        }
        if (self->settings.drop_invalid)
            weir_task_diag(task, WEIR_WARN, "a record was dropped: %s", problem.message);
        else if (weir_task_reject(task, &record, err, "%s", problem.message) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code elasticsearch_flush(weir_task *task, void *state, weir_offsets *offsets,
                                     weir_error *err)
{
    elasticsearch *self = state;
    (void)task, (void)offsets; /* all of them: everything that was put is answered */

    return client_drain(self->client, err);
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
