/* test_sink_task.c - a sink gets every record in order, and nothing is committed that it did not make durable.
 *
 * The sink writes down what it is called with, and does what a test's script says. Tasks run in the test's own
 * thread where they can: the sink asks them to stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/connect/dead_letter.h"
#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#define TOPIC     "orders"
#define CONNECTOR "dwh"

enum { SEEN_MAX = 4096 };

typedef struct seen_record {
    char topic[32];
    int32_t partition;
    int64_t offset;
    char value[32];
} seen_record;

/* What the sink did, and what it shall do. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    seen_record seen[SEEN_MAX];
    int seen_count, put_count, flush_count, revoked_count;
    int64_t epoch;
    int64_t resume;        /* what assigned says; -1: the worker's offset */
    int failing_puts;      /* so many fail with WEIR_RETRY */
    const char *refused;   /* a record of this value is refused; NULL: none */
    int64_t durable_below; /* flush says that no more is durable; INT64_MAX: all */
    int partial_flushes;   /* so many flushes say so */
    int64_t stop_at;       /* stops the task when this offset was flushed; -1: never */
    bool blocks;           /* put waits until it is false */
    void (*in_put)(weir_task *task);
    void (*in_flush)(weir_task *task);
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static log *the_log;
static connect_world world;

static void stop(weir_task *task)
{
    atomic_store(&task->stopping, true);
}

static weir_code sink_open(weir_task *task, void *state, weir_error *err)
{
    (void)state, (void)err;
    sink.epoch = weir_task_epoch(task);
    return WEIR_OK;
}

static weir_code sink_assigned(weir_task *task, void *state, weir_str topic, int32_t partition,
                               int64_t *resume, weir_error *err)
{
    (void)task, (void)state, (void)topic, (void)partition, (void)err;
    *resume = sink.resume;
    return WEIR_OK;
}

static weir_code sink_revoked(weir_task *task, void *state, weir_str topic, int32_t partition,
                              weir_error *err)
{
    (void)task, (void)state, (void)topic, (void)partition, (void)err;
    sink.revoked_count++;
    return WEIR_OK;
}

static void note_record(const weir_record *record)
{
    seen_record *seen = &sink.seen[sink.seen_count++];

    assert_true(sink.seen_count < SEEN_MAX);
    snprintf(seen->topic, sizeof(seen->topic), "%.*s", WEIR_ARG(record->log_topic));
    seen->partition = record->log_partition;
    seen->offset = record->log_offset;
    snprintf(seen->value, sizeof(seen->value), "%.*s", WEIR_ARG(record->value));
}

/* The bytes converter gives Avro bytes: a length, and then what was written. */
static bool is_refused(weir_str value)
{
    weir_str refused = weir_cstr(sink.refused);

    return refused.len > 0 && value.len == refused.len + 1 &&
           memcmp(value.ptr + 1, refused.ptr, refused.len) == 0;
}

static weir_code put_all(weir_task *task, const weir_batch *batch, weir_error *err)
{
    weir_record record = {0};

    while (weir_record_next(batch, &record)) {
        note_record(&record);
        if (is_refused(record.value) &&
            weir_task_reject(task, &record, err, "%s is not wanted", sink.refused) != WEIR_OK)
            return err->code;
    }
    return WEIR_OK;
}

static weir_code sink_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    weir_code code;
    (void)state;

    if (sink.in_put != NULL)
        sink.in_put(task);
    pthread_mutex_lock(&sink.lock);
    sink.put_count++;
    pthread_cond_broadcast(&sink.moved);
    while (sink.blocks)
        pthread_cond_wait(&sink.moved, &sink.lock);
    code = put_all(task, batch, err);
    pthread_mutex_unlock(&sink.lock);
    if (code == WEIR_OK && sink.failing_puts > 0) {
        sink.failing_puts--;
        return weir_fail(err, WEIR_RETRY, "not now");
    }
    return code;
}

