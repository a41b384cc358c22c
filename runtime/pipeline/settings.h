/* settings.h - turns YAML values into the flat text settings that a connector has.
 *
 * Scalars keep their text, lists become comma-separated texts, maps are flattened with dots:
 * `errors: {tolerance: all}` is the same as `errors.tolerance: all`. Belongs to one thread.
 */
#ifndef RUNTIME_PIPELINE_SETTINGS_H
#define RUNTIME_PIPELINE_SETTINGS_H

#include "runtime/base/arena.h"
#include "runtime/base/yaml_tree.h"
#include "runtime/pipeline/pipeline.h"

#define SETTINGS_LIMIT 2000 /* of one connector */

/* Settings being collected; problems go to the set. */
typedef struct settings {
    arena *arena;
    pipeline_set *set;
    const char *file;
    pipeline_setting *items;
    size_t count;
} settings;

/* Adds one; a name that is there already is replaced if it came from a wider place (replace), else a
 * problem. */
void settings_put(settings *s, pipeline_setting setting, bool replace);

/* Adds all of a map, each name behind prefix. */
void settings_add_map(settings *s, weir_str prefix, const yaml_tree_node *map, bool replace);
/* Adds one value, which may be a map, a list or a scalar. */
void settings_add(settings *s, weir_str name, const yaml_tree_node *value, int line, bool replace);

/* Adds the list of transforms as transforms, transforms.X.type and transforms.X.<setting>. */
void settings_add_transforms(settings *s, const yaml_tree_node *list, int line);

/* Adds a sink's topics: names as topics, or, as soon as one has a `*` or `?`, all as topics.regex. */
void settings_add_topics(settings *s, const yaml_tree_node *list, int line);

#endif
