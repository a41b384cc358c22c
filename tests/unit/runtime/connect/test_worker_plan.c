/* test_worker_plan.c - a source's plan splits its work; another split loses nothing and repeats nothing.
 *
 * The source is part of the test: it has six partitions, each counts to a hundred into a topic of its own, and
 * its plan deals them out to the tasks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/connect/worker.h"
#include "tests/fixtures/fake_log.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PARTITIONS = 6, NUMBERS = 100, DEADLINE_MS = 20000 };

/* What the plan does and the tasks have done. */
static struct {
    atomic_int planned;  /* so many tasks, whatever is allowed; 0: as many as are */
    atomic_bool refuses; /* the plan fails */
    atomic_int fails;    /* so many plans fail in a way that may pass */
    atomic_bool waits;   /* poll sends nothing */
    atomic_int open_count;
    _Atomic(int64_t) epoch[PARTITIONS]; /* of each task */
    atomic_int live[PARTITIONS], most_live;
} did;

static log *the_log;
static plugins *all_plugins;
static worker *the_worker;

/* --- The source ------------------------------------------------------------------------------- */

typedef struct split_state {
    int64_t task, tasks; /* from the plan */
    int64_t next[PARTITIONS];
    bool is_open;
} split_state;

static weir_code split_plan(const void *state, int max_tasks, weir_planner *planner,
                            weir_error *err)
{
    int tasks = atomic_load(&did.planned) != 0 ? atomic_load(&did.planned) : max_tasks;
    (void)state;

    if (atomic_load(&did.refuses))
        return weir_fail(err, WEIR_CONFIG, "there is nothing to split");
    if (atomic_load(&did.fails) > 0 && atomic_fetch_sub(&did.fails, 1) > 0)
        return WEIR_RETRY;
    for (int task = 0; task < tasks; task++) {
        char number[16], count[16];
        weir_str settings[] = {WEIR_STR("task"),
                               {number, (size_t)snprintf(number, sizeof(number), "%d", task)},
                               WEIR_STR("tasks"),
                               {count, (size_t)snprintf(count, sizeof(count), "%d", tasks)}};

        weir_planner_add(planner, settings, 4);
    }
    return WEIR_OK;
}

static weir_str name_of(char text[16], const char *format, int64_t partition)
{
    return (weir_str){text, (size_t)snprintf(text, 16, format, (int)partition)};
}

static weir_code split_open(weir_task *task, void *state, weir_error *err)
{
    split_state *self = state;
    (void)err;

    for (int64_t p = self->task; p < PARTITIONS; p += self->tasks) {
        char text[16];
        weir_str offset = weir_task_offset(task, name_of(text, "{\"p\":%d}", p));
        int live = atomic_fetch_add(&did.live[p], 1) + 1;

        if (live > atomic_load(&did.most_live))
            atomic_store(&did.most_live, live);
        if (offset.len > 0)
            assert_true(weir_offset_int(offset, "next", &self->next[p]));
    }
    self->is_open = true;
    atomic_store(&did.epoch[weir_task_number(task)], weir_task_epoch(task));
    atomic_fetch_add(&did.open_count, 1);
    return WEIR_OK;
}

static weir_code send_one(weir_batch *batch, int64_t partition, int64_t number, weir_error *err)
{
    char topic[16], text[16], where[16];

    assert_true(weir_record_begin(batch, name_of(topic, "t%d", partition)));
    weir_record_value(batch, NULL);
    weir_put_raw(batch, name_of(text, "%d", number));
    if (weir_record_end(batch, err) != WEIR_OK)
        return err->code;
    weir_offset(batch, name_of(where, "{\"p\":%d}", partition), "{\"next\":%d}", (int)number + 1);
    weir_checkpoint(batch);
    return WEIR_OK;
}

static weir_code split_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                            weir_error *err)
{
    split_state *self = state;
    bool any = false;
    (void)task, (void)timeout_ms;

    if (atomic_load(&did.waits))
        return WEIR_OK;
    for (int64_t p = self->task; p < PARTITIONS; p += self->tasks) {
        if (self->next[p] == NUMBERS)
            continue;
        any = true;
        if (send_one(batch, p, self->next[p]++, err) != WEIR_OK)
            return err->code;
    }
    return any ? WEIR_OK : WEIR_END;
}

