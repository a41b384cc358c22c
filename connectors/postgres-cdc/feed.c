/* feed.c - the replication connection while it streams: what comes, what the server is told, and when. */
#include "feed.h"

#include "catalog.h"
#include "datetime.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#define WINDOW_US        INT64_C(1000) /* messages are counted over so long */
#define BACKLOG_MESSAGES 20            /* in a window: more are on their way */
#define GATHER_US        5000          /* so long data gathers, or until there is so much of it */
#define GATHER_BYTES     131072
#define WAIT_US          500000 /* the longest wait for data */
#define CONFIRM_MS       200    /* at most this often, unless the server asks */
#define START_AGAIN_MS   30000 /* so long a server may take to notice that a connection has ended */

static weir_code lost(const feed *self, weir_error *err)
{
    return connection_failed(*self->connection, NULL, "the replication connection", err);
}

/* --- Talking to the server ------------------------------------------------------------------ */

static void add_u64(uint8_t *at, uint64_t value)
{
    uint64_t swapped = __builtin_bswap64(value);

    memcpy(at, &swapped, sizeof(swapped));
}

/* PostgreSQL 15, "Streaming Replication Protocol": standby status update. */
weir_code feed_tell(feed *self, bool wants_answer, weir_error *err)
{
    uint8_t status[34] = {'r'};

    status[33] = wants_answer;
    add_u64(status + 1, self->received);
    add_u64(status + 9, self->confirmed);
    add_u64(status + 17, self->confirmed);
    add_u64(status + 25, (uint64_t)(connection_now_us() - DATETIME_EPOCH_US));
    if (PQputCopyData(*self->connection, (const char *)status, sizeof(status)) != 1 ||
        PQflush(*self->connection) != 0)
        return lost(self, err);
    self->told_ms = connection_clock_ms();
    self->confirm_due = false;
    return WEIR_OK;
}

weir_code feed_keep_alive(feed *self, weir_error *err)
{
    int64_t since_ms = connection_clock_ms() - self->told_ms;

    if (!self->starting &&
        (since_ms >= self->tell_ms || (self->confirm_due && since_ms >= CONFIRM_MS)))
        return feed_tell(self, false, err);
    return WEIR_OK;
}

weir_code feed_confirm(feed *self, uint64_t lsn, weir_error *err)
{
    if (lsn <= self->confirmed)
        return WEIR_OK;
    self->confirmed = lsn;
    self->confirm_due = true;
    return feed_keep_alive(self, err);
}

weir_code feed_check_silence(feed *self, bool heard, weir_error *err)
{
    int64_t now_ms = connection_clock_ms();
    int64_t silent_ms = now_ms - self->heard_ms;

    if (heard || now_ms - self->polled_ms > self->silence_limit_ms / 4) {
        self->heard_ms = now_ms; /* or nobody listened */
        self->asked_ms = 0;
    }
    self->polled_ms = now_ms;
    if (self->silence_limit_ms == 0 || self->heard_ms == now_ms)
        return WEIR_OK;
    if (silent_ms > self->silence_limit_ms + self->silence_limit_ms / 2)
        return weir_fail(err, WEIR_RETRY,
                         "the server has not answered for %lld ms (wal_sender_timeout): the "
                         "connection is given up",
                         (long long)silent_ms);
    if (silent_ms < self->silence_limit_ms / 2 || self->asked_ms != 0)
        return WEIR_OK;
    self->asked_ms = now_ms;
    return feed_tell(self, true, err);
}

/* --- Starting ------------------------------------------------------------------------------- */

static void add_start_sql(const feed *self, uint64_t lsn, weir_buf *sql)
{
    weir_buf_printf(sql, "START_REPLICATION SLOT ");
    catalog_add_identifier(sql, self->settings->slot_name);
    weir_buf_printf(sql, " LOGICAL " CONNECTION_LSN_FORMAT " (proto_version '1', ",
                    CONNECTION_LSN_ARGS(lsn));
    weir_buf_printf(sql, "publication_names '");
    for (size_t i = 0; i < self->publications.len; i++) {
        if (self->publications.ptr[i] == '\'')
            weir_buf_add_byte(sql, '\'');
        weir_buf_add_byte(sql, self->publications.ptr[i]);
    }
    weir_buf_printf(sql, "', binary '%s')", self->binary ? "true" : "false");
}

/* 55006: the slot is in use. After our own connection has ended, that is so for a moment. */
static bool is_in_use(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && strcmp(state, "55006") == 0;
}

