/* test_name.c - legal names: legal ones stay, others get one of their own. */
#include "schema-registry/avro/name.h"

#include "weir/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_legal(const char *original, const char *expected)
{
    weir_buf out = {0};
    bool is_changed = weir_legal_name(weir_cstr(original), &out);

    assert_string_equal(weir_buf_cstr(&out), expected);
    assert_int_equal(is_changed, strcmp(original, expected) != 0);
    assert_true(avro_name_is_valid(weir_buf_str(&out)));
    weir_buf_done(&out);
}

static void legal_names_stay(void **state)
{
    (void)state;
    assert_legal("id", "id");
    assert_legal("_Order2", "_Order2");
    assert_legal("_xylophone", "_xylophone");
    assert_legal("a_x", "a_x");
}

static void forbidden_bytes_become_their_number(void **state)
{
    (void)state;
    assert_legal("Key Id", "Key_x20Id");
    assert_legal("q\"uote", "q_x22uote");
    assert_legal("1st", "_x31st");
    assert_legal("\xc3\xa9", "_xc3_xa9");
    assert_legal("", "_x");
}

static void what_looks_like_an_escape_is_escaped(void **state)
{
    (void)state;
    assert_legal("_x", "_x5fx");
    assert_legal("Key_x20Id", "Key_x5fx20Id");
    assert_legal("_x5fx20", "_x5fx5fx20");
}

/* All texts of up to four bytes from an alphabet of what matters: no two may share a name. */
static void no_two_originals_share_a_name(void **state)
{
    static const char alphabet[] = {'_', 'x', '5', 'f', ' ', '.'};
    static char names[1600][24];
    size_t count = 0;

    (void)state;
    for (unsigned number = 0; number < 6 * 6 * 6 * 6 + 6 * 6 * 6 + 6 * 6 + 6 + 1; number++) {
        char original[5] = "";
        size_t len = 0;
        weir_buf out = {0};

        for (unsigned rest = number; rest > 0; rest = (rest - 1) / 6)
            original[len++] = alphabet[(rest - 1) % 6];
        weir_legal_name((weir_str){original, len}, &out);
        snprintf(names[count], sizeof(names[0]), "%s", weir_buf_cstr(&out));
        weir_buf_done(&out);
        for (size_t i = 0; i < count; i++)
            if (strcmp(names[i], names[count]) == 0)
                fail_msg("\"%s\" and another become \"%s\"", original, names[count]);
        count++;
    }
}

static void full_names_are_made_legal_between_their_dots(void **state)
{
    weir_buf out = {0};

    (void)state;
    assert_true(weir_legal_full_name(WEIR_STR("shop.my table.Key"), &out));
    assert_string_equal(weir_buf_cstr(&out), "shop.my_x20table.Key");
    weir_buf_clear(&out);
    assert_false(weir_legal_full_name(WEIR_STR("shop.orders.Key"), &out));
    weir_buf_clear(&out);
    assert_true(weir_legal_full_name(WEIR_STR("a..b"), &out));
    assert_true(avro_full_name_is_valid(weir_buf_str(&out)));
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_names_stay),
        cmocka_unit_test(forbidden_bytes_become_their_number),
        cmocka_unit_test(what_looks_like_an_escape_is_escaped),
        cmocka_unit_test(no_two_originals_share_a_name),
        cmocka_unit_test(full_names_are_made_legal_between_their_dots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
