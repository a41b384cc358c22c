/* stream.c - takes changes from the replication slot as they are committed.
 *
 * While there is a backlog, data is let gather in the socket: waking up for each row costs more than
 * decoding it. When the stream is sparse, each message is taken at once.
 */
#include "stream.h"

#include "bytes.h"
#include "datetime.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#define CHECKPOINT_RECORDS 10000 /* a large transaction becomes durable in parts of this size */
#define CLOCK_MESSAGES     256   /* the clock is read once for so many messages */
#define WINDOW_US          INT64_C(1000) /* messages are counted over so long */
#define BACKLOG_MESSAGES   20            /* in a window: more are on their way */
#define GATHER_US          5000          /* so long data gathers, or until there is so much of it */
#define GATHER_BYTES       131072
#define WAIT_US            500000 /* the longest wait for data */
#define CONFIRM_MS         200    /* at most this often, unless the server asks */
#define IDLE_CHECKPOINT_MS 1000

/* One relation as the server announced it last. */
typedef struct stream_relation {
    relation *relation; /* NULL: not captured */
    weir_buf signature; /* what it was compiled from */
    pgoutput_column *columns;
} stream_relation;

struct stream {
    pgoutput_decoder decoder;
    weir_map *relations; /* by oid: stream_relation */
    uint32_t last_oid;   /* of the relation that was looked up last */
    relation *last_relation;
    weir_buf signature;

    char *buffer; /* the message that is being delivered: libpq's memory */
    pgoutput_message message;
    uint64_t message_lsn;
    bool pending;       /* the message is not delivered completely */
    int step;           /* of its records */
    uint32_t truncated; /* of its relations */

    bool in_transaction;
    uint64_t final_lsn;
    uint64_t change_lsn; /* of the last change that was seen */
    int64_t same_index;  /* changes of that LSN so far */
    int64_t order;       /* changes of the transaction so far */
    uint64_t last_commit;
    int64_t uncommitted; /* records since the last checkpoint */

    uint64_t received;  /* the server has sent everything up to here */
    uint64_t confirmed; /* durable: what the server was or will be told */
    bool confirm_due;
    int64_t told_ms;                                    /* when the server was told last */
    int64_t heard_ms;                                   /* when something came last */
    int64_t polled_ms;                                  /* when we listened last */
    int64_t asked_ms;                                   /* when an answer was asked for; 0: not */
    int64_t silence_limit_ms;                           /* wal_sender_timeout; 0: none */
    int64_t checkpoint_ms;                              /* when the position was written last */
    int64_t heartbeat_ms;                               /* when the last heartbeat was written */
    const weir_schema *heartbeat_key, *heartbeat_value; /* NULL: there are none */
    bool gathering;                                     /* SO_RCVLOWAT is set */
    int64_t window_us;                                  /* when counting began */
    int window_count;                                   /* messages since */
};

/* --- Talking to the server ------------------------------------------------------------------ */

static void add_u64(uint8_t *at, uint64_t value)
{
    uint64_t swapped = __builtin_bswap64(value);

    memcpy(at, &swapped, sizeof(swapped));
}

/* PostgreSQL 15, "Streaming Replication Protocol": standby status update. */
static weir_code tell(source *self, bool wants_answer, weir_error *err)
{
    stream *flow = self->stream;
    uint8_t status[34] = {'r'};

    status[33] = wants_answer;

    add_u64(status + 1, flow->received);
    add_u64(status + 9, flow->confirmed);
    add_u64(status + 17, flow->confirmed);
    add_u64(status + 25, (uint64_t)(connection_now_us() - DATETIME_EPOCH_US));
    if (PQputCopyData(self->replication, (const char *)status, sizeof(status)) != 1 ||
        PQflush(self->replication) != 0)
        return connection_failed(self->replication, NULL, "the replication connection", err);
    flow->told_ms = connection_clock_ms();
    flow->confirm_due = false;
    return WEIR_OK;
}