static weir_code sink_flush_it(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    int64_t flushed = weir_offsets_get(offsets, WEIR_STR(TOPIC), 0);
    (void)state, (void)err;

    sink.flush_count++;
    if (sink.in_flush != NULL)
        sink.in_flush(task);
    if (sink.partial_flushes > 0) {
        sink.partial_flushes--;
        weir_offsets_set(offsets, WEIR_STR(TOPIC), 0, sink.durable_below);
        return WEIR_OK;
    }
    if (sink.stop_at >= 0 && flushed >= sink.stop_at)
        stop(task);
    return WEIR_OK;
}

static const plugin sink_plugin = {
    .kind = PLUGIN_SINK,
    .name = "noting",
    .version = "1",
    .sink = {.name = "noting",
             .open = sink_open,
             .assigned = sink_assigned,
             .revoked = sink_revoked,
             .put = sink_put,
             .flush = sink_flush_it},
};

/* --- The stage -------------------------------------------------------------------------------- */

#define MORE_MAX 8

static config_setting settings[16];
static size_t setting_count;

static void set(const char *name, const char *value)
{
    assert_true(setting_count < sizeof(settings) / sizeof(settings[0]));
    settings[setting_count++] = (config_setting){weir_cstr(name), weir_cstr(value)};
}

static int set_up(void **state)
{
    (void)state;
    sink.seen_count = sink.put_count = sink.flush_count = sink.revoked_count = 0;
    sink.failing_puts = sink.partial_flushes = 0;
    sink.epoch = 0;
    sink.resume = sink.stop_at = -1;
    sink.durable_below = 0;
    sink.refused = NULL;
    sink.blocks = false;
    sink.in_put = sink.in_flush = NULL;
    setting_count = 0;
    set("connector.class", "noting");
    set("topics.regex", "orders.*");
    set("key.converter", "bytes");
    set("value.converter", "bytes");
    set("offset.flush.interval.ms", "20");
    set("errors.retry.delay.max.ms", "1");
    the_log = fake_log_new(5);
    connect_world_open(&world, the_log);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connect_world_close(&world);
    fake_log_free(the_log);
    return 0;
}

static void make_topic(const char *name, int32_t partitions)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.partitions = partitions;
    assert_int_equal(log_topic_create(the_log, weir_cstr(name), &config, &err), WEIR_OK);
}

static void append(const char *topic, int32_t partition, int first, int count)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(the_log, WEIR_STR(""), &writer, &err), WEIR_OK);
    for (int i = first; i < first + count; i++) {
        char text[16];

        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(log_add(writer,
                                 &(log_record){.topic = weir_cstr(topic),
                                               .partition = partition,
                                               .timestamp_ms = 1000 + i,
                                               .key = WEIR_STR("k"),
                                               .value = weir_cstr(text)},
                                 &err),
                         WEIR_OK);
    }
    assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    log_writer_close(writer);
}

static void make_orders(int count)
{
    make_topic(TOPIC, 1);
    append(TOPIC, 0, 0, count);
}

static connect_task *new_task(int number, assignment *shared)
{
    return task_new(&world.world,
                    &(task_role){.plugin = &sink_plugin,
                                 .connector = WEIR_STR(CONNECTOR),
                                 .number = number,
                                 .assignment = shared},
                    settings, setting_count);
}

/* Runs one task of one to its end. */
static weir_code run_task(weir_error *err)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    weir_code code;

    task_run(task);
    code = task->outcome;
    *err = task->error;
    task_free(task);
    assignment_free(alone);
    return code;
}

static weir_code run_until_flushed(int64_t offset)
{
    weir_error err;

    sink.stop_at = offset;
    return run_task(&err);
}

static int64_t committed(void)
{
    return connect_world_committed(the_log, CONNECTOR, TOPIC, 0);
}

