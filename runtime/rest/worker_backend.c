/* worker_backend.c - a worker and its plugins behind the REST API. */
#include "runtime/rest/worker_backend.h"

#include "runtime/base/diag.h"
#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/connect/settings.h"
#include "runtime/connect/transform.h"
#include "runtime/rest/definition.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The settings of an object of texts; they point into it. Freed with free(). */
static config_setting *given_settings(const json_t *config, size_t *count)
{
    config_setting *settings = mem_zalloc(json_object_size(config) + 1, sizeof(*settings));
    const char *name;
    json_t *value;

    *count = 0;
    json_object_foreach((json_t *)config, name, value)
    {
        if (json_is_string(value))
            settings[(*count)++] = (config_setting){
                weir_cstr(name), {json_string_value(value), json_string_length(value)}};
    }
    return settings;
}

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

static rest_result put(void *context, const char *name, const json_t *given, const char *target,
                       weir_error *err)
{
    worker_backend *self = context;
    config_issues issues = {0};
    target_state state = TARGET_RUNNING;
    size_t count;
    config_setting *settings = given_settings(given, &count);
    rest_result result = REST_BAD_REQUEST;

    worker_validate(self->worker, settings, count, false, &issues);
    if (target != NULL && !target_state_parse(weir_cstr(target), &state))
        weir_fail(err, WEIR_CONFIG, "there is no state \"%s\"", target);
    else if (accept_issues(&issues, name, err))
        result = result_for(worker_put(self->worker, weir_cstr(name), settings, count,
                                       target != NULL ? &state : NULL, err),
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
    if (!json_is_null(offset) &&
        (!int_of(json_object_get(offset, "kafka_offset"), &at) || at < 0)) {
        weir_fail(err, WEIR_CONFIG,
                  "The offset for a sink connector should either be null or contain the key "
                  "'kafka_offset'");
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

/* --- Plugins --------------------------------------------------------------------------------- */

static json_t *list_plugins(void *context, bool connectors_only)
{
    worker_backend *self = context;
    json_t *list = json_array();
    const plugin *one;

    plugins_load_all(self->plugins);
    for (size_t i = 0; (one = plugins_at(self->plugins, i)) != NULL; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "class", one->name, "type",
                                                    one->kind == PLUGIN_SOURCE ? "source" : "sink",
                                                    "version", one->version));
    if (!connectors_only) {
        static const char *const built_in[][2] = {
            {"unwrap", "transformation"}, {"route", "transformation"}, {"avro", "converter"},
            {"json", "converter"},        {"string", "converter"},     {"bytes", "converter"}};

        for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s}", "class", built_in[i][0], "type", built_in[i][1]));
    }
    return list;
}

static const plugin *find_plugin(plugins *all, const char *name, const json_t *given)
{
    bool topics_given =
        json_object_get(given, "topics") != NULL || json_object_get(given, "topics.regex") != NULL;
    weir_error err;
    const plugin *one = NULL;

    if (topics_given)
        one = plugins_find(all, weir_cstr(name), PLUGIN_SINK, &err);
    return one != NULL ? one : plugins_find(all, weir_cstr(name), PLUGIN_ANY, &err);
}

static json_t *definitions(const config_table *table, const char *group)
{
    json_t *list = json_array();

    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);

        if (field.unsupported == NULL)
            (void)json_array_append_new(list, definition_json(&field, group, (int)i + 1));
    }
    return list;
}

static json_t *converter_definitions(converter_kind kind)
{
    static const weir_field schemas = {.name = "schemas.enable",
                                       .kind = WEIR_KIND_BOOL,
                                       .bound = true,
                                       .fallback = "true",
                                       .importance = WEIR_HIGH,
                                       .doc = "Each key or value carries its schema."};

    return kind == CONVERTER_JSON ? json_pack("[o]", definition_json(&schemas, "json", 1))
                                  : json_array();
}

static json_t *plugin_config(void *context, const char *name)
{
    worker_backend *self = context;
    const plugin *one = find_plugin(self->plugins, name, NULL);
    const transform_type *transform = transform_find(weir_cstr(name));
    converter_kind kind;

    if (one != NULL)
        return definitions(&one->table, one->name);
    if (transform != NULL)
        return definitions(
            &(config_table){transform->fields, transform->field_count, sizeof(weir_field)},
            transform->name);
    return settings_converter(weir_cstr(name), &kind) ? converter_definitions(kind) : NULL;
}

static json_t *errors_of(const config_issues *issues, weir_str name, int *error_count)
{
    json_t *errors = json_array();

    for (size_t i = 0; i < config_issue_count(issues); i++) {
        const config_issue *issue = config_issue_at(issues, i);

        if (issue->severity != CONFIG_ERROR || !weir_str_eq(issue->name, name))
            continue;
        (void)json_array_append_new(errors, json_string(issue->message));
        (*error_count)++;
    }
    return errors;
}

