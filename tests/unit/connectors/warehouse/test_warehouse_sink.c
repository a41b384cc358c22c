/* test_warehouse_sink.c - exactly once, whatever fails when: the sink above a destination in memory.
 *
 * The destination is the plainest one: rows are the ids of records, in a list that a transaction changes or does
 * not; the ledger is one number. Any call may fail in any of the ways that dialect.h names, a commit may take
 * place and its answer be lost. The test is the worker: after WEIR_RETRY from flush it closes, opens and
 * reads on from where the destination says. In the end each good record must be there once, each bad one
 * rejected, in runs of a thousand seeds.
 */
#include "connectors/warehouse/dialect.h"

#include "connectors/warehouse/copy.h"
#include "sdk/src/batch.h"
#include "sdk/src/config.h"
#include "weir/weir.h"

#include "sdk/src/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 60, SEEDS = 1000, BAD = 7 /* every seventh record, where there are bad ones */ };

WEIR_API const weir_plugin *weir_plugin_entry(void);

/* What is stored: how often each id is there, and the ledger. */
typedef struct content {
    int rows[RECORDS];
    int64_t next, careful; /* -1: NULL */
    int64_t epoch;
} content;

static struct {
    dialect base;
    content stored, changed; /* committed; in the transaction */
    bool is_open, broken;
    uint64_t random;
    unsigned fault_percent;
    bool has_bad;
    size_t faults, lost_answers, refusals;
} db;

static unsigned dice(unsigned sides)
{
    db.random = db.random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(db.random >> 33) % sides;
}

static weir_code maybe_fail(weir_error *err)
{
    if (!db.broken && dice(100) >= db.fault_percent)
        return WEIR_OK;
    db.broken = true;
    db.faults++;
    return weir_fail(err, WEIR_RETRY, "the connection is gone");
}

static weir_code fake_begin(dialect *self, weir_error *err)
{
    (void)self;
    db.broken = false; /* connects again */
    assert_false(db.is_open);
    if (maybe_fail(err) != WEIR_OK)
        return err->code;
    db.is_open = true;
    db.changed = db.stored;
    return WEIR_OK;
}

static weir_code fake_commit(dialect *self, weir_error *err)
{
    bool loses_answer = dice(100) < db.fault_percent;
    (void)self;

    assert_true(db.is_open);
    if (maybe_fail(err) != WEIR_OK)
        return err->code;
    if (db.stored.epoch > db.changed.epoch)
        return weir_fail(err, WEIR_FATAL, "fenced");
    db.stored = db.changed;
    db.is_open = false;
    db.broken = loses_answer;
    db.lost_answers += loses_answer;
    return loses_answer ? weir_fail(err, WEIR_RETRY, "the answer is lost") : WEIR_OK;
}

static void fake_rollback(dialect *self)
{
    (void)self;
    db.is_open = false;
}

/* The number behind a word of a statement. */
static long long number_behind(const char *sql, const char *word)
{
    const char *at = strstr(sql, word);

    assert_non_null(at);
    return strtoll(at + strlen(word), NULL, 10);
}

static void add_number(weir_buf *cells, int64_t number)
{
    char text[24];

    if (number < 0) {
        copy_marker(cells, COPY_NULL);
        return;
    }
    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    copy_text(cells, weir_cstr(text));
}

static weir_code fake_query(dialect *self, const char *sql, weir_buf *cells, size_t *row_count,
                            weir_error *err)
{
    (void)self;
    assert_true(db.is_open);
    if (maybe_fail(err) != WEIR_OK)
        return err->code;
    if (row_count != NULL)
        *row_count = 1;
    if (strstr(sql, "RETURNING CAST(log_id") != NULL) {
        db.changed.epoch = number_behind(sql, "epoch = ");
        copy_text(cells, WEIR_STR("log-1"));
        copy_text(cells, WEIR_STR("id-1"));
        add_number(cells, db.changed.next);
        add_number(cells, db.changed.careful);
    } else if (strstr(sql, "SET careful_to = v.o") != NULL) {
        db.changed.careful = number_behind(sql, "('t', 0, CAST(");
    } else if (strstr(sql, "SET next_offset = v.o") != NULL) {
        db.changed.next = number_behind(sql, "('t', 0, CAST(");
        if (db.changed.careful <= db.changed.next)
            db.changed.careful = -1;
    }
    return WEIR_OK;
}

