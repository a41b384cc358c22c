/* test_task.c - what a task does for its connector, and how it ends before it has begun. */
#include "tests/unit/runtime/connect/sink_fixture.h"

static weir_error run_to_the_end(weir_code expected)
{
    weir_error err = {0};

    assert_int_equal(run_task(&err), expected);
    return err;
}

/* --- Settings --------------------------------------------------------------------------------- */

static void a_wrong_setting_ends_the_task_for_good_and_is_named(void **state)
{
    weir_error err;
    (void)state;

    set("max.in.flight.bytes", "1");
    err = run_to_the_end(WEIR_CONFIG);
    assert_non_null(strstr(err.message, "max.in.flight.bytes"));
    assert_int_equal(sink.epoch, 0); /* it was not opened */
}

static void a_secret_that_is_not_there_ends_the_task_and_its_setting_is_named(void **state)
{
    weir_error err;
    (void)state;

    set("errors.deadletterqueue.topic.name", "${env:WEIR_TEST_NO_SUCH_VARIABLE}");
    err = run_to_the_end(WEIR_CONFIG);
    assert_non_null(strstr(err.message, "errors.deadletterqueue.topic.name"));
    assert_non_null(strstr(err.message, "WEIR_TEST_NO_SUCH_VARIABLE"));
}

static void an_unknown_transform_ends_the_task(void **state)
{
    weir_error err;
    (void)state;

    set("transforms", "x");
    set("transforms.x.type", "no-such-transform");
    err = run_to_the_end(WEIR_CONFIG);
    assert_non_null(strstr(err.message, "no-such-transform"));
}

/* --- What the connector calls ----------------------------------------------------------------- */

static void call_host(weir_task *task)
{
    connect_task *self = task->host_context;
    task_view *view = &self->view;
    weir_str id;

    weir_task_progress(task, "copying", 1, 10);
    weir_task_progress(task, "copying", 2, 10);
    assert_string_equal(view->phase, "copying");
    assert_int_equal(view->done_count, 2);
    assert_int_equal(view->total_count, 10);
    weir_task_gauge(task, "depth", 1);
    weir_task_gauge(task, "width", 2);
    weir_task_gauge(task, "depth", 3);
    assert_int_equal(view->gauge_count, 2);
    assert_true(view->gauges[0].value > 2.9);
    id = weir_task_topic_id(task, WEIR_STR(TOPIC));
    assert_int_equal(id.len, 36);
    assert_int_equal(weir_task_topic_id(task, WEIR_STR("none")).len, 0);
    assert_int_equal(weir_task_log_id(task).len, 36);
    stop(task);
}

static void progress_gauges_and_identities_are_the_connectors_to_use(void **state)
{
    weir_error err;
    (void)state;

    make_orders(1);
    sink.in_put = call_host;
    assert_int_equal(run_task(&err), WEIR_OK);
}

static void set_many_gauges(weir_task *task)
{
    static char names[2 * TASK_GAUGES_MAX][16];
    connect_task *self = task->host_context;

    for (int i = 0; i < 2 * TASK_GAUGES_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "g%d", i);
        weir_task_gauge(task, names[i], i);
    }
    assert_int_equal(self->view.gauge_count, TASK_GAUGES_MAX);
    weir_task_gauge(task, names[0], 42);
    assert_true(self->view.gauges[0].value > 41);
    stop(task);
}

static void there_are_so_many_gauges_and_no_more(void **state)
{
    weir_error err;
    (void)state;

    make_orders(1);
    sink.in_put = set_many_gauges;
    assert_int_equal(run_task(&err), WEIR_OK);
}

static void an_overlong_phase_is_cut(weir_task *task)
{
    connect_task *self = task->host_context;
    char phase[1000];

    memset(phase, 'p', sizeof(phase) - 1);
    phase[sizeof(phase) - 1] = '\0';
    weir_task_progress(task, phase, 0, 0);
    assert_int_equal(strlen(self->view.phase), sizeof(self->view.phase) - 1);
    stop(task);
}

static void a_phase_of_any_length_is_shown_as_far_as_it_fits(void **state)
{
    weir_error err;
    (void)state;

    make_orders(1);
    sink.in_put = an_overlong_phase_is_cut;
    assert_int_equal(run_task(&err), WEIR_OK);
}

/* --- Topics ----------------------------------------------------------------------------------- */

