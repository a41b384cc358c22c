/* test_worker.c - connectors are deployed, changed, restarted and removed, and no task ever runs twice at a time.
 *
 * The connectors are part of the test: a source that counts and can be made to fail, a sink that can be made to
 * hang. Waiting is for a state, with a deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/connect/holds.h"
#include "runtime/connect/status.h"
#include "runtime/connect/worker.h"
#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#include <pthread.h>
#include <stdatomic.h>

enum { TASKS = 8, DEADLINE_MS = 20000 };

typedef struct source_state {
    weir_str topic;
    int64_t next;
    bool is_counted;
} source_state;

/* What the connectors do and have done. */
static struct {
    atomic_int live[TASKS]; /* open now, of each number */
    atomic_int most_live;   /* of one number at a time */
    atomic_int open_count, fail_opens, fail_polls;
    atomic_int poll_code; /* of polls that fail */
    atomic_bool hangs;    /* put waits */
    atomic_bool is_hanging;
} did;

static log *the_log;
static plugins *all_plugins;
static worker *the_worker;
static int patience_ms; /* 0: the worker's own */

/* --- Connectors ------------------------------------------------------------------------------- */

/* Sinks have the upper half. */
static atomic_int *live_of(const weir_task *task)
{
    bool is_sink = weir_str_eq(weir_task_connector(task), WEIR_STR("sink"));

    return &did.live[weir_task_number(task) + (is_sink ? TASKS / 2 : 0)];
}

static void note_open(weir_task *task)
{
    int live = atomic_fetch_add(live_of(task), 1) + 1;

    if (live > atomic_load(&did.most_live))
        atomic_store(&did.most_live, live);
    atomic_fetch_add(&did.open_count, 1);
}

static weir_code source_open(weir_task *task, void *state, weir_error *err)
{
    source_state *self = state;
    weir_str offset = weir_task_offset(task, WEIR_STR("{}"));

    note_open(task);
    self->is_counted = true;
    if (offset.len > 0)
        (void)!weir_offset_int(offset, "next", &self->next);
    if (atomic_load(&did.fail_opens) > 0 && atomic_fetch_sub(&did.fail_opens, 1) > 0)
        return weir_fail(err, WEIR_RETRY, "the source is not there");
    return WEIR_OK;
}

static weir_code source_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    source_state *self = state;
    (void)task, (void)timeout_ms;

    if (atomic_load(&did.fail_polls) > 0 && atomic_fetch_sub(&did.fail_polls, 1) > 0)
        return weir_fail(err, (weir_code)atomic_load(&did.poll_code), "the source is broken");
    if (!weir_record_begin(batch, self->topic))
        return WEIR_OK;
    weir_record_value(batch, NULL);
    weir_put_raw(batch, WEIR_STR("x"));
    if (weir_record_end(batch, err) != WEIR_OK)
        return err->code;
    weir_offset(batch, WEIR_STR("{}"), "{\"next\":%d}", (int)++self->next);
    weir_checkpoint(batch);
    return WEIR_OK;
}

static void source_close(weir_task *task, void *state)
{
    if (((source_state *)state)->is_counted)
        atomic_fetch_sub(live_of(task), 1);
}

static const weir_field source_fields[] = {
    WEIR_FIELD(source_state, topic, .name = "topic", .doc = "Where to."),
};

static const plugin source_plugin = {
    .path = "here",
    .kind = PLUGIN_SOURCE,
    .name = "ticking",
    .version = "1.0",
    .summary = "Counts.",
    .table = {source_fields, 1, sizeof(weir_field)},
    .state_size = sizeof(source_state),
    .source = {.name = "ticking", .open = source_open, .poll = source_poll, .close = source_close},
};

static weir_code sink_open(weir_task *task, void *state, weir_error *err)
{
    (void)state, (void)err;
    note_open(task);
    return WEIR_OK;
}

static weir_code sink_put(weir_task *task, void *state, const weir_batch *batch, weir_error *err)
{
    (void)task, (void)state, (void)batch, (void)err;
    while (atomic_load(&did.hangs)) {
        atomic_store(&did.is_hanging, true);
        sched_yield();
    }
    return WEIR_OK;
}

static weir_code sink_flush_it(weir_task *task, void *state, weir_offsets *offsets, weir_error *err)
{
    (void)task, (void)state, (void)offsets, (void)err;
    return WEIR_OK;
}

