/* test_source_task.c - nothing is told durable before it is; whatever a log does to commits, each record is in
 * it once.
 *
 * The source counts. Its acked callback looks into the log itself: what it is told must be there already.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/task.h"
#include "tests/fixtures/connect_world.h"
#include "tests/fixtures/fake_log.h"

#define TOPIC     WEIR_STR("numbers")
#define PARTITION WEIR_STR("{\"p\":0}")

enum { NUMBERS = 2000, BATCH = 10 };

typedef struct counting {
    int64_t next;
} counting;

static log *the_log;
static int64_t acked_next; /* what acked was told last */
static bool acked_too_early;
static int open_count;
static int64_t opened_with;     /* the epoch */
static connect_task *successor; /* starts while the first poll runs */

static weir_code counting_open(weir_task *task, void *state, weir_error *err)
{
    counting *self = state;
    weir_str offset = weir_task_offset(task, PARTITION);
    (void)err;

    open_count++;
    opened_with = weir_task_epoch(task);
    self->next = 0;
    if (offset.len > 0)
        assert_true(weir_offset_int(offset, "next", &self->next));
    return WEIR_OK;
}

static weir_code counting_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                               weir_error *err)
{
    counting *self = state;
    (void)task, (void)timeout_ms;

    if (successor != NULL) {
        connect_task *newer = successor;

        successor = NULL;
        task_run(newer);
    }
    if (self->next == NUMBERS)
        return WEIR_END;
    for (int i = 0; i < BATCH; i++) {
        char text[16];

        assert_true(weir_record_begin(batch, TOPIC));
        weir_record_value(batch, NULL);
        weir_put_raw(
            batch, (weir_str){text, (size_t)snprintf(text, sizeof(text), "%d", (int)self->next++)});
        if (weir_record_end(batch, err) != WEIR_OK)
            return err->code;
    }
    weir_offset(batch, PARTITION, "{\"next\":%d}", (int)self->next);
    weir_checkpoint(batch);
    return WEIR_OK;
}

static weir_code counting_acked(weir_task *task, void *state, weir_str partition, weir_str offset,
                                weir_error *err)
{
    (void)task, (void)state, (void)err;

    assert_true(weir_str_eq(partition, PARTITION));
    assert_true(weir_offset_int(offset, "next", &acked_next));
    if (fake_log_count(the_log, TOPIC, 0) < acked_next)
        acked_too_early = true;
    return WEIR_OK;
}

static const plugin counting_plugin = {
    .kind = PLUGIN_SOURCE,
    .name = "counting",
    .state_size = sizeof(counting),
    .source = {.name = "counting",
               .open = counting_open,
               .poll = counting_poll,
               .acked = counting_acked},
};

static const config_setting settings[] = {{WEIR_STR("connector.class"), WEIR_STR("counting")},
                                          {WEIR_STR("key.converter"), WEIR_STR("bytes")},
                                          {WEIR_STR("value.converter"), WEIR_STR("bytes")}};

static connect_task *new_task(const connect_world *world)
{
    return task_new(&world->world,
                    &(task_role){.plugin = &counting_plugin, .connector = WEIR_STR("c")}, settings,
                    3);
}

/* Runs tasks, one after the other, until one ends with something else than RETRY; returns that. */
static weir_code run_until_it_ends(int *starts)
{
    connect_world world;
    weir_code code = WEIR_RETRY;

    connect_world_open(&world, the_log);
    for (*starts = 0; code == WEIR_RETRY && *starts < 1000; ++*starts) {
        connect_task *task = new_task(&world);

        task_start(task);
        task_join(task);
        code = task->outcome;
        task_free(task);
    }
    connect_world_close(&world);
    return code;
}

static void assert_each_number_is_there_once(void)
{
    assert_int_equal(fake_log_count(the_log, TOPIC, 0), NUMBERS);
    for (int64_t i = 0; i < NUMBERS; i++) {
        fake_record record;
        char text[16];

        snprintf(text, sizeof(text), "%d", (int)i);
        assert_true(fake_log_at(the_log, TOPIC, 0, i, &record));
        assert_true(weir_str_eq(record.value, weir_cstr(text)));
    }
}

static int make_log(void **state)
{
    (void)state;
    the_log = fake_log_new(7);
    acked_next = 0;
    acked_too_early = false;
    open_count = 0;
    return 0;
}

static int free_log(void **state)
{
    (void)state;
    fake_log_free(the_log);
    return 0;
}

