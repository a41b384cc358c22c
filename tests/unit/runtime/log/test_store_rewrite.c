/* test_store_rewrite.c - of a rewritten range there is the old or the new, whatever happens in between. */
#include "tests/unit/runtime/log/crash_fixture.h"

enum { RECORDS = 20 };

static void make_topic(fixture *f)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.compact = true;
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
}

/* Records numbered at their beginning, in segments of four. */
static void fill(fixture *f)
{
    char value[4500];

    make_topic(f);
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < RECORDS; i++) {
        int size = snprintf(value, sizeof(value), "%d", i);

        value[size] = '.';
        assert_int_equal(fixture_try(f, "t", 0, (weir_str){value, sizeof(value)}, 1000 + i),
                         WEIR_OK);
    }
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
}

/* Which records are there: one letter each, x or -. */
static void shape(fixture *f, char *out)
{
    weir_buf found = {0};

    memset(out, '-', RECORDS);
    out[RECORDS] = 0;
    crash_values(f, "t", 0, &found);
    for (size_t at = 0; at < found.len; at += 4501) {
        int number = -1;

        /* NOLINTNEXTLINE(cert-err34-c): a number of ours */
        assert_int_equal(sscanf(found.ptr + at, "%d.", &number), 1);
        assert_true(number >= 0 && number < RECORDS);
        assert_int_equal(out[number], '-');
        out[number] = 'x';
    }
    weir_buf_done(&found);
}

/* The first twelve records, three segments, become the one at offset 5. */
static weir_code rewrite(fixture *f)
{
    store_partition *partition = fixture_partition(f, "t", 0);
    store_cursor cursor = {0};
    store_rewrite *begun;
    weir_buf bytes = {0};
    weir_code code = store_read(partition, 5, 1, &cursor, &bytes, &f->err);

    if (code == WEIR_OK)
        code = store_rewrite_begin(partition, 0, 12, &begun, &f->err);
    if (code == WEIR_OK) {
        code = store_rewrite_add(begun, weir_buf_str(&bytes), &f->err);
        if (code == WEIR_OK)
            code = store_rewrite_end(begun, &f->err);
        else
            store_rewrite_abort(begun);
    }
    weir_buf_done(&bytes);
    return code;
}

#define OLD "xxxxxxxxxxxxxxxxxxxx"
#define NEW "-----x------xxxxxxxx"
/* The last of the old segments is not removed yet, and nothing says that it should be. */
#define LEFTOVER "-----x--xxxxxxxxxxxx"

static void rewrite_it(fixture *f, int *told)
{
    *told = rewrite(f) == WEIR_OK;
}

static void check_old_or_new(fixture *f, int told)
{
    char found[RECORDS + 1];
    store_segment_info segment;

    shape(f, found);
    if (told || (strcmp(found, OLD) != 0 && strcmp(found, LEFTOVER) != 0))
        assert_string_equal(found, NEW);
    for (int64_t at = 0; store_segment_at(fixture_partition(f, "t", 0), at, &segment);
         at = segment.end_offset)
        assert_int_equal(
            store_verify_segment(fixture_partition(f, "t", 0), segment.base_offset, &f->err),
            WEIR_OK);
    fixture_append(f, "t", 0, "one more");
}

static void a_crash_in_a_rewrite_leaves_the_old_or_the_new(void **state)
{
    crash_everywhere(
        *state,
        &(crash_plan){.prepare = fill,
                      .act = rewrite_it,
                      .check = check_old_or_new,
                      .seeds = 40, /* an old index beside the new segment is rare */
                      .options = {.journal_file_bytes = 256 << 10, .segment_bytes = 20000}});
}

static fixture *small(void **state)
{
    fixture *f = *state;

    f->options.segment_bytes = 20000;
    fixture_open(f, true);
    fill(f);
    return f;
}

static void a_rewrite_that_is_given_up_changes_nothing(void **state)
{
    fixture *f = small(state);
    store_rewrite *begun;
    char found[RECORDS + 1];

    assert_int_equal(store_rewrite_begin(fixture_partition(f, "t", 0), 0, 12, &begun, &f->err),
                     WEIR_OK);
    store_rewrite_abort(begun);
    shape(f, found);
    assert_string_equal(found, OLD);
    assert_int_equal(rewrite(f), WEIR_OK);
    fixture_close(f);
}

static void a_reader_goes_on_across_a_rewrite(void **state)
{
    fixture *f = small(state);
    store_partition *partition = fixture_partition(f, "t", 0);
    store_cursor cursor = {0};
    record_batch_info info;
    weir_buf bytes = {0};

    assert_int_equal(store_read(partition, 2, 1, &cursor, &bytes, &f->err), WEIR_OK);
    assert_int_equal(cursor.offset, 3);
    assert_int_equal(rewrite(f), WEIR_OK);
    weir_buf_clear(&bytes);
    assert_int_equal(store_read(partition, cursor.offset, 1, &cursor, &bytes, &f->err), WEIR_OK);
    assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
    assert_int_equal(info.base_offset, 5);
    weir_buf_done(&bytes);
    fixture_close(f);
}

/* --- A reader in the middle of it --------------------------------------------------------------- */

typedef struct meeting {
    fixture *f;
    bool has_happened;
} meeting;

