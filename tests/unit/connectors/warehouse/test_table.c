/* test_table.c - columns are found by name, and layouts compared by what is written. */
#include "connectors/warehouse/table.h"

#include "sdk/src/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void each_destination_has_its_rule_for_the_case_of_names(void **state)
{
    table_column columns[] = {{.name = WEIR_STR("id")}, {.name = WEIR_STR("Total")}};
    table self = {.columns = {.ptr = (char *)columns, .len = sizeof(columns)}};
    (void)state;

    assert_int_equal(table_column_count(&self), 2);
    assert_ptr_equal(table_find(&self, WEIR_STR("id"), NAMES_EXACT), &columns[0]);
    assert_ptr_equal(table_find(&self, WEIR_STR("Total"), NAMES_EXACT), &columns[1]);
    assert_null(table_find(&self, WEIR_STR("total"), NAMES_EXACT));
    assert_ptr_equal(table_find(&self, WEIR_STR("tOTAL"), NAMES_ANY_CASE), &columns[1]);
    assert_null(table_find(&self, WEIR_STR("tota"), NAMES_ANY_CASE));
    assert_null(table_find(&self, WEIR_STR("totals"), NAMES_ANY_CASE));
    assert_ptr_equal(table_find(&self, WEIR_STR("ID"), NAMES_FOLDED), &columns[0]);
    assert_null(
        table_find(&self, WEIR_STR("Total"), NAMES_FOLDED)); /* without quotes it is total */
}

static void an_empty_table_has_no_column(void **state)
{
    table self = {0};
    (void)state;

    assert_int_equal(table_column_count(&self), 0);
    assert_null(table_find(&self, WEIR_STR("id"), NAMES_ANY_CASE));
}

static void a_table_that_is_as_it_was_keeps_its_version(void **state)
{
    static const task_host host = {.diag = NULL};
    table_column columns[] = {{.name = WEIR_STR("id")}, {.name = WEIR_STR("n")}};
    table self = {0};
    weir_task task;
    uint64_t version;
    (void)state;

    task_init(&task, WEIR_STR("dwh"), 0, &host, NULL);
    table_found(&self, &task, false, NULL, 0);
    assert_true(self.known && !self.exists);
    version = self.version;
    table_found(&self, &task, true, columns, 2);
    assert_true(self.exists && self.version != version);
    version = self.version;
    self.known = false;
    table_found(&self, &task, true, columns, 2);
    assert_true(self.known && self.version == version);
    columns[1].type.precision = 3;
    table_found(&self, &task, true, columns, 2);
    assert_true(self.version != version);
    assert_int_equal(table_column_at(&self, 1)->type.precision, 3);
    version = self.version;
    table_found(&self, &task, true, columns, 1);
    assert_true(self.version != version);
    weir_buf_done(&self.columns);
    task_done(&task);
}

static void layouts_differ_by_name_type_and_cast_of_their_columns(void **state)
{
    const layout_column base[] = {
        {.name = WEIR_STR("id"), .type = {.id = TYPE_INT8}},
        {.name = WEIR_STR("n"), .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 2}}};
    const layout_column others[] = {
        {.name = WEIR_STR("m"), .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 2}},
        {.name = WEIR_STR("n"), .type = {.id = TYPE_TEXT, .precision = 10, .scale = 2}},
        {.name = WEIR_STR("n"),
         .type = {.id = TYPE_NUMERIC, .is_array = true, .precision = 10, .scale = 2}},
        {.name = WEIR_STR("n"), .type = {.id = TYPE_NUMERIC, .precision = 11, .scale = 2}},
        {.name = WEIR_STR("n"), .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 3}},
        {.name = WEIR_STR("n"),
         .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 2},
         .cast = WEIR_STR("money")},
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
        cmocka_unit_test(each_destination_has_its_rule_for_the_case_of_names),
        cmocka_unit_test(a_table_that_is_as_it_was_keeps_its_version),
        cmocka_unit_test(an_empty_table_has_no_column),
        cmocka_unit_test(layouts_differ_by_name_type_and_cast_of_their_columns),
        cmocka_unit_test(layouts_differ_by_their_key_and_their_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