static void split_close(weir_task *task, void *state)
{
    split_state *self = state;
    (void)task;

    for (int64_t p = self->task; p < PARTITIONS && self->is_open; p += self->tasks)
        atomic_fetch_sub(&did.live[p], 1);
}

static const weir_field split_fields[] = {
    WEIR_FIELD(split_state, task, .name = "task", .fallback = "0", .doc = "Which task."),
    WEIR_FIELD(split_state, tasks, .name = "tasks", .fallback = "1", .doc = "Of how many."),
};

static const plugin split_plugin = {
    .path = "here",
    .kind = PLUGIN_SOURCE,
    .name = "split",
    .version = "1.0",
    .summary = "Counts in six places.",
    .table = {split_fields, 2, sizeof(weir_field)},
    .state_size = sizeof(split_state),
    .source = {.name = "split",
               .plan = split_plan,
               .open = split_open,
               .poll = split_poll,
               .close = split_close},
};

/* --- The stage -------------------------------------------------------------------------------- */

static void open_worker(void)
{
    worker_options options = {
        .log = the_log, .plugins = all_plugins, .clock = clock_system(), .id = WEIR_STR("here:1")};
    weir_error err;

    assert_int_equal(worker_open(&options, &the_worker, &err), WEIR_OK);
}

static int set_up(void **state)
{
    weir_error err;
    (void)state;

    memset(&did, 0, sizeof(did));
    the_log = fake_log_new(5);
    all_plugins = plugins_new("/nowhere");
    assert_int_equal(plugins_add(all_plugins, &split_plugin, &err), WEIR_OK);
    open_worker();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_close(the_worker);
    plugins_free(all_plugins);
    fake_log_free(the_log);
    assert_in_range(atomic_load(&did.most_live), 0, 1); /* no partition ever had two readers */
    return 0;
}

static void deploy(const char *tasks_max)
{
    const config_setting settings[] = {
        {WEIR_STR("connector.class"), WEIR_STR("split")},
        {WEIR_STR("key.converter"), WEIR_STR("bytes")},
        {WEIR_STR("value.converter"), WEIR_STR("bytes")},
        {WEIR_STR("errors.restart.delay.ms"), WEIR_STR("1")},
        {WEIR_STR("errors.restart.delay.max.ms"), WEIR_STR("4")},
        {WEIR_STR("tasks.max"), weir_cstr(tasks_max)},
    };
    weir_error err;

    assert_int_equal(worker_put(the_worker, WEIR_STR("source"), settings, 6, NULL, &err), WEIR_OK);
}

/* What the status says of a member of the connector (number -1) or of a task; "" when it is not there. */
static void status_text(int number, const char *member, char out[200])
{
    json_t *status = worker_status(the_worker, WEIR_STR("source"));
    const json_t *part = number < 0
                             ? json_object_get(status, "connector")
                             : json_array_get(json_object_get(status, "tasks"), (size_t)number);
    const char *text = json_string_value(json_object_get(part, member));

    snprintf(out, 200, "%s", text != NULL ? text : "");
    json_decref(status);
}

static void wait_state(int number, const char *expected)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;
    uint64_t generation = 0;
    char state[200];

    for (status_text(number, "state", state); strcmp(state, expected) != 0;
         status_text(number, "state", state)) {
        if (clock_mono_ms(clock_system()) > until)
            fail_msg("%d is %s, not %s", number, state, expected);
        generation = worker_wait_change(the_worker, generation, 50);
    }
}

static void wait_records(weir_str topic, int64_t count)
{
    int64_t until = clock_mono_ms(clock_system()) + DEADLINE_MS;

    while (fake_log_count(the_log, topic, 0) < count) {
        assert_true(clock_mono_ms(clock_system()) < until);
        sched_yield();
    }
}

static size_t task_count(void)
{
    json_t *configs = worker_task_configs(the_worker, WEIR_STR("source"));
    size_t count = json_array_size(configs);

    json_decref(configs);
    return count;
}