weir_code stream_keep_alive(source *self, weir_error *err)
{
    stream *flow = self->stream;
    int64_t since_ms = connection_clock_ms() - flow->told_ms;

    if (since_ms >= self->settings.status_update_interval_ms ||
        (flow->confirm_due && since_ms >= CONFIRM_MS))
        return tell(self, false, err);
    return WEIR_OK;
}

weir_code stream_confirm(source *self, uint64_t lsn, weir_error *err)
{
    stream *flow = self->stream;

    if (lsn <= flow->confirmed)
        return WEIR_OK;
    flow->confirmed = lsn;
    flow->confirm_due = true;
    return stream_keep_alive(self, err);
}

static weir_code start_failed(source *self, const PGresult *result, weir_error *err)
{
    (void)connection_failed(self->replication, result, "streaming did not start", err);
    return weir_wrap(err, "slot \"%.*s\"", WEIR_ARG(self->settings.slot_name));
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

static weir_code read_silence_limit(source *self, weir_error *err)
{
    WEIR_CLEANUP(connection_clear)
    PGresult *result = connection_query(self->sql,
                                        "SELECT setting FROM pg_catalog.pg_settings "
                                        "WHERE name = 'wal_sender_timeout'",
                                        NULL, 0, err);

    if (result == NULL)
        return weir_wrap(err, "reading wal_sender_timeout");
    weir_str text = connection_field(result, 0, 0);
    for (size_t i = 0; i < text.len; i++)
        self->stream->silence_limit_ms = self->stream->silence_limit_ms * 10 + (text.ptr[i] - '0');
    return WEIR_OK;
}

static void add_start_sql(source *self, bool binary, weir_buf *sql)
{
    weir_buf_printf(sql, "START_REPLICATION SLOT ");
    catalog_add_identifier(sql, self->settings.slot_name);
    weir_buf_printf(sql, " LOGICAL " CONNECTION_LSN_FORMAT " (proto_version '1', ",
                    CONNECTION_LSN_ARGS(self->position.commit));
    weir_buf_printf(sql, "publication_names '");
    for (size_t i = 0; i < self->publications.len; i++) {
        if (self->publications.ptr[i] == '\'')
            weir_buf_add_byte(sql, '\'');
        weir_buf_add_byte(sql, self->publications.ptr[i]);
    }
    weir_buf_printf(sql, "', binary '%s')", binary ? "true" : "false");
}

weir_code stream_begin(source *self, weir_error *err)
{
    stream *flow = weir_task_alloc(self->task, sizeof(*flow));
    weir_buf sql = {0};
    bool binary;

    self->stream = flow;
    flow->relations = weir_map_new();
    flow->confirmed = self->position.commit;
    flow->received = self->position.commit;
    if (prepare_heartbeats(self, err) != WEIR_OK || read_silence_limit(self, err) != WEIR_OK ||
        catalog_is_binary(&self->catalog, &self->context.options, &binary, err) != WEIR_OK)
        return err->code;
    add_start_sql(self, binary, &sql);
    PGresult *result = PQexec(self->replication, weir_buf_cstr(&sql));
    weir_buf_done(&sql);
    weir_code code =
        PQresultStatus(result) == PGRES_COPY_BOTH ? WEIR_OK : start_failed(self, result, err);
    PQclear(result);
    if (code != WEIR_OK)
        return code;
    self->event.snapshot = "false";
    self->event.position_floor = 0;
    self->event.last_commit_lsn = 0;
    flow->checkpoint_ms = connection_clock_ms();
    flow->heard_ms = flow->checkpoint_ms;
    weir_task_diag(self->task, WEIR_INFO, "streaming from " CONNECTION_LSN_FORMAT,
                   CONNECTION_LSN_ARGS(self->position.commit));
    weir_task_progress(self->task, "streaming", 0, 0);
    return tell(self, false, err);
}

void stream_end(source *self)
{
    stream *flow = self->stream;
    size_t at = 0;
    void *value;

    if (flow == NULL)
        return;
    while (weir_map_next(flow->relations, &at, NULL, &value))
        weir_buf_done(&((stream_relation *)value)->signature);
    weir_map_free(flow->relations);
    weir_buf_done(&flow->signature);
    PQfreemem(flow->buffer);
    self->stream = NULL;
}

/* --- Relations ------------------------------------------------------------------------------ */

static const catalog_column *column_of(const catalog_table *table, const pgoutput_column *column)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (weir_str_eq(table->columns[i].name, column->name) &&
            table->columns[i].type == column->type)
            return &table->columns[i];
    }
    return NULL;
}

