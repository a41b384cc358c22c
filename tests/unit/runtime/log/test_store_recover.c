/* test_store_recover.c - a torn tail is cut, damage is refused, and faults of the disk are not hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/journal.h"
#include "tests/unit/runtime/log/faulty_disk.h"
#include "tests/unit/runtime/log/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Turns over one byte of the n-th entry's body in the first journal file; returns its place. */
static int64_t damage_entry(fixture *f, int n)
{
    char path[128];
    int64_t at = JOURNAL_FRONT_BYTES;
    journal_entry front;
    int fd;
    char byte;

    snprintf(path, sizeof(path), "%s/journal-001", f->dir);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (int i = 0;; i++) {
        assert_int_equal(pread(fd, &front, sizeof(front), at), sizeof(front));
        assert_int_equal(front.magic, JOURNAL_ENTRY_MAGIC);
        if (i == n)
            break;
        at += (int64_t)journal_padded(front.length);
    }
    assert_int_equal(pread(fd, &byte, 1, at + (int64_t)front.length - 1), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at + (int64_t)front.length - 1), 1);
    close(fd);
    return at;
}

/* A log whose journal holds: the topic, one, two, three. Nothing of it is in a checkpoint. */
static void make_three(fixture *f)
{
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_append(f, "t", 0, "two");
    fixture_append(f, "t", 0, "three");
    fixture_abandon(f);
}

static void a_torn_last_entry_is_cut(void **state)
{
    fixture *f = *state;

    make_three(f);
    damage_entry(f, 3);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one two");
    fixture_append(f, "t", 0, "four");
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one two four");
    fixture_close(f);
}

static void damage_below_what_was_synced_is_refused_with_file_and_offset(void **state)
{
    fixture *f = *state;
    char expected[100];
    weir_error err;

    make_three(f);
    snprintf(expected, sizeof(expected), "journal-001 at offset %lld",
             (long long)damage_entry(f, 1));
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "the journal is damaged"));
    assert_non_null(strstr(err.message, expected));
}

static void what_was_behind_a_cut_does_not_come_back(void **state)
{
    fixture *f = *state;

    /* three is valid on disk behind the torn two; both were never acknowledged, as far as anything on disk
     * says, when three's own entry says no more was synced than one */
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    {
        store_piece pieces[2];
        store_append appends[2];
        weir_buf bytes[2] = {{0}, {0}};
        static const char *const VALUES[] = {"two", "xxx"};

        for (int i = 0; i < 2; i++) {
            fixture_batch(&bytes[i], weir_cstr(VALUES[i]), 1000);
            pieces[i] = (store_piece){.partition = fixture_partition(f, "t", 0),
                                      .bytes = bytes[i].ptr,
                                      .size = bytes[i].len};
            appends[i] =
                (store_append){.pieces = &pieces[i], .piece_count = 1, .done = fixture_ignore};
            store_submit(f->store, &appends[i]);
        }
        assert_true(store_step(f->store, STORE_WRITE)); /* one group: synced together */
        fixture_abandon(f);
        weir_buf_done(&bytes[0]);
        weir_buf_done(&bytes[1]);
    }
    damage_entry(f, 2);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one");
    fixture_append(f, "t", 0, "TWO"); /* as long as the torn one: xxx lies right behind it */
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one TWO");
    fixture_close(f);
}

static void a_segment_shorter_than_the_checkpoint_says_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append_size(f, "t", 0, 5000);
    fixture_close(f);
    snprintf(command, sizeof(command), "truncate -s 100 %s/topics/t-*/0/*.log", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "is damaged: it ends at offset 100, but"));
}

static void a_missing_segment_in_the_middle_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    snprintf(command, sizeof(command), "rm $(ls %s/topics/t-*/0/*.log | sed -n 2p)", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(
        strstr(err.message, "topic t partition 0 is damaged: the segment with offsets"));
}

