/* test_secret.c - references to secrets become values, and messages never show one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/connect/secret.h"
#include "sdk/src/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/weir-secret-XXXXXX";

static int setup(void **state)
{
    static const char text[] = "user = ann\n  password=s3cret=x \r\nempty=\npass=other\n";
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0 || close(fd) != 0)
        return -1;
    return setenv("WEIR_TEST_SECRET", "from the environment", 1);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void assert_resolved(const char *fmt, const char *expected)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, out = {0};
    weir_error err;

    weir_buf_printf(&text, fmt, path);
    if (secret_resolve(weir_buf_str(&text), &out, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    assert_string_equal(weir_buf_cstr(&out), expected);
}

static void assert_missing(const char *fmt, const char *expected)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0}, out = {0};
    weir_error err;

    weir_buf_printf(&text, fmt, path);
    assert_int_equal(secret_resolve(weir_buf_str(&text), &out, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, expected));
    assert_null(strstr(err.message, "s3cret"));
}

static void a_variable_of_the_environment(void **state)
{
    (void)state;
    assert_resolved("a ${env:WEIR_TEST_SECRET} b", "a from the environment b");
    assert_missing("${env:WEIR_NO_SUCH}", "\"WEIR_NO_SUCH\" is not set");
}

static void a_line_of_a_file(void **state)
{
    (void)state;
    assert_resolved("${file:%s:user}", "ann");
    assert_resolved("${file:%s:password}", "s3cret=x");
    assert_resolved("${file:%s:pass}", "other");
    assert_resolved("[${file:%s:empty}]", "[]");
    assert_missing("${file:%s:passwor}", "has no line \"passwor=...\"");
    assert_missing("${file:%s.gone:user}", "could not read");
}

static void a_whole_file(void **state)
{
    (void)state;
    assert_resolved("${file:%s}", "user = ann\n  password=s3cret=x \r\nempty=\npass=other");
}

static void what_is_no_reference_stays(void **state)
{
    (void)state;
    assert_resolved("$1 ${x} ${env:WEIR", "$1 ${x} ${env:WEIR");
}

static void settings_are_resolved_and_the_message_names_the_setting(void **state)
{
    config_setting settings[] = {{WEIR_STR("plain"), WEIR_STR("x")},
                                 {WEIR_STR("password"), WEIR_STR("${env:WEIR_TEST_SECRET}")},
                                 {WEIR_STR("other"), WEIR_STR("${env:WEIR_NO_SUCH}")}};
    weir_task memory;
    weir_error err;
    (void)state;

    task_init(&memory, WEIR_STR(""), 0, NULL, NULL);
    assert_int_equal(secret_resolve_settings(settings, 2, &memory, &err), WEIR_OK);
    assert_true(weir_str_eq(settings[0].value, WEIR_STR("x")));
    assert_true(weir_str_eq(settings[1].value, WEIR_STR("from the environment")));
    assert_int_equal(secret_resolve_settings(settings, 3, &memory, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "setting \"other\""));
    task_done(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variable_of_the_environment),
        cmocka_unit_test(a_line_of_a_file),
        cmocka_unit_test(a_whole_file),
        cmocka_unit_test(what_is_no_reference_stays),
        cmocka_unit_test(settings_are_resolved_and_the_message_names_the_setting),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
