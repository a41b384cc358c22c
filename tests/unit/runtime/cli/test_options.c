/* test_options.c - options come from flags and from a file, flags win, and slips are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/options.h"

static char path[] = "/tmp/test_options_XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *text, const char *message)
{
    options self;
    weir_error err = {0};

    options_init(&self);
    write_file(text);
    assert_int_equal(options_read(&self, path, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, message));
}

static void defaults_are_a_local_listener_and_plugins_beside_the_program(void **state)
{
    options self;
    (void)state;

    options_init(&self);
    assert_string_equal(self.rest, "127.0.0.1:8083");
    assert_non_null(strstr(self.plugins, "connectors"));
    assert_string_equal(self.data, "");
}

static void a_flag_wins_over_the_file_wherever_it_stands(void **state)
{
    char *argv[] = {"weir server", "--rest", "none", "--config", path, "--data", "/d", NULL};
    options self;
    (void)state;

    options_init(&self);
    write_file("rest: 127.0.0.1:1\ndata: /from/file\nlog-level: debug\n");
    assert_int_equal(argp_parse(&options_argp, 7, argv, ARGP_NO_EXIT, NULL, &self), 0);
    assert_string_equal(self.rest, "none");
    assert_string_equal(self.data, "/d");
    assert_string_equal(self.log_level, "debug");
}

static void an_empty_file_changes_nothing(void **state)
{
    options self;
    weir_error err;
    (void)state;

    options_init(&self);
    write_file("# nothing\n");
    assert_int_equal(options_read(&self, path, &err), WEIR_OK);
    assert_string_equal(self.rest, "127.0.0.1:8083");
}

static void slips_in_the_file_are_told_with_their_line(void **state)
{
    (void)state;
    assert_refused("data: x\nplugin: y\n", ":2: no option \"plugin\"; did you mean \"plugins\"?");
    assert_refused("frobnicate: y\n", ":1: no option \"frobnicate\"");
    assert_refused("data: [x]\n", ":1: data is a list where a text is expected");
    assert_refused("- x\n", ":1: one map of options is expected");
    assert_refused("log-level: aaaaaaaaaaaaaaaaaaaaaaaa\n",
                   ":1: log-level is longer than 15 bytes");
}

static void levels_and_formats_are_checked(void **state)
{
    options self;
    weir_error err;
    (void)state;

    options_init(&self);
    assert_int_equal(options_apply(&self, &err), WEIR_OK);
    strncpy(self.log_format, "xml", sizeof(self.log_format) - 1);
    assert_int_equal(options_apply(&self, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "--log-format is logfmt or json, not \"xml\"");
    strncpy(self.log_level, "loud", sizeof(self.log_level) - 1);
    assert_int_equal(options_apply(&self, &err), WEIR_CONFIG);
    assert_string_equal(err.message, "--log-level is debug, info, warn or error, not \"loud\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_a_local_listener_and_plugins_beside_the_program),
        cmocka_unit_test(a_flag_wins_over_the_file_wherever_it_stands),
        cmocka_unit_test(an_empty_file_changes_nothing),
        cmocka_unit_test(slips_in_the_file_are_told_with_their_line),
        cmocka_unit_test(levels_and_formats_are_checked),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
