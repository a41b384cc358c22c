/* yaml_tree.c - a YAML file as a tree that knows its lines.
 *
 * libyaml's events are turned into nodes by recursive descent; the depth is bounded before each step down.
 * An alias is the node of its anchor once more, not a copy. A node's weight counts aliased nodes as often
 * as they are used, and the weight of all documents is bounded: whoever walks a tree is bounded by it.
 */
#include "runtime/base/yaml_tree.h"

#include "runtime/base/arena.h"
#include "runtime/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { ANCHORS = 256, DOCUMENTS = 256 };

struct yaml_tree {
    arena arena;
    size_t count;
    const yaml_tree_node *documents[DOCUMENTS];
};

typedef struct anchor {
    weir_str name;
    const yaml_tree_node *node; /* NULL while it is being parsed */
} anchor;

typedef struct build {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that was read last */
    bool has_event;
    yaml_tree *tree;
    const char *file;
    size_t weight; /* of everything so far */
    size_t anchor_count;
    anchor anchors[ANCHORS]; /* of the document that is being parsed */
} build;

static int line_of(const build *b)
{
    return (int)b->event.start_mark.line + 1;
}

/* What people run into most, with what they want instead. */
static const char *hint(const char *problem)
{
    static const struct {
        const char *problem, *hint;
    } hints[] = {
        {"found unknown escape character",
         ": in double quotes a backslash begins an escape; use single quotes, or two backslashes"},
        {"found character that cannot start any token",
         ": is it a tab? YAML is indented with blanks; a text that begins with % @ or ` needs "
         "quotes"},
        {"mapping values are not allowed in this context",
         ": a text with \": \" in it needs quotes; or the indentation is not that of the line "
         "above"},
    };

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (strcmp(problem, hints[i].problem) == 0)
            return hints[i].hint;
    return "";
}

/* Reads the next event in place of the last one. */
static weir_code advance(build *b, weir_error *err)
{
    if (b->has_event)
        yaml_event_delete(&b->event);
    b->has_event = yaml_parser_parse(&b->parser, &b->event) != 0;
    if (b->has_event)
        return WEIR_OK;
    const char *problem = b->parser.problem != NULL ? b->parser.problem : "not YAML";

    return weir_fail(err, WEIR_CONFIG, "%s:%zu: %s%s", b->file,
                     (b->parser.problem_mark.line > 0 ? b->parser.problem_mark.line
                                                      : b->parser.context_mark.line) +
                         1,
                     problem, hint(problem));
}

static weir_code add_weight(build *b, size_t weight, weir_error *err)
{
    b->weight += weight;
    if (b->weight <= YAML_TREE_NODES)
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG, "%s:%d: more than %d values in one file", b->file,
                     line_of(b), YAML_TREE_NODES);
}

/* Remembers the anchor of the event, if it has one: *out is where its node belongs, or NULL. */
static weir_code begin_anchor(build *b, const yaml_char_t *name, anchor **out, weir_error *err)
{
    *out = NULL;
    if (name == NULL)
        return WEIR_OK;
    if (b->anchor_count == ANCHORS)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: more than %d anchors", b->file, line_of(b),
                         ANCHORS);
    *out = &b->anchors[b->anchor_count++];
    **out = (anchor){.name = arena_copy(&b->tree->arena, weir_cstr((const char *)name))};
    return WEIR_OK;
}

static weir_code find_alias(build *b, const yaml_tree_node **out, weir_error *err)
{
    weir_str name = weir_cstr((const char *)b->event.data.alias.anchor);

    for (size_t i = b->anchor_count; i > 0; i--) { /* the last anchor of a name counts */
        const anchor *known = &b->anchors[i - 1];

        if (!weir_str_eq(known->name, name))
            continue;
        if (known->node == NULL)
            return weir_fail(err, WEIR_CONFIG, "%s:%d: *%s stands inside of &%s", b->file,
                             line_of(b), name.ptr, name.ptr);
        *out = known->node;
        return add_weight(b, known->node->weight, err);
    }
    return weir_fail(err, WEIR_CONFIG, "%s:%d: *%s has no anchor &%s before it", b->file,
                     line_of(b), name.ptr, name.ptr);
}

static bool text_is_null(const yaml_event_t *event)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    weir_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};

    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        if (weir_str_eq(text, weir_cstr(nulls[i])))
            return true;
    return false;
}

static weir_code scalar_text(build *b, weir_str *out, weir_error *err)
{
    weir_str text = {(const char *)b->event.data.scalar.value, b->event.data.scalar.length};

    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: a NUL character in a text", b->file, line_of(b));
    *out = arena_copy(&b->tree->arena, text);
    return WEIR_OK;
}

/* YAML's own tags say nothing that the text does not. Others stand for something that nobody would do here. */
static weir_code check_tag(const build *b, const yaml_char_t *tag, weir_error *err)
{
    static const char core[] = "tag:yaml.org,2002:";
    const char *text = (const char *)tag;

    if (text == NULL || strcmp(text, "!") == 0 ||
        (strncmp(text, core, sizeof(core) - 1) == 0 &&
         strcmp(text, "tag:yaml.org,2002:binary") != 0))
        return WEIR_OK;
    return weir_fail(err, WEIR_CONFIG,
                     "%s:%d: the tag %s means nothing here; a text that begins with ! needs quotes",
                     b->file, line_of(b), text);
}

