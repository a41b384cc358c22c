/* test_http_client.c - the command line's requests reach our own server, and failures name the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/http.h"
#include "runtime/base/http_client.h"

static void echo(void *context, const http_request *request, http_reply *reply)
{
    json_t *body = http_body_json(request, reply);

    (void)context;
    if (body != NULL)
        http_reply_json(reply, 202,
                        json_pack("{s:s, s:o}", "name", request->parameters[0], "body", body));
}

static const http_route routes[] = {{"PUT", "/x/{name}", echo}};

static void a_request_is_answered_with_status_and_body(void **state)
{
    weir_buf target = {0}, body = {0};
    http_server *server = NULL;
    char address[64];
    weir_error err = {0};
    int status = 0;
    (void)state;

    assert_int_equal(http_server_start("--rest", "127.0.0.1:0",
                                       &(http_service){.routes = routes, .route_count = 1}, &server,
                                       &err),
                     WEIR_OK);
    snprintf(address, sizeof(address), "127.0.0.1:%d", http_server_port(server));
    weir_buf_printf(&target, "/x/");
    http_client_add_segment(&target, WEIR_STR("a b/\xc3\xa9"));
    assert_string_equal(weir_buf_cstr(&target), "/x/a%20b%2F%C3%A9");
    assert_int_equal(
        http_client_send(address,
                         &(http_client_request){"PUT", weir_buf_cstr(&target), WEIR_STR("[1]")},
                         &status, &body, &err),
        WEIR_OK);
    assert_int_equal(status, 202);
    assert_string_equal(weir_buf_cstr(&body), "{\"name\":\"a b/\xc3\xa9\",\"body\":[1]}");
    assert_int_equal(http_client_send(address, &(http_client_request){"GET", "/no", WEIR_STR("")},
                                      &status, &body, &err),
                     WEIR_OK);
    assert_int_equal(status, 404);
    http_server_stop(server);
    weir_buf_done(&target);
    weir_buf_done(&body);
}

static void nobody_at_the_address_is_told_with_the_address(void **state)
{
    weir_buf body = {0};
    weir_error err = {0};
    int status = 0;
    (void)state;

    assert_int_equal(http_client_send("127.0.0.1:1",
                                      &(http_client_request){"GET", "/", WEIR_STR("")}, &status,
                                      &body, &err),
                     WEIR_RETRY);
    assert_string_equal(err.message, "no worker answers at 127.0.0.1:1: Connection refused");
    assert_int_equal(http_client_send("nonsense", &(http_client_request){"GET", "/", WEIR_STR("")},
                                      &status, &body, &err),
                     WEIR_CONFIG);
    weir_buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_with_status_and_body),
        cmocka_unit_test(nobody_at_the_address_is_told_with_the_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
