/* worker_plugins.c - what a worker can deploy, as Kafka Connect describes and checks it. */
#include "runtime/rest/worker_plugins.h"

#include "runtime/base/mem.h"
#include "runtime/connect/settings.h"
#include "runtime/connect/transform.h"
#include "runtime/rest/definition.h"

#include <stdlib.h>
#include <string.h>

config_setting *worker_plugins_settings(const json_t *config, size_t *count)
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

json_t *worker_plugins_list(void *context, bool connectors_only)
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

json_t *worker_plugins_config(void *context, const char *name)
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
    config_setting *settings = worker_plugins_settings(given, &count);
    const char *connector_name = json_string_value(json_object_get(given, "name"));

    worker_validate(self->worker, settings, count, false, &issues);
    if (connector_name == NULL || connector_name[0] == '\0')
        config_issue_add(&issues, WEIR_STR("name"), CONFIG_ERROR, "is missing; it has no default");
    add_table(configs, &common, "Common", given, &issues, &error_count);
    add_table(configs, &one->table, one->name, given, &issues, &error_count);
    add_others(configs, one, given, &issues, &error_count);
    config_issues_done(&issues);
    free(settings);
    return json_pack("{s:s, s:i, s:[s, s], s:o}", "name", name, "error_count", error_count,
                     "groups", "Common", one->name, "configs", configs);
}

rest_result worker_plugins_validate(void *context, const char *name, const json_t *given,
                                    json_t **out, weir_error *err)
{
    worker_backend *self = context;
    const plugin *one = find_plugin(self->plugins, name, given);
    const char *class = json_string_value(json_object_get(given, "connector.class"));

    if (one == NULL) {
        weir_fail(err, WEIR_END, "Unknown plugin %s", name);
        return REST_NOT_FOUND;
    }
    if (class == NULL) {
        weir_fail(err, WEIR_CONFIG,
                  "Connector config contains no connector type: connector.class is missing");
        return REST_BAD_REQUEST;
    }
    if (find_plugin(self->plugins, class, given) != one) {
        weir_fail(err, WEIR_CONFIG, "Included connector type %s does not match request type %s",
                  class, name);
        return REST_BAD_REQUEST;
    }
    *out = validation(self, name, one, given);
    return REST_OK;
}

bool worker_plugins_is_secret(void *context, const json_t *given, const char *setting)
{
    worker_backend *self = context;
    const char *class = json_string_value(json_object_get(given, "connector.class"));

    return definition_is_secret(self->plugins, weir_cstr(class != NULL ? class : ""),
                                weir_cstr(setting));
}
