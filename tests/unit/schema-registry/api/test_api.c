/* test_api.c - what the registry's API does about every request, whatever it asks, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/http_client.h"
#include "schema-registry/api/api.h"
#include "tests/fixtures/fake_log.h"

static registry_api api = {.version = "1", .log_id = "the-log"};
static http_server *server;
static weir_buf answer;

static int ask(const char *method, const char *target, const char *body, const char *accept)
{
    http_client *client = NULL;
    weir_error err;
    char url[64];
    int status = 0;

    snprintf(url, sizeof(url), "127.0.0.1:%d", http_server_port(server));
    assert_int_equal(
        http_client_new(&(http_client_options){.url = url, .what = "registry", .accept = accept},
                        &client, &err),
        WEIR_OK);
    assert_int_equal(http_client_send(client,
                                      &(http_client_request){method, target, weir_cstr(body)},
                                      &status, &answer, &err),
                     WEIR_OK);
    http_client_free(client);
    return status;
}

static void assert_answer(const char *part)
{
    if (strstr(weir_buf_cstr(&answer), part) == NULL)
        fail_msg("no \"%s\" in %s", part, weir_buf_cstr(&answer));
}

static void until_it_is_open_all_but_health_is_503(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", "/subjects", "", NULL), 503);
    assert_answer("{\"error_code\":503,\"message\":\"the registry is starting; ask again\"}");
    assert_int_equal(ask("GET", "/healthz", "", NULL), 200);
    assert_int_equal(ask("GET", "/readyz", "", NULL), 503);
    assert_int_equal(ask("GET", "/metrics", "", NULL), 200);
}

static log *open_registry(void)
{
    log *backend = fake_log_new(1);
    registry *opened;
    weir_error err;

    assert_int_equal(registry_open(backend, &REGISTRY_DEFAULTS, &opened, &err), WEIR_OK);
    atomic_store(&api.registry, opened);
    return backend;
}

static void close_registry(log *backend)
{
    registry_close(atomic_load(&api.registry));
    atomic_store(&api.registry, NULL);
    fake_log_free(backend);
}

static void an_error_is_a_code_and_a_message_whatever_was_asked(void **state)
{
    static const struct {
        const char *method, *target, *body;
        int status;
        const char *part;
    } cases[] = {
        {"GET", "/subjects/x/versions", "", 404, "{\"error_code\":40401,\"message\":\"Subject 'x'"},
        {"GET", "/subjects/%FF%22/versions", "", 404, "\"error_code\":40401"},
        {"GET", "/schemas/ids/7", "", 404, "{\"error_code\":40403,\"message\":\"Schema 7 not"},
        {"GET", "/schemas/ids/x", "", 404, "\"error_code\":404,"},
        {"GET", "/subjects?limit=x", "", 404, "\"error_code\":404,"},
        {"GET", "/subjects/x/versions/0", "", 422, "\"error_code\":42202"},
        {"POST", "/subjects/x/versions", "{", 400, "\"error_code\":400,"},
        {"POST", "/subjects/x/versions", "[]", 400, "the body is not a JSON object"},
        {"POST", "/subjects/x/versions", "{\"schema\":1}", 400,
         "\\\"schema\\\" has to be a string"},
        {"POST", "/subjects/x/versions", "{\"id\":1.5}", 400, "\\\"id\\\" has to be an integer"},
        {"POST", "/subjects/x/versions", "{\"references\":[1]}", 400, "an array of objects"},
        {"POST", "/subjects/x/versions", "{\"metadata\":1}", 400, "has to be an object"},
        {"POST", "/subjects/x/versions", "", 422, "the request has no body"},
        {"POST", "/subjects/x/versions", "{\"schema\":\"{\"}", 422, "\"error_code\":42201"},
        {"PUT", "/config", "{\"compatibility\":\"x\"}", 422, "\"error_code\":42203"},
        {"PUT", "/mode", "{\"mode\":\"x\"}", 422, "\"error_code\":42204"},
        {"PUT", "/mode", "", 422, "the request has no body"},
        {"PUT", "/mode", "[]", 400, "the body is not a JSON object"},
        {"DELETE", "/config/x", "", 404, "\"error_code\":40401"},
        {"PATCH", "/config/x", "", 405, "\"error_code\":405,"},
    };
    log *backend = open_registry();
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = ask(cases[i].method, cases[i].target, cases[i].body, NULL);

        if (status != cases[i].status)
            fail_msg("%s %s: %d, %s", cases[i].method, cases[i].target, status,
                     weir_buf_cstr(&answer));
        assert_answer(cases[i].part);
    }
    close_registry(backend);
}

static void an_accept_header_that_fits_nothing_is_406_but_for_watchers(void **state)
{
    log *backend = open_registry();
    (void)state;

    assert_int_equal(ask("GET", "/subjects", "", "application/vnd.schemaregistry+json"), 200);
    assert_int_equal(ask("GET", "/subjects", "", "text/html"), 406);
    assert_int_equal(ask("GET", "/metrics", "", "text/plain"), 200);
    close_registry(backend);
}

static void what_is_stored_is_counted(void **state)
{
    log *backend = open_registry();
    (void)state;

    api_metrics_add(&api);
    assert_int_equal(ask("POST", "/subjects/a/versions", "{\"schema\":\"\\\"int\\\"\"}", NULL),
                     200);
    assert_int_equal(ask("POST", "/subjects/b/versions", "{\"schema\":\"\\\"int\\\"\"}", NULL),
                     200);
    assert_int_equal(ask("DELETE", "/subjects/b", "", NULL), 200);
    assert_int_equal(ask("GET", "/metrics", "", NULL), 200);
    assert_answer("\nweir_registry_subjects 2\n");
    assert_answer("\nweir_registry_versions 1\n");
    assert_answer("\nweir_registry_deleted_versions 1\n");
    assert_answer("\nweir_registry_schemas 1\n");
    assert_int_equal(ask("GET", "/v1/metadata/id", "", NULL), 200);
    assert_answer("\"kafka-cluster\":\"the-log\"");
    api_metrics_remove(&api);
    close_registry(backend);
}

static int start(void **state)
{
    http_service service = api_service(&api);
    weir_error err;
    (void)state;

    return http_server_start("--x", "127.0.0.1:0", &service, &server, &err) == WEIR_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    http_server_stop(server);
    weir_buf_done(&answer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_it_is_open_all_but_health_is_503),
        cmocka_unit_test(an_error_is_a_code_and_a_message_whatever_was_asked),
        cmocka_unit_test(an_accept_header_that_fits_nothing_is_406_but_for_watchers),
        cmocka_unit_test(what_is_stored_is_counted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
