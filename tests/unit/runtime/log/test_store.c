/* test_store.c - what was acknowledged is there, in order, and is still there after opening again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/store.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"
#include "tests/unit/runtime/log/store_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void an_append_is_readable_when_it_is_acknowledged(void **state)
{
    fixture *f = *state;

    fixture_open(f, false);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_append(f, "t", 0, "two");
    fixture_expect(f, "t", 0, "one two");
    fixture_close(f);
}

static void everything_is_there_after_a_clean_close(void **state)
{
    fixture *f = *state;

    fixture_open(f, false);
    fixture_topic(f, "t", 2);
    fixture_append(f, "t", 0, "one");
    fixture_append(f, "t", 1, "other");
    fixture_close(f);
    fixture_open(f, false);
    fixture_expect(f, "t", 0, "one");
    fixture_expect(f, "t", 1, "other");
    fixture_append(f, "t", 0, "two");
    fixture_expect(f, "t", 0, "one two");
    fixture_close(f);
}

static void everything_is_there_when_nothing_was_closed(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    fixture_append(f, "t", 0, "one");
    store_step(f->store, STORE_APPLY);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    fixture_append(f, "t", 0, "two");
    fixture_append(f, "t", 1, "other");
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one two");
    fixture_expect(f, "t", 1, "other");
    fixture_append(f, "t", 0, "three");
    fixture_expect(f, "t", 0, "one two three");
    fixture_close(f);
}

static void a_second_worker_is_refused(void **state)
{
    fixture *f = *state;
    store *second;
    weir_error err;

    fixture_open(f, true);
    assert_int_equal(store_open(&f->options, &second, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "locked by another process"));
    fixture_close(f);
}

static void many_segments_read_as_one_partition(void **state)
{
    fixture *f = *state;

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 300; i++) {
        fixture_append_size(f, "t", 0, 1000);
        if (i % 3 == 0)
            store_step(f->store, STORE_APPLY);
        if (i % 50 == 0)
            assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    }
    fixture_expect_count(f, "t", 0, 300);
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect_count(f, "t", 0, 300);
    fixture_close(f);
    fixture_open(f, false);
    fixture_expect_count(f, "t", 0, 300);
    fixture_close(f);
}

static void large_appends_go_to_their_segment_and_survive(void **state)
{
    fixture *f = *state;
    store_stats stats;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "small");
    fixture_append_size(f, "t", 0, 1 << 20);
    fixture_append(f, "t", 0, "small");
    store_get_stats(f->store, &stats);
    assert_int_equal(stats.large_pieces, 1);
    fixture_expect_count(f, "t", 0, 3);
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect_count(f, "t", 0, 3);
    fixture_close(f);
}

static void a_deleted_topic_is_gone_and_another_of_its_name_is_new(void **state)
{
    fixture *f = *state;
    char id[37];

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    memcpy(id, store_topic_info(store_topic_find(f->store, WEIR_STR("t")))->id, sizeof(id));
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("t"), &f->err), WEIR_OK);
    assert_null(store_topic_find(f->store, WEIR_STR("t")));
    fixture_topic(f, "t", 1);
    assert_string_not_equal(id, store_topic_info(store_topic_find(f->store, WEIR_STR("t")))->id);
    fixture_append(f, "t", 0, "two");
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "two");
    fixture_close(f);
}

static void a_fact_is_kept(void **state)
{
    fixture *f = *state;

    fixture_open(f, false);
    assert_int_equal(store_fact_get(f->store, WEIR_STR("epoch"), -1), -1);
    assert_int_equal(store_fact_put(f->store, WEIR_STR("epoch"), 7, &f->err), WEIR_OK);
    fixture_close(f);
    fixture_open(f, false);
    assert_int_equal(store_fact_get(f->store, WEIR_STR("epoch"), -1), 7);
    fixture_close(f);
}

static void an_offset_is_found_by_time(void **state)
{
    fixture *f = *state;
    store_partition *partition;
    int64_t offset;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 10; i++)
        fixture_append_at(f, "t", 0, "x", 1000 + i * 10);
    partition = store_partition_at(store_topic_find(f->store, WEIR_STR("t")), 0);
    assert_int_equal(store_offset_at_time(partition, 1035, &offset, &f->err), WEIR_OK);
    assert_int_equal(offset, 4);
    assert_int_equal(store_offset_at_time(partition, 1, &offset, &f->err), WEIR_OK);
    assert_int_equal(offset, 0);
    assert_int_equal(store_offset_at_time(partition, 5000, &offset, &f->err), WEIR_OK);
    assert_int_equal(offset, 10);
    fixture_close(f);
}

static void a_read_outside_of_the_log_names_both_ends(void **state)
{
    fixture *f = *state;
    store_cursor cursor = {0};
    weir_buf out = {0};

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    assert_int_equal(store_read(store_partition_at(store_topic_find(f->store, WEIR_STR("t")), 0), 2,
                                100, &cursor, &out, &f->err),
                     WEIR_REJECT);
    assert_string_equal(f->err.message, "topic t partition 0 has offsets from 0 to below 1, not 2");
    fixture_close(f);
}

enum { STRESS_THREADS = 4, STRESS_APPENDS = 300 };

typedef struct stress {
    fixture *fixture;
    int number;
} stress;

/* Appends small and large batches to both partitions; each is there when it is acknowledged. */
static void *append_many(void *argument)
{
    const stress *mine = argument;
    fixture *f = mine->fixture;
    fixture own = {.store = f->store};
    static const char BYTES[40000];

    for (int i = 0; i < STRESS_APPENDS; i++) {
        size_t size = i % 50 == 0 ? sizeof(BYTES) : 100;

        if (fixture_try(&own, "t", (mine->number + i) % 2, (weir_str){BYTES, size}, 1000) !=
            WEIR_OK)
            return own.err.message[0] != 0 ? (void *)1 : NULL;
    }
    return NULL;
}

