/* journal_fixture.h - a journal in a folder of its own, and entries made by hand. */
#ifndef TESTS_JOURNAL_FIXTURE_H
#define TESTS_JOURNAL_FIXTURE_H

#include "runtime/log/journal.h"
#include "runtime/log/journal_scan.h"
#include "tests/unit/runtime/log/store_fixture.h"

enum { JOURNAL_FILE = 64 << 10, JOURNAL_GENERATION = 3 };

typedef struct journal_fixture {
    fixture base; /* its folder and error; no store is opened */
    journal_options options;
    log_journal *journal;
} journal_fixture;

static inline int journal_setup(void **state)
{
    journal_fixture *f = calloc(1, sizeof(*f));

    *state = f;
    strcpy(f->base.dir, "/tmp/weir-journal-XXXXXX");
    if (mkdtemp(f->base.dir) == NULL)
        return -1;
    f->options = (journal_options){.disk = disk_posix(),
                                   .path = f->base.dir,
                                   .generation = JOURNAL_GENERATION,
                                   .file_bytes = JOURNAL_FILE};
    return 0;
}

static inline int journal_teardown(void **state)
{
    journal_fixture *f = *state;

    journal_close(f->journal);
    return fixture_teardown(state); /* the base begins it */
}

static inline void journal_begin(journal_fixture *f)
{
    weir_error err;

    assert_int_equal(journal_open(&f->options, &f->journal, &err), WEIR_OK);
    assert_int_equal(journal_resume(f->journal, NULL, 0, &err), WEIR_OK);
}

/* Opens it as the next start does, but does not say where to go on. */
static inline void journal_again(journal_fixture *f)
{
    weir_error err;

    journal_close(f->journal);
    assert_int_equal(journal_open(&f->options, &f->journal, &err), WEIR_OK);
}

/* An entry of no pieces with size bytes of one letter behind them; returns its position. */
static inline uint64_t journal_put_as(journal_fixture *f, const journal_entry *as, char letter,
                                      size_t size)
{
    journal_entry front = *as;
    uint64_t padded = journal_padded(sizeof(front) + size);
    char *bytes = calloc(1, padded);
    struct iovec buffer = {bytes, padded};
    uint64_t position = journal_position(f->journal);
    weir_error err;

    front.magic = JOURNAL_ENTRY_MAGIC;
    front.length = sizeof(front) + size;
    memset(bytes + sizeof(front), letter, size);
    memcpy(bytes, &front, sizeof(front));
    front.crc = crc32c(0, bytes + offsetof(journal_entry, generation),
                       front.length - offsetof(journal_entry, generation));
    memcpy(bytes, &front, sizeof(front));
    if (journal_reserve(f->journal, padded, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(journal_write(f->journal, &buffer, 1, padded, &err), WEIR_OK);
    free(bytes);
    return position;
}

static inline uint64_t journal_put(journal_fixture *f, char letter, size_t size)
{
    uint64_t position = journal_position(f->journal);

    return journal_put_as(f,
                          &(journal_entry){.generation = JOURNAL_GENERATION,
                                           .position = position,
                                           .synced = position},
                          letter, size);
}

/* Turns over a bit of a journal file. */
static inline void journal_damage(const journal_fixture *f, int number, int64_t at)
{
    char path[128], byte;
    FILE *file;

    snprintf(path, sizeof(path), "%s/journal-%03d", f->base.dir, number);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, file), 1);
    byte ^= 1;
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(&byte, 1, 1, file), 1);
    fclose(file);
}

/* Adds the letter of each entry. */
static inline weir_code journal_note(void *context, const journal_scan_entry *entry,
                                     weir_error *err)
{
    (void)err;
    weir_buf_add_byte(context, entry->bytes[0]);
    return WEIR_OK;
}

#endif
