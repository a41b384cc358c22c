/* plugin_builtin.c - what is compiled in and has settings. */
#include "runtime/cli/plugin_builtin.h"

#include "runtime/connect/converter_settings.h"
#include "runtime/connect/settings.h"
#include "runtime/connect/transform.h"

bool plugin_builtin_find(weir_str name, plugin_builtin *out)
{
    const transform_type *type = transform_find(name);

    if (weir_str_eq(name, WEIR_STR("common")))
        *out = (plugin_builtin){"common", "settings of every connector",
                                "What a connector can be told whatever it is; its own settings "
                                "come beside these.",
                                NULL, settings_table()};
    else if (weir_str_eq(name, WEIR_STR("converter")))
        *out = (plugin_builtin){"converter", "settings of key.converter and value.converter",
                                "What converters can be told. Names begin with value.converter. "
                                "instead for values.",
                                NULL, converter_settings_table(true)};
    else if (type != NULL)
        *out = (plugin_builtin){type->name,
                                "transform",
                                type->summary,
                                type->java_class,
                                {type->fields, type->field_count, sizeof(weir_field)}};
    else
        return false;
    return true;
}
