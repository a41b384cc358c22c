/* test_type_schema.c - defaults whose value is much longer than their text. */
#include "connectors/postgres-cdc/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

static weir_buf scratch[CODEC_SCRATCH_COUNT];

static int release(void **state)
{
    (void)state;
    for (size_t i = 0; i < CODEC_SCRATCH_COUNT; i++)
        weir_buf_done(&scratch[i]);
    return 0;
}

enum { NUMERIC = 1700, NUMERIC_1000_900 = (1000 << 16 | 900) + 4 };

static void a_default_with_many_digits_behind_the_point_has_room(void **state)
{
    (void)state;
    static const type_options modes[] = {{.decimal = DECIMAL_PRECISE}, {.decimal = DECIMAL_STRING}};
    static const size_t sizes[] = {2 + 374 * 6, 2 + 1};

    for (size_t i = 0; i < 2; i++) {
        weir_buf json = {0};
        codec column;

        assert_true(
            codec_init(&column, pg_type_builtin(NUMERIC), NUMERIC_1000_900, &modes[i], scratch));
        assert_true(codec_default(&column, WEIR_STR("1"), &json));
        assert_int_equal(json.len, sizes[i]);
        weir_buf_done(&json);
    }
}

static void what_is_no_value_of_the_type_gives_no_default(void **state)
{
    (void)state;
    static const type_options options = {.money_digits = 2};
    weir_buf json = {0};
    codec column;

    assert_true(codec_init(&column, pg_type_builtin(23), -1, &options, scratch));
    assert_false(codec_default(&column, WEIR_STR("(1 + 1)"), &json));
    assert_int_equal(json.len, 0);
    weir_buf_done(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_default_with_many_digits_behind_the_point_has_room, release),
        cmocka_unit_test_teardown(what_is_no_value_of_the_type_gives_no_default, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
