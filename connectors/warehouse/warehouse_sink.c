/* warehouse_sink.c - writes records to the tables of a database, and the log's offsets beside them.
 *
 * A flush is one transaction of the destination: all rows put since the last one, and the ledger. put
 * sends rows on as they come, so that the destination works meanwhile.
 *
 * What was put and not flushed is gone when the connection is lost, and put can only ask for the batch
 * at hand again. So the task then swallows what still comes (`lost`), and flush reports the fault: the
 * worker opens the task anew and reads on from what the ledger says.
 *
 * When the destination refuses a row, nobody knows yet which. The ledger then says up to which offset
 * records are to be applied with care, and the task is opened anew: each batch is a transaction of its
 * own, and one that is refused is halved until a single record is left, which is rejected.
 */
#include "ledger.h"
#include "weir/plugin.h"
#include "writer.h"

#include <assert.h>

typedef struct warehouse {
    settings settings; /* first: the table of fields counts from here */
    dialect *dialect;
    ledger ledger;
    writer writer;
    bool in_transaction;
    bool has_rows;  /* a put since the last flush is in the transaction */
    weir_code lost; /* WEIR_OK, or why what was put is lost: WEIR_RETRY, WEIR_REJECT */
    weir_error lost_error;
    const weir_batch *batch; /* that is being put */
    weir_buf records;        /* weir_record of a batch that is applied with care */
} warehouse;

static weir_code begin(warehouse *self, weir_error *err)
{
    if (self->in_transaction)
        return WEIR_OK;
    if (self->dialect->ops->begin(self->dialect, err) != WEIR_OK)
        return err->code;
    self->in_transaction = true;
    return WEIR_OK;
}

static void roll_back(warehouse *self)
{
    self->dialect->ops->rollback(self->dialect);
    self->in_transaction = false;
    self->has_rows = false;
    writer_reset(&self->writer, true);
    ledger_rolled_back(&self->ledger);
}

/* Rows, ledger, commit. On error nothing of it is there, unless the answer to the commit was lost: then
 * the ledger knows. */
static weir_code commit(warehouse *self, weir_error *err)
{
    if (writer_finish(&self->writer, err) != WEIR_OK ||
        ledger_write(&self->ledger, err) != WEIR_OK ||
        self->dialect->ops->commit(self->dialect, err) != WEIR_OK) {
        roll_back(self);
        return err->code;
    }
    self->in_transaction = false;
    self->has_rows = false;
    writer_reset(&self->writer, false);
    ledger_committed(&self->ledger);
    return WEIR_OK;
}

static weir_code open_dialect(weir_task *task, warehouse *self, weir_error *err)
{
    url where;

    if (settings_resolve(&self->settings, err) != WEIR_OK ||
        url_parse(self->settings.url, &where, err) != WEIR_OK)
        return err->code;
    self->dialect = where.kind == URL_ADBC ? adbc_open(task, &self->settings, &where, err)
                                           : postgres_open(task, &self->settings, &where, err);
    url_done(&where);
    return self->dialect != NULL ? WEIR_OK : err->code;
}

static weir_code warehouse_open(weir_task *task, void *state, weir_error *err)
{
    warehouse *self = state;

    if (open_dialect(task, self, err) != WEIR_OK)
        return err->code;
    writer_init(&self->writer, self->dialect);
    ledger_init(&self->ledger, self->dialect);
    if (begin(self, err) != WEIR_OK || ledger_create(&self->ledger, err) != WEIR_OK ||
        commit(self, err) != WEIR_OK)
        return err->code;
    return WEIR_OK;
}

static void warehouse_close(weir_task *task, void *state)
{
    warehouse *self = state;
    (void)task;

    weir_buf_done(&self->records);
    if (self->dialect == NULL)
        return;
    if (self->in_transaction)
        self->dialect->ops->rollback(self->dialect);
    writer_done(&self->writer);
    ledger_done(&self->ledger);
    self->dialect->ops->close(self->dialect);
    self->dialect = NULL;
    self->in_transaction = false;
}

