/* test_journal_scan.c - what recovery takes for an entry, for the end, and for damage. */
#include "tests/unit/runtime/log/journal_fixture.h"

static weir_code scan_from(journal_fixture *f, uint64_t from, weir_buf *letters,
                           journal_scan_end *end, weir_error *err)
{
    journal_again(f);
    weir_buf_clear(letters);
    return journal_scan(f->journal, from, JOURNAL_GENERATION, journal_note, letters, end, err);
}

static void expect(journal_fixture *f, uint64_t from, const char *letters, uint64_t position)
{
    weir_buf found = {0};
    journal_scan_end end;
    weir_error err;

    if (scan_from(f, from, &found, &end, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    assert_string_equal(weir_buf_cstr(&found), letters);
    assert_int_equal(end.position, position);
    assert_int_equal(end.entry_count, strlen(letters));
    weir_buf_done(&found);
}

static void expect_damage(journal_fixture *f, const char *what)
{
    weir_buf found = {0};
    journal_scan_end end;
    weir_error err;

    assert_int_equal(scan_from(f, 0, &found, &end, &err), WEIR_FATAL);
    if (strstr(err.message, what) == NULL)
        fail_msg("'%s' has no '%s'", err.message, what);
    weir_buf_done(&found);
}

static void entries_come_in_order_from_where_it_is_told(void **state)
{
    journal_fixture *f = *state;
    uint64_t second;

    journal_begin(f);
    journal_put(f, 'a', 10);
    second = journal_put(f, 'b', 5000);
    journal_put(f, 'c', 10);
    expect(f, 0, "abc", 512 + 5120 + 512);
    expect(f, second, "bc", 512 + 5120 + 512);
}

static void a_journal_goes_on_in_the_file_that_begins_where_the_last_one_ended(void **state)
{
    journal_fixture *f = *state;
    char letters[16] = "";

    journal_begin(f);
    for (int i = 0; i < 15; i++) { /* four of a file */
        journal_put(f, (char)('a' + i), 14000);
        letters[i] = (char)('a' + i);
    }
    expect(f, 0, letters, 15 * UINT64_C(14336));
}

/* The first file of a log is short: what does not fit there is in another one that begins at 0, too. */
static void a_file_into_which_nothing_fitted_is_gone_past_once(void **state)
{
    enum { LARGE = 5 << 20 };
    journal_fixture *f = *state;

    alarm(60); /* instead of going round for ever */
    f->options.file_bytes = 6 << 20;
    f->options.first_file_bytes = 4 << 20;
    journal_begin(f);
    assert_int_equal(journal_reserve(f->journal, LARGE, &f->base.err), WEIR_OK);
    assert_int_equal(journal_file_count(f->journal), 2);
    expect(f, 0, "", 0);
    journal_again(f);
    assert_int_equal(journal_resume(f->journal, journal_file_at(f->journal, 1), 0, &f->base.err),
                     WEIR_OK);
    journal_put(f, 'a', LARGE - 512);
    expect(f, 0, "a", journal_padded(LARGE - 512 + sizeof(journal_entry)));
    alarm(0);
}

/* So it is behind a crash that made the file short into which the next entry should go. */
static void of_two_files_that_begin_at_the_same_place_the_larger_one_is_read(void **state)
{
    enum { LARGE = 1 << 20, END = LARGE + JOURNAL_ALIGN };
    journal_fixture *f = *state;

    f->options.file_bytes = (int64_t)2 * LARGE;
    f->options.first_file_bytes = LARGE;
    journal_begin(f);
    journal_put(f, 'a', LARGE);
    journal_put(f, 'b', 10);
    assert_int_equal(journal_file_count(f->journal), 2);
    expect(f, END, "b", END + JOURNAL_ALIGN);
}

static void of_another_generation_or_place_nothing_is_an_entry(void **state)
{
    journal_fixture *f = *state;
    uint64_t at;

    journal_begin(f);
    journal_put(f, 'a', 10);
    at = journal_position(f->journal);
    journal_put_as(f, &(journal_entry){.generation = JOURNAL_GENERATION - 1, .position = at}, 'x',
                   10);
    expect(f, 0, "a", at);
    journal_again(f);
    assert_int_equal(journal_resume(f->journal, journal_file_at(f->journal, 0), at, &f->base.err),
                     WEIR_OK);
    journal_put_as(f, &(journal_entry){.generation = JOURNAL_GENERATION, .position = at + 512}, 'x',
                   10);
    expect(f, 0, "a", at);
}

static weir_code scan_at(journal_fixture *f, uint64_t from, weir_error *err)
{
    weir_buf found = {0};
    journal_scan_end end;
    weir_code code = scan_from(f, from, &found, &end, err);

    weir_buf_done(&found);
    return code;
}

static void a_file_of_another_log_is_not_read(void **state)
{
    journal_fixture *f = *state;
    weir_error err;

    journal_begin(f);
    journal_put(f, 'a', 10);
    assert_int_equal(scan_at(f, 512, &err), WEIR_OK);
    f->options.log_id[3] = 1;
    assert_int_equal(scan_at(f, 512, &err), WEIR_FATAL);
    assert_string_equal(err.message,
                        "no journal file holds position 512, where the checkpoint ends");
}

static void a_file_whose_front_is_damaged_is_not_read(void **state)
{
    journal_fixture *f = *state;
    weir_error err;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_damage(f, 1, offsetof(journal_front, start) + 1); /* it would begin elsewhere */
    assert_int_equal(scan_at(f, 512, &err), WEIR_FATAL);
    assert_string_equal(err.message,
                        "no journal file holds position 512, where the checkpoint ends");
    assert_int_equal(scan_at(f, 0, &err),
                     WEIR_FATAL); /* it was durable before the checkpoint was made */
    assert_string_equal(err.message, "no journal file holds position 0, where the checkpoint ends");
}

static void a_damaged_front_before_what_was_acknowledged_is_damage(void **state)
{
    static const char *const WHAT = "the front of file journal-001 is not valid";
    journal_fixture *f = *state;
    weir_error err;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_put(f, 'b', 10); /* when this was written a was durable, and with it the front */
    journal_damage(f, 1, offsetof(journal_front, magic));
    expect_damage(f, WHAT);
    assert_int_equal(scan_at(f, 512, &err), WEIR_FATAL); /* b may not have been acknowledged */
    assert_non_null(strstr(err.message, "no journal file holds position 512"));
}

static void so_is_one_of_a_later_file(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    for (int i = 0; i < 6; i++) /* four of a file */
        journal_put(f, (char)('a' + i), 14000);
    journal_damage(f, 2, offsetof(journal_front, crc));
    expect_damage(f, "the front of file journal-002 is not valid, but entries in it were");
    journal_damage(f, 2, JOURNAL_FRONT_BYTES + 14336 + 100); /* the one that knows */
    expect_damage(f, "the file behind journal-001, with position 57344, is missing or its front");
}

static void a_file_that_is_missing_behind_another_is_damage(void **state)
{
    journal_fixture *f = *state;
    char path[128];
    weir_error err;

    journal_begin(f);
    for (int i = 0; i < 6; i++) /* four of a file */
        journal_put(f, (char)('a' + i), 14000);
    snprintf(path, sizeof(path), "%s/journal-002", f->base.dir);
    assert_int_equal(unlink(path), 0);
    expect_damage(f, "the file behind journal-001, with position 57344, is missing or its front");
    assert_int_equal(scan_at(f, UINT64_C(5) * 14336, &err), WEIR_FATAL); /* one that was in it */
}

/* What an earlier use of a file said of the one behind it counts no more. */
static void a_file_that_is_used_again_is_the_last_one_again(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    for (int i = 0; i < 5; i++)
        journal_put(f, 'a', 14000);
    journal_free_below(f->journal, UINT64_C(5) * 14336);
    for (int i = 0; i < 4; i++)
        journal_put(f, (char)('b' + i), 14000);
    assert_int_equal(journal_file_count(f->journal), 2);
    expect(f, UINT64_C(5) * 14336, "bcde", UINT64_C(9) * 14336);
}

static void a_log_that_had_a_journal_is_not_opened_without_one(void **state)
{
    journal_fixture *f = *state;
    char path[128];
    weir_error err;

    journal_begin(f);
    snprintf(path, sizeof(path), "%s/journal-001", f->base.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(scan_at(f, 0, &err), WEIR_FATAL);
    assert_string_equal(err.message, "there is no journal file, but there was one");
}

static void a_bad_entry_at_the_end_is_the_end(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_put(f, 'b', 10);
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 512 + sizeof(journal_entry) + 3);
    expect(f, 0, "a", 512);
}

static void a_bad_entry_that_a_later_one_knows_to_be_durable_is_damage(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_put(f, 'b', 10);
    journal_put(f, 'c', 10); /* it was written when b was durable */
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 512 + sizeof(journal_entry) + 3);
    expect_damage(f,
                  "file journal-001 at offset 4608 holds no valid entry, but one was acknowledged");
}

static void a_bad_entry_of_the_same_group_as_a_later_one_is_the_end(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_put(f, 'b', 10);
    journal_put_as(f,
                   &(journal_entry){.generation = JOURNAL_GENERATION,
                                    .position = journal_position(f->journal),
                                    .synced = 512}, /* b was not durable then */
                   'c', 10);
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 512 + sizeof(journal_entry) + 3);
    expect(f, 0, "a", 512);
}