static weir_code build_node(build *b, int depth, const yaml_tree_node **out, weir_error *err);

/* NOLINTNEXTLINE(misc-no-recursion): at most YAML_TREE_DEPTH deep */
static weir_code build_list(build *b, int depth, yaml_tree_node *list, weir_error *err)
{
    const yaml_tree_node **items = NULL;
    weir_code code = advance(b, err);

    while (code == WEIR_OK && b->event.type != YAML_SEQUENCE_END_EVENT) {
        const yaml_tree_node *item;

        code = build_node(b, depth + 1, &item, err);
        if (code != WEIR_OK)
            return code;
        items = arena_grow(&b->tree->arena, items, list->count, sizeof(*items));
        items[list->count++] = item;
        list->weight += item->weight;
        code = advance(b, err);
    }
    list->items = items;
    return code;
}

/* The pairs of a map while it is built. */
typedef struct pair_list {
    yaml_tree_pair *pairs;
    size_t count, weight;
} pair_list;

static void add_pair(build *b, pair_list *list, const yaml_tree_pair *pair)
{
    list->pairs = arena_grow(&b->tree->arena, list->pairs, list->count, sizeof(*list->pairs));
    list->pairs[list->count++] = *pair;
    list->weight += pair->value->weight;
}

static const yaml_tree_pair *find_pair(const pair_list *list, weir_str key)
{
    for (size_t i = 0; i < list->count; i++)
        if (weir_str_eq(list->pairs[i].key, key))
            return &list->pairs[i];
    return NULL;
}

static weir_code build_key(build *b, const pair_list *list, yaml_tree_pair *out, weir_error *err)
{
    const yaml_tree_pair *same;

    *out = (yaml_tree_pair){.line = line_of(b)};
    if (b->event.type != YAML_SCALAR_EVENT || b->event.data.scalar.anchor != NULL)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: a key must be a plain text", b->file, out->line);
    if (scalar_text(b, &out->key, err) != WEIR_OK)
        return err->code;
    same = find_pair(list, out->key);
    if (same != NULL)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: \"%s\" stands twice, first in line %d", b->file,
                         out->line, out->key.ptr, same->line);
    return WEIR_OK;
}

/* The event is a plain `<<`. */
static bool is_merge_key(const build *b)
{
    return b->event.type == YAML_SCALAR_EVENT &&
           b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)b->event.data.scalar.value, "<<") == 0;
}

