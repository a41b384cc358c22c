/* scope.c - which configuration and which mode count for a subject.
 *
 * A subject's own, else its context's (for the default context: the global one), else that of the context
 * ":.__GLOBAL:", else what the server was started with.
 */
#include "schema-registry/registry/registry_state.h"
#include "schema-registry/registry/subject_name.h"

#include <string.h>
#include <strings.h>

#define GLOBAL_CONTEXT WEIR_STR(":.__GLOBAL:")

static const char *const levels[] = {"NONE",           "BACKWARD",           "BACKWARD_TRANSITIVE",
                                     "FORWARD",        "FORWARD_TRANSITIVE", "FULL",
                                     "FULL_TRANSITIVE"};

static const char *const modes[] = {
    [MODE_READWRITE] = "READWRITE",
    [MODE_READONLY] = "READONLY",
    [MODE_READONLY_OVERRIDE] = "READONLY_OVERRIDE",
    [MODE_IMPORT] = "IMPORT",
    [MODE_FORWARD] = "FORWARD",
};

const char *level_name(compat_level level)
{
    return levels[level];
}

const char *mode_name(registry_mode mode)
{
    return modes[mode];
}

bool mode_parse(weir_str name, registry_mode *out)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strlen(modes[i]) == name.len && strncasecmp(modes[i], name.ptr, name.len) == 0) {
            *out = (registry_mode)i;
            return true;
        }
    }
    return false;
}

bool mode_is_import(registry_mode mode)
{
    return mode == MODE_IMPORT || mode == MODE_FORWARD;
}

/* The setting of the context around a subject, or the global ones. */
static const registry_setting *setting_around(const registry *self, record_kind kind,
                                              weir_str subject)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf context = {0};
    const registry_setting *found;

    if (subject.ptr != NULL)
        subject_name_add_context(subject_name_of(subject).context, &context);
    found = tables_setting(&self->tables, kind, weir_buf_str(&context));
    return found != NULL ? found : tables_setting(&self->tables, kind, GLOBAL_CONTEXT);
}

/* --- Modes ------------------------------------------------------------------------------------ */

static bool mode_in(const registry_setting *setting, registry_mode *out)
{
    json_t *value = setting != NULL ? json_loads(setting->json, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(value, "mode"));
    bool is_known = name != NULL && mode_parse(weir_cstr(name), out);

    json_decref(value);
    return is_known;
}

bool mode_of(const registry *self, weir_str subject, bool default_to_global, registry_mode *out)
{
    if (mode_in(tables_setting(&self->tables, RECORD_MODE, subject), out))
        return true;
    if (default_to_global && mode_in(setting_around(self, RECORD_MODE, subject), out))
        return true;
    if (!default_to_global && subject.ptr != NULL &&
        !weir_str_eq(subject_name_of(subject).context, WEIR_STR(".__GLOBAL")))
        return false;
    *out = MODE_READWRITE;
    return true;
}

registry_mode mode_in_scope(const registry *self, weir_str subject)
{
    registry_mode mode = MODE_READWRITE;

    (void)mode_of(self, subject, true, &mode); /* there always is one in scope */
    return mode;
}

bool check_not_read_only(const registry *self, weir_str subject, registry_error *error)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf context = {0};
    registry_mode mode = mode_in_scope(self, subject);

    if (mode != MODE_READONLY && mode != MODE_READONLY_OVERRIDE)
        return true;
    if (subject.ptr != NULL)
        subject_name_add_context(subject_name_of(subject).context, &context);
    return registry_fail(
        error, REGISTRY_NOT_PERMITTED, "Subject %.*s in context %.*s is in read-only mode",
        subject.ptr != NULL ? (int)subject.len : 4, subject.ptr != NULL ? subject.ptr : "null",
        (int)context.len, context.len > 0 ? context.ptr : "");
}

/* --- Configuration ---------------------------------------------------------------------------- */

/* What a record has, as clients see it: without the subject, and with a level. */
static json_t *load_config(const registry *self, const registry_setting *setting)
{
    json_t *config = setting != NULL ? json_loads(setting->json, 0, NULL) : NULL;

    if (config == NULL)
        return NULL;
    (void)json_object_del(config, "subject"); /* it need not be there */
    if (!json_is_string(json_object_get(config, "compatibilityLevel")))
        json_object_set_new(config, "compatibilityLevel", json_string(levels[self->options.level]));
    return config;
}

static json_t *default_config(const registry *self)
{
    return json_pack("{s:s}", "compatibilityLevel", levels[self->options.level]);
}

/* Some members that a subject's configuration lacks come from the global one. */
static void inherit(json_t *config, const json_t *global)
{
    static const char *const inherited[] = {"normalize",           "validateFields",
                                            "validateNewSchemas",  "validateRules",
                                            "compatibilityPolicy", "compatibilityGroup"};

    for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
        json_t *value = json_object_get(global, inherited[i]);

        if (value != NULL && json_object_get(config, inherited[i]) == NULL)
            json_object_set(config, inherited[i], value);
    }
}

json_t *config_json(const registry *self, weir_str subject, bool default_to_global)
{
    json_t *config = load_config(self, tables_setting(&self->tables, RECORD_CONFIG, subject));

    if (config != NULL) {
        json_t *global =
            load_config(self, tables_setting(&self->tables, RECORD_CONFIG, WEIR_STR("")));

        if (default_to_global && subject.ptr != NULL)
            inherit(config, global);
        json_decref(global);
        return config;
    }
    if (!default_to_global) {
        bool is_top = subject.ptr == NULL ||
                      weir_str_eq(subject_name_of(subject).context, WEIR_STR(".__GLOBAL"));

        return is_top ? default_config(self) : NULL;
    }
    config = load_config(self, setting_around(self, RECORD_CONFIG, subject));
    return config != NULL ? config : default_config(self);
}

void config_in_scope(const registry *self, weir_str subject, registry_config *out)
{
    json_t *config = config_json(self, subject, true);
    const char *level = json_string_value(json_object_get(config, "compatibilityLevel"));
    const char *group = json_string_value(json_object_get(config, "compatibilityGroup"));

    *out = (registry_config){
        .level = self->options.level,
        .normalize = json_is_true(json_object_get(config, "normalize")),
        .validate_fields = json_is_true(json_object_get(config, "validateFields")),
        .validate_new = !json_is_false(json_object_get(config, "validateNewSchemas")),
        .default_metadata = json_incref(json_object_get(config, "defaultMetadata")),
        .override_metadata = json_incref(json_object_get(config, "overrideMetadata")),
        .default_rule_set = json_incref(json_object_get(config, "defaultRuleSet")),
        .override_rule_set = json_incref(json_object_get(config, "overrideRuleSet")),
    };
    (void)compat_level_parse(weir_cstr(level), &out->level); /* unknown: the server's own */
    if (group != NULL && strlen(group) < sizeof(out->group))
        memcpy(out->group, group, strlen(group) + 1);
    json_decref(config);
}

void config_done(registry_config *config)
{
    json_decref(config->default_metadata);
    json_decref(config->override_metadata);
    json_decref(config->default_rule_set);
    json_decref(config->override_rule_set);
}
