/* test_beside.c - a function runs beside its owner, and what it says is told at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/log/beside.h"

#include <pthread.h>
#include <string.h>

typedef struct meeting {
    pthread_barrier_t both;
    weir_code code;
} meeting;

/* Ends only when its owner comes, too. */
static weir_code meet(void *context, weir_error *err)
{
    meeting *at = context;

    (void)pthread_barrier_wait(&at->both);
    return at->code == WEIR_OK ? WEIR_OK : weir_fail(err, at->code, "nobody came");
}

static void it_runs_while_its_owner_goes_on(void **state)
{
    beside *self = beside_new("test");
    meeting at = {.code = WEIR_OK};
    weir_error err;

    (void)state;
    pthread_barrier_init(&at.both, NULL, 2);
    for (int i = 0; i < 100; i++) {
        beside_begin(self, meet, &at);
        (void)pthread_barrier_wait(&at.both);
        assert_int_equal(beside_end(self, &err), WEIR_OK);
    }
    beside_free(self);
    pthread_barrier_destroy(&at.both);
}

static void its_error_is_told_at_the_end(void **state)
{
    beside *self = beside_new("test");
    meeting at = {.code = WEIR_FATAL};
    weir_error err;

    (void)state;
    pthread_barrier_init(&at.both, NULL, 2);
    beside_begin(self, meet, &at);
    (void)pthread_barrier_wait(&at.both);
    assert_int_equal(beside_end(self, &err), WEIR_FATAL);
    assert_string_equal(err.message, "nobody came");
    beside_free(self);
    pthread_barrier_destroy(&at.both);
}

static void one_that_never_ran_can_be_freed(void **state)
{
    (void)state;
    beside_free(beside_new("test"));
    beside_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_while_its_owner_goes_on),
        cmocka_unit_test(its_error_is_told_at_the_end),
        cmocka_unit_test(one_that_never_ran_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