static void assert_seen(int first, int count)
{
    assert_int_equal(sink.seen_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(sink.seen[i].offset, first + i);
}

/* --- Order and offsets ------------------------------------------------------------------------ */

static void nothing_is_committed_yet(weir_task *task)
{
    (void)task;
    assert_int_equal(committed(), -1);
}

static void records_come_in_order_and_are_committed_behind_the_flush(void **state)
{
    (void)state;

    make_orders(100);
    sink.in_flush = nothing_is_committed_yet;
    assert_int_equal(run_until_flushed(100), WEIR_OK);
    assert_seen(0, 100);
    assert_int_equal(committed(), 100);
}

static void a_start_goes_on_behind_what_was_committed(void **state)
{
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    append(TOPIC, 0, 10, 5);
    sink.seen_count = 0;
    connect_world_close(&world); /* another worker */
    connect_world_open(&world, the_log);
    assert_int_equal(run_until_flushed(15), WEIR_OK);
    assert_seen(10, 5);
}

static void a_sink_with_a_ledger_says_where_it_goes_on(void **state)
{
    (void)state;

    make_orders(10);
    sink.resume = 7;
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_seen(7, 3);
}

static void what_a_flush_left_is_committed_by_a_later_one(void **state)
{
    (void)state;

    make_orders(10);
    sink.partial_flushes = 1;
    sink.durable_below = 4;
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(sink.flush_count, 2);
    assert_seen(0, 10);
    assert_int_equal(committed(), 10);
}

static void what_no_flush_made_durable_is_not_committed(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    sink.partial_flushes = 1;
    sink.durable_below = 4;
    sink.in_flush = stop;
    assert_int_equal(run_task(&err), WEIR_OK);
    assert_int_equal(committed(), 4 + 6 * (sink.flush_count > 1));
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0), committed());
}

static void a_hold_moves_with_what_is_committed(void **state)
{
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0), 10);
}

/* --- Outcomes --------------------------------------------------------------------------------- */

static bool memory_knows_an_offset(void)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};

    durable_sink_key(WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0, &key);
    return durable_offset(world.world.durable, weir_buf_str(&key), &value);
}

static void an_aborted_commit_of_offsets_moves_nothing(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT};
    (void)state;

    make_orders(10);
    fake_log_script(the_log, fates, 1);
    assert_int_equal(run_until_flushed(10), WEIR_RETRY);
    assert_int_equal(committed(), -1);
    assert_false(memory_knows_an_offset());
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR(TOPIC), 0), 0);
    sink.seen_count = 0;
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_seen(0, 10);
    assert_int_equal(committed(), 10);
}

static void an_unknown_outcome_makes_the_next_start_ask_the_log(void **state)
{
    static const fake_fate lost[] = {FAKE_UNKNOWN_LOST}, kept[] = {FAKE_UNKNOWN_KEPT};
    (void)state;

    make_orders(10);
    fake_log_script(the_log, lost, 1);
    assert_int_equal(run_until_flushed(10), WEIR_RETRY);
    assert_false(memory_knows_an_offset());
    fake_log_script(the_log, kept, 1);
    sink.seen_count = 0;
    assert_int_equal(run_until_flushed(10), WEIR_RETRY);
    assert_seen(0, 10);
    append(TOPIC, 0, 10, 1);
    sink.seen_count = 0;
    assert_int_equal(run_until_flushed(11), WEIR_OK);
    assert_seen(10, 1);
}

static void a_commit_may_take_its_time(void **state)
{
    (void)state;

    make_orders(10);
    fake_log_chaos(the_log, 0, 0, 100);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(committed(), 10);
}

static void run_successor(weir_task *task)
{
    log_writer *newer;
    weir_error err;
    (void)task;

    assert_int_equal(log_writer_open(the_log, WEIR_STR(CONNECTOR "-0"), &newer, &err), WEIR_OK);
    assert_int_equal(log_writer_epoch(newer), sink.epoch + 1);
    log_writer_close(newer);
}

static void a_zombie_commits_no_offsets(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    (void)state;

    make_orders(10);
    sink.in_put = run_successor; /* the next start of this task, while this one lives */
    task_run(task);
    assert_int_equal(task->outcome, WEIR_FATAL);
    assert_true(task->was_fenced);
    assert_int_equal(sink.flush_count, 1);
    assert_int_equal(committed(), -1);
    assert_false(memory_knows_an_offset());
    task_free(task);
    assignment_free(alone);
}

/* --- Errors ----------------------------------------------------------------------------------- */

