/* test_store_write.c - an append is there, whole, when it was acknowledged, wherever the power goes off. */
#include "tests/unit/runtime/log/crash_fixture.h"

enum { LARGE_BYTES = 20000, MAX_APPENDS = 8 };

static const char *const LETTERS = "abcdefgh";

/* Values of one letter each, so many bytes long. */
static void append(fixture *f, const char *topic, int32_t partition, int number, size_t size,
                   int *told)
{
    char *value = malloc(size + 1);

    assert_non_null(value);
    memset(value, LETTERS[number], size);
    if (store_topic_find(f->store, weir_cstr(topic)) != NULL &&
        fixture_try(f, topic, partition, (weir_str){value, size}, 1000) == WEIR_OK)
        *told = number + 1;
    free(value);
}

/* The values are those letters, in order: at least as many as were acknowledged. */
static void check(fixture *f, const char *topic, size_t size, int told)
{
    weir_buf found = {0};
    int count = 0;

    if (told == 0 && store_topic_find(f->store, weir_cstr(topic)) == NULL)
        return;
    fixture_values(f, topic, 0, &found);
    for (size_t at = 0; at < found.len; at += size + 1, count++) {
        assert_true(at + size <= found.len);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(found.ptr[at + i], LETTERS[count]);
    }
    assert_true(count >= told);
    weir_buf_done(&found);
}

static void make_topic(fixture *f)
{
    fixture_topic(f, "t", 1);
}

static void append_small(fixture *f, int *told)
{
    for (int i = 0; i < 3; i++)
        append(f, "t", 0, i, 100, told);
}

static void check_small(fixture *f, int told)
{
    check(f, "t", 100, told);
}

static void what_was_acknowledged_survives(void **state)
{
    crash_everywhere(*state, &(crash_plan){.prepare = make_topic,
                                           .act = append_small,
                                           .check = check_small,
                                           .options.journal_file_bytes = 64 << 10});
}

static void append_large(fixture *f, int *told)
{
    for (int i = 0; i < 3; i++)
        append(f, "t", 0, i, LARGE_BYTES, told);
}

static void check_large(fixture *f, int told)
{
    check(f, "t", LARGE_BYTES, told);
}

static void what_went_to_its_segment_first_survives(void **state)
{
    crash_everywhere(*state, &(crash_plan){.prepare = make_topic,
                                           .act = append_large,
                                           .check = check_large,
                                           .options = {.journal_file_bytes = 64 << 10,
                                                       .large_bytes = 16384,
                                                       .segment_bytes = 30000}});
}

/* Nothing of it is in a checkpoint: the names of its directories are new, too. */
static void append_large_to_a_new_topic(fixture *f, int *told)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    if (store_topic_create(f->store, WEIR_STR("t"), &config, &f->err) == WEIR_OK)
        append_large(f, told);
}

static void nothing(fixture *f)
{
    (void)f;
}

static void the_first_large_append_of_a_topic_survives(void **state)
{
    crash_everywhere(
        *state, &(crash_plan){.prepare = nothing,
                              .act = append_large_to_a_new_topic,
                              .check = check_large,
                              .options = {.journal_file_bytes = 64 << 10, .large_bytes = 16384}});
}

/* One entry: a piece for each of three partitions. */
static void append_to_three(fixture *f, int *told)
{
    for (int number = 0; number < 2; number++) {
        store_piece pieces[3];
        store_append whole = {.pieces = pieces, .piece_count = 3};
        weir_buf bytes[3] = {{0}, {0}, {0}};

        for (int i = 0; i < 3; i++) {
            fixture_batch(&bytes[i], (weir_str){LETTERS + number, 1}, 1000);
            pieces[i] = (store_piece){.partition = fixture_partition(f, "t", i),
                                      .bytes = bytes[i].ptr,
                                      .size = bytes[i].len};
        }
        if (store_append_now(f->store, &whole, &f->err) == WEIR_OK)
            *told = number + 1;
        for (int i = 0; i < 3; i++)
            weir_buf_done(&bytes[i]);
    }
}

static void make_three(fixture *f)
{
    fixture_topic(f, "t", 3);
}

static void check_three(fixture *f, int told)
{
    int64_t count = store_end_offset(fixture_partition(f, "t", 0));

    assert_true(count >= told);
    for (int i = 0; i < 3; i++)
        fixture_expect_count(f, "t", i, count);
}

static void an_entry_is_in_all_its_partitions_or_in_none(void **state)
{
    crash_everywhere(*state, &(crash_plan){.prepare = make_three,
                                           .act = append_to_three,
                                           .check = check_three,
                                           .options.journal_file_bytes = 64 << 10});
}

/* Everything that goes on behind: applied, a checkpoint, more, the journal used again. */
static void append_and_keep(fixture *f, int *told)
{
    for (int i = 0; i < MAX_APPENDS; i++) {
        append(f, "t", 0, i, 9000, told);
        if (i % 2 == 1)
            (void)store_step(f->store, STORE_APPLY);
        if (i % 3 == 2)
            (void)store_step(f->store, STORE_CHECKPOINT);
    }
}

static void check_kept(fixture *f, int told)
{
    check(f, "t", 9000, told);
}

static void a_checkpoint_and_a_reused_journal_lose_nothing(void **state)
{
    crash_everywhere(
        *state, &(crash_plan){.prepare = make_topic,
                              .act = append_and_keep,
                              .check = check_kept,
                              .options = {.journal_file_bytes = 64 << 10, .segment_bytes = 20000}});
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_acknowledged_survives),
        CASE(what_went_to_its_segment_first_survives),
        CASE(the_first_large_append_of_a_topic_survives),
        CASE(an_entry_is_in_all_its_partitions_or_in_none),
        CASE(a_checkpoint_and_a_reused_journal_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
