/* worker_backend.c - a worker and its plugins behind the REST API. */
#include "runtime/rest/worker_backend.h"

#include "runtime/base/diag.h"
#include "runtime/base/text.h"
#include "runtime/connect/settings.h"
#include "runtime/rest/worker_plugins.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static rest_result result_of(weir_code code)
{
    switch (code) {
    case WEIR_OK:
        return REST_OK;
    case WEIR_END:
        return REST_NOT_FOUND;
    case WEIR_CONFIG:
    case WEIR_REJECT:
        return REST_BAD_REQUEST;
    case WEIR_RETRY:
    case WEIR_FATAL:
        return REST_FAILED;
    }
    return REST_FAILED;
}

/* What the worker's code says; that there is no such connector is said in Connect's words. */
static rest_result result_for(weir_code code, const char *name, weir_error *err)
{
    if (code == WEIR_END)
        weir_fail(err, WEIR_END, "Connector %s not found", name);
    return result_of(code);
}

/* --- Queries --------------------------------------------------------------------------------- */

static json_t *names(void *context)
{
    return worker_names(((worker_backend *)context)->worker);
}

static json_t *config(void *context, const char *name)
{
    return worker_config(((worker_backend *)context)->worker, weir_cstr(name));
}

/* A stopped connector has no tasks in Connect; ours keep what they counted, for `weir run`. */
static json_t *status(void *context, const char *name)
{
    json_t *status = worker_status(((worker_backend *)context)->worker, weir_cstr(name));
    const char *state =
        json_string_value(json_object_get(json_object_get(status, "connector"), "state"));

    if (state != NULL && strcmp(state, "STOPPED") == 0)
        (void)json_object_set_new(status, "tasks", json_array());
    return status;
}

static json_t *tasks(void *context, const char *name)
{
    worker_backend *self = context;
    json_t *all = status(context, name);
    json_t *configs = worker_task_configs(self->worker, weir_cstr(name));
    json_t *result = NULL, *task;
    size_t i;

    if (all != NULL && configs != NULL)
        result = json_array();
    json_array_foreach(json_object_get(all, "tasks"), i, task)
    {
        json_t *own = json_array_get(configs, i); /* none: it has other tasks since the status */

        if (result != NULL && own != NULL)
            (void)json_array_append_new(result, json_pack("{s:{s:s, s:O}, s:O}", "id", "connector",
                                                          name, "task", json_object_get(task, "id"),
                                                          "config", own));
    }
    json_decref(all);
    json_decref(configs);
    return result;
}

static json_t *topics(void *context, const char *name)
{
    return worker_topics(((worker_backend *)context)->worker, weir_cstr(name));
}

/* --- Commands -------------------------------------------------------------------------------- */

/* Writes warnings as diagnostics and gathers errors in Connect's words. False when there are errors. */
static bool accept_issues(const config_issues *issues, const char *name, weir_error *err)
{
    weir_buf text = {0};
    size_t count = 0;
    diag_pair pair = {"connector", weir_cstr(name)};

    for (size_t i = 0; i < config_issue_count(issues); i++) {
        const config_issue *issue = config_issue_at(issues, i);

        if (issue->severity == CONFIG_WARNING) {
            diag_with(WEIR_WARN, &pair, 1, "setting \"%.*s\" %s", WEIR_ARG(issue->name),
                      issue->message);
            continue;
        }
        count++;
        weir_buf_printf(&text, "\n%.*s: %s", WEIR_ARG(issue->name), issue->message);
    }
    if (count > 0)
        weir_fail(err, WEIR_CONFIG,
                  "Connector configuration is invalid and contains the following %zu error(s):%s\n"
                  "You can also find the above list of errors at the endpoint "
                  "`/connector-plugins/{connectorType}/config/validate`",
                  count, weir_buf_cstr(&text));
    weir_buf_done(&text);
    return count == 0;
}

static rest_result create(worker_backend *self, const char *name, const config_setting *settings,
                          size_t count, const target_state *target, weir_error *err)
{
    weir_code code = worker_create(self->worker, weir_cstr(name), settings, count, target, err);

    if (code != WEIR_REJECT)
        return result_for(code, name, err);
    weir_fail(err, WEIR_REJECT, "Connector %s already exists", name);
    return REST_CONFLICT;
}

static rest_result put(void *context, const char *name, const json_t *given, const char *target,
                       bool must_be_new, weir_error *err)
{
    worker_backend *self = context;
    config_issues issues = {0};
    target_state state = TARGET_RUNNING;
    const target_state *wanted = target != NULL ? &state : NULL;
    size_t count;
    config_setting *settings = worker_plugins_settings(given, &count);
    rest_result result = REST_BAD_REQUEST;

    worker_validate(self->worker, settings, count, false, &issues);
    if (target != NULL && !target_state_parse(weir_cstr(target), &state))
        weir_fail(err, WEIR_CONFIG, "there is no state \"%s\"", target);
    else if (accept_issues(&issues, name, err))
        result = must_be_new ? create(self, name, settings, count, wanted, err)
                             : result_for(worker_put(self->worker, weir_cstr(name), settings, count,
                                                     wanted, err),
                                          name, err);
    config_issues_done(&issues);
    free(settings);
    return result;
}

