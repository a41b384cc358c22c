/* test_http_media.c - which content type an Accept header likes best. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/http.h"

static const char *const types[] = {"application/vnd.x.v1+json", "application/vnd.x+json",
                                    "application/json", NULL};

static void the_type_with_the_highest_weight_is_taken_and_among_equals_the_first(void **state)
{
    static const struct {
        const char *accept;
        int expected; /* -1: none */
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"  ", 0},
        {"*/*", 0},
        {"*", 0},
        {"application/*", 0},
        {"*/json", 0}, /* no range of the RFC: as JAX-RS takes it */
        {"application/json", 2},
        {"APPLICATION/JSON", 2},
        {"application/json; charset=utf-8", 2},
        {"application/json, application/vnd.x.v1+json", 0},
        {"application/vnd.x.v1+json;q=0.2, application/json;q=0.25", 2},
        {"application/json; q=0.5, application/vnd.x+json; q=0.9", 1},
        {"application/vnd.x.v1+json, application/vnd.x+json; q=0.9, application/json; q=0.5", 0},
        {"*/*;q=0.1, application/json;q=0.2", 2},
        {"application/vnd.x.v1+json;q=0, */*", 1}, /* the more exact range decides */
        {"application/json;q=0", -1},
        {"text/html, image/*", -1},
        {",;,;q=1,", -1},
        {"application/", -1},
        {"text/html, */*; q=0.01", 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = http_negotiate(cases[i].accept, types);
        const char *expected = cases[i].expected >= 0 ? types[cases[i].expected] : NULL;

        if (found != expected)
            fail_msg("%s gives %s", cases[i].accept, found != NULL ? found : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_type_with_the_highest_weight_is_taken_and_among_equals_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