static void a_bad_entry_before_a_file_that_begins_later_is_damage(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    journal_put(f, 'a', 20000);
    journal_put(f, 'b', 20000);
    journal_put(f, 'c', 50000); /* in the second file: what lies before it was synced */
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 20480 + sizeof(journal_entry) + 3);
    journal_damage(f, 2, JOURNAL_FRONT_BYTES + sizeof(journal_entry) + 3);
    expect_damage(f, "file journal-001 at offset 24576 holds no valid entry");
}

static weir_code refuse_b(void *context, const journal_scan_entry *entry, weir_error *err)
{
    weir_buf_add_byte(context, entry->bytes[0]);
    return entry->bytes[0] == 'b' ? weir_fail(err, WEIR_END, "b is not there") : WEIR_OK;
}

static void what_an_entry_speaks_of_must_be_there_when_it_was_acknowledged(void **state)
{
    journal_fixture *f = *state;
    weir_buf found = {0};
    journal_scan_end end;
    weir_error err;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_put(f, 'b', 10);
    journal_again(f);
    assert_int_equal(journal_scan(f->journal, 0, JOURNAL_GENERATION, refuse_b, &found, &end, &err),
                     WEIR_OK);
    assert_int_equal(end.position, 512);
    assert_int_equal(journal_resume(f->journal, end.file, 1024, &err), WEIR_OK);
    journal_put(f, 'c', 10);
    journal_again(f);
    assert_int_equal(journal_scan(f->journal, 0, JOURNAL_GENERATION, refuse_b, &found, &end, &err),
                     WEIR_FATAL);
    assert_string_equal(err.message, "b is not there");
    weir_buf_done(&found);
}

