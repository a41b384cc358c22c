/* test_rest.c - Kafka Connect's paths, shapes and status codes, against a fake worker with one connector.
 *
 * The fake knows the connector "a", whose setting "password" is a secret; what the API asked of it last is
 * in `asked`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/http_client.h"
#include "runtime/rest/rest.h"

static char asked[1024];
static http_client *client;
static http_server *server;

static bool known(const char *name)
{
    return strcmp(name, "a") == 0 || strcmp(name, "new") == 0;
}

static json_t *fake_names(void *context)
{
    (void)context;
    return json_pack("[s]", "a");
}

static json_t *fake_config(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "new") == 0 && strncmp(asked, "put new", 7) != 0)
        return NULL;
    return known(name) ? json_pack("{s:s, s:s, s:s, s:s}", "name", name, "connector.class", "file",
                                   "password", "geheim", "user", "${env:USER}")
                       : NULL;
}

static json_t *fake_status(void *context, const char *name)
{
    (void)context;
    return known(name) ? json_pack("{s:s, s:{s:s, s:s}, s:[{s:i, s:s, s:s}], s:s}", "name", name,
                                   "connector", "state", "RUNNING", "worker_id", "w", "tasks", "id",
                                   0, "state", "RUNNING", "worker_id", "w", "type", "sink")
                       : NULL;
}

static json_t *fake_tasks(void *context, const char *name)
{
    (void)context;
    return known(name) ? json_pack("[{s:{s:s, s:i}, s:{s:s}}]", "id", "connector", name, "task", 0,
                                   "config", "password", "geheim")
                       : NULL;
}

static json_t *fake_topics(void *context, const char *name)
{
    (void)context;
    return known(name) ? json_pack("[s]", "t") : NULL;
}

static rest_result refuse(const char *name, weir_error *err)
{
    weir_fail(err, WEIR_CONFIG, "Connector %s not found", name);
    return REST_NOT_FOUND;
}

static rest_result fake_put(void *context, const char *name, const json_t *config,
                            const char *target, bool must_be_new, weir_error *err)
{
    char *text;

    (void)context;
    if (must_be_new && strcmp(name, "a") == 0) {
        weir_fail(err, WEIR_REJECT, "Connector %s already exists", name);
        return REST_CONFLICT;
    }
    text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(asked, sizeof(asked), "put %s %s %s", name, target != NULL ? target : "-", text);
    free(text);
    if (json_object_get(config, "bad") != NULL) {
        weir_fail(err, WEIR_CONFIG, "bad is bad");
        return REST_BAD_REQUEST;
    }
    return REST_OK;
}

static rest_result fake_remove(void *context, const char *name, weir_error *err)
{
    (void)context;
    snprintf(asked, sizeof(asked), "remove %s", name);
    return known(name) ? REST_OK : refuse(name, err);
}

static rest_result fake_set_target(void *context, const char *name, const char *target,
                                   weir_error *err)
{
    (void)context;
    snprintf(asked, sizeof(asked), "target %s %s", name, target);
    return known(name) ? REST_OK : refuse(name, err);
}

static rest_result fake_restart(void *context, const char *name, int task, bool tasks, bool failed,
                                weir_error *err)
{
    (void)context;
    snprintf(asked, sizeof(asked), "restart %s %d %d %d", name, task, tasks, failed);
    return known(name) ? REST_OK : refuse(name, err);
}

static rest_result fake_offsets(void *context, const char *name, json_t **out, weir_error *err)
{
    (void)context;
    if (!known(name))
        return refuse(name, err);
    *out = json_pack("[{s:{s:s}, s:{s:i}}]", "partition", "kafka_topic", "t", "offset",
                     "kafka_offset", 7);
    return REST_OK;
}

static rest_result fake_alter(void *context, const char *name, const json_t *offsets,
                              weir_error *err)
{
    char *text = offsets != NULL ? json_dumps(offsets, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    (void)context;
    snprintf(asked, sizeof(asked), "alter %s %s", name, text != NULL ? text : "-");
    free(text);
    return known(name) ? REST_OK : refuse(name, err);
}

static json_t *fake_plugins(void *context, bool connectors_only)
{
    (void)context;
    return json_pack("[{s:s, s:b}]", "class", "file", "only", connectors_only);
}

static json_t *fake_plugin_config(void *context, const char *plugin)
{
    (void)context;
    return strcmp(plugin, "file") == 0 ? json_pack("[{s:s}]", "name", "path") : NULL;
}

static rest_result fake_validate(void *context, const char *plugin, const json_t *config,
                                 json_t **out, weir_error *err)
{
    (void)context;
    if (strcmp(plugin, "file") != 0)
        return REST_NOT_FOUND;
    if (json_object_size(config) > 0) {
        weir_fail(err, WEIR_CONFIG, "another type");
        return REST_BAD_REQUEST;
    }
    *out = json_pack("{s:i}", "error_count", 0);
    return REST_OK;
}

static bool fake_is_secret(void *context, const json_t *config, const char *setting)
{
    (void)context, (void)config;
    return strcmp(setting, "password") == 0 || strcmp(setting, "user") == 0;
}

static const char *fake_log_id(void *context)
{
    (void)context;
    return "id-1";
}

static bool ready = true;

static bool fake_is_ready(void *context, const char **reason)
{
    (void)context;
    *reason = "starting";
    return ready;
}

static rest_api api = {
    .version = "9.9",
    .backend = {.names = fake_names,
                .config = fake_config,
                .status = fake_status,
                .tasks = fake_tasks,
                .topics = fake_topics,
                .put = fake_put,
                .remove = fake_remove,
                .set_target = fake_set_target,
                .restart = fake_restart,
                .offsets = fake_offsets,
                .alter_offsets = fake_alter,
                .plugins = fake_plugins,
                .plugin_config = fake_plugin_config,
                .validate = fake_validate,
                .is_secret = fake_is_secret,
                .log_id = fake_log_id,
                .is_ready = fake_is_ready},
};

static int start(void **state)
{
    char address[64];
    weir_error err;

    (void)state;
    if (http_server_start("--rest", "127.0.0.1:0",
                          &(http_service){.routes = rest_routes,
                                          .route_count = rest_route_count,
                                          .context = &api,
                                          .admit = rest_admit},
                          &server, &err) != WEIR_OK)
        return -1;
    snprintf(address, sizeof(address), "127.0.0.1:%d", http_server_port(server));
    return http_client_new(&(http_client_options){.url = address, .what = "worker"}, &client,
                           &err) != WEIR_OK;
}

static int stop(void **state)
{
    (void)state;
    http_client_free(client);
    http_server_stop(server);
    return 0;
}

/* One request, the status and the body that it must get, and what the worker must have been asked. */
typedef struct expectation {
    const char *method, *target, *body;
    int status;
    const char *answer; /* NULL: not looked at */
    const char *asked;  /* NULL: not looked at */
} expectation;

