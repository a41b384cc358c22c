/* stream.c - takes changes from the replication slot as they are committed. */
#include "stream.h"

#include "bytes.h"
#include "datetime.h"
#include "stream_change.h"

#include <libpq-fe.h>

#define CLOCK_MESSAGES     256 /* the clock is read once for so many messages */
#define IDLE_CHECKPOINT_MS 1000
#define UNSEEN_MS          1000 /* for ever, if the commit itself waits for what we confirm */

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
        stream_checkpoint(self, batch);
}

/* A table has a type that is only read as text, which it had not when the stream began, or has no more: the
 * transaction comes again from its beginning, and what was delivered of it is dropped. */
static weir_code ask_for_text(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;

    if (flow->uncommitted > 0)
        stream_checkpoint_inside(self, batch);
    flow->in_transaction = false;
    return feed_ask_for_text(&flow->feed, self->position.commit, err);
}

/* A relation is completed from the catalog, where the transaction that changed it must be seen. */
static weir_code take_relation(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;
    relation *table = NULL;
    bool is_seen_now;

    if (catalog_sees(&self->catalog, (uint32_t)self->event.transaction_id, &is_seen_now, err) !=
        WEIR_OK)
        return err->code;
    if (!is_seen_now && connection_clock_ms() - flow->unseen_ms < UNSEEN_MS)
        return WEIR_OK;
    flow->unseen_ms = 0;
    if (announced_add(&flow->announced, &flow->message, err) != WEIR_OK ||
        announced_find(&flow->announced, flow->message.relation, &table, err) != WEIR_OK)
        return err->code;
    return table != NULL && !table->binary && flow->feed.binary ? ask_for_text(self, batch, err)
                                                                : WEIR_OK;
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
        return take_relation(self, batch, err);
    case PGOUTPUT_TYPE:
        catalog_forget_type(&self->catalog, flow->message.relation);
        return WEIR_OK;
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
    case PGOUTPUT_TRUNCATE:
        flow->pending = !stream_change_is_old(self);
        flow->step = 0;
        flow->truncated = 0;
        return flow->pending ? stream_change_deliver(self, batch, err) : WEIR_OK;
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

/* What a user wants to be done with each heartbeat; that it fails is his affair, unless the server is gone. */
static weir_code run_action(source *self, weir_error *err)
{
    weir_str query = self->settings.heartbeat_action_query;
    weir_buf sql = {0};

    if (query.len == 0)
        return WEIR_OK;
    /* the connection's own path has no schemas but the system's */
    weir_buf_printf(&sql, "SET LOCAL search_path = \"$user\", public; %.*s", WEIR_ARG(query));
    weir_code code = connection_run(self->sql, weir_buf_cstr(&sql), err);
    weir_buf_done(&sql);
    if (code == WEIR_OK || PQstatus(self->sql) != CONNECTION_OK)
        return code;
    weir_task_diag(self->task, WEIR_WARN, "heartbeat.action.query failed: %s", err->message);
    return WEIR_OK;
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
    stream_checkpoint(self, batch);
    return run_action(self, err);
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
        stream_checkpoint(self, batch);
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
            code = stream_change_deliver(self, batch, err);
        else if (flow->unseen_ms != 0)
            code = take_relation(self, batch, err);
        else
            code = take(self, batch, &none, err);
        if (code != WEIR_OK || flow->pending || flow->feed.starting)
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
    if (flow->feed.starting)
        return WEIR_OK;
    advance_idle(self, batch);
    if (feed_check_silence(&flow->feed, heard || flow->pending, err) != WEIR_OK ||
        beat(self, batch, err) != WEIR_OK || feed_keep_alive(&flow->feed, err) != WEIR_OK)
        return err->code;
    if (flow->in_transaction || flow->pending || flow->uncommitted > 0)
        return WEIR_OK;
    drop_message(self);
    return feed_renew(&flow->feed, self->position.commit, err);
}
