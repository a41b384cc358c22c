/* definition.c - settings as Kafka Connect describes them. */
#include "runtime/rest/definition.h"

#include "runtime/connect/converter_settings.h"

#include <string.h>

json_t *definition_json(const weir_field *field, const char *group, int order)
{
    static const char *const importance[] = {"HIGH", "MEDIUM", "LOW"};
    bool required = field->bound && field->fallback == NULL;

    return json_pack(
        "{s:s, s:s, s:b, s:s?, s:s, s:s, s:s, s:s, s:s, s:[], s:i}", "name", field->name, "type",
        field->secret ? "PASSWORD" : config_kind_name(field->kind), "required", required,
        "default_value", field->fallback, "importance", importance[field->importance],
        "documentation", field->doc != NULL ? field->doc : "", "group", group, "width", "MEDIUM",
        "display_name", field->name, "dependents", "order", order);
}

/* Whether a table knows the setting, and whether it is a secret there. */
static bool find_in(const config_table *table, weir_str setting, bool *is_secret)
{
    for (size_t i = 0; i < table->count; i++) {
        weir_field field = config_field(table, i);

        if (!weir_str_eq(weir_cstr(field.name), setting))
            continue;
        *is_secret |= field.secret;
        return true;
    }
    return false;
}

bool definition_is_secret(plugins *all, weir_str plugin_name, weir_str setting)
{
    static const char *const words[] = {"password", "secret", "token", "api.key", "passphrase"};
    weir_error err;
    const plugin *one = plugins_find(all, plugin_name, PLUGIN_ANY, &err);
    const plugin *sink = plugins_find(all, plugin_name, PLUGIN_SINK, &err);
    const config_table tables[] = {one != NULL ? one->table : (config_table){0},
                                   sink != NULL ? sink->table : (config_table){0},
                                   converter_settings_table(true), converter_settings_table(false)};
    bool is_known = false, is_secret = false;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        is_known |= find_in(&tables[i], setting, &is_secret);
    for (size_t i = 0; !is_known && i < sizeof(words) / sizeof(words[0]); i++)
        if (memmem(setting.ptr, setting.len, words[i], strlen(words[i])) != NULL)
            return true; /* a name that nobody knows: rather hidden than shown */
    return is_secret;
}