static void check(const expectation *e)
{
    weir_buf answer = {0};
    weir_error err;
    int status = 0;

    asked[0] = '\0';
    assert_int_equal(
        http_client_send(client, &(http_client_request){e->method, e->target, weir_cstr(e->body)},
                         &status, &answer, &err),
        WEIR_OK);
    if (status != e->status)
        fail_msg("%s %s gave %d: %s", e->method, e->target, status, weir_buf_cstr(&answer));
    if (e->answer != NULL)
        assert_string_equal(weir_buf_cstr(&answer), e->answer);
    if (e->asked != NULL)
        assert_string_equal(asked, e->asked);
    weir_buf_done(&answer);
}

static void check_all(const expectation *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&all[i]);
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        static const expectation all[] = {__VA_ARGS__};                                            \
        check_all(all, sizeof(all) / sizeof(all[0]));                                              \
    } while (0)

#define INFO                                                                                       \
    "{\"name\":\"a\",\"config\":{\"name\":\"a\",\"connector.class\":\"file\",\"password\":\"***"   \
    "\","                                                                                          \
    "\"user\":\"${env:USER}\"},\"tasks\":[{\"connector\":\"a\",\"task\":0}],\"type\":\"sink\"}"
#define STATUS                                                                                     \
    "{\"name\":\"a\",\"connector\":{\"state\":\"RUNNING\",\"worker_id\":\"w\"},\"tasks\":[{"       \
    "\"id\":0,\"state\":\"RUNNING\",\"worker_id\":\"w\"}],\"type\":\"sink\"}"

