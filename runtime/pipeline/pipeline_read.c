/* pipeline_read.c - reads YAML pipelines.
 *
 * A document is read in two steps: the keys of the pipeline are found and checked against a table, then
 * each connector collects its settings: first those that the whole pipeline has, then its own `config`
 * on top, then what follows from `connector`, `topics` and `transforms`.
 */
#include "runtime/base/mem.h"
#include "runtime/base/text.h"
#include "runtime/base/yaml_tree.h"
#include "runtime/pipeline/pipeline_state.h"
#include "runtime/pipeline/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Where a name of a pipeline's top level goes. */
typedef enum scope { OWN, BOTH, SOURCES, SINKS } scope;

typedef struct top_key {
    const char *name;
    scope scope;
} top_key;

/* A name that ends in a dot, and "errors", stand for all that begin with it. */
static const top_key top_keys[] = {
    {"name", OWN},
    {"source", OWN},
    {"sinks", OWN},
    {"key.converter", BOTH},
    {"key.converter.", BOTH},
    {"value.converter", BOTH},
    {"value.converter.", BOTH},
    {"errors.deadletterqueue.", SINKS},
    {"errors.", BOTH},
    {"errors", BOTH},
    {"topic.creation.", SOURCES},
    {"on.full", SOURCES},
};

enum { TOP_KEYS = sizeof(top_keys) / sizeof(top_keys[0]) };

static const char *const source_keys[] = {"connector", "config", "transforms", NULL};
static const char *const sink_keys[] = {"name",       "connector", "topics",
                                        "transforms", "config",    NULL};

/* One document being read. */
typedef struct reading {
    pipeline_set *set;
    const char *file;
    const yaml_tree_node *root;
    weir_str name;
} reading;

/* --- Keys ------------------------------------------------------------------------------------ */

static const yaml_tree_pair *find(const yaml_tree_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (weir_str_eq(map->pairs[i].key, weir_cstr(key)))
            return &map->pairs[i];
    return NULL;
}

static void add_unknown(reading *r, const char *where, const yaml_tree_pair *pair,
                        const char *const *names)
{
    const char *near = text_nearest(pair->key, names);

    if (near != NULL)
        pipeline_add_problem(r->set, r->file, pair->line,
                             "%s has no key \"%s\"; did you mean \"%s\"?", where, pair->key.ptr,
                             near);
    else
        pipeline_add_problem(r->set, r->file, pair->line, "%s has no key \"%s\"", where,
                             pair->key.ptr);
}

static void check_keys(reading *r, const char *where, const yaml_tree_node *map,
                       const char *const *names)
{
    for (size_t i = 0; i < map->count; i++) {
        bool known = false;

        for (size_t n = 0; names[n] != NULL; n++)
            known |= weir_str_eq(map->pairs[i].key, weir_cstr(names[n]));
        if (!known)
            add_unknown(r, where, &map->pairs[i], names);
    }
}

/* The entry of the table that a top-level key falls under, or NULL. */
static const top_key *top_key_of(weir_str key)
{
    for (size_t i = 0; i < TOP_KEYS; i++) {
        size_t length = strlen(top_keys[i].name);
        bool prefix = top_keys[i].name[length - 1] == '.';

        if (prefix ? key.len > length && memcmp(key.ptr, top_keys[i].name, length) == 0
                   : weir_str_eq(key, weir_cstr(top_keys[i].name)))
            return &top_keys[i];
    }
    return NULL;
}

static void check_top_keys(reading *r)
{
    const char *names[TOP_KEYS + 1] = {0};

    for (size_t i = 0; i < TOP_KEYS; i++)
        names[i] = top_keys[i].name;
    for (size_t i = 0; i < r->root->count; i++)
        if (top_key_of(r->root->pairs[i].key) == NULL)
            add_unknown(r, "a pipeline", &r->root->pairs[i], names);
}

/* A text that names something: letters, digits and '_', '-', '.' when dots are allowed. */
static bool name_is_legal(weir_str name, const char *others)
{
    if (name.len == 0 || name.len > 100)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && strchr(others, name.ptr[i]) == NULL)
            return false;
    return true;
}

/* The name that stands under `name:`; false, with a problem, when there is none or it is not legal. */
static bool read_name(reading *r, const yaml_tree_node *map, const char *what, const char *others,
                      weir_str *out)
{
    const yaml_tree_pair *pair = find(map, "name");

    if (pair == NULL) {
        pipeline_add_problem(r->set, r->file, map->line, "%s has no name", what);
        return false;
    }
    if (pair->value->kind != YAML_TREE_SCALAR || !name_is_legal(pair->value->text, others)) {
        pipeline_add_problem(
            r->set, r->file, pair->line,
            "the name of %s is made of letters, digits and any of \"%s\", up to 100 "
            "of them",
            what, others);
        return false;
    }
    *out = arena_copy(&r->set->arena, pair->value->text);
    return true;
}

