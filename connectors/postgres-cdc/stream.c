/* stream.c - takes changes from the replication slot as they are committed. */
#include "stream.h"

#include "announced.h"
#include "bytes.h"
#include "datetime.h"
#include "feed.h"
#include "missing.h"

#include <libpq-fe.h>

#define CHECKPOINT_RECORDS 10000 /* a large transaction becomes durable in parts of this size */
#define CLOCK_MESSAGES     256   /* the clock is read once for so many messages */
#define IDLE_CHECKPOINT_MS 1000
#define UNSEEN_MS          1000 /* for ever, if the commit itself waits for what we confirm */

struct stream {
    feed feed;
    announced announced;
    pgoutput_decoder decoder;
    missing missing; /* of the message that is being delivered */

    char *buffer; /* the message that is being delivered: libpq's memory */
    size_t buffer_size;
    pgoutput_message message;
    uint64_t message_lsn;
    bool pending; /* the message is not delivered completely */
    int step;     /* of its records */
    int64_t
        unseen_ms; /* since when its transaction is waited for, to be seen by others; 0: it is not */
    uint32_t truncated; /* of its relations */

    bool in_transaction;
    uint64_t final_lsn;
    uint64_t change_lsn; /* of the last change that was seen */
    int64_t same_index;  /* changes of that LSN so far */
    int64_t order;       /* changes of the transaction so far */
    int64_t uncommitted; /* records since the last checkpoint */

    int64_t checkpoint_ms;                              /* when the position was written last */
    int64_t heartbeat_ms;                               /* when the last heartbeat was written */
    const weir_schema *heartbeat_key, *heartbeat_value; /* NULL: there are none */
};

/* --- Beginning and ending ------------------------------------------------------------------- */

weir_code stream_keep_alive(source *self, weir_error *err)
{
    return feed_keep_alive(&self->stream->feed, err);
}

/* For dashboards: docs/reference/metrics.md. */
static void show_position(source *self)
{
    const feed *now = &self->stream->feed;
    uint64_t behind = now->received > now->confirmed ? now->received - now->confirmed : 0;

    weir_task_gauge(self->task, "postgres_received_lsn_bytes", (double)now->received);
    weir_task_gauge(self->task, "postgres_confirmed_lsn_bytes", (double)now->confirmed);
    weir_task_gauge(self->task, "postgres_unconfirmed_bytes", (double)behind);
}

weir_code stream_confirm(source *self, uint64_t lsn, weir_error *err)
{
    weir_code code = feed_confirm(&self->stream->feed, lsn, err);

    show_position(self);
    return code;
}

static weir_code prepare_heartbeats(source *self, weir_error *err)
{
    stream *flow = self->stream;

    if (self->settings.heartbeat_interval_ms == 0)
        return WEIR_OK;
    flow->heartbeat_ms = connection_clock_ms();
    flow->heartbeat_value = weir_task_schema(self->task, WEIR_STR(EVENT_HEARTBEAT_VALUE), err);
    flow->heartbeat_key = weir_task_schema(self->task, WEIR_STR(EVENT_HEARTBEAT_KEY), err);
    return flow->heartbeat_key != NULL && flow->heartbeat_value != NULL ? WEIR_OK : err->code;
}

static weir_code read_silence_limit(source *self, int64_t *limit_ms, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->sql,
                                        "SELECT setting FROM pg_catalog.pg_settings "
                                        "WHERE name = 'wal_sender_timeout'",
                                        NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "reading wal_sender_timeout");
    weir_str text = connection_field(result, 0, 0);
    *limit_ms = 0;
    for (size_t i = 0; i < text.len; i++)
        *limit_ms = *limit_ms * 10 + (text.ptr[i] - '0');
    return WEIR_OK;
}

