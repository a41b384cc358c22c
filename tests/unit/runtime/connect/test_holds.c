/* test_holds.c - what a deployed sink has not read stays, also when it never ran. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/connect/holds.h"
#include "runtime/log/embedded.h"
#include "runtime/log/retention.h"
#include "tests/fixtures/fake_log.h"
#include "weir/source.h"

#define SINK WEIR_STR("dwh")

static log *the_log;
static durable *offsets;
static holds *self;

static void make_topic(const char *name, int32_t partitions)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.partitions = partitions;
    assert_int_equal(log_topic_create(the_log, weir_cstr(name), &config, &err), WEIR_OK);
}

static void delete_topic(const char *name)
{
    weir_error err;

    assert_int_equal(log_topic_delete(the_log, weir_cstr(name), &err), WEIR_OK);
}

static int64_t held(const char *topic, int32_t partition)
{
    return fake_log_held(the_log, SINK, weir_cstr(topic), partition);
}

static void commit(const char *topic, int64_t offset)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    log_topic found;

    assert_true(log_topic_find(the_log, weir_cstr(topic), &found));
    durable_sink_key(SINK, weir_cstr(topic), 0, &key);
    weir_buf_printf(&value, "{\"kafka_offset\":%d,\"topic_id\":\"%s\"}", (int)offset, found.id);
    durable_committed(offsets, weir_buf_str(&key), weir_buf_str(&value));
}

static int set_up(void **state)
{
    weir_error err;
    (void)state;

    the_log = fake_log_new(1);
    assert_int_equal(durable_open(the_log, &offsets, &err), WEIR_OK);
    self = holds_new(the_log, offsets);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    holds_free(self);
    durable_close(offsets);
    fake_log_free(the_log);
    return 0;
}

static void add(const char *regex)
{
    holds_add(self, SINK, (weir_list){0}, weir_cstr(regex));
}

static void a_sink_that_never_read_holds_everything(void **state)
{
    (void)state;

    make_topic("orders", 2);
    make_topic("other", 1);
    add("orders.*");
    assert_int_equal(held("orders", 0), 0);
    assert_int_equal(held("orders", 1), 0);
    assert_int_equal(held("other", 0), -1);
}

static void a_sink_holds_from_its_committed_offset(void **state)
{
    (void)state;

    make_topic("orders", 1);
    commit("orders", 17);
    add("orders.*");
    assert_int_equal(held("orders", 0), 17);
}

static void a_topic_that_comes_later_is_held_before_anything_is_in_it(void **state)
{
    (void)state;

    add("orders.*");
    make_topic("orders-new", 1);
    assert_int_equal(held("orders-new", 0), -1);
    holds_refresh(self);
    assert_int_equal(held("orders-new", 0), 0);
}

static void a_refresh_moves_no_hold_of_a_topic_that_is_known(void **state)
{
    (void)state;

    make_topic("orders", 1);
    add("orders.*");
    holds_refresh(self);
    log_hold(the_log, SINK, WEIR_STR("orders"), 0, 99); /* its task has committed */
    make_topic("orders-new", 1);
    holds_refresh(self);
    assert_int_equal(held("orders", 0), 99);
}

static void another_topic_of_that_name_is_held_from_its_beginning(void **state)
{
    (void)state;

    make_topic("orders", 1);
    commit("orders", 17);
    delete_topic("orders");
    make_topic("orders", 1);
    add("orders.*");
    assert_int_equal(held("orders", 0), 0);
}

static void what_a_sink_reads_no_longer_is_given_up(void **state)
{
    (void)state;

    make_topic("orders", 1);
    make_topic("items", 1);
    add(".*");
    assert_int_equal(held("orders", 0), 0);
    add("items");
    assert_int_equal(held("orders", 0), -1);
    assert_int_equal(held("items", 0), 0);
}

static void a_sink_that_is_removed_holds_nothing_now_and_later(void **state)
{
    (void)state;

    make_topic("orders", 1);
    add(".*");
    holds_remove(self, SINK);
    assert_int_equal(held("orders", 0), -1);
    make_topic("items", 1);
    holds_refresh(self);
    assert_int_equal(held("items", 0), -1);
}

static void make_trimmed_topic(const char *name)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.trim = true;
    assert_int_equal(log_topic_create(the_log, weir_cstr(name), &config, &err), WEIR_OK);
}

/* What is durable for the sink: -1 nothing. */
static int64_t committed(const char *topic)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf key = {0}, value = {0};
    int64_t offset = -1;

    durable_sink_key(SINK, weir_cstr(topic), 0, &key);
    if (durable_offset(offsets, weir_buf_str(&key), &value))
        assert_true(weir_offset_int(weir_buf_str(&value), "kafka_offset", &offset));
    return offset;
}

static void where_a_sink_begins_is_durable_before_a_topic_that_trims_is_written(void **state)
{
    (void)state;

    make_topic("orders-kept", 1);
    make_trimmed_topic("orders");
    make_trimmed_topic("other");
    add("orders.*");
    assert_int_equal(committed("orders"), 0);
    assert_int_equal(committed("other"), -1);
    assert_int_equal(committed("orders-kept"), -1); /* it waits for its readers */
    make_trimmed_topic("orders-new");
    holds_refresh(self);
    assert_int_equal(committed("orders-new"), 0);
}

static void what_a_sink_committed_of_a_topic_that_trims_stays(void **state)
{
    (void)state;

    make_trimmed_topic("orders");
    commit("orders", 17);
    add("orders.*");
    assert_int_equal(committed("orders"), 17);
    assert_int_equal(held("orders", 0), 17);
}