/* --- Connectors ------------------------------------------------------------------------------ */

/* What the whole pipeline sets: the first settings of each connector. */
static void add_shared(reading *r, settings *all, bool is_sink)
{
    for (size_t i = 0; i < r->root->count; i++) {
        const yaml_tree_pair *pair = &r->root->pairs[i];
        const top_key *top = top_key_of(pair->key);
        size_t first = all->count;

        if (top == NULL || top->scope == OWN || top->scope == (is_sink ? SOURCES : SINKS))
            continue;
        settings_add(all, arena_copy(all->arena, pair->key), pair->value, pair->line, false);
        for (size_t n = first; n < all->count;) { /* `errors: {deadletterqueue: …}` is for sinks */
            if (is_sink || strncmp(all->items[n].name.ptr, "errors.deadletterqueue.", 23) != 0)
                n++;
            else
                all->items[n] = all->items[--all->count];
        }
    }
}

/* `connector: NAME`, which every connector needs. */
static void read_plugin(reading *r, const yaml_tree_node *map, const char *where,
                        pipeline_connector *out)
{
    const yaml_tree_pair *pair = find(map, "connector");

    out->plugin_line = map->line;
    if (pair == NULL) {
        pipeline_add_problem(r->set, r->file, map->line, "%s has no \"connector\"", where);
        return;
    }
    out->plugin_line = pair->line;
    if (pair->value->kind == YAML_TREE_SCALAR && pair->value->text.len > 0 && !pair->value->is_null)
        out->plugin = arena_copy(&r->set->arena, pair->value->text);
    else
        pipeline_add_problem(r->set, r->file, pair->line, "connector must be a connector's name");
}

static void read_settings(reading *r, const yaml_tree_node *map, pipeline_connector *out)
{
    settings all = {.arena = &r->set->arena, .set = r->set, .file = r->file};
    settings own = all;
    const yaml_tree_pair *config = find(map, "config");
    const yaml_tree_pair *topics = find(map, "topics");
    const yaml_tree_pair *transforms = find(map, "transforms");

    add_shared(r, &all, out->is_sink);
    if (config != NULL && config->value->kind == YAML_TREE_MAP)
        settings_add_map(&own, WEIR_STR(""), config->value, false);
    else if (config != NULL && !config->value->is_null)
        pipeline_add_problem(r->set, r->file, config->line, "config is %s where a map is expected",
                             yaml_tree_kind_name(config->value));
    if (out->plugin.len > 0)
        settings_put(&own,
                     (pipeline_setting){WEIR_STR("connector.class"), out->plugin, out->plugin_line},
                     false);
    if (topics != NULL && out->is_sink)
        settings_add_topics(&own, topics->value, topics->line);
    if (transforms != NULL)
        settings_add_transforms(&own, transforms->value, transforms->line);
    for (size_t i = 0; i < own.count; i++)
        settings_put(&all, own.items[i], true);
    out->settings = all.items;
    out->setting_count = all.count;
}

static void add_connector(reading *r, const yaml_tree_node *map, const char *where, weir_str name,
                          bool is_sink)
{
    pipeline_set *set = r->set;
    pipeline_connector made = {
        .name = arena_printf(&set->arena, "%s.%s", r->name.ptr, name.ptr),
        .is_sink = is_sink,
        .file = r->file,
        .line = map->line,
    };

    check_keys(r, where, map, is_sink ? sink_keys : source_keys);
    read_plugin(r, map, where, &made);
    read_settings(r, map, &made);
    set->connectors =
        arena_grow(&set->arena, set->connectors, set->connector_count, sizeof(*set->connectors));
    set->connectors[set->connector_count++] = made;
}

