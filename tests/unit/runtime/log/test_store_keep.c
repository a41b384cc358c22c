/* test_store_keep.c - holds, and removing segments: the oldest first, each for good before the next. */
#include "tests/unit/runtime/log/crash_fixture.h"

enum { SEGMENTS = 6 };

/* A partition of so many segments with four records each, all but the last removable. */
static void fill(fixture *f, const char *topic)
{
    for (int i = 0; i < 4 * SEGMENTS; i++)
        fixture_append_size(f, topic, 0, 4500);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
}

static void open_and_fill(fixture *f)
{
    f->options.segment_bytes = 20000;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fill(f, "t");
}

static int64_t trim(fixture *f, const char *topic, int64_t up_to, bool ignore_holds)
{
    int64_t start = -1;

    if (store_trim(fixture_partition(f, topic, 0), up_to, ignore_holds, &start, &f->err) != WEIR_OK)
        return -1;
    return start;
}

static void the_lowest_hold_counts_and_says_whose_it_is(void **state)
{
    fixture *f = *state;
    store_partition *partition;
    weir_buf holder = {0};

    open_and_fill(f);
    partition = fixture_partition(f, "t", 0);
    assert_int_equal(store_held_offset(f->store, partition, NULL), INT64_MAX);
    store_hold(f->store, WEIR_STR("b"), partition, 9);
    store_hold(f->store, WEIR_STR("a"), partition, 5);
    store_hold(f->store, WEIR_STR("c"), partition, 7);
    assert_int_equal(store_held_offset(f->store, partition, &holder), 5);
    assert_string_equal(weir_buf_cstr(&holder), "a");
    store_hold(f->store, WEIR_STR("a"), partition, 20); /* moved */
    assert_int_equal(store_held_offset(f->store, partition, NULL), 7);
    store_hold(f->store, WEIR_STR("c"), partition, -1);
    store_hold(f->store, WEIR_STR("nobody"), partition, -1);
    assert_int_equal(store_held_offset(f->store, partition, NULL), 9);
    weir_buf_done(&holder);
    fixture_close(f);
}

static void whole_segments_below_go_and_no_others(void **state)
{
    fixture *f = *state;

    open_and_fill(f);
    assert_int_equal(trim(f, "t", 3, false), 0);
    assert_int_equal(trim(f, "t", 9, false), 8);
    store_hold(f->store, WEIR_STR("s"), fixture_partition(f, "t", 0), 13);
    assert_int_equal(trim(f, "t", 20, false), 12);
    assert_int_equal(trim(f, "t", 20, true), 20);
    fixture_close(f);
    fixture_open(f, true);
    assert_int_equal(store_start_offset(fixture_partition(f, "t", 0)), 20);
    fixture_expect_count(f, "t", 0, 4 * SEGMENTS - 20);
    fixture_close(f);
}

static void the_last_segment_and_what_no_checkpoint_holds_stay(void **state)
{
    fixture *f = *state;

    open_and_fill(f);
    for (int i = 0; i < 8; i++)
        fixture_append_size(f, "t", 0, 4500);
    while (store_step(f->store, STORE_APPLY))
        ;
    assert_int_equal(trim(f, "t", INT64_MAX, true), 20); /* the checkpoint ends in this one */
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    assert_int_equal(trim(f, "t", INT64_MAX, true), 28);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    assert_int_equal(trim(f, "t", INT64_MAX, true), 28);
    fixture_close(f);
}

static void internal_topics_are_never_trimmed(void **state)
{
    fixture *f = *state;

    f->options.segment_bytes = 20000;
    fixture_open(f, true);
    fixture_topic(f, "__offsets", 1);
    fill(f, "__offsets");
    assert_int_equal(trim(f, "__offsets", INT64_MAX, true), 0);
    fixture_close(f);
}

/* --- Order and faults ------------------------------------------------------------------------- */

static struct {
    weir_buf calls;
    int unlinks_left; /* then they fail; -1: never */
} noted;

