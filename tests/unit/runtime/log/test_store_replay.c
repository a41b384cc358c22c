/* test_store_replay.c - an entry that does not follow the one before it is damage, though its CRC is right. */
#include "runtime/log/journal.h"
#include "tests/unit/runtime/log/store_fixture.h"

#include <fcntl.h>

/* A log whose journal holds: the topic, one, two. Nothing of it is in a checkpoint. */
static void make_two(fixture *f)
{
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_append(f, "t", 0, "two");
    fixture_abandon(f);
}

/* Changes the piece of the n-th entry; the CRC is made right. */
static void twist(fixture *f, int n, void (*change)(journal_piece *piece))
{
    char path[128], *bytes;
    int64_t at = JOURNAL_FRONT_BYTES;
    journal_entry front;
    journal_piece piece;
    int fd;

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
    bytes = malloc(front.length);
    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, front.length, at), front.length);
    memcpy(&piece, bytes + sizeof(front), sizeof(piece));
    change(&piece);
    memcpy(bytes + sizeof(front), &piece, sizeof(piece));
    front.crc = crc32c(0, bytes + offsetof(journal_entry, generation),
                       front.length - offsetof(journal_entry, generation));
    memcpy(bytes, &front, sizeof(front));
    assert_int_equal(pwrite(fd, bytes, front.length, at), front.length);
    free(bytes);
    close(fd);
}

static void of_another_topic(journal_piece *piece)
{
    piece->topic_id[7] ^= 1;
}

static void of_another_partition(journal_piece *piece)
{
    piece->partition = 1;
}

static void with_a_gap(journal_piece *piece)
{
    piece->base_offset++;
    piece->last_offset++;
}

static void a_second_time(journal_piece *piece)
{
    piece->base_offset--;
    piece->last_offset--;
}

static void backwards(journal_piece *piece)
{
    piece->last_offset = piece->base_offset - 1;
}

static void elsewhere(journal_piece *piece)
{
    piece->segment_at += 100;
}

static void too_long(journal_piece *piece)
{
    piece->size += 1000;
}

static void empty(journal_piece *piece)
{
    piece->size = 0;
}

static void what_does_not_follow_is_refused_with_its_place(void **state)
{
    static const struct {
        void (*change)(journal_piece *piece);
        const char *refusal;
    } CASES[] = {
        {of_another_topic, "is damaged: it names an unknown topic"},
        {of_another_partition, "it has offset 1 of topic t partition 1, where -1 is next"},
        {with_a_gap, "it has offset 2 of topic t partition 0, where 1 is next"},
        {a_second_time, "it has offset 0 of topic t partition 0, where 1 is next"},
        {backwards, "it has offset 1 of topic t partition 0, where 1 is next"},
        {elsewhere, "is damaged: its place in the segment does not follow the one before"},
        {too_long, "is damaged: its pieces are longer than it is"},
        {empty, "it has offset 1 of topic t partition 0, where 1 is next"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        make_two(f);
        twist(f, 2, CASES[i].change);
        assert_int_equal(store_open(&f->options, &f->store, &f->err), WEIR_FATAL);
        if (strstr(f->err.message, CASES[i].refusal) == NULL ||
            strstr(f->err.message, "the journal entry at position ") == NULL)
            fail_msg("case %zu: '%s' has no '%s'", i, f->err.message, CASES[i].refusal);
        assert_int_equal(fixture_teardown(state), 0); /* a folder for each */
        assert_int_equal(fixture_setup(state), 0);
        f = *state;
    }
}

static void applying_what_was_applied_changes_nothing(void **state)
{
    fixture *f = *state;
    store_stats stats;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_append(f, "t", 0, "two");
    while (store_step(f->store, STORE_APPLY)) /* in the segment, but in no checkpoint */
        ;
    fixture_abandon(f);
    fixture_open(f, true);
    store_get_stats(f->store, &stats);
    assert_int_equal(stats.replayed, 3);
    fixture_expect(f, "t", 0, "one two");
    fixture_close(f);
}

static void what_a_checkpoint_holds_is_not_replayed(void **state)
{
    fixture *f = *state;
    store_stats stats;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    fixture_append(f, "t", 0, "two");
    fixture_abandon(f);
    fixture_open(f, true);
    store_get_stats(f->store, &stats);
    assert_int_equal(stats.replayed, 1);
    fixture_expect(f, "t", 0, "one two");
    fixture_close(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_does_not_follow_is_refused_with_its_place),
        CASE(applying_what_was_applied_changes_nothing),
        CASE(what_a_checkpoint_holds_is_not_replayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
