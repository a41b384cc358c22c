/* test_arrow.c - rows that wait become Arrow columns. */
#include "connectors/warehouse/arrow.h"

#include "connectors/warehouse/copy.h"
#include "connectors/warehouse/numeric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static void columns_have_values_validity_and_offsets(void **state)
{
    (void)state;
    const layout_column columns[] = {
        {.type = {.id = TYPE_INT8}}, {.type = {.id = TYPE_TEXT}}, {.type = {.id = TYPE_BOOL}}};
    const layout rows = {.columns = columns, .count = 3};
    arrow_table built = {.row_count = 0};
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array, end;
    weir_buf row = {0};
    weir_error err;

    arrow_begin(&built, &rows);
    for (int i = 0; i < 10; i++) {
        weir_buf_clear(&row);
        copy_row(&row, 3);
        copy_int64(&row, i - 5);
        if (i % 3 == 0)
            copy_marker(&row, i == 0 ? COPY_UNSENT : COPY_NULL);
        else
            copy_text(&row, (weir_str){"abcdefghij", (size_t)i});
        copy_text(&row, (weir_str){i % 2 ? "\x01" : "\0", 1});
        assert_int_equal(
            arrow_add(&built, &rows, weir_buf_str(&row), i == 0 ? FOLD_PARTIAL : FOLD_UPSERT, &err),
            WEIR_OK);
    }
    arrow_stream(&built, &stream);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);
    assert_int_equal(array.length, 10);
    assert_int_equal(schema.n_children, 5);
    assert_string_equal(schema.children[0]->format, "l");
    assert_string_equal(schema.children[1]->format, "U");
    assert_string_equal(schema.children[4]->name, "mask");
    assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[3], -2);
    assert_int_equal(array.children[1]->null_count, 4);
    assert_int_equal(((const uint8_t *)array.children[1]->buffers[0])[0], 0xb6);
    assert_int_equal(((const int64_t *)array.children[1]->buffers[1])[10], 1 + 2 + 4 + 5 + 7 + 8);
    assert_int_equal(((const uint8_t *)array.children[2]->buffers[1])[0], 0xaa);
    assert_memory_equal(array.children[4]->buffers[2], "101", 3);
    array.release(&array);
    schema.release(&schema);
    stream.release(&stream);
    assert_null(schema.release);
    arrow_done(&built);
    weir_buf_done(&row);
}

static void a_decimal_is_128_bits_or_refused(void **state)
{
    (void)state;
    const layout_column column = {.type = {.id = TYPE_NUMERIC, .precision = 4, .scale = 2}};
    const layout rows = {.columns = &column, .count = 1};
    arrow_table built = {.row_count = 0};
    weir_error err;

    for (int i = 0; i < 2; i++) {
        weir_buf number = {0}, row = {0};

        /* 99.99 fits DECIMAL(4,2), 100.00 does not */
        assert_int_equal(
            numeric_encode(i == 0 ? WEIR_STR("\x27\x0f") : WEIR_STR("\x27\x10"), 2, &number, &err),
            WEIR_OK);
        copy_row(&row, 1);
        copy_text(&row, weir_buf_str(&number));
        arrow_begin(&built, &rows);
        assert_int_equal(arrow_add(&built, &rows, weir_buf_str(&row), FOLD_INSERT, &err),
                         i == 0 ? WEIR_OK : WEIR_REJECT);
        weir_buf_done(&number);
        weir_buf_done(&row);
    }
    arrow_done(&built);
}

static void cells_of_text_are_read_with_their_nulls(void **state)
{
    (void)state;
    static const int32_t offsets[] = {0, 1, 1, 3};
    static const uint8_t validity = 0x05;
    const void *buffers[] = {&validity, offsets, "abc"};
    struct ArrowArray child = {.length = 3, .buffers = buffers};
    struct ArrowArray *children[] = {&child};
    struct ArrowSchema text = {.format = "u"}, *schemas[] = {&text};
    const struct ArrowArray array = {.length = 3, .n_children = 1, .children = children};
    const struct ArrowSchema schema = {.n_children = 1, .children = schemas};
    weir_buf cells = {0};

    assert_true(arrow_cells(&schema, &array, &cells));
    assert_int_equal(cells.len, 15);
    assert_memory_equal(cells.ptr,
                        "\0\0\0\x01"
                        "a\xff\xff\xff\xff\0\0\0\x02"
                        "bc",
                        15);
    text.format = "l";
    assert_false(arrow_cells(&schema, &array, &cells));
    weir_buf_done(&cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_have_values_validity_and_offsets),
        cmocka_unit_test(a_decimal_is_128_bits_or_refused),
        cmocka_unit_test(cells_of_text_are_read_with_their_nulls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
