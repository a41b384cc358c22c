/* test_store_queue.c - which appends are taken together, which wait, and in which order (queue, plan and group). */
#include "tests/unit/runtime/log/faulty_disk.h"
#include "tests/unit/runtime/log/store_fixture.h"

enum { SENDS = 20 };

typedef struct sent {
    store_piece pieces[3];
    store_append append;
    weir_buf bytes[3];
    int order; /* in which it ended, from 1; 0: not yet */
} sent;

static int ended;

static void note_end(store_append *append)
{
    ((sent *)append->context)->order = ++ended;
}

/* One record of size bytes for each of some partitions of a topic. */
static void send(fixture *f, sent *one, store_lane *lane, const char *topic, int partitions,
                 size_t size)
{
    char *value = calloc(1, size + 1);

    memset(value, 'x', size);
    *one = (sent){.append = {.pieces = one->pieces,
                             .piece_count = (size_t)partitions,
                             .lane = lane,
                             .done = note_end,
                             .context = one}};
    for (int i = 0; i < partitions; i++) {
        fixture_batch(&one->bytes[i], (weir_str){value, size}, 1000);
        one->pieces[i] = (store_piece){.partition = fixture_partition(f, topic, i),
                                       .bytes = one->bytes[i].ptr,
                                       .size = one->bytes[i].len};
    }
    free(value);
    store_submit(f->store, &one->append);
}

static void done(sent *all, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < 3; j++)
            weir_buf_done(&all[i].bytes[j]);
}

static void make_topic(fixture *f, const char *name, int32_t partitions, int64_t retention_bytes)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.partitions = partitions;
    config.retention_bytes = retention_bytes;
    assert_int_equal(store_topic_create(f->store, weir_cstr(name), &config, &f->err), WEIR_OK);
}

static void write_all(fixture *f)
{
    while (store_step(f->store, STORE_WRITE))
        ;
}

static void what_is_queued_together_is_one_sync(void **state)
{
    fixture *f = *state;
    sent all[SENDS];
    store_stats before, after;

    ended = 0;
    fixture_open(f, true);
    make_topic(f, "t", 2, -1);
    store_get_stats(f->store, &before);
    for (int i = 0; i < SENDS; i++)
        send(f, &all[i], NULL, "t", 1 + i % 2, 100);
    assert_true(store_step(f->store, STORE_WRITE));
    store_get_stats(f->store, &after);
    assert_int_equal(after.groups - before.groups, 1);
    assert_int_equal(after.entries - before.entries, SENDS);
    for (int i = 0; i < SENDS; i++) {
        assert_int_equal(all[i].append.code, WEIR_OK);
        assert_int_equal(all[i].order, i + 1);
        assert_int_equal(all[i].pieces[0].base_offset, i);
    }
    done(all, SENDS);
    fixture_close(f);
}

static void behind_a_refused_append_its_lane_goes_no_further(void **state)
{
    fixture *f = *state;
    sent all[3];
    store_lane *lane, *other;

    ended = 0;
    fixture_open(f, true);
    make_topic(f, "gone", 1, -1);
    make_topic(f, "t", 1, -1);
    lane = store_lane_open(f->store);
    other = store_lane_open(f->store);
    send(f, &all[0], lane, "gone", 1, 100);
    send(f, &all[1], lane, "t", 1, 100);
    send(f, &all[2], other, "t", 1, 100);
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("gone"), &f->err), WEIR_OK);
    write_all(f);
    assert_int_equal(all[0].append.code, WEIR_REJECT);
    assert_string_equal(all[0].append.err.message, "topic gone was deleted");
    assert_int_equal(all[1].append.code,
                     WEIR_REJECT); /* else it would be there without the first */
    assert_string_equal(all[1].append.err.message, "an earlier append of the same writer failed");
    assert_int_equal(all[2].append.code, WEIR_OK);
    fixture_expect_count(f, "t", 0, 1);
    store_lane_close(f->store, lane);
    store_lane_close(f->store, other);
    done(all, 3);
    fixture_close(f);
}

