/* test_embedded.c - records in, records out, through the interface that the worker sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/embedded.h"
#include "sdk/src/batch.h"
#include "tests/unit/runtime/log/store_fixture.h"

#include <sys/resource.h>

static log *open_log(fixture *f)
{
    log *opened;
    weir_error err;

    if (embedded_open(&f->options, &opened, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    return opened;
}

static void create(log *self, const char *name, int32_t partitions, int compression)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.partitions = partitions;
    config.compression = compression;
    assert_int_equal(log_topic_create(self, weir_cstr(name), &config, &err), WEIR_OK);
}

static log_writer *open_writer(log *self, const char *id)
{
    log_writer *writer;
    weir_error err;

    assert_int_equal(log_writer_open(self, weir_cstr(id), &writer, &err), WEIR_OK);
    return writer;
}

static void add(log_writer *writer, const char *topic, int32_t partition, const char *value)
{
    log_record record = {.topic = weir_cstr(topic),
                         .partition = partition,
                         .timestamp_ms = 1000,
                         .value = weir_cstr(value)};
    weir_error err;

    assert_int_equal(log_add(writer, &record, &err), WEIR_OK);
}

static void commit(log_writer *writer)
{
    weir_error err;
    log_outcome outcome = log_wait(writer, log_commit(writer), 10000, &err);

    if (outcome != LOG_COMMITTED)
        fail_msg("outcome %d: %s", (int)outcome, err.message);
}

/* Reads until count records were seen; their values with spaces between. */
static void expect(log_reader *reader, uint32_t count, const char *values)
{
    weir_batch *batch = batch_new(100000);
    weir_buf found = {0};
    weir_error err;
    uint32_t seen = 0;

    while (seen < count) {
        batch_clear(batch);
        if (log_read(reader, batch, 10000, &err) != WEIR_OK)
            fail_msg("%s", err.message);
        assert_true(batch_count(batch) > 0);
        for (uint32_t i = 0; i < batch_count(batch); i++, seen++) {
            if (found.len > 0)
                weir_buf_add_byte(&found, ' ');
            weir_buf_add_str(&found, batch_bytes_of(batch, batch_at(batch, i)->value));
        }
    }
    assert_string_equal(weir_buf_cstr(&found), values);
    weir_buf_done(&found);
    batch_free(batch);
}

static log_reader *open_reader(log *self, const char *topic, int32_t partition, int64_t offset)
{
    log_reader *reader;
    weir_error err;

    assert_int_equal(log_reader_open(self, &reader, &err), WEIR_OK);
    assert_int_equal(log_reader_assign(reader, weir_cstr(topic), partition, offset, &err), WEIR_OK);
    return reader;
}

static void what_is_committed_is_read_in_order(void **state)
{
    log *self = open_log(*state);
    log_writer *writer;
    log_reader *reader;

    create(self, "t", 1, 0);
    writer = open_writer(self, "");
    reader = open_reader(self, "t", 0, 0);
    add(writer, "t", 0, "a");
    add(writer, "t", 0, "b");
    commit(writer);
    expect(reader, 2, "a b");
    add(writer, "t", 0, "c");
    commit(writer);
    expect(reader, 1, "c");
    assert_int_equal(log_reader_position(reader, WEIR_STR("t"), 0), 3);
    log_reader_close(reader);
    log_writer_close(writer);
    embedded_close(self);
}