/* The first record goes, the others keep their offsets and get other places. */
static void rewrite_meanwhile(void *context)
{
    meeting *met = context;
    fixture *f = met->f;
    store_partition *partition = fixture_partition(f, "t", 0);
    store_cursor cursor = {0};
    store_rewrite *begun;
    weir_buf bytes = {0};

    if (met->has_happened)
        return;
    met->has_happened = true;
    assert_int_equal(store_read(partition, 1, (size_t)10 * 4600, &cursor, &bytes, &f->err),
                     WEIR_OK);
    assert_int_equal(cursor.offset, 11);
    assert_int_equal(store_rewrite_begin(partition, 0, 11, &begun, &f->err), WEIR_OK);
    for (weir_str rest = weir_buf_str(&bytes); rest.len > 0;) {
        record_batch_info info;

        assert_int_equal(record_batch_peek(rest, &info, &f->err), WEIR_OK);
        assert_int_equal(store_rewrite_add(begun, rest, &f->err), WEIR_OK);
        rest = (weir_str){rest.ptr + info.size_bytes, rest.len - info.size_bytes};
    }
    assert_int_equal(store_rewrite_end(begun, &f->err), WEIR_OK);
    weir_buf_done(&bytes);
}

static void a_reader_does_not_look_up_the_old_segment_in_the_index_of_the_new_one(void **state)
{
    fixture *f = *state;
    sim_counts counts = {0};
    meeting met = {.f = f};
    store_cursor cursor = {0};
    record_batch_info info;
    weir_buf bytes = {0};

    f->options = (store_options){.path = "log",
                                 .disk = sim_disk_new(1, &counts),
                                 .journal_file_bytes = 1 << 20,
                                 .segment_bytes = (int64_t)11 * 4600,
                                 .seed = 1};
    fixture_open(f, true);
    make_topic(f);
    fixture_append(f, "t", 0,
                   "a small one, so that the places of the others are no places of the new one");
    for (int i = 1; i < RECORDS; i++)
        fixture_append_size(f, "t", 0, 4500);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    sim_disk_set_meanwhile(f->options.disk, rewrite_meanwhile, &met); /* as it opens the index */
    if (store_read(fixture_partition(f, "t", 0), 9, 1, &cursor, &bytes, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
    sim_disk_set_meanwhile(f->options.disk, NULL, NULL);
    assert_true(met.has_happened);
    assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
    assert_int_equal(info.base_offset, 9);
    weir_buf_done(&bytes);
    fixture_close(f);
    sim_disk_free(f->options.disk);
}

/* --- Faults ----------------------------------------------------------------------------------- */

static bool renames_fail;
static disk_ops failing_ops;
static disk failing = {&failing_ops};

static weir_code failing_rename(disk *self, const char *from, const char *to, weir_error *err)
{
    (void)self;
    if (renames_fail)
        return weir_fail(err, WEIR_FATAL, "could not rename: Input/output error");
    return disk_rename(disk_posix(), from, to, err);
}

static bool index_opens_fail;

static weir_code failing_open(disk *self, const char *path, disk_mode mode, disk_file **out,
                              weir_error *err)
{
    size_t size = strlen(path);

    (void)self;
    if (index_opens_fail && size > 5 && strcmp(path + size - 5, "index") == 0)
        return weir_fail(err, WEIR_FATAL, "could not open: Too many open files");
    return disk_open(disk_posix(), path, mode, out, err);
}

/* Else they would be beside the new segment, and say what the old one said. */
static void index_files_that_cannot_be_opened_are_removed_all_the_same(void **state)
{
    fixture *f = *state;
    char found[RECORDS + 1];

    failing_ops = *disk_posix()->ops;
    failing_ops.open = failing_open;
    f->options.disk = &failing;
    f = small(state);
    index_opens_fail = true;
    assert_int_equal(rewrite(f), WEIR_FATAL);
    assert_true(store_has_stopped(f->store, NULL));
    fixture_close(f);
    index_opens_fail = false;
    fixture_open(f, true);
    shape(f, found);
    assert_string_equal(found, LEFTOVER);
    assert_int_equal(store_verify_segment(fixture_partition(f, "t", 0), 0, &f->err), WEIR_OK);
    fixture_close(f);
}

static void when_the_new_one_cannot_be_put_in_place_the_log_stops(void **state)
{
    fixture *f = *state;
    char found[RECORDS + 1];

    failing_ops = *disk_posix()->ops;
    failing_ops.rename = failing_rename;
    f->options.disk = &failing;
    f = small(state);
    renames_fail = true;
    assert_int_equal(rewrite(f), WEIR_FATAL);
    assert_true(store_has_stopped(f->store, NULL)); /* which file is there is not known */
    fixture_close(f);
    renames_fail = false;
    fixture_open(f, true);
    shape(f, found);
    assert_string_equal(found, OLD);
    fixture_close(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_crash_in_a_rewrite_leaves_the_old_or_the_new),
        CASE(a_rewrite_that_is_given_up_changes_nothing),
        CASE(a_reader_goes_on_across_a_rewrite),
        CASE(a_reader_does_not_look_up_the_old_segment_in_the_index_of_the_new_one),
        CASE(index_files_that_cannot_be_opened_are_removed_all_the_same),
        CASE(when_the_new_one_cannot_be_put_in_place_the_log_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