/* A compacted topic of several segments, the first two of them made one. */
static void make_compacted(fixture *f, bool keep_one)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    store_partition *partition;
    store_segment_info first, second;
    store_cursor cursor = {0};
    store_rewrite *rewrite;
    record_batch_info info;
    weir_buf bytes = {0};

    f->options.segment_bytes = 16384;
    config.compact = true;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    partition = fixture_partition(f, "t", 0);
    assert_true(store_segment_at(partition, 0, &first));
    assert_true(store_segment_at(partition, first.end_offset, &second));
    assert_int_equal(store_rewrite_begin(partition, 0, second.end_offset, &rewrite, &f->err),
                     WEIR_OK);
    assert_int_equal(store_read(partition, 0, 1, &cursor, &bytes, &f->err), WEIR_OK);
    assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
    if (keep_one)
        assert_int_equal(store_rewrite_add(rewrite, weir_buf_str(&bytes), &f->err), WEIR_OK);
    assert_int_equal(store_rewrite_end(rewrite, &f->err), WEIR_OK);
    weir_buf_done(&bytes);
    fixture_close(f);
}

static void remove_segment(fixture *f, int number)
{
    char command[300];

    snprintf(command, sizeof(command), "rm $(ls %s/topics/t-*/0/*.log | sed -n %dp)", f->dir,
             number);
    assert_int_equal(system(command), 0);
}

static void of_a_compacted_topic_no_segment_may_be_missing_either(void **state)
{
    for (int number = 1; number <= 3; number++) {
        fixture *f = *state;
        char copy[400];
        weir_error err;

        if (number == 1) {
            make_compacted(f, true);
            fixture_open(f, true);
            fixture_close(f); /* the gap that compaction made is none */
        }
        snprintf(copy, sizeof(copy), "rm -rf %s.kept && cp -a %s %s.kept", f->dir, f->dir, f->dir);
        assert_int_equal(system(copy), 0);
        remove_segment(f, number);
        assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
        assert_true(strstr(err.message, "is missing") != NULL);
        snprintf(copy, sizeof(copy), "rm -rf %s && mv %s.kept %s", f->dir, f->dir, f->dir);
        assert_int_equal(system(copy), 0);
    }
}

/* After a crash, index files may be missing: then the gap is as long as the files say. */
static void a_compacted_segment_without_its_indexes_may_end_in_a_gap_or_be_empty(void **state)
{
    for (int keep_one = 0; keep_one < 2; keep_one++) {
        fixture *f = *state;
        char command[300];

        make_compacted(f, keep_one);
        snprintf(command, sizeof(command), "rm %s/topics/t-*/0/*index", f->dir);
        assert_int_equal(system(command), 0);
        for (int i = 0; i < 2; i++) {
            fixture_open(f, true);
            assert_true(store_end_offset(fixture_partition(f, "t", 0)) == 60);
            assert_int_equal(store_verify_segment(fixture_partition(f, "t", 0), 0, &f->err),
                             WEIR_OK);
            fixture_close(f);
        }
        snprintf(command, sizeof(command), "rm -r %s/*", f->dir);
        assert_int_equal(system(command), 0);
    }
}

/* Only compaction leaves such ones behind, and what is left behind is removed. */
static void a_segment_that_begins_inside_another_is_refused_and_not_removed(void **state)
{
    fixture *f = *state;
    char command[400];
    weir_error err;

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    /* the index files of the third segment are those of the first one now */
    snprintf(command, sizeof(command),
             "cd %s/topics/t-*/0 && set -- $(ls *.log) && for s in index timeindex; do cp "
             "${3%%log}$s ${1%%log}$s; done",
             f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "begins below offset"));
    snprintf(command, sizeof(command), "test $(ls %s/topics/t-*/0/*.log | wc -l) = 4", f->dir);
    assert_int_equal(system(command), 0);
}

static void a_checkpoint_that_is_older_than_the_journal_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    snprintf(command, sizeof(command), "cp %s/checkpoint %s/checkpoint.old", f->dir, f->dir);
    assert_int_equal(system(command), 0);
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_append(f, "t", 0, "two");
    fixture_abandon(f);
    snprintf(command, sizeof(command), "mv %s/checkpoint.old %s/checkpoint", f->dir, f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "the journal is damaged"));
}

