/* elasticsearch_sink.c - the descriptor, and the way of a record into a bulk request. */
#include "client.h"
#include "document.h"
#include "index.h"
#include "present.h"

#include "weir/weir.h"

#include <inttypes.h>

typedef struct elasticsearch {
    es_settings settings; /* first: the table of settings binds its members by their place in it */
    weir_task *task;
    es_client *client;
    index_table indices;
    present_table present;
    weir_buf id, document; /* of the record that is being written */
} elasticsearch;

/* The record, once its index, id and version are known. */
typedef struct write_target {
    index_entry *index;
    int64_t version;
    enum bulk_kind kind;
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
    present_init(&self->present);
    self->client = client_new(&(client_options){
        .task = task, .settings = &self->settings, .refused = refused, .context = self});
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
    index_table_done(&self->indices);
    present_done(&self->present);
    weir_buf_done(&self->id);
    weir_buf_done(&self->document);
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
    out->kind = record->value.ptr == NULL ? BULK_DELETE : BULK_INDEX;
    out->lane = lane_of(self, out->index->name, weir_buf_str(&self->id));
    return WEIR_OK;
}

/* Whether the document that is there is needed to write this record. A document whose id is its place in
 * the log is the change itself: what that lacks, it lacks. */
static bool needs_present(const elasticsearch *self, const weir_record *record)
{
    return record->value.ptr != NULL &&
           (record->unsent != NULL || self->settings.write_method.index == WRITE_UPSERT) &&
           !settings_key_is_ignored(&self->settings, record->topic);
}

/* Makes the document of a record that is no deletion. *skip: a newer one is there. */
static weir_code make_document(elasticsearch *self, const weir_record *record, write_target *target,
                               const present_document *present, bool *skip, weir_error *err)
{
    bool completes = present != NULL && needs_present(self, record);
    weir_str source = {0};

    *skip = completes && present->is_there && present->version > target->version;
    if (*skip)
        return WEIR_OK;
    if (completes && present->is_there)
        source = weir_buf_str(&present->source);
    else if (completes && record->unsent != NULL)
        target->kind = BULK_CHECK;
    return document_json(record, source, self->settings.write_method.index == WRITE_UPSERT,
                         &self->document, err);
}

/* What the records that follow in this window will find. */
static void update_present(const elasticsearch *self, const write_target *target,
                           present_document *present)
{
    if (target->version < present->version)
        return;
    present->is_there = target->kind == BULK_INDEX;
    present->version = target->version;
    weir_buf_clear(&present->source);
    if (present->is_there)
        weir_buf_add_str(&present->source, weir_buf_str(&self->document));
}

static weir_code add_item(elasticsearch *self, const weir_record *record,
                          const write_target *target, weir_error *err)
{
    bulk_action action = {.kind = target->kind,
                          .index = target->index->name,
                          .id = weir_buf_str(&self->id),
                          .version = target->version,
                          .topic = target->index->number,
                          .partition = record->log_partition,
                          .offset = record->log_offset};
    size_t size = self->document.len + action.index.len + action.id.len;
    bulk_request *bulk;

    if (client_room(self->client, target->lane, size, &bulk, err) != WEIR_OK)
        return err->code;
    bulk_item_begin(bulk, &action);
    if (target->kind == BULK_INDEX) {
        weir_buf_add_str(&bulk->body, weir_buf_str(&self->document));
        weir_buf_add_byte(&bulk->body, '\n');
    }
    bulk_item_end(bulk);
    return WEIR_OK;
}

static weir_code write_record(weir_task *task, elasticsearch *self, const weir_batch *batch,
                              const weir_record *record, weir_error *err)
{
    write_target target;
    present_document *present;
    bool skip = false;

    if (find_target(task, self, batch, record, &target, err) != WEIR_OK)
        return err->code;
    present = present_find(&self->present, target.index->name, weir_buf_str(&self->id));
    weir_buf_clear(&self->document);
    if (target.kind == BULK_INDEX &&
        make_document(self, record, &target, present, &skip, err) != WEIR_OK)
        return err->code;
    if (skip)
        return WEIR_OK;
    if (add_item(self, record, &target, err) != WEIR_OK)
        return err->code;
    if (present != NULL)
        update_present(self, &target, present);
    return WEIR_OK;
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

/* Writes one record, or gives it to the error policy. */
static weir_code put_record(weir_task *task, elasticsearch *self, const weir_batch *batch,
                            const weir_record *record, weir_error *err)
{
    weir_error problem = {0};
    bool skip;

    if (skip_null(task, self, record, &skip, err) != WEIR_OK)
        return err->code;
    if (skip || write_record(task, self, batch, record, &problem) == WEIR_OK)
        return WEIR_OK;
    if (problem.code != WEIR_REJECT) {
        *err = problem;
        return err->code;
    }
    if (!self->settings.drop_invalid)
        return weir_task_reject(task, record, err, "%s", problem.message);
    weir_task_diag(task, WEIR_WARN, "a record was dropped: %s", problem.message);
    return WEIR_OK;
}

/* Looks ahead from behind a record to the end of a window, and reads the documents that its records need.
 * *last is the index of the window's last record; UINT32_MAX: all that are left. */
static weir_code look_ahead(weir_task *task, elasticsearch *self, const weir_batch *batch,
                            weir_record record, uint32_t *last, weir_error *err)
{
    *last = UINT32_MAX;
    present_clear(&self->present);
    while (weir_record_next(batch, &record)) {
        weir_error problem = {0};
        write_target target;

        if (!needs_present(self, &record))
            continue;
        if (find_target(task, self, batch, &record, &target, &problem) == WEIR_OK) {
            present_want(&self->present, target.index->name, weir_buf_str(&self->id));
        } else if (problem.code != WEIR_REJECT) { /* that is for put_record to report */
            *err = problem;
            return err->code;
        }
        if (present_is_full(&self->present)) {
            *last = record.index;
            break;
        }
    }
    return WEIR_OK;
}

/* The same, with the documents read: when nothing is on its way that would change them. */
static weir_code begin_window(weir_task *task, elasticsearch *self, const weir_batch *batch,
                              const weir_record *record, uint32_t *last, weir_error *err)
{
    bool too_large;

    do {
        too_large = false;
        if (look_ahead(task, self, batch, *record, last, err) != WEIR_OK)
            return err->code;
        if (present_count(&self->present) == 0)
            return WEIR_OK;
        if (client_drain(self->client, err) != WEIR_OK ||
            present_read(&self->present, client_http(self->client), &too_large, err) != WEIR_OK)
            return err->code;
    } while (too_large); /* each time with half as many */
    return WEIR_OK;
}

static weir_code elasticsearch_put(weir_task *task, void *state, const weir_batch *batch,
                                   weir_error *err)
{
    elasticsearch *self = state;
    weir_record record = {0};
    uint32_t last;

    do {
        bool is_last = false;

        if (begin_window(task, self, batch, &record, &last, err) != WEIR_OK)
            return err->code;
        while (!is_last && weir_record_next(batch, &record)) {
            is_last = record.index == last;
            if (put_record(task, self, batch, &record, err) != WEIR_OK)
                return err->code;
        }
    } while (last != UINT32_MAX);
    present_clear(&self->present);
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