/* What the server announced, as of the changes that follow, completed by what the catalog says now: NOT
 * NULL, defaults, the order of the key's columns. */
static void merge(source *self, const catalog_table *now, catalog_table *table)
{
    const pgoutput_message *message = &self->stream->message;
    bool same_key = true;

    table->column_count = message->table.count;
    table->columns =
        weir_task_alloc(self->task, ((size_t)message->table.count + 1) * sizeof(*table->columns));
    for (uint16_t i = 0; i < message->table.count; i++) {
        const pgoutput_column *sent = &message->table.columns[i];
        const catalog_column *known = column_of(now, sent);
        catalog_column *column = &table->columns[i];

        *column = known != NULL ? *known : (catalog_column){0};
        column->name = weir_task_copy(self->task, sent->name);
        column->type = sent->type;
        column->modifier = sent->modifier;
        column->identity = table->identity == 'i' && sent->identity;
        same_key = same_key && (column->key_position > 0) == sent->identity;
    }
    for (uint16_t i = 0, in_key_count = 0; i < message->table.count; i++) {
        if (table->identity != 'd' || same_key)
            break;
        bool in_key = message->table.columns[i].identity; /* the key has changed since */
        table->columns[i].key_position = in_key ? ++in_key_count : 0;
        table->columns[i].not_null = table->columns[i].not_null || in_key;
    }
}

static void add_announced(const pgoutput_message *message, weir_buf *out)
{
    weir_buf_printf(out, "%.*s%c%.*s%c%c", WEIR_ARG(message->table.schema), 0,
                    WEIR_ARG(message->table.name), 0, message->table.identity);
    for (uint16_t i = 0; i < message->table.count; i++) {
        const pgoutput_column *column = &message->table.columns[i];

        weir_buf_printf(out, "%d %.*s%c%u %d,", column->identity, WEIR_ARG(column->name), 0,
                        column->type, column->modifier);
    }
}

static weir_code compile(source *self, stream_relation *entry, weir_error *err)
{
    const pgoutput_message *message = &self->stream->message;
    catalog_table now = {.oid = message->relation};
    catalog_table *table = weir_task_alloc(self->task, sizeof(*table));

    entry->relation = NULL;
    if (!filter_takes_table(self->filter, message->table.schema, message->table.name))
        return WEIR_OK;
    if (catalog_columns(&self->catalog, &now, err) != WEIR_OK)
        return err->code;
    *table = (catalog_table){.oid = message->relation,
                             .schema = weir_task_copy(self->task, message->table.schema),
                             .name = weir_task_copy(self->task, message->table.name),
                             .identity = message->table.identity};
    merge(self, &now, table);
    entry->relation = relation_new(&self->context, table, err);
    return entry->relation != NULL ? WEIR_OK : err->code;
}

/* The server announces a relation before its first change, after it was altered, and now and then
 * without a reason: it is compiled again only when it is another. */
static weir_code on_relation(source *self, weir_error *err)
{
    stream *flow = self->stream;
    weir_str key = {(const char *)&flow->message.relation, sizeof(flow->message.relation)};
    stream_relation *entry = weir_map_get(flow->relations, key);

    if (entry == NULL) {
        entry = weir_task_alloc(self->task, sizeof(*entry));
        (void)weir_map_put(flow->relations, key, entry);
    }
    weir_buf_clear(&flow->signature);
    add_announced(&flow->message, &flow->signature);
    if (catalog_signature(&self->catalog, flow->message.relation, &flow->signature, err) != WEIR_OK)
        return err->code;
    flow->last_oid = 0;
    if (weir_str_eq(weir_buf_str(&flow->signature), weir_buf_str(&entry->signature)))
        return WEIR_OK;
    weir_buf_clear(&entry->signature);
    weir_buf_add_str(&entry->signature, weir_buf_str(&flow->signature));
    return compile(self, entry, err);
}

