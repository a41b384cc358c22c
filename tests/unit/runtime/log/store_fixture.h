/* store_fixture.h - a store in a folder of its own, and short ways to fill and read it. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/store.h"
#include "runtime/log/store_keep.h"
#include "runtime/log/store_read.h"
#include "runtime/wire/record_batch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct fixture {
    char dir[64];
    store_options options;
    store *store;
    weir_error err;
} fixture;

static inline int fixture_setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    *state = f;
    strcpy(f->dir, "/tmp/weir-store-XXXXXX");
    if (mkdtemp(f->dir) == NULL)
        return -1;
    f->options.path = f->dir;
    f->options.journal_file_bytes = 4 << 20;
    return 0;
}

static inline int fixture_unlink(const char *path, const struct stat *status, int type,
                                 struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    fixture *f = *state;
    int failed = nftw(f->dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);

    free(f);
    return failed;
}

static inline void fixture_open(fixture *f, bool manual)
{
    f->options.manual = manual;
    if (store_open(&f->options, &f->store, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
}

static inline void fixture_close(fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

/* As after a crash of the process: what was written is in the files, nothing is finished. The open store
 * is copied aside, and its folder put back after the close. */
static inline void fixture_abandon(fixture *f)
{
    char command[400];

    snprintf(command, sizeof(command), "cp -a --sparse=never %s %s.copy", f->dir, f->dir);
    assert_int_equal(system(command), 0);
    fixture_close(f);
    snprintf(command, sizeof(command), "rm -r %s && mv %s.copy %s", f->dir, f->dir, f->dir);
    assert_int_equal(system(command), 0);
}

static inline void fixture_topic(fixture *f, const char *name, int32_t partitions)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.partitions = partitions;
    if (store_topic_create(f->store, weir_cstr(name), &config, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
}

static inline store_partition *fixture_partition(fixture *f, const char *topic, int32_t partition)
{
    store_topic *found = store_topic_find(f->store, weir_cstr(topic));

    assert_non_null(found);
    return store_partition_at(found, partition);
}

/* A batch of one record. */
static inline void fixture_batch(weir_buf *out, weir_str value, int64_t timestamp_ms)
{
    record_batch_builder builder = {0};
    record_fields fields = {.timestamp_ms = timestamp_ms, .value = value};
    weir_buf scratch = {0};
    weir_error err;

    record_batch_begin(&builder, out);
    record_batch_add(&builder, &fields);
    assert_int_equal(record_batch_end(&builder, RECORD_NONE, &scratch, &err), WEIR_OK);
    weir_buf_done(&scratch);
}

static inline void fixture_ignore(store_append *append)
{
    (void)append;
}

static inline void fixture_note_done(store_append *append)
{
    *(bool *)append->context = true;
}

static inline weir_code fixture_try(fixture *f, const char *topic, int32_t partition,
                                    weir_str value, int64_t timestamp_ms)
{
    store_piece piece = {.partition = fixture_partition(f, topic, partition)};
    store_append append = {.pieces = &piece, .piece_count = 1};
    weir_buf bytes = {0};
    weir_code code;

    fixture_batch(&bytes, value, timestamp_ms);
    piece.bytes = bytes.ptr;
    piece.size = bytes.len;
    code = store_append_now(f->store, &append, &f->err);
    weir_buf_done(&bytes);
    return code;
}

static inline void fixture_append_at(fixture *f, const char *topic, int32_t partition,
                                     const char *value, int64_t timestamp_ms)
{
    if (fixture_try(f, topic, partition, weir_cstr(value), timestamp_ms) != WEIR_OK)
        fail_msg("%s", f->err.message);
}

static inline void fixture_append(fixture *f, const char *topic, int32_t partition,
                                  const char *value)
{
    fixture_append_at(f, topic, partition, value, 1000);
}

static inline void fixture_append_size(fixture *f, const char *topic, int32_t partition,
                                       size_t size)
{
    char *value = calloc(1, size + 1);

    memset(value, 'x', size);
    fixture_append(f, topic, partition, value);
    free(value);
}

/* All values of a partition, with a space between. Checks that offsets follow each other. */
static inline void fixture_values(fixture *f, const char *topic, int32_t partition, weir_buf *out)
{
    store_partition *from = fixture_partition(f, topic, partition);
    int64_t offset = store_start_offset(from), end = store_end_offset(from);
    weir_buf bytes = {0}, scratch = {0};
    store_cursor cursor = {0};

    while (offset < end) {
        weir_buf_clear(&bytes);
        if (store_read(from, offset, 10000, &cursor, &bytes, &f->err) != WEIR_OK)
            fail_msg("%s", f->err.message);
        assert_true(bytes.len > 0);
        for (weir_str rest = weir_buf_str(&bytes); rest.len > 0;) {
            record_iterator records;
            record_view record;

            assert_int_equal(record_iterator_begin(&records, rest, &scratch, 1 << 30, &f->err),
                             WEIR_OK);
            while (record_iterator_next(&records, &record, &f->err) == WEIR_OK) {
                assert_int_equal(record.offset, offset);
                offset++;
                if (out->len > 0)
                    weir_buf_add_byte(out, ' ');
                weir_buf_add_str(out, record.value);
            }
            rest.ptr += records.info.size_bytes;
            rest.len -= records.info.size_bytes;
        }
        assert_int_equal(offset, cursor.offset);
    }
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
}

static inline void fixture_expect(fixture *f, const char *topic, int32_t partition,
                                  const char *values)
{
    weir_buf found = {0};

    fixture_values(f, topic, partition, &found);
    assert_string_equal(weir_buf_cstr(&found), values);
    weir_buf_done(&found);
}

static inline void fixture_expect_count(fixture *f, const char *topic, int32_t partition,
                                        int64_t count)
{
    store_partition *from = fixture_partition(f, topic, partition);
    weir_buf found = {0};

    fixture_values(f, topic, partition, &found);
    assert_int_equal(store_end_offset(from) - store_start_offset(from), count);
    weir_buf_done(&found);
}

#endif