static void
a_first_offset_that_the_log_did_not_take_is_committed_with_the_next_refresh(void **state)
{
    const fake_fate fates[] = {FAKE_ABORT, FAKE_ABORT, FAKE_ABORT, FAKE_ABORT, FAKE_ABORT};
    (void)state;

    make_trimmed_topic("orders");
    fake_log_script(the_log, fates, sizeof(fates) / sizeof(*fates));
    add("orders.*");
    assert_int_equal(committed("orders"), -1);
    holds_refresh(self);
    assert_int_equal(committed("orders"), 0);
}

static void an_expression_that_is_none_holds_nothing(void **state)
{
    (void)state;

    make_topic("orders", 1);
    add("(");
    holds_refresh(self);
    assert_int_equal(held("orders", 0), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- With a log whose retention is its own ---------------------------------------------------- */

enum { RECORDS = 100, RECORD_BYTES = 1000 };

static char folder[64];

static int unlink_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static int open_embedded(void **state)
{
    weir_error err;
    (void)state;

    snprintf(folder, sizeof(folder), "/tmp/weir-holds-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(embedded_open(&(store_options){.path = folder,
                                                    .manual = true,
                                                    .segment_bytes = 4096,
                                                    .journal_file_bytes = 4 << 20},
                                   &the_log, &err),
                     WEIR_OK);
    assert_int_equal(durable_open(the_log, &offsets, &err), WEIR_OK);
    self = holds_new(the_log, offsets);
    return 0;
}

static int close_embedded(void **state)
{
    (void)state;
    holds_free(self);
    durable_close(offsets);
    embedded_close(the_log);
    return nftw(folder, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A topic that keeps far less than is appended to it, unless somebody holds it. */
static void fill_topic(const char *name)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    char value[RECORD_BYTES];
    log_writer *writer;
    weir_error err;

    config.retention_bytes = -1; /* so that nothing waits for room */
    config.retention_ms = 1;
    memset(value, 'v', sizeof(value));
    assert_int_equal(log_topic_create(the_log, weir_cstr(name), &config, &err), WEIR_OK);
    holds_refresh(self);
    assert_int_equal(log_writer_open(the_log, WEIR_STR(""), &writer, &err), WEIR_OK);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(log_add(writer,
                                 &(log_record){.topic = weir_cstr(name),
                                               .partition = 0,
                                               .timestamp_ms = 1000,
                                               .value = {value, sizeof(value)}},
                                 &err),
                         WEIR_OK);
        assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    }
    log_writer_close(writer);
    while (store_step(embedded_store(the_log), STORE_APPLY)) {
    }
}

/* The first offset that is left after retention has run, long after all records are too old. */
static int64_t left_of(const char *name)
{
    int64_t start = -1;
    weir_error err;

    (void)store_step(embedded_store(the_log), STORE_CHECKPOINT);
    retention_run(embedded_store(the_log), 1000000000);
    assert_int_equal(log_offset_of(the_log, weir_cstr(name), 0, LOG_EARLIEST, &start, &err),
                     WEIR_OK);
    return start;
}

static void what_nobody_holds_goes_when_it_is_too_old(void **state)
{
    (void)state;

    fill_topic("orders");
    add("items");
    assert_true(left_of("orders") > RECORDS / 2);
}

static void retention_leaves_what_a_sink_that_never_ran_would_read(void **state)
{
    (void)state;

    add("orders.*"); /* before the topic is there */
    fill_topic("orders");
    assert_int_equal(left_of("orders"), 0);
}

static void retention_leaves_what_a_paused_sink_has_not_committed(void **state)
{
    (void)state;

    fill_topic("orders");
    commit("orders", RECORDS / 2);
    add("orders.*");
    assert_in_range(left_of("orders"), 1, RECORDS / 2);
}

static void retention_takes_what_a_sink_held_that_is_no_more(void **state)
{
    (void)state;

    add("orders.*");
    fill_topic("orders");
    assert_int_equal(left_of("orders"), 0);
    holds_remove(self, SINK);
    assert_true(left_of("orders") > RECORDS / 2);
}

static void retention_takes_what_a_sink_reads_no_longer(void **state)
{
    (void)state;

    add("orders.*");
    fill_topic("orders");
    assert_int_equal(left_of("orders"), 0);
    add("items");
    assert_true(left_of("orders") > RECORDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sink_that_never_read_holds_everything),
        CASE(a_sink_holds_from_its_committed_offset),
        CASE(a_topic_that_comes_later_is_held_before_anything_is_in_it),
        CASE(a_refresh_moves_no_hold_of_a_topic_that_is_known),
        CASE(another_topic_of_that_name_is_held_from_its_beginning),
        CASE(what_a_sink_reads_no_longer_is_given_up),
        CASE(a_sink_that_is_removed_holds_nothing_now_and_later),
        CASE(where_a_sink_begins_is_durable_before_a_topic_that_trims_is_written),
        CASE(what_a_sink_committed_of_a_topic_that_trims_stays),
        CASE(a_first_offset_that_the_log_did_not_take_is_committed_with_the_next_refresh),
        CASE(an_expression_that_is_none_holds_nothing),
        cmocka_unit_test_setup_teardown(what_nobody_holds_goes_when_it_is_too_old, open_embedded,
                                        close_embedded),
        cmocka_unit_test_setup_teardown(retention_leaves_what_a_sink_that_never_ran_would_read,
                                        open_embedded, close_embedded),
        cmocka_unit_test_setup_teardown(retention_leaves_what_a_paused_sink_has_not_committed,
                                        open_embedded, close_embedded),
        cmocka_unit_test_setup_teardown(retention_takes_what_a_sink_held_that_is_no_more,
                                        open_embedded, close_embedded),
        cmocka_unit_test_setup_teardown(retention_takes_what_a_sink_reads_no_longer, open_embedded,
                                        close_embedded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