static void what_is_acked_is_in_the_log(void **state)
{
    int starts;
    (void)state;

    fake_log_chaos(the_log, 0, 0, 70);
    assert_int_equal(run_until_it_ends(&starts), WEIR_END);
    assert_int_equal(starts, 1);
    assert_false(acked_too_early);
    assert_int_equal(acked_next, NUMBERS);
    assert_each_number_is_there_once();
}

static void aborted_units_are_sent_again_from_the_last_commit(void **state)
{
    int starts;
    (void)state;

    fake_log_chaos(the_log, 10, 0, 30);
    assert_int_equal(run_until_it_ends(&starts), WEIR_END);
    assert_in_range(starts, 2, 999);
    assert_false(acked_too_early);
    assert_each_number_is_there_once();
}

static void a_unit_whose_outcome_is_unknown_is_there_once(void **state)
{
    int starts;
    (void)state;

    fake_log_chaos(the_log, 0, 10, 30);
    assert_int_equal(run_until_it_ends(&starts), WEIR_END);
    assert_in_range(starts, 2, 999);
    assert_false(acked_too_early);
    assert_each_number_is_there_once();
}

static void a_log_that_stops_ends_the_task_for_good(void **state)
{
    static const fake_fate fates[] = {FAKE_COMMIT, FAKE_COMMIT, FAKE_STOP};
    int starts;
    (void)state;

    fake_log_script(the_log, fates, 3);
    assert_int_equal(run_until_it_ends(&starts), WEIR_FATAL);
    assert_false(acked_too_early);
}

static void a_start_has_a_higher_epoch_than_all_before_it(void **state)
{
    int starts;
    (void)state;

    assert_int_equal(run_until_it_ends(&starts), WEIR_END);
    assert_int_equal(opened_with, 1);
    assert_int_equal(run_until_it_ends(&starts), WEIR_END); /* another worker, the same log */
    assert_int_equal(opened_with, 2);
}

static void a_zombie_commits_nothing_and_is_told_nothing_durable(void **state)
{
    connect_world world;
    connect_task *older, *newer;
    (void)state;

    connect_world_open(&world, the_log);
    older = new_task(&world);
    newer = new_task(&world);
    successor = newer;
    task_run(older); /* in its first poll the newer one runs to its end */
    assert_int_equal(newer->outcome, WEIR_END);
    assert_int_equal(older->outcome, WEIR_FATAL);
    assert_true(older->was_fenced);
    assert_int_equal(acked_next, NUMBERS); /* by the newer one */
    assert_each_number_is_there_once();
    task_free(older);
    task_free(newer);
    connect_world_close(&world);
}

/* --- What a connector says --------------------------------------------------------------------- */

static int silent_code; /* what poll returns, and leaves err as it was; 0: it works */

static weir_code silent_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                             weir_error *err)
{
    static const weir_str partitions[] = {{"{\"p\":0}", 7}, {"{\"p\":1}", 7}};
    (void)task, (void)state, (void)timeout_ms, (void)err;

    if (silent_code != 0)
        return (weir_code)silent_code;
    for (int i = 0; i < 2; i++)
        weir_offset(batch, partitions[i], "{\"next\":5}");
    weir_checkpoint(batch);
    return WEIR_OK;
}

static weir_code silent_acked(weir_task *task, void *state, weir_str partition, weir_str offset,
                              weir_error *err)
{
    (void)task, (void)state, (void)partition, (void)offset, (void)err;
    return WEIR_FATAL;
}

static const plugin silent_plugin = {
    .kind = PLUGIN_SOURCE,
    .name = "silent",
    .source = {.name = "silent", .poll = silent_poll, .acked = silent_acked},
};

static weir_code run_silent(connect_world *world, weir_error *err)
{
    connect_task *task =
        task_new(&world->world, &(task_role){.plugin = &silent_plugin, .connector = WEIR_STR("c")},
                 settings, 3);
    weir_code code;

    task_run(task);
    code = task->outcome;
    *err = task->error;
    task_free(task);
    return code;
}

static void a_code_without_a_message_is_a_failure(void **state)
{
    static const int codes[] = {WEIR_RETRY, WEIR_FATAL, 77};
    connect_world world;
    weir_error err;
    (void)state;

    connect_world_open(&world, the_log);
    for (size_t i = 0; i < 3; i++) {
        silent_code = codes[i];
        assert_int_equal(run_silent(&world, &err), codes[i] == 77 ? WEIR_FATAL : codes[i]);
        assert_non_null(strstr(err.message, "the connector \"silent\" "));
    }
    connect_world_close(&world);
}

