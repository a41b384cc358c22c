/* test_replay.c - state that is read back: every record that is there, in order, until somebody objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/log/replay.h"
#include "tests/fixtures/fake_log.h"
#include "weir/buf.h"

#define TOPIC WEIR_STR("state")

static log *the_log;
static weir_buf seen;

static int set_up(void **state)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;
    (void)state;

    the_log = fake_log_new(1);
    return log_topic_create(the_log, TOPIC, &config, &err) == WEIR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_log_free(the_log);
    weir_buf_done(&seen);
    return 0;
}

static void put(int count)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(the_log, (weir_str){0}, &writer, &err), WEIR_OK);
    for (int i = 0; i < count; i++) {
        char key[16];
        log_record record = {.topic = TOPIC, .timestamp_ms = 1};

        snprintf(key, sizeof(key), "k%d", i);
        record.key = weir_cstr(key);
        if (i % 3 != 2)
            record.value = weir_cstr(key + 1);
        assert_int_equal(log_add(writer, &record, &err), WEIR_OK);
        assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    }
    log_writer_close(writer);
}

static weir_code note(void *context, weir_str key, weir_str value, weir_error *err)
{
    const char *until = context;

    weir_buf_printf(&seen, "%.*s=%.*s ", WEIR_ARG(key), WEIR_ARG(value));
    if (until != NULL && weir_str_eq(key, weir_cstr(until)))
        return weir_fail(err, WEIR_FATAL, "that one is damaged");
    return WEIR_OK;
}

static void every_record_comes_in_order_tombstones_too(void **state)
{
    weir_error err;
    (void)state;

    put(5);
    assert_int_equal(log_replay(the_log, TOPIC, note, NULL, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&seen), "k0=0 k1=1 k2= k3=3 k4=4 ");
}

static void it_begins_where_the_topic_begins(void **state)
{
    weir_error err;
    (void)state;

    put(5);
    fake_log_trim(the_log, TOPIC, 0, 3);
    assert_int_equal(log_replay(the_log, TOPIC, note, NULL, &err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&seen), "k3=3 k4=4 ");
}

static void nothing_is_read_of_an_empty_topic(void **state)
{
    weir_error err;
    (void)state;

    assert_int_equal(log_replay(the_log, TOPIC, note, NULL, &err), WEIR_OK);
    assert_int_equal(seen.len, 0);
}

static void who_objects_ends_it_and_the_topic_is_named(void **state)
{
    weir_error err;
    (void)state;

    put(5);
    assert_int_equal(log_replay(the_log, TOPIC, note, (void *)(uintptr_t) "k1", &err), WEIR_FATAL);
    assert_string_equal(err.message, "reading topic state: that one is damaged");
    assert_string_equal(weir_buf_cstr(&seen), "k0=0 k1=1 ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_record_comes_in_order_tombstones_too),
        CASE(it_begins_where_the_topic_begins),
        CASE(nothing_is_read_of_an_empty_topic),
        CASE(who_objects_ends_it_and_the_topic_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