weir_code stream_begin(source *self, weir_error *err)
{
    stream *flow = weir_task_alloc(self->task, sizeof(*flow));
    int64_t silence_limit_ms = 0;

    self->stream = flow;
    announced_init(&flow->announced, &self->context);
    flow->feed = (feed){.settings = &self->settings,
                        .connection = &self->replication,
                        .publications = weir_buf_str(&self->publications)};
    if (prepare_heartbeats(self, err) != WEIR_OK ||
        read_silence_limit(self, &silence_limit_ms, err) != WEIR_OK ||
        catalog_is_binary(&self->catalog, &self->context.options, &flow->feed.binary, err) !=
            WEIR_OK ||
        connection_run(self->sql, "SET lock_timeout = '1s'", err) != WEIR_OK ||
        feed_begin(&flow->feed, self->position.commit, silence_limit_ms, err) != WEIR_OK)
        return err->code;
    self->event.snapshot = "false";
    self->event.position_floor = 0;
    self->event.last_commit_lsn = 0;
    flow->checkpoint_ms = connection_clock_ms();
    weir_task_diag(self->task, WEIR_INFO, "streaming from " CONNECTION_LSN_FORMAT,
                   CONNECTION_LSN_ARGS(self->position.commit));
    weir_task_progress(self->task, "streaming", 0, 0);
    return WEIR_OK;
}

void stream_end(source *self)
{
    stream *flow = self->stream;

    if (flow == NULL)
        return;
    announced_done(&flow->announced);
    missing_done(&flow->missing);
    PQfreemem(flow->buffer);
    self->stream = NULL;
}

/* --- Transactions and changes --------------------------------------------------------------- */

static void on_begin(source *self)
{
    stream *flow = self->stream;

    flow->in_transaction = true;
    flow->final_lsn = flow->message.begin.final_lsn;
    flow->change_lsn = 0;
    flow->order = 0;
    self->event.commit_us = flow->message.begin.time_us + DATETIME_EPOCH_US;
    self->event.transaction_id = flow->message.begin.xid;
}

static void checkpoint(source *self, weir_batch *batch)
{
    position_write(&self->position, self->partition, batch);
    self->stream->uncommitted = 0;
    self->stream->checkpoint_ms = connection_clock_ms();
}

static void on_commit(source *self, weir_batch *batch)
{
    stream *flow = self->stream;

    flow->in_transaction = false;
    if (flow->message.commit.end_lsn > self->position.commit)
        self->position.commit = flow->message.commit.end_lsn;
    seen_forget(&self->position.seen, self->position.commit);
    if (flow->final_lsn >= self->position.open)
        self->position.open = 0;
    self->event.last_commit_lsn = flow->message.commit.end_lsn;
    if (flow->uncommitted > 0)
        checkpoint(self, batch);
}

/* Counts the change and says whether it was delivered before. */
static bool is_old(source *self)
{
    stream *flow = self->stream;

    flow->order++;
    flow->same_index = flow->message_lsn == flow->change_lsn ? flow->same_index + 1 : 1;
    flow->change_lsn = flow->message_lsn;
    return position_has(&self->position, flow->final_lsn, flow->change_lsn, flow->same_index);
}

/* The change is in the rows of a snapshot that was read later. */
static bool is_seen(const source *self, const relation *table)
{
    return seen_has(&self->position.seen, table->oid, (uint32_t)self->event.transaction_id);
}

static weir_code check_count(const relation *table, const pgoutput_tuple *tuple, weir_error *err)
{
    if (tuple->values == NULL || tuple->count == table->column_count)
        return WEIR_OK;
    return weir_fail(
        err, WEIR_RETRY, "a row of %.*s.%.*s came with %u columns, but the server announced %zu",
        WEIR_ARG(table->schema), WEIR_ARG(table->name), tuple->count, table->column_count);
}

/* What fills the gaps of an updated row: its old row, if that was sent whole, or the table, when sinks
 * can't have the row that they lie in. */