static weir_code warehouse_assigned(weir_task *task, void *state, weir_str topic, int32_t partition,
                                    int64_t *resume, weir_error *err)
{
    warehouse *self = state;
    bool was_open = self->in_transaction;
    ledger_row *row;
    (void)task;

    if (self->lost != WEIR_OK)
        return weir_fail(err, WEIR_RETRY, "%s", self->lost_error.message);
    if (begin(self, err) != WEIR_OK)
        return err->code;
    if (ledger_claim(&self->ledger, topic, partition, &row, err) != WEIR_OK) {
        roll_back(self);
        if (err->code == WEIR_REJECT) /* of rows that were on their way: they come again */
            err->code = WEIR_RETRY;
        return err->code;
    }
    *resume = row->next;
    return was_open ? WEIR_OK : commit(self, err);
}

static weir_code warehouse_revoked(weir_task *task, void *state, weir_str topic, int32_t partition,
                                   weir_error *err)
{
    warehouse *self = state;
    (void)task, (void)err;

    ledger_forget(&self->ledger, topic, partition);
    return WEIR_OK;
}

/* --- With care ------------------------------------------------------------------------------- */

typedef struct range {
    size_t first, end;
} range;

static weir_record *record_at(const warehouse *self, size_t index)
{
    return (weir_record *)(void *)self->records.ptr + index;
}

/* The record's row of the ledger; a partition that nobody announced is claimed now. */
static weir_code find_row(warehouse *self, weir_str topic, int32_t partition, ledger_row **row,
                          weir_error *err)
{
    *row = ledger_find(&self->ledger, topic, partition);
    if (*row != NULL)
        return WEIR_OK;
    return ledger_claim(&self->ledger, topic, partition, row, err);
}

static weir_code reject(weir_task *task, const weir_record *record, const weir_error *cause,
                        weir_error *err)
{
    return weir_task_reject(task, record, err, "%s", cause->message);
}

static weir_code add(warehouse *self, const weir_record *record, bool *own_fault, weir_error *err)
{
    bool has_nothing = record->key.ptr == NULL && record->value.ptr == NULL;

    if (has_nothing &&
        weir_record_header_find(self->batch, record, WEIR_STR("weir.restart")).ptr != NULL)
        return writer_empty(&self->writer, record->topic, err);
    return writer_add(&self->writer, record, own_fault, err);
}

/* Records of a range as one transaction. WEIR_REJECT: the destination refused one of them. A record
 * that is known to be bad is rejected at once and marked: it has no topic any more. */
static weir_code apply_range(weir_task *task, warehouse *self, range part, weir_error *err)
{
    if (begin(self, err) != WEIR_OK)
        return err->code;
    for (size_t i = part.first; i < part.end; i++) {
        weir_record *record = record_at(self, i);
        weir_error cause = {.code = WEIR_OK};
        ledger_row *row;
        bool own_fault = false;

        if (find_row(self, record->log_topic, record->log_partition, &row, err) != WEIR_OK)
            return err->code;
        row->pending = record->log_offset + 1;
        if (record->topic.ptr == NULL) /* rejected already */
            continue;
        if (add(self, record, &own_fault, &cause) == WEIR_OK)
            continue;
        if (cause.code != WEIR_REJECT || !own_fault) {
            *err = cause;
            return err->code;
        }
        if (reject(task, record, &cause, err) != WEIR_OK)
            return err->code;
        record->topic.ptr = NULL;
    }
    return commit(self, err);
}

