/* yaml_tree.h - a YAML file as a tree of scalars, lists and maps that knows its lines.
 *
 * What a tree cannot hold is refused with file and line: a key that is no scalar, a key that stands twice
 * in a map, nesting deeper than YAML_TREE_DEPTH, a file larger than YAML_TREE_BYTES, more than
 * YAML_TREE_NODES nodes (aliases counted as often as they are used, so that a small file cannot unfold
 * into a large one), and a tag that is none of YAML's own: a scalar is a text, whatever `!!int` says, but
 * what `!env X` would be is not known here.
 *
 * `<<: *a` and `<<: [*a, *b]` add the pairs of other maps that a map does not have itself; their lines are those
 * where they stand.
 *
 * The tree owns everything in it; texts have a NUL behind them. Immutable once parsed: any thread.
 */
#ifndef RUNTIME_BASE_YAML_TREE_H
#define RUNTIME_BASE_YAML_TREE_H

#include "weir/base.h"

#define YAML_TREE_DEPTH 16
#define YAML_TREE_BYTES (1 << 20)
#define YAML_TREE_NODES 20000

typedef enum yaml_tree_kind { YAML_TREE_SCALAR, YAML_TREE_LIST, YAML_TREE_MAP } yaml_tree_kind;

typedef struct yaml_tree_node yaml_tree_node;

typedef struct yaml_tree_pair {
    weir_str key;
    int line; /* of the key, from 1 */
    const yaml_tree_node *value;
} yaml_tree_pair;

struct yaml_tree_node {
    yaml_tree_kind kind;
    int line;      /* from 1 */
    bool is_null;  /* a plain scalar that is empty, ~ or null: there is no value */
    weir_str text; /* of a scalar */
    size_t count;  /* of items or pairs */
    const yaml_tree_node *const *items;
    const yaml_tree_pair *pairs;
    size_t weight; /* nodes in it, itself included */
};

typedef struct yaml_tree yaml_tree;

/* Parses all documents of a text. file is for messages only: "FILE:LINE: what is wrong"; WEIR_CONFIG. */
WEIR_MUST_CHECK weir_code yaml_tree_parse(weir_str text, const char *file, yaml_tree **out,
                                          weir_error *err);
/* The same for a file; WEIR_CONFIG too when it cannot be read. */
WEIR_MUST_CHECK weir_code yaml_tree_read(const char *path, yaml_tree **out, weir_error *err);
void yaml_tree_free(yaml_tree *tree);
void yaml_tree_freep(yaml_tree **tree);

size_t yaml_tree_count(const yaml_tree *tree); /* of documents */
const yaml_tree_node *yaml_tree_document(const yaml_tree *tree, size_t index);

/* "a text", "a list", "a map", "nothing": for messages. */
const char *yaml_tree_kind_name(const yaml_tree_node *node);

#endif