static weir_code find_fill(source *self, const relation *table, const pgoutput_tuple **fill,
                           weir_error *err)
{
    stream *flow = self->stream;
    const pgoutput_message *message = &flow->message;
    const pgoutput_tuple *old_row = &message->change.old_tuple;
    const pgoutput_tuple *new_row = &message->change.new_tuple;

    *fill = message->change.old_kind == 'O' ? old_row : NULL;
    if (*fill != NULL || message->kind != PGOUTPUT_UPDATE)
        return WEIR_OK;
    if (flow->final_lsn >= self->position.read_to &&
        (old_row->values == NULL || relation_same_key(table, old_row, new_row)))
        return WEIR_OK;
    if (!missing_any(table, new_row))
        return WEIR_OK;
    return missing_read(&flow->missing, self->sql, table, new_row, fill, err);
}

static weir_code write_change(source *self, const event_change *change, weir_batch *batch,
                              weir_error *err)
{
    stream *flow = self->stream;
    weir_code code = event_write(&self->event, change, &flow->step, batch, err);

    flow->uncommitted += code == WEIR_OK && flow->step == -1;
    return code;
}

static weir_code deliver_row(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    const pgoutput_message *message = &flow->message;
    relation *table = NULL;

    if (announced_find(&flow->announced, message->relation, &table, err) != WEIR_OK)
        return err->code;
    if (table == NULL || is_seen(self, table)) {
        flow->step = -1;
        return WEIR_OK;
    }
    if (check_count(table, &message->change.old_tuple, err) != WEIR_OK ||
        check_count(table, &message->change.new_tuple, err) != WEIR_OK)
        return err->code;
    event_change change = {
        .relation = table,
        .operation = message->kind == PGOUTPUT_INSERT   ? 'c'
                     : message->kind == PGOUTPUT_UPDATE ? 'u'
                                                        : 'd',
        .old_row = message->change.old_tuple.values != NULL ? &message->change.old_tuple : NULL,
        .new_row = message->change.new_tuple.values != NULL ? &message->change.new_tuple : NULL,
        .lsn = flow->message_lsn,
        .order = flow->order,
    };
    if (find_fill(self, table, &change.fill, err) != WEIR_OK)
        return err->code;
    weir_code code = write_change(self, &change, batch, err);

    while (code != WEIR_OK && announced_was_refused(table)) {
        if (announced_allow_null(&flow->announced, &table, err) != WEIR_OK)
            return err->code;
        change.relation = table;
        code = write_change(self, &change, batch, err);
    }
    return code;
}

static weir_code deliver_truncate(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;

    while (flow->truncated < flow->message.truncate.count) {
        relation *table = NULL;
        uint32_t oid = pgoutput_truncated(&flow->message, flow->truncated);

        if (announced_find(&flow->announced, oid, &table, err) != WEIR_OK)
            return err->code;
        event_change change = {
            .relation = table, .operation = 't', .lsn = flow->message_lsn, .order = flow->order};
        if (table != NULL && !is_seen(self, table)) {
            flow->step = 0;
            weir_code code = write_change(self, &change, batch, err);
            if (code != WEIR_OK || flow->step != -1)
                return code;
        }
        flow->truncated++;
    }
    flow->step = -1;
    return WEIR_OK;
}

/* Delivers the pending change; it stays pending when the batch is full. */
static weir_code deliver(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    weir_code code = flow->message.kind == PGOUTPUT_TRUNCATE ? deliver_truncate(self, batch, err)
                                                             : deliver_row(self, batch, err);

    if (code != WEIR_OK || flow->step != -1)
        return code;
    flow->pending = false;
    missing_drop(&flow->missing);
    if (flow->uncommitted >= CHECKPOINT_RECORDS) {
        self->position.open = flow->final_lsn;
        self->position.change = flow->change_lsn;
        self->position.same_count = flow->same_index;
        checkpoint(self, batch);
    }
    return WEIR_OK;
}