static void make_other_topic(weir_task *task)
{
    connect_task *self = task->host_context;
    log_topic found;
    weir_error err;

    if (!log_topic_find(the_log, WEIR_STR("made"), &found)) {
        assert_int_equal(task_ensure_topic(self, WEIR_STR("made"), &err), WEIR_OK);
        assert_int_equal(task_ensure_topic(self, WEIR_STR("made"), &err),
                         WEIR_OK); /* it is there */
    }
    stop(task);
}

static void a_topic_is_made_as_the_settings_say_and_held_from_its_first_record(void **state)
{
    log_topic made;
    weir_error err;
    (void)state;

    make_orders(1);
    set("topic.creation.default.partitions", "3");
    set("topic.creation.default.retention.ms", "1000");
    set("topic.creation.default.retention.bytes", "2000");
    set("topic.creation.default.compression.type", "zstd");
    set("on.full", "trim");
    holds_add(world.world.holds, WEIR_STR("reader"), (weir_list){0}, WEIR_STR("made"));
    sink.in_put = make_other_topic;
    assert_int_equal(run_task(&err), WEIR_OK);
    assert_true(log_topic_find(the_log, WEIR_STR("made"), &made));
    assert_int_equal(made.config.partitions, 3);
    assert_int_equal(made.config.retention_ms, 1000);
    assert_int_equal(made.config.retention_bytes, 2000);
    assert_int_equal(made.config.compression, 4);
    assert_true(made.config.trim);
    for (int p = 0; p < 3; p++)
        assert_int_equal(fake_log_held(the_log, WEIR_STR("reader"), WEIR_STR("made"), p), 0);
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void *ask_to_stop(void *task)
{
    task_ask_to_stop(task);
    return NULL;
}

static void a_pause_ends_with_its_time_or_with_the_task(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    int64_t begin = clock_mono_ms(clock_system()), paused;
    pthread_t stopper;
    (void)state;

    task_pause(task, 20);
    paused = clock_mono_ms(clock_system()) - begin;
    assert_in_range(paused, 19, 10000);
    assert_int_equal(pthread_create(&stopper, NULL, ask_to_stop, task), 0);
    task_pause(task, 3600000);
    pthread_join(stopper, NULL);
    assert_true(task_is_stopping(task));
    assert_true(clock_mono_ms(clock_system()) - begin < 60000);
    task_free(task);
    assignment_free(alone);
}

static void attempts_end_with_the_rules_or_with_the_task(void **state)
{
    assignment *alone = assignment_new(1);
    connect_task *task = new_task(0, alone);
    retry none = {.timeout_ms = 0, .delay_max_ms = 1, .attempts_min = 1};
    retry three = {.timeout_ms = 0, .delay_max_ms = 1, .attempts_min = 3};
    (void)state;

    assert_false(task_try_again(task, &none));
    assert_true(task_try_again(task, &three));
    assert_true(task_try_again(task, &three));
    assert_false(task_try_again(task, &three));
    three.failure_count = 0;
    task_ask_to_stop(task);
    assert_false(task_try_again(task, &three));
    task_free(task);
    assignment_free(alone);
}

static void the_end_of_a_task_is_told_once(void **state)
{
    weir_error err;
    (void)state;

    make_orders(1);
    assert_int_equal(run_until_flushed(1), WEIR_OK);
    assert_int_equal(atomic_load(&world.ended_count), 1);
    assert_int_equal(atomic_load(&world.opened_count), 1);
    set("max.in.flight.bytes", "1");
    assert_int_equal(run_task(&err), WEIR_CONFIG);
    assert_int_equal(atomic_load(&world.ended_count), 2);
    assert_int_equal(atomic_load(&world.opened_count), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_wrong_setting_ends_the_task_for_good_and_is_named),
        CASE(a_secret_that_is_not_there_ends_the_task_and_its_setting_is_named),
        CASE(an_unknown_transform_ends_the_task),
        CASE(progress_gauges_and_identities_are_the_connectors_to_use),
        CASE(there_are_so_many_gauges_and_no_more),
        CASE(a_phase_of_any_length_is_shown_as_far_as_it_fits),
        CASE(a_topic_is_made_as_the_settings_say_and_held_from_its_first_record),
        CASE(a_pause_ends_with_its_time_or_with_the_task),
        CASE(attempts_end_with_the_rules_or_with_the_task),
        CASE(the_end_of_a_task_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