static void a_put_that_may_pass_gets_the_same_batch_again(void **state)
{
    (void)state;

    make_orders(3);
    sink.failing_puts = 2;
    assert_int_equal(run_until_flushed(3), WEIR_OK);
    assert_int_equal(sink.put_count, 3);
    assert_int_equal(sink.seen_count, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(sink.seen[i].offset, i % 3);
    assert_int_equal(committed(), 3);
}

static void a_put_that_does_not_pass_ends_the_task_for_a_new_start(void **state)
{
    (void)state;

    make_orders(3);
    sink.failing_puts = 1000;
    assert_int_equal(run_until_flushed(3), WEIR_RETRY);
    assert_int_equal(sink.put_count, 5);
    assert_int_equal(committed(), -1);
}

static void a_retry_timeout_keeps_the_batch_for_longer(void **state)
{
    (void)state;

    make_orders(3);
    set("errors.retry.timeout", "-1");
    sink.failing_puts = 50;
    assert_int_equal(run_until_flushed(3), WEIR_OK);
    assert_int_equal(sink.put_count, 51);
}

static void with_tolerance_none_a_refused_record_fails_the_task(void **state)
{
    weir_error err;
    (void)state;

    make_orders(5);
    sink.refused = "3";
    sink.stop_at = 5;
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "offset 3 of orders-0"));
    assert_non_null(strstr(err.message, "3 is not wanted"));
    assert_int_equal(committed(), -1);
}

static void with_tolerance_all_a_refused_record_is_passed_over(void **state)
{
    (void)state;

    make_orders(5);
    set("errors.tolerance", "all");
    sink.refused = "3";
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_int_equal(committed(), 5);
}

static void dead_letter_settings(void)
{
    set("errors.tolerance", "all");
    set("errors.deadletterqueue.topic.name", "dead");
    set("errors.deadletterqueue.context.headers.enable", "true");
}

static bool has_header(const fake_record *record, const char *name, const char *value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf wanted = {0};

    /* As RecordBatch v2 has them: zigzag varint lengths, all below 64 here or two bytes long. */
    weir_buf_add_str(&wanted, weir_cstr(name));
    if (strlen(value) < 64)
        weir_buf_add_byte(&wanted, (char)(strlen(value) * 2));
    else
        weir_buf_add(&wanted,
                     (char[]){(char)((strlen(value) * 2 & 127) | 128), (char)(strlen(value) >> 6)},
                     2);
    weir_buf_add_str(&wanted, weir_cstr(value));
    return memmem(record->headers.ptr, record->headers.len, wanted.ptr, wanted.len) != NULL;
}

static void a_dead_letter_has_the_record_and_kafka_connects_headers(void **state)
{
    static const char *const headers[][2] = {
        {"__connect.errors.topic", "orders"},
        {"__connect.errors.partition", "0"},
        {"__connect.errors.offset", "3"},
        {"__connect.errors.connector.name", "dwh"},
        {"__connect.errors.task.id", "0"},
        {"__connect.errors.stage", "TASK_PUT"},
        {"__connect.errors.class.name", "org.apache.kafka.connect.sink.SinkTask"},
        {"__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"},
        {"__connect.errors.exception.message", "3 is not wanted"},
        {"__connect.errors.exception.stacktrace",
         "org.apache.kafka.connect.errors.DataException: 3 is not wanted"},
    };
    fake_record letter;
    (void)state;

    make_orders(5);
    dead_letter_settings();
    sink.refused = "3";
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 1);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &letter));
    assert_true(weir_str_eq(letter.key, WEIR_STR("k")));
    assert_true(weir_str_eq(letter.value, WEIR_STR("3")));
    assert_int_equal(letter.timestamp_ms, 1003);
    assert_int_equal(letter.header_count, 10);
    for (int i = 0; i < 10; i++)
        assert_true(has_header(&letter, headers[i][0], headers[i][1]));
}

static void without_the_setting_a_dead_letter_has_no_headers_of_ours(void **state)
{
    fake_record letter;
    (void)state;

    make_orders(5);
    set("errors.tolerance", "all");
    set("errors.deadletterqueue.topic.name", "dead");
    sink.refused = "3";
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &letter));
    assert_int_equal(letter.header_count, 0);
}