static void sink_close(weir_task *task, void *state)
{
    (void)state;
    atomic_fetch_sub(live_of(task), 1);
}

static const plugin sink_plugin = {
    .path = "here",
    .kind = PLUGIN_SINK,
    .name = "swallowing",
    .version = "1.0",
    .summary = "Swallows.",
    .sink = {.name = "swallowing",
             .open = sink_open,
             .put = sink_put,
             .flush = sink_flush_it,
             .close = sink_close},
};

/* --- The stage -------------------------------------------------------------------------------- */

static void open_worker(void)
{
    worker_options options = {.log = the_log,
                              .plugins = all_plugins,
                              .clock = clock_system(),
                              .id = WEIR_STR("here:1"),
                              .patience_ms = patience_ms};
    weir_error err;

    assert_int_equal(worker_open(&options, &the_worker, &err), WEIR_OK);
}

static int set_up(void **state)
{
    weir_error err;
    (void)state;

    memset(&did, 0, sizeof(did));
    the_log = fake_log_new(11);
    all_plugins = plugins_new("/nowhere");
    assert_int_equal(plugins_add(all_plugins, &source_plugin, &err), WEIR_OK);
    assert_int_equal(plugins_add(all_plugins, &sink_plugin, &err), WEIR_OK);
    open_worker();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    atomic_store(&did.hangs, false);
    worker_close(the_worker);
    plugins_free(all_plugins);
    fake_log_free(the_log);
    assert_in_range(atomic_load(&did.most_live), 0, 1);
    return 0;
}

static void deploy(const char *name, const char *const settings[][2], size_t count)
{
    config_setting all[16];
    weir_error err;

    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        all[i] = (config_setting){weir_cstr(settings[i][0]), weir_cstr(settings[i][1])};
    assert_int_equal(worker_put(the_worker, weir_cstr(name), all, count, NULL, &err), WEIR_OK);
}

static void deploy_source(const char *topic, const char *restart_max)
{
    const char *const settings[][2] = {
        {"connector.class", "ticking"},      {"topic", topic},
        {"key.converter", "bytes"},          {"value.converter", "bytes"},
        {"errors.restart.delay.ms", "1"},    {"errors.restart.delay.max.ms", "4"},
        {"errors.restart.max", restart_max},
    };

    deploy("source", settings, 7);
}

static void deploy_sink(const char *tasks)
{
    const char *const settings[][2] = {
        {"connector.class", "swallowing"},
        {"topics.regex", "numbers.*"},
        {"key.converter", "bytes"},
        {"value.converter", "bytes"},
        {"tasks.max", tasks},
    };

    deploy("sink", settings, 5);
}

/* What the status says of a task: "RUNNING", or "" when there is no such task. number -1: the connector. */
static void state_of(const char *name, int number, char out[32])
{
    json_t *status = worker_status(the_worker, weir_cstr(name));
    const json_t *part = number < 0
                             ? json_object_get(status, "connector")
                             : json_array_get(json_object_get(status, "tasks"), (size_t)number);
    const char *state = json_string_value(json_object_get(part, "state"));

    snprintf(out, 32, "%s", state != NULL ? state : "");
    json_decref(status);
}

static int64_t number_in_status(const char *name, const char *field)
{
    json_t *status = worker_status(the_worker, weir_cstr(name));
    const json_t *task = json_array_get(json_object_get(status, "tasks"), 0);
    int64_t value = json_integer_value(json_object_get(task, field));

    json_decref(status);
    return value;
}

static void wait_state(const char *name, int number, const char *expected)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;
    uint64_t generation = 0;
    char state[32];

    for (state_of(name, number, state); strcmp(state, expected) != 0;
         state_of(name, number, state)) {
        if (clock_mono_ms(clock_system()) > until)
            fail_msg("%s %d is %s, not %s", name, number, state, expected);
        generation = worker_wait_change(the_worker, generation, 50);
    }
}

static void wait_records(const char *topic, int64_t count)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;

    while (fake_log_count(the_log, weir_cstr(topic), 0) < count) {
        assert_true(clock_mono_ms(clock_system()) < until);
        sched_yield();
    }
}

static void wait_restarts(int64_t count)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;

    while (number_in_status("source", "restarts") < count)
        assert_true(clock_mono_ms(clock_system()) < until);
}

