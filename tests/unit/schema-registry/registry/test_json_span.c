/* test_json_span.c - what is JSON and what is not, and its pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/json_span.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void members_come_in_order_as_they_are_written(void **state)
{
    json_span span = json_span_of(WEIR_STR(" {\"a\" : [1, {\"b\":2}] ,\"c\":\"x\\\"y\" } "));
    weir_str name, value;

    (void)state;
    assert_true(json_span_next(&span, &name, &value));
    assert_true(json_span_says(name, WEIR_STR("a")));
    assert_true(weir_str_eq(value, WEIR_STR("[1, {\"b\":2}]")));
    assert_true(json_span_next(&span, &name, &value));
    assert_true(weir_str_eq(value, WEIR_STR("\"x\\\"y\"")));
    assert_false(json_span_next(&span, &name, &value));
    assert_false(span.is_bad);
}

static void an_empty_object_has_no_members(void **state)
{
    json_span span = json_span_of(WEIR_STR("{ }"));
    weir_str name, value;

    (void)state;
    assert_false(json_span_next(&span, &name, &value));
    assert_false(span.is_bad);
}

static void what_is_no_object_is_bad(void **state)
{
    static const char *const texts[] = {"",         "[]",          "{",           "{\"a\"}",
                                        "{\"a\":}", "{\"a\":1,}",  "{\"a\":1}x",  "{a:1}",
                                        "{\"a\":1", "{\"a\":1 2}", "{\"a\":1}{}", "{,}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_span span = json_span_of(weir_cstr(texts[i]));
        weir_str name, value;

        while (json_span_next(&span, &name, &value)) {
        }
        if (!span.is_bad)
            fail_msg("taken: %s", texts[i]);
    }
}

/* jansson is the oracle, but for what it refuses and RFC 8259 allows (U+0000, huge numbers). */
static void values_are_what_jansson_takes(void **state)
{
    static const char *const texts[] = {"1",
                                        "-0",
                                        "01",
                                        "1.",
                                        "1.5e+3",
                                        "1e",
                                        ".5",
                                        "true",
                                        "tru",
                                        "null",
                                        "nullx",
                                        "\"a\"",
                                        "\"",
                                        "\"\\x\"",
                                        "\"\\u12g4\"",
                                        "\"\\u00e9\"",
                                        "\"\t\"",
                                        "[",
                                        "[1,2]",
                                        "[1 2]",
                                        "[1,]",
                                        "[[[]]]",
                                        "{\"a\":{\"b\":[]}}",
                                        "{\"a\":1,\"b\"}",
                                        "\"\xc3\xa9\"",
                                        "\"\xc3\"",
                                        "\"\xe0\x80\x80\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "-",
                                        "+1",
                                        "[}",
                                        "{]",
                                        "",
                                        " ",
                                        "1 1"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *value = json_loads(texts[i], JSON_DECODE_ANY, NULL);

        if (json_span_is_value(weir_cstr(texts[i])) != (value != NULL))
            fail_msg("%s: jansson says %d", texts[i], value != NULL);
        json_decref(value);
    }
}

static void depth_is_bounded(void **state)
{
    char text[2 * JSON_SPAN_DEPTH_MAX + 3] = "";

    (void)state;
    memset(text, '[', JSON_SPAN_DEPTH_MAX);
    memset(text + JSON_SPAN_DEPTH_MAX, ']', JSON_SPAN_DEPTH_MAX);
    assert_true(json_span_is_value(weir_cstr(text)));
    memset(text, '[', JSON_SPAN_DEPTH_MAX + 1);
    memset(text + JSON_SPAN_DEPTH_MAX + 1, ']', JSON_SPAN_DEPTH_MAX + 1);
    assert_false(json_span_is_value(weir_cstr(text)));
}

static void strings_say_what_their_escapes_mean(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

    (void)state;
    json_span_add_text(WEIR_STR("\"a\\n\\\"\\/\\u00e9\\ud83d\\ude00\\ud83dx\""), &out);
    assert_string_equal(weir_buf_cstr(&out), "a\n\"/\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx");
}

static void compact_text_keeps_white_space_in_strings(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

    (void)state;
    json_span_add_compact(WEIR_STR("{ \"a b\" :\n[ 1 , \"\\\" \" ] }"), &out);
    assert_string_equal(weir_buf_cstr(&out), "{\"a b\":[1,\"\\\" \"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_order_as_they_are_written),
        cmocka_unit_test(an_empty_object_has_no_members),
        cmocka_unit_test(what_is_no_object_is_bad),
        cmocka_unit_test(values_are_what_jansson_takes),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(strings_say_what_their_escapes_mean),
        cmocka_unit_test(compact_text_keeps_white_space_in_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