static void a_batch_that_is_put_again_brings_no_second_dead_letter(void **state)
{
    (void)state;

    make_orders(5);
    dead_letter_settings();
    sink.refused = "3";
    sink.failing_puts = 3;
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_int_equal(sink.put_count, 4);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 1);
}

static void a_dead_letter_is_committed_with_the_offset_behind_it(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT, FAKE_UNKNOWN_LOST, FAKE_UNKNOWN_KEPT};
    fake_record letter, offset;
    (void)state;

    make_orders(5);
    dead_letter_settings();
    sink.refused = "3";
    fake_log_script(the_log, fates, 3);
    for (int i = 0; i < 3; i++) /* each start refuses it again, until its offset is committed */
        assert_int_equal(run_until_flushed(5), WEIR_RETRY);
    append(TOPIC, 0, 5, 1);
    assert_int_equal(run_until_flushed(6), WEIR_OK);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 1);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &letter));
    assert_true(fake_log_at(the_log, DURABLE_OFFSETS, 0, 0, &offset));
    assert_int_equal(letter.unit, offset.unit);
}

static void a_dead_letter_waits_until_its_record_is_done_with(void **state)
{
    weir_error err;
    (void)state;

    make_orders(5);
    dead_letter_settings();
    set("offset.flush.interval.ms", "60000");
    sink.refused = "3";
    sink.partial_flushes = 1000;
    sink.durable_below = 3; /* records below the refused one only */
    sink.in_flush = stop;
    assert_int_equal(run_task(&err), WEIR_OK);
    assert_int_equal(committed(), 3);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 0);
}

static void what_no_converter_reads_is_refused_at_its_stage(void **state)
{
    fake_record letter;
    (void)state;

    make_topic(TOPIC, 1);
    append(TOPIC, 0, 0, 2);
    settings[3].value = WEIR_STR("avro"); /* "0" and "1" are no Avro frames */
    dead_letter_settings();
    assert_int_equal(run_until_flushed(2), WEIR_OK);
    assert_int_equal(sink.seen_count, 0);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 2);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 1, &letter));
    assert_true(has_header(&letter, "__connect.errors.stage", "VALUE_CONVERTER"));
    assert_true(has_header(&letter, "__connect.errors.class.name", "avro"));
    assert_int_equal(committed(), 2);
}

static void many_dead_letters_do_not_pile_up(void **state)
{
    (void)state;

    make_orders(3000);
    dead_letter_settings();
    settings[3].value = WEIR_STR("avro");
    set("offset.flush.interval.ms", "60000");
    assert_int_equal(run_until_flushed(3000), WEIR_OK);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 3000);
}

/* --- Partitions ------------------------------------------------------------------------------- */

static void a_position_that_is_gone_fails_the_task_and_never_jumps(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    append(TOPIC, 0, 10, 10);
    fake_log_trim(the_log, WEIR_STR(TOPIC), 0, 15);
    sink.put_count = 0;
    sink.stop_at = 20;
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "resuming at offset 10 of orders-0"));
    assert_int_equal(sink.put_count, 0);
    assert_int_equal(committed(), 10);
}

static void a_topic_that_was_made_again_is_not_taken_for_the_old_one(void **state)
{
    weir_error err;
    (void)state;

    make_orders(10);
    assert_int_equal(run_until_flushed(10), WEIR_OK);
    assert_int_equal(log_topic_delete(the_log, WEIR_STR(TOPIC), &err), WEIR_OK);
    make_orders(20);
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "was deleted and made again"));
}

static void make_another_topic(weir_task *task)
{
    (void)task;
    if (sink.flush_count == 1) {
        make_topic("orders2", 1);
        append("orders2", 0, 0, 3);
        append(TOPIC, 0, 10, 1);
    }
}