static weir_code start(feed *self, uint64_t lsn, weir_error *err)
{
    weir_buf sql = {0};

    add_start_sql(self, lsn, &sql);
    WEIR_CLEANUP(connection_clear)
    PGresult *result = PQexec(*self->connection, weir_buf_cstr(&sql));
    weir_buf_done(&sql);
    if (self->starting && is_in_use(result) && connection_clock_ms() < self->give_up_ms)
        return WEIR_OK;
    if (PQresultStatus(result) != PGRES_COPY_BOTH) {
        (void)connection_failed(*self->connection, result, "streaming did not start", err);
        return weir_wrap(err, "slot \"%.*s\"", WEIR_ARG(self->settings->slot_name));
    }
    self->starting = false;
    self->gathering = false;
    self->largest_bytes = 0;
    self->heard_ms = connection_clock_ms();
    self->asked_ms = 0;
    return feed_tell(self, false, err);
}

weir_code feed_begin(feed *self, uint64_t lsn, int64_t silence_limit_ms, weir_error *err)
{
    self->silence_limit_ms = silence_limit_ms;
    self->tell_ms = self->settings->status_update_interval_ms;
    if (silence_limit_ms > 0 && silence_limit_ms / 3 < self->tell_ms)
        self->tell_ms = silence_limit_ms / 3; /* or it would give us up while nothing is polled */
    self->confirmed = lsn;
    self->received = lsn;
    return start(self, lsn, err);
}

static weir_code reconnect(feed *self, uint64_t lsn, weir_error *err)
{
    connection_close(*self->connection);
    *self->connection = connection_open(self->settings, CONNECTION_REPLICATION, err);
    if (*self->connection == NULL)
        return weir_wrap(err, "a new connection for replication");
    self->starting = true;
    self->give_up_ms = connection_clock_ms() + START_AGAIN_MS;
    return start(self, lsn, err);
}

weir_code feed_renew(feed *self, uint64_t lsn, weir_error *err)
{
    if (self->largest_bytes < FEED_LARGE_BYTES || self->starting)
        return WEIR_OK;
    return reconnect(self, lsn, err);
}

weir_code feed_ask_for_text(feed *self, uint64_t lsn, weir_error *err)
{
    self->binary = false;
    return reconnect(self, lsn, err);
}

weir_code feed_start_again(feed *self, uint64_t lsn, int timeout_ms, weir_error *err)
{
    (void)connection_wait(*self->connection, (timeout_ms < 20 ? timeout_ms : 20) * INT64_C(1000));
    return start(self, lsn, err);
}

/* --- Reading -------------------------------------------------------------------------------- */

weir_code feed_take(feed *self, char **message, size_t *size, weir_error *err)
{
    PGconn *connection = *self->connection;
    char *taken = NULL;
    int length = PQgetCopyData(connection, &taken, 1);

    *message = NULL;
    if (length == 0) {
        if (PQconsumeInput(connection) != 1)
            return lost(self, err);
        length = PQgetCopyData(connection, &taken, 1);
    }
    if (length == 0)
        return WEIR_OK;
    if (length < 0) {
        WEIR_CLEANUP(connection_clear) PGresult *result = PQgetResult(connection);
        (void)connection_failed(connection, length == -1 ? result : NULL,
                                "the server ended the stream", err);
        return weir_wrap(err, "slot \"%.*s\"", WEIR_ARG(self->settings->slot_name));
    }
    *message = taken;
    *size = (size_t)length;
    self->window_count++;
    if (*size > self->largest_bytes)
        self->largest_bytes = *size;
    return WEIR_OK;
}

/* Data below the low-water mark does not wake up who waits for the socket. */
static void set_gathering(feed *self, bool gathering)
{
    int bytes_wanted = gathering ? GATHER_BYTES : 1;

    if (self->gathering == gathering)
        return;
    self->gathering = gathering; /* where it is not supported, nothing gathers */
    (void)setsockopt(PQsocket(*self->connection), SOL_SOCKET, SO_RCVLOWAT, &bytes_wanted,
                     sizeof(bytes_wanted));
}

/* Whether so many messages come that it pays to let them gather. */
static bool is_backlog(feed *self)
{
    int64_t now_us = connection_clock_us();

    if (now_us - self->window_us < WINDOW_US)
        return self->gathering;
    bool backlog =
        self->window_count >= BACKLOG_MESSAGES && now_us - self->window_us < 10 * WINDOW_US;
    self->window_us = now_us;
    self->window_count = 0;
    return backlog;
}

bool feed_wait(feed *self, bool eager, int64_t deadline_ms)
{
    bool backlog = is_backlog(self);
    int64_t left_us = (deadline_ms - connection_clock_ms()) * INT64_C(1000);

    set_gathering(self, backlog);
    if (backlog) {
        (void)connection_wait(*self->connection, GATHER_US);
        return true;
    }
    if (eager || left_us <= 0)
        return false;
    return connection_wait(*self->connection, left_us < WAIT_US ? left_us : WAIT_US);
}
