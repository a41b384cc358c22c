/* test_table.c - columns are found by name, and layouts compared by what is written. */
#include "connectors/warehouse/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void case_counts_only_where_names_are_quoted(void **state)
{
    table_column columns[] = {{.name = WEIR_STR("id")}, {.name = WEIR_STR("Total")}};
    table self = {.columns = {.ptr = (char *)columns, .len = sizeof(columns)}};
    (void)state;

    assert_int_equal(table_column_count(&self), 2);
    assert_ptr_equal(table_find(&self, WEIR_STR("id"), true), &columns[0]);
    assert_ptr_equal(table_find(&self, WEIR_STR("Total"), true), &columns[1]);
    assert_null(table_find(&self, WEIR_STR("total"), true));
    assert_ptr_equal(table_find(&self, WEIR_STR("tOTAL"), false), &columns[1]);
    assert_null(table_find(&self, WEIR_STR("tota"), false));
    assert_null(table_find(&self, WEIR_STR("totals"), false));
}

static void an_empty_table_has_no_column(void **state)
{
    table self = {0};
    (void)state;

    assert_int_equal(table_column_count(&self), 0);
    assert_null(table_find(&self, WEIR_STR("id"), false));
}

static void layouts_differ_by_name_type_and_cast_of_their_columns(void **state)
{
    const layout_column base[] = {{.name = WEIR_STR("id"), .type = {.id = TYPE_INT8}},
                                  {.name = WEIR_STR("n"), .type = {TYPE_NUMERIC, false, 10, 2}}};
    const layout_column others[] = {
        {.name = WEIR_STR("m"), .type = {TYPE_NUMERIC, false, 10, 2}},
        {.name = WEIR_STR("n"), .type = {TYPE_TEXT, false, 10, 2}},
        {.name = WEIR_STR("n"), .type = {TYPE_NUMERIC, true, 10, 2}},
        {.name = WEIR_STR("n"), .type = {TYPE_NUMERIC, false, 11, 2}},
        {.name = WEIR_STR("n"), .type = {TYPE_NUMERIC, false, 10, 3}},
        {.name = WEIR_STR("n"), .type = {TYPE_NUMERIC, false, 10, 2}, .cast = WEIR_STR("money")},
    };
    layout a = {.columns = base, .count = 2, .key_count = 1}, same = a;
    (void)state;

    assert_true(layout_equal(&a, &same));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        layout_column columns[] = {base[0], others[i]};
        layout b = {.columns = columns, .count = 2, .key_count = 1};

        assert_false(layout_equal(&a, &b));
        assert_true(layout_begins_alike(&a, &b, 1));
        assert_false(layout_begins_alike(&a, &b, 2));
    }
}

static void layouts_differ_by_their_key_and_their_length(void **state)
{
    const layout_column columns[] = {{.name = WEIR_STR("id")}, {.name = WEIR_STR("n")}};
    layout a = {.columns = columns, .count = 2, .key_count = 1};
    layout longer_key = {.columns = columns, .count = 2, .key_count = 2};
    layout shorter = {.columns = columns, .count = 1, .key_count = 1};
    (void)state;

    assert_false(layout_equal(&a, &longer_key));
    assert_false(layout_equal(&a, &shorter));
    assert_true(layout_begins_alike(&a, &shorter, 1));
    assert_false(layout_begins_alike(&a, &shorter, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_counts_only_where_names_are_quoted),
        cmocka_unit_test(an_empty_table_has_no_column),
        cmocka_unit_test(layouts_differ_by_name_type_and_cast_of_their_columns),
        cmocka_unit_test(layouts_differ_by_their_key_and_their_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
