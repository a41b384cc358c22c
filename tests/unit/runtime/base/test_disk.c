/* test_disk.c - the disk interface over the operating system's files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char dir[] = "/tmp/weir-disk-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static void remove_name(void *context, const char *name)
{
    weir_error err;

    (void)context;
    if (disk_unlink(disk_posix(), path_of(name), &err) != WEIR_OK)
        fprintf(stderr, "%s\n", err.message);
}

static int remove_dir(void **state)
{
    weir_error err;

    (void)state;
    return disk_list(disk_posix(), dir, remove_name, NULL, &err) != WEIR_OK ||
           disk_rmdir(disk_posix(), dir, &err) != WEIR_OK;
}

static void many_buffers_arrive_in_order_and_empty_ones_do_no_harm(void **state)
{
    enum { COUNT = 700 };
    struct iovec buffers[COUNT];
    static char bytes[COUNT], back[COUNT];
    disk_file *file;
    weir_error err;
    size_t got;
    (void)state;

    for (int i = 0; i < COUNT; i++) {
        bytes[i] = (char)('a' + i % 26);
        buffers[i] = (struct iovec){bytes + i, i % 7 == 0 ? 0 : 1};
    }
    assert_int_equal(disk_open(disk_posix(), path_of("many"), DISK_CREATE, &file, &err), WEIR_OK);
    assert_int_equal(disk_pwritev(file, buffers, COUNT, 5, &err), WEIR_OK);
    assert_int_equal(disk_pread(file, back, sizeof(back), 5, &got, &err), WEIR_OK);
    assert_int_equal(got, COUNT - 100);
    for (int i = 0, at = 0; i < COUNT; i++) {
        if (i % 7 != 0)
            assert_int_equal(back[at++], bytes[i]);
    }
    disk_close(file);
}

static void a_large_write_arrives_whole_wherever_its_buffers_are_cut(void **state)
{
    enum { SIZE = 3 << 20, AT = 4711 };
    static char bytes[SIZE], back[SIZE];
    size_t cuts[] = {0, 1, 262143, 262144, 262145, 1000000, 1000000, SIZE - 1, SIZE};
    struct iovec buffers[sizeof(cuts) / sizeof(*cuts) - 1];
    int count = (int)(sizeof(buffers) / sizeof(*buffers));
    disk_file *file;
    weir_error err;
    size_t got;
    (void)state;

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 2654435761u >> 24);
    for (int i = 0; i < count; i++)
        buffers[i] = (struct iovec){bytes + cuts[i], cuts[i + 1] - cuts[i]};
    assert_int_equal(disk_open(disk_posix(), path_of("large"), DISK_CREATE, &file, &err), WEIR_OK);
    assert_int_equal(disk_pwritev(file, buffers, count, AT, &err), WEIR_OK);
    assert_int_equal(disk_pread(file, back, SIZE, AT, &got, &err), WEIR_OK);
    assert_int_equal(got, SIZE);
    assert_memory_equal(back, bytes, SIZE);
    disk_close(file);
}

static void a_file_that_must_not_exist_is_refused_when_it_does(void **state)
{
    disk_file *file;
    weir_error err;
    (void)state;

    assert_int_equal(disk_open(disk_posix(), path_of("one"), DISK_EXCLUSIVE, &file, &err), WEIR_OK);
    disk_close(file);
    assert_int_equal(disk_open(disk_posix(), path_of("one"), DISK_EXCLUSIVE, &file, &err),
                     WEIR_FATAL);
    assert_non_null(strstr(err.message, "/one': File exists"));
}

static void a_missing_file_is_an_error_that_names_it(void **state)
{
    disk_file *file;
    weir_error err;
    (void)state;

    assert_int_equal(disk_open(disk_posix(), path_of("none"), DISK_READ, &file, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "/none': No such file or directory"));
}

static void with_too_many_files_open_the_remedy_is_named(void **state)
{
    struct rlimit before, none;
    disk_file *file;
    weir_error err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(disk_open(disk_posix(), path_of("more"), DISK_CREATE, &file, &err),
                     WEIR_FATAL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(err.message, "Too many open files"));
    assert_non_null(strstr(err.message, "ulimit -n"));
}

static void a_full_disk_is_worth_a_retry(void **state)
{
    struct iovec buffer = {"x", 1};
    disk_file *file;
    weir_error err;
    (void)state;

    assert_int_equal(disk_open(disk_posix(), "/dev/full", DISK_WRITE, &file, &err), WEIR_OK);
    assert_int_equal(disk_pwritev(file, &buffer, 1, 0, &err), WEIR_RETRY);
    assert_string_equal(err.message, "could not write to '/dev/full': No space left on device");
    disk_close(file);
}

static void reserved_space_counts_as_size_and_reads_as_zeros(void **state)
{
    disk_file *file;
    weir_error err;
    int64_t size;
    char byte = 'x';
    size_t got;
    (void)state;

    assert_int_equal(disk_open(disk_posix(), path_of("room"), DISK_CREATE, &file, &err), WEIR_OK);
    assert_int_equal(disk_allocate(file, 0, 10000, &err), WEIR_OK);
    assert_int_equal(disk_size(file, &size, &err), WEIR_OK);
    assert_int_equal(size, 10000);
    assert_int_equal(disk_pread(file, &byte, 1, 9999, &got, &err), WEIR_OK);
    assert_int_equal(byte, 0);
    assert_int_equal(disk_truncate(file, 3, &err), WEIR_OK);
    assert_int_equal(disk_size(file, &size, &err), WEIR_OK);
    assert_int_equal(size, 3);
    disk_close(file);
}

static void a_lock_is_held_until_it_is_closed(void **state)
{
    disk_file *first, *second;
    weir_error err;
    (void)state;

    assert_int_equal(disk_lock(disk_posix(), path_of("lock"), &first, &err), WEIR_OK);
    assert_int_equal(disk_lock(disk_posix(), path_of("lock"), &second, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "locked by another process"));
    disk_close(first);
    assert_int_equal(disk_lock(disk_posix(), path_of("lock"), &second, &err), WEIR_OK);
    disk_close(second);
}

static void a_directory_may_be_there_but_a_file_of_its_name_may_not(void **state)
{
    disk_file *file;
    weir_error err;
    (void)state;

    assert_int_equal(disk_mkdir(disk_posix(), dir, &err), WEIR_OK);
    assert_int_equal(disk_open(disk_posix(), path_of("plain"), DISK_CREATE, &file, &err), WEIR_OK);
    disk_close(file);
    assert_int_equal(disk_mkdir(disk_posix(), path_of("plain"), &err), WEIR_FATAL);
    assert_int_equal(disk_sync_dir(disk_posix(), dir, &err), WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_buffers_arrive_in_order_and_empty_ones_do_no_harm),
        cmocka_unit_test(a_large_write_arrives_whole_wherever_its_buffers_are_cut),
        cmocka_unit_test(a_file_that_must_not_exist_is_refused_when_it_does),
        cmocka_unit_test(a_missing_file_is_an_error_that_names_it),
        cmocka_unit_test(with_too_many_files_open_the_remedy_is_named),
        cmocka_unit_test(a_full_disk_is_worth_a_retry),
        cmocka_unit_test(reserved_space_counts_as_size_and_reads_as_zeros),
        cmocka_unit_test(a_lock_is_held_until_it_is_closed),
        cmocka_unit_test(a_directory_may_be_there_but_a_file_of_its_name_may_not),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
