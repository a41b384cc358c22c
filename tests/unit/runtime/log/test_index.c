/* test_index.c - a sparse index finds where to start, and its file is believed only when it checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/weir-index-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void of_equal_keys_the_last_value_stays(void **state)
{
    sparse_index index = {0};
    (void)state;

    sparse_index_add(&index, 5, 1);
    sparse_index_add(&index, 5, 2);
    assert_int_equal(sparse_index_count(&index), 1);
    assert_int_equal(sparse_index_floor(&index, 5, -1), 2);
    sparse_index_done(&index);
}

static void below_the_first_key_there_is_nothing(void **state)
{
    sparse_index index = {0};
    (void)state;

    assert_int_equal(sparse_index_floor(&index, 5, -7), -7);
    sparse_index_add(&index, 5, 1);
    assert_int_equal(sparse_index_floor(&index, 4, -7), -7);
    sparse_index_done(&index);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* The plainest model: for every key, the value that was added last at or below it. */
static void a_long_random_run_equals_the_model(void **state)
{
    enum { KEYS = 5000 };
    static int64_t model[KEYS];
    sparse_index index = {0};
    uint32_t seed = 42;
    int64_t key = 3, value = 0;
    (void)state;

    for (int i = 0; i < KEYS; i++)
        model[i] = -1;
    while (key < KEYS) {
        value += 1 + next_random(&seed) % 100;
        sparse_index_add(&index, key, value);
        for (int64_t i = key; i < KEYS; i++)
            model[i] = value;
        key += next_random(&seed) % 20;
    }
    for (int64_t i = 0; i < KEYS; i++)
        assert_int_equal(sparse_index_floor(&index, i, -1), model[i]);
    sparse_index_done(&index);
}

static void a_file_gives_back_what_was_written(void **state)
{
    sparse_index written = {0}, read = {0};
    index_facts facts = {.segment_bytes = 1000, .next_offset = 77, .max_timestamp_ms = 5}, found;
    weir_error err;
    (void)state;

    for (int i = 0; i < 100; i++)
        sparse_index_add(&written, (int64_t)i * 3, i);
    assert_int_equal(index_write(disk_posix(), path, &written, &facts, &err), WEIR_OK);
    assert_int_equal(index_read(disk_posix(), path, &read, &found, &err), WEIR_OK);
    assert_memory_equal(&found, &facts, sizeof(facts));
    assert_int_equal(sparse_index_count(&read), 100);
    assert_int_equal(sparse_index_floor(&read, 100, -1), 33);
    sparse_index_done(&written);
    sparse_index_done(&read);
}

static void one_wrong_byte_anywhere_is_noticed(void **state)
{
    sparse_index written = {0};
    index_facts facts = {.segment_bytes = 1000};
    weir_error err;
    int fd, size;
    (void)state;

    sparse_index_add(&written, 1, 2);
    sparse_index_add(&written, 3, 4);
    assert_int_equal(index_write(disk_posix(), path, &written, &facts, &err), WEIR_OK);
    fd = open(path, O_RDWR);
    size = (int)lseek(fd, 0, SEEK_END);
    for (int i = 0; i < size; i++) {
        sparse_index read = {0};
        index_facts found;
        char byte;

        assert_int_equal(pread(fd, &byte, 1, i), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        assert_int_equal(index_read(disk_posix(), path, &read, &found, &err), WEIR_REJECT);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        sparse_index_done(&read);
    }
    close(fd);
    sparse_index_done(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_equal_keys_the_last_value_stays),
        cmocka_unit_test(below_the_first_key_there_is_nothing),
        cmocka_unit_test(a_long_random_run_equals_the_model),
        cmocka_unit_test(a_file_gives_back_what_was_written),
        cmocka_unit_test(one_wrong_byte_anywhere_is_noticed),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