static weir_code noted_unlink(disk *self, const char *path, weir_error *err)
{
    (void)self;
    if (noted.unlinks_left == 0)
        return weir_fail(err, WEIR_FATAL, "could not unlink: Input/output error");
    noted.unlinks_left--;
    weir_buf_printf(&noted.calls, "%s ", strrchr(path, '/') + 1);
    return disk_unlink(disk_posix(), path, err);
}

static weir_code noted_sync_dir(disk *self, const char *path, weir_error *err)
{
    (void)self;
    weir_buf_add_str(&noted.calls, WEIR_STR("sync "));
    return disk_sync_dir(disk_posix(), path, err);
}

static disk_ops noting_ops;
static disk noting = {&noting_ops};

static void begin_noting(fixture *f, int unlinks)
{
    noting_ops = *disk_posix()->ops;
    noting_ops.unlink = noted_unlink;
    noting_ops.sync_dir = noted_sync_dir;
    noted.unlinks_left = -1;
    f->options.disk = &noting;
    open_and_fill(f);
    weir_buf_clear(&noted.calls);
    noted.unlinks_left = unlinks;
}

static void a_segment_goes_behind_its_indexes_and_for_good_before_the_next(void **state)
{
    fixture *f = *state;

    begin_noting(f, -1);
    assert_int_equal(trim(f, "t", 8, false), 8);
    assert_string_equal(
        weir_buf_cstr(&noted.calls),
        "00000000000000000000.index 00000000000000000000.timeindex 00000000000000000000.log sync "
        "00000000000000000004.index 00000000000000000004.timeindex 00000000000000000004.log sync ");
    fixture_close(f);
}

static void behind_a_removal_that_failed_nothing_more_goes(void **state)
{
    fixture *f = *state;

    begin_noting(f, 4); /* the second segment's index goes, then no more */
    assert_int_equal(trim(f, "t", 16, false), -1);
    assert_non_null(strstr(f->err.message, "Input/output error"));
    noted.unlinks_left = -1;
    assert_int_equal(trim(f, "t", 16, false), -1);
    assert_non_null(strstr(f->err.message, "nothing more is removed from this partition"));
    fixture_close(f);
    fixture_open(f, true); /* which files are there is known again */
    assert_int_equal(store_start_offset(fixture_partition(f, "t", 0)), 4);
    assert_int_equal(trim(f, "t", 16, false), 16);
    fixture_close(f);
}

/* --- The power goes off ----------------------------------------------------------------------- */

static void prepare(fixture *f)
{
    fixture_topic(f, "t", 1);
    fill(f, "t");
}

static void trim_twice(fixture *f, int *told)
{
    if (trim(f, "t", 8, false) == 8)
        *told = 8;
    if (trim(f, "t", 16, false) == 16)
        *told = 16;
}

static void check_no_hole(fixture *f, int told)
{
    int64_t start = store_start_offset(fixture_partition(f, "t", 0));

    assert_true(start >= told && start <= 16 && start % 4 == 0);
    fixture_expect_count(f, "t", 0, (int64_t)4 * SEGMENTS - start);
}

static void a_crash_in_a_trim_leaves_no_hole_and_brings_nothing_back(void **state)
{
    crash_everywhere(*state, &(crash_plan){.prepare = prepare,
                                           .act = trim_twice,
                                           .check = check_no_hole,
                                           .options = {.journal_file_bytes = 256 << 10,
                                                       .segment_bytes = 20000}});
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_lowest_hold_counts_and_says_whose_it_is),
        CASE(whole_segments_below_go_and_no_others),
        CASE(the_last_segment_and_what_no_checkpoint_holds_stay),
        CASE(internal_topics_are_never_trimmed),
        CASE(a_segment_goes_behind_its_indexes_and_for_good_before_the_next),
        CASE(behind_a_removal_that_failed_nothing_more_goes),
        CASE(a_crash_in_a_trim_leaves_no_hole_and_brings_nothing_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
