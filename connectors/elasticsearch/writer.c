/* writer.c - records to documents, ids, versions and lanes. */
#include "writer.h"

#include "document.h"
#include "restart.h"

#include <assert.h>
#include <inttypes.h>

/* The record, once its index, id (in writer.id) and version are known. */
typedef struct target {
    const index_entry *index;
    int64_t version;
    enum bulk_kind kind;
} target;

void writer_init(writer *self, weir_task *task, const es_settings *settings, es_client *client)
{
    *self = (writer){.task = task, .settings = settings, .client = client};
    index_table_init(&self->indices);
    present_init(&self->present);
    moves_init(&self->moves, task);
}

void writer_done(writer *self)
{
    moves_done(&self->moves);
    index_table_done(&self->indices);
    present_done(&self->present);
    weir_buf_done(&self->id);
    weir_buf_done(&self->document);
}

/* --- Where a record goes ---------------------------------------------------------------------- */

/* FNV-1a: spreads ids over lanes, nothing else depends on it. */
static int lane_of(const writer *self, weir_str index, weir_str id)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < index.len; i++)
        hash = (hash ^ (uint8_t)index.ptr[i]) * 1099511628211u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 1099511628211u;
    return (int)(hash >> 16 & 0x7fffffff) % client_lane_count(self->client);
}

static weir_code find_target(writer *self, const weir_batch *batch, const weir_record *record,
                             target *out, weir_error *err)
{
    index_context context = {self->task, self->settings, self->client};
    bool id_is_key = !settings_key_is_ignored(self->settings, record->topic);
    document_version version;

    weir_buf_clear(&self->id);
    if (!id_is_key)
        weir_buf_printf(&self->id, "%.*s+%d+%" PRId64, WEIR_ARG(record->log_topic),
                        record->log_partition, record->log_offset);
    else if (document_id(record, &self->id, err) != WEIR_OK)
        return err->code;
    if (!document_version_of(batch, record, id_is_key, &version))
        return weir_fail(err, WEIR_REJECT, "the header weir.position is not a number");
    out->version = version.number;
    out->kind = record->value.ptr == NULL ? BULK_DELETE : BULK_INDEX;
    return index_find(&self->indices, &context, record, &version, &out->index, err);
}

weir_code writer_add(writer *self, const bulk_action *action, weir_str source, weir_error *err)
{
    int lane = lane_of(self, action->index, action->id);
    bulk_request *bulk;

    if (client_room(self->client, lane, source.len + action->index.len + action->id.len, &bulk,
                    err) != WEIR_OK)
        return err->code;
    bulk_item_begin(bulk, action);
    if (action->kind == BULK_INDEX) {
        weir_buf_add_str(&bulk->body, source);
        weir_buf_add_byte(&bulk->body, '\n');
    }
    bulk_item_end(bulk);
    return WEIR_OK;
}

/* --- Deletions that wait ---------------------------------------------------------------------- */

static moves_deletion deletion_of(const writer *self, const weir_record *record,
                                  const target *where)
{
    moves_deletion deletion = {.index = where->index,
                               .version = where->version,
                               .partition = record->log_partition,
                               .offset = record->log_offset};

    weir_buf_add_str(&deletion.id, weir_buf_str(&self->id));
    return deletion;
}

static weir_code send_deletion(writer *self, const moves_deletion *deletion, weir_error *err)
{
    bulk_action action = {.kind = BULK_DELETE,
                          .index = deletion->index->name,
                          .id = weir_buf_str(&deletion->id),
                          .version = deletion->version,
                          .topic = deletion->index->number,
                          .partition = deletion->partition,
                          .offset = deletion->offset};

    return writer_add(self, &action, (weir_str){0}, err);
}

/* The documents that were made of the old ones are there now. Sent late, these deletions meet newer versions
 * of documents that have got the id meanwhile, which Elasticsearch prefers. */
static weir_code end_window(writer *self, weir_error *err)
{
    if (moves_kept_count(&self->moves) == 0)
        return WEIR_OK;
    if (client_drain(self->client, err) != WEIR_OK)
        return err->code;
    for (size_t i = 0; i < moves_kept_count(&self->moves); i++)
        if (send_deletion(self, moves_kept_at(&self->moves, i), err) != WEIR_OK)
            return err->code;
    moves_clear_kept(&self->moves);
    return WEIR_OK;
}

/* --- One record ------------------------------------------------------------------------------- */

/* Whether the document that is there is needed to write this record. A document whose id is its place in
 * the log is the change itself: what that lacks, it lacks. */
static bool needs_present(const writer *self, const weir_record *record)
{
    return record->value.ptr != NULL &&
           (record->unsent != NULL || self->settings->write_method.index == WRITE_UPSERT) &&
           !settings_key_is_ignored(self->settings, record->topic);
}

/* The document that fields are taken from: what this very change made of it when it came before, else the
 * document that it moves away from its old id, else the one that is there. */