static void read_sink(reading *r, const yaml_tree_node *sink, size_t first)
{
    pipeline_set *set = r->set;
    weir_str name = WEIR_STR("?"), full; /* without a name, what else is wrong is told as well */
    bool is_named;
    char where[120];

    if (sink->kind != YAML_TREE_MAP) {
        pipeline_add_problem(set, r->file, sink->line, "a sink is %s where a map is expected",
                             yaml_tree_kind_name(sink));
        return;
    }
    is_named = read_name(r, sink, "a sink", "-_", &name);
    snprintf(where, sizeof(where), "sink \"%s\"", name.ptr);
    if (weir_str_eq(name, WEIR_STR("source")))
        pipeline_add_problem(set, r->file, sink->line, "a sink cannot be called \"source\"");
    full = arena_printf(&set->arena, "%s.%s", r->name.ptr, name.ptr);
    for (size_t i = first; is_named && i < set->connector_count; i++)
        if (set->connectors[i].is_sink && weir_str_eq(set->connectors[i].name, full))
            pipeline_add_problem(set, r->file, sink->line,
                                 "two sinks are called \"%s\", the first in line %d", name.ptr,
                                 set->connectors[i].line);
    if (find(sink, "topics") == NULL)
        pipeline_add_problem(set, r->file, sink->line, "%s has no \"topics\"", where);
    add_connector(r, sink, where, name, true);
}

static void read_sinks(reading *r, const yaml_tree_pair *sinks, size_t first)
{
    if (sinks->value->kind != YAML_TREE_LIST) {
        pipeline_add_problem(r->set, r->file, sinks->line, "sinks is %s where a list is expected",
                             yaml_tree_kind_name(sinks->value));
        return;
    }
    for (size_t i = 0; i < sinks->value->count; i++)
        read_sink(r, sinks->value->items[i], first);
}

/* --- Documents ------------------------------------------------------------------------------- */

static void read_source(reading *r, const yaml_tree_pair *source)
{
    if (source->value->kind == YAML_TREE_MAP)
        add_connector(r, source->value, "the source", WEIR_STR("source"), false);
    else
        pipeline_add_problem(r->set, r->file, source->line, "source is %s where a map is expected",
                             yaml_tree_kind_name(source->value));
}

static void read_document(pipeline_set *set, const yaml_tree_node *root, const char *file)
{
    reading r = {.set = set, .file = file, .root = root};
    const yaml_tree_pair *source, *sinks;
    size_t first = set->connector_count;

    if (root->kind != YAML_TREE_MAP) {
        pipeline_add_problem(set, file, root->line,
                             "a pipeline is a map with name, source and sinks, not %s",
                             yaml_tree_kind_name(root));
        return;
    }
    check_top_keys(&r);
    if (!read_name(&r, root, "a pipeline", "-_.", &r.name))
        r.name = WEIR_STR("?"); /* go on: what else is wrong shall be told as well */
    for (size_t i = 0; i < set->count; i++)
        if (weir_str_eq(set->pipelines[i].name, r.name))
            pipeline_add_problem(set, file, root->line,
                                 "two pipelines are called \"%s\", the first in %s:%d", r.name.ptr,
                                 set->pipelines[i].file, set->pipelines[i].line);
    set->pipelines = arena_grow(&set->arena, set->pipelines, set->count, sizeof(*set->pipelines));
    set->pipelines[set->count++] = (pipeline){r.name, file, root->line};
    source = find(root, "source");
    sinks = find(root, "sinks");
    if (source == NULL && sinks == NULL)
        pipeline_add_problem(set, file, root->line, "a pipeline needs a source or sinks");
    if (source != NULL)
        read_source(&r, source);
    if (sinks != NULL)
        read_sinks(&r, sinks, first);
}

static void read_tree(pipeline_set *set, const yaml_tree *tree, const char *file)
{
    if (yaml_tree_count(tree) == 0)
        pipeline_add_problem(set, file, 1, "there is no pipeline in this file");
    for (size_t i = 0; i < yaml_tree_count(tree); i++)
        read_document(set, yaml_tree_document(tree, i), file);
}

void pipeline_read(pipeline_set *set, const char *path)
{
    const char *file = arena_copy(&set->arena, weir_cstr(path)).ptr;
    CLEANUP(yaml_tree_freep) yaml_tree *tree = NULL;
    weir_error err;

    if (yaml_tree_read(file, &tree, &err) == WEIR_OK)
        read_tree(set, tree, file);
    else
        pipeline_add_problem(set, file, 0, "%s", err.message); /* which names its place */
}

void pipeline_parse(pipeline_set *set, weir_str text, const char *file)
{
    const char *name = arena_copy(&set->arena, weir_cstr(file)).ptr;
    CLEANUP(yaml_tree_freep) yaml_tree *tree = NULL;
    weir_error err;

    if (yaml_tree_parse(text, name, &tree, &err) == WEIR_OK)
        read_tree(set, tree, name);
    else
        pipeline_add_problem(set, name, 0, "%s", err.message);
}
