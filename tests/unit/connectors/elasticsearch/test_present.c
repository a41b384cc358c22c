/* test_present.c - what an answer of _mget says of the documents that were asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/present.h"

static int set_up(void **state)
{
    static present_table table;

    present_init(&table);
    present_want(&table, WEIR_STR("i"), WEIR_STR("a"));
    present_want(&table, WEIR_STR("i"), WEIR_STR("b"));
    *state = &table;
    return 0;
}

static int tear_down(void **state)
{
    present_done(*state);
    return 0;
}

static void a_document_is_wanted_once_and_found_by_index_and_id(void **state)
{
    present_table *table = *state;

    assert_int_equal(present_want(table, WEIR_STR("i"), WEIR_STR("a")), 0);
    assert_int_equal(present_want(table, WEIR_STR("j"), WEIR_STR("a")), 2);
    assert_int_equal(present_count(table), 3);
    assert_ptr_equal(present_find(table, WEIR_STR("j"), WEIR_STR("a")), present_at(table, 2));
    assert_null(present_find(table, WEIR_STR("j"), WEIR_STR("b")));
    present_clear(table);
    assert_null(present_find(table, WEIR_STR("i"), WEIR_STR("a")));
}

static void an_answer_fills_versions_and_sources(void **state)
{
    present_table *table = *state;
    const present_document *a = present_at(table, 0), *b = present_at(table, 1);
    weir_error err;

    assert_int_equal(
        present_take_answer(table,
                            WEIR_STR("{\"docs\":[{\"_index\":\"i\",\"_id\":\"a\",\"_version\":7,"
                                     "\"found\":true,\"_source\":{\"n\":1e400,\n\"m\":2}},"
                                     "{\"_index\":\"i\",\"_id\":\"b\",\"found\":false}]}"),
                            &err),
        WEIR_OK);
    assert_true(a->is_there);
    assert_int_equal(a->version, 7);
    assert_int_equal(a->source.len, strlen("{\"n\":1e400, \"m\":2}"));
    assert_memory_equal(a->source.ptr, "{\"n\":1e400, \"m\":2}", a->source.len); /* on one line */
    assert_false(b->is_there);
}

static void an_answer_that_does_not_answer_is_refused(void **state)
{
    static const struct {
        const char *answer;
        weir_code code;
    } cases[] = {
        {"", WEIR_RETRY},
        {"{}", WEIR_RETRY},
        {"{\"docs\":[{\"found\":false}]}", WEIR_RETRY}, /* one of two */
        {"{\"docs\":[{\"error\":{\"type\":\"index_not_found_exception\"}},{}]}", WEIR_RETRY},
        {"{\"docs\":[{\"found\":true,\"_source\":{}},{}]}", WEIR_RETRY},
        {"{\"docs\":[{\"found\":true,\"_version\":1},{}]}", WEIR_FATAL}, /* no _source */
        {"{\"docs\":[{\"found\":true,\"_version\":-1,\"_source\":{}},{}]}", WEIR_RETRY},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err;

        assert_int_equal(present_take_answer(*state, weir_cstr(cases[i].answer), &err),
                         cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_is_wanted_once_and_found_by_index_and_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_answer_fills_versions_and_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_does_not_answer_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
