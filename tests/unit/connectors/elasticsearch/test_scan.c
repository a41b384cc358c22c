/* test_scan.c - spans of JSON: what is found, and what damaged text does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/scan.h"

#define DOCUMENT                                                                                   \
    "{ \"a\" : 1e400 "                                                                             \
    ",\"b\":\"x\\\"}],\",\"c\":{\"d\":[1,{\"e\":\"}\"}]},\n\"d\":[[],{}],\"\":null,"               \
    "\"\\u00fc\\ud83d\\ude00\\n\":-0.10,\"b\":true}"

static void assert_found(const char *name, const char *expected)
{
    weir_str found = scan_find(WEIR_STR(DOCUMENT), weir_cstr(name));

    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.ptr, expected, found.len);
}

static void a_value_is_found_byte_for_byte(void **state)
{
    (void)state;
    assert_found("a", "1e400");
    assert_found("c", "{\"d\":[1,{\"e\":\"}\"}]}");
    assert_found("d", "[[],{}]");
    assert_found("", "null");
    assert_found("\xc3\xbc\xf0\x9f\x98\x80\n", "-0.10");
}

static void the_last_of_equal_names_counts_and_a_missing_one_is_empty(void **state)
{
    (void)state;
    assert_found("b", "true");
    assert_found("e", ""); /* that is the name of a member of a member */
    assert_found("x", "");
}

static void members_and_items_come_in_their_order(void **state)
{
    scanner items = scan_begin(WEIR_STR(" [ 1 , \"two\" ,[3], {\"f\":4},null ] "));
    static const char *const expected[] = {"1", "\"two\"", "[3]", "{\"f\":4}", "null"};
    weir_str name, value;
    size_t count = 0;
    (void)state;

    while (scan_next(&items, &name, &value)) {
        assert_true(count < 5);
        assert_int_equal(value.len, strlen(expected[count]));
        assert_memory_equal(value.ptr, expected[count++], value.len);
        assert_int_equal(name.len, 0);
    }
    assert_int_equal(count, 5);
    assert_false(items.is_damaged);
}

static void damaged_text_ends_the_scan_and_says_so(void **state)
{
    static const char *const texts[] = {
        "",      "1",    "{\"a\"", "{\"a\":",     "{\"a\":\"",   "{\"a\":[1", "{\"a\":\"\\",
        "{a:1}", "[1,[", "[\"",    "{\"a\":1,2}", "[1,{\"a\":[}"};
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        scanner self = scan_begin(weir_cstr(texts[i]));
        weir_str name, value;

        while (scan_next(&self, &name, &value))
            ;
        assert_true(self.is_damaged);
    }
}

static void names_are_compared_with_their_escapes_undone(void **state)
{
    static const struct {
        const char *escaped, *text;
        bool same;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", true},
        {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac", true},
        {"\\u004", "\\u004", false},
        {"\\x", "\\x", false},
        {"a\\n", "a", false},
        {"a", "a\n", false},
        {"\\n", "\nb", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(scan_name_is(weir_cstr(cases[i].escaped), weir_cstr(cases[i].text)),
                         cases[i].same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_found_byte_for_byte),
        cmocka_unit_test(the_last_of_equal_names_counts_and_a_missing_one_is_empty),
        cmocka_unit_test(members_and_items_come_in_their_order),
        cmocka_unit_test(damaged_text_ends_the_scan_and_says_so),
        cmocka_unit_test(names_are_compared_with_their_escapes_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
