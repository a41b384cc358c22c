/* restart.c - emptying an index of what a snapshot delivered before it began again. */
#include "restart.h"

#include "listing.h"

#include <inttypes.h>
#include <string.h>

bool restart_is(const weir_batch *batch, const weir_record *record)
{
    return record->key.ptr == NULL && record->header_count > 0 &&
           weir_record_header_find(batch, record, WEIR_STR("weir.restart")).ptr != NULL;
}

bool restart_precedes(weir_str id, const weir_record *record)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf prefix = {0};
    int64_t offset = 0;
    size_t at;

    weir_buf_printf(&prefix, "%.*s+%d+", WEIR_ARG(record->log_topic), record->log_partition);
    if (id.len <= prefix.len || id.len > prefix.len + 18 ||
        memcmp(id.ptr, prefix.ptr, prefix.len) != 0)
        return false;
    for (at = prefix.len; at < id.len; at++) {
        if (id.ptr[at] < '0' || id.ptr[at] > '9')
            return false;
        offset = offset * 10 + (id.ptr[at] - '0');
    }
    return offset < record->log_offset;
}

typedef struct emptying {
    writer *writer;
    const weir_record *record;
    bool id_is_key;
    bulk_action action;
    int64_t count;
} emptying;

static weir_code delete_one(void *context, weir_str id, weir_error *err)
{
    emptying *self = context;

    if (!self->id_is_key && !restart_precedes(id, self->record))
        return WEIR_OK;
    self->action.id = id;
    self->count++;
    return writer_add(self->writer, &self->action, (weir_str){0}, err);
}

static weir_code delete_all(emptying *self, weir_error *err)
{
    es_client *client = self->writer->client;
    WEIR_CLEANUP(listing_close) listing documents = {0};
    bool done = false;

    if (client_drain(client, err) != WEIR_OK ||
        listing_open(&documents, client_http(client), self->action.index, err) != WEIR_OK)
        return err->code;
    while (!done) {
        if (weir_task_stopping(self->writer->task))
            return weir_fail(err, WEIR_RETRY, "stopped while index \"%.*s\" was emptied",
                             WEIR_ARG(self->action.index));
        if (listing_page(&documents, delete_one, self, &done, err) != WEIR_OK)
            return err->code;
    }
    return client_drain(client, err);
}

weir_code restart_empty(writer *self, const weir_batch *batch, const weir_record *record,
                        weir_error *err)
{
    index_context context = {self->task, self->settings, self->client};
    emptying all = {.writer = self,
                    .record = record,
                    .id_is_key = !settings_key_is_ignored(self->settings, record->topic)};
    const index_entry *entry;
    document_version version;
    bool is_written, is_shared;

    if (!document_version_of(batch, record, all.id_is_key, &version))
        return weir_task_reject(self->task, record, err,
                                "the header weir.position is not a number");
    if (index_look(&context, record, &is_written, &is_shared, err) != WEIR_OK)
        return err->code;
    if (!is_written)
        return WEIR_OK;
    if (index_find(&self->indices, &context, record, &version, &entry, err) != WEIR_OK)
        return err->code;
    if (all.id_is_key && is_shared)
        return weir_fail(err, WEIR_FATAL,
                         "the snapshot of the table behind topic \"%.*s\" began again, and index "
                         "\"%.*s\" has to be emptied of its rows, but other topics are written to "
                         "it too; give the topic an index of its own (route transform), or delete "
                         "the index and the connector's offsets",
                         WEIR_ARG(record->log_topic), WEIR_ARG(entry->name));
    all.action = (bulk_action){.kind = BULK_DELETE,
                               .index = entry->name,
                               .version = version.number,
                               .topic = entry->number,
                               .partition = record->log_partition,
                               .offset = record->log_offset};
    if (delete_all(&all, err) != WEIR_OK)
        return err->code;
    weir_task_diag(self->task, WEIR_INFO,
                   "index \"%.*s\" was emptied of %" PRId64 " documents: the snapshot of its table "
                   "begins again",
                   WEIR_ARG(entry->name), all.count);
    return WEIR_OK;
}
