/* test_status.c - what a connector and its tasks did last is in the log, once for each change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/status.h"
#include "tests/fixtures/fake_log.h"

#include <jansson.h>

#define NAME WEIR_STR("shop.dwh")

static log *the_log;

static int make_log(void **state)
{
    (void)state;
    the_log = fake_log_new(3);
    return 0;
}

static int free_log(void **state)
{
    (void)state;
    fake_log_free(the_log);
    return 0;
}

static status_store *open_store(void)
{
    status_store *store;
    weir_error err;

    assert_int_equal(status_open(the_log, &store, &err), WEIR_OK);
    return store;
}

static void put(status_store *store, int task, const char *state, const char *error)
{
    status_put(store, NAME, task,
               &(status_record){.state = weir_cstr(state),
                                .trace = weir_cstr(error),
                                .worker_id = WEIR_STR("here:8083"),
                                .version = WEIR_STR("1.2"),
                                .restart_count = 7,
                                .failure_count = 3,
                                .last_error = weir_cstr(error),
                                .failed_at_ms = 12345});
}

static int64_t written(void)
{
    return fake_log_count(the_log, STATUS_TOPIC, 0);
}

static fake_record record_at(int64_t offset)
{
    fake_record record;

    assert_true(fake_log_at(the_log, STATUS_TOPIC, 0, offset, &record));
    return record;
}

static void a_status_is_known_to_the_next_worker(void **state)
{
    status_store *store = open_store();
    status_record known;
    (void)state;

    put(store, 1, "FAILED", "no \"such\" table");
    status_flush(store, 1000);
    status_close(store);
    store = open_store();
    assert_true(status_get(store, NAME, 1, &known));
    assert_true(weir_str_eq(known.state, WEIR_STR("FAILED")));
    assert_true(weir_str_eq(known.trace, WEIR_STR("no \"such\" table")));
    assert_true(weir_str_eq(known.last_error, WEIR_STR("no \"such\" table")));
    assert_true(weir_str_eq(known.worker_id, WEIR_STR("here:8083")));
    assert_int_equal(known.restart_count, 7);
    assert_int_equal(known.failure_count, 3);
    assert_int_equal(known.failed_at_ms, 12345);
    assert_int_equal(known.generation, 1);
    assert_false(status_get(store, NAME, 0, &known));
    status_close(store);
}

static void a_record_is_as_kafka_connect_writes_it(void **state)
{
    status_store *store = open_store();
    json_t *value;
    (void)state;

    put(store, STATUS_CONNECTOR, "PAUSED", NULL);
    status_flush(store, 1000);
    put(store, 0, "PAUSED", NULL);
    status_flush(store, 1000);
    assert_true(weir_str_eq(record_at(0).key, WEIR_STR("status-connector-shop.dwh")));
    assert_true(weir_str_eq(record_at(1).key, WEIR_STR("status-task-shop.dwh-0")));
    value = json_loadb(record_at(1).value.ptr, record_at(1).value.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(value, "state")), "PAUSED");
    assert_true(json_is_null(json_object_get(value, "trace")));
    assert_string_equal(json_string_value(json_object_get(value, "worker_id")), "here:8083");
    assert_int_equal(json_integer_value(json_object_get(value, "generation")), 1);
    json_decref(value);
    status_close(store);
}

static void the_generation_grows_with_each_worker(void **state)
{
    status_record known;
    (void)state;

    for (int i = 1; i <= 3; i++) {
        status_store *store = open_store();

        put(store, 0, "RUNNING", NULL);
        assert_true(status_get(store, NAME, 0, &known));
        assert_int_equal(known.generation, i);
        status_close(store);
    }
}

static void what_did_not_change_is_not_written(void **state)
{
    status_store *store = open_store();
    (void)state;

    for (int i = 0; i < 10; i++) {
        put(store, 0, "RUNNING", NULL);
        status_flush(store, 1000);
    }
    assert_int_equal(written(), 1);
    status_close(store);
}

static void changes_during_a_commit_become_one(void **state)
{
    status_store *store = open_store();
    (void)state;

    put(store, 0, "UNASSIGNED", NULL);
    fake_log_set_full(the_log, true);
    assert_true(status_send(store));
    put(store, 0, "RUNNING", NULL);
    assert_true(status_send(store));
    put(store, 0, "FAILED", "broken");
    assert_true(status_send(store));
    fake_log_set_full(the_log, false);
    status_flush(store, 1000);
    assert_int_equal(written(), 2);
    assert_non_null(memmem(record_at(1).value.ptr, record_at(1).value.len, "broken", 6));
    status_close(store);
}

static void what_was_not_committed_is_sent_again(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT, FAKE_ABORT, FAKE_DELAY};
    status_store *store = open_store();
    (void)state;

    fake_log_script(the_log, fates, 3);
    put(store, 0, "RUNNING", NULL);
    status_flush(store, 5000);
    assert_int_equal(written(), 1);
    status_close(store);
}

static void after_an_unknown_outcome_it_is_written_again_by_a_new_writer(void **state)
{
    static const fake_fate fates[] = {FAKE_UNKNOWN_LOST, FAKE_UNKNOWN_KEPT, FAKE_COMMIT};
    status_store *store = open_store();
    (void)state;

    fake_log_script(the_log, fates, 3);
    put(store, 0, "RUNNING", NULL);
    status_flush(store, 5000);
    assert_int_equal(written(), 2); /* the same record */
    assert_true(weir_str_eq(record_at(0).value, record_at(1).value));
    status_close(store);
}

