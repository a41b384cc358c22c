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

static http_client *client_of(http_client_options options)
{
    http_client *client = NULL;
    weir_error err;

    options.what = "worker";
    assert_int_equal(http_client_new(&options, &client, &err), WEIR_OK);
    return client;
}

static void a_request_is_answered_with_status_and_body(void **state)
{
    weir_buf target = {0}, body = {0};
    http_server *server = NULL;
    http_client *client;
    char address[64];
    weir_error err = {0};
    int status = 0;
    (void)state;

    assert_int_equal(http_server_start("--rest", "127.0.0.1:0",
                                       &(http_service){.routes = routes, .route_count = 1}, &server,
                                       &err),
                     WEIR_OK);
    snprintf(address, sizeof(address), "127.0.0.1:%d", http_server_port(server));
    client = client_of((http_client_options){.url = address});
    weir_buf_printf(&target, "/x/");
    http_client_add_segment(&target, WEIR_STR("a b/\xc3\xa9"));
    assert_string_equal(weir_buf_cstr(&target), "/x/a%20b%2F%C3%A9");
    assert_int_equal(
        http_client_send(client,
                         &(http_client_request){"PUT", weir_buf_cstr(&target), WEIR_STR("[1]")},
                         &status, &body, &err),
        WEIR_OK);
    assert_int_equal(status, 202);
    assert_string_equal(weir_buf_cstr(&body), "{\"name\":\"a b/\xc3\xa9\",\"body\":[1]}");
    assert_int_equal(http_client_send(client, &(http_client_request){"GET", "/no", WEIR_STR("")},
                                      &status, &body, &err),
                     WEIR_OK);
    assert_int_equal(status, 404);
    http_client_free(client);
    http_server_stop(server);
    weir_buf_done(&target);
    weir_buf_done(&body);
}

static void a_url_may_have_a_path_and_a_slash_behind_it(void **state)
{
    weir_buf url = {0}, body = {0};
    http_server *server = NULL;
    http_client *client;
    weir_error err = {0};
    int status = 0;
    (void)state;

    assert_int_equal(http_server_start("--rest", "127.0.0.1:0",
                                       &(http_service){.routes = routes, .route_count = 1}, &server,
                                       &err),
                     WEIR_OK);
    weir_buf_printf(&url, "http://127.0.0.1:%d/x/", http_server_port(server));
    client = client_of((http_client_options){.url = weir_buf_cstr(&url)});
    assert_int_equal(http_client_send(client, &(http_client_request){"PUT", "/name", WEIR_STR("2")},
                                      &status, &body, &err),
                     WEIR_OK);
    assert_int_equal(status, 202);
    http_client_free(client);
    http_server_stop(server);
    weir_buf_done(&url);
    weir_buf_done(&body);
}

static void nobody_at_the_address_is_told_with_the_address_but_no_password(void **state)
{
    static const struct {
        const char *url, *message;
    } cases[] = {
        {"127.0.0.1:1", "no worker answers at 127.0.0.1:1: Connection refused"},
        {"http://127.0.0.1:1", "no worker answers at http://127.0.0.1:1: Connection refused"},
        {"http://joe:secret@127.0.0.1:1/a/",
         "no worker answers at http://127.0.0.1:1/a: Connection refused"},
    };
    weir_buf body = {0};
    weir_error err = {0};
    int status = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        http_client *client = client_of((http_client_options){.url = cases[i].url});

        assert_int_equal(http_client_send(client, &(http_client_request){"GET", "/", WEIR_STR("")},
                                          &status, &body, &err),
                         WEIR_RETRY);
        assert_string_equal(err.message, cases[i].message);
        http_client_free(client);
    }
    weir_buf_done(&body);
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"", "://", "ftp://host", "host:port:x", "http://ho st"};
    http_client *client = NULL;
    weir_error err = {0};
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(
            http_client_new(&(http_client_options){.url = bad[i], .what = "worker"}, &client, &err),
            WEIR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_with_status_and_body),
        cmocka_unit_test(a_url_may_have_a_path_and_a_slash_behind_it),
        cmocka_unit_test(nobody_at_the_address_is_told_with_the_address_but_no_password),
        cmocka_unit_test(what_is_no_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
