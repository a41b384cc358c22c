/* test_store_read.c - reading from wherever a record is just now: journal, segment, or on its way between them. */
#include "tests/unit/runtime/log/store_fixture.h"

enum { APPENDS = 40 };

/* The base offset of the first batch that a read from offset gives; -1: nothing. */
static int64_t first_of(fixture *f, int64_t offset, size_t max_bytes, store_cursor *cursor,
                        size_t *size)
{
    weir_buf bytes = {0};
    record_batch_info info;
    int64_t first = -1;

    if (store_read(fixture_partition(f, "t", 0), offset, max_bytes, cursor, &bytes, &f->err) !=
        WEIR_OK)
        fail_msg("%s", f->err.message);
    if (bytes.len > 0) {
        assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
        first = info.base_offset;
    }
    *size = bytes.len;
    weir_buf_done(&bytes);
    return first;
}

static void read_everywhere(fixture *f, int count)
{
    for (int i = 0; i <= count; i++) {
        store_cursor cursor = {0};
        size_t size;

        assert_int_equal(first_of(f, i, 1, &cursor, &size), i < count ? i : -1);
        if (i < count)
            assert_int_equal(cursor.offset, i + 1);
    }
}

static void every_offset_is_found_before_while_and_after_it_is_applied(void **state)
{
    fixture *f = *state;

    f->options.segment_bytes = 20000;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < APPENDS; i++)
        fixture_append_size(f, "t", 0, 1500);
    for (int i = 0; i < APPENDS; i++) {
        read_everywhere(f, APPENDS);
        if (!store_step(f->store, STORE_APPLY))
            break;
    }
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    read_everywhere(f, APPENDS);
    fixture_close(f);
    fixture_open(f, true);
    read_everywhere(f, APPENDS);
    fixture_close(f);
}

static void a_read_takes_as_much_as_fits_and_at_least_one_batch(void **state)
{
    fixture *f = *state;
    store_cursor cursor = {0};
    size_t one, size;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 6; i++)
        fixture_append_size(f, "t", 0, 1000);
    for (int applied = 0; applied < 2; applied++) {
        assert_int_equal(first_of(f, 0, 1, &cursor, &one), 0);
        assert_int_equal(first_of(f, 0, 3 * one, &cursor, &size), 0);
        assert_int_equal(size, 3 * one);
        assert_int_equal(cursor.offset, 3);
        assert_int_equal(first_of(f, cursor.offset, 100 * one, &cursor, &size), 3);
        assert_int_equal(size, 3 * one);
        assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    }
    fixture_close(f);
}

/* --- Meanwhile -------------------------------------------------------------------------------- */

static fixture *scene;
static bool is_armed;

typedef struct hooked_file {
    disk_file base;
    disk_file *inner;
    bool is_journal;
} hooked_file;

static disk_ops hooked_disk_ops, hooked_file_ops;
static disk hooked = {&hooked_disk_ops};

static weir_code hooked_open(disk *self, const char *path, disk_mode mode, disk_file **out,
                             weir_error *err)
{
    hooked_file *file = calloc(1, sizeof(*file));

    (void)self;
    file->base.ops = &hooked_file_ops;
    file->is_journal = strstr(path, "/journal-") != NULL;
    if (disk_open(disk_posix(), path, mode, &file->inner, err) != WEIR_OK) {
        free(file);
        return err->code;
    }
    *out = &file->base;
    return WEIR_OK;
}

static void hooked_close(disk_file *base)
{
    disk_close(((hooked_file *)base)->inner);
    free(base);
}

static weir_code hooked_pwritev(disk_file *base, const struct iovec *buffers, int count, int64_t at,
                                weir_error *err)
{
    return disk_pwritev(((hooked_file *)base)->inner, buffers, count, at, err);
}

/* What a reader looked up in the journal is applied, freed and written over before it reads. */
static void free_the_journal(void)
{
    assert_int_equal(store_checkpoint_now(scene->store, &scene->err), WEIR_OK);
    for (int i = 0; i < 2 * APPENDS; i++) {
        char value[1501];

        memset(value, 'y', sizeof(value) - 1);
        value[sizeof(value) - 1] = 0;
        fixture_append(scene, "u", 0, value);
        assert_int_equal(store_checkpoint_now(scene->store, &scene->err), WEIR_OK);
    }
}

static weir_code hooked_pread(disk_file *base, void *bytes, size_t size, int64_t at, size_t *got,
                              weir_error *err)
{
    hooked_file *file = (hooked_file *)base;

    if (is_armed && file->is_journal) {
        is_armed = false;
        free_the_journal();
    }
    return disk_pread(file->inner, bytes, size, at, got, err);
}

static weir_code hooked_fdatasync(disk_file *base, weir_error *err)
{
    return disk_fdatasync(((hooked_file *)base)->inner, err);
}

static weir_code hooked_truncate(disk_file *base, int64_t size, weir_error *err)
{
    return disk_truncate(((hooked_file *)base)->inner, size, err);
}

static weir_code hooked_allocate(disk_file *base, int64_t at, int64_t size, weir_error *err)
{
    return disk_allocate(((hooked_file *)base)->inner, at, size, err);
}

static weir_code hooked_size(disk_file *base, int64_t *size, weir_error *err)
{
    return disk_size(((hooked_file *)base)->inner, size, err);
}

static void what_was_read_of_a_journal_that_was_freed_meanwhile_does_not_count(void **state)
{
    fixture *f = *state;
    weir_buf bytes = {0};
    store_cursor cursor = {0};
    record_batch_info info;

    scene = f;
    hooked_disk_ops = *disk_posix()->ops;
    hooked_disk_ops.open = hooked_open;
    hooked_file_ops = (disk_ops){.close = hooked_close,
                                 .pwritev = hooked_pwritev,
                                 .pread = hooked_pread,
                                 .fdatasync = hooked_fdatasync,
                                 .truncate = hooked_truncate,
                                 .allocate = hooked_allocate,
                                 .size = hooked_size};
    f->options.disk = &hooked;
    f->options.journal_file_bytes = 64 << 10;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_topic(f, "u", 1);
    for (int i = 0; i < 5; i++)
        fixture_append_size(f, "t", 0, 1500);
    is_armed = true;
    if (store_read(fixture_partition(f, "t", 0), 2, 1, &cursor, &bytes, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
    assert_false(is_armed);
    assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
    assert_int_equal(info.base_offset, 2);
    assert_int_equal(bytes.ptr[bytes.len - 10], 'x');
    weir_buf_done(&bytes);
    fixture_close(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_offset_is_found_before_while_and_after_it_is_applied),
        CASE(a_read_takes_as_much_as_fits_and_at_least_one_batch),
        CASE(what_was_read_of_a_journal_that_was_freed_meanwhile_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
