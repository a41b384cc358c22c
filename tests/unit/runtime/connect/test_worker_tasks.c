/* test_worker_tasks.c - a sink that is paused, resumed and restarted at any time is given every record, and none
 * twice that it had made durable.
 *
 * The sink writes down the offset of each record of a partition; the log has them all from the beginning, or
 * gets them while the sink is paused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/connect/worker.h"
#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#include <sched.h>
#include <stdatomic.h>

#define TOPIC WEIR_STR("orders")

enum { RECORDS = 20000, DEADLINE_MS = 20000 };

static log *the_log;
static plugins *all_plugins;
static worker *the_worker;
static atomic_int times_put[RECORDS];
static atomic_int put_count, open_count, reordered_count;
static atomic_size_t largest_batch;

static weir_code noting_open(weir_task *task, void *state, weir_error *err)
{
    (void)task, (void)err;
    *(int64_t *)state = -1;
    atomic_fetch_add(&open_count, 1);
    return WEIR_OK;
}

static weir_code noting_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    int64_t *last = state;
    weir_record record = {0};
    size_t bytes = 0;
    (void)task, (void)err;

    while (weir_record_next(batch, &record)) {
        if (record.log_offset <= *last)
            atomic_fetch_add(&reordered_count, 1);
        *last = record.log_offset;
        atomic_fetch_add(&times_put[record.log_offset], 1);
        atomic_fetch_add(&put_count, 1);
        bytes += record.value.len;
    }
    if (bytes > atomic_load(&largest_batch))
        atomic_store(&largest_batch, bytes);
    return WEIR_OK;
}

static weir_code noting_flush(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    (void)task, (void)state, (void)offsets, (void)err;
    return WEIR_OK;
}

static const plugin noting_plugin = {
    .path = "here",
    .kind = PLUGIN_SINK,
    .name = "noting",
    .version = "1.0",
    .summary = "Writes down what it is given.",
    .state_size = sizeof(int64_t),
    .sink = {.name = "noting", .open = noting_open, .put = noting_put, .flush = noting_flush},
};

static void open_worker(void)
{
    worker_options options = {
        .log = the_log, .plugins = all_plugins, .clock = clock_system(), .id = WEIR_STR("here:1")};
    weir_error err;

    assert_int_equal(worker_open(&options, &the_worker, &err), WEIR_OK);
}

static void append(int count)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(the_log, WEIR_STR(""), &writer, &err), WEIR_OK);
    for (int i = 0; i < count; i++) {
        char value[101];

        memset(value, 'v', sizeof(value));
        assert_int_equal(log_add(writer,
                                 &(log_record){.topic = TOPIC,
                                               .partition = 0,
                                               .timestamp_ms = 1,
                                               .value = {value, sizeof(value)}},
                                 &err),
                         WEIR_OK);
    }
    assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    log_writer_close(writer);
}

static int set_up(void **state)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;
    (void)state;

    for (int i = 0; i < RECORDS; i++)
        atomic_store(&times_put[i], 0);
    atomic_store(&put_count, 0);
    atomic_store(&open_count, 0);
    atomic_store(&reordered_count, 0);
    atomic_store(&largest_batch, 0);
    the_log = fake_log_new(9);
    assert_int_equal(log_topic_create(the_log, TOPIC, &config, &err), WEIR_OK);
    all_plugins = plugins_new("/nowhere");
    assert_int_equal(plugins_add(all_plugins, &noting_plugin, &err), WEIR_OK);
    open_worker();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_close(the_worker);
    plugins_free(all_plugins);
    fake_log_free(the_log);
    return 0;
}

static void deploy(void)
{
    const config_setting settings[] = {
        {WEIR_STR("connector.class"), WEIR_STR("noting")},
        {WEIR_STR("topics"), TOPIC},
        {WEIR_STR("key.converter"), WEIR_STR("bytes")},
        {WEIR_STR("value.converter"), WEIR_STR("bytes")},
        {WEIR_STR("offset.flush.interval.ms"), WEIR_STR("1")},
        {WEIR_STR("max.in.flight.bytes"), WEIR_STR("65536")},
        {WEIR_STR("errors.restart.delay.ms"), WEIR_STR("1")},
        {WEIR_STR("errors.restart.delay.max.ms"), WEIR_STR("2")},
    };
    weir_error err;

    assert_int_equal(worker_put(the_worker, WEIR_STR("sink"), settings, 8, NULL, &err), WEIR_OK);
}

static void set_target(target_state target)
{
    weir_error err;

    assert_int_equal(worker_set_target(the_worker, WEIR_STR("sink"), target, &err), WEIR_OK);
}

static void wait_state(const char *expected)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;
    uint64_t generation = 0;
    char state[32] = "";

    while (strcmp(state, expected) != 0) {
        json_t *status = worker_status(the_worker, WEIR_STR("sink"));
        const json_t *task = json_array_get(json_object_get(status, "tasks"), 0);

        snprintf(state, sizeof(state), "%s", json_string_value(json_object_get(task, "state")));
        json_decref(status);
        if (clock_mono_ms(clock_system()) > until)
            fail_msg("the sink is %s, not %s", state, expected);
        generation = worker_wait_change(the_worker, generation, 10);
    }
}

static void wait_put(int count)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;

    while (atomic_load(&put_count) < count) {
        assert_true(clock_mono_ms(clock_system()) < until);
        sched_yield();
    }
}

static int64_t committed(void)
{
    return connect_world_committed(the_log, "sink", "orders", 0);
}

/* Each record at least once; returns how many came more than once. */
static int assert_all_came(int count)
{
    int repeated = 0;

    for (int i = 0; i < count; i++) {
        assert_true(atomic_load(&times_put[i]) > 0);
        repeated += atomic_load(&times_put[i]) > 1;
    }
    assert_int_equal(atomic_load(&reordered_count), 0);
    return repeated;
}