static void connectors_are_listed_and_expanded(void **state)
{
    (void)state;
    CHECK({"GET", "/connectors", "", 200, "[\"a\"]", NULL},
          {"GET", "/connectors/", "", 200, "[\"a\"]", NULL},
          {"GET", "/connectors?expand=status", "", 200, "{\"a\":{\"status\":" STATUS "}}", NULL},
          {"GET", "/connectors?expand=info&expand=status", "", 200,
           "{\"a\":{\"status\":" STATUS ",\"info\":" INFO "}}", NULL});
}

static void secrets_are_masked_and_references_are_not(void **state)
{
    (void)state;
    CHECK({"GET", "/connectors/a", "", 200, INFO, NULL},
          {"GET", "/connectors/a/config", "", 200,
           "{\"name\":\"a\",\"connector.class\":\"file\",\"password\":\"***\",\"user\":\"${env:"
           "USER}\"}",
           NULL},
          {"GET", "/connectors/a/tasks", "", 200,
           "[{\"id\":{\"connector\":\"a\",\"task\":0},\"config\":{\"password\":\"***\"}}]", NULL});
}

static void a_connector_is_created(void **state)
{
    (void)state;
    CHECK({"POST", "/connectors",
           "{\"name\":\"new\",\"config\":{\"n\":1,\"b\":true,\"s\":\"x\",\"z\":null}}", 201, NULL,
           "put new - {\"b\":\"true\",\"n\":\"1\",\"name\":\"new\",\"s\":\"x\"}"},
          {"POST", "/connectors", "{\"config\":{\"name\":\"new\"},\"initial_state\":\"STOPPED\"}",
           201, NULL, "put new STOPPED {\"name\":\"new\"}"});
}

static void a_wrong_creation_is_refused(void **state)
{
    (void)state;
    CHECK({"POST", "/connectors", "{\"name\":\"a\",\"config\":{}}", 409,
           "{\"error_code\":409,\"message\":\"Connector a already exists\"}", ""},
          {"POST", "/connectors", "{\"name\":\"x\"}", 400, NULL, ""},
          {"POST", "/connectors", "[]", 400, NULL, ""}, {"POST", "/connectors", "{", 400, NULL, ""},
          {"POST", "/connectors", "{\"name\":\"x\",\"config\":{\"y\":{}}}", 400,
           "{\"error_code\":400,\"message\":\"the value of y must be a text\"}", ""},
          {"POST", "/connectors", "{\"name\":\"\",\"config\":{}}", 400, NULL, ""},
          {"POST", "/connectors", "{\"name\":\"x\",\"config\":{},\"initial_state\":\"NO\"}", 400,
           NULL, ""},
          {"POST", "/connectors", "{\"name\":\"x\",\"config\":{},\"initial_state\":1}", 400, NULL,
           ""},
          {"POST", "/connectors", "{\"name\":\"x\",\"config\":{\"name\":\"y\"}}", 400, NULL, ""},
          {"POST", "/connectors", "{\"name\":\"x\",\"config\":{\"bad\":\"1\"}}", 400,
           "{\"error_code\":400,\"message\":\"bad is bad\"}", NULL});
}

static void putting_a_configuration_creates_or_changes(void **state)
{
    (void)state;
    CHECK({"PUT", "/connectors/a/config", "{\"x\":\"y\"}", 200, INFO,
           "put a - {\"name\":\"a\",\"x\":\"y\"}"},
          {"PUT", "/connectors/new/config", "{\"x\":\"y\"}", 201, NULL, NULL},
          {"PUT", "/connectors/a/config", "[]", 400, NULL, ""});
}

static void a_masked_secret_that_comes_back_is_the_known_one(void **state)
{
    (void)state;
    CHECK({"PUT", "/connectors/a/config", "{\"password\":\"***\",\"x\":\"***\"}", 200, NULL,
           "put a - {\"name\":\"a\",\"password\":\"geheim\",\"x\":\"***\"}"});
}

static void a_patch_sets_and_removes(void **state)
{
    (void)state;
    CHECK({"PATCH", "/connectors/a/config", "{\"user\":null,\"x\":\"y\"}", 200, NULL,
           "put a - {\"connector.class\":\"file\",\"name\":\"a\",\"password\":\"geheim\",\"x\":"
           "\"y\"}"},
          {"PATCH", "/connectors/none/config", "{}", 404, NULL, ""},
          {"PATCH", "/connectors/a/config", "3", 400, NULL, ""});
}