static json_t *value_of(const weir_field *field, const json_t *given, json_t *errors)
{
    const char *text = json_string_value(json_object_get(given, field->name));

    if (text == NULL)
        text = field->fallback;
    if (field->secret && text != NULL && text[0] != '\0')
        text = "***";
    return json_pack("{s:s, s:s?, s:[], s:o, s:b}", "name", field->name, "value", text,
                     "recommended_values", "errors", errors, "visible", true);
}

/* What a table defines, with the values given and the errors in them. */
static void add_table(json_t *configs, const config_table *table, const char *group,
                      const json_t *given, const config_issues *issues, int *error_count)
{
    bool is_plugin = strcmp(group, "Common") != 0;

    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);

        if (is_plugin && settings_is_common(weir_cstr(field.name)))
            continue; /* a plugin may look at what all have: it is listed once */
        json_t *errors = errors_of(issues, weir_cstr(field.name), error_count);

        (void)json_array_append_new(configs, json_pack("{s:o, s:o}", "definition",
                                                       definition_json(&field, group, (int)i + 1),
                                                       "value", value_of(&field, given, errors)));
    }
}

static bool table_has(const config_table *table, weir_str name)
{
    for (size_t i = 0; i < table->count; i++)
        if (weir_str_eq(weir_cstr(config_field(table, i).name), name))
            return true;
    return false;
}

/* Settings that no table has but that have errors all the same: those of transforms, and unknown ones. */
static void add_others(json_t *configs, const plugin *one, const json_t *given,
                       const config_issues *issues, int *error_count)
{
    config_table common = settings_table();

    for (size_t i = 0; i < config_issue_count(issues); i++) {
        const config_issue *issue = config_issue_at(issues, i);
        char name[256];
        weir_field field = {.name = name, .fallback = "", .doc = "A setting of every connector."};
        bool seen = table_has(&one->table, issue->name) || table_has(&common, issue->name);

        for (size_t earlier = 0; earlier < i; earlier++)
            seen |= weir_str_eq(config_issue_at(issues, earlier)->name, issue->name);
        if (seen || issue->severity != CONFIG_ERROR || issue->name.len >= sizeof(name))
            continue;
        memcpy(name, issue->name.ptr, issue->name.len);
        name[issue->name.len] = '\0';
        field.kind = WEIR_KIND_STR;
        (void)json_array_append_new(
            configs,
            json_pack("{s:o, s:o}", "definition", definition_json(&field, "Common", 0), "value",
                      value_of(&field, given, errors_of(issues, issue->name, error_count))));
    }
}

static json_t *validation(worker_backend *self, const char *name, const plugin *one,
                          const json_t *given)
{
    config_table common = settings_table();
    json_t *configs = json_array();
    config_issues issues = {0};
    int error_count = 0;
    size_t count;
    config_setting *settings = given_settings(given, &count);

    worker_validate(self->worker, settings, count, false, &issues);
    add_table(configs, &common, "Common", given, &issues, &error_count);
    add_table(configs, &one->table, one->name, given, &issues, &error_count);
    add_others(configs, one, given, &issues, &error_count);
    config_issues_done(&issues);
    free(settings);
    return json_pack("{s:s, s:i, s:[s, s], s:o}", "name", name, "error_count", error_count,
                     "groups", "Common", one->name, "configs", configs);
}

static rest_result validate(void *context, const char *name, const json_t *given, json_t **out,
                            weir_error *err)
{
    worker_backend *self = context;
    const plugin *one = find_plugin(self->plugins, name, given);
    const char *class = json_string_value(json_object_get(given, "connector.class"));
    json_t *full;

    if (one == NULL) {
        weir_fail(err, WEIR_END, "Unknown plugin %s", name);
        return REST_NOT_FOUND;
    }
    if (class != NULL && find_plugin(self->plugins, class, given) != one) {
        weir_fail(err, WEIR_CONFIG, "Included connector type %s does not match request type %s",
                  class, name);
        return REST_BAD_REQUEST;
    }
    full = json_copy((json_t *)given);
    if (class == NULL)
        (void)json_object_set_new(full, "connector.class", json_string(name));
    *out = validation(self, name, one, full);
    json_decref(full);
    return REST_OK;
}

static bool is_secret(void *context, const json_t *given, const char *setting)
{
    worker_backend *self = context;
    const char *class = json_string_value(json_object_get(given, "connector.class"));

    return definition_is_secret(self->plugins, weir_cstr(class != NULL ? class : ""),
                                weir_cstr(setting));
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
        .plugins = list_plugins,
        .plugin_config = plugin_config,
        .validate = validate,
        .is_secret = is_secret,
        .log_id = identity,
        .is_ready = is_ready,
    };
}