static rest_result remove_connector(void *context, const char *name, weir_error *err)
{
    worker_backend *self = context;

    return result_for(worker_remove(self->worker, weir_cstr(name), err), name, err);
}

static rest_result set_target(void *context, const char *name, const char *target, weir_error *err)
{
    worker_backend *self = context;
    target_state state = TARGET_RUNNING;
    bool known = target_state_parse(weir_cstr(target), &state);

    assert(known);
    return result_for(worker_set_target(self->worker, weir_cstr(name), state, err), name, err);
}

static rest_result restart(void *context, const char *name, int task, bool include_tasks,
                           bool only_failed, weir_error *err)
{
    worker_backend *self = context;

    return result_for(
        worker_restart(self->worker, weir_cstr(name), task, include_tasks, only_failed, err), name,
        err);
}

static rest_result offsets(void *context, const char *name, json_t **out, weir_error *err)
{
    worker_backend *self = context;

    *out = worker_offsets(self->worker, weir_cstr(name));
    if (*out != NULL)
        return REST_OK;
    return result_for(WEIR_END, name, err);
}

/* A whole number, as JSON or as a text: Connect takes both. */
static bool int_of(const json_t *value, int64_t *out)
{
    if (json_is_string(value))
        return text_to_int((weir_str){json_string_value(value), json_string_length(value)}, out);
    *out = (int64_t)json_integer_value(value);
    return json_is_integer(value);
}

/* One offset of a sink in the form in which the worker keeps it; NULL: it is none. */
static json_t *sink_offset(const json_t *given, weir_error *err)
{
    const json_t *partition = json_object_get(given, "partition");
    const json_t *offset = json_object_get(given, "offset");
    const char *topic = json_string_value(json_object_get(partition, "kafka_topic"));
    const char *topic_id = json_string_value(json_object_get(offset, "topic_id"));
    int64_t number, at = 0;

    if (topic == NULL || !int_of(json_object_get(partition, "kafka_partition"), &number) ||
        number < 0 || number > INT32_MAX) {
        weir_fail(err, WEIR_CONFIG,
                  "The partition for a sink connector offset must contain the keys 'kafka_topic' "
                  "and 'kafka_partition'");
        return NULL;
    }
    if (!json_is_null(offset) && json_object_get(offset, "kafka_offset") == NULL) {
        weir_fail(err, WEIR_CONFIG,
                  "The offset for a sink connector should either be null or contain the key "
                  "'kafka_offset'");
        return NULL;
    }
    if (!json_is_null(offset) &&
        (!int_of(json_object_get(offset, "kafka_offset"), &at) || at < 0)) {
        weir_fail(err, WEIR_CONFIG,
                  "Failed to parse a Kafka offset in the provided offsets. Offset values for sink "
                  "connectors need to be integers, and not negative.");
        return NULL;
    }
    return json_pack("{s:{s:s, s:I}, s:o}", "partition", "kafka_topic", topic, "kafka_partition",
                     (json_int_t)number, "offset",
                     json_is_null(offset) ? json_null()
                                          : json_pack("{s:I, s:s*}", "kafka_offset", (json_int_t)at,
                                                      "topic_id", topic_id));
}

static json_t *sink_offsets(const json_t *wanted, weir_error *err)
{
    json_t *all = json_array(), *item;
    size_t i;

    json_array_foreach(wanted, i, item)
    {
        json_t *one = sink_offset(item, err);

        if (one == NULL) {
            json_decref(all);
            return NULL;
        }
        (void)json_array_append_new(all, one);
    }
    return all;
}

static rest_result alter_offsets(void *context, const char *name, const json_t *wanted,
                                 weir_error *err)
{
    worker_backend *self = context;
    json_t *about = status(context, name), *own = NULL;
    const char *type = json_string_value(json_object_get(about, "type"));
    bool is_sink = type != NULL && strcmp(type, "sink") == 0;
    rest_result result;

    json_decref(about);
    if (wanted != NULL && is_sink && (own = sink_offsets(wanted, err)) == NULL)
        return REST_BAD_REQUEST;
    result = result_for(
        worker_alter_offsets(self->worker, weir_cstr(name), own != NULL ? own : wanted, err), name,
        err);
    json_decref(own);
    return result;
}

/* --- The worker ------------------------------------------------------------------------------ */

static const char *identity(void *context)
{
    return log_id(((worker_backend *)context)->log);
}

static bool is_ready(void *context, const char **reason)
{
    *reason = "starting";
    return atomic_load(&((worker_backend *)context)->started);
}

rest_backend worker_backend_table(worker_backend *self)
{
    return (rest_backend){
        .context = self,
        .names = names,
        .config = config,
        .status = status,
        .tasks = tasks,
        .topics = topics,
        .put = put,
        .remove = remove_connector,
        .set_target = set_target,
        .restart = restart,
        .offsets = offsets,
        .alter_offsets = alter_offsets,
        .plugins = worker_plugins_list,
        .plugin_config = worker_plugins_config,
        .validate = worker_plugins_validate,
        .is_secret = worker_plugins_is_secret,
        .log_id = identity,
        .is_ready = is_ready,
    };
}
