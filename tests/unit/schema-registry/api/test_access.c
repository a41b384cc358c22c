/* test_access.c - who may do what over the registry's API, asked over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/http_client.h"
#include "schema-registry/api/api.h"
#include "tests/fixtures/fake_log.h"

static const char rules_text[] = "users:\n"
                                 "  boss:\n    password: a\n    admin: [\"\"]\n"
                                 "  shop:\n    password: b\n    write: [\"shop.\", \":.two:\"]\n"
                                 "  eye:\n    password: c\n    read: [\"shop.\"]\n"
                                 "  none:\n    password: d\n";

static log *backend;
static access_rules *rules;
static registry_api api = {.version = "1", .log_id = "id"};
static http_server *server;

static weir_code read_rules(const char *text, access_rules **out, weir_error *err)
{
    char path[] = "/tmp/test_access.XXXXXX";
    int fd = mkstemp(path);
    weir_code code;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    code = access_read(path, out, err);
    unlink(path);
    return code;
}

/* The status of a request as somebody, "name:password". */
static int ask(const char *user, const char *method, const char *target)
{
    http_client *client = NULL;
    weir_buf answer = {0};
    weir_error err;
    char url[64];
    int status = 0;
    weir_str body = WEIR_STR("{\"schema\":\"\\\"string\\\"\",\"compatibility\":\"NONE\"}");

    snprintf(url, sizeof(url), "127.0.0.1:%d", http_server_port(server));
    assert_int_equal(
        http_client_new(&(http_client_options){.url = url, .what = "registry", .user = user},
                        &client, &err),
        WEIR_OK);
    if (method[0] != 'P')
        body = (weir_str){0};
    assert_int_equal(http_client_send(client, &(http_client_request){method, target, body}, &status,
                                      &answer, &err),
                     WEIR_OK);
    http_client_free(client);
    weir_buf_done(&answer);
    return status;
}

static int start(void **state)
{
    registry *opened;
    http_service service;
    weir_error err;
    (void)state;

    backend = fake_log_new(1);
    if (registry_open(backend, &REGISTRY_DEFAULTS, &opened, &err) != WEIR_OK ||
        read_rules(rules_text, &rules, &err) != WEIR_OK)
        return -1;
    atomic_store(&api.registry, opened);
    api.rules = rules;
    service = api_service(&api);
    return http_server_start("--x", "127.0.0.1:0", &service, &server, &err) == WEIR_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    http_server_stop(server);
    registry_close(atomic_load(&api.registry));
    access_free(rules);
    fake_log_free(backend);
    return 0;
}