static void a_pause_keeps_the_position_and_repeats_nothing(void **state)
{
    int paused_at;
    (void)state;

    append(RECORDS / 2);
    deploy();
    for (int i = 1; i <= 5; i++) {
        wait_put(i * RECORDS / 20);
        set_target(TARGET_PAUSED);
        wait_state("PAUSED");
        paused_at = atomic_load(&put_count);
        assert_int_equal(committed(), paused_at); /* all that was put was flushed */
        set_target(TARGET_RUNNING);
    }
    set_target(TARGET_PAUSED);
    wait_state("PAUSED");
    paused_at = atomic_load(&put_count);
    append(RECORDS / 2); /* nobody takes it */
    assert_int_equal(fake_log_held(the_log, WEIR_STR("sink"), TOPIC, 0), committed());
    assert_int_equal(atomic_load(&put_count), paused_at);
    set_target(TARGET_RUNNING);
    wait_put(RECORDS);
    assert_int_equal(assert_all_came(RECORDS), 0);
}

static void a_sink_paused_over_a_restart_of_the_worker_goes_on_there(void **state)
{
    (void)state;

    append(RECORDS / 2);
    deploy();
    wait_put(RECORDS / 4);
    set_target(TARGET_PAUSED);
    wait_state("PAUSED");
    worker_close(the_worker);
    append(RECORDS / 2);
    open_worker();
    wait_state("PAUSED");
    set_target(TARGET_RUNNING);
    wait_put(RECORDS);
    assert_int_equal(assert_all_came(RECORDS), 0);
}

static void pauses_amid_commits_that_fail_lose_nothing(void **state)
{
    (void)state;

    append(RECORDS);
    deploy();
    fake_log_chaos(the_log, 10, 10, 30);
    for (int i = 0; i < 20; i++) {
        wait_put(i * RECORDS / 20);
        set_target(TARGET_PAUSED);
        set_target(TARGET_RUNNING); /* perhaps before it has stopped */
    }
    while (committed() < RECORDS)
        sched_yield();
    fake_log_chaos(the_log, 0, 0, 0);
    (void)assert_all_came(RECORDS); /* what was not committed may have come again */
}

static void a_batch_is_no_larger_than_what_may_be_under_way(void **state)
{
    (void)state;

    append(RECORDS);
    deploy();
    wait_put(RECORDS);
    assert_in_range(atomic_load(&largest_batch), 65536 / 2, 65536); /* of more than 2 MB */
    assert_int_equal(assert_all_came(RECORDS), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pause_keeps_the_position_and_repeats_nothing),
        CASE(a_sink_paused_over_a_restart_of_the_worker_goes_on_there),
        CASE(pauses_amid_commits_that_fail_lose_nothing),
        CASE(a_batch_is_no_larger_than_what_may_be_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