static void a_journal_that_was_emptied_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    make_three(f); /* all of it is behind the first checkpoint, at position 0 */
    snprintf(command, sizeof(command), "truncate -s 0 %s/journal-001", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "no journal file holds position 0"));
}

/* When a sync failed, the file may be read as if it had not, until the power goes off. */
static void what_a_large_append_left_in_memory_is_written_again(void **state)
{
    fixture *f = *state;
    faulty_disk faults = {0};

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append_size(f, "t", 0, 300000);
    fixture_abandon(f);
    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    fixture_open(f, true);
    assert_true(faults.segment_bytes >= 300000);
    assert_true(faults.segment_syncs > 0);
    assert_int_equal(faults.journal_fronts, 1); /* nor may the journal rely on its front */
    fixture_expect_count(f, "t", 0, 1);
    fixture_close(f);
}

static void a_missing_last_segment_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    snprintf(command, sizeof(command), "rm $(ls %s/topics/t-*/0/*.log | tail -n 1)", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, ".log' is missing"));
}

static void a_lost_time_index_is_written_again(void **state)
{
    fixture *f = *state;
    char command[300];

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    snprintf(command, sizeof(command), "rm $(ls %s/topics/t-*/0/*.timeindex | head -n 1)", f->dir);
    assert_int_equal(system(command), 0);
    fixture_open(f, true);
    if (store_verify_segment(fixture_partition(f, "t", 0), 0, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
    fixture_close(f);
}

static void the_checkpoint_of_another_log_is_refused(void **state)
{
    fixture *f = *state, *other = NULL;
    void *made = NULL;
    char command[300];

    assert_int_equal(fixture_setup(&made), 0);
    other = made;
    fixture_open(other, true);
    fixture_close(other);
    fixture_open(f, true);
    fixture_close(f);
    snprintf(command, sizeof(command), "cp %s/checkpoint %s/checkpoint", other->dir, f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(fixture_teardown(&made), 0);
    assert_int_equal(store_open(&f->options, &f->store, &f->err), WEIR_FATAL);
    assert_non_null(strstr(f->err.message, "belongs to another log"));
}

static void the_files_of_a_topic_whose_definition_is_lost_are_not_removed(void **state)
{
    fixture *f = *state, *other = NULL;
    void *made = NULL;
    char command[300];
    weir_error err;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_close(f);
    assert_int_equal(fixture_setup(&made), 0);
    other = made;
    fixture_open(other, true);
    fixture_topic(other, "u", 1);
    fixture_topic(other, "v", 1);
    fixture_close(other);
    snprintf(command, sizeof(command),
             "cp %s/topics/__weir_metadata-*/0/*.log %s/topics/__weir_metadata-*/0/", other->dir,
             f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "topic __weir_metadata does not define it"));
    snprintf(command, sizeof(command), "test -s %s/topics/t-*/0/*.log", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(fixture_teardown(&made), 0);
}

static void a_missing_index_is_written_again(void **state)
{
    fixture *f = *state;
    char command[300];
    store_partition *partition;
    store_segment_info segment;

    f->options.segment_bytes = 16384;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    snprintf(command, sizeof(command), "rm %s/topics/t-*/0/*index", f->dir);
    assert_int_equal(system(command), 0);
    fixture_open(f, true);
    partition = fixture_partition(f, "t", 0);
    for (int64_t at = 0; store_segment_at(partition, at, &segment); at = segment.end_offset)
        assert_int_equal(store_verify_segment(partition, segment.base_offset, &f->err), WEIR_OK);
    fixture_expect_count(f, "t", 0, 60);
    fixture_close(f);
}

static void a_damaged_batch_is_an_error_when_it_is_read(void **state)
{
    fixture *f = *state;
    store_cursor cursor = {0};
    weir_buf out = {0};
    char command[300];
    weir_error err;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append_size(f, "t", 0, 5000);
    fixture_close(f);
    snprintf(command, sizeof(command),
             "printf y | dd of=$(ls %s/topics/t-*/0/*.log) bs=1 seek=200 conv=notrunc status=none",
             f->dir);
    assert_int_equal(system(command), 0);
    fixture_open(f, true);
    assert_int_equal(store_read(fixture_partition(f, "t", 0), 0, 100, &cursor, &out, &err),
                     WEIR_FATAL);
    assert_non_null(strstr(err.message, ".log' is damaged at offset 0"));
    weir_buf_done(&out);
    fixture_close(f);
}

static void a_newer_format_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    fixture_open(f, true);
    fixture_close(f);
    snprintf(command, sizeof(command), "sed -i '1s/.*/weir log 2/' %s/format", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "has format 2, and this weir knows up to 1"));
}

static void a_folder_of_something_else_is_refused(void **state)
{
    fixture *f = *state;
    char command[300];
    weir_error err;

    snprintf(command, sizeof(command), "touch %s/thesis.tex", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "is no log and not empty: it has 'thesis.tex'"));
}

