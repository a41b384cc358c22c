/* test_store_format.c - which directories are taken for a log, and what becomes of the others. */
#include "tests/unit/runtime/log/crash_fixture.h"

#include <sys/stat.h>

static void write_file(const fixture *f, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_refused(fixture *f, const char *what)
{
    assert_int_equal(store_open(&f->options, &f->store, &f->err), WEIR_CONFIG);
    if (strstr(f->err.message, what) == NULL)
        fail_msg("'%s' has no '%s'", f->err.message, what);
}

static void a_log_keeps_its_identity(void **state)
{
    fixture *f = *state;
    char id[40];

    fixture_open(f, true);
    snprintf(id, sizeof(id), "%s", store_id(f->store));
    assert_int_equal(strlen(id), 36);
    fixture_close(f);
    fixture_open(f, true);
    assert_string_equal(store_id(f->store), id);
    fixture_close(f);
}

static void a_format_file_that_says_something_else_is_refused(void **state)
{
    static const struct {
        const char *text, *refusal;
    } CASES[] = {
        {"", "is not the format of a log"},
        {"weir log 1", "is not the format of a log"}, /* no line */
        {"weir log 0\nid 00000000-0000-4000-8000-000000000000\n", "is not the format of a log"},
        {"something\nelse\n", "is not the format of a log"},
        {"weir log 2\nid 00000000-0000-4000-8000-000000000000\n",
         "has format 2, and this weir knows up to 1: it was written by a newer weir"},
        {"weir log 1\nid 00000000-0000-4000-8000-00000000000\n", "has no identity"},
        {"weir log 1\nname 00000000-0000-4000-8000-000000000000\n", "has no identity"},
    };
    fixture *f = *state;

    fixture_open(f, true);
    fixture_close(f);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        write_file(f, "format", CASES[i].text);
        expect_refused(f, CASES[i].refusal);
    }
}

static void what_a_file_system_puts_into_an_empty_directory_does_no_harm(void **state)
{
    fixture *f = *state;
    char path[128];

    snprintf(path, sizeof(path), "%s/lost+found", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_open(f, true);
    fixture_close(f);
}

static void a_directory_of_something_else_is_left_alone(void **state)
{
    fixture *f = *state;
    char path[128];

    write_file(f, "letters.txt", "dear");
    expect_refused(f, "is no log and not empty: it has 'letters.txt'");
    snprintf(path, sizeof(path), "%s/checkpoint", f->dir);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_log_whose_format_file_is_missing_is_not_made_anew(void **state)
{
    fixture *f = *state;
    char path[128], aside[128];

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_close(f);
    snprintf(path, sizeof(path), "%s/format", f->dir);
    snprintf(aside, sizeof(aside), "%s/format.new", f->dir);
    assert_int_equal(rename(path, aside), 0);
    expect_refused(f, "but its file 'format' is missing: put that back");
    assert_int_equal(rename(aside, path), 0);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one");
    fixture_close(f);
}

static void a_second_opening_is_refused_while_the_first_lasts(void **state)
{
    fixture *f = *state;
    store *second;

    fixture_open(f, true);
    assert_int_equal(store_open(&f->options, &second, &f->err), WEIR_CONFIG);
    assert_non_null(strstr(f->err.message, "cannot be used"));
    fixture_close(f);
    fixture_open(f, true);
    fixture_close(f);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    fixture *f = *state;
    char path[3100];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = 0;
    f->options.path = path;
    expect_refused(f, "the path of the log's directory is too long");
}

static void make_log(fixture *f, int *told)
{
    if (store_open(&f->options, &f->store, &f->err) != WEIR_OK) {
        f->store = NULL;
        return;
    }
    *told = 1;
}

static void check_made(fixture *f, int told)
{
    (void)told; /* it could be opened, which made it anew or found it whole */
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_expect(f, "t", 0, "one");
}

static void a_crash_while_a_log_is_made_leaves_a_directory_that_can_be_opened(void **state)
{
    crash_everywhere(*state, &(crash_plan){.act = make_log,
                                           .check = check_made,
                                           .options.journal_file_bytes = 64 << 10});
}

/* --- What must be durable when a log was made ------------------------------------------------- */

static weir_buf calls; /* of the disk, in order */

static weir_code noted_sync_dir(disk *self, const char *path, weir_error *err)
{
    (void)self;
    weir_buf_printf(&calls, "sync_dir %s\n",
                    strrchr(path, '/') != NULL ? strrchr(path, '/') : path);
    return disk_sync_dir(disk_posix(), path, err);
}

static weir_code noted_rename(disk *self, const char *from, const char *to, weir_error *err)
{
    (void)self;
    weir_buf_printf(&calls, "rename %s\n", strrchr(to, '/'));
    return disk_rename(disk_posix(), from, to, err);
}

static void a_new_logs_own_name_is_made_durable(void **state)
{
    fixture *f = *state;
    disk_ops ops = *disk_posix()->ops;
    disk noting = {&ops};
    char path[128], expected[64];
    const char *text;

    ops.sync_dir = noted_sync_dir;
    ops.rename = noted_rename;
    snprintf(path, sizeof(path), "%s/inner/", f->dir);
    f->options.path = path;
    f->options.disk = &noting;
    fixture_open(f, true);
    fixture_close(f);
    /* The directory above, before anything that makes it a log. */
    snprintf(expected, sizeof(expected), "sync_dir %s\n", strrchr(f->dir, '/'));
    text = weir_buf_cstr(&calls);
    assert_memory_equal(text, expected, strlen(expected));
    assert_non_null(strstr(text, "rename /checkpoint\n"));
    assert_true(strstr(text, "rename /checkpoint\n") < strstr(text, "rename /format\n"));
    weir_buf_done(&calls);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_log_keeps_its_identity),
        CASE(a_format_file_that_says_something_else_is_refused),
        CASE(what_a_file_system_puts_into_an_empty_directory_does_no_harm),
        CASE(a_directory_of_something_else_is_left_alone),
        CASE(a_log_whose_format_file_is_missing_is_not_made_anew),
        CASE(a_second_opening_is_refused_while_the_first_lasts),
        CASE(a_path_that_is_too_long_is_refused),
        CASE(a_crash_while_a_log_is_made_leaves_a_directory_that_can_be_opened),
        CASE(a_new_logs_own_name_is_made_durable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