static void a_topic_that_comes_later_is_read_from_its_beginning(void **state)
{
    int others = 0;
    (void)state;

    make_orders(10);
    sink.in_flush = make_another_topic;
    while (run_until_flushed(11), connect_world_committed(the_log, CONNECTOR, "orders2", 0) < 3)
        append(TOPIC, 0, 11, 1); /* it stopped before it had read the new one */
    for (int i = 0; i < sink.seen_count; i++)
        if (strcmp(sink.seen[i].topic, "orders2") == 0)
            assert_int_equal(sink.seen[i].offset, others++);
    assert_int_equal(others, 3);
}

static void delete_a_topic(weir_task *task)
{
    weir_error err;

    (void)task;
    sink.in_put = NULL;
    assert_int_equal(log_topic_delete(the_log, WEIR_STR("orders2"), &err), WEIR_OK);
    append(TOPIC, 0, 10, 5);
}

static void a_topic_that_goes_is_given_up_and_the_others_go_on(void **state)
{
    (void)state;

    make_orders(10);
    make_topic("orders2", 2);
    append("orders2", 1, 0, 5);
    sink.in_put = delete_a_topic;
    assert_int_equal(run_until_flushed(15), WEIR_OK);
    assert_int_equal(sink.revoked_count, 2);
    assert_int_equal(committed(), 15);
    assert_int_equal(fake_log_held(the_log, WEIR_STR(CONNECTOR), WEIR_STR("orders2"), 1), -1);
}

static void wait_for_puts(int count)
{
    pthread_mutex_lock(&sink.lock);
    while (sink.put_count < count)
        pthread_cond_wait(&sink.moved, &sink.lock);
    pthread_mutex_unlock(&sink.lock);
}

static void wait_for_records(int count)
{
    for (int seen = 0; seen < count;) {
        pthread_mutex_lock(&sink.lock);
        seen = sink.seen_count;
        pthread_mutex_unlock(&sink.lock);
        sched_yield();
    }
}

static void two_tasks_share_partitions_and_a_new_topic_moves_none(void **state)
{
    assignment *shared = assignment_new(2);
    connect_task *tasks[2] = {new_task(0, shared), new_task(1, shared)};
    (void)state;

    make_topic("orders-b", 3);
    make_topic("orders-c", 1);
    for (int p = 0; p < 3; p++)
        append("orders-b", p, 0, 10);
    append("orders-c", 0, 0, 10);
    for (int i = 0; i < 2; i++)
        task_start(tasks[i]);
    wait_for_records(40);
    make_topic("orders-a", 3); /* before the others in the order of names */
    for (int p = 0; p < 3; p++) {
        append("orders-a", p, 0, 10);
        append("orders-b", p, 10, 10);
    }
    wait_for_records(100);
    for (int i = 0; i < 2; i++) {
        task_ask_to_stop(tasks[i]);
        task_join(tasks[i]);
        assert_int_equal(tasks[i]->outcome, WEIR_OK);
        assert_in_range(tasks[i]->view.partition_count, 3, 4);
        task_free(tasks[i]);
    }
    assert_int_equal(sink.seen_count, 100); /* none twice */
    assignment_free(shared);
}

/* --- Stopping and blocking --------------------------------------------------------------------- */

static void a_task_that_waits_for_records_stops_at_once(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    (void)state;

    make_orders(3);
    task_start(task);
    wait_for_records(3);
    task_ask_to_stop(task);
    task_join(task);
    assert_int_equal(task->outcome, WEIR_OK);
    assert_int_equal(committed(), 3); /* what was put is flushed */
    task_free(task);
    assignment_free(alone);
}

static void a_task_that_pauses_between_attempts_stops_at_once(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task;
    int64_t begin = clock_mono_ms(clock_system());
    (void)state;

    make_orders(3);
    set("errors.retry.timeout", "-1");
    set("errors.retry.delay.max.ms", "86400000");
    sink.failing_puts = 1000;
    task = new_task(0, alone);
    task_start(task);
    wait_for_puts(5); /* the next pause is 4.8 s */
    task_ask_to_stop(task);
    task_join(task);
    assert_true(clock_mono_ms(clock_system()) - begin < 9000);
    assert_int_equal(task->outcome, WEIR_RETRY);
    task_free(task);
    assignment_free(alone);
}