static weir_code set_target(const char *name, target_state target)
{
    weir_error err;

    return worker_set_target(the_worker, weir_cstr(name), target, &err);
}

/* --- Deploying -------------------------------------------------------------------------------- */

static void a_deployed_source_runs_and_a_removed_one_is_gone(void **state)
{
    weir_error err;
    (void)state;

    deploy_source("numbers", "-1");
    wait_records("numbers", 100);
    wait_state("source", 0, "RUNNING");
    assert_int_equal(worker_remove(the_worker, WEIR_STR("source"), &err), WEIR_OK);
    assert_null(worker_status(the_worker, WEIR_STR("source")));
    assert_int_equal(atomic_load(&did.live[0]), 0);
    assert_int_equal(worker_remove(the_worker, WEIR_STR("source"), &err), WEIR_END);
}

static void what_was_deployed_comes_back_as_it_was(void **state)
{
    (void)state;

    deploy_source("numbers", "-1");
    deploy_sink("2");
    wait_state("sink", 1, "RUNNING");
    assert_int_equal(set_target("sink", TARGET_PAUSED), WEIR_OK);
    wait_state("sink", 1, "PAUSED");
    worker_close(the_worker);
    open_worker();
    wait_state("source", 0, "RUNNING");
    wait_state("sink", 0, "PAUSED");
    wait_state("sink", 1, "PAUSED");
    wait_state("sink", -1, "PAUSED");
}

static void other_settings_replace_a_running_connector(void **state)
{
    (void)state;

    deploy_source("numbers", "-1");
    wait_records("numbers", 100);
    deploy_source("numbers-too", "-1");
    wait_records("numbers-too", 100);
    assert_int_equal(atomic_load(&did.most_live), 1); /* the old task had ended first */
    assert_int_equal(atomic_load(&did.open_count), 2);
}

static void the_same_settings_restart_nothing(void **state)
{
    (void)state;

    deploy_source("numbers", "-1");
    wait_state("source", 0, "RUNNING");
    deploy_source("numbers", "-1");
    assert_int_equal(atomic_load(&did.open_count), 1);
}

static bool log_has_status_of(int number)
{
    status_store *stored;
    status_record found;
    weir_error err;
    bool is_there;

    worker_close(the_worker); /* everything is written by then */
    assert_int_equal(status_open(the_log, &stored, &err), WEIR_OK);
    is_there = status_get(stored, WEIR_STR("sink"), number, &found);
    status_close(stored);
    open_worker();
    return is_there;
}

static void the_count_of_tasks_follows_the_settings(void **state)
{
    (void)state;

    deploy_sink("1");
    wait_state("sink", 0, "RUNNING");
    wait_state("sink", 1, "");
    deploy_sink("4");
    for (int i = 0; i < 4; i++)
        wait_state("sink", i, "RUNNING");
    assert_true(log_has_status_of(3));
    deploy_sink("2");
    wait_state("sink", 1, "RUNNING");
    wait_state("sink", 2, "");
    assert_true(log_has_status_of(1));
    assert_false(log_has_status_of(3));
}

static void an_unknown_plugin_fails_its_connector_alone(void **state)
{
    (void)state;

    deploy_source("numbers", "-1");
    wait_state("source", 0, "RUNNING");
    worker_close(the_worker);
    plugins_free(all_plugins);
    all_plugins = plugins_new("/nowhere"); /* it was there once */
    open_worker();
    wait_state("source", -1, "FAILED");
}

/* --- Failing ---------------------------------------------------------------------------------- */

static void a_task_that_fails_is_started_again_until_it_runs(void **state)
{
    (void)state;

    atomic_store(&did.fail_opens, 5);
    deploy_source("numbers", "-1");
    wait_state("source", 0, "RUNNING");
    assert_int_equal(number_in_status("source", "restarts"), 5);
    assert_int_equal(atomic_load(&did.open_count), 6);
    wait_records("numbers", 10);
}

static void a_fatal_fault_shows_failed_and_is_tried_again(void **state)
{
    (void)state;

    atomic_store(&did.poll_code, WEIR_FATAL);
    atomic_store(&did.fail_polls, 1000000);
    deploy_source("numbers", "-1");
    wait_state("source", 0, "FAILED");
    wait_restarts(3);
    atomic_store(&did.fail_polls, 0);
    wait_state("source", 0, "RUNNING");
}

