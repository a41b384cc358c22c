/* test_items.c - items of arrays and variable decimals, read from Avro bytes. */
#include "connectors/warehouse/items.h"

#include "schema-registry/avro/avro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define BYTES(literal) ((weir_str){literal, sizeof(literal) - 1})

/* How many items there are; the last one is in slot. */
static size_t count_items(const char *item, weir_str encoded, weir_slot *last, bool *failed)
{
    char text[256];
    weir_error err;
    weir_schema *schema;
    items in;
    size_t count = 0;
    weir_slot slot;

    (void)snprintf(text, sizeof(text), "{\"type\":\"array\",\"items\":%s}", item);
    schema = avro_parse(weir_cstr(text), &err);
    assert_non_null(schema);
    items_init(&in, schema, encoded);
    while (items_next(&in, &slot)) {
        *last = slot;
        count++;
    }
    *failed = in.failed;
    avro_schema_free(schema);
    return count;
}

static void items_of_every_scalar_type_are_read(void **state)
{
    static const struct {
        const char *item;
        weir_str encoded;
        size_t count;
        weir_slot_kind kind;
        int64_t integer;
    } cases[] = {
        {"\"int\"", BYTES("\x04\x02\x03\x00"), 2, WEIR_SLOT_INTEGER, -2},
        {"\"long\"", BYTES("\x02\xfe\xff\x03\x00"), 1, WEIR_SLOT_INTEGER, 32767},
        {"\"boolean\"", BYTES("\x04\x00\x01\x00"), 2, WEIR_SLOT_BOOLEAN, 1},
        {"[\"null\",\"int\"]", BYTES("\x04\x02\x0a\x00\x00"), 2, WEIR_SLOT_NULL, 0},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\",\"b\"]}", BYTES("\x02\x02\x00"), 1,
         WEIR_SLOT_INTEGER, 1},
        {"\"int\"", BYTES("\x03\x04\x02\x04\x02\x06\x00"), 3, WEIR_SLOT_INTEGER,
         3}, /* two blocks */
        {"\"int\"", BYTES("\x00"), 0, WEIR_SLOT_NULL, 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_slot last = {.kind = WEIR_SLOT_NULL};
        bool failed;

        assert_int_equal(count_items(cases[i].item, cases[i].encoded, &last, &failed),
                         cases[i].count);
        assert_false(failed);
        assert_int_equal(last.kind, cases[i].kind);
        if (last.kind == WEIR_SLOT_INTEGER || last.kind == WEIR_SLOT_BOOLEAN)
            assert_int_equal(last.integer, cases[i].integer);
    }
}

static void numbers_and_bytes_keep_their_value(void **state)
{
    weir_slot last;
    bool failed;
    (void)state;

    assert_int_equal(count_items("\"float\"", BYTES("\x02\0\0\xc0\x3f\0"), &last, &failed), 1);
    assert_true(last.number == 1.5);
    assert_int_equal(count_items("\"double\"", BYTES("\x02\0\0\0\0\0\0\xf8\xbf\0"), &last, &failed),
                     1);
    assert_true(last.number == -1.5);
    assert_int_equal(count_items("\"string\"", BYTES("\x02\x04hi\0"), &last, &failed), 1);
    assert_true(weir_str_eq(last.bytes, WEIR_STR("hi")));
    assert_int_equal(count_items("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}",
                                 BYTES("\x02xyz\0"), &last, &failed),
                     1);
    assert_true(weir_str_eq(last.bytes, WEIR_STR("xyz")));
}

static void bytes_that_end_too_early_or_lie_fail_and_are_not_read_past(void **state)
{
    static const struct {
        const char *item;
        weir_str encoded;
    } cases[] = {
        {"\"int\"", BYTES("")},
        {"\"int\"", BYTES("\x04\x02")},
        {"\"string\"", BYTES("\x02\x14hi")},
        {"\"string\"", BYTES("\x02\x01")}, /* a length below zero */
        {"\"double\"", BYTES("\x02\0\0\0")},
        {"[\"null\",\"int\"]", BYTES("\x02\x06\x02")},                          /* no such branch */
        {"\"int\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}, /* no number */
        {"\"int\"", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02")},     /* -2^63 items */
        {"{\"type\":\"map\",\"values\":\"int\"}", BYTES("\x02\x00\x00")}, /* no item of ours */
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_slot last;
        bool failed;

        (void)count_items(cases[i].item, cases[i].encoded, &last, &failed);
        assert_true(failed);
    }
}

static void a_variable_decimal_is_a_scale_and_bytes_and_nothing_behind(void **state)
{
    int64_t scale;
    weir_str unscaled;
    (void)state;

    assert_true(items_variable_decimal(BYTES("\x06\x04\x04\xd2"), &scale, &unscaled));
    assert_int_equal(scale, 3);
    assert_memory_equal(unscaled.ptr, "\x04\xd2", 2);
    assert_false(items_variable_decimal(BYTES("\x06\x04\x04"), &scale, &unscaled));
    assert_false(items_variable_decimal(BYTES("\x06\x02\x04\xd2"), &scale, &unscaled));
    assert_false(items_variable_decimal(BYTES(""), &scale, &unscaled));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_of_every_scalar_type_are_read),
        cmocka_unit_test(numbers_and_bytes_keep_their_value),
        cmocka_unit_test(bytes_that_end_too_early_or_lie_fail_and_are_not_read_past),
        cmocka_unit_test(a_variable_decimal_is_a_scale_and_bytes_and_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