static void a_user_may_do_what_its_roles_say_for_subjects_with_their_prefixes(void **state)
{
    static const struct {
        const char *user, *method, *target;
        int expected;
    } cases[] = {
        {"boss:a", "POST", "/subjects/hr/versions", 200}, /* id 1 */
        {"shop:b", "POST", "/subjects/shop.a/versions", 200},
        {"shop:b", "POST", "/subjects/%3A.two%3Aa/versions", 200},
        {"shop:b", "POST", "/subjects/hr/versions", 403},
        {"shop:b", "POST", "/subjects/shop/versions", 403},
        {"shop:b", "POST", "/subjects/shop.a/versions?force=true", 403},
        {"shop:b", "GET", "/subjects/shop.a/versions", 200},
        {"shop:b", "GET", "/subjects?subjectPrefix=shop.a", 200},
        {"shop:b", "GET", "/subjects?subjectPrefix=shop", 403},
        {"shop:b", "GET", "/subjects?subjectPrefix=%3A%2A%3Ashop.", 403},
        {"shop:b", "GET", "/schemas", 403},
        {"shop:b", "PUT", "/config/shop.a", 403},
        {"shop:b", "DELETE", "/subjects/shop.a?permanent=true", 403},
        {"eye:c", "POST", "/subjects/shop.a", 200},
        {"eye:c", "POST", "/subjects/shop.a/versions", 403},
        {"eye:c", "POST", "/compatibility/subjects/shop.a/versions", 200},
        {"eye:c", "DELETE", "/subjects/shop.a", 403},
        {"eye:c", "GET", "/schemas/ids/1", 200}, /* shop.a has it as well */
        {"eye:c", "GET", "/schemas/ids/99", 404},
        {"boss:a", "POST", "/contexts/.hr/subjects/x/versions", 200}, /* id 1 of that context */
        {"eye:c", "GET", "/schemas/ids/1?subject=%3A.hr%3A", 403},
        {"eye:c", "GET", "/contexts/.hr/schemas/ids/1", 403},
        {"boss:a", "GET", "/contexts/.hr/schemas/ids/1", 200},
        {"eye:c", "GET", "/contexts/.hr/subjects/shop.a/versions", 403},
        {"eye:c", "GET", "/contexts/.hr/subjects", 403},
        {"eye:c", "GET", "/config/shop.a?defaultToGlobal=true", 200},
        {"eye:c", "GET", "/config/hr?defaultToGlobal=true", 403},
        {"none:d", "GET", "/config", 200},
        {"none:d", "GET", "/schemas/types", 200},
        {"none:d", "GET", "/schemas/ids/1", 403},
        {"none:d", "GET", "/schemas/guids/x", 403},
        {"none:d", "DELETE", "/contexts/.x", 403},
        {"shop:b", "DELETE", "/subjects/shop.a", 200},
        {"boss:a", "DELETE", "/subjects/shop.a?permanent=true", 200},
        {"eye:c", "GET", "/schemas/ids/1", 403}, /* now only hr has it */
        {"boss:a", "GET", "/schemas", 200},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = ask(cases[i].user, cases[i].method, cases[i].target);

        if (status != cases[i].expected)
            fail_msg("%s %s %s: %d, expected %d", cases[i].user, cases[i].method, cases[i].target,
                     status, cases[i].expected);
    }
}

static void an_alias_does_not_lead_where_the_user_may_not_go(void **state)
{
    registry_error error = {0};
    weir_buf reply = {0};
    (void)state;

    assert_true(registry_set_config(atomic_load(&api.registry), WEIR_STR("shop.door"),
                                    WEIR_STR("{\"alias\":\"hr\"}"), &reply, &error));
    assert_int_equal(ask("boss:a", "GET", "/subjects/shop.door/versions"), 200);
    assert_int_equal(ask("shop:b", "GET", "/subjects/shop.door/versions"), 403);
    weir_buf_done(&reply);
    registry_error_done(&error);
}

static void who_is_not_known_is_401_and_watchers_need_no_name(void **state)
{
    static const char *const wrong[] = {NULL, "boss:b", "boss:", "nobody:a", ":a"};
    (void)state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(ask(wrong[i], "GET", "/subjects"), 401);
    assert_int_equal(ask(NULL, "GET", "/healthz"), 200);
    assert_int_equal(ask(NULL, "GET", "/metrics"), 200);
}

static void wrong_rules_are_refused_with_their_line(void **state)
{
    static const char *const cases[][2] = {
        {"users: {}", "1 to 1000 users"},
        {"x: {}", "a map \"users\""},
        {"users: {a: 1}", ":1: user \"a\" has to be a map"},
        {"users:\n  a:\n    read: [\"\"]\n", ":2: user \"a\" has no password"},
        {"users:\n  a:\n    password: x\n    reads: []\n", ":4: \"reads\" is none of"},
        {"users:\n  a:\n    password: x\n    read: x\n", ":4: read has to be a list"},
        {"users:\n  a:\n    password: x\n    read: [[x]]\n", ":4: a prefix of subjects is a text"},
        {"users:\n  a:\n    password: pbkdf2-sha256$1\n", "no hash of the form"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        access_rules *read = NULL;
        weir_error err;

        assert_int_equal(read_rules(cases[i][0], &read, &err), WEIR_CONFIG);
        if (strstr(err.message, cases[i][1]) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i][1], err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_may_do_what_its_roles_say_for_subjects_with_their_prefixes),
        cmocka_unit_test(an_alias_does_not_lead_where_the_user_may_not_go),
        cmocka_unit_test(who_is_not_known_is_401_and_watchers_need_no_name),
        cmocka_unit_test(wrong_rules_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