static weir_code fake_describe(dialect *self, table *target, weir_error *err)
{
    static const table_column id = {.name = {"id", 2}, .type = {.id = TYPE_INT8}};
    (void)self;

    if (maybe_fail(err) != WEIR_OK)
        return err->code;
    weir_buf_clear(&target->columns);
    weir_buf_add(&target->columns, &id, sizeof(id));
    target->exists = target->known = true;
    target->version++;
    return WEIR_OK;
}

static weir_code fake_write(dialect *self, table *target, bool is_last, weir_error *err)
{
    size_t at = 0;
    weir_str row;
    fold_kind kind;
    (void)self, (void)is_last;

    assert_true(db.is_open);
    if (maybe_fail(err) != WEIR_OK)
        return err->code;
    while (fold_next(&target->rows, &at, &row, &kind)) {
        int64_t id = copy_read_int(row.ptr + 6, 8);

        if (db.has_bad && id % BAD == 0) {
            db.refusals++;
            return weir_fail(err, WEIR_REJECT, "row %lld is refused", (long long)id);
        }
        db.changed.rows[id]++;
    }
    fold_reset(&target->rows, target->rows.key_count);
    return WEIR_OK;
}

static weir_code fake_settle(dialect *self, weir_error *err)
{
    (void)self, (void)err;
    return WEIR_OK;
}

static void fake_close(dialect *self)
{
    (void)self;
}

/* In the place of the one in postgres.c, which is not linked. */
dialect *postgres_open(weir_task *task, const settings *config, const url *where, weir_error *err)
{
    static const dialect_ops ops = {.begin = fake_begin,
                                    .commit = fake_commit,
                                    .rollback = fake_rollback,
                                    .query = fake_query,
                                    .describe = fake_describe,
                                    .write = fake_write,
                                    .settle = fake_settle,
                                    .close = fake_close};
    (void)where;

    db.is_open = db.broken = false;
    if (maybe_fail(err) != WEIR_OK)
        return NULL;
    db.base = (dialect){
        .ops = &ops, .vendor = sql_postgres, .task = task, .settings = config, .direct_bytes = 1};
    return &db.base;
}

/* --- The worker ------------------------------------------------------------------------------ */

typedef struct worker {
    const weir_sink *sink;
    weir_task task;
    void *state;
    weir_batch *batch;
    weir_offsets *offsets;
    int rejected[RECORDS]; /* by the last try that was made durable */
    int trying[RECORDS];
} worker;

static void host_diag(void *host, weir_level level, weir_str text)
{
    (void)host, (void)level, (void)text;
}

static weir_str host_topic_id(void *host, weir_str topic)
{
    (void)host, (void)topic;
    return WEIR_STR("id-1");
}

static weir_code host_reject(void *host, const weir_record *record, const char *reason,
                             weir_error *err)
{
    worker *self = host;
    (void)reason, (void)err;

    self->trying[record->log_offset] = 1;
    return WEIR_OK;
}

static void close_sink(worker *self)
{
    self->sink->close(&self->task, self->state);
    task_reset(&self->task);
}

/* Opens, as often as it takes; returns where to read on. */
static int64_t open_sink(worker *self)
{
    static const config_setting given[] = {{{"connection.url", 14}, {"postgresql://none", 17}}};
    const config_table fields = {self->sink->fields, self->sink->field_count, sizeof(weir_field)};
    config_issues issues = {.items = {.ptr = NULL}};
    weir_error err;

    for (int tries = 0; tries < 100; tries++) {
        int64_t resume = -1;

        memset(self->state, 0, self->sink->state_size);
        config_bind(&fields, given, 1, CONFIG_ERROR, NULL, &self->task, self->state, &issues);
        assert_false(config_has_error(&issues));
        config_issues_done(&issues);
        self->task.epoch++;
        if (self->sink->open(&self->task, self->state, &err) == WEIR_OK &&
            self->sink->assigned(&self->task, self->state, WEIR_STR("t"), 0, &resume, &err) ==
                WEIR_OK)
            return resume < 0 ? 0 : resume;
        assert_int_equal(err.code, WEIR_RETRY);
        close_sink(self);
    }
    fail_msg("it never opened: %s", err.message);
    return -1;
}