static void a_full_disk_holds_appends_back_until_there_is_room(void **state)
{
    fixture *f = *state;
    static const char ZEROS[100000];
    faulty_disk faults = {0};
    store_lane *lane;
    weir_buf bytes = {0}, reason = {0};
    store_piece piece;
    store_append append;
    bool done = false;

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    faults.is_full = true;
    lane = store_lane_open(f->store);
    fixture_batch(&bytes, (weir_str){ZEROS, sizeof(ZEROS)}, 1000);
    piece = (store_piece){
        .partition = fixture_partition(f, "t", 0), .bytes = bytes.ptr, .size = bytes.len};
    append = (store_append){.pieces = &piece,
                            .piece_count = 1,
                            .lane = lane,
                            .done = fixture_note_done,
                            .context = &done};
    store_submit(f->store, &append);
    assert_false(store_step(f->store, STORE_WRITE));
    assert_false(done);
    assert_true(store_lane_is_full(f->store, lane, &reason));
    assert_non_null(strstr(weir_buf_cstr(&reason), "No space left on device"));
    fixture_expect(f, "t", 0, "one"); /* reading goes on */
    faults.is_full = false;
    assert_true(store_step(f->store, STORE_WRITE));
    assert_true(done);
    assert_int_equal(append.code, WEIR_OK);
    assert_false(store_lane_is_full(f->store, lane, NULL));
    store_lane_close(f->store, lane);
    fixture_close(f);
    weir_buf_done(&bytes);
    weir_buf_done(&reason);
}

static void a_failed_sync_stops_the_log_and_reading_goes_on(void **state)
{
    fixture *f = *state;
    faulty_disk faults = {0};

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    faults.syncs_fail = true;
    assert_int_equal(fixture_try(f, "t", 0, WEIR_STR("two"), 1), WEIR_FATAL);
    assert_non_null(strstr(f->err.message, "the log has stopped: could not sync"));
    faults.syncs_fail = false; /* the disk may claim to be well again */
    assert_int_equal(fixture_try(f, "t", 0, WEIR_STR("three"), 1), WEIR_FATAL);
    fixture_expect(f, "t", 0, "one");
    fixture_close(f);
    fixture_open(f, true);
    fixture_append(f, "t", 0, "four");
    fixture_close(f);
}

static void a_large_append_is_acknowledged_when_segment_and_journal_are_synced(void **state)
{
    fixture *f = *state;
    faulty_disk faults = {0};

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    faults.segment_syncs = faults.journal_syncs = 0;
    fixture_append(f, "t", 0, "small");
    assert_int_equal(faults.segment_syncs, 0);
    assert_int_equal(faults.journal_syncs, 1);
    fixture_append_size(f, "t", 0, 300000);
    assert_int_equal(faults.segment_syncs, 1);
    assert_int_equal(faults.journal_syncs, 2);
    fixture_close(f);
}