/* Of the partitions of an append one is full: all of it waits, and what comes behind it in its lane. */
static void one_full_partition_of_several_holds_the_append_and_its_lane_back(void **state)
{
    fixture *f = *state;
    sent all[5];
    store_lane *lane, *other;
    weir_buf reason = {0};

    ended = 0;
    fixture_open(f, true);
    make_topic(f, "t", 3, 50000);
    make_topic(f, "u", 1, -1);
    lane = store_lane_open(f->store);
    other = store_lane_open(f->store);
    fixture_append_size(f, "t", 1, 40000);
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 1), 0);
    send(f, &all[0], lane, "t", 1, 20000); /* partition 0 has room */
    send(f, &all[1], lane, "t", 3, 20000);
    send(f, &all[2], lane, "u", 1, 100);
    send(f, &all[3], other, "u", 1, 100);
    send(f, &all[4], other, "t", 1, 100);
    write_all(f);
    assert_int_equal(all[0].order, 1);
    assert_int_equal(all[1].order, 0);
    assert_int_equal(all[2].order, 0); /* in its order, though there is room */
    assert_int_equal(all[3].order, 2); /* others pass */
    assert_int_equal(all[4].order, 3);
    assert_true(store_lane_is_full(f->store, lane, &reason));
    assert_non_null(strstr(weir_buf_cstr(&reason), "topic t partition 1 is full: shop.dwh"));
    assert_false(store_lane_is_full(f->store, other, NULL));
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 1), 1);
    write_all(f);
    assert_int_equal(all[1].order, 4);
    assert_int_equal(all[2].order, 5);
    assert_false(store_lane_is_full(f->store, lane, NULL));
    for (int i = 0; i < 5; i++)
        assert_int_equal(all[i].append.code, WEIR_OK);
    weir_buf_done(&reason);
    store_lane_close(f->store, lane);
    store_lane_close(f->store, other);
    done(all, 5);
    fixture_close(f);
}

/* The first one waits for the disk, the second one for a sink: the first one goes first all the same. */
static void what_waits_for_the_disk_stays_before_what_waits_for_a_topic(void **state)
{
    fixture *f = *state;
    faulty_disk on = {0};
    store_lane *lane;
    sent all[2];

    ended = 0;
    faulty_disk_init(&on);
    f->options.disk = &on.base;
    fixture_open(f, true);
    make_topic(f, "free", 1, -1);
    make_topic(f, "full", 1, 1000);
    store_hold(f->store, WEIR_STR("sink"), fixture_partition(f, "full", 0), 0);
    fixture_append_size(f, "full", 0, 900);
    lane = store_lane_open(f->store);
    on.is_full = true;
    send(f, &all[0], lane, "free", 1, 100000);
    send(f, &all[1], lane, "full", 1, 500);
    write_all(f);
    write_all(f); /* tries again */
    assert_int_equal(all[0].order + all[1].order, 0);
    assert_true(store_lane_is_full(f->store, lane, NULL));
    on.is_full = false;
    store_hold(f->store, WEIR_STR("sink"), fixture_partition(f, "full", 0), -1);
    write_all(f);
    assert_int_equal(all[0].order, 1);
    assert_int_equal(all[1].order, 2);
    store_lane_close(f->store, lane);
    done(all, 2);
    fixture_close(f);
}

static void a_topic_that_trims_is_never_full(void **state)
{
    fixture *f = *state;
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.retention_bytes = 1000;
    config.trim = true;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    store_hold(f->store, WEIR_STR("s"), fixture_partition(f, "t", 0), 0);
    for (int i = 0; i < 5; i++)
        fixture_append_size(f, "t", 0, 900);
    fixture_expect_count(f, "t", 0, 5);
    fixture_close(f);
}

static void what_waits_ends_with_its_lane_and_with_the_log(void **state)
{
    fixture *f = *state;
    sent all[2];
    store_lane *lane;

    ended = 0;
    fixture_open(f, true);
    make_topic(f, "t", 1, 1000);
    store_hold(f->store, WEIR_STR("s"), fixture_partition(f, "t", 0), 0);
    fixture_append_size(f, "t", 0, 900);
    lane = store_lane_open(f->store);
    send(f, &all[0], lane, "t", 1, 900);
    send(f, &all[1], NULL, "t", 1, 900);
    write_all(f);
    assert_int_equal(ended, 0);
    store_lane_close(f->store, lane);
    assert_int_equal(all[0].append.code, WEIR_RETRY);
    assert_string_equal(all[0].append.err.message, "its writer was closed");
    fixture_close(f);
    assert_int_equal(all[1].append.code, WEIR_RETRY);
    assert_string_equal(all[1].append.err.message, "the log was closed");
    done(all, 2);
}

