/* test_fake_log.c - the fake log keeps the promises of log.h, and breaks none but those it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/wire/record_batch.h"
#include "sdk/src/batch.h"
#include "tests/fixtures/fake_log.h"

static const weir_str TOPIC = WEIR_STR("orders");

static log *log_with_topic(int32_t partitions)
{
    log *target = fake_log_new(1);
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.partitions = partitions;
    assert_int_equal(log_topic_create(target, TOPIC, &config, &err), WEIR_OK);
    return target;
}

static log_writer *open_writer(log *target, const char *id)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(target, weir_cstr(id), &writer, &err), WEIR_OK);
    return writer;
}

static void add(log_writer *writer, int32_t partition, const char *value)
{
    log_record record = {.topic = TOPIC,
                         .partition = partition,
                         .timestamp_ms = 1,
                         .value_prefix = WEIR_STR("p"),
                         .value = weir_cstr(value)};
    weir_error err;

    assert_int_equal(log_add(writer, &record, &err), WEIR_OK);
}

static log_outcome commit(log_writer *writer, int32_t partition, const char *value)
{
    weir_error err;

    add(writer, partition, value);
    return log_wait(writer, log_commit(writer), 1000, &err);
}

static void a_unit_is_readable_whole_and_in_order(void **state)
{
    log *target = log_with_topic(2);
    log_writer *writer = open_writer(target, "a");
    weir_batch *batch = batch_new(1 << 16);
    weir_record record = {0};
    log_reader *reader;
    weir_error err;
    (void)state;

    add(writer, 0, "1");
    add(writer, 0, "2");
    assert_int_equal(fake_log_count(target, TOPIC, 0), 0);
    assert_int_equal(commit(writer, 1, "3"), LOG_COMMITTED);
    assert_int_equal(log_reader_open(target, &reader, &err), WEIR_OK);
    assert_int_equal(log_reader_assign(reader, TOPIC, 0, 0, &err), WEIR_OK);
    assert_int_equal(log_read(reader, batch, 0, &err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    assert_true(weir_str_eq(record.value, WEIR_STR("p1")));
    assert_true(weir_record_next(batch, &record));
    assert_int_equal(record.log_offset, 1);
    assert_false(weir_record_next(batch, &record));
    assert_int_equal(log_reader_position(reader, TOPIC, 0), 2);
    batch_free(batch);
    log_reader_close(reader);
    log_writer_close(writer);
    fake_log_free(target);
}

static void an_abort_takes_later_commits_with_it(void **state)
{
    log *target = log_with_topic(1);
    log_writer *writer = open_writer(target, "a");
    log_ticket first, second;
    weir_error err;
    (void)state;

    fake_log_script(target, (fake_fate[]){FAKE_ABORT, FAKE_COMMIT, FAKE_COMMIT}, 3);
    add(writer, 0, "1");
    first = log_commit(writer);
    add(writer, 0, "2");
    second = log_commit(writer);
    assert_int_equal(log_wait(writer, first, 100, &err), LOG_ABORTED);
    assert_int_equal(log_wait(writer, second, 100, &err), LOG_ABORTED);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 0);
    assert_int_equal(commit(writer, 0, "1"), LOG_COMMITTED);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 1);
    log_writer_close(writer);
    fake_log_free(target);
}

static void a_delayed_commit_holds_back_those_behind_it(void **state)
{
    log *target = log_with_topic(1);
    log_writer *writer = open_writer(target, "a");
    log_ticket first, second;
    weir_error err;
    (void)state;

    fake_log_script(target, (fake_fate[]){FAKE_DELAY}, 1);
    add(writer, 0, "1");
    first = log_commit(writer);
    add(writer, 0, "2");
    second = log_commit(writer);
    assert_int_equal(log_outcome_of(writer, first, &err), LOG_PENDING);
    assert_int_equal(log_outcome_of(writer, second, &err), LOG_PENDING);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 0);
    assert_int_equal(log_wait(writer, second, 100, &err), LOG_COMMITTED);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 2);
    log_writer_close(writer);
    fake_log_free(target);
}

static void unknown_may_be_there_or_not(void **state)
{
    log *target = log_with_topic(1);
    log_writer *kept = open_writer(target, "a"), *lost = open_writer(target, "b");
    (void)state;

    fake_log_script(target, (fake_fate[]){FAKE_UNKNOWN_KEPT, FAKE_UNKNOWN_LOST}, 2);
    assert_int_equal(commit(kept, 0, "1"), LOG_UNKNOWN);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 1);
    assert_int_equal(commit(lost, 0, "2"), LOG_UNKNOWN);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 1);
    assert_int_equal(commit(kept, 0, "3"), LOG_UNKNOWN);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 1);
    log_writer_close(kept);
    log_writer_close(lost);
    fake_log_free(target);
}

static void a_newer_writer_fences_the_older(void **state)
{
    log *target = log_with_topic(1);
    log_writer *older = open_writer(target, "a"), *newer = open_writer(target, "a");
    (void)state;

    assert_int_equal(commit(older, 0, "1"), LOG_FENCED);
    assert_int_equal(commit(newer, 0, "2"), LOG_COMMITTED);
    assert_int_equal(fake_log_count(target, TOPIC, 0), 1);
    log_writer_close(older);
    log_writer_close(newer);
    fake_log_free(target);
}

static void full_makes_commits_wait(void **state)
{
    log *target = log_with_topic(1);
    log_writer *writer = open_writer(target, "a");
    weir_buf reason = {0};
    log_ticket ticket;
    weir_error err;
    (void)state;

    fake_log_set_full(target, true);
    add(writer, 0, "1");
    ticket = log_commit(writer);
    assert_int_equal(log_wait(writer, ticket, 1, &err), LOG_PENDING);
    assert_true(log_is_full(writer, &reason));
    assert_true(reason.len > 0);
    fake_log_set_full(target, false);
    assert_int_equal(log_wait(writer, ticket, 100, &err), LOG_COMMITTED);
    assert_false(log_is_full(writer, NULL));
    weir_buf_done(&reason);
    log_writer_close(writer);
    fake_log_free(target);
}

static void an_offset_that_is_gone_is_refused_by_name(void **state)
{
    log *target = log_with_topic(1);
    log_writer *writer = open_writer(target, "");
    log_reader *reader;
    weir_error err;
    (void)state;

    assert_int_equal(commit(writer, 0, "1"), LOG_COMMITTED);
    fake_log_trim(target, TOPIC, 0, 1);
    assert_int_equal(log_reader_open(target, &reader, &err), WEIR_OK);
    assert_int_equal(log_reader_assign(reader, TOPIC, 0, 0, &err), WEIR_FATAL);
    assert_string_equal(err.message,
                        "offset 0 of topic 'orders', partition 0 is not there: it has 1 to 1");
    log_reader_close(reader);
    log_writer_close(writer);
    fake_log_free(target);
}

static void chaos_is_the_same_for_the_same_seed(void **state)
{
    int64_t counts[2] = {0};
    (void)state;

    for (int run = 0; run < 2; run++) {
        log *target = log_with_topic(1);

        fake_log_chaos(target, 20, 20, 20);
        for (int i = 0; i < 200; i++) {
            log_writer *writer = open_writer(target, "a");

            (void)commit(writer, 0, "1");
            log_writer_close(writer);
        }
        counts[run] = fake_log_count(target, TOPIC, 0);
        for (int fate = FAKE_COMMIT; fate < FAKE_STOP; fate++)
            assert_true(fake_log_fate_count(target, (fake_fate)fate) > 0);
        fake_log_free(target);
    }
    assert_int_equal(counts[0], counts[1]);
}

static void headers_and_holds_come_back(void **state)
{
    log *target = log_with_topic(1);
    log_writer *writer = open_writer(target, "");
    weir_header header = {WEIR_STR("n"), WEIR_STR("v")}, found;
    log_record record = {.topic = TOPIC,
                         .partition = -1,
                         .timestamp_ms = -1,
                         .key = WEIR_STR("k"),
                         .headers = &header,
                         .header_count = 1};
    fake_record stored;
    weir_error err;
    (void)state;

    assert_int_equal(log_add(writer, &record, &err), WEIR_OK);
    assert_int_equal(log_wait(writer, log_commit(writer), 0, &err), LOG_COMMITTED);
    assert_true(fake_log_at(target, TOPIC, 0, 0, &stored));
    assert_null(stored.value.ptr);
    assert_true(record_header_next(&stored.headers, &found));
    assert_true(weir_str_eq(found.value, header.value));
    log_hold(target, WEIR_STR("sink"), TOPIC, 0, 7);
    assert_int_equal(fake_log_held(target, WEIR_STR("sink"), TOPIC, 0), 7);
    assert_int_equal(fake_log_held(target, WEIR_STR("other"), TOPIC, 0), -1);
    log_writer_close(writer);
    fake_log_free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_is_readable_whole_and_in_order),
        cmocka_unit_test(an_abort_takes_later_commits_with_it),
        cmocka_unit_test(a_delayed_commit_holds_back_those_behind_it),
        cmocka_unit_test(unknown_may_be_there_or_not),
        cmocka_unit_test(a_newer_writer_fences_the_older),
        cmocka_unit_test(full_makes_commits_wait),
        cmocka_unit_test(an_offset_that_is_gone_is_refused_by_name),
        cmocka_unit_test(chaos_is_the_same_for_the_same_seed),
        cmocka_unit_test(headers_and_holds_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