/* Turns over a byte in the first segment of a partition. */
static void damage_segment(fixture *f, int partition, int64_t at)
{
    char command[400];

    snprintf(
        command, sizeof(command),
        "printf X | dd of=$(ls %s/topics/t-*/%d/*.log) bs=1 seek=%lld conv=notrunc status=none",
        f->dir, partition, (long long)at);
    assert_int_equal(system(command), 0);
}

static void a_large_append_whose_bytes_did_not_arrive_is_cut(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_append_size(f, "t", 0, 300000); /* nothing behind it says that it was synced */
    fixture_abandon(f);
    damage_segment(f, 0, 200000);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one");
    fixture_append(f, "t", 0, "two");
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one two");
    fixture_close(f);
}

static void a_large_append_that_was_acknowledged_must_have_its_bytes(void **state)
{
    fixture *f = *state;
    weir_error err;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_append_size(f, "t", 0, 300000);
    fixture_append(f, "t", 0, "two"); /* its entry says that the one before was durable */
    fixture_abandon(f);
    damage_segment(f, 0, 200000);
    assert_int_equal(store_open(&f->options, &f->store, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "00000000000000000000.log' is damaged between offsets"));
}

static void a_large_append_is_not_applied_in_part(void **state)
{
    fixture *f = *state;
    store_piece pieces[2];
    store_append append = {.pieces = pieces, .piece_count = 2};
    char *value = calloc(1, 700000);
    weir_buf bytes[2] = {{0}, {0}};

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    memset(value, 'x', 699999);
    for (int i = 0; i < 2; i++) { /* too large for the journal: all of it goes to segments */
        fixture_batch(&bytes[i], weir_cstr(value), 1000);
        pieces[i] = (store_piece){
            .partition = fixture_partition(f, "t", i), .bytes = bytes[i].ptr, .size = bytes[i].len};
    }
    assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_OK);
    fixture_abandon(f);
    damage_segment(f, 1, 5000);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "");
    fixture_expect(f, "t", 1, "");
    fixture_close(f);
    for (int i = 0; i < 2; i++)
        weir_buf_done(&bytes[i]);
    free(value);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_torn_last_entry_is_cut),
        TEST(damage_below_what_was_synced_is_refused_with_file_and_offset),
        TEST(what_was_behind_a_cut_does_not_come_back),
        TEST(a_segment_shorter_than_the_checkpoint_says_is_refused),
        TEST(a_missing_segment_in_the_middle_is_refused),
        TEST(of_a_compacted_topic_no_segment_may_be_missing_either),
        TEST(a_compacted_segment_without_its_indexes_may_end_in_a_gap_or_be_empty),
        TEST(a_segment_that_begins_inside_another_is_refused_and_not_removed),
        TEST(a_checkpoint_that_is_older_than_the_journal_is_refused),
        TEST(a_journal_that_was_emptied_is_refused),
        TEST(what_a_large_append_left_in_memory_is_written_again),
        TEST(a_missing_last_segment_is_refused),
        TEST(a_lost_time_index_is_written_again),
        TEST(the_checkpoint_of_another_log_is_refused),
        TEST(the_files_of_a_topic_whose_definition_is_lost_are_not_removed),
        TEST(a_missing_index_is_written_again),
        TEST(a_damaged_batch_is_an_error_when_it_is_read),
        TEST(a_newer_format_is_refused),
        TEST(a_folder_of_something_else_is_refused),
        TEST(a_full_disk_holds_appends_back_until_there_is_room),
        TEST(a_failed_sync_stops_the_log_and_reading_goes_on),
        TEST(a_large_append_is_acknowledged_when_segment_and_journal_are_synced),
        TEST(a_large_append_whose_bytes_did_not_arrive_is_cut),
        TEST(a_large_append_that_was_acknowledged_must_have_its_bytes),
        TEST(a_large_append_is_not_applied_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
