/* test_registry_client.c - what becomes of a registry's answers, whoever gives them, and of registries that give none.
 *
 * The remotes are servers of ours that give one answer to everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/base/http.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/client/registry_client.h"
#include "tests/fixtures/fake_log.h"
#include "tests/fixtures/registry_fixture.h"

#include <stdatomic.h>
#include <string.h>

#define SUBJECT WEIR_STR("orders-value")

enum { REMOTES = 3 };

/* A server, and its one answer. */
typedef struct remote {
    http_service service;
    http_server *server;
    atomic_int status, asked;
    const char *body, *location; /* as they were when it started */
    char url[64];
} remote;

static remote remotes[REMOTES];
static registry_client *client;
static weir_schema *schema;
static weir_error err;

static void answer(void *context, const http_request *request, http_reply *reply)
{
    remote *self = context;

    (void)request;
    atomic_fetch_add(&self->asked, 1);
    reply->status = atomic_load(&self->status);
    weir_buf_add_str(&reply->body, weir_cstr(self->body));
    if (self->location != NULL)
        weir_buf_add_str(&reply->location, weir_cstr(self->location));
}

static const http_route routes[] = {
    {"POST", "/subjects/{subject}", answer},
    {"POST", "/subjects/{subject}/versions", answer},
    {"GET", "/subjects/{subject}/versions/{version}", answer},
};

static void start_with(int number, int status, const char *body, const char *location)
{
    remote *self = &remotes[number];

    *self = (remote){.status = status, .body = body, .location = location};
    self->service = (http_service){.routes = routes, .route_count = 3, .context = self};
    assert_int_equal(http_server_start("x", "127.0.0.1:0", &self->service, &self->server, &err),
                     WEIR_OK);
    snprintf(self->url, sizeof(self->url), "http://127.0.0.1:%d", http_server_port(self->server));
}

static void start(int number, int status, const char *body)
{
    start_with(number, status, body, NULL);
}

/* Of the first count servers. */
static void connect_to(size_t count)
{
    weir_str urls[REMOTES];

    for (size_t i = 0; i < count; i++)
        urls[i] = weir_cstr(remotes[i].url);
    assert_int_equal(registry_client_remote(&(weir_list){.items = urls, .count = count},
                                            &(http_client_options){0}, &client, &err),
                     WEIR_OK);
}

static weir_code register_it(int32_t *id)
{
    return registry_client_register(client, SUBJECT, schema, false, id, &err);
}

static void assert_says(const char *expected)
{
    if (strstr(err.message, expected) == NULL)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    (void)state;
    client = NULL;
    schema = avro_parse(WEIR_STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                 "{\"name\":\"a\",\"type\":\"int\"}]}"),
                        &err);
    return schema == NULL;
}

static int teardown(void **state)
{
    (void)state;
    registry_client_free(client);
    for (int i = 0; i < REMOTES; i++) {
        http_server_stop(remotes[i].server);
        remotes[i].server = NULL;
    }
    avro_schema_free(schema);
    answers_done();
    return 0;
}

/* --- One remote ------------------------------------------------------------------------------- */

static void each_answer_has_its_class_and_its_message(void **state)
{
    static const struct {
        int status;
        weir_code code;
        const char *body, *message;
    } cases[] = {
        {200, WEIR_OK, "{\"id\":7}", ""},
        {200, WEIR_RETRY, "{}", "has no id"},
        {200, WEIR_RETRY, "{\"id\":\"7\"}", "has no id"},
        {200, WEIR_RETRY, "{\"id\":-1}", "has no id"},
        {200, WEIR_RETRY, "<html>", "is no JSON"},
        {409, WEIR_REJECT, "{\"error_code\":409,\"message\":\"why\"}", "answered 409: why"},
        {409, WEIR_REJECT, "{\"error_code\":40901,\"message\":\"why\"}", "answered 40901: why"},
        {409, WEIR_FATAL, "<html>", "answered 409"},
        {422, WEIR_FATAL, "{\"error_code\":42201,\"message\":\"bad\"}", "answered 42201: bad"},
        {422, WEIR_FATAL, "{\"error_code\":42205,\"message\":\"read-only\"}", "read-only"},
        {401, WEIR_FATAL, "{\"error_code\":401,\"message\":\"Unauthorized\"}",
         "answered 401: Unauthorized; check the credentials"},
        {401, WEIR_FATAL, "<html>", "answered 401: check the credentials"},
        {403, WEIR_FATAL, "{\"error_code\":40301,\"message\":\"Forbidden\"}",
         "answered 40301: Forbidden; check the credentials"},
        {404, WEIR_FATAL, "<html>", "answered 404: check schema.registry.url"},
        {404, WEIR_FATAL, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}",
         "answered 404: check schema.registry.url"},
        {408, WEIR_RETRY, "", "answered 408"},
        {429, WEIR_RETRY, "", "answered 429"},
        {500, WEIR_RETRY, "{\"error_code\":50001,\"message\":\"store\"}", "answered 50001: store"},
        {503, WEIR_RETRY, "", "answered 503"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int32_t id = 0;
        weir_code code;

        start(0, cases[i].status, cases[i].body);
        connect_to(1);
        err.message[0] = '\0';
        code = register_it(&id);
        if (code != cases[i].code)
            fail_msg("case %zu: %d, %s", i, (int)code, err.message);
        if (code != WEIR_OK) {
            assert_says(cases[i].message);
            assert_says("\"orders-value\"");
        }
        assert_int_equal(id, code == WEIR_OK ? 7 : 0);
        registry_client_free(client);
        client = NULL;
        http_server_stop(remotes[0].server);
        remotes[0].server = NULL;
    }
}