/* A relation is completed from the catalog, where the transaction that changed it must be seen. */
static weir_code take_relation(source *self, weir_error *err)
{
    stream *flow = self->stream;
    bool is_seen_now;

    if (catalog_sees(&self->catalog, (uint32_t)self->event.transaction_id, &is_seen_now, err) !=
        WEIR_OK)
        return err->code;
    if (!is_seen_now && connection_clock_ms() - flow->unseen_ms < UNSEEN_MS)
        return WEIR_OK;
    flow->unseen_ms = 0;
    return announced_add(&flow->announced, &flow->message, err);
}

static weir_code on_message(source *self, weir_str payload, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    weir_code code = pgoutput_decode(&flow->decoder, payload, &flow->message, err);

    if (code != WEIR_OK)
        return code;
    switch (flow->message.kind) {
    case PGOUTPUT_BEGIN:
        on_begin(self);
        return WEIR_OK;
    case PGOUTPUT_COMMIT:
        on_commit(self, batch);
        return WEIR_OK;
    case PGOUTPUT_RELATION:
        flow->unseen_ms = connection_clock_ms();
        return take_relation(self, err);
    case PGOUTPUT_TYPE:
        catalog_forget_type(&self->catalog, flow->message.relation);
        return WEIR_OK;
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
    case PGOUTPUT_TRUNCATE:
        flow->pending = !is_old(self);
        flow->step = 0;
        flow->truncated = 0;
        return flow->pending ? deliver(self, batch, err) : WEIR_OK;
    case PGOUTPUT_ORIGIN:
    case PGOUTPUT_MESSAGE:
        return WEIR_OK;
    }
    return WEIR_OK;
}

/* A message of the replication protocol: data, or a keepalive. */
static weir_code on_copy_data(source *self, weir_str message, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    bytes in = bytes_of(message);
    uint8_t kind = bytes_u8(&in);
    uint64_t start = bytes_u64(&in);

    if (kind == 'k') {
        (void)bytes_u64(&in); /* the server's clock */
        bool reply = bytes_u8(&in) != 0;
        if (start > flow->feed.received)
            flow->feed.received = start;
        show_position(self);
        return reply && !in.failed ? feed_tell(&flow->feed, false, err) : WEIR_OK;
    }
    (void)bytes_u64(&in); /* the end of WAL on the server */
    (void)bytes_u64(&in); /* its clock */
    if (kind != 'w' || in.failed)
        return weir_fail(err, WEIR_RETRY, "the server sent a replication message of kind 0x%02x",
                         kind);
    flow->message_lsn = start;
    if (start > flow->feed.received)
        flow->feed.received = start;
    return on_message(self, (weir_str){(const char *)in.at, bytes_left(&in)}, batch, err);
}

/* --- Reading -------------------------------------------------------------------------------- */

/* What a very large value took is given back at once: the next one may be a long way off. */
static void drop_message(source *self)
{
    stream *flow = self->stream;

    PQfreemem(flow->buffer);
    flow->buffer = NULL;
    if (flow->buffer_size >= FEED_LARGE_BYTES)
        relation_context_trim(&self->context);
    flow->buffer_size = 0;
}

/* The server does not say which row it is that it cannot send. */
static weir_code explain_too_large(source *self, weir_error *err)
{
    const announced *known = &self->stream->announced;

    return weir_wrap(
        err,
        "a changed row is larger than 1 GB, with its old row if that is sent, and "
        "cannot be decoded; the table announced last is %.*s.%.*s. Leave its largest "
        "columns out by a column list of publication \"%.*s\" (ALTER PUBLICATION ... SET "
        "TABLE ... (columns)), then drop the slot and delete the connector's offsets "
        "to start with a new snapshot",
        WEIR_ARG(known->newest_schema), WEIR_ARG(known->newest_name),
        WEIR_ARG(self->settings.publication_name));
}