static void states_are_changed_with_connects_codes(void **state)
{
    (void)state;
    CHECK({"PUT", "/connectors/a/pause", "", 202, "", "target a PAUSED"},
          {"PUT", "/connectors/a/resume", "", 202, "", "target a RUNNING"},
          {"PUT", "/connectors/a/stop", "", 204, "", "target a STOPPED"},
          {"POST", "/connectors/a/restart", "", 204, "", "restart a -1 0 0"},
          {"POST", "/connectors/a/restart?includeTasks=true&onlyFailed=true", "", 202, STATUS,
           "restart a -1 1 1"},
          {"POST", "/connectors/a/tasks/0/restart", "", 204, "", "restart a 0 0 0"},
          {"POST", "/connectors/a/tasks/x/restart", "", 404, NULL, ""},
          {"DELETE", "/connectors/a", "", 204, "", "remove a"});
}

static void what_is_not_there_is_404(void **state)
{
    (void)state;
    CHECK({"GET", "/connectors/none", "", 404,
           "{\"error_code\":404,\"message\":\"Connector none not found\"}", NULL},
          {"GET", "/connectors/none/status", "", 404, NULL, NULL},
          {"GET", "/connectors/none/config", "", 404, NULL, NULL},
          {"GET", "/connectors/none/tasks", "", 404, NULL, NULL},
          {"GET", "/connectors/none/tasks/0/status", "", 404, NULL, NULL},
          {"GET", "/connectors/none/topics", "", 200, "{\"none\":{\"topics\":[]}}", NULL},
          {"PUT", "/connectors/none/topics/reset", "", 202, "", NULL},
          {"GET", "/connectors/none/offsets", "", 404, NULL, NULL},
          {"PUT", "/connectors/none/pause", "", 404, NULL, NULL},
          {"POST", "/connectors/none/restart", "", 404, NULL, NULL},
          {"DELETE", "/connectors/none", "", 404, NULL, NULL},
          {"GET", "/connectors/a/tasks/1/status", "", 404,
           "{\"error_code\":404,\"message\":\"No status found for task a-1\"}", NULL},
          {"PUT", "/connector-plugins/none/config/validate", "{}", 404, NULL, NULL});
}

static void status_tasks_topics_and_offsets_have_connects_shapes(void **state)
{
    (void)state;
    CHECK(
        {"GET", "/connectors/a/status", "", 200, STATUS, NULL},
        {"GET", "/connectors/a/tasks/0/status", "", 200,
         "{\"id\":0,\"state\":\"RUNNING\",\"worker_id\":\"w\"}", NULL},
        {"GET", "/connectors/a/topics", "", 200, "{\"a\":{\"topics\":[\"t\"]}}", NULL},
        {"PUT", "/connectors/a/topics/reset", "", 202, "", NULL},
        {"GET", "/connectors/a/offsets", "", 200,
         "{\"offsets\":[{\"partition\":{\"kafka_topic\":\"t\"},\"offset\":{\"kafka_offset\":7}}]}",
         NULL});
}

static void offsets_are_altered_and_reset(void **state)
{
    (void)state;
    CHECK({"PATCH", "/connectors/a/offsets", "{\"offsets\":[{\"partition\":{},\"offset\":null}]}",
           200, "{\"message\":\"The offsets for this connector have been altered successfully\"}",
           "alter a [{\"offset\":null,\"partition\":{}}]"},
          {"PATCH", "/connectors/a/offsets", "{\"offsets\":[]}", 400, NULL, ""},
          {"PATCH", "/connectors/a/offsets", "{\"offsets\":[{\"partition\":{}}]}", 400, NULL, ""},
          {"DELETE", "/connectors/a/offsets", "", 200,
           "{\"message\":\"The offsets for this connector have been reset successfully\"}",
           "alter a -"});
}