/* --- How a connector writes ------------------------------------------------------------------- */

static void (*write_badly)(weir_task *task, weir_batch *batch);

static weir_code bad_poll(weir_task *task, void *state, weir_batch *batch, int timeout_ms,
                          weir_error *err)
{
    (void)state, (void)timeout_ms, (void)err;
    write_badly(task, batch);
    weir_checkpoint(batch);
    return WEIR_END;
}

static void begin(weir_task *task, weir_batch *batch)
{
    weir_error err;

    assert_true(weir_record_begin(batch, TOPIC));
    weir_record_value(batch, weir_task_schema(task, WEIR_STR("\"long\""), &err));
}

static void leave_open(weir_task *task, weir_batch *batch)
{
    begin(task, batch);
    weir_put_long(batch, 1);
}

static void put_another_type(weir_task *task, weir_batch *batch)
{
    weir_error err;

    begin(task, batch);
    weir_put_text(batch, WEIR_STR("no number"));
    assert_int_equal(weir_record_end(batch, &err), WEIR_REJECT);
    assert_int_equal(weir_record_end(batch, &err), WEIR_FATAL); /* once too often */
}

static void put_nowhere(weir_task *task, weir_batch *batch)
{
    (void)task;
    weir_put_long(batch, 1);
}

static void put_an_offset_that_is_no_json(weir_task *task, weir_batch *batch)
{
    (void)task;
    weir_offset(batch, PARTITION, "five");
}

static const plugin bad_plugin = {
    .kind = PLUGIN_SOURCE, .name = "bad", .source = {.name = "bad", .poll = bad_poll}};

static void what_is_not_written_as_it_must_be_fails_the_task(void **state)
{
    static const struct {
        void (*write)(weir_task *task, weir_batch *batch);
        const char *what;
    } cases[] = {
        {leave_open, "a checkpoint was made inside of a record"},
        {put_another_type, "a record was ended that was not begun"},
        {put_nowhere, "something was put outside of a key or a value"},
        {put_an_offset_that_is_no_json,
         "the connector wrote a source offset that is no JSON object: five"},
    };
    connect_world world;
    (void)state;

    connect_world_open(&world, the_log);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        connect_task *task =
            task_new(&world.world, &(task_role){.plugin = &bad_plugin, .connector = WEIR_STR("c")},
                     settings, 3);

        write_badly = cases[i].write;
        task_run(task);
        assert_int_equal(task->outcome, WEIR_FATAL);
        assert_non_null(strstr(task->error.message, cases[i].what));
        task_free(task);
    }
    assert_int_equal(fake_log_count(the_log, TOPIC, 0), 0);
    connect_world_close(&world);
}

static void what_the_log_has_is_known_also_when_acked_fails(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    connect_world world;
    weir_error err;
    (void)state;

    silent_code = 0;
    connect_world_open(&world, the_log);
    assert_int_equal(run_silent(&world, &err), WEIR_FATAL);
    durable_offset_key(WEIR_STR("c"), WEIR_STR("{\"p\":1}"), &key);
    assert_true(durable_offset(world.world.durable, weir_buf_str(&key), &value));
    assert_string_equal(weir_buf_cstr(&value), "{\"next\":5}");
    connect_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_acked_is_in_the_log, make_log, free_log),
        cmocka_unit_test_setup_teardown(aborted_units_are_sent_again_from_the_last_commit, make_log,
                                        free_log),
        cmocka_unit_test_setup_teardown(a_unit_whose_outcome_is_unknown_is_there_once, make_log,
                                        free_log),
        cmocka_unit_test_setup_teardown(a_start_has_a_higher_epoch_than_all_before_it, make_log,
                                        free_log),
        cmocka_unit_test_setup_teardown(a_zombie_commits_nothing_and_is_told_nothing_durable,
                                        make_log, free_log),
        cmocka_unit_test_setup_teardown(a_log_that_stops_ends_the_task_for_good, make_log,
                                        free_log),
        cmocka_unit_test_setup_teardown(a_code_without_a_message_is_a_failure, make_log, free_log),
        cmocka_unit_test_setup_teardown(what_the_log_has_is_known_also_when_acked_fails, make_log,
                                        free_log),
        cmocka_unit_test_setup_teardown(what_is_not_written_as_it_must_be_fails_the_task, make_log,
                                        free_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
