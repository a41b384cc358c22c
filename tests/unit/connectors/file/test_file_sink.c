/* test_file_sink.c - each line is whole, also when the disk was full in the middle of one; a pipe holds up nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/file/file.h"
#include "sdk/kit/kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = 32, LIMIT_BYTES = 505 }; /* the newline included; inside the 16th */

static char folder[] = "/tmp/weir-file-XXXXXX";
static char path[64];

static plugin connector_of(plugin_kind kind)
{
    plugin made = {.path = "file.so", .kind = kind, .name = "file"};

    if (kind == PLUGIN_SOURCE) {
        made.source = file_source;
        made.table =
            (config_table){file_source.fields, file_source.field_count, sizeof(weir_field)};
        made.state_size = file_source.state_size;
    } else {
        made.sink = file_sink;
        made.table = (config_table){file_sink.fields, file_sink.field_count, sizeof(weir_field)};
        made.state_size = file_sink.state_size;
    }
    return made;
}

static kit *new_kit(const plugin *connector)
{
    const config_setting settings[] = {{WEIR_STR("file"), weir_cstr(path)},
                                       {WEIR_STR("topic"), WEIR_STR("lines")}};
    weir_error err;
    kit *made;

    if (kit_new(connector, settings, connector->kind == PLUGIN_SOURCE ? 2 : 1, &made, &err) !=
        WEIR_OK)
        fail_msg("%s", err.message);
    return made;
}

static weir_batch *lines(int first, int count)
{
    weir_batch *batch = batch_new(4 << 20);
    weir_error err;

    for (int i = first; i < first + count; i++) {
        char text[LINE_BYTES + 1];

        assert_true(weir_record_begin(batch, WEIR_STR("lines")));
        weir_record_value(batch, NULL);
        weir_put_raw(
            batch, (weir_str){text, (size_t)snprintf(text, sizeof(text), "line %05d%21s", i, ".")});
        assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    }
    return batch;
}

static int make_folder(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void allow_bytes(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Every line is whole, and each of them is there. */
static void assert_lines(int count)
{
    FILE *file = fopen(path, "re");
    bool *seen = calloc((size_t)count, sizeof(bool));
    char line[64];

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        int number = -1;

        assert_int_equal(strlen(line), LINE_BYTES);
        /* NOLINTNEXTLINE(cert-err34-c): of the form that lines() gave it */
        assert_int_equal(sscanf(line, "line %d", &number), 1);
        assert_in_range(number, 0, count - 1);
        seen[number] = true;
    }
    for (int i = 0; i < count; i++)
        assert_true(seen[i]);
    free(seen);
    (void)fclose(file);
}

static void a_line_that_was_cut_by_a_full_disk_goes_on_where_it_was_cut(void **state)
{
    const plugin connector = connector_of(PLUGIN_SINK);
    kit *sink = new_kit(&connector);
    weir_batch *first = lines(0, 100), *second = lines(100, 100);
    int64_t next;
    weir_error err;
    (void)state;

    assert_int_equal(kit_open(sink, &err), WEIR_OK);
    assert_int_equal(kit_put(sink, first, &err), WEIR_OK);
    allow_bytes(LIMIT_BYTES);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kit_flush(sink, &next, &err), WEIR_RETRY);
    assert_non_null(strstr(err.message, "File too large"));
    allow_bytes(RLIM_INFINITY);
    assert_int_equal(kit_put(sink, second, &err), WEIR_OK);
    assert_int_equal(kit_flush(sink, &next, &err), WEIR_OK);
    assert_lines(200);
    batch_free(first);
    batch_free(second);
    kit_free(sink);
}

/* More than is buffered, so that put writes it: of a batch that comes again nothing is kept but the rest of the line
 * that was cut. */
static void a_batch_that_is_put_again_is_not_kept_for_each_attempt(void **state)
{
    enum { EARLY = 10, MANY = 60000, ATTEMPTS = 4 };
    const plugin connector = connector_of(PLUGIN_SINK);
    kit *sink = new_kit(&connector);
    weir_batch *early = lines(0, EARLY), *many = lines(EARLY, MANY);
    struct stat found;
    int64_t next;
    weir_error err;
    (void)state;

    assert_int_equal(kit_open(sink, &err), WEIR_OK);
    assert_int_equal(kit_put(sink, early, &err), WEIR_OK);
    allow_bytes(LIMIT_BYTES);
    for (int i = 0; i < ATTEMPTS; i++)
        assert_int_equal(kit_put(sink, many, &err), WEIR_RETRY);
    allow_bytes(RLIM_INFINITY);
    assert_int_equal(kit_put(sink, many, &err), WEIR_OK);
    assert_int_equal(kit_flush(sink, &next, &err), WEIR_OK);
    assert_lines(EARLY + MANY);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, (16 + MANY) * LINE_BYTES);
    batch_free(early);
    batch_free(many);
    kit_free(sink);
}

static void a_pipe_that_nobody_reads_is_refused_and_holds_up_nobody(void **state)
{
    const plugin writer = connector_of(PLUGIN_SINK), reader = connector_of(PLUGIN_SOURCE);
    kit *sink, *source;
    weir_error err;
    char expected[128];
    (void)state;

    assert_int_equal(mkfifo(path, 0600), 0);
    sink = new_kit(&writer);
    source = new_kit(&reader);
    snprintf(expected, sizeof(expected), "could not open %s: nobody reads it", path);
    assert_int_equal(kit_open(sink, &err), WEIR_RETRY);
    assert_string_equal(err.message, expected);
    assert_int_equal(kit_open(source, &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "is no regular file"));
    kit_free(sink);
    kit_free(source);
}

static void a_pipe_gets_every_line(void **state)
{
    const plugin connector = connector_of(PLUGIN_SINK);
    kit *sink = new_kit(&connector);
    weir_batch *batch = lines(0, 3);
    char found[4 * LINE_BYTES];
    int64_t next;
    weir_error err;
    int fd;
    (void)state;

    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(kit_open(sink, &err), WEIR_OK);
    assert_int_equal(kit_put(sink, batch, &err), WEIR_OK);
    assert_int_equal(kit_flush(sink, &next, &err), WEIR_OK);
    assert_int_equal(read(fd, found, sizeof(found)), 3 * LINE_BYTES);
    assert_memory_equal(found, "line 00000", 10);
    assert_memory_equal(found + (size_t)2 * LINE_BYTES, "line 00002", 10);
    (void)close(fd);
    assert_int_equal(kit_put(sink, batch, &err), WEIR_OK);
    assert_int_equal(kit_flush(sink, &next, &err), WEIR_RETRY);
    assert_non_null(strstr(err.message, "Broken pipe"));
    batch_free(batch);
    kit_free(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_line_that_was_cut_by_a_full_disk_goes_on_where_it_was_cut,
                                  remove_file),
        cmocka_unit_test_teardown(a_batch_that_is_put_again_is_not_kept_for_each_attempt,
                                  remove_file),
        cmocka_unit_test_teardown(a_pipe_that_nobody_reads_is_refused_and_holds_up_nobody,
                                  remove_file),
        cmocka_unit_test_teardown(a_pipe_gets_every_line, remove_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