static void plugins_are_listed_described_and_validated(void **state)
{
    (void)state;
    CHECK(
        {"GET", "/connector-plugins", "", 200, "[{\"class\":\"file\",\"only\":true}]", NULL},
        {"GET", "/connector-plugins?connectorsOnly=false", "", 200,
         "[{\"class\":\"file\",\"only\":false}]", NULL},
        {"GET", "/connector-plugins/file/config", "", 200, "[{\"name\":\"path\"}]", NULL},
        {"PUT", "/connector-plugins/file/config/validate", "{}", 200, "{\"error_count\":0}", NULL},
        {"PUT", "/connector-plugins/file/config/validate", "{\"connector.class\":\"x\"}", 400,
         "{\"error_code\":400,\"message\":\"another type\"}", NULL},
        {"PUT", "/connector-plugins/file/config/validate", "[]", 400, NULL, NULL});
}

static void the_worker_says_who_it_is_and_how_it_is(void **state)
{
    (void)state;
    CHECK({"GET", "/", "", 200,
           "{\"version\":\"4.1.1\",\"commit\":\"weir-9.9\",\"kafka_cluster_id\":\"id-1\",\"weir_"
           "version\":\"9.9\"}",
           NULL},
          {"GET", "/healthz", "", 200, "ok\n", NULL}, {"GET", "/readyz", "", 200, "ready\n", NULL},
          {"GET", "/metrics", "", 200, NULL, NULL}, {"GET", "/health", "", 200, NULL, NULL},
          {"POST", "/healthz", "", 405, NULL, NULL});
}

static void the_level_of_diagnostics_is_changed(void **state)
{
    (void)state;
    CHECK({"GET", "/admin/loggers/root", "", 200, "{\"level\":\"INFO\",\"last_modified\":null}",
           NULL},
          {"GET", "/admin/loggers", "", 200,
           "{\"root\":{\"level\":\"INFO\",\"last_modified\":null}}", NULL},
          {"PUT", "/admin/loggers/root", "{\"level\":\"warn\"}", 200, "[\"root\"]", NULL},
          {"PUT", "/admin/loggers/root?scope=cluster", "{\"level\":\"INFO\"}", 204, "", NULL},
          {"PUT", "/admin/loggers/root", "{}", 400,
           "{\"error_code\":400,\"message\":\"Desired 'level' parameter was not specified in "
           "request.\"}",
           NULL},
          {"PUT", "/admin/loggers/root", "{\"level\":\"loud\"}", 404, NULL, NULL},
          {"GET", "/admin/loggers/other", "", 404, NULL, NULL});
}

static void until_the_worker_is_ready_nothing_but_its_health_is_answered(void **state)
{
    (void)state;

    ready = false;
    CHECK(
        {"GET", "/healthz", "", 200, "ok\n", NULL}, {"GET", "/readyz", "", 503, "starting\n", NULL},
        {"GET", "/health", "", 503, "{\"status\":\"starting\",\"message\":\"starting\"}", NULL},
        {"GET", "/connectors", "", 503,
         "{\"error_code\":503,\"message\":\"the worker is not ready: starting; ask again\"}", ""},
        {"PUT", "/connectors/a/pause", "", 503, NULL, ""}, {"GET", "/nowhere", "", 404, NULL, ""});
    ready = true;
    CHECK({"GET", "/readyz", "", 200, "ready\n", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connectors_are_listed_and_expanded),
        cmocka_unit_test(secrets_are_masked_and_references_are_not),
        cmocka_unit_test(a_connector_is_created),
        cmocka_unit_test(a_wrong_creation_is_refused),
        cmocka_unit_test(putting_a_configuration_creates_or_changes),
        cmocka_unit_test(a_masked_secret_that_comes_back_is_the_known_one),
        cmocka_unit_test(a_patch_sets_and_removes),
        cmocka_unit_test(states_are_changed_with_connects_codes),
        cmocka_unit_test(what_is_not_there_is_404),
        cmocka_unit_test(status_tasks_topics_and_offsets_have_connects_shapes),
        cmocka_unit_test(offsets_are_altered_and_reset),
        cmocka_unit_test(plugins_are_listed_described_and_validated),
        cmocka_unit_test(the_worker_says_who_it_is_and_how_it_is),
        cmocka_unit_test(the_level_of_diagnostics_is_changed),
        cmocka_unit_test(until_the_worker_is_ready_nothing_but_its_health_is_answered),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
