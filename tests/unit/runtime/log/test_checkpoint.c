/* test_checkpoint.c - a checkpoint is read as it was written, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/weir-checkpoint-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/checkpoint", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return unlink(path) != 0 || rmdir(dir) != 0;
}

static void write_one(uint64_t position)
{
    checkpoint_partition partition = {.partition = 3, .next_offset = 9, .segment_bytes = 100};
    log_checkpoint written = {.generation = 7, .position = position};
    weir_error err;

    checkpoint_add(&written, &partition);
    assert_int_equal(checkpoint_write(&written, disk_posix(), dir, &err), WEIR_OK);
    checkpoint_done(&written);
}

static void the_last_one_written_is_read(void **state)
{
    log_checkpoint read = {0};
    weir_error err;
    (void)state;

    write_one(512);
    write_one(1024);
    assert_int_equal(checkpoint_read(&read, disk_posix(), dir, &err), WEIR_OK);
    assert_int_equal(read.position, 1024);
    assert_int_equal(read.generation, 7);
    assert_int_equal(checkpoint_count(&read), 1);
    assert_int_equal(checkpoint_at(&read, 0).next_offset, 9);
    checkpoint_done(&read);
}

static void one_wrong_byte_anywhere_is_refused(void **state)
{
    weir_error err;
    int fd, size;
    (void)state;

    write_one(512);
    fd = open(path, O_RDWR);
    size = (int)lseek(fd, 0, SEEK_END);
    for (int i = 0; i < size; i++) {
        log_checkpoint read = {0};
        char byte;

        assert_int_equal(pread(fd, &byte, 1, i), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        assert_int_equal(checkpoint_read(&read, disk_posix(), dir, &err), WEIR_FATAL);
        assert_non_null(strstr(err.message, "/checkpoint' is damaged"));
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        checkpoint_done(&read);
    }
    close(fd);
}

static void a_short_file_is_refused(void **state)
{
    log_checkpoint read = {0};
    weir_error err;
    (void)state;

    write_one(512);
    assert_int_equal(truncate(path, 60), 0);
    assert_int_equal(checkpoint_read(&read, disk_posix(), dir, &err), WEIR_FATAL);
    checkpoint_done(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_one_written_is_read),
        cmocka_unit_test(one_wrong_byte_anywhere_is_refused),
        cmocka_unit_test(a_short_file_is_refused),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
