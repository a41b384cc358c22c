/* test_journal.c - files of the journal: made, used in turn, freed behind a checkpoint. */
#include "tests/unit/runtime/log/faulty_disk.h"
#include "tests/unit/runtime/log/journal_fixture.h"

enum { QUARTER = 14000 }; /* four to a file */

#define QUARTER_PADDED UINT64_C(14336)

static int files_there(journal_fixture *f)
{
    return (int)journal_file_count(f->journal);
}

static int current_number(journal_fixture *f)
{
    int64_t at;

    return journal_current(f->journal, &at)->number;
}

static void entries_follow_each_other_and_the_next_file_is_begun_when_one_is_full(void **state)
{
    journal_fixture *f = *state;
    int64_t at;

    journal_begin(f);
    for (int i = 0; i < 4; i++)
        assert_int_equal(journal_put(f, 'a', QUARTER), (uint64_t)i * QUARTER_PADDED);
    assert_int_equal(files_there(f), 1);
    assert_int_equal(journal_put(f, 'b', QUARTER), 4 * QUARTER_PADDED); /* positions go on */
    assert_int_equal(files_there(f), 2);
    assert_int_equal(journal_current(f->journal, &at)->number, 2);
    assert_int_equal(at, JOURNAL_FRONT_BYTES + (int64_t)QUARTER_PADDED);
    assert_int_equal(journal_current(f->journal, &at)->start, 4 * QUARTER_PADDED);
}

static void a_file_is_used_again_when_all_of_it_is_freed(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    for (int i = 0; i < 9; i++) /* files 1, 2 and a quarter of 3 */
        journal_put(f, 'a', QUARTER);
    journal_free_below(f->journal, 4 * QUARTER_PADDED - 512); /* not all of the first */
    for (int i = 0; i < 4; i++)
        journal_put(f, 'b', QUARTER);
    assert_int_equal(current_number(f), 4);
    journal_free_below(f->journal, 8 * QUARTER_PADDED); /* 1 and 2 */
    for (int i = 0; i < 8; i++) {
        journal_put(f, 'c', QUARTER);
        assert_true(current_number(f) != 3);
    }
    assert_int_equal(files_there(f), 4);
}

static void the_current_file_is_never_freed(void **state)
{
    journal_fixture *f = *state;
    uint64_t next;

    journal_begin(f);
    journal_put(f, 'a', QUARTER);
    next = journal_position(f->journal);
    journal_free_below(f->journal, next);
    assert_int_equal(journal_put(f, 'b', QUARTER), next);
    assert_int_equal(current_number(f), 1);
    assert_int_equal(files_there(f), 1);
}

static void what_is_freed_is_not_kept(void **state)
{
    journal_fixture *f = *state;
    uint64_t first, second;

    journal_begin(f);
    first = journal_put(f, 'a', QUARTER);
    second = journal_put(f, 'b', QUARTER);
    assert_true(journal_keeps(f->journal, first));
    assert_int_equal(journal_kept_bytes(f->journal), 2 * QUARTER_PADDED);
    journal_free_below(f->journal, second);
    assert_false(journal_keeps(f->journal, first));
    assert_true(journal_keeps(f->journal, second));
    assert_int_equal(journal_kept_bytes(f->journal), QUARTER_PADDED);
}

static void with_all_files_in_use_the_writer_waits_for_a_checkpoint(void **state)
{
    journal_fixture *f = *state;
    weir_error err;

    journal_begin(f);
    for (int i = 0; i < 4 * JOURNAL_MAX_FILES; i++)
        journal_put(f, 'a', QUARTER);
    assert_true(journal_is_crowded(f->journal));
    assert_int_equal(journal_reserve(f->journal, QUARTER_PADDED, &err), WEIR_RETRY);
    assert_string_equal(err.message, "the journal waits for a checkpoint");
    journal_free_below(f->journal, 4 * QUARTER_PADDED);
    assert_false(journal_is_crowded(f->journal)); /* else a checkpoint would be due for ever */
    assert_false(journal_wants_spare(f->journal));
    assert_int_equal(journal_reserve(f->journal, QUARTER_PADDED, &err), WEIR_OK);
    assert_int_equal(current_number(f), 1);
}

static void a_spare_file_is_prepared_when_half_of_the_last_is_used(void **state)
{
    journal_fixture *f = *state;
    weir_error err;

    journal_begin(f);
    journal_put(f, 'a', QUARTER);
    assert_false(journal_wants_spare(f->journal));
    journal_put(f, 'a', QUARTER);
    journal_put(f, 'a', QUARTER);
    assert_true(journal_wants_spare(f->journal));
    assert_int_equal(journal_prepare(f->journal, &err), WEIR_OK);
    assert_int_equal(files_there(f), 2);
    assert_false(journal_wants_spare(f->journal));
    assert_int_equal(journal_prepare(f->journal, &err), WEIR_OK);
    assert_int_equal(files_there(f), 2);
}