/* Halves what is refused. Ranges are taken in order, so that the ledger only moves forward. */
static weir_code apply_with_care(weir_task *task, warehouse *self, weir_error *err)
{
    range stack[64]; /* a range is halved at most 32 times, and leaves one behind each time */
    size_t depth = 0;

    stack[depth++] = (range){0, self->records.len / sizeof(weir_record)};
    while (depth > 0) {
        range part = stack[--depth];
        weir_error cause = {.code = WEIR_OK};

        if (part.first == part.end || apply_range(task, self, part, &cause) == WEIR_OK)
            continue;
        if (self->in_transaction)
            roll_back(self);
        if (cause.code != WEIR_REJECT) {
            *err = cause;
            return err->code;
        }
        if (part.end - part.first == 1) {
            weir_record *record = record_at(self, part.first);

            if (record->topic.ptr == NULL)
                return weir_fail(err, WEIR_FATAL, "the ledger was refused: %.900s", cause.message);
            if (reject(task, record, &cause, err) != WEIR_OK)
                return err->code;
            record->topic.ptr = NULL;
            stack[depth++] = part; /* once more, without it: the ledger steps over it */
            continue;
        }
        size_t middle = part.first + (part.end - part.first) / 2;

        assert(depth + 2 <= sizeof(stack) / sizeof(stack[0]));
        stack[depth++] = (range){middle, part.end};
        stack[depth++] = (range){part.first, middle};
    }
    return WEIR_OK;
}

/* What the ledger has already is left out: this batch may come for the second time. */
static weir_code put_with_care(weir_task *task, warehouse *self, const weir_batch *batch,
                               weir_error *err)
{
    weir_record record = {.log_offset = 0};

    weir_buf_clear(&self->records);
    while (weir_record_next(batch, &record)) {
        const ledger_row *row = ledger_find(&self->ledger, record.log_topic, record.log_partition);

        if (row == NULL || record.log_offset >= row->next)
            weir_buf_add(&self->records, &record, sizeof(record));
    }
    weir_code code = apply_with_care(task, self, err);

    if (code != WEIR_RETRY)
        return code;
    self->lost = code; /* some of it may be committed: the ledger knows, after a restart */
    self->lost_error = *err;
    return WEIR_OK;
}

/* --- Put and flush --------------------------------------------------------------------------- */