static void what_is_no_append_is_refused_at_once(void **state)
{
    enum { MANY = 3000 };
    fixture *f = *state;
    store_piece *pieces = calloc(MANY, sizeof(*pieces));
    store_append append = {.pieces = pieces, .piece_count = 1};
    char nothing[100] = {0};
    weir_buf bytes = {0};

    f->options.journal_file_bytes = 64 << 10;
    fixture_open(f, true);
    make_topic(f, "t", 1, -1);
    pieces[0] = (store_piece){
        .partition = fixture_partition(f, "t", 0), .bytes = nothing, .size = sizeof(nothing)};
    assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_REJECT);
    assert_string_equal(f->err.message, "an append has bytes that are no record batch");
    pieces[0].size = 0;
    assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_REJECT);
    assert_string_equal(f->err.message, "an append has a piece without records");
    fixture_batch(&bytes, WEIR_STR("x"), 1000);
    for (int i = 0; i < MANY; i++) /* their table alone would fill the journal */
        pieces[i] = (store_piece){
            .partition = fixture_partition(f, "t", 0), .bytes = bytes.ptr, .size = bytes.len};
    append.piece_count = MANY;
    assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_REJECT);
    assert_string_equal(f->err.message, "an append of 3000 pieces is too large");
    fixture_expect_count(f, "t", 0, 0);
    weir_buf_done(&bytes);
    free(pieces);
    fixture_close(f);
}

static uint64_t large_after(fixture *f, int partitions, size_t size, int count)
{
    sent all[SENDS];
    store_stats before, after;

    store_get_stats(f->store, &before);
    for (int i = 0; i < count; i++)
        send(f, &all[i], NULL, "t", partitions, size);
    write_all(f);
    store_get_stats(f->store, &after);
    done(all, count);
    return after.large_pieces - before.large_pieces;
}

static void only_what_is_much_for_its_partition_goes_to_its_segment_at_once(void **state)
{
    fixture *f = *state;

    f->options.large_bytes = 100000;
    fixture_open(f, true);
    make_topic(f, "t", 3, -1);
    assert_int_equal(large_after(f, 1, 99000, 1), 0);
    assert_int_equal(large_after(f, 1, 100000, 1), 1);
    assert_int_equal(large_after(f, 1, 30000, 4), 4); /* together they are much */
    assert_int_equal(large_after(f, 1, 30000, 3), 0);
    assert_int_equal(large_after(f, 1, 6000, 17), 0);  /* one by one they are too small */
    assert_int_equal(large_after(f, 3, 120000, 1), 3); /* much for each of them */
    assert_int_equal(large_after(f, 3, 90000, 1), 0);
    fixture_close(f);
}