static const present_document *source_of(const writer *self, const present_document *present,
                                         int64_t version)
{
    const present_document *moved;

    if (present->is_there && present->version == version)
        return present;
    if (present->moved_from > 0) {
        moved = present_at(&self->present, present->moved_from - 1);
        if (moved->is_there)
            return moved;
    }
    return present->is_there ? present : NULL;
}

/* Makes the document of a record that is no deletion. *skip: a newer one is there. */
static weir_code make_document(writer *self, const weir_record *record, target *where,
                               const present_document *present, bool *skip, weir_error *err)
{
    const present_document *from = NULL;
    weir_str source = {0};

    *skip = false;
    if (present != NULL && needs_present(self, record)) {
        *skip = present->is_there && present->version > where->version;
        if (*skip)
            return WEIR_OK;
        from = source_of(self, present, where->version);
        if (from != NULL)
            source = weir_buf_str(&from->source);
        else if (record->unsent != NULL)
            where->kind = BULK_CHECK;
    }
    return document_json(record, source, self->settings->write_method.index == WRITE_UPSERT,
                         &self->document, err);
}

/* What the records that follow in this window will find. */
static void update_present(const writer *self, const target *where, present_document *present)
{
    if (where->version < present->version)
        return;
    present->is_there = where->kind == BULK_INDEX;
    present->version = where->version;
    weir_buf_clear(&present->source);
    if (present->is_there)
        weir_buf_add_str(&present->source, weir_buf_str(&self->document));
}

/* True when the deletion waits. */
static bool keep_deletion(writer *self, const weir_record *record, const target *where,
                          const present_document *present)
{
    if (present != NULL && present->moves_at >= where->version)
        moves_keep(&self->moves, deletion_of(self, record, where));
    else if (where->index->by_position && moves_is_last(&self->moves, record))
        moves_hold(&self->moves, record, deletion_of(self, record, where));
    else
        return false;
    return true;
}

static weir_code write_record(writer *self, const weir_batch *batch, const weir_record *record,
                              weir_error *err)
{
    target where = {0};
    present_document *present;
    bool skip = false;

    if (find_target(self, batch, record, &where, err) != WEIR_OK)
        return err->code;
    assert(where.index != NULL);
    present = present_find(&self->present, where.index->name, weir_buf_str(&self->id));
    weir_buf_clear(&self->document);
    if (where.kind == BULK_DELETE)
        skip = keep_deletion(self, record, &where, present);
    else if (make_document(self, record, &where, present, &skip, err) != WEIR_OK)
        return err->code;
    if (skip)
        return WEIR_OK;
    if (writer_add(self,
                   &(bulk_action){.kind = where.kind,
                                  .index = where.index->name,
                                  .id = weir_buf_str(&self->id),
                                  .version = where.version,
                                  .topic = where.index->number,
                                  .partition = record->log_partition,
                                  .offset = record->log_offset},
                   weir_buf_str(&self->document), err) != WEIR_OK)
        return err->code;
    if (present != NULL)
        update_present(self, &where, present);
    return WEIR_OK;
}

/* A record without a value: what it means is a setting. *skip: nothing is to be written. */
static weir_code skip_null(writer *self, const weir_record *record, bool *skip, weir_error *err)
{
    *skip = false;
    if (record->value.ptr != NULL)
        return WEIR_OK;
    switch (self->settings->on_null.index) {
    case NULL_FAIL:
        *skip = true;
        return weir_task_reject(self->task, record, err,
                                "the record has no value (behavior.on.null.values is \"fail\")");
    case NULL_DELETE: /* without an id from the key there is nothing to delete by */
        *skip = record->key.ptr == NULL || settings_key_is_ignored(self->settings, record->topic);
        return WEIR_OK;
    default:
        *skip = true;
        return WEIR_OK;
    }
}

/* Writes one record, or gives it to the error policy. */
static weir_code put_record(writer *self, const weir_batch *batch, const weir_record *record,
                            weir_error *err)
{
    weir_error problem = {0};
    bool skip;

    if (restart_is(batch, record))
        return restart_empty(self, batch, record, err);
    if (skip_null(self, record, &skip, err) != WEIR_OK)
        return err->code;
    if (skip || write_record(self, batch, record, &problem) == WEIR_OK)
        return WEIR_OK;
    if (problem.code != WEIR_REJECT) {
        *err = problem;
        return err->code;
    }
    if (!self->settings->drop_invalid)
        return weir_task_reject(self->task, record, err, "%s", problem.message);
    weir_task_diag(self->task, WEIR_WARN, "a record was dropped: %s", problem.message);
    return WEIR_OK;
}

/* --- Windows ---------------------------------------------------------------------------------- */

/* Wants the document that a change moves to another id, if it does: the record before deletes it at the same
 * version. Returns its place + 1, or 0. */
static weir_code want_moved(writer *self, const weir_batch *batch, const moves_partition *from,
                            const target *where, size_t *place, weir_error *err)
{
    const moves_deletion *waiting = moves_waiting(&self->moves, from, where->index, where->version);
    const weir_record *before = moves_before(&self->moves, from);
    target old = {0};

    *place = 0;
    if (waiting != NULL) {
        *place = present_want(&self->present, waiting->index->name, weir_buf_str(&waiting->id)) + 1;
    } else if (before != NULL) {
        if (find_target(self, batch, before, &old, err) != WEIR_OK)
            return err->code;
        if (old.version == where->version && old.index == where->index)
            *place = present_want(&self->present, old.index->name, weir_buf_str(&self->id)) + 1;
    }
    if (*place > 0)
        present_at(&self->present, *place - 1)->moves_at = where->version;
    return WEIR_OK;
}

