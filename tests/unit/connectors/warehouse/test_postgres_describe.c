/* test_postgres_describe.c - numbers that the server writes. */
#include "connectors/warehouse/postgres_describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void a_number_is_its_digits_and_everything_else_is_none(void **state)
{
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {{"0", 0}, {"42", 42}, {"655366", 655366}, {"", -1}, {"-1", -1}, {"x", -1}};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(postgres_number(cases[i].text), cases[i].number);
    assert_true(postgres_number("99999999999999999999999999") > 0); /* bounded, not wrapped */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_its_digits_and_everything_else_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