/* Puts records [first, end); false when the task has to start anew. */
static bool put(worker *self, const weir_schema *schema, int64_t first, int64_t end)
{
    weir_error err;

    batch_clear(self->batch);
    for (int64_t i = first; i < end; i++) {
        assert_true(weir_record_begin(self->batch, WEIR_STR("t")));
        weir_record_value(self->batch, schema);
        weir_put_long(self->batch, i);
        assert_int_equal(weir_record_end(self->batch, &err), WEIR_OK);
        batch_entry *entry = batch_at(self->batch, batch_count(self->batch) - 1);

        entry->log_topic = entry->topic;
        entry->log_partition = 0;
        entry->log_offset = i;
    }
    for (int tries = 0; tries < 5; tries++) {
        if (self->sink->put(&self->task, self->state, self->batch, &err) == WEIR_OK)
            return true;
        assert_int_equal(err.code, WEIR_RETRY);
    }
    return false;
}

static bool flush(worker *self, int64_t next)
{
    weir_error err;

    offsets_clear(self->offsets);
    offsets_put(self->offsets, WEIR_STR("t"), 0, next);
    if (self->sink->flush(&self->task, self->state, self->offsets, &err) == WEIR_OK)
        return true;
    assert_int_equal(err.code, WEIR_RETRY);
    return false;
}

static void run(worker *self)
{
    weir_error err;
    int64_t at = open_sink(self), last_flush = at;

    for (int steps = 0; last_flush < RECORDS; steps++) {
        const weir_schema *schema = weir_task_schema(
            &self->task,
            WEIR_STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\","
                     "\"type\":\"long\"}]}"),
            &err);
        int64_t end = at + 1 + dice(10);
        bool good;

        if (steps > 10000)
            fail_msg("it never ends: seed %llu", (unsigned long long)db.random);
        end = end > RECORDS ? RECORDS : end;
        good = put(self, schema, at, end);
        at = end;
        if (good && dice(3) != 0 && at < RECORDS)
            continue;
        good = good && flush(self, at);
        if (!good) {
            close_sink(self);
            at = open_sink(self);
        }
        last_flush = at;
        for (int64_t i = 0; i < RECORDS; i++) {
            if (i <
                at) /* what was rejected and is behind the offset counts; the rest comes again */
                self->rejected[i] |= self->trying[i];
            self->trying[i] = 0;
        }
    }
    close_sink(self);
}

static void run_seed(uint64_t seed, unsigned fault_percent, bool has_bad)
{
    static const task_host host = {
        .diag = host_diag, .topic_id = host_topic_id, .reject = host_reject};
    worker self = {.sink = weir_plugin_entry()->sink};

    db.stored = (content){.next = -1, .careful = -1};
    db.random = seed;
    db.fault_percent = fault_percent;
    db.has_bad = has_bad;
    self.state = calloc(1, self.sink->state_size);
    self.batch = batch_new(1 << 16);
    self.offsets = offsets_new();
    task_init(&self.task, WEIR_STR("test"), 0, &host, &self);
    self.task.log_id = WEIR_STR("log-1");
    run(&self);
    for (int i = 0; i < RECORDS; i++) {
        int expected = !has_bad || i % BAD != 0;

        if (db.stored.rows[i] != expected || (!expected && !self.rejected[i]))
            fail_msg("seed %llu: record %d is there %d times, rejected: %d",
                     (unsigned long long)seed, i, db.stored.rows[i], self.rejected[i]);
    }
    assert_int_equal(db.stored.next, RECORDS);
    assert_int_equal(db.stored.careful, -1);
    task_done(&self.task);
    batch_free(self.batch);
    offsets_free(self.offsets);
    free(self.state);
}

static void every_record_is_applied_once_whatever_fails_when(void **state)
{
    (void)state;
    db.faults = db.lost_answers = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed, (unsigned)(seed % 12), false);
    assert_true(db.faults > SEEDS); /* else it proves nothing */
    assert_true(db.lost_answers > SEEDS / 10);
}

static void bad_records_are_rejected_and_take_no_others_with_them(void **state)
{
    (void)state;
    db.refusals = db.lost_answers = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed, (unsigned)(seed % 6), true);
    assert_true(db.refusals > SEEDS);
    assert_true(db.lost_answers > SEEDS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_applied_once_whatever_fails_when),
        cmocka_unit_test(bad_records_are_rejected_and_take_no_others_with_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