static void a_length_beyond_the_file_is_no_entry(void **state)
{
    journal_fixture *f = *state;

    journal_begin(f);
    journal_put(f, 'a', 10);
    journal_put(f, 'b', 10);
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 512 + offsetof(journal_entry, length) + 5);
    expect(f, 0, "a", 512);
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 512 + offsetof(journal_entry, length) + 5);
    journal_damage(f, 1, JOURNAL_FRONT_BYTES + 512 + offsetof(journal_entry, piece_count) + 3);
    expect(f, 0, "a", 512);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, journal_setup, journal_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(entries_come_in_order_from_where_it_is_told),
        CASE(a_journal_goes_on_in_the_file_that_begins_where_the_last_one_ended),
        CASE(a_file_into_which_nothing_fitted_is_gone_past_once),
        CASE(of_two_files_that_begin_at_the_same_place_the_larger_one_is_read),
        CASE(of_another_generation_or_place_nothing_is_an_entry),
        CASE(a_file_of_another_log_is_not_read),
        CASE(a_file_whose_front_is_damaged_is_not_read),
        CASE(a_damaged_front_before_what_was_acknowledged_is_damage),
        CASE(so_is_one_of_a_later_file),
        CASE(a_file_that_is_missing_behind_another_is_damage),
        CASE(a_file_that_is_used_again_is_the_last_one_again),
        CASE(a_log_that_had_a_journal_is_not_opened_without_one),
        CASE(a_bad_entry_at_the_end_is_the_end),
        CASE(a_bad_entry_that_a_later_one_knows_to_be_durable_is_damage),
        CASE(a_bad_entry_of_the_same_group_as_a_later_one_is_the_end),
        CASE(a_bad_entry_before_a_file_that_begins_later_is_damage),
        CASE(what_an_entry_speaks_of_must_be_there_when_it_was_acknowledged),
        CASE(a_length_beyond_the_file_is_no_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