/* Takes one message, if there is one. */
static weir_code take(source *self, weir_batch *batch, bool *none, weir_error *err)
{
    stream *flow = self->stream;

    drop_message(self);
    weir_code code = feed_take(&flow->feed, &flow->buffer, &flow->buffer_size, err);
    *none = flow->buffer == NULL;
    if (code != WEIR_OK)
        return connection_is_too_large(err) ? explain_too_large(self, err) : code;
    if (*none)
        return WEIR_OK;
    return on_copy_data(self, (weir_str){flow->buffer, flow->buffer_size}, batch, err);
}

/* Between transactions, when it is time. One that does not fit is written next time. */
static weir_code beat(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    int64_t now_ms = connection_clock_ms();
    bool full;

    if (flow->heartbeat_key == NULL || flow->in_transaction || flow->pending ||
        now_ms - flow->heartbeat_ms < self->settings.heartbeat_interval_ms)
        return WEIR_OK;
    weir_code code = event_heartbeat(&self->event, flow->heartbeat_key, flow->heartbeat_value,
                                     batch, &full, err);
    if (code != WEIR_OK || full)
        return code;
    flow->heartbeat_ms = now_ms;
    checkpoint(self, batch);
    return WEIR_OK;
}

/* Everything received is delivered and no transaction is open: the server's position is ours. Written
 * when it is worth it, so that a slot whose tables do not change is confirmed, too. */
static void advance_idle(source *self, weir_batch *batch)
{
    stream *flow = self->stream;

    if (flow->in_transaction || flow->pending || flow->uncommitted > 0)
        return;
    if (flow->feed.received > self->position.commit)
        self->position.commit = flow->feed.received;
    if (self->position.commit > flow->feed.confirmed &&
        connection_clock_ms() - flow->checkpoint_ms >= IDLE_CHECKPOINT_MS)
        checkpoint(self, batch);
}

/* Messages until the batch is full or nothing has come for the time. */
static weir_code take_messages(source *self, weir_batch *batch, int64_t deadline_ms, bool *heard,
                               weir_error *err)
{
    stream *flow = self->stream;
    bool delivered = false;
    weir_code code = WEIR_OK;

    for (int i = 1; code == WEIR_OK; i++) {
        bool none = false;

        if (flow->pending)
            code = deliver(self, batch, err);
        else if (flow->unseen_ms != 0)
            code = take_relation(self, err);
        else
            code = take(self, batch, &none, err);
        if (code != WEIR_OK || flow->pending)
            break; /* pending: the batch is full */
        *heard = *heard || !none;
        delivered = delivered || flow->uncommitted > 0;
        /* In a transaction, only its end makes the records worth anything. */
        if (none && !feed_wait(&flow->feed, delivered && !flow->in_transaction, deadline_ms))
            break;
        if (none || flow->unseen_ms != 0 || i % CLOCK_MESSAGES == 0) {
            self->event.now_us = connection_now_us();
            if (connection_clock_ms() >= deadline_ms)
                break;
        }
    }
    return code;
}

weir_code stream_poll(source *self, weir_batch *batch, int timeout_ms, weir_error *err)
{
    stream *flow = self->stream;
    int64_t deadline_ms = connection_clock_ms() + timeout_ms;
    bool heard = false;

    self->event.now_us = connection_now_us();
    if (flow->feed.starting)
        return feed_start_again(&flow->feed, self->position.commit, timeout_ms, err);
    if (take_messages(self, batch, deadline_ms, &heard, err) != WEIR_OK)
        return err->code;
    advance_idle(self, batch);
    if (feed_check_silence(&flow->feed, heard || flow->pending, err) != WEIR_OK ||
        beat(self, batch, err) != WEIR_OK || feed_keep_alive(&flow->feed, err) != WEIR_OK)
        return err->code;
    if (flow->in_transaction || flow->pending || flow->uncommitted > 0)
        return WEIR_OK;
    drop_message(self);
    return feed_renew(&flow->feed, self->position.commit, err);
}
