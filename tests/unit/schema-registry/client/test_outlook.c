/* test_outlook.c - what is foretold of a schema is what its registration then gets, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "schema-registry/api/api.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/canonical.h"
#include "schema-registry/client/outlook.h"
#include "tests/fixtures/fake_log.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define A              "{\"name\":\"a\",\"type\":\"int\"}"
#define A_LONG         "{\"name\":\"a\",\"type\":\"long\"}"
#define A_TEXT         "{\"name\":\"a\",\"type\":\"string\"}"
#define B              "{\"name\":\"b\",\"type\":\"int\"}"
#define B_FILLED       "{\"name\":\"b\",\"type\":\"int\",\"default\":0}"

static registry_api api = {.version = "1", .log_id = "the-log"};
static http_server *server;
static log *backend;
static registry_client *client;
static outlook answer;
static weir_str subject = WEIR_STR("s");

static int start(void **state)
{
    http_service service = api_service(&api);
    registry *opened;
    char url[64];
    weir_str named;
    weir_list urls = {&named, 1};
    weir_error err;
    (void)state;

    backend = fake_log_new(1);
    assert_int_equal(registry_open(backend, &REGISTRY_DEFAULTS, &opened, &err), WEIR_OK);
    atomic_store(&api.registry, opened);
    assert_int_equal(http_server_start("--x", "127.0.0.1:0", &service, &server, &err), WEIR_OK);
    snprintf(url, sizeof(url), "127.0.0.1:%d", http_server_port(server));
    named = weir_cstr(url);
    return registry_client_remote(&urls, &(http_client_options){0}, &client, &err) == WEIR_OK ? 0
                                                                                              : -1;
}

static int stop(void **state)
{
    (void)state;
    outlook_done(&answer);
    registry_client_free(client);
    http_server_stop(server);
    registry_close(atomic_exchange(&api.registry, NULL));
    fake_log_free(backend);
    return 0;
}

static void send(const char *method, const char *target, const char *body)
{
    json_t *value = NULL;
    weir_error err;

    assert_int_equal(registry_client_ask(client,
                                         &(http_client_request){method, target, weir_cstr(body)},
                                         &value, &err),
                     WEIR_OK);
    json_decref(value);
}

/* What is foretold of a schema; with is_true, whether that is what then happens. */
static void foretell(const char *text, outlook_use use, bool is_true)
{
    weir_buf canonical = {0};
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(text), &err);
    int32_t id;

    avro_canonical(schema, &canonical);
    outlook_done(&answer);
    assert_int_equal(outlook_ask(client,
                                 &(outlook_question){.subject = subject,
                                                     .schema = schema,
                                                     .text = weir_buf_str(&canonical),
                                                     .use = use},
                                 &answer, &err),
                     WEIR_OK);
    if (is_true) {
        weir_code code = use == OUTLOOK_USE_REGISTER
                             ? registry_client_register(client, subject, schema, false, &id, &err)
                             : registry_client_find(client, subject, schema, false, &id, &err);
        assert_int_equal(code == WEIR_OK, outlook_is_good(answer.verdict));
    }
    weir_buf_done(&canonical);
    avro_schema_free(schema);
}

static void assert_verdict(const char *text, outlook_verdict verdict)
{
    foretell(text, OUTLOOK_USE_REGISTER, true);
    assert_int_equal(answer.verdict, verdict);
}

static void a_registration_gets_what_was_foretold(void **state)
{
    (void)state;
    assert_verdict(RECORD(A), OUTLOOK_IS_NEW);
    assert_verdict(RECORD(A), OUTLOOK_IS_VERSION);
    assert_int_equal(answer.version, 1);
    assert_verdict(RECORD(A_LONG), OUTLOOK_COMPATIBLE);
    assert_string_equal(answer.level, "BACKWARD");
    assert_verdict(RECORD(A), OUTLOOK_IS_VERSION); /* an old one is one, whatever the level */
    assert_verdict(RECORD(A_LONG "," B_FILLED), OUTLOOK_COMPATIBLE);
    assert_verdict(RECORD(A_TEXT), OUTLOOK_INCOMPATIBLE);
}