static void block(weir_task *task)
{
    if (weir_task_number(task) != 0)
        return;
    pthread_mutex_lock(&sink.lock);
    sink.put_count++;
    pthread_cond_broadcast(&sink.moved);
    while (sink.blocks)
        pthread_cond_wait(&sink.moved, &sink.lock);
    pthread_mutex_unlock(&sink.lock);
}

static weir_code quick_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    (void)state;
    block(task);
    pthread_mutex_lock(&sink.lock);
    if (put_all(task, batch, err) != WEIR_OK)
        abort();
    pthread_mutex_unlock(&sink.lock);
    return WEIR_OK;
}

static void a_slow_sink_slows_no_other(void **state)
{
    plugin quick = sink_plugin;
    assignment *shared = assignment_new(2);
    connect_task *tasks[2];
    (void)state;

    quick.sink.put = quick_put;
    make_topic("orders-0", 1);
    make_topic("orders-1", 1);
    append("orders-0", 0, 0, 10);
    sink.blocks = true;
    for (int i = 0; i < 2; i++)
        tasks[i] = task_new(&world.world,
                            &(task_role){.plugin = &quick,
                                         .connector = WEIR_STR(CONNECTOR),
                                         .number = i,
                                         .assignment = shared},
                            settings, setting_count);
    task_start(tasks[0]);
    wait_for_puts(1); /* it has taken orders-0, and hangs */
    task_start(tasks[1]);
    for (int i = 0; i < 100; i++)
        append("orders-1", 0, i * 10, 10);
    wait_for_records(1000);
    pthread_mutex_lock(&sink.lock);
    sink.blocks = false;
    pthread_cond_broadcast(&sink.moved);
    pthread_mutex_unlock(&sink.lock);
    wait_for_records(1010);
    for (int i = 0; i < 2; i++) {
        task_ask_to_stop(tasks[i]);
        task_join(tasks[i]);
        task_free(tasks[i]);
    }
    assignment_free(shared);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_come_in_order_and_are_committed_behind_the_flush),
        CASE(a_start_goes_on_behind_what_was_committed),
        CASE(a_sink_with_a_ledger_says_where_it_goes_on),
        CASE(what_a_flush_left_is_committed_by_a_later_one),
        CASE(what_no_flush_made_durable_is_not_committed),
        CASE(a_hold_moves_with_what_is_committed),
        CASE(an_aborted_commit_of_offsets_moves_nothing),
        CASE(an_unknown_outcome_makes_the_next_start_ask_the_log),
        CASE(a_commit_may_take_its_time),
        CASE(a_zombie_commits_no_offsets),
        CASE(a_put_that_may_pass_gets_the_same_batch_again),
        CASE(a_put_that_does_not_pass_ends_the_task_for_a_new_start),
        CASE(a_retry_timeout_keeps_the_batch_for_longer),
        CASE(with_tolerance_none_a_refused_record_fails_the_task),
        CASE(with_tolerance_all_a_refused_record_is_passed_over),
        CASE(a_dead_letter_has_the_record_and_kafka_connects_headers),
        CASE(without_the_setting_a_dead_letter_has_no_headers_of_ours),
        CASE(a_batch_that_is_put_again_brings_no_second_dead_letter),
        CASE(a_dead_letter_is_committed_with_the_offset_behind_it),
        CASE(a_dead_letter_waits_until_its_record_is_done_with),
        CASE(what_no_converter_reads_is_refused_at_its_stage),
        CASE(many_dead_letters_do_not_pile_up),
        CASE(a_position_that_is_gone_fails_the_task_and_never_jumps),
        CASE(a_topic_that_was_made_again_is_not_taken_for_the_old_one),
        CASE(a_topic_that_comes_later_is_read_from_its_beginning),
        CASE(a_topic_that_goes_is_given_up_and_the_others_go_on),
        CASE(two_tasks_share_partitions_and_a_new_topic_moves_none),
        CASE(a_task_that_waits_for_records_stops_at_once),
        CASE(a_task_that_pauses_between_attempts_stops_at_once),
        CASE(a_slow_sink_slows_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
