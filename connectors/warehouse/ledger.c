/* ledger.c - the destination's memory of the log's offsets, in plain SQL. */
#include "ledger.h"

#include "copy.h"

#include <assert.h>
#include <inttypes.h>

typedef struct cells {
    const char *at, *end;
} cells;

static weir_str next_cell(cells *in)
{
    weir_str text = {0};

    assert(in->at < in->end);
    int32_t length = copy_length(in->at);

    in->at += 4;
    if (length >= 0) {
        text = (weir_str){in->at, (size_t)length};
        in->at += length;
    }
    return text;
}

/* Our own numbers, as the destination writes them; -1 for NULL. */
static int64_t next_number(cells *in)
{
    weir_str text = next_cell(in);
    bool negative = text.len > 0 && text.ptr[0] == '-';
    int64_t value = 0;

    if (text.ptr == NULL)
        return -1;
    for (size_t i = negative; i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9' && value < INT64_MAX / 10)
            value = value * 10 + (text.ptr[i] - '0');
    return negative ? -value : value;
}

void ledger_init(ledger *self, dialect *to)
{
    weir_buf *text = &self->text;

    *self = (ledger){.dialect = to};
    sql_identifier(text, to->settings->ledger_table, &to->vendor);
    self->name = weir_task_copy(to->task, weir_buf_str(text));
    weir_buf_clear(text);
    sql_literal(text, weir_task_connector(to->task));
    self->connector = weir_task_copy(to->task, weir_buf_str(text));
    weir_buf_clear(text);
    sql_literal(text, weir_task_log_id(to->task));
    self->log_id = weir_task_copy(to->task, weir_buf_str(text));
}

void ledger_done(ledger *self)
{
    weir_buf_done(&self->rows);
    weir_buf_done(&self->text);
    weir_buf_done(&self->cells);
    *self = (ledger){.dialect = NULL};
}

static weir_code run(ledger *self, size_t *row_count, weir_error *err)
{
    weir_buf_clear(&self->cells);
    if (self->dialect->ops->query(self->dialect, weir_buf_cstr(&self->text), &self->cells,
                                  row_count, err) != WEIR_OK)
        return weir_wrap(err, "ledger");
    return WEIR_OK;
}

weir_code ledger_create(ledger *self, weir_error *err)
{
    weir_buf_clear(&self->text);
    weir_buf_printf(
        &self->text,
        "CREATE TABLE IF NOT EXISTS %.*s (connector text NOT NULL, topic text NOT NULL, "
        "\"partition\" integer NOT NULL, log_id text NOT NULL, topic_id text NOT NULL, "
        "task integer NOT NULL, epoch bigint NOT NULL, next_offset bigint, "
        "careful_to bigint, updated_at timestamp, "
        "PRIMARY KEY (connector, topic, \"partition\"))",
        WEIR_ARG(self->name));
    if (run(self, NULL, err) == WEIR_OK)
        return WEIR_OK;
    if (err->code == WEIR_REJECT) /* two tasks at once collide in the catalogue: it passes */
        err->code = WEIR_RETRY;
    return err->code;
}

static size_t row_count(const ledger *self)
{
    return self->rows.len / sizeof(ledger_row);
}

static ledger_row *row_at(const ledger *self, size_t index)
{
    return (ledger_row *)(void *)self->rows.ptr + index;
}

ledger_row *ledger_find(ledger *self, weir_str topic, int32_t partition)
{
    for (size_t i = 0; i < row_count(self); i++)
        if (row_at(self, i)->partition == partition && weir_str_eq(row_at(self, i)->topic, topic))
            return row_at(self, i);
    return NULL;
}

void ledger_forget(ledger *self, weir_str topic, int32_t partition)
{
    ledger_row *row = ledger_find(self, topic, partition);

    if (row == NULL)
        return;
    *row = *row_at(self, row_count(self) - 1);
    self->rows.len -= sizeof(ledger_row);
}

static void add_where(ledger *self, weir_str topic, int32_t partition)
{
    weir_buf_printf(&self->text, " WHERE connector = %.*s AND topic = ", WEIR_ARG(self->connector));
    sql_literal(&self->text, topic);
    weir_buf_printf(&self->text, " AND \"partition\" = %" PRId32, partition);
}

static void add_values(ledger *self, weir_str topic, int32_t partition, int64_t next)
{
    weir_task *task = self->dialect->task;

    weir_buf_printf(&self->text,
                    "INSERT INTO %.*s (connector, topic, \"partition\", log_id, topic_id, task, "
                    "epoch, next_offset) VALUES (%.*s, ",
                    WEIR_ARG(self->name), WEIR_ARG(self->connector));
    sql_literal(&self->text, topic);
    weir_buf_printf(&self->text, ", %" PRId32 ", %.*s, ", partition, WEIR_ARG(self->log_id));
    sql_literal(&self->text, weir_task_topic_id(task, topic));
    weir_buf_printf(&self->text, ", %d, %" PRId64 ", ", weir_task_number(task),
                    weir_task_epoch(task));
    if (next >= 0)
        weir_buf_printf(&self->text, "%" PRId64 ")", next);
    else
        weir_buf_printf(&self->text, "NULL)");
}

static weir_code check_identity(ledger *self, weir_str topic, weir_str log_id, weir_str topic_id,
                                weir_error *err)
{
    weir_task *task = self->dialect->task;
    bool other_log = !weir_str_eq(log_id, weir_task_log_id(task));

    if (!other_log && weir_str_eq(topic_id, weir_task_topic_id(task, topic)))
        return WEIR_OK;
    return weir_fail(
        err, WEIR_FATAL,
        "the destination was filled by connector \"%.*s\" from another %s (topic "
        "\"%.*s\" of log %.*s): go on with the old data directory, or set the "
        "connector's offsets to where this log shall begin, or give the connector another "
        "name and empty tables",
        WEIR_ARG(weir_task_connector(task)), other_log ? "log" : "topic of this name",
        WEIR_ARG(topic), WEIR_ARG(log_id));
}

/* The row is ours from here on, unless a newer start of this task has it. Waits for a transaction of the
 * former owner that is about to commit, and sees what it stored. */
static weir_code claim(ledger *self, weir_str topic, int32_t partition, ledger_row *row,
                       weir_error *err)
{
    weir_task *task = self->dialect->task;
    size_t count = 0;

    weir_buf_clear(&self->text);
    add_values(self, topic, partition, -1);
    weir_buf_printf(&self->text, " ON CONFLICT (connector, topic, \"partition\") DO NOTHING");
    if (run(self, NULL, err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "UPDATE %.*s SET task = %d, epoch = %" PRId64,
                    WEIR_ARG(self->name), weir_task_number(task), weir_task_epoch(task));
    add_where(self, topic, partition);
    weir_buf_printf(&self->text,
                    " AND (task <> %d OR epoch <= %" PRId64
                    ") RETURNING CAST(log_id AS text), CAST(topic_id AS text), "
                    "CAST(next_offset AS text), CAST(careful_to AS text)",
                    weir_task_number(task), weir_task_epoch(task));
    if (run(self, &count, err) != WEIR_OK)
        return err->code;
    if (count != 1)
        return weir_fail(err, WEIR_FATAL,
                         "a newer start of this task writes \"%.*s\" partition %" PRId32 " already",
                         WEIR_ARG(topic), partition);

    cells in = {self->cells.ptr, self->cells.ptr + self->cells.len};
    weir_str log_id = next_cell(&in);
    weir_str topic_id = next_cell(&in);

    row->next = next_number(&in);
    row->careful_to = next_number(&in);
    return check_identity(self, topic, log_id, topic_id, err);
}

weir_code ledger_claim(ledger *self, weir_str topic, int32_t partition, ledger_row **row,
                       weir_error *err)
{
    ledger_row made = {.partition = partition, .pending = -1};

    if (claim(self, topic, partition, &made, err) != WEIR_OK)
        return err->code;
    *row = ledger_find(self, topic, partition);
    if (*row == NULL) {
        made.topic = weir_task_copy(self->dialect->task, topic);
        made.is_new = true;
        weir_buf_add(&self->rows, &made, sizeof(made));
        *row = row_at(self, row_count(self) - 1);
    } else {
        (*row)->next = made.next;
        (*row)->careful_to = made.careful_to;
    }
    return WEIR_OK;
}

/* One statement for all rows. set: what becomes of column from the number of each. */
static weir_code update(ledger *self, const char *set, weir_error *err)
{
    weir_task *task = self->dialect->task;
    const char *separator = "";
    size_t wanted = 0;
    size_t count = 0;

    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "UPDATE %.*s AS l SET %s FROM (VALUES ", WEIR_ARG(self->name),
                    set);
    for (size_t i = 0; i < row_count(self); i++) {
        const ledger_row *row = row_at(self, i);

        if (row->pending < 0)
            continue;
        weir_buf_printf(&self->text, "%s(", separator);
        sql_literal(&self->text, row->topic);
        weir_buf_printf(&self->text, ", %" PRId32 ", CAST(%" PRId64 " AS bigint))", row->partition,
                        row->pending);
        separator = ", ";
        wanted++;
    }
    if (wanted == 0)
        return WEIR_OK;
    weir_buf_printf(&self->text,
                    ") AS v (t, p, o) WHERE l.connector = %.*s AND l.topic = v.t AND "
                    "l.\"partition\" = v.p AND l.task = %d AND l.epoch = %" PRId64
                    " RETURNING CAST(l.\"partition\" AS text)",
                    WEIR_ARG(self->connector), weir_task_number(task), weir_task_epoch(task));
    if (run(self, &count, err) != WEIR_OK)
        return err->code;
    if (count == wanted)
        return WEIR_OK;
    return weir_fail(err, WEIR_FATAL,
                     "another start of this task, or another task, has taken over %zu of its %zu "
                     "partitions: nothing was written",
                     wanted - count, wanted);
}

weir_code ledger_write(ledger *self, weir_error *err)
{
    return update(
        self,
        "next_offset = v.o, updated_at = CAST(current_timestamp AS timestamp), careful_to "
        "= CASE WHEN l.careful_to > v.o THEN l.careful_to END",
        err);
}

weir_code ledger_write_careful(ledger *self, weir_error *err)
{
    if (update(self, "careful_to = v.o", err) != WEIR_OK)
        return err->code;
    for (size_t i = 0; i < row_count(self); i++)
        row_at(self, i)->pending = -1;
    return WEIR_OK;
}

void ledger_committed(ledger *self)
{
    for (size_t i = 0; i < row_count(self); i++) {
        ledger_row *row = row_at(self, i);

        if (row->pending >= 0) {
            row->next = row->pending;
            if (row->careful_to <= row->next)
                row->careful_to = -1;
        }
        row->pending = -1;
        row->is_new = false;
    }
}

void ledger_rolled_back(ledger *self)
{
    for (size_t i = row_count(self); i-- > 0;) {
        ledger_row *row = row_at(self, i);

        row->pending = -1;
        if (row->is_new)
            ledger_forget(self, row->topic, row->partition);
    }
}

bool ledger_is_careful(const ledger *self)
{
    for (size_t i = 0; i < row_count(self); i++)
        if (row_at(self, i)->careful_to >= 0)
            return true;
    return false;
}

weir_code ledger_set(ledger *self, weir_str topic, int32_t partition, int64_t next, weir_error *err)
{
    weir_buf_clear(&self->text);
    weir_buf_printf(&self->text, "DELETE FROM %.*s", WEIR_ARG(self->name));
    add_where(self, topic, partition);
    if (run(self, NULL, err) != WEIR_OK)
        return err->code;
    if (next < 0)
        return WEIR_OK;
    weir_buf_clear(&self->text);
    add_values(self, topic, partition, next);
    return run(self, NULL, err);
}