static void compressed_topics_read_the_same(void **state)
{
    log *self = open_log(*state);
    log_writer *writer;
    log_reader *reader;

    create(self, "lz4", 1, RECORD_LZ4);
    create(self, "zstd", 1, RECORD_ZSTD);
    writer = open_writer(self, "");
    for (int i = 0; i < 3; i++) {
        add(writer, "lz4", 0, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        add(writer, "zstd", 0, "y");
    }
    commit(writer);
    reader = open_reader(self, "lz4", 0, 1);
    expect(reader, 2,
           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    log_reader_close(reader);
    reader = open_reader(self, "zstd", 0, 0);
    expect(reader, 3, "y y y");
    log_reader_close(reader);
    log_writer_close(writer);
    embedded_close(self);
}

static void an_older_writer_of_an_id_is_fenced(void **state)
{
    log *self = open_log(*state);
    log_writer *older, *newer;
    weir_error err;

    create(self, "t", 1, 0);
    older = open_writer(self, "shop.source");
    add(older, "t", 0, "a");
    commit(older);
    newer = open_writer(self, "shop.source");
    assert_int_equal(embedded_writer_epoch(newer), embedded_writer_epoch(older) + 1);
    add(older, "t", 0, "zombie");
    assert_int_equal(log_wait(older, log_commit(older), 10000, &err), LOG_FENCED);
    add(newer, "t", 0, "b");
    commit(newer);
    log_writer_close(older);
    log_writer_close(newer);
    embedded_close(self);

    self = open_log(*state);
    newer = open_writer(self, "shop.source");
    assert_int_equal(embedded_writer_epoch(newer), 3);
    log_writer_close(newer);
    embedded_close(self);
}

static void a_unit_of_many_partitions_is_one_entry(void **state)
{
    log *self = open_log(*state);
    log_writer *writer;
    store_stats before, after;
    weir_error err;

    create(self, "t", 100, 0);
    writer = open_writer(self, "");
    store_get_stats(embedded_store(self), &before);
    for (int32_t i = 0; i < 100; i++)
        add(writer, "t", i, "x");
    commit(writer);
    store_get_stats(embedded_store(self), &after);
    assert_int_equal(after.entries - before.entries, 1);
    for (int32_t i = 0; i < 100; i++) {
        int64_t end;

        assert_int_equal(log_offset_of(self, WEIR_STR("t"), i, LOG_LATEST, &end, &err), WEIR_OK);
        assert_int_equal(end, 1);
    }
    log_writer_close(writer);
    embedded_close(self);
}

static void more_partitions_can_be_written_than_the_process_might_open_files(void **state)
{
    struct rlimit limit;
    log_writer *writer;
    weir_error err;
    log *self;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    self = open_log(*state);
    create(self, "t", 100, 0);
    writer = open_writer(self, "");
    for (int32_t i = 0; i < 100; i++)
        add(writer, "t", i, "x");
    commit(writer);
    assert_int_equal(store_checkpoint_now(embedded_store(self), &err), WEIR_OK);
    log_writer_close(writer);
    embedded_close(self);
}

static void a_record_that_is_too_large_is_rejected_and_the_unit_goes_on(void **state)
{
    log *self = open_log(*state);
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    log_record record = {.topic = WEIR_STR("t"), .value = WEIR_STR("0123456789")};
    log_writer *writer;
    weir_error err;

    config.max_message_bytes = 5;
    assert_int_equal(log_topic_create(self, WEIR_STR("t"), &config, &err), WEIR_OK);
    writer = open_writer(self, "");
    assert_int_equal(log_add(writer, &record, &err), WEIR_REJECT);
    assert_string_equal(err.message,
                        "a record of 10 bytes is larger than max.message.bytes=5 of topic t");
    add(writer, "t", 0, "ok");
    commit(writer);
    log_writer_close(writer);
    embedded_close(self);
}

static void a_full_topic_waits_until_its_sink_moves_on(void **state)
{
    log *self = open_log(*state);
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    static char large[60001];
    log_writer *writer, *other;
    log_ticket ticket;
    weir_buf reason = {0};
    weir_error err;

    config.retention_bytes = 100000;
    memset(large, 'x', 60000);
    assert_int_equal(log_topic_create(self, WEIR_STR("t"), &config, &err), WEIR_OK);
    create(self, "u", 1, 0);
    log_hold(self, WEIR_STR("shop.dwh"), WEIR_STR("t"), 0, 0);
    writer = open_writer(self, "");
    other = open_writer(self, "");
    add(writer, "t", 0, large);
    commit(writer);
    add(writer, "t", 0, large);
    ticket = log_commit(writer);
    add(other, "u", 0, "passes");
    commit(other);
    assert_int_equal(log_wait(writer, ticket, 0, &err), LOG_PENDING);
    assert_true(log_is_full(writer, &reason));
    assert_non_null(strstr(weir_buf_cstr(&reason), "topic t partition 0 is full: shop.dwh"));
    log_hold(self, WEIR_STR("shop.dwh"), WEIR_STR("t"), 0, 1);
    assert_int_equal(log_wait(writer, ticket, 10000, &err), LOG_COMMITTED);
    assert_false(log_is_full(writer, NULL));
    weir_buf_done(&reason);
    log_writer_close(writer);
    log_writer_close(other);
    embedded_close(self);
}

/* Until then a sink that is deployed may not have said what it needs. */
static void nothing_is_removed_before_all_holds_were_said(void **state)
{
    fixture *f = *state;
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    static char large[20001];
    log *self;
    log_writer *writer;
    int64_t start = -1;

    f->options.manual = true;
    f->options.segment_bytes = 16384;
    self = open_log(f);
    config.retention_bytes = 20000;
    memset(large, 'x', 20000);
    assert_int_equal(log_topic_create(self, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    writer = open_writer(self, "");
    for (int i = 0; i < 5; i++) {
        log_ticket ticket;

        add(writer, "t", 0, large);
        ticket = log_commit(writer);
        while (store_step(embedded_store(self), STORE_WRITE))
            ;
        assert_int_equal(log_wait(writer, ticket, 0, &f->err), LOG_COMMITTED);
    }
    assert_int_equal(store_checkpoint_now(embedded_store(self), &f->err), WEIR_OK);
    (void)store_step(embedded_store(self), STORE_TEND);
    assert_int_equal(log_offset_of(self, WEIR_STR("t"), 0, LOG_EARLIEST, &start, &f->err), WEIR_OK);
    assert_int_equal(start, 0);
    log_start_retention(self);
    (void)store_step(embedded_store(self), STORE_TEND);
    assert_int_equal(log_offset_of(self, WEIR_STR("t"), 0, LOG_EARLIEST, &start, &f->err), WEIR_OK);
    assert_true(start > 0);
    log_writer_close(writer);
    embedded_close(self);
}

static void a_deleted_topic_fails_the_commit_and_all_after_it(void **state)
{
    log *self = open_log(*state);
    log_writer *writer;
    log_ticket first, second;
    weir_error err;

    create(self, "t", 1, 0);
    create(self, "u", 1, 0);
    writer = open_writer(self, "");
    add(writer, "t", 0, "a");
    assert_int_equal(log_topic_delete(self, WEIR_STR("t"), &err), WEIR_OK);
    first = log_commit(writer);
    add(writer, "u", 0, "b");
    second = log_commit(writer);
    assert_int_equal(log_wait(writer, first, 10000, &err), LOG_STOPPED);
    assert_string_equal(err.message, "topic t was deleted");
    assert_int_equal(log_wait(writer, second, 10000, &err), LOG_STOPPED);
    log_writer_close(writer);
    embedded_close(self);
}

static void waking_a_reader_ends_its_wait(void **state)
{
    log *self = open_log(*state);
    weir_batch *batch = batch_new(1000);
    log_reader *reader;
    weir_error err;

    create(self, "t", 1, 0);
    reader = open_reader(self, "t", 0, 0);
    log_reader_wake(reader);
    assert_int_equal(log_read(reader, batch, 1000000, &err), WEIR_OK);
    assert_int_equal(batch_count(batch), 0);
    log_reader_close(reader);
    batch_free(batch);
    embedded_close(self);
}

static void an_offset_outside_is_refused_with_both_ends(void **state)
{
    log *self = open_log(*state);
    log_reader *reader;
    weir_error err;

    create(self, "t", 1, 0);
    reader = open_reader(self, "t", 0, 0);
    assert_int_equal(log_reader_assign(reader, WEIR_STR("t"), 0, 7, &err), WEIR_FATAL);
    assert_string_equal(err.message, "offset 7 of topic t partition 0 is not there (any more): it "
                                     "has 0 to below 0");
    log_reader_close(reader);
    embedded_close(self);
}

static weir_code refuse_bad(void *context, const log_topic *topic, int32_t partition,
                            const log_record *record, weir_error *err)
{
    (void)context;
    if (!weir_str_eq(record->value, WEIR_STR("bad")))
        return WEIR_OK;
    return weir_fail(err, WEIR_REJECT, "bad in %.*s %d", WEIR_ARG(topic->name), partition);
}

/* As if retention had gone past it. */
static void lose_first(log *self, const char *topic)
{
    store *kept = embedded_store(self);
    store_partition *partition = store_partition_at(store_topic_find(kept, weir_cstr(topic)), 0);
    log_writer *writer = open_writer(self, "");
    int64_t start = 0;
    weir_error err;

    store_roll(partition);
    add(writer, topic, 0, "behind");
    commit(writer);
    assert_int_equal(store_checkpoint_now(kept, &err), WEIR_OK);
    assert_int_equal(store_trim(partition, 1, true, &start, &err), WEIR_OK);
    assert_int_equal(start, 1);
    log_writer_close(writer);
}

/* Else those who take the error for passing would never see them. */
static void an_error_comes_behind_what_was_read_before_it(void **state)
{
    fixture *f = *state;
    weir_batch *batch = batch_new(100000);
    log *self;
    log_writer *writer;
    log_reader *reader;

    self = open_log(f);
    create(self, "a", 1, 0);
    create(self, "b", 1, 0);
    writer = open_writer(self, "");
    add(writer, "a", 0, "one");
    add(writer, "b", 0, "two");
    commit(writer);
    reader = open_reader(self, "a", 0, 0);
    assert_int_equal(log_reader_assign(reader, WEIR_STR("b"), 0, 0, &f->err), WEIR_OK);
    lose_first(self, "b");
    assert_int_equal(log_read(reader, batch, 10000, &f->err), WEIR_OK);
    assert_int_equal(batch_count(batch), 1);
    for (int i = 0; i < 2; i++) {
        batch_clear(batch);
        assert_int_equal(log_read(reader, batch, 10000, &f->err), WEIR_FATAL);
        assert_int_equal(batch_count(batch), 0);
    }
    log_reader_close(reader);
    log_writer_close(writer);
    batch_free(batch);
    embedded_close(self);
}

static void what_the_checker_refuses_is_rejected_and_the_unit_goes_on(void **state)
{
    log *self = open_log(*state);
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    log_record bad = {
        .topic = WEIR_STR("t"), .partition = -1, .timestamp_ms = 1, .value = WEIR_STR("bad")};
    log_writer *writer;
    int64_t end;
    weir_error err;

    config.value_check = LOG_CHECK_TOPIC_NAME;
    assert_int_equal(log_topic_create(self, WEIR_STR("t"), &config, &err), WEIR_OK);
    create(self, "unchecked", 1, 0);
    log_set_checker(self, (log_checker){.check = refuse_bad});
    writer = open_writer(self, "w");
    add(writer, "unchecked", 0, "bad");
    assert_int_equal(log_add(writer, &bad, &err), WEIR_REJECT);
    assert_string_equal(err.message, "bad in t 0");
    add(writer, "t", 0, "good");
    commit(writer);
    assert_int_equal(log_offset_of(self, WEIR_STR("t"), 0, LOG_LATEST, &end, &err), WEIR_OK);
    assert_int_equal(end, 1);
    log_writer_close(writer);
    embedded_close(self);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_committed_is_read_in_order),
        TEST(compressed_topics_read_the_same),
        TEST(an_older_writer_of_an_id_is_fenced),
        TEST(a_unit_of_many_partitions_is_one_entry),
        TEST(more_partitions_can_be_written_than_the_process_might_open_files),
        TEST(a_record_that_is_too_large_is_rejected_and_the_unit_goes_on),
        TEST(a_full_topic_waits_until_its_sink_moves_on),
        TEST(nothing_is_removed_before_all_holds_were_said),
        TEST(a_deleted_topic_fails_the_commit_and_all_after_it),
        TEST(waking_a_reader_ends_its_wait),
        TEST(an_error_comes_behind_what_was_read_before_it),
        TEST(what_the_checker_refuses_is_rejected_and_the_unit_goes_on),
        TEST(an_offset_outside_is_refused_with_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