static void a_connector_that_is_gone_leaves_nothing(void **state)
{
    status_store *store = open_store();
    status_record known;
    (void)state;

    for (int i = STATUS_CONNECTOR; i < 3; i++)
        put(store, i, "RUNNING", NULL);
    status_flush(store, 1000);
    status_remove(store, NAME, STATUS_CONNECTOR);
    status_flush(store, 1000);
    assert_int_equal(written(), 8);
    for (int i = 4; i < 8; i++)
        assert_null(record_at(i).value.ptr);
    status_close(store);
    store = open_store();
    for (int i = STATUS_CONNECTOR; i < 3; i++)
        assert_false(status_get(store, NAME, i, &known));
    status_close(store);
}

static void tasks_that_are_no_more_are_removed_and_the_others_stay(void **state)
{
    status_store *store = open_store();
    status_record known;
    (void)state;

    for (int i = 0; i < 4; i++)
        put(store, i, "RUNNING", NULL);
    status_remove(store, NAME, 2);
    status_flush(store, 1000);
    assert_true(status_get(store, NAME, 1, &known));
    assert_false(status_get(store, NAME, 2, &known));
    assert_false(status_get(store, NAME, 3, &known));
    put(store, 2, "RUNNING", NULL);
    assert_true(status_get(store, NAME, 2, &known));
    status_close(store);
}

static void a_log_that_stops_ends_the_writing_and_nothing_else(void **state)
{
    static const fake_fate fates[] = {FAKE_STOP};
    status_store *store = open_store();
    status_record known;
    (void)state;

    fake_log_script(the_log, fates, 1);
    put(store, 0, "RUNNING", NULL);
    status_flush(store, 1000);
    put(store, 0, "FAILED", "broken");
    assert_false(status_send(store));
    assert_true(status_get(store, NAME, 0, &known));
    assert_true(weir_str_eq(known.state, WEIR_STR("FAILED")));
    status_close(store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_log, free_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_status_is_known_to_the_next_worker),
        CASE(a_record_is_as_kafka_connect_writes_it),
        CASE(the_generation_grows_with_each_worker),
        CASE(what_did_not_change_is_not_written),
        CASE(changes_during_a_commit_become_one),
        CASE(what_was_not_committed_is_sent_again),
        CASE(after_an_unknown_outcome_it_is_written_again_by_a_new_writer),
        CASE(a_connector_that_is_gone_leaves_nothing),
        CASE(tasks_that_are_no_more_are_removed_and_the_others_stay),
        CASE(a_log_that_stops_ends_the_writing_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
