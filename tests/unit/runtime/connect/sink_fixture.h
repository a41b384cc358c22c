/* sink_fixture.h - a sink that writes down what it is called with, and does what a test's script says.
 *
 * Tasks run in the test's own thread where they can: the sink asks them to stop.
 */
#ifndef TESTS_UNIT_RUNTIME_CONNECT_SINK_FIXTURE_H
#define TESTS_UNIT_RUNTIME_CONNECT_SINK_FIXTURE_H

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
    int64_t altered;       /* what its ledger was set to last; -2: never */
    int failing_alters;    /* so many fail with WEIR_RETRY */
    int failing_puts;      /* so many fail with WEIR_RETRY */
    int silent_code;       /* not 0: one put returns it and leaves err as it was */
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

static inline void stop(weir_task *task)
{
    atomic_store(&task->stopping, true);
}

/* Tasks of one test may run at a time. */
static inline void note(int *count)
{
    pthread_mutex_lock(&sink.lock);
    ++*count;
    pthread_mutex_unlock(&sink.lock);
}

static inline weir_code sink_open(weir_task *task, void *state, weir_error *err)
{
    (void)state, (void)err;
    pthread_mutex_lock(&sink.lock);
    sink.epoch = weir_task_epoch(task);
    pthread_mutex_unlock(&sink.lock);
    return WEIR_OK;
}

static inline weir_code sink_assigned(weir_task *task, void *state, weir_str topic,
                                      int32_t partition, int64_t *resume, weir_error *err)
{
    (void)task, (void)state, (void)topic, (void)partition, (void)err;
    *resume = sink.resume;
    return WEIR_OK;
}

static inline weir_code sink_alter(weir_task *task, void *state, weir_str topic, int32_t partition,
                                   int64_t offset, weir_error *err)
{
    (void)task, (void)state, (void)topic, (void)partition;
    if (sink.failing_alters > 0) {
        sink.failing_alters--;
        return weir_fail(err, WEIR_RETRY, "no connection");
    }
    sink.altered = sink.resume = offset;
    return WEIR_OK;
}

static inline weir_code sink_revoked(weir_task *task, void *state, weir_str topic,
                                     int32_t partition, weir_error *err)
{
    (void)task, (void)state, (void)topic, (void)partition, (void)err;
    note(&sink.revoked_count);
    return WEIR_OK;
}

static inline void note_record(const weir_record *record)
{
    seen_record *seen = &sink.seen[sink.seen_count++];

    assert_true(sink.seen_count < SEEN_MAX);
    snprintf(seen->topic, sizeof(seen->topic), "%.*s", WEIR_ARG(record->log_topic));
    seen->partition = record->log_partition;
    seen->offset = record->log_offset;
    snprintf(seen->value, sizeof(seen->value), "%.*s", WEIR_ARG(record->value));
}

/* The bytes converter gives Avro bytes: a length, and then what was written. */
static inline bool is_refused(weir_str value)
{
    weir_str refused = weir_cstr(sink.refused);

    return refused.len > 0 && value.len == refused.len + 1 &&
           memcmp(value.ptr + 1, refused.ptr, refused.len) == 0;
}

static inline weir_code put_all(weir_task *task, const weir_batch *batch, weir_error *err)
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

static inline weir_code sink_put(weir_task *task, void *state, const weir_batch *batch,
                                 weir_error *err)
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
    if (code == WEIR_OK && sink.silent_code != 0) {
        code = (weir_code)sink.silent_code;
        sink.silent_code = 0;
        return code;
    }
    if (code == WEIR_OK && sink.failing_puts > 0) {
        sink.failing_puts--;
        return weir_fail(err, WEIR_RETRY, "not now");
    }
    return code;
}

static inline weir_code sink_flush_it(weir_task *task, void *state, weir_offsets *offsets,
                                      weir_error *err)
{
    int64_t flushed = weir_offsets_get(offsets, WEIR_STR(TOPIC), 0);
    (void)state, (void)err;

    note(&sink.flush_count);
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
             .flush = sink_flush_it,
             .alter_offsets = sink_alter},
};

/* --- The stage -------------------------------------------------------------------------------- */

static config_setting settings[16];
static size_t setting_count;

static inline void set(const char *name, const char *value)
{
    assert_true(setting_count < sizeof(settings) / sizeof(settings[0]));
    settings[setting_count++] = (config_setting){weir_cstr(name), weir_cstr(value)};
}

static inline int set_up(void **state)
{
    (void)state;
    sink.seen_count = sink.put_count = sink.flush_count = sink.revoked_count = 0;
    sink.failing_puts = sink.partial_flushes = sink.silent_code = 0;
    sink.epoch = 0;
    sink.resume = sink.stop_at = -1;
    sink.altered = -2;
    sink.failing_alters = 0;
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

static inline int tear_down(void **state)
{
    (void)state;
    connect_world_close(&world);
    fake_log_free(the_log);
    return 0;
}

static inline void make_topic(const char *name, int32_t partitions)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.partitions = partitions;
    assert_int_equal(log_topic_create(the_log, weir_cstr(name), &config, &err), WEIR_OK);
}

static inline void append(const char *topic, int32_t partition, int first, int count)
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

static inline void make_orders(int count)
{
    make_topic(TOPIC, 1);
    append(TOPIC, 0, 0, count);
}

static inline connect_task *new_task(int number, assignment *shared)
{
    return task_new(&world.world,
                    &(task_role){.plugin = &sink_plugin,
                                 .connector = WEIR_STR(CONNECTOR),
                                 .number = number,
                                 .assignment = shared},
                    settings, setting_count);
}

/* Runs one task of one to its end. */
static inline weir_code run_task(weir_error *err)
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

static inline weir_code run_until_flushed(int64_t offset)
{
    weir_error err;

    sink.stop_at = offset;
    return run_task(&err);
}

static inline int64_t committed(void)
{
    return connect_world_committed(the_log, CONNECTOR, TOPIC, 0);
}

static inline void assert_seen(int first, int count)
{
    assert_int_equal(sink.seen_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(sink.seen[i].offset, first + i);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
