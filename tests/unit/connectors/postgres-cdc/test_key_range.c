/* test_key_range.c - ranges of a key survive the offset and become conditions of SQL. */
#include "connectors/postgres-cdc/key_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static catalog_column columns[] = {
    {.name = WEIR_STR("note"), .type = 25},
    {.name = WEIR_STR("b"), .type = 23, .key_position = 2},
    {.name = WEIR_STR("a\"a"), .type = 25, .key_position = 1},
};
static const catalog_table two = {.columns = columns, .column_count = 3};
static const catalog_table none = {.columns = columns, .column_count = 1};

static void assert_text(weir_buf *text, const char *wanted)
{
    assert_string_equal(weir_buf_cstr(text), wanted);
    weir_buf_clear(text);
}

static weir_str pack(weir_buf *into, const char *first, const char *second)
{
    weir_buf_clear(into);
    key_pack(into, weir_cstr(first));
    key_pack(into, weir_cstr(second));
    return weir_buf_str(into);
}

static void the_columns_come_in_the_order_of_the_index(void **state)
{
    (void)state;
    key_columns key = key_columns_of(&two);
    weir_buf text = {0};

    assert_int_equal(key.count, 2);
    key_columns_list(&key, "::text", &text);
    assert_text(&text, "\"a\"\"a\"::text, \"b\"::text");
    assert_int_equal(key_columns_of(&none).count, 0);
    weir_buf_done(&text);
}

static void a_range_is_a_condition_with_its_first_key_and_without_its_last(void **state)
{
    (void)state;
    key_columns key = key_columns_of(&two);
    weir_buf text = {0}, from = {0}, to = {0};
    key_range range = {0};

    key_range_condition(&range, &key, &text);
    assert_text(&text, "true");
    range.from = pack(&from, "it's", "1");
    key_range_condition(&range, &key, &text);
    assert_text(&text, "(\"a\"\"a\", \"b\") >= (E'it''s', E'1')");
    range.to = pack(&to, "\\", "");
    key_range_condition(&range, &key, &text);
    assert_text(&text, "(\"a\"\"a\", \"b\") >= (E'it''s', E'1') AND "
                       "(\"a\"\"a\", \"b\") < (E'\\\\', E'')");
    range.from = (weir_str){0};
    key_range_condition(&range, &key, &text);
    assert_text(&text, "(\"a\"\"a\", \"b\") < (E'\\\\', E'')");
    weir_buf_done(&text), weir_buf_done(&from), weir_buf_done(&to);
}

static void ranges_survive_the_offset_whatever_is_in_their_keys(void **state)
{
    (void)state;
    key_columns key = key_columns_of(&two);
    static const char *const nasty[] = {"", "<", ";", "1:x,", "=", "9"};
    weir_buf text = {0}, from = {0}, to = {0};

    for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
        key_range range = {pack(&from, nasty[i], "5"), pack(&to, "7", nasty[i])}, again, last;

        key_columns_write(&key, &text);
        key_range_write(&range, &text);
        key_range_write(&(key_range){.from = range.to}, &text);
        weir_str rest = weir_buf_str(&text);
        assert_true(key_columns_read(&key, &rest));
        assert_true(key_range_read(&key, &rest, &again));
        assert_true(weir_str_eq(again.from, range.from) && weir_str_eq(again.to, range.to));
        assert_true(key_range_read(&key, &rest, &last));
        assert_true(weir_str_eq(last.from, range.to));
        assert_int_equal(last.to.len, 0);
        assert_int_equal(rest.len, 0);
        weir_buf_clear(&text);
    }
    weir_buf_done(&text), weir_buf_done(&from), weir_buf_done(&to);
}

static void ranges_of_other_columns_and_broken_ones_are_not_read(void **state)
{
    (void)state;
    key_columns key = key_columns_of(&two);
    static const char *const broken[] = {"",          "<",      "1:a,<;",           "1:a,1:b,<1:a;",
                                         "1:a,1:b,;", "9:a,<;", "1:a,1:b,<1:c,1:d", "x<;"};
    key_range range;

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        weir_str text = weir_cstr(broken[i]);
        assert_false(key_range_read(&key, &text, &range));
    }
    weir_str other = WEIR_STR("3:a\"a,25/1:b,20/=<;"); /* b was bigint then */
    assert_false(key_columns_read(&key, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_come_in_the_order_of_the_index),
        cmocka_unit_test(a_range_is_a_condition_with_its_first_key_and_without_its_last),
        cmocka_unit_test(ranges_survive_the_offset_whatever_is_in_their_keys),
        cmocka_unit_test(ranges_of_other_columns_and_broken_ones_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