static weir_code find_relation(source *self, uint32_t oid, relation **out, weir_error *err)
{
    stream *flow = self->stream;

    if (flow->last_oid != oid) {
        stream_relation *entry =
            weir_map_get(flow->relations, (weir_str){(const char *)&oid, sizeof(oid)});

        if (entry == NULL)
            return weir_fail(err, WEIR_RETRY,
                             "the server sent a change of relation %u without announcing it", oid);
        flow->last_oid = oid;
        flow->last_relation = entry->relation;
    }
    *out = flow->last_relation;
    return WEIR_OK;
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

    if (find_relation(self, message->relation, &table, err) != WEIR_OK)
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
        .fill = message->change.old_kind == 'O' ? &message->change.old_tuple : NULL,
        .lsn = flow->message_lsn,
        .order = flow->order,
    };
    return write_change(self, &change, batch, err);
}

static weir_code deliver_truncate(source *self, weir_batch *batch, weir_error *err)
{
    stream *flow = self->stream;

    while (flow->truncated < flow->message.truncate.count) {
        relation *table = NULL;
        uint32_t oid = pgoutput_truncated(&flow->message, flow->truncated);

        if (find_relation(self, oid, &table, err) != WEIR_OK)
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
    if (flow->uncommitted >= CHECKPOINT_RECORDS) {
        self->position.open = flow->final_lsn;
        self->position.change = flow->change_lsn;
        self->position.same_count = flow->same_index;
        checkpoint(self, batch);
    }
    return WEIR_OK;
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
        return on_relation(self, err);
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
        if (start > flow->received)
            flow->received = start;
        return reply && !in.failed ? tell(self, false, err) : WEIR_OK;
    }
    (void)bytes_u64(&in); /* the end of WAL on the server */
    (void)bytes_u64(&in); /* its clock */
    if (kind != 'w' || in.failed)
        return weir_fail(err, WEIR_RETRY, "the server sent a replication message of kind 0x%02x",
                         kind);
    flow->message_lsn = start;
    if (start > flow->received)
        flow->received = start;
    return on_message(self, (weir_str){(const char *)in.at, bytes_left(&in)}, batch, err);
}

/* --- Reading -------------------------------------------------------------------------------- */

/* Data below the low-water mark does not wake up who waits for the socket. */
static void set_gathering(source *self, bool gathering)
{
    int bytes_wanted = gathering ? GATHER_BYTES : 1;

    if (self->stream->gathering == gathering)
        return;
    self->stream->gathering = gathering; /* where it is not supported, nothing gathers */
    (void)setsockopt(PQsocket(self->replication), SOL_SOCKET, SO_RCVLOWAT, &bytes_wanted,
                     sizeof(bytes_wanted));
}

/* Takes one message, if there is one. */
static weir_code take(source *self, weir_batch *batch, bool *none, weir_error *err)
{
    stream *flow = self->stream;

    PQfreemem(flow->buffer);
    flow->buffer = NULL;
    int size = PQgetCopyData(self->replication, &flow->buffer, 1);
    if (size == 0) {
        if (PQconsumeInput(self->replication) != 1)
            return connection_failed(self->replication, NULL, "the replication connection", err);
        size = PQgetCopyData(self->replication, &flow->buffer, 1);
    }
    *none = size == 0;
    if (size > 0)
        return on_copy_data(self, (weir_str){flow->buffer, (size_t)size}, batch, err);
    if (size == 0)
        return WEIR_OK;
    WEIR_CLEANUP(connection_clear) PGresult *result = PQgetResult(self->replication);
    (void)connection_failed(self->replication, size == -1 ? result : NULL,
                            "the server ended the stream", err);
    return weir_wrap(err, "slot \"%.*s\"", WEIR_ARG(self->settings.slot_name));
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
    if (flow->received > self->position.commit)
        self->position.commit = flow->received;
    if (self->position.commit > flow->confirmed &&
        connection_clock_ms() - flow->checkpoint_ms >= IDLE_CHECKPOINT_MS)
        checkpoint(self, batch);
}

