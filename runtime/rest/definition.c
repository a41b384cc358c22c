/* definition.c - settings as Kafka Connect describes them. */
#include "runtime/rest/definition.h"

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

bool definition_is_secret(plugins *all, weir_str plugin_name, weir_str setting)
{
    static const char *const words[] = {"password", "secret", "token", "api.key", "passphrase"};
    weir_error err;
    const plugin *one = plugins_find(all, plugin_name, PLUGIN_ANY, &err);
    const plugin *sink = plugins_find(all, plugin_name, PLUGIN_SINK, &err);
    const plugin *both[] = {one, sink};
    bool known = false;

    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; both[p] != NULL && i < both[p]->table.count; i++) {
            weir_field field = config_field(&both[p]->table, i);

            if (!weir_str_eq(weir_cstr(field.name), setting))
                continue;
            if (field.secret)
                return true;
            known = true;
        }
    }
    for (size_t i = 0; !known && i < sizeof(words) / sizeof(words[0]); i++)
        if (memmem(setting.ptr, setting.len, words[i], strlen(words[i])) != NULL)
            return true; /* a name that nobody knows: rather hidden than shown */
    return false;
}
