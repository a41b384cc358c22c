/* test_retention.c - what is old or too much goes, but nothing that is held. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/retention.h"
#include "runtime/log/store_work.h"
#include "tests/unit/runtime/log/faulty_disk.h"

enum { NOW_MS = 100000000, HOUR_MS = 3600000, RECORDS = 100 };

/* Records of a kilobyte, one second apart, the last one at end_ms. */
static void fill(fixture *f, int64_t retention_ms, int64_t retention_bytes, bool trim,
                 int64_t end_ms)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    char value[1001];

    config.retention_ms = retention_ms;
    config.retention_bytes = retention_bytes;
    config.trim = trim;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    for (int i = 0; i < RECORDS; i++)
        fixture_append_at(f, "t", 0, value, end_ms - (int64_t)(RECORDS - 1 - i) * 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
}

static int64_t start_of(fixture *f)
{
    return store_start_offset(fixture_partition(f, "t", 0));
}

static void segments_whose_records_are_all_too_old_go(void **state)
{
    fixture *f = *state;

    fill(f, HOUR_MS, -1, false, NOW_MS);
    retention_run(f->store, NOW_MS);
    assert_int_equal(start_of(f), 0);
    retention_run(f->store, NOW_MS + HOUR_MS - 50000); /* the first half is too old */
    assert_true(start_of(f) > 20 && start_of(f) <= 50);
    fixture_close(f);
    fixture_open(f, true);
    assert_true(start_of(f) > 20 && start_of(f) <= 50);
    fixture_close(f);
}

static void the_size_is_kept_at_the_limit(void **state)
{
    fixture *f = *state;

    fill(f, -1, 65536, false, NOW_MS);
    retention_run(f->store, NOW_MS);
    assert_true(start_of(f) > 0);
    assert_true(store_size_bytes(fixture_partition(f, "t", 0)) >= 65536);
    assert_true(store_size_bytes(fixture_partition(f, "t", 0)) < 65536 + 2 * 17000);
    fixture_close(f);
}

/* What is written for an operator goes to a file from here on. */
static int begin_capture(const fixture *f, char *path)
{
    int saved = dup(2);

    snprintf(path, 128, "%s/stderr", f->dir);
    assert_non_null(freopen(path, "w", stderr));
    return saved;
}

static void end_capture(int saved, const char *path, char *text, size_t size)
{
    FILE *file;

    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
    remove(path);
}

static void what_is_held_stays_and_a_warning_names_it(void **state)
{
    fixture *f = *state;
    char captured[2048], path[128];
    int saved;

    fill(f, HOUR_MS, -1, false, NOW_MS);
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 0), 5);
    saved = begin_capture(f, path);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    end_capture(saved, path, captured, sizeof(captured));
    assert_int_equal(start_of(f), 0);
    assert_non_null(strstr(captured, "topic=t"));
    assert_non_null(strstr(captured, "sink=shop.dwh"));
    assert_non_null(strstr(captured, "bytes="));
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 0), 60);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    assert_true(start_of(f) > 30 && start_of(f) <= 60);
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 0), -1);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    assert_true(start_of(f) > 60);
    fixture_close(f);
}

static void trim_drops_what_is_held_when_the_topic_is_full(void **state)
{
    fixture *f = *state;

    fill(f, -1, 65536, true, NOW_MS);
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 0), 0);
    retention_run(f->store, NOW_MS);
    assert_true(start_of(f) > 0);
    fixture_close(f);
}

static void expect_silence(void *context)
{
    long *said = context;

    fflush(stderr);
    *said += ftell(stderr);
}

static void what_trim_took_is_said_when_it_is_gone(void **state)
{
    fixture *f = *state;
    char captured[2048], path[128];
    faulty_disk on = {0};
    long said = 0;
    int saved;

    faulty_disk_init(&on);
    f->options.disk = &on.base;
    fill(f, -1, 65536, true, NOW_MS);
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 0), 0);
    on.context = &said;
    on.before_unlink = expect_silence;
    saved = begin_capture(f, path);
    retention_run(f->store, NOW_MS);
    retention_run(f->store, NOW_MS); /* and once */
    end_capture(saved, path, captured, sizeof(captured));
    on.before_unlink = NULL;
    assert_int_equal(said, 0);
    assert_true(start_of(f) > 0);
    assert_non_null(strstr(captured, "records that were not read yet are removed"));
    assert_null(strstr(strstr(captured, "are removed") + 1, "are removed"));
    assert_non_null(strstr(captured, "sink=shop.dwh"));
    fixture_close(f);
}

static int64_t now_ns;

static int64_t test_wall_us(clock_source *clock)
{
    (void)clock;
    return NOW_MS * INT64_C(1000);
}

static int64_t test_mono_ns(clock_source *clock)
{
    (void)clock;
    return now_ns;
}

static clock_source test_clock = {.wall_us = test_wall_us, .mono_ns = test_mono_ns};

/* A checkpoint so long after the last one, when retention has looked in between. */
static bool is_due_after(fixture *f, int64_t after_ms)
{
    bool is_due;

    now_ns = after_ms * 1000000;
    retention_run(f->store, NOW_MS);
    is_due = store_checkpoint_is_due(f->store);
    return is_due;
}