/* As sources append: much for a topic, and an offset. */
static void a_small_piece_beside_a_large_one_goes_through_the_journal(void **state)
{
    fixture *f = *state;
    static const size_t SIZES[] = {100, 200000, 300};
    store_stats before, after;
    char value[200000];
    sent one = {0};

    memset(value, 'x', sizeof(value));
    f->options.large_bytes = 100000;
    fixture_open(f, true);
    make_topic(f, "t", 2, -1);
    one.append =
        (store_append){.pieces = one.pieces, .piece_count = 3, .done = note_end, .context = &one};
    for (int i = 0; i < 3; i++) {
        fixture_batch(&one.bytes[i], (weir_str){value, SIZES[i]}, 1000);
        one.pieces[i] = (store_piece){.partition = fixture_partition(f, "t", i == 0 ? 0 : 1),
                                      .bytes = one.bytes[i].ptr,
                                      .size = one.bytes[i].len};
    }
    store_get_stats(f->store, &before);
    store_submit(f->store, &one.append);
    write_all(f);
    store_get_stats(f->store, &after);
    assert_int_equal(one.append.code, WEIR_OK);
    assert_int_equal(after.large_pieces - before.large_pieces, 1);
    fixture_expect_count(f, "t", 0, 1); /* read from the journal */
    fixture_expect_count(f, "t", 1, 2); /* one from the segment, one from the journal */
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect_count(f, "t", 0, 1);
    fixture_expect_count(f, "t", 1, 2);
    done(&one, 1);
    fixture_close(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void what_gives_up_ends_and_the_rest_waits(void **state)
{
    static const char ZEROS[100000];
    fixture *f = *state;
    faulty_disk faults = {0};
    weir_buf bytes[2] = {{0}};
    store_piece pieces[2];
    store_append appends[2];
    bool done[2] = {false, false};

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    f->options.give_up_ms = 1;
    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    faults.is_full = true;
    for (int i = 0; i < 2; i++) {
        fixture_batch(&bytes[i], (weir_str){ZEROS, sizeof(ZEROS)}, 1000);
        pieces[i] = (store_piece){
            .partition = fixture_partition(f, "t", i), .bytes = bytes[i].ptr, .size = bytes[i].len};
        appends[i] = (store_append){.pieces = &pieces[i],
                                    .piece_count = 1,
                                    .gives_up = i == 1,
                                    .done = fixture_note_done,
                                    .context = &done[i]};
        store_submit(f->store, &appends[i]);
    }
    while (!done[1])
        (void)store_step(f->store, STORE_WRITE);
    assert_int_equal(appends[1].code, WEIR_RETRY);
    assert_non_null(strstr(appends[1].err.message, "the log has no room: "));
    assert_false(done[0]);
    faults.is_full = false;
    while (!done[0])
        assert_true(store_step(f->store, STORE_WRITE));
    assert_int_equal(appends[0].code, WEIR_OK);
    assert_int_equal(store_end_offset(pieces[1].partition), 0);
    fixture_close(f);
    weir_buf_done(&bytes[0]);
    weir_buf_done(&bytes[1]);
}

/* The segment of the metadata has reserved some room, which a fact needs no more than. */
static void a_fact_passes_what_waits_for_a_full_disk(void **state)
{
    static const char ZEROS[100000];
    fixture *f = *state;
    faulty_disk faults = {0};
    weir_buf bytes = {0};
    store_piece piece;
    store_append append;
    weir_error err;
    bool done = false;

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    f->options.give_up_ms = 1;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    faults.is_full = true;
    fixture_batch(&bytes, (weir_str){ZEROS, sizeof(ZEROS)}, 1000);
    piece = (store_piece){
        .partition = fixture_partition(f, "t", 0), .bytes = bytes.ptr, .size = bytes.len};
    append = (store_append){
        .pieces = &piece, .piece_count = 1, .done = fixture_note_done, .context = &done};
    store_submit(f->store, &append);
    (void)store_step(f->store, STORE_WRITE);
    assert_int_equal(store_fact_put(f->store, WEIR_STR("k"), 1, &err), WEIR_OK);
    assert_false(done);
    faults.is_full = false;
    while (!done)
        assert_true(store_step(f->store, STORE_WRITE));
    assert_int_equal(append.code, WEIR_OK);
    fixture_close(f);
    weir_buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_queued_together_is_one_sync),
        CASE(behind_a_refused_append_its_lane_goes_no_further),
        CASE(one_full_partition_of_several_holds_the_append_and_its_lane_back),
        CASE(what_waits_for_the_disk_stays_before_what_waits_for_a_topic),
        CASE(what_gives_up_ends_and_the_rest_waits),
        CASE(a_fact_passes_what_waits_for_a_full_disk),
        CASE(a_topic_that_trims_is_never_full),
        CASE(what_waits_ends_with_its_lane_and_with_the_log),
        CASE(what_is_no_append_is_refused_at_once),
        CASE(only_what_is_much_for_its_partition_goes_to_its_segment_at_once),
        CASE(a_small_piece_beside_a_large_one_goes_through_the_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