static void a_full_disk_makes_no_file_and_takes_no_number(void **state)
{
    journal_fixture *f = *state;
    faulty_disk on = {0};
    weir_error err;

    faulty_disk_init(&on);
    f->options.disk = &on.base;
    journal_begin(f);
    for (int i = 0; i < 4; i++)
        journal_put(f, 'a', QUARTER);
    on.is_full = true;
    for (int i = 0; i < 2 * JOURNAL_MAX_FILES; i++)
        assert_int_equal(journal_reserve(f->journal, QUARTER_PADDED, &err), WEIR_RETRY);
    assert_false(journal_is_crowded(f->journal));
    on.is_full = false;
    assert_int_equal(journal_reserve(f->journal, QUARTER_PADDED, &err), WEIR_OK);
    assert_int_equal(current_number(f), 2);
    journal_close(f->journal);
    f->journal = NULL;
}

static void a_failed_sync_moves_nothing(void **state)
{
    journal_fixture *f = *state;
    char bytes[JOURNAL_ALIGN] = {0};
    struct iovec buffer = {bytes, sizeof(bytes)};
    faulty_disk on = {0};
    weir_error err;

    faulty_disk_init(&on);
    f->options.disk = &on.base;
    journal_begin(f);
    assert_int_equal(journal_reserve(f->journal, sizeof(bytes), &err), WEIR_OK);
    on.syncs_fail = true;
    assert_int_equal(journal_write(f->journal, &buffer, 1, sizeof(bytes), &err), WEIR_FATAL);
    assert_int_equal(journal_position(f->journal), 0);
    journal_close(f->journal);
    f->journal = NULL;
}

/* The first file of a log is short where the others are long; so is one whose making was interrupted. */
static void the_short_file_that_is_gone_on_with_stays(void **state)
{
    journal_fixture *f = *state;
    weir_error err;

    journal_begin(f);
    journal_put(f, 'a', QUARTER);
    f->options.file_bytes = 2 * (int64_t)JOURNAL_FILE;
    journal_again(f);
    assert_int_equal(files_there(f), 1);
    assert_int_equal(
        journal_resume(f->journal, journal_file_at(f->journal, 0), QUARTER_PADDED, &err), WEIR_OK);
    assert_int_equal(journal_drop_short(f->journal, &err), WEIR_OK);
    assert_int_equal(files_there(f), 1);
}

static void a_short_file_stays_until_a_checkpoint_is_behind_it(void **state)
{
    journal_fixture *f = *state;
    uint64_t next;
    weir_error err;

    f->options.file_bytes = 2 * (int64_t)JOURNAL_FILE;
    f->options.first_file_bytes = JOURNAL_FILE;
    journal_begin(f);
    for (int i = 0; i < 5; i++) /* one of them in the second file */
        journal_put(f, 'a', QUARTER);
    next = journal_position(f->journal);
    journal_again(f);
    assert_int_equal(journal_resume(f->journal, journal_file_at(f->journal, 1), next, &err),
                     WEIR_OK);
    assert_int_equal(files_there(f), 2); /* a crash now, and all of it is read again */
    assert_int_equal(journal_drop_short(f->journal, &err), WEIR_OK);
    assert_int_equal(files_there(f), 1);
    assert_int_equal(current_number(f), 2);
    assert_int_equal(journal_put(f, 'b', QUARTER), next);
}

/* Without its front nothing would say where to go on: it may never have been synced, or a sync of it may have failed. */
static void where_a_journal_goes_on_is_durable_before_a_checkpoint_relies_on_it(void **state)
{
    journal_fixture *f = *state;
    faulty_disk on = {0};
    weir_error err;
    uint64_t next;

    faulty_disk_init(&on);
    f->options.disk = &on.base;
    on.syncs_fail = true;
    assert_int_equal(journal_open(&f->options, &f->journal, &err), WEIR_OK);
    assert_int_equal(journal_resume(f->journal, NULL, 0, &err), WEIR_FATAL);
    on.syncs_fail = false;
    assert_int_equal(journal_resume(f->journal, NULL, 0, &err), WEIR_OK);
    journal_put(f, 'a', QUARTER);
    next = journal_position(f->journal);
    journal_again(f);
    on.journal_fronts = on.journal_syncs = 0;
    assert_int_equal(journal_resume(f->journal, journal_file_at(f->journal, 0), next, &err),
                     WEIR_OK);
    assert_int_equal(on.journal_fronts, 1);
    assert_int_equal(on.journal_syncs, 1);
    assert_int_equal(journal_put(f, 'b', QUARTER), next);
    journal_close(f->journal);
    f->journal = NULL;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, journal_setup, journal_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(entries_follow_each_other_and_the_next_file_is_begun_when_one_is_full),
        CASE(a_file_is_used_again_when_all_of_it_is_freed),
        CASE(the_current_file_is_never_freed),
        CASE(what_is_freed_is_not_kept),
        CASE(with_all_files_in_use_the_writer_waits_for_a_checkpoint),
        CASE(a_spare_file_is_prepared_when_half_of_the_last_is_used),
        CASE(a_full_disk_makes_no_file_and_takes_no_number),
        CASE(a_failed_sync_moves_nothing),
        CASE(the_short_file_that_is_gone_on_with_stays),
        CASE(a_short_file_stays_until_a_checkpoint_is_behind_it),
        CASE(where_a_journal_goes_on_is_durable_before_a_checkpoint_relies_on_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