static void who_is_to_blame_is_told_by_the_direction_of_the_level(void **state)
{
    (void)state;
    assert_verdict(RECORD(A_TEXT "," B_FILLED), OUTLOOK_INCOMPATIBLE);
    assert_string_equal(weir_buf_cstr(&answer.fields), "a was long and is string");
    assert_int_equal(answer.version, 3);
    assert_true(json_array_size(answer.messages) > 0);
    send("PUT", "/config/s", "{\"compatibility\":\"FORWARD\"}");
    assert_verdict(RECORD(B), OUTLOOK_INCOMPATIBLE);
    assert_string_equal(answer.level, "FORWARD");
    assert_non_null(strstr(weir_buf_cstr(&answer.fields), "a "));
    send("PUT", "/config/s", "{\"compatibility\":\"NONE\"}");
    assert_verdict(RECORD(B), OUTLOOK_COMPATIBLE);
    send("PUT", "/config/s", "{\"compatibility\":\"BACKWARD_TRANSITIVE\"}");
    assert_verdict(RECORD(B "," A_TEXT), OUTLOOK_INCOMPATIBLE); /* of an older version, too */
}

static void a_converter_that_does_not_register_needs_it_to_be_there(void **state)
{
    (void)state;
    foretell(RECORD(B), OUTLOOK_USE_FIND, true);
    assert_int_equal(answer.verdict, OUTLOOK_IS_VERSION);
    foretell(RECORD(B_FILLED), OUTLOOK_USE_FIND, true);
    assert_int_equal(answer.verdict, OUTLOOK_MISSING);
    foretell(RECORD(B_FILLED), OUTLOOK_USE_LATEST, false); /* a default is not written */
    assert_int_equal(answer.verdict, OUTLOOK_IS_VERSION);
    foretell(RECORD(A_TEXT), OUTLOOK_USE_LATEST, false);
    assert_int_equal(answer.verdict, OUTLOOK_UNLIKE);
    foretell(RECORD(A_TEXT), OUTLOOK_USE_LATEST_ANYHOW, false);
    assert_int_equal(answer.verdict, OUTLOOK_IS_VERSION);
}

static void what_another_context_has_does_not_count(void **state)
{
    (void)state;
    send("POST", "/subjects/:.other:s/versions",
         "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"R\\\",\\\"fields\\\":[{"
         "\\\"name\\\":\\\"b\\\",\\\"type\\\":\\\"string\\\"}]}\"}");
    assert_verdict(RECORD("{\"name\":\"b\",\"type\":\"string\"}"), OUTLOOK_INCOMPATIBLE);
    subject = WEIR_STR("fresh");
    send("POST", "/subjects/:.other:fresh/versions", "{\"schema\":\"\\\"int\\\"\"}");
    foretell("\"int\"", OUTLOOK_USE_FIND, true);
    assert_int_equal(answer.verdict, OUTLOOK_MISSING);
    foretell("\"string\"", OUTLOOK_USE_LATEST, false);
    assert_int_equal(answer.verdict, OUTLOOK_MISSING);
    assert_verdict("\"string\"", OUTLOOK_IS_NEW);
    subject = WEIR_STR("s");
}

static void a_subject_that_is_read_only_takes_nothing_new(void **state)
{
    (void)state;
    send("PUT", "/mode/s", "{\"mode\":\"READONLY\"}");
    assert_verdict(RECORD(B_FILLED), OUTLOOK_READ_ONLY);
    assert_verdict(RECORD(B), OUTLOOK_IS_VERSION);
}

static void a_registry_that_is_not_there_is_no_verdict(void **state)
{
    weir_str nowhere = WEIR_STR("127.0.0.1:1");
    weir_list urls = {&nowhere, 1};
    registry_client *other;
    outlook none = {0};
    weir_error err;
    (void)state;

    assert_int_equal(registry_client_remote(&urls, &(http_client_options){0}, &other, &err),
                     WEIR_OK);
    assert_int_equal(
        outlook_ask(other,
                    &(outlook_question){.subject = WEIR_STR("s"), .text = WEIR_STR("\"int\"")},
                    &none, &err),
        WEIR_RETRY);
    assert_non_null(strstr(err.message, "subject \"s\""));
    outlook_done(&none);
    registry_client_free(other);
}

static void every_verdict_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = OUTLOOK_IS_VERSION; i <= OUTLOOK_UNLIKE; i++) {
        for (int j = OUTLOOK_IS_VERSION; j < i; j++)
            assert_string_not_equal(outlook_name((outlook_verdict)i),
                                    outlook_name((outlook_verdict)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* one after the other on one subject */
        cmocka_unit_test(a_registration_gets_what_was_foretold),
        cmocka_unit_test(who_is_to_blame_is_told_by_the_direction_of_the_level),
        cmocka_unit_test(a_converter_that_does_not_register_needs_it_to_be_there),
        cmocka_unit_test(what_another_context_has_does_not_count),
        cmocka_unit_test(a_subject_that_is_read_only_takes_nothing_new),
        cmocka_unit_test(a_registry_that_is_not_there_is_no_verdict),
        cmocka_unit_test(every_verdict_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
