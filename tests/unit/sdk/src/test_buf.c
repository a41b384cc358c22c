/* test_buf.c - a buffer grows, keeps what it holds, and writes JSON strings. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "weir/buf.h"

static void it_grows_and_keeps_what_it_holds(void **state)
{
    weir_buf buf = {0};
    (void)state;

    for (int i = 0; i < 5000; i++)
        weir_buf_printf(&buf, "%04d", i);
    assert_int_equal(buf.len, 20000);
    assert_memory_equal(weir_buf_cstr(&buf) + (size_t)4 * 4999, "4999", 5);
    weir_buf_clear(&buf);
    assert_string_equal(weir_buf_cstr(&buf), "");
    weir_buf_done(&buf);
    assert_null(buf.ptr);
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        weir_str text;
        const char *json;
    } cases[] = {
        {WEIR_STR(""), "\"\""},
        {WEIR_STR("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {WEIR_STR("\b\t\n\f\r\x01\x1f\0"), "\"\\b\\t\\n\\f\\r\\u0001\\u001F\\u0000\""},
        {WEIR_STR("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
         "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {WEIR_STR("\xff|\xc0\x80|\xed\xa0\x80|\xe2\x82"),
         "\"\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
         "\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_buf buf = {0};

        weir_buf_add_json(&buf, cases[i].text);
        assert_string_equal(weir_buf_cstr(&buf), cases[i].json);
        weir_buf_done(&buf);
    }
}

/* Eight bytes are looked at in one step: each character at each place of a step, and behind it. */
static void a_json_string_reads_back_whatever_is_where(void **state)
{
    (void)state;
    for (int c = 1; c < 0x80; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[] = "abcdefghijklmnopqrst";
            weir_buf buf = {0};

            text[place] = (char)c;
            weir_buf_add_json(&buf, weir_cstr(text));
            json_t *json = json_loadb(buf.ptr, buf.len, JSON_DECODE_ANY, NULL);

            assert_non_null(json);
            assert_string_equal(json_string_value(json), text);
            json_decref(json);
            weir_buf_done(&buf);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_and_keeps_what_it_holds),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(a_json_string_reads_back_whatever_is_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
