/* test_verify.c - a sound log passes, and damage is named with its place. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/verify.h"

#include <fcntl.h>

typedef struct told {
    weir_buf problems;
    verify_partition last; /* the partition that was told last */
    int partitions;
} told;

static void take_problem(void *context, const char *problem)
{
    weir_buf_printf(&((told *)context)->problems, "%s\n", problem);
}

static void take_partition(void *context, const verify_partition *partition)
{
    told *all = context;

    all->last = *partition;
    all->partitions++;
}

static void verify(fixture *f, const char *topic, told *all, verify_result *result)
{
    verify_options options = {.topic = weir_cstr(topic),
                              .problem = take_problem,
                              .partition = take_partition,
                              .context = all};

    verify_log(f->store, &options, result);
}

static void a_sound_log_passes(void **state)
{
    fixture *f = *state;
    verify_result result;
    told all = {0};

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", i % 2, 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    fixture_append(f, "t", 0, "not applied");
    verify(f, "", &all, &result);
    assert_int_equal(all.problems.len, 0);
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.damaged_partitions, 0);
    assert_int_equal(result.topics, 2); /* with __weir_metadata */
    assert_true(result.records >= 62);
    assert_true(result.segments > 3);
    fixture_close(f);
}

static void one_topic_can_be_asked_for_and_each_partition_is_told(void **state)
{
    fixture *f = *state;
    verify_result result;
    told all = {0};

    fixture_open(f, true);
    fixture_topic(f, "t", 3);
    for (int i = 0; i < 7; i++)
        fixture_append(f, "t", 2, "x");
    verify(f, "t", &all, &result);
    assert_int_equal(all.partitions, 3);
    assert_int_equal(all.last.partition, 2);
    assert_int_equal(all.last.records, 7);
    assert_int_equal(all.last.end_offset, 7);
    assert_null(all.last.problem);
    assert_int_equal(result.topics, 1);
    assert_int_equal(result.records, 7);
    verify(f, "nothing", &all, &result);
    assert_int_equal(result.topics, 0);
    fixture_close(f);
}

static int flip(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    char byte;
    int fd;

    (void)type, (void)ftw;
    if (strstr(path, "/t-") == NULL || strstr(path, "00000000000000000000.log") == NULL ||
        status->st_size < 8000)
        return 0;
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, 5000), 1);
    byte ^= 0x20;
    assert_int_equal(pwrite(fd, &byte, 1, 5000), 1);
    close(fd);
    return 0;
}

static void damage_is_named_with_its_place(void **state)
{
    fixture *f = *state;
    verify_result result;
    told all = {0};

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    assert_int_equal(nftw(f->dir, flip, 16, FTW_PHYS), 0);
    fixture_open(f, true);
    verify(f, "", &all, &result);
    assert_true(result.problems > 0);
    assert_int_equal(result.damaged_partitions, 1);
    assert_non_null(strstr(weir_buf_cstr(&all.problems), "topic t partition 0 offset "));
    assert_non_null(
        strstr(weir_buf_cstr(&all.problems), "00000000000000000000.log' is damaged at offset "));
    assert_true(result.records > 20); /* the other segments were read */
    weir_buf_done(&all.problems);
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
        CASE(a_sound_log_passes),
        CASE(one_topic_can_be_asked_for_and_each_partition_is_told),
        CASE(damage_is_named_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
