/* test_bulk.c - what a bulk request says, and what its answer means for each item. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/bulk.h"

static void add(bulk_request *bulk, const char *id, int64_t version, const char *document)
{
    bulk_action action = {.kind = document == NULL ? BULK_DELETE : BULK_INDEX,
                          .index = WEIR_STR("i"),
                          .id = weir_cstr(id),
                          .version = version};

    bulk_item_begin(bulk, &action);
    if (document != NULL)
        weir_buf_add_str(&bulk->body, weir_cstr(document));
    bulk_item_end(bulk);
}

static void an_item_is_an_action_line_and_a_document(void **state)
{
    bulk_request bulk = {0};
    (void)state;

    add(&bulk, "a\"b", 7, "{}\n");
    add(&bulk, "c", -1, NULL);
    assert_string_equal(weir_buf_cstr(&bulk.body),
                        "{\"index\":{\"_index\":\"i\",\"_id\":\"a\\\"b\",\"version\":7,"
                        "\"version_type\":\"external_gte\"}}\n{}\n"
                        "{\"delete\":{\"_index\":\"i\",\"_id\":\"c\"}}\n");
    bulk_done(&bulk);
}

static void an_item_that_is_cancelled_leaves_nothing(void **state)
{
    bulk_request bulk = {0};
    bulk_action action = {.index = WEIR_STR("i"), .id = WEIR_STR("x")};
    size_t before;
    (void)state;

    add(&bulk, "a", 1, "{}\n");
    before = bulk.body.len;
    bulk_item_begin(&bulk, &action);
    bulk_item_cancel(&bulk);
    assert_int_equal(bulk.body.len, before);
    assert_int_equal(bulk_count(&bulk), 1);
    bulk_done(&bulk);
}

static weir_code read_error(bulk_request *bulk, int status, const char *type, weir_error *err)
{
    weir_buf answer = {0};
    weir_code code;

    bulk_clear(bulk);
    add(bulk, "a", 1, "{}\n");
    weir_buf_printf(&answer,
                    "{\"errors\":true,\"items\":[{\"index\":{\"status\":%d,\"error\":{\"type\":"
                    "\"%s\",\"reason\":\"why\"}}}]}",
                    status, type);
    code = bulk_read_answer(bulk, weir_buf_str(&answer), err);
    weir_buf_done(&answer);
    return code;
}

static void an_index_that_cannot_be_written_is_no_fault_of_the_document(void **state)
{
    bulk_request bulk = {0};
    weir_error err = {0};
    (void)state;

    assert_int_equal(read_error(&bulk, 403, "cluster_block_exception", &err), WEIR_OK);
    assert_int_equal(bulk_at(&bulk, 0)->verdict, BULK_AGAIN);
    assert_int_equal(read_error(&bulk, 400, "index_closed_exception", &err), WEIR_OK);
    assert_int_equal(bulk_at(&bulk, 0)->verdict, BULK_AGAIN);
    assert_int_equal(read_error(&bulk, 403, "another_exception", &err), WEIR_OK);
    assert_int_equal(bulk_at(&bulk, 0)->verdict, BULK_REFUSED);
    assert_int_equal(read_error(&bulk, 403, "security_exception", &err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "grant"));
    assert_non_null(strstr(err.message, "why"));
    bulk_done(&bulk);
}

static void an_item_without_a_status_says_nothing(void **state)
{
    static const char *const answers[] = {
        "{\"errors\":true,\"items\":[{\"index\":{}}]}",
        "{\"errors\":true,\"items\":[{\"index\":5}]}",
        "{\"errors\":true,\"items\":[{\"index\":{\"status\":\"200\"}}]}",
        "{\"errors\":true,\"items\":[7]}",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        bulk_request bulk = {0};
        weir_error err;

        add(&bulk, "a", 1, "{}\n");
        assert_int_equal(bulk_read_answer(&bulk, weir_cstr(answers[i]), &err), WEIR_RETRY);
        bulk_done(&bulk);
    }
}

static void each_item_gets_its_own_verdict(void **state)
{
    static const char answer[] =
        "{\"errors\":true,\"items\":["
        "{\"index\":{\"status\":201}},"
        "{\"index\":{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\","
        "\"reason\":\"older\"}}},"
        "{\"delete\":{\"status\":404}},"
        "{\"index\":{\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\","
        "\"reason\":\"queue\"}}},"
        "{\"index\":{\"status\":400,\"error\":{\"type\":\"document_parsing_exception\","
        "\"reason\":\"bad value\"}}}]}";
    static const enum bulk_verdict expected[] = {BULK_DONE, BULK_DONE, BULK_DONE, BULK_AGAIN,
                                                 BULK_REFUSED};
    bulk_request bulk = {0};
    weir_error err;
    (void)state;

    for (int i = 0; i < 5; i++)
        add(&bulk, (const char *[]){"a", "b", "c", "d", "e"}[i], 1, "{}\n");
    assert_int_equal(bulk_read_answer(&bulk, weir_cstr(answer), &err), WEIR_OK);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(bulk_at(&bulk, i)->verdict, expected[i]);
    assert_memory_equal(bulk.reasons.ptr + bulk_at(&bulk, 4)->reason_at,
                        "bad value (document_parsing_exception)", bulk_at(&bulk, 4)->reason_len);
    bulk_done(&bulk);
}

static void only_items_to_be_repeated_are_kept_in_their_order(void **state)
{
    bulk_request bulk = {0};
    (void)state;

    add(&bulk, "a", -1, "{\"n\":1}\n");
    add(&bulk, "b", -1, "{\"n\":2}\n");
    add(&bulk, "c", -1, "{\"n\":3}\n");
    bulk_at(&bulk, 0)->verdict = BULK_AGAIN;
    bulk_at(&bulk, 1)->verdict = BULK_DONE;
    bulk_at(&bulk, 2)->verdict = BULK_AGAIN;
    assert_int_equal(bulk_keep_again(&bulk), 2);
    assert_string_equal(weir_buf_cstr(&bulk.body),
                        "{\"index\":{\"_index\":\"i\",\"_id\":\"a\"}}\n{\"n\":1}\n"
                        "{\"index\":{\"_index\":\"i\",\"_id\":\"c\"}}\n{\"n\":3}\n");
    bulk_done(&bulk);
}

static void an_answer_that_is_none_says_nothing_of_any_item(void **state)
{
    static const char *const answers[] = {"", "no json", "{}", "{\"items\":[]}",
                                          "{\"errors\":true,\"items\":[{}]}"};
    (void)state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        bulk_request bulk = {0};
        weir_error err;

        add(&bulk, "a", 1, "{}\n");
        assert_int_equal(bulk_read_answer(&bulk, weir_cstr(answers[i]), &err), WEIR_RETRY);
        bulk_done(&bulk);
    }
}

static void a_check_is_refused_unless_a_newer_change_deleted_the_document(void **state)
{
    static const char not_found[] = "{\"errors\":false,\"items\":[{\"delete\":{\"status\":404}}]}";
    static const char conflict[] =
        "{\"errors\":true,\"items\":[{\"delete\":{\"status\":409,\"error\":{\"type\":"
        "\"version_conflict_engine_exception\",\"reason\":\"newer\"}}}]}";
    bulk_request bulk = {0};
    bulk_action action = {.kind = BULK_CHECK, .index = WEIR_STR("i"), .id = WEIR_STR("x")};
    weir_error err;
    (void)state;

    bulk_item_begin(&bulk, &action);
    bulk_item_end(&bulk);
    assert_int_equal(bulk_read_answer(&bulk, weir_cstr(not_found), &err), WEIR_OK);
    assert_int_equal(bulk_at(&bulk, 0)->verdict, BULK_REFUSED);
    assert_non_null(strstr(weir_buf_cstr(&bulk.reasons), "no document to take the fields from"));
    assert_int_equal(bulk_read_answer(&bulk, weir_cstr(conflict), &err), WEIR_OK);
    assert_int_equal(bulk_at(&bulk, 0)->verdict, BULK_DONE);
    bulk_done(&bulk);
}

static void an_item_names_its_document(void **state)
{
    bulk_request bulk = {0};
    (void)state;

    add(&bulk, "a\"b", 7, "{}\n");
    add(&bulk, "c", -1, NULL);
    for (size_t i = 0; i < 2; i++) {
        static const char *const ids[] = {"\"a\\\"b\"", "\"c\""};
        weir_str id = bulk_item_id(&bulk, bulk_at(&bulk, i));

        assert_true(weir_str_eq(id, weir_cstr(ids[i])));
        assert_true(weir_str_eq(bulk_item_index(&bulk, bulk_at(&bulk, i)), WEIR_STR("\"i\"")));
    }
    bulk_done(&bulk);
}

static void what_is_taken_from_the_front_fits_and_the_rest_stays_in_order(void **state)
{
    bulk_request bulk = {0}, taken = {0};
    bulk_limits limits = {.count = 10};
    weir_buf whole = {0};
    (void)state;

    for (int i = 0; i < 5; i++)
        add(&bulk, (const char *[]){"a", "b", "c", "d", "e"}[i], i, "{\"n\":1}\n");
    weir_buf_add_str(&whole, weir_buf_str(&bulk.body));
    limits.bytes = 2 * bulk_at(&bulk, 0)->size + 1;
    bulk_take(&bulk, &limits, &taken);
    assert_int_equal(bulk_count(&taken), 2);
    assert_int_equal(bulk_count(&bulk), 3);
    assert_int_equal(bulk_at(&bulk, 0)->at, 0);
    bulk_prepend(&bulk, &taken); /* as after an answer of 413 */
    assert_int_equal(bulk_count(&taken), 0);
    assert_true(weir_str_eq(weir_buf_str(&bulk.body), weir_buf_str(&whole)));
    for (size_t i = 0; i < 5; i++) {
        char expected[4] = {'"', (char)('a' + i), '"', '\0'};

        assert_true(weir_str_eq(bulk_item_id(&bulk, bulk_at(&bulk, i)), weir_cstr(expected)));
    }
    limits.bytes = 1; /* one goes always */
    bulk_take(&bulk, &limits, &taken);
    assert_int_equal(bulk_count(&taken), 1);
    bulk_clear(&taken);
    limits = (bulk_limits){.count = 3, .bytes = SIZE_MAX};
    bulk_take(&bulk, &limits, &taken);
    assert_int_equal(bulk_count(&taken), 3);
    bulk_clear(&taken);
    bulk_take(&bulk, &limits, &taken);
    assert_int_equal(bulk_count(&taken), 1);
    assert_int_equal(bulk_count(&bulk), 0);
    bulk_done(&bulk);
    bulk_done(&taken);
    weir_buf_done(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_an_action_line_and_a_document),
        cmocka_unit_test(an_item_that_is_cancelled_leaves_nothing),
        cmocka_unit_test(each_item_gets_its_own_verdict),
        cmocka_unit_test(an_index_that_cannot_be_written_is_no_fault_of_the_document),
        cmocka_unit_test(an_item_without_a_status_says_nothing),
        cmocka_unit_test(only_items_to_be_repeated_are_kept_in_their_order),
        cmocka_unit_test(an_answer_that_is_none_says_nothing_of_any_item),
        cmocka_unit_test(a_check_is_refused_unless_a_newer_change_deleted_the_document),
        cmocka_unit_test(an_item_names_its_document),
        cmocka_unit_test(what_is_taken_from_the_front_fits_and_the_rest_stays_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
