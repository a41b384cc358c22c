/* plugin_builtin.h - what is compiled in and has settings: for `weir plugin describe`.
 *
 * "common" is what every connector can be told, "converter" what key.converter. and value.converter. take, and
 * each transform goes by its name or its Java class.
 */
#ifndef RUNTIME_CLI_PLUGIN_BUILTIN_H
#define RUNTIME_CLI_PLUGIN_BUILTIN_H

#include "sdk/src/config.h"

typedef struct plugin_builtin {
    const char *name, *kind, *summary;
    const char *alias; /* a Java class; NULL: none */
    config_table table;
} plugin_builtin;

/* False when nothing compiled in has the name. */
bool plugin_builtin_find(weir_str name, plugin_builtin *out);

#endif
