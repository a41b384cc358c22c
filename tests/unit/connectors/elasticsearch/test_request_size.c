/* test_request_size.c - requests follow what the server can take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connectors/elasticsearch/request_size.h"

static void a_server_in_trouble_gets_smaller_requests_down_to_a_limit(void **state)
{
    request_size size = {.limit = 300000, .most = 300000};
    (void)state;

    request_size_shrink(&size, 300000);
    assert_int_equal(size.limit, 150000);
    request_size_shrink(&size, 300000); /* sent before the limit fell: nothing new */
    assert_int_equal(size.limit, 150000);
    request_size_shrink(&size, 100);
    assert_int_equal(size.limit, 75000);
    request_size_shrink(&size, 100);
    assert_int_equal(size.limit, 75000);
    assert_int_equal(size.most, 300000);
}

static void a_server_that_answers_soon_gets_larger_ones_again(void **state)
{
    request_size size = {.limit = 100000, .most = 200000};
    (void)state;

    request_size_grow(&size, 49999); /* says nothing about larger ones */
    assert_int_equal(size.limit, 100000);
    request_size_grow(&size, 50000);
    assert_int_equal(size.limit, 125000);
    for (int i = 0; i < 10; i++)
        request_size_grow(&size, size.limit);
    assert_int_equal(size.limit, 200000);
}

static void what_the_server_refused_as_too_large_is_never_sent_again(void **state)
{
    request_size size = {.limit = 200000, .most = 200000};
    (void)state;

    request_size_halve(&size, 180000);
    request_size_halve(&size, 190000); /* of another lane, sent at the same time */
    assert_int_equal(size.most, 90000);
    assert_int_equal(size.limit, 90000);
    request_size_halve(&size, 20000); /* far below the smallest of the other rule */
    for (int i = 0; i < 10; i++)
        request_size_grow(&size, size.limit);
    assert_int_equal(size.limit, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_in_trouble_gets_smaller_requests_down_to_a_limit),
        cmocka_unit_test(a_server_that_answers_soon_gets_larger_ones_again),
        cmocka_unit_test(what_the_server_refused_as_too_large_is_never_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