static void what_the_settings_forbid_is_not_started_again(void **state)
{
    weir_error err;
    (void)state;

    atomic_store(&did.fail_opens, 1000000);
    deploy_source("numbers", "2");
    wait_state("source", 0, "FAILED");
    assert_int_equal(number_in_status("source", "restarts"), 2);
    assert_int_equal(atomic_load(&did.open_count), 3);
    assert_true(worker_failure(the_worker, &err));
    assert_non_null(strstr(err.message, "the source is not there"));
    atomic_store(&did.fail_opens, 0);
    assert_int_equal(worker_restart(the_worker, WEIR_STR("source"), 0, false, false, &err),
                     WEIR_OK);
    wait_state("source", 0, "RUNNING");
}

static void restarts_and_the_last_error_are_known_to_the_next_worker(void **state)
{
    json_t *status;
    const json_t *task;
    (void)state;

    atomic_store(&did.fail_opens, 3);
    deploy_source("numbers", "-1");
    wait_state("source", 0, "RUNNING");
    worker_close(the_worker);
    open_worker();
    status = worker_status(the_worker, WEIR_STR("source"));
    task = json_array_get(json_object_get(status, "tasks"), 0);
    assert_int_equal(json_integer_value(json_object_get(task, "restarts")), 3);
    assert_string_equal(json_string_value(json_object_get(task, "last_error")),
                        "the source is not there");
    json_decref(status);
}

static void *restart_often(void *unused)
{
    weir_error err;
    (void)unused;

    for (int i = 0; i < 30; i++) {
        (void)!worker_restart(the_worker, WEIR_STR("source"), -1, true, false, &err);
        (void)!worker_set_target(the_worker, WEIR_STR("source"),
                                 i % 2 == 0 ? TARGET_PAUSED : TARGET_RUNNING, &err);
    }
    return NULL;
}