static void many_threads_append_while_the_journal_is_reused(void **state)
{
    fixture *f = *state;
    pthread_t threads[STRESS_THREADS];
    stress work[STRESS_THREADS];
    store_stats stats;

    f->options.journal_file_bytes = 512 << 10;
    f->options.segment_bytes = 64 << 10;
    fixture_open(f, false);
    fixture_topic(f, "t", 2);
    for (int i = 0; i < STRESS_THREADS; i++) {
        work[i] = (stress){.fixture = f, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &work[i]), 0);
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    fixture_expect_count(f, "t", 0, STRESS_THREADS * STRESS_APPENDS / 2);
    fixture_expect_count(f, "t", 1, STRESS_THREADS * STRESS_APPENDS / 2);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    store_get_stats(f->store, &stats);
    assert_true(stats.checkpoints > 1);
    assert_int_equal(stats.journal_bytes, 0);
    fixture_close(f);
    fixture_open(f, false);
    fixture_expect_count(f, "t", 0, STRESS_THREADS * STRESS_APPENDS / 2);
    fixture_close(f);
}

static void trimming_stops_at_a_hold_and_survives(void **state)
{
    fixture *f = *state;
    store_partition *partition;
    int64_t start, kept;

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 100; i++)
        fixture_append_size(f, "t", 0, 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    partition = fixture_partition(f, "t", 0);
    store_hold(f->store, WEIR_STR("shop.dwh"), partition, 40);
    assert_int_equal(store_trim(partition, 90, false, &start, &f->err), WEIR_OK);
    assert_true(start > 0 && start <= 40);
    kept = 100 - start;
    fixture_expect_count(f, "t", 0, kept);
    fixture_close(f);
    fixture_open(f, true);
    fixture_expect_count(f, "t", 0, kept);
    fixture_close(f);
}

static void a_rewritten_range_reads_as_what_was_kept(void **state)
{
    fixture *f = *state;
    store_partition *partition;
    store_segment_info first, second;
    store_rewrite *rewrite;
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    store_cursor cursor = {0};
    record_batch_info info;
    weir_buf bytes = {0};

    f->options.segment_bytes = 16384;
    config.compact = true;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    for (int i = 0; i < 50; i++)
        fixture_append_size(f, "t", 0, 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    partition = fixture_partition(f, "t", 0);
    assert_true(store_segment_at(partition, 0, &first));
    assert_true(store_segment_at(partition, first.end_offset, &second));
    assert_true(first.is_sealed && second.is_sealed);

    /* of the first two segments only the batch at offset 7 stays */
    assert_int_equal(store_read(partition, 7, 1, &cursor, &bytes, &f->err), WEIR_OK);
    assert_int_equal(store_rewrite_begin(partition, 0, second.end_offset, &rewrite, &f->err),
                     WEIR_OK);
    assert_int_equal(store_rewrite_add(rewrite, weir_buf_str(&bytes), &f->err), WEIR_OK);
    assert_int_equal(store_rewrite_end(rewrite, &f->err), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        weir_buf_clear(&bytes);
        assert_int_equal(store_read(partition, 0, 1, &cursor, &bytes, &f->err), WEIR_OK);
        assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
        assert_int_equal(info.base_offset, 7);
        weir_buf_clear(&bytes);
        assert_int_equal(store_read(partition, 8, 1, &cursor, &bytes, &f->err), WEIR_OK);
        assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
        assert_int_equal(info.base_offset, second.end_offset);
        assert_int_equal(store_verify_segment(partition, 0, &f->err), WEIR_OK);
        fixture_close(f);
        fixture_open(f, true);
        partition = fixture_partition(f, "t", 0);
    }
    fixture_close(f);
    weir_buf_done(&bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_append_is_readable_when_it_is_acknowledged),
        TEST(everything_is_there_after_a_clean_close),
        TEST(everything_is_there_when_nothing_was_closed),
        TEST(a_second_worker_is_refused),
        TEST(many_segments_read_as_one_partition),
        TEST(large_appends_go_to_their_segment_and_survive),
        TEST(a_deleted_topic_is_gone_and_another_of_its_name_is_new),
        TEST(a_fact_is_kept),
        TEST(an_offset_is_found_by_time),
        TEST(a_read_outside_of_the_log_names_both_ends),
        TEST(many_threads_append_while_the_journal_is_reused),
        TEST(trimming_stops_at_a_hold_and_survives),
        TEST(a_rewritten_range_reads_as_what_was_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
