/* test_diag.c - a diagnostic is one line, and its values cannot break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/diag.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char captured[16384];

/* Runs with standard error going to a file, and keeps what was written. */
static void capture(void (*run)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    size_t got;

    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    run();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    got = fread(captured, 1, sizeof(captured) - 1, file);
    captured[got] = 0;
    fclose(file);
}

static void write_one(void)
{
    const diag_pair context[] = {{"connector", WEIR_STR("shop.source")}};
    const diag_pair pairs[] = {{"path", WEIR_STR("a b")}, {"text", WEIR_STR("q\"\n\x01")}};

    diag_context(context, 1);
    diag_with(WEIR_WARN, pairs, 2, "it went %s", "on");
    diag_context(NULL, 0);
}

static void a_line_has_the_sentence_then_the_context_then_the_pairs(void **state)
{
    (void)state;
    capture(write_one);
    assert_memory_equal(captured, "time=2", 6);
    assert_non_null(strstr(captured, "Z level=warn msg=\"it went on\" connector=shop.source "
                                     "path=\"a b\" text=\"q\\\"\\n\\u0001\"\n"));
}

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    diag_set_json(true);
    capture(write_one);
    diag_set_json(false);
    assert_memory_equal(captured, "{\"time\":\"2", 10);
    assert_non_null(strstr(captured,
                           "\",\"level\":\"warn\",\"msg\":\"it went on\",\"connector\":"
                           "\"shop.source\",\"path\":\"a b\",\"text\":\"q\\\"\\n\\u0001\"}\n"));
}

static void write_below_the_level(void)
{
    diag(WEIR_DEBUG, "nobody sees this");
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    capture(write_below_the_level);
    assert_string_equal(captured, "");
}

static void write_too_much(void)
{
    static char text[9000];
    diag_pair pairs[] = {{"text", {text, sizeof(text)}}};

    memset(text, '"', sizeof(text));
    diag_with(WEIR_ERROR, pairs, 1, "long");
}

static void a_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
    size_t len;

    (void)state;
    capture(write_too_much);
    len = strlen(captured);
    assert_true(len > 4000 && len <= 4096);
    assert_ptr_equal(strchr(captured, '\n'), captured + len - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_the_sentence_then_the_context_then_the_pairs),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