static weir_code put_all(weir_task *task, warehouse *self, const weir_batch *batch, weir_error *err)
{
    weir_record record = {.log_offset = 0};

    while (weir_record_next(batch, &record)) {
        weir_error cause;
        bool own_fault = false;

        if (add(self, &record, &own_fault, &cause) == WEIR_OK)
            continue;
        if (cause.code != WEIR_REJECT || !own_fault) {
            *err = cause;
            return err->code;
        }
        if (reject(task, &record, &cause, err) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code warehouse_put(weir_task *task, void *state, const weir_batch *batch,
                               weir_error *err)
{
    warehouse *self = state;
    bool had_rows = self->has_rows;

    self->batch = batch;
    if (self->lost != WEIR_OK)
        return WEIR_OK; /* flush will say it; these records come again */
    if (!had_rows && ledger_is_careful(&self->ledger)) {
        if (self->in_transaction && commit(self, err) != WEIR_OK)
            return err->code;
        return put_with_care(task, self, batch, err);
    }
    if (begin(self, err) != WEIR_OK)
        return err->code;
    self->has_rows = true;
    if (put_all(task, self, batch, err) == WEIR_OK)
        return WEIR_OK;

    roll_back(self);
    if (err->code != WEIR_RETRY && err->code != WEIR_REJECT)
        return err->code;
    if (had_rows) {
        self->lost = err->code;
        self->lost_error = *err;
        return WEIR_OK;
    }
    return err->code == WEIR_REJECT ? put_with_care(task, self, batch, err) : err->code;
}

static weir_code set_pending(warehouse *self, const weir_offsets *offsets, bool *has_any,
                             weir_error *err)
{
    size_t at = 0;
    weir_str topic;
    int32_t partition;
    int64_t offset;
    ledger_row *row;

    *has_any = false;
    while (weir_offsets_next(offsets, &at, &topic, &partition, &offset)) {
        row = ledger_find(&self->ledger, topic, partition);
        if (row == NULL && (begin(self, err) != WEIR_OK ||
                            ledger_claim(&self->ledger, topic, partition, &row, err) != WEIR_OK))
            return err->code;
        if (offset <= row->next)
            continue;
        row->pending = offset;
        *has_any = true;
    }
    return WEIR_OK;
}

/* Notes in the ledger that what was lost is to be applied with care. */
static weir_code note_refusal(warehouse *self, const weir_offsets *offsets, weir_error *err)
{
    bool has_any;

    if (begin(self, err) == WEIR_OK && set_pending(self, offsets, &has_any, err) == WEIR_OK &&
        ledger_write_careful(&self->ledger, err) == WEIR_OK &&
        self->dialect->ops->commit(self->dialect, err) == WEIR_OK) {
        self->in_transaction = false;
        ledger_committed(&self->ledger);
        return WEIR_OK;
    }
    roll_back(self);
    return err->code;
}

static weir_code report_loss(warehouse *self, const weir_offsets *offsets, weir_error *err)
{
    if (self->lost == WEIR_REJECT && note_refusal(self, offsets, err) != WEIR_OK)
        return err->code;
    if (self->lost == WEIR_REJECT)
        return weir_fail(err, WEIR_RETRY,
                         "the destination refused a row; what was read since the last flush is "
                         "applied again, record by record where needed: %.700s",
                         self->lost_error.message);
    return weir_fail(err, WEIR_RETRY, "%s", self->lost_error.message);
}

static weir_code warehouse_flush(weir_task *task, void *state, weir_offsets *offsets,
                                 weir_error *err)
{
    warehouse *self = state;
    bool has_any;
    (void)task;

    if (self->lost != WEIR_OK)
        return report_loss(self, offsets, err);
    if (set_pending(self, offsets, &has_any, err) == WEIR_OK) {
        if (!has_any && !self->in_transaction)
            return WEIR_OK;
        if (begin(self, err) == WEIR_OK && commit(self, err) == WEIR_OK)
            return WEIR_OK;
    } else {
        roll_back(self);
    }
    if (err->code != WEIR_REJECT)
        return err->code;
    self->lost = err->code;
    self->lost_error = *err;
    return report_loss(self, offsets, err);
}

static weir_code warehouse_alter_offsets(weir_task *task, void *state, weir_str topic,
                                         int32_t partition, int64_t offset, weir_error *err)
{
    warehouse *self = state;
    bool was_open = self->in_transaction; /* of a flush that is to come: it goes with that */

    if (self->dialect == NULL && warehouse_open(task, state, err) != WEIR_OK)
        return err->code;
    if (begin(self, err) != WEIR_OK)
        return err->code;
    if (ledger_set(&self->ledger, topic, partition, offset, err) != WEIR_OK) {
        roll_back(self);
        return err->code;
    }
    return was_open ? WEIR_OK : commit(self, err);
}

static weir_code warehouse_validate(const void *state, weir_error *err)
{
    settings wanted = ((const warehouse *)state)->settings;

    if (settings_resolve(&wanted, err) != WEIR_OK)
        return err->code;
    return settings_validate(&wanted, err);
}

static const char *const aliases[] = {"io.confluent.connect.jdbc.JdbcSinkConnector",
                                      "io.debezium.connector.jdbc.JdbcSinkConnector", NULL};

static const weir_sink warehouse_sink = {
    .name = "warehouse",
    .version = "1.0.0",
    .summary = "Writes rows to PostgreSQL, or to a columnar warehouse through an ADBC driver.",
    .fields = settings_fields,
    .field_count = SETTINGS_COUNT,
    .state_size = sizeof(warehouse),
    .aliases = aliases,
    .validate = warehouse_validate,
    .open = warehouse_open,
    .assigned = warehouse_assigned,
    .revoked = warehouse_revoked,
    .put = warehouse_put,
    .flush = warehouse_flush,
    .alter_offsets = warehouse_alter_offsets,
    .close = warehouse_close,
    .flush_interval_ms = 1000,
};
WEIR_EXPORT(.sink = &warehouse_sink);