/* A network that swallows everything looks like a server that has nothing to say. As the server gives up
 * after wal_sender_timeout without a word from us, so do we; half-way it is asked to answer. */
static weir_code check_silence(source *self, bool heard, weir_error *err)
{
    stream *flow = self->stream;
    int64_t now_ms = connection_clock_ms();
    int64_t silent_ms = now_ms - flow->heard_ms;

    if (heard || now_ms - flow->polled_ms > flow->silence_limit_ms / 4) {
        flow->heard_ms = now_ms; /* or nobody listened */
        flow->asked_ms = 0;
    }
    flow->polled_ms = now_ms;
    if (flow->silence_limit_ms == 0 || flow->heard_ms == now_ms)
        return WEIR_OK;
    if (silent_ms > flow->silence_limit_ms)
        return weir_fail(err, WEIR_RETRY,
                         "the server has not answered for %lld ms (wal_sender_timeout): the "
                         "connection is given up",
                         (long long)silent_ms);
    if (silent_ms < flow->silence_limit_ms / 2 || flow->asked_ms != 0)
        return WEIR_OK;
    flow->asked_ms = now_ms;
    return tell(self, true, err);
}

/* Whether so many messages come that it pays to let them gather. */
static bool is_backlog(stream *flow)
{
    int64_t now_us = connection_clock_us();

    if (now_us - flow->window_us < WINDOW_US)
        return flow->gathering;
    bool backlog =
        flow->window_count >= BACKLOG_MESSAGES && now_us - flow->window_us < 10 * WINDOW_US;
    flow->window_us = now_us;
    flow->window_count = 0;
    return backlog;
}

/* Nothing has come: waits for more. False when it is time to return. */
static bool wait_for_more(source *self, bool delivered, int64_t deadline_ms)
{
    bool backlog = is_backlog(self->stream);
    int64_t left_us = (deadline_ms - connection_clock_ms()) * INT64_C(1000);

    set_gathering(self, backlog);
    if (backlog) {
        (void)connection_wait(self->replication, GATHER_US);
        return true;
    }
    if ((delivered && !self->stream->in_transaction) || left_us <= 0)
        return false; /* in a transaction, only its end makes the records worth anything */
    return connection_wait(self->replication, left_us < WAIT_US ? left_us : WAIT_US);
}

weir_code stream_poll(source *self, weir_batch *batch, int timeout_ms, weir_error *err)
{
    stream *flow = self->stream;
    int64_t deadline_ms = connection_clock_ms() + timeout_ms;
    bool delivered = false;
    bool heard = false;
    weir_code code = WEIR_OK;

    self->event.now_us = connection_now_us();
    for (int i = 1; code == WEIR_OK; i++) {
        bool none = false;

        if (flow->pending)
            code = deliver(self, batch, err);
        else
            code = take(self, batch, &none, err);
        if (code != WEIR_OK || flow->pending)
            break; /* pending: the batch is full */
        flow->window_count += !none;
        heard = heard || !none;
        delivered = delivered || flow->uncommitted > 0;
        if (none && !wait_for_more(self, delivered, deadline_ms))
            break;
        if (none || i % CLOCK_MESSAGES == 0) {
            self->event.now_us = connection_now_us();
            if (connection_clock_ms() >= deadline_ms)
                break;
        }
    }
    if (code != WEIR_OK)
        return code;
    advance_idle(self, batch);
    if (check_silence(self, heard || flow->pending, err) != WEIR_OK)
        return err->code;
    if (beat(self, batch, err) != WEIR_OK)
        return err->code;
    return stream_keep_alive(self, err);
}
