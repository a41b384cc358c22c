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

/* --- Damaged offsets -------------------------------------------------------------------------- */

enum { OFFSET_BITS = 64, BATCHES = 10, BATCH_RECORDS = 3 };

static void make_batches(fixture *f, bool compact)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_buf bytes = {0}, scratch = {0};

    config.compact = compact;
    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    for (int i = 0; i < BATCHES; i++) {
        store_piece piece = {.partition = fixture_partition(f, "t", 0)};
        store_append append = {.pieces = &piece, .piece_count = 1};
        record_batch_builder builder;

        weir_buf_clear(&bytes);
        record_batch_begin(&builder, &bytes);
        for (int j = 0; j < BATCH_RECORDS; j++)
            record_batch_add(&builder, &(record_fields){.value = WEIR_STR("v")});
        assert_int_equal(record_batch_end(&builder, RECORD_NONE, &scratch, &f->err), WEIR_OK);
        piece.bytes = bytes.ptr;
        piece.size = bytes.len;
        assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_OK);
    }
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
}

/* Turns over a bit of the base offset of a batch in the first segment. */
static void turn_bit(fixture *f, long batch_bytes, int batch, int bit)
{
    char command[200], path[200] = "";
    uint8_t byte;
    FILE *file;

    snprintf(command, sizeof(command), "ls %s/topics/t-*/0/*.log", f->dir);
    file = popen(command, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%199s", path), 1);
    pclose(file);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, batch * batch_bytes + 7 - bit / 8, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, file), 1);
    byte ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_int_equal(fwrite(&byte, 1, 1, file), 1);
    fclose(file);
}

/* Reads from an offset to the end, or to an error; returns where that was. */
static int64_t read_on(fixture *f, int64_t offset, size_t max_bytes, weir_error *err)
{
    int64_t end = store_end_offset(fixture_partition(f, "t", 0));
    store_cursor cursor = {0};
    weir_buf bytes = {0};

    *err = (weir_error){0};
    while (offset < end) {
        weir_buf_clear(&bytes);
        if (store_read(fixture_partition(f, "t", 0), offset, max_bytes, &cursor, &bytes, err) !=
            WEIR_OK)
            break;
        assert_true(bytes.len > 0);
        offset = cursor.offset;
    }
    weir_buf_done(&bytes);
    return offset;
}

static void expect_stop(fixture *f, int64_t from, int64_t at, size_t max_bytes)
{
    weir_error err;

    assert_int_equal(read_on(f, from, max_bytes, &err), at);
    assert_int_equal(err.code, WEIR_FATAL);
    assert_non_null(strstr(err.message, ".log' is damaged at offset"));
}

/* A batch's offset is not covered by its CRC. */
static void a_batch_with_a_damaged_offset_is_an_error_behind_what_is_good(void **state)
{
    fixture *f = *state;
    long size;

    make_batches(f, false);
    size = (long)(store_size_bytes(fixture_partition(f, "t", 0)) / BATCHES);
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int bit = 0; bit < OFFSET_BITS; bit++) {
            int64_t place = (int64_t)batch * BATCH_RECORDS;

            turn_bit(f, size, batch, bit);
            expect_stop(f, 0, place, 1);
            expect_stop(f, 0, place, 10000);
            expect_stop(f, place, place, 10000);
            turn_bit(f, size, batch, bit);
        }
    }
    fixture_close(f);
}

/* There, offsets may be missing; but what comes behind such a batch tells. */
static void so_it_is_in_a_compacted_topic(void **state)
{
    fixture *f = *state;
    weir_error err;
    long size;

    make_batches(f, true);
    size = (long)(store_size_bytes(fixture_partition(f, "t", 0)) / BATCHES);
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int bit = 0; bit < OFFSET_BITS; bit++) {
            turn_bit(f, size, batch, bit);
            assert_true(read_on(f, 0, 10000, &err) >= (int64_t)batch * BATCH_RECORDS);
            assert_int_equal(err.code, WEIR_FATAL);
            turn_bit(f, size, batch, bit);
        }
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
        CASE(a_batch_with_a_damaged_offset_is_an_error_behind_what_is_good),
        CASE(so_it_is_in_a_compacted_topic),
        CASE(what_was_read_of_a_journal_that_was_freed_meanwhile_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