static void fill_behind_a_checkpoint(fixture *f, int64_t retention_bytes)
{
    f->options.clock = &test_clock;
    now_ns = 0;
    fill(f, -1, retention_bytes, false, NOW_MS);
    for (int i = 0; i < RECORDS; i++)
        fixture_append_size(f, "t", 0, 1000);
    while (store_step(f->store, STORE_APPLY))
        ;
}

static void what_waits_to_be_removed_has_a_checkpoint_made_soon(void **state)
{
    fixture *f = *state;

    fill_behind_a_checkpoint(f, 65536);
    assert_false(is_due_after(f, 1000)); /* but not at each look */
    assert_true(is_due_after(f, 3000));
    assert_true(store_step(f->store, STORE_CHECKPOINT));
    assert_false(is_due_after(f, 6000)); /* nothing is left to be removed */
    fixture_append_size(f, "t", 0, 1000);
    while (store_step(f->store, STORE_APPLY))
        ;
    assert_false(is_due_after(f, 9000)); /* in the last segment there is room */
    fixture_close(f);
}

static void nothing_to_remove_has_no_checkpoint_made(void **state)
{
    fixture *f = *state;

    fill_behind_a_checkpoint(f, 10 << 20);
    assert_false(is_due_after(f, 3000));
    assert_true(is_due_after(f, 61000));
    fixture_close(f);
}

static void trim_keeps_what_is_held_however_old_it_is(void **state)
{
    fixture *f = *state;

    fill(f, HOUR_MS, -1, true, NOW_MS);
    store_hold(f->store, WEIR_STR("shop.dwh"), fixture_partition(f, "t", 0), 0);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    assert_int_equal(start_of(f), 0);
    fixture_close(f);
}

static void what_is_compacted_is_left_alone(void **state)
{
    fixture *f = *state;
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.retention_ms = HOUR_MS;
    config.retention_bytes = 20000;
    config.compact = true;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    for (int i = 0; i < RECORDS; i++)
        fixture_append_size(f, "t", 0, 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    retention_run(f->store, NOW_MS);
    assert_int_equal(start_of(f), 0);
    fixture_close(f);
}

/* Of several partitions each is looked at alone. */
static void a_hold_keeps_its_own_partition_and_no_other(void **state)
{
    fixture *f = *state;
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.partitions = 3;
    config.retention_ms = HOUR_MS;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    for (int i = 0; i < 3 * RECORDS; i++)
        fixture_append_size(f, "t", i % 3, 1000); /* at 1000 ms: too old */
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    store_hold(f->store, WEIR_STR("s"), fixture_partition(f, "t", 1), 40);
    retention_run(f->store, NOW_MS);
    assert_true(start_of(f) > 40);
    assert_true(store_start_offset(fixture_partition(f, "t", 1)) > 20);
    assert_true(store_start_offset(fixture_partition(f, "t", 1)) <= 40);
    assert_true(store_start_offset(fixture_partition(f, "t", 2)) > 40);
    fixture_close(f);
}

static void a_record_from_the_future_does_not_stay_for_ever(void **state)
{
    fixture *f = *state;

    fill(f, HOUR_MS, -1, false, NOW_MS);
    fixture_append_at(f, "t", 0, "future", INT64_C(99999999999));
    for (int i = 0; i < RECORDS; i++)
        fixture_append_size(f, "t", 0, 1000); /* at 1000 ms */
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    assert_true(start_of(f) > RECORDS);
    fixture_close(f);
}

static void a_partition_that_is_all_too_old_begins_a_new_segment(void **state)
{
    fixture *f = *state;

    fill(f, HOUR_MS, -1, false, NOW_MS);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    fixture_append_at(f, "t", 0, "new", NOW_MS + 2 * HOUR_MS);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    retention_run(f->store, NOW_MS + 2 * HOUR_MS);
    assert_int_equal(start_of(f), RECORDS);
    fixture_expect(f, "t", 0, "new");
    fixture_close(f);
}

static int setup_small(void **state)
{
    int failed = fixture_setup(state);

    if (!failed)
        ((fixture *)*state)->options.segment_bytes = 16384;
    return failed;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_small, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(segments_whose_records_are_all_too_old_go),
        CASE(the_size_is_kept_at_the_limit),
        CASE(what_is_held_stays_and_a_warning_names_it),
        CASE(trim_drops_what_is_held_when_the_topic_is_full),
        CASE(what_trim_took_is_said_when_it_is_gone),
        CASE(what_waits_to_be_removed_has_a_checkpoint_made_soon),
        CASE(nothing_to_remove_has_no_checkpoint_made),
        CASE(trim_keeps_what_is_held_however_old_it_is),
        CASE(what_is_compacted_is_left_alone),
        CASE(a_hold_keeps_its_own_partition_and_no_other),
        CASE(a_record_from_the_future_does_not_stay_for_ever),
        CASE(a_partition_that_is_all_too_old_begins_a_new_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
