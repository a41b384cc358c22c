/* test_durable.c - what was written is known after a crash, and memory is never ahead of the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/connect/durable.h"
#include "tests/fixtures/fake_log.h"
#include "weir/source.h"

#include <string.h>

static log *the_log;
static durable *self;

static void reopen(void)
{
    weir_error err;

    durable_close(self);
    assert_int_equal(durable_open(the_log, &self, &err), WEIR_OK);
}

static int set_up(void **state)
{
    (void)state;
    the_log = fake_log_new(9);
    self = NULL;
    reopen();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    durable_close(self);
    fake_log_free(the_log);
    return 0;
}

static bool has_config(const char *key, const char *value)
{
    weir_str k, v;

    for (size_t at = 0; durable_next_config(self, &at, &k, &v);)
        if (weir_str_eq(k, weir_cstr(key)))
            return weir_str_eq(v, weir_cstr(value));
    return false;
}

static bool has_offset(const char *key, const char *value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf found = {0};

    return durable_offset(self, weir_cstr(key), &found) &&
           weir_str_eq(weir_buf_str(&found), weir_cstr(value));
}

static void keys_are_kafka_connects(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0};
    (void)state;

    durable_sink_key(WEIR_STR("shop.\"dwh\""), WEIR_STR("orders"), 3, &key);
    assert_string_equal(
        weir_buf_cstr(&key),
        "[\"shop.\\\"dwh\\\"\",{\"kafka_topic\":\"orders\",\"kafka_partition\":3}]");
}

static void settings_and_offsets_are_known_after_a_restart(void **state)
{
    weir_error err;
    (void)state;

    assert_int_equal(durable_put_config(self, WEIR_STR("a"), WEIR_STR("1"), &err), WEIR_OK);
    assert_int_equal(durable_put_config(self, WEIR_STR("b"), WEIR_STR("2"), &err), WEIR_OK);
    assert_int_equal(durable_put_config(self, WEIR_STR("a"), (weir_str){0}, &err), WEIR_OK);
    assert_int_equal(durable_put_offset(self, WEIR_STR("[\"c\",{}]"), WEIR_STR("{\"x\":1}"), &err),
                     WEIR_OK);
    reopen();
    assert_false(has_config("a", "1"));
    assert_true(has_config("b", "2"));
    assert_true(has_offset("[\"c\",{}]", "{\"x\":1}"));
}

static void what_the_log_did_not_take_is_sent_again(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT, FAKE_UNKNOWN_LOST, FAKE_UNKNOWN_KEPT, FAKE_ABORT};
    weir_error err;
    (void)state;

    fake_log_script(the_log, fates, 4);
    assert_int_equal(durable_put_config(self, WEIR_STR("a"), WEIR_STR("1"), &err), WEIR_OK);
    reopen();
    assert_true(has_config("a", "1"));
}

static void a_log_that_stopped_changes_nothing_in_memory(void **state)
{
    static const fake_fate fates[] = {FAKE_STOP};
    weir_error err;
    (void)state;

    fake_log_script(the_log, fates, 1);
    assert_int_not_equal(durable_put_config(self, WEIR_STR("a"), WEIR_STR("1"), &err), WEIR_OK);
    assert_non_null(strstr(err.message, "writing to __weir_configs"));
    assert_false(has_config("a", "1"));
}

/* A commit of another process, or one whose outcome nobody was told. */
static void commit_behind_its_back(const char *key, const char *value)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(the_log, WEIR_STR(""), &writer, &err), WEIR_OK);
    assert_int_equal(log_add(writer,
                             &(log_record){.topic = DURABLE_OFFSETS,
                                           .timestamp_ms = -1,
                                           .key = weir_cstr(key),
                                           .value = weir_cstr(value)},
                             &err),
                     WEIR_OK);
    assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    log_writer_close(writer);
}

static void offsets_in_memory_are_believed_until_somebody_doubts_them(void **state)
{
    weir_error err;
    (void)state;

    durable_committed(self, WEIR_STR("k"), WEIR_STR("{\"x\":1}"));
    commit_behind_its_back("k", "{\"x\":2}");
    assert_int_equal(durable_settle(self, WEIR_STR("c-0"), 1, &err), WEIR_OK);
    assert_int_equal(durable_settle(self, WEIR_STR("c-0"), 2, &err), WEIR_OK);
    assert_true(has_offset("k", "{\"x\":1}"));
    durable_distrust(self, WEIR_STR("other-0"));
    assert_int_equal(durable_settle(self, WEIR_STR("c-0"), 3, &err), WEIR_OK);
    assert_true(has_offset("k", "{\"x\":1}"));
    durable_distrust(self, WEIR_STR("c-0"));
    assert_int_equal(durable_settle(self, WEIR_STR("c-0"), 4, &err), WEIR_OK);
    assert_true(has_offset("k", "{\"x\":2}"));
}

static void an_epoch_that_somebody_else_raised_is_a_doubt(void **state)
{
    weir_error err;
    (void)state;

    assert_int_equal(durable_settle(self, WEIR_STR("c-0"), 1, &err), WEIR_OK);
    commit_behind_its_back("k", "{\"x\":2}");
    assert_int_equal(durable_settle(self, WEIR_STR("c-0"), 3, &err), WEIR_OK); /* 2 was not ours */
    assert_true(has_offset("k", "{\"x\":2}"));
}

static void count_one(void *context, weir_str partition, weir_str offset)
{
    (void)offset;
    *(int *)context += weir_str_eq(partition, WEIR_STR("{\"p\":0}"));
}

static void each_connector_has_its_own_offsets(void **state)
{
    int count = 0;
    (void)state;

    durable_committed(self, WEIR_STR("[\"a\",{\"p\":0}]"), WEIR_STR("{}"));
    durable_committed(self, WEIR_STR("[\"ab\",{\"p\":0}]"), WEIR_STR("{}"));
    durable_committed(self, WEIR_STR("[\"b\",{\"p\":0}]"), WEIR_STR("{}"));
    durable_each_offset(self, WEIR_STR("a"), count_one, &count);
    assert_int_equal(count, 1);
    durable_committed(self, WEIR_STR("[\"a\",{\"p\":0}]"), (weir_str){0}); /* removed */
    durable_each_offset(self, WEIR_STR("a"), count_one, &count);
    assert_int_equal(count, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void a_log_without_room_is_not_waited_for(void **state)
{
    weir_error err = {0};
    (void)state;

    fake_log_set_full(the_log, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(durable_put_config(self, WEIR_STR("a"), WEIR_STR("1"), &err), WEIR_RETRY);
        assert_string_equal(err.message, "writing to __weir_configs: the log has no room");
    }
    fake_log_set_full(the_log, false);
    assert_false(has_config("a", "1"));
    assert_int_equal(durable_put_config(self, WEIR_STR("b"), WEIR_STR("2"), &err), WEIR_OK);
    reopen();
    assert_false(has_config("a", "1"));
    assert_true(has_config("b", "2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keys_are_kafka_connects),
        CASE(settings_and_offsets_are_known_after_a_restart),
        CASE(what_the_log_did_not_take_is_sent_again),
        CASE(a_log_that_stopped_changes_nothing_in_memory),
        CASE(offsets_in_memory_are_believed_until_somebody_doubts_them),
        CASE(an_epoch_that_somebody_else_raised_is_a_doubt),
        CASE(each_connector_has_its_own_offsets),
        CASE(a_log_without_room_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