static void a_storm_of_restarts_leaves_one_task(void **state)
{
    pthread_t threads[3];
    (void)state;

    atomic_store(&did.poll_code, WEIR_RETRY);
    atomic_store(&did.fail_polls, 10);
    deploy_source("numbers", "-1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, restart_often, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(set_target("source", TARGET_RUNNING), WEIR_OK);
    wait_state("source", 0, "RUNNING");
    assert_int_equal(atomic_load(&did.most_live), 1);
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void *remove_sink(void *unused)
{
    weir_error err;
    (void)unused;

    (void)!worker_remove(the_worker, WEIR_STR("sink"), &err);
    return NULL;
}

static void a_sink_that_hangs_holds_up_nobody_else(void **state)
{
    pthread_t remover;
    int64_t before;
    (void)state;

    atomic_store(&did.hangs, true);
    deploy_source("numbers", "-1");
    deploy_sink("1");
    while (!atomic_load(&did.is_hanging))
        sched_yield();
    assert_int_equal(pthread_create(&remover, NULL, remove_sink, NULL), 0);
    before = fake_log_count(the_log, WEIR_STR("numbers"), 0);
    wait_records("numbers", before + 100);                          /* the source goes on */
    wait_state("source", 0, "RUNNING");                             /* questions are answered */
    assert_int_equal(set_target("source", TARGET_PAUSED), WEIR_OK); /* commands are taken */
    wait_state("source", 0, "PAUSED");
    atomic_store(&did.hangs, false);
    pthread_join(remover, NULL);
    assert_null(worker_status(the_worker, WEIR_STR("sink")));
}

typedef struct late_put {
    const char *tasks;
    pthread_t thread;
} late_put;

static void *put_late(void *context)
{
    deploy_sink(((late_put *)context)->tasks);
    return NULL;
}

static void put_while_it_hangs(late_put *put)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;
    int64_t before = fake_log_count(the_log, WEIR_STR("__weir_configs"), 0);

    assert_int_equal(pthread_create(&put->thread, NULL, put_late, put), 0);
    while (fake_log_count(the_log, WEIR_STR("__weir_configs"), 0) == before) {
        assert_true(clock_mono_ms(clock_system()) < until); /* it writes, and then it waits */
        sched_yield();
    }
}

static void hang_in_put(void)
{
    atomic_store(&did.hangs, true);
    deploy_source("numbers", "-1");
    deploy_sink("1");
    while (!atomic_load(&did.is_hanging))
        sched_yield();
}

static void of_commands_that_wait_the_last_one_holds_also_after_a_restart(void **state)
{
    late_put puts[] = {{.tasks = "2"}, {.tasks = "3"}, {.tasks = "1"}, {.tasks = "4"}};
    (void)state;

    hang_in_put();
    for (int i = 0; i < 4; i++)
        put_while_it_hangs(&puts[i]);
    atomic_store(&did.hangs, false);
    for (int i = 0; i < 4; i++)
        pthread_join(puts[i].thread, NULL);
    wait_state("sink", 3, "RUNNING");
    wait_state("sink", 4, "");
    worker_close(the_worker);
    open_worker();
    wait_state("sink", 3, "RUNNING");
    wait_state("sink", 4, "");
}

static void a_removal_and_a_put_at_a_time_leave_what_the_log_says(void **state)
{
    late_put put = {.tasks = "2"};
    pthread_t remover;
    json_t *before, *after;
    (void)state;

    hang_in_put();
    assert_int_equal(pthread_create(&remover, NULL, remove_sink, NULL), 0);
    put_while_it_hangs(&put);
    atomic_store(&did.hangs, false);
    pthread_join(remover, NULL);
    pthread_join(put.thread, NULL);
    before = worker_config(the_worker, WEIR_STR("sink"));
    worker_close(the_worker);
    open_worker();
    after = worker_config(the_worker, WEIR_STR("sink"));
    assert_true(before == NULL ? after == NULL : json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

static void a_sink_that_never_ran_holds_what_it_would_read(void **state)
{
    const target_state stopped = TARGET_STOPPED;
    const config_setting settings[] = {{WEIR_STR("connector.class"), WEIR_STR("swallowing")},
                                       {WEIR_STR("topics.regex"), WEIR_STR("numbers.*")}};
    weir_error err;
    (void)state;

    assert_int_equal(worker_put(the_worker, WEIR_STR("sink"), settings, 2, &stopped, &err),
                     WEIR_OK);
    deploy_source("numbers", "-1"); /* makes its topic after that */
    wait_records("numbers", 10);
    assert_int_equal(fake_log_held(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0), 0);
    worker_close(the_worker);
    log_hold(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0, -1); /* holds are not durable */
    open_worker();
    assert_int_equal(fake_log_held(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0), 0);
    assert_int_equal(worker_remove(the_worker, WEIR_STR("sink"), &err), WEIR_OK);
    assert_int_equal(fake_log_held(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0), -1);
}

/* Its file may be back at the next start: what it has not read must still be there then. */
static void a_sink_whose_plugin_is_missing_holds_what_it_would_read(void **state)
{
    const target_state stopped = TARGET_STOPPED;
    const config_setting settings[] = {{WEIR_STR("connector.class"), WEIR_STR("swallowing")},
                                       {WEIR_STR("topics.regex"), WEIR_STR("numbers.*")}};
    plugins *both = all_plugins;
    weir_error err;
    (void)state;

    assert_int_equal(worker_put(the_worker, WEIR_STR("sink"), settings, 2, &stopped, &err),
                     WEIR_OK);
    deploy_source("numbers", "-1");
    wait_records("numbers", 10);
    worker_close(the_worker);
    log_hold(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0, -1); /* holds are not durable */
    all_plugins = plugins_new("/nowhere");
    assert_int_equal(plugins_add(all_plugins, &source_plugin, &err), WEIR_OK);
    open_worker();
    wait_state("sink", -1, "FAILED");
    assert_int_equal(fake_log_held(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0), 0);
    plugins_free(both);
}

static void a_sink_that_becomes_a_source_holds_nothing_any_more(void **state)
{
    const config_setting as_source[] = {{WEIR_STR("connector.class"), WEIR_STR("ticking")},
                                        {WEIR_STR("topic"), WEIR_STR("others")}};
    weir_error err;
    (void)state;

    deploy_source("numbers", "-1");
    wait_records("numbers", 10);
    deploy_sink("1");
    assert_true(fake_log_held(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0) >= 0);
    assert_int_equal(worker_put(the_worker, WEIR_STR("sink"), as_source, 2, NULL, &err), WEIR_OK);
    assert_int_equal(fake_log_held(the_log, WEIR_STR("sink"), WEIR_STR("numbers"), 0), -1);
}

/* Whoever asks is told in time, and what was asked for is done all the same. */
static void a_command_does_not_wait_for_ever_for_a_task_that_hangs(void **state)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;
    json_t *status;
    weir_error err;
    (void)state;

    worker_close(the_worker);
    patience_ms = 50;
    open_worker();
    patience_ms = 0;
    hang_in_put();
    assert_int_equal(worker_remove(the_worker, WEIR_STR("sink"), &err), WEIR_RETRY);
    assert_string_equal(err.message,
                        "Request timed out. A task of connector \"sink\" has not ended within 50 "
                        "ms; what was asked for is done when it has");
    assert_int_equal(set_target("sink", TARGET_PAUSED), WEIR_RETRY);
    atomic_store(&did.hangs, false);
    while ((status = worker_status(the_worker, WEIR_STR("sink"))) != NULL) {
        json_decref(status);
        assert_true(clock_mono_ms(clock_system()) < until);
        sched_yield();
    }
}

static void a_command_does_not_wait_for_ever_for_a_log_without_room(void **state)
{
    weir_error err;
    (void)state;

    deploy_source("numbers", "-1");
    wait_records("numbers", 10);
    fake_log_set_full(the_log, true);
    assert_int_equal(worker_set_target(the_worker, WEIR_STR("source"), TARGET_PAUSED, &err),
                     WEIR_RETRY);
    assert_non_null(strstr(err.message, "the log has no room"));
    wait_state("source", 0, "RUNNING");
    fake_log_set_full(the_log, false);
    assert_int_equal(set_target("source", TARGET_PAUSED), WEIR_OK);
    wait_state("source", 0, "PAUSED");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* What was released would come again, older than all else. */
static void a_source_that_begins_again_does_not_release_again_what_had_waited(void **state)
{
    json_t *altered = json_pack("[{s:{s:s, s:i}, s:{s:i, s:s}}]", "partition", "kafka_topic",
                                "__weir_held.numbers", "kafka_partition", 0, "offset",
                                "kafka_offset", 7, "topic_id", "x");
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;
    weir_error err;
    (void)state;

    deploy_source("numbers", "-1");
    wait_records("numbers", 10);
    assert_int_equal(set_target("source", TARGET_STOPPED), WEIR_OK);
    while (worker_alter_offsets(the_worker, WEIR_STR("source"), altered, &err) != WEIR_OK) {
        assert_true(clock_mono_ms(clock_system()) < until); /* its task has not stopped yet */
        sched_yield();
    }
    assert_int_equal(worker_alter_offsets(the_worker, WEIR_STR("source"), NULL, &err), WEIR_OK);
    json_decref(altered);
    assert_int_equal(connect_world_committed(the_log, "source", "__weir_held.numbers", 0), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_deployed_source_runs_and_a_removed_one_is_gone),
        CASE(what_was_deployed_comes_back_as_it_was),
        CASE(other_settings_replace_a_running_connector),
        CASE(the_same_settings_restart_nothing),
        CASE(the_count_of_tasks_follows_the_settings),
        CASE(an_unknown_plugin_fails_its_connector_alone),
        CASE(a_task_that_fails_is_started_again_until_it_runs),
        CASE(a_fatal_fault_shows_failed_and_is_tried_again),
        CASE(what_the_settings_forbid_is_not_started_again),
        CASE(restarts_and_the_last_error_are_known_to_the_next_worker),
        CASE(a_storm_of_restarts_leaves_one_task),
        CASE(a_sink_that_hangs_holds_up_nobody_else),
        CASE(of_commands_that_wait_the_last_one_holds_also_after_a_restart),
        CASE(a_removal_and_a_put_at_a_time_leave_what_the_log_says),
        CASE(a_sink_that_never_ran_holds_what_it_would_read),
        CASE(a_sink_whose_plugin_is_missing_holds_what_it_would_read),
        CASE(a_sink_that_becomes_a_source_holds_nothing_any_more),
        CASE(a_command_does_not_wait_for_ever_for_a_task_that_hangs),
        CASE(a_command_does_not_wait_for_ever_for_a_log_without_room),
        CASE(a_source_that_begins_again_does_not_release_again_what_had_waited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
