/* test_http.c - what becomes of an answer, or of none, and which node is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/elasticsearch/http.h"

static void a_status_is_passing_forbidden_or_for_the_caller(void **state)
{
    static const struct {
        long status;
        weir_code code;
    } cases[] = {
        {200, WEIR_OK},    {201, WEIR_OK},    {400, WEIR_OK},    {404, WEIR_OK},
        {413, WEIR_OK},    {401, WEIR_FATAL}, {403, WEIR_FATAL}, {429, WEIR_RETRY},
        {500, WEIR_RETRY}, {503, WEIR_RETRY}, {599, WEIR_RETRY},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err = {0};

        assert_int_equal(http_judge(cases[i].status, WEIR_STR("why"), &err), cases[i].code);
        if (cases[i].code != WEIR_OK)
            assert_non_null(strstr(err.message, "why"));
    }
}

static void no_answer_passes_but_no_trust_does_not(void **state)
{
    es_settings settings = {0};
    const es_http http = {.settings = &settings};
    const weir_str node = WEIR_STR("https://h:1");
    weir_error err;
    (void)state;

    assert_int_equal(http_failed(&http, CURLE_COULDNT_CONNECT, node, "refused", &err), WEIR_RETRY);
    assert_string_equal(err.message, "could not reach elasticsearch at https://h:1: refused");
    assert_int_equal(http_failed(&http, CURLE_OPERATION_TIMEDOUT, node, "", &err), WEIR_RETRY);
    assert_non_null(
        strstr(err.message, "Timeout")); /* libcurl's words where it has no better ones */
    assert_int_equal(http_failed(&http, CURLE_PEER_FAILED_VERIFICATION, node, "self-signed", &err),
                     WEIR_FATAL);
    assert_non_null(strstr(err.message, "self-signed (connection.ssl.ca.file names"));
    settings.truststore = WEIR_STR("/ca.pem");
    assert_int_equal(http_failed(&http, CURLE_PEER_FAILED_VERIFICATION, node, "other host", &err),
                     WEIR_FATAL);
    assert_non_null(strstr(err.message, "names this host"));
    assert_int_equal(http_failed(&http, CURLE_SSL_CERTPROBLEM, node, "", &err), WEIR_FATAL);
}

static void nodes_take_turns(void **state)
{
    weir_str urls[] = {WEIR_STR("http://a:1/"), WEIR_STR("http://b:2/path//")};
    es_settings settings = {.urls = {urls, 2}};
    es_http http = {.settings = &settings};
    weir_buf url = {0};
    (void)state;

    assert_string_equal(http_url(&http, WEIR_STR("/_bulk"), &url), "http://a:1/_bulk");
    http.turn++;
    assert_string_equal(http_url(&http, WEIR_STR("/_bulk"), &url), "http://b:2/path/_bulk");
    http.turn++;
    assert_string_equal(http_url(&http, WEIR_STR("/"), &url), "http://a:1/");
    weir_buf_done(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_passing_forbidden_or_for_the_caller),
        cmocka_unit_test(no_answer_passes_but_no_trust_does_not),
        cmocka_unit_test(nodes_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
