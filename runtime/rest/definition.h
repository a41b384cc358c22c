/* definition.h - settings as Kafka Connect describes them, and which of them are secrets.
 *
 * Threads: any.
 */
#ifndef RUNTIME_REST_DEFINITION_H
#define RUNTIME_REST_DEFINITION_H

#include "runtime/connect/plugin.h"

#include <jansson.h>

/* {"name","type","required","default_value","importance","documentation",...}, as Kafka Connect describes a
 * setting. order is its place, from 1. */
json_t *definition_json(const weir_field *field, const char *group, int order);

/* True when the plugin's table, or failing that the name, says that this is a secret. */
bool definition_is_secret(plugins *plugins, weir_str plugin_name, weir_str setting);

#endif
