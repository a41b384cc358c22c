/* test_memo.c - the table of pairs against its plainest model. */
#include "schema-registry/compat/memo.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SIDE = 300 };

static void every_pair_has_one_place_however_many_there_are(void **state)
{
    static const char addresses[SIDE] = {0};
    static size_t places[SIDE][SIDE];
    compat_memo memo = {0};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t k = 0; k < SIDE; k++) {
            bool is_new = false;

            places[i][k] = compat_memo_find(&memo, addresses + i, addresses + k, &is_new);
            assert_true(is_new);
            assert_int_equal(places[i][k], count++);
        }
    }
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t k = 0; k < SIDE; k++) {
            bool is_new = true;

            assert_int_equal(compat_memo_find(&memo, addresses + i, addresses + k, &is_new),
                             places[i][k]);
            assert_false(is_new);
            assert_ptr_equal(compat_memo_at(&memo, places[i][k])->writer, addresses + k);
        }
    }
    compat_memo_done(&memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_has_one_place_however_many_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