/* Adds what the map does not have itself; of several maps the earlier one counts more. */
static weir_code merge(build *b, const yaml_tree_pair *from, pair_list *list, weir_error *err)
{
    bool is_list = from->value->kind == YAML_TREE_LIST;
    const yaml_tree_node *const *maps = is_list ? from->value->items : &from->value;
    size_t count = is_list ? from->value->count : 1;

    for (size_t i = 0; i < count; i++) {
        if (maps[i]->kind != YAML_TREE_MAP)
            return weir_fail(err, WEIR_CONFIG,
                             "%s:%d: << takes a map or a list of maps, as in <<: *defaults",
                             b->file, from->line);
        for (size_t p = 0; p < maps[i]->count; p++)
            if (find_pair(list, maps[i]->pairs[p].key) == NULL)
                add_pair(b, list, &maps[i]->pairs[p]);
    }
    return WEIR_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most YAML_TREE_DEPTH deep */
static weir_code build_map(build *b, int depth, yaml_tree_node *map, weir_error *err)
{
    pair_list list = {0};
    yaml_tree_pair merged = {0};
    weir_code code = advance(b, err);

    while (code == WEIR_OK && b->event.type != YAML_MAPPING_END_EVENT) {
        bool merges = is_merge_key(b);
        yaml_tree_pair pair;

        code = build_key(b, &list, &pair, err);
        if (code == WEIR_OK && merges && merged.value != NULL)
            code = weir_fail(err, WEIR_CONFIG, "%s:%d: << stands twice, first in line %d", b->file,
                             pair.line, merged.line);
        if (code == WEIR_OK)
            code = advance(b, err);
        if (code == WEIR_OK)
            code = build_node(b, depth + 1, &pair.value, err);
        if (code != WEIR_OK)
            return code;
        if (merges)
            merged = pair;
        else
            add_pair(b, &list, &pair);
        code = advance(b, err);
    }
    if (code == WEIR_OK && merged.value != NULL)
        code = merge(b, &merged, &list, err);
    map->pairs = list.pairs;
    map->count = list.count;
    map->weight += list.weight;
    return code;
}

static void name_and_tag(const yaml_event_t *event, const yaml_char_t **name,
                         const yaml_char_t **tag)
{
    if (event->type == YAML_SCALAR_EVENT) {
        *name = event->data.scalar.anchor;
        *tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        *name = event->data.sequence_start.anchor;
        *tag = event->data.sequence_start.tag;
    } else {
        *name = event->data.mapping_start.anchor;
        *tag = event->data.mapping_start.tag;
    }
}

/* The node that begins with the event read last; the event that ends it is the last one read then. */
/* NOLINTNEXTLINE(misc-no-recursion): at most YAML_TREE_DEPTH deep */
static weir_code build_node(build *b, int depth, const yaml_tree_node **out, weir_error *err)
{
    yaml_tree_node *node;
    const yaml_char_t *name = NULL, *tag = NULL;
    anchor *own = NULL;
    weir_code code;

    if (b->event.type == YAML_ALIAS_EVENT)
        return find_alias(b, out, err);
    if (depth > YAML_TREE_DEPTH)
        return weir_fail(err, WEIR_CONFIG, "%s:%d: nested deeper than %d", b->file, line_of(b),
                         YAML_TREE_DEPTH);
    name_and_tag(&b->event, &name, &tag);
    code = check_tag(b, tag, err);
    if (code == WEIR_OK)
        code = begin_anchor(b, name, &own, err);
    if (code == WEIR_OK)
        code = add_weight(b, 1, err);
    if (code != WEIR_OK)
        return code;
    node = arena_alloc(&b->tree->arena, 1, sizeof(*node));
    node->line = line_of(b);
    node->weight = 1;
    if (b->event.type == YAML_SCALAR_EVENT) {
        node->kind = YAML_TREE_SCALAR;
        node->is_null = text_is_null(&b->event);
        code = scalar_text(b, &node->text, err);
    } else if (b->event.type == YAML_SEQUENCE_START_EVENT) {
        node->kind = YAML_TREE_LIST;
        code = build_list(b, depth, node, err);
    } else {
        node->kind = YAML_TREE_MAP;
        code = build_map(b, depth, node, err);
    }
    if (own != NULL)
        own->node = node;
    *out = node;
    return code;
}

static weir_code build_documents(build *b, weir_error *err)
{
    weir_code code = advance(b, err); /* the stream's start */

    while (code == WEIR_OK) {
        const yaml_tree_node *root = NULL;

        code = advance(b, err);
        if (code != WEIR_OK || b->event.type == YAML_STREAM_END_EVENT)
            return code;
        if (b->tree->count == DOCUMENTS)
            return weir_fail(err, WEIR_CONFIG, "%s:%d: more than %d documents", b->file, line_of(b),
                             DOCUMENTS);
        b->anchor_count = 0;
        code = advance(b, err); /* past the document's start */
        if (code == WEIR_OK)
            code = build_node(b, 1, &root, err);
        if (code == WEIR_OK)
            b->tree->documents[b->tree->count++] = root;
        if (code == WEIR_OK)
            code = advance(b, err); /* the document's end */
    }
    return code;
}

weir_code yaml_tree_parse(weir_str text, const char *file, yaml_tree **out, weir_error *err)
{
    build *b;
    weir_code code;

    if (text.len > YAML_TREE_BYTES)
        return weir_fail(err, WEIR_CONFIG, "%s: larger than %d bytes", file, YAML_TREE_BYTES);
    b = mem_zalloc(1, sizeof(*b));
    b->tree = mem_zalloc(1, sizeof(*b->tree));
    b->file = file;
    if (yaml_parser_initialize(&b->parser) == 0)
        abort(); /* fails only without memory */
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)text.ptr, text.len);
    code = build_documents(b, err);
    if (b->has_event)
        yaml_event_delete(&b->event);
    yaml_parser_delete(&b->parser);
    if (code == WEIR_OK)
        *out = b->tree;
    else
        yaml_tree_free(b->tree);
    free(b);
    return code;
}

weir_code yaml_tree_read(const char *path, yaml_tree **out, weir_error *err)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t size;
    weir_code code;

    if (file == NULL)
        return weir_fail(err, WEIR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    text = mem_zalloc(1, YAML_TREE_BYTES + 1);
    size = fread(text, 1, YAML_TREE_BYTES + 1, file);
    if (ferror(file) != 0)
        code = weir_fail(err, WEIR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    else
        code = yaml_tree_parse((weir_str){text, size}, path, out, err);
    (void)fclose(file); /* read-only: nothing to lose */
    free(text);
    return code;
}

void yaml_tree_free(yaml_tree *tree)
{
    if (tree == NULL)
        return;
    arena_done(&tree->arena);
    free(tree);
}

void yaml_tree_freep(yaml_tree **tree)
{
    yaml_tree_free(*tree);
    *tree = NULL;
}

size_t yaml_tree_count(const yaml_tree *tree)
{
    return tree->count;
}

const yaml_tree_node *yaml_tree_document(const yaml_tree *tree, size_t index)
{
    return index < tree->count ? tree->documents[index] : NULL;
}

const char *yaml_tree_kind_name(const yaml_tree_node *node)
{
    if (node->is_null)
        return "nothing";
    switch (node->kind) {
    case YAML_TREE_SCALAR:
        return "a text";
    case YAML_TREE_LIST:
        return "a list";
    case YAML_TREE_MAP:
        return "a map";
    }
    return "?";
}