static void a_redirect_is_not_followed_but_said(void **state)
{
    int32_t id;
    (void)state;

    start_with(0, 302, "", "/elsewhere");
    connect_to(1);
    assert_int_equal(register_it(&id), WEIR_FATAL);
    assert_says("answered 302 and refers to http://127.0.0.1:");
    assert_says("/elsewhere: set schema.registry.url to where it is");
}

static void an_id_of_another_context_is_none(void **state)
{
    const weir_schema *latest;
    int32_t id;
    (void)state;

    start(0, 200, "{\"id\":7,\"subject\":\":.ctx:orders-value\",\"schema\":\"\\\"int\\\"\"}");
    connect_to(1);
    assert_int_equal(registry_client_find(client, SUBJECT, schema, false, &id, &err), WEIR_REJECT);
    assert_says("only the subject :.ctx:orders-value has it");
    assert_int_equal(registry_client_latest(client, SUBJECT, &id, &latest, &err), WEIR_REJECT);
    assert_int_equal(
        registry_client_latest(client, WEIR_STR(":.ctx:orders-value"), &id, &latest, &err),
        WEIR_OK);
    assert_int_equal(id, 7);
}

/* --- Several ---------------------------------------------------------------------------------- */

static void what_cannot_answer_now_is_passed_over_and_not_asked_first_again(void **state)
{
    int32_t id;
    (void)state;

    start(0, 200, "");
    http_server_stop(remotes[0].server); /* nobody is there any more */
    remotes[0].server = NULL;
    start(1, 503, "");
    start(2, 200, "{\"id\":7}");
    connect_to(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(register_it(&id), WEIR_OK);
    assert_int_equal(atomic_load(&remotes[1].asked), 1);
    assert_int_equal(atomic_load(&remotes[2].asked), 3);
}

static void an_answer_is_an_answer_and_nobody_else_is_asked(void **state)
{
    int32_t id;
    (void)state;

    start(0, 409, "{\"error_code\":409,\"message\":\"why\"}");
    start(1, 200, "{\"id\":7}");
    connect_to(2);
    assert_int_equal(register_it(&id), WEIR_REJECT);
    assert_says("answered 409: why");
}

static void when_none_can_answer_it_may_pass_and_the_last_ones_reason_is_told(void **state)
{
    int32_t id;
    (void)state;

    start(0, 503, "{\"id\":7}");
    start(1, 500, "{\"error_code\":50001,\"message\":\"store\"}");
    connect_to(2);
    assert_int_equal(register_it(&id), WEIR_RETRY);
    assert_says("answered 50001: store");
    atomic_store(&remotes[0].status, 200);
    assert_int_equal(register_it(&id), WEIR_OK);
}

/* --- The registry of this process ------------------------------------------------------------- */

static void a_latest_schema_that_is_asked_for_again_is_parsed_once(void **state)
{
    const weir_schema *first, *again, *newer;
    registry *own;
    log *backend = fake_log_new(1);
    int32_t id;
    (void)state;

    assert_int_equal(registry_open(backend, &REGISTRY_DEFAULTS, &own, &err), WEIR_OK);
    client = registry_client_local(own);
    assert_int_equal(registry_client_latest(client, SUBJECT, &id, &first, &err), WEIR_REJECT);
    assert_true(register_id(own, "orders-value", record_of("a:int")) > 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(registry_client_latest(client, SUBJECT, &id, &again, &err), WEIR_OK);
        if (i == 0)
            first = again;
        assert_ptr_equal(again, first);
    }
    assert_true(register_id(own, "orders-value", record_of("a:int b:int=1")) > 0);
    assert_int_equal(registry_client_latest(client, SUBJECT, &id, &newer, &err), WEIR_OK);
    assert_ptr_not_equal(newer, first);
    assert_int_equal(id, 2);
    registry_client_free(client);
    client = NULL;
    registry_close(own);
    fake_log_free(backend);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_answer_has_its_class_and_its_message),
        TEST(a_redirect_is_not_followed_but_said),
        TEST(an_id_of_another_context_is_none),
        TEST(what_cannot_answer_now_is_passed_over_and_not_asked_first_again),
        TEST(an_answer_is_an_answer_and_nobody_else_is_asked),
        TEST(when_none_can_answer_it_may_pass_and_the_last_ones_reason_is_told),
        TEST(a_latest_schema_that_is_asked_for_again_is_parsed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