static void assert_each_number_is_there_once(void)
{
    for (int p = 0; p < PARTITIONS; p++) {
        char topic[16], text[16];
        weir_str name = name_of(topic, "t%d", p);
        fake_record record;

        assert_int_equal(fake_log_count(the_log, name, 0), NUMBERS);
        for (int i = 0; i < NUMBERS; i++) {
            assert_true(fake_log_at(the_log, name, 0, i, &record));
            assert_true(weir_str_eq(record.value, name_of(text, "%d", i)));
        }
    }
}

/* --- Planning --------------------------------------------------------------------------------- */

static void each_task_has_its_settings_its_state_and_its_epoch(void **state)
{
    json_t *configs;
    (void)state;

    deploy("3");
    for (int i = 0; i < 3; i++)
        wait_state(i, "COMPLETED");
    wait_state(3, "");
    configs = worker_task_configs(the_worker, WEIR_STR("source"));
    assert_int_equal(json_array_size(configs), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *config = json_array_get(configs, i);
        char number[16];

        assert_string_equal(json_string_value(json_object_get(config, "connector.class")), "split");
        assert_true(weir_str_eq(weir_cstr(json_string_value(json_object_get(config, "task"))),
                                name_of(number, "%d", (int64_t)i)));
        assert_true(atomic_load(&did.epoch[i]) > 0);
    }
    json_decref(configs);
    assert_true(worker_is_finished(the_worker));
    assert_each_number_is_there_once();
}

static void assert_fails_with(const char *reason)
{
    char trace[200];
    weir_error err;

    wait_state(-1, "FAILED");
    status_text(-1, "trace", trace);
    assert_non_null(strstr(trace, reason));
    assert_int_equal(task_count(), 0);
    assert_true(worker_failure(the_worker, &err));
    assert_non_null(strstr(err.message, reason));
    assert_false(worker_is_finished(the_worker));
    assert_int_equal(atomic_load(&did.open_count), 0);
}

static void more_tasks_than_allowed_fail_the_connector(void **state)
{
    (void)state;

    atomic_store(&did.planned, 4);
    deploy("3");
    assert_fails_with("planned 4 tasks for source, and tasks.max is 3");
}

static void a_plan_without_tasks_fails_the_connector(void **state)
{
    (void)state;

    atomic_store(&did.planned, -1);
    deploy("3");
    assert_fails_with("planned no task for source");
}

static void a_plan_that_failed_is_made_again_by_a_restart(void **state)
{
    weir_error err;
    (void)state;

    atomic_store(&did.refuses, true);
    deploy("2");
    assert_fails_with("planning the tasks of source: there is nothing to split");
    atomic_store(&did.refuses, false);
    assert_int_equal(worker_restart(the_worker, WEIR_STR("source"), -1, false, false, &err),
                     WEIR_OK);
    wait_state(-1, "RUNNING");
    wait_state(0, "COMPLETED");
    wait_state(1, "COMPLETED");
    assert_each_number_is_there_once();
}

static void a_plan_that_may_pass_is_made_again_by_itself(void **state)
{
    (void)state;

    atomic_store(&did.fails, 2);
    deploy("2");
    wait_state(0, "COMPLETED");
    wait_state(1, "COMPLETED");
    wait_state(-1, "RUNNING");
    assert_int_equal(atomic_load(&did.fails), 0);
    assert_each_number_is_there_once();
}

static void one_task_is_restarted_alone(void **state)
{
    weir_error err;
    int64_t before[3];
    (void)state;

    atomic_store(&did.waits, true);
    deploy("3");
    for (int i = 0; i < 3; i++)
        wait_state(i, "RUNNING");
    for (int i = 0; i < 3; i++)
        before[i] = atomic_load(&did.epoch[i]);
    assert_int_equal(worker_restart(the_worker, WEIR_STR("source"), 1, false, false, &err),
                     WEIR_OK);
    while (atomic_load(&did.open_count) < 4)
        sched_yield();
    for (int i = 0; i < 3; i++)
        assert_int_equal(atomic_load(&did.epoch[i]), before[i] + (i == 1));
    assert_int_equal(worker_restart(the_worker, WEIR_STR("source"), 3, false, false, &err),
                     WEIR_END);
}

/* --- Another split ---------------------------------------------------------------------------- */

