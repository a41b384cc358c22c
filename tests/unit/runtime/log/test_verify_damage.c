/* test_verify_damage.c - whatever is wrong with whichever file: it is refused, named, or does no harm. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/verify.h"

#include <sys/stat.h>

enum { APPENDS = 60, MAX_FILES = 64, PLACES = 6 };

/* The files of the log that is damaged again and again, relative to it. */
static char files[MAX_FILES][200];
static int file_count;
static size_t root_size;

static int note_file(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)ftw;
    if (type == FTW_F && strstr(path, "/lock") == NULL) {
        assert_true(file_count < MAX_FILES);
        snprintf(files[file_count++], sizeof(files[0]), "%.199s", path + root_size + 1);
    }
    return 0;
}

/* The shell has the log's directory as $DIR. */
static void run(const char *command, const char *dir)
{
    assert_int_equal(setenv("DIR", dir, 1), 0);
    assert_int_equal(system(command), 0);
}

/* Segments that are complete, one that is not, one of large batches, a journal with something in it. */
static void make_log(fixture *f)
{
    f->options.segment_bytes = 16384;
    f->options.journal_file_bytes = 64 << 10;
    f->options.large_bytes = 8192;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < APPENDS; i++)
        fixture_append_size(f, "t", 0, i % 10 == 9 ? 9000 : 700);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    for (int i = 0; i < 3; i++)
        fixture_append_size(f, "t", 0, 700);
    fixture_abandon(f);
    root_size = strlen(f->dir);
    file_count = 0;
    assert_int_equal(nftw(f->dir, note_file, 16, FTW_PHYS), 0);
    run("cp -a \"$DIR\" \"$DIR.sound\"", f->dir);
}

typedef struct verdict {
    weir_code opened;
    int64_t problems, records, gone; /* of topic t; gone: from its front */
    weir_buf message;
} verdict;

static void note_problem(void *context, const char *problem)
{
    weir_buf_printf(&((verdict *)context)->message, "%s\n", problem);
}

static void examine(fixture *f, verdict *found)
{
    verify_options options = {.topic = WEIR_STR("t"), .problem = note_problem, .context = found};
    verify_result result;

    *found = (verdict){.opened = store_open(&f->options, &f->store, &f->err)};
    if (found->opened != WEIR_OK) {
        weir_buf_add_str(&found->message, weir_cstr(f->err.message));
        return;
    }
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    verify_log(f->store, &options, &result);
    found->problems = result.problems;
    found->records = result.records;
    found->gone = store_start_offset(fixture_partition(f, "t", 0));
    fixture_close(f);
}

/* What may be: refused, or told, each with the name of a file; or harmless; or the tail of the journal is cut, which
 * nothing says was acknowledged. */
static void expect_honest(verdict *found, const char *file, const char *what)
{
    bool is_named = strstr(weir_buf_cstr(&found->message), ".log") != NULL ||
                    strstr(weir_buf_cstr(&found->message), "index") != NULL ||
                    strstr(weir_buf_cstr(&found->message), "journal") != NULL ||
                    strstr(weir_buf_cstr(&found->message), "checkpoint") != NULL ||
                    strstr(weir_buf_cstr(&found->message), "format") != NULL;

    if (found->opened != WEIR_OK || found->problems > 0) {
        if (!is_named)
            fail_msg("%s of %s: no file is named in '%s'", what, file,
                     weir_buf_cstr(&found->message));
        return;
    }
    if (found->records == APPENDS + 3)
        return;
    if (strncmp(file, "journal", 7) == 0 && found->records == APPENDS + 2)
        return;
    fail_msg("%s of %s: %d records, and nobody says so", what, file, (int)found->records);
}

static void check(fixture *f, const char *file, const char *what)
{
    verdict found;

    examine(f, &found);
    expect_honest(&found, file, what);
    weir_buf_done(&found.message);
    run("rm -r \"$DIR\" && cp -a \"$DIR.sound\" \"$DIR\"", f->dir);
}

static int64_t size_of(const fixture *f, const char *file)
{
    char path[300];
    struct stat status;

    snprintf(path, sizeof(path), "%s/%.200s", f->dir, file);
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void turn(const fixture *f, const char *file, int64_t at)
{
    char path[300];
    int byte;
    FILE *open;

    snprintf(path, sizeof(path), "%s/%.200s", f->dir, file);
    open = fopen(path, "r+b");
    assert_non_null(open);
    assert_int_equal(fseek(open, at, SEEK_SET), 0);
    byte = fgetc(open) ^ 0x10;
    assert_int_equal(fseek(open, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte, open), byte);
    fclose(open);
}

static void one_wrong_byte_anywhere_is_noticed_or_harmless(void **state)
{
    fixture *f = *state;

    make_log(f);
    for (int i = 0; i < file_count; i++) {
        int64_t size = size_of(f, files[i]);
        int64_t step = size / PLACES + 1;
        char what[64];

        for (int64_t at = 0; at < size; at += at < 64 ? 9 : step) {
            turn(f, files[i], at);
            snprintf(what, sizeof(what), "byte %d", (int)at);
            check(f, files[i], what);
        }
    }
    run("rm -r \"$DIR.sound\"", f->dir);
}

static void a_file_that_was_cut_or_emptied_is_noticed_or_harmless(void **state)
{
    fixture *f = *state;

    make_log(f);
    for (int i = 0; i < file_count; i++) {
        int64_t size = size_of(f, files[i]);

        for (int part = 0; part < 4; part++) {
            char path[300];

            snprintf(path, sizeof(path), "%s/%.200s", f->dir, files[i]);
            assert_int_equal(truncate(path, part < 3 ? size * part / 3 : size - 1), 0);
            check(f, files[i], "a cut");
        }
    }
    run("rm -r \"$DIR.sound\"", f->dir);
}

static void a_file_that_is_gone_is_noticed_or_harmless(void **state)
{
    fixture *f = *state;

    make_log(f);
    for (int i = 0; i < file_count; i++) {
        char path[300];

        if (strstr(files[i], "/t-") != NULL &&
            strstr(files[i], "/00000000000000000000.log") != NULL)
            continue; /* as retention would remove it */
        snprintf(path, sizeof(path), "%s/%.200s", f->dir, files[i]);
        assert_int_equal(unlink(path), 0);
        check(f, files[i], "the loss");
    }
    run("rm -r \"$DIR.sound\"", f->dir);
}

/* Each file takes the place of each of its kind. */
static void a_file_in_the_place_of_another_is_noticed_or_harmless(void **state)
{
    fixture *f = *state;

    make_log(f);
    for (int i = 0; i < file_count; i++) {
        for (int j = 0; j < file_count; j++) {
            const char *from = strrchr(files[i], '.'), *to = strrchr(files[j], '.');
            char command[900];

            if (i == j || from == NULL || to == NULL || strcmp(from, to) != 0)
                continue;
            snprintf(command, sizeof(command), "cp %s/%.200s %s/%.200s", f->dir, files[i], f->dir,
                     files[j]);
            assert_int_equal(system(command), 0);
            check(f, files[j], "another one in the place");
        }
    }
    run("rm -r \"$DIR.sound\"", f->dir);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_wrong_byte_anywhere_is_noticed_or_harmless),
        CASE(a_file_that_was_cut_or_emptied_is_noticed_or_harmless),
        CASE(a_file_that_is_gone_is_noticed_or_harmless),
        CASE(a_file_in_the_place_of_another_is_noticed_or_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