static weir_code want(writer *self, const weir_batch *batch, const weir_record *record,
                      const moves_partition *from, weir_error *err)
{
    target where = {0};
    size_t place, old = 0;

    if (find_target(self, batch, record, &where, err) != WEIR_OK)
        return err->code;
    assert(where.index != NULL);
    place = present_want(&self->present, where.index->name, weir_buf_str(&self->id));
    if (!where.index->by_position)
        return WEIR_OK;
    if (want_moved(self, batch, from, &where, &old, err) != WEIR_OK)
        return err->code;
    if (old > 0)
        present_at(&self->present, place)->moved_from = old;
    return WEIR_OK;
}

/* Wants what the records behind this one need, up to the end of a window. *last is the index of its last
 * record; UINT32_MAX: all that are left. */
static weir_code look_ahead(writer *self, const weir_batch *batch, weir_record record,
                            uint32_t *last, weir_error *err)
{
    *last = UINT32_MAX;
    present_clear(&self->present);
    moves_begin_window(&self->moves);
    while (weir_record_next(batch, &record)) {
        moves_partition *from = moves_reach(&self->moves, &record);
        weir_error problem = {0};

        if (needs_present(self, &record) && want(self, batch, &record, from, &problem) != WEIR_OK &&
            problem.code != WEIR_REJECT) { /* that is for put_record to report */
            *err = problem;
            return err->code;
        }
        moves_pass(&self->moves, from, &record);
        if (present_is_full(&self->present) || restart_is(batch, &record)) {
            *last = record.index;
            break;
        }
    }
    return WEIR_OK;
}

/* The same, with the documents read: when nothing is on its way that would change them. */
static weir_code begin_window(writer *self, const weir_batch *batch, const weir_record *record,
                              uint32_t *last, weir_error *err)
{
    bool too_large;

    do {
        too_large = false;
        if (look_ahead(self, batch, *record, last, err) != WEIR_OK)
            return err->code;
        if (present_count(&self->present) == 0)
            return WEIR_OK;
        if (client_drain(self->client, err) != WEIR_OK ||
            present_read(&self->present, client_http(self->client), &too_large, err) != WEIR_OK)
            return err->code;
    } while (too_large); /* each time with half as many */
    return WEIR_OK;
}

/* Of deletions that were held it may be known now whether they are halves of changes of a key. */
static weir_code settle_held(writer *self, weir_error *err)
{
    moves_partition *from;
    size_t at = 0;

    while ((from = moves_next_held(&self->moves, &at)) != NULL) {
        const moves_deletion *held = &from->held;
        const present_document *present;

        if (!moves_is_settled(&self->moves, from))
            continue;
        present = present_find(&self->present, held->index->name, weir_buf_str(&held->id));
        if (present != NULL && present->moves_at >= held->version) {
            moves_keep_held(&self->moves, from);
            continue;
        }
        if (send_deletion(self, held, err) != WEIR_OK)
            return err->code;
        moves_forget_held(&self->moves, from);
    }
    return WEIR_OK;
}

weir_code writer_put(writer *self, const weir_batch *batch, weir_error *err)
{
    weir_record record = {0};
    uint32_t last;

    do {
        bool is_last = false;

        if (begin_window(self, batch, &record, &last, err) != WEIR_OK ||
            settle_held(self, err) != WEIR_OK)
            return err->code;
        while (!is_last && weir_record_next(batch, &record)) {
            is_last = record.index == last;
            if (put_record(self, batch, &record, err) != WEIR_OK)
                return err->code;
        }
        if (end_window(self, err) != WEIR_OK)
            return err->code;
    } while (last != UINT32_MAX);
    present_clear(&self->present);
    return WEIR_OK;
}

/* What nothing has followed since the last flush is sent; the rest is not durable. */
static weir_code flush_held(writer *self, weir_offsets *offsets, weir_error *err)
{
    moves_partition *from;
    size_t at = 0;

    while ((from = moves_next_held(&self->moves, &at)) != NULL) {
        if (from->held_flushes++ == 0) {
            weir_offsets_set(offsets, from->topic, from->number, from->held.offset);
            continue;
        }
        if (send_deletion(self, &from->held, err) != WEIR_OK)
            return err->code;
        moves_forget_held(&self->moves, from);
    }
    return WEIR_OK;
}

weir_code writer_flush(writer *self, weir_offsets *offsets, weir_error *err)
{
    index_context context = {self->task, self->settings, self->client};

    if (flush_held(self, offsets, err) != WEIR_OK ||
        client_drain(self->client, err) !=
            WEIR_OK) /* everything else that was put is answered then */
        return err->code;
    return index_watch(&self->indices, &context, err);
}