static void another_split_goes_on_where_each_partition_was(void **state)
{
    static const char *const splits[] = {"1", "6", "2", "4", "5"};
    (void)state;

    fake_log_chaos(the_log, 5, 5, 30);
    deploy("3");
    for (int i = 0; i < 5; i++) {
        char topic[16];

        wait_records(name_of(topic, "t%d", PARTITIONS - 1), (i + 1) * INT64_C(10));
        deploy(splits[i]);
    }
    for (int i = 0; i < 5; i++)
        wait_state(i, "COMPLETED");
    fake_log_chaos(the_log, 0, 0, 0);
    assert_each_number_is_there_once();
}

/* A commit that was under way when its task ended: a writer that is still open. */
static log_writer *zombie_of(const char *id)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(the_log, weir_cstr(id), &writer, &err), WEIR_OK);
    assert_int_equal(log_add(writer,
                             &(log_record){.topic = WEIR_STR("t0"),
                                           .partition = 0,
                                           .timestamp_ms = -1,
                                           .value = WEIR_STR("late")},
                             &err),
                     WEIR_OK);
    return writer;
}

static void assert_is_fenced(log_writer *zombie)
{
    weir_error err;

    assert_int_equal(log_wait(zombie, log_commit(zombie), 1000, &err), LOG_FENCED);
    log_writer_close(zombie);
}

static void tasks_of_the_last_split_are_fenced_before_another_runs(void **state)
{
    log_writer *zombie;
    (void)state;

    deploy("3");
    for (int i = 0; i < 3; i++)
        wait_state(i, "COMPLETED");
    zombie = zombie_of("source-2");
    deploy("1");
    wait_state(0, "COMPLETED");
    assert_is_fenced(zombie);
    assert_each_number_is_there_once();
}

static void the_last_split_is_known_to_the_next_worker(void **state)
{
    log_writer *zombie;
    (void)state;

    deploy("6");
    for (int i = 0; i < 6; i++)
        wait_state(i, "COMPLETED");
    worker_close(the_worker);
    zombie = zombie_of("source-5");
    atomic_store(&did.planned, 2); /* another version of the plugin plans otherwise */
    open_worker();
    wait_state(1, "COMPLETED");
    wait_state(2, "");
    assert_is_fenced(zombie);
    assert_each_number_is_there_once();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* How many errors a validation finds in schema.incompatible.policy. */
static int errors_of_policy(const char *policy, const char *tasks_max)
{
    const config_setting settings[] = {
        {WEIR_STR("connector.class"), WEIR_STR("split")},
        {WEIR_STR("tasks.max"), weir_cstr(tasks_max)},
        {WEIR_STR("schema.incompatible.policy"), weir_cstr(policy)},
    };
    config_issues issues = {0};
    int count = 0;

    worker_validate(the_worker, settings, policy != NULL ? 3 : 2, true, &issues);
    for (size_t i = 0; i < config_issue_count(&issues); i++) {
        const config_issue *issue = config_issue_at(&issues, i);

        if (!weir_str_eq(issue->name, settings[2].name))
            continue;
        assert_int_equal(issue->severity, CONFIG_ERROR);
        assert_non_null(strstr(issue->message, "set tasks.max to 1, or another policy"));
        count++;
    }
    config_issues_done(&issues);
    return count;
}

static void what_several_tasks_cannot_hold_is_refused_at_validation(void **state)
{
    (void)state;

    assert_int_equal(errors_of_policy("hold", "2"), 1);
    assert_int_equal(errors_of_policy("hold", "1"), 0);
    assert_int_equal(errors_of_policy("fail", "2"), 0);
    assert_int_equal(errors_of_policy(NULL, "2"), 0); /* by default nobody has asked for it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_task_has_its_settings_its_state_and_its_epoch),
        CASE(more_tasks_than_allowed_fail_the_connector),
        CASE(a_plan_without_tasks_fails_the_connector),
        CASE(a_plan_that_failed_is_made_again_by_a_restart),
        CASE(a_plan_that_may_pass_is_made_again_by_itself),
        CASE(one_task_is_restarted_alone),
        CASE(another_split_goes_on_where_each_partition_was),
        CASE(tasks_of_the_last_split_are_fenced_before_another_runs),
        CASE(the_last_split_is_known_to_the_next_worker),
        CASE(what_several_tasks_cannot_hold_is_refused_at_validation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
