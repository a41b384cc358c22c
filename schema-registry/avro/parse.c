/* parse.c - from the JSON text of a schema to its tree. */
#include "schema-registry/avro/parse.h"

#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

/* --- Where the parser is ---------------------------------------------------------------------- */

size_t avro_parser_enter(avro_parser *parser, const char *member)
{
    size_t mark = parser->path.len;

    weir_buf_printf(&parser->path, "/%s", member);
    return mark;
}

size_t avro_parser_enter_item(avro_parser *parser, const char *member, size_t index)
{
    size_t mark = parser->path.len;

    if (member != NULL)
        weir_buf_printf(&parser->path, "/%s", member);
    weir_buf_printf(&parser->path, "/%zu", index);
    return mark;
}

void avro_parser_leave(avro_parser *parser, size_t mark)
{
    assert(mark <= parser->path.len);
    parser->path.len = mark;
}

bool avro_parser_fail(avro_parser *parser, const char *fmt, ...)
{
    char what[600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args); /* a cut message is still a message */
    va_end(args);
    weir_fail(parser->err, WEIR_REJECT, "Avro schema, at \"%s\": %s",
              parser->path.len == 0 ? "/" : weir_buf_cstr(&parser->path), what);
    return false;
}

const char *avro_json_kind(const json_t *json)
{
    if (json == NULL)
        return "missing";
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    assert(!"a kind of JSON that jansson does not have");
    return "?";
}

weir_str avro_json_string(const json_t *string)
{
    return (weir_str){json_string_value(string), json_string_length(string)};
}

/* --- Attributes ------------------------------------------------------------------------------- */

bool avro_parse_text(avro_parser *parser, const json_t *json, const char *member, weir_str *out)
{
    const json_t *text = json_object_get(json, member);
    size_t mark = avro_parser_enter(parser, member);

    if (text != NULL && !json_is_string(text) && !json_is_null(text))
        return avro_parser_fail(parser, "is %s, not a string", avro_json_kind(text));
    *out = (weir_str){0};
    if (json_is_string(text))
        *out = arena_copy(&parser->document->memory, avro_json_string(text));
    avro_parser_leave(parser, mark);
    return true;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

bool avro_parse_properties(avro_parser *parser, const json_t *json, const char *const *reserved,
                           avro_properties *out)
{
    size_t size = json_object_size(json);
    const char *name = NULL;
    json_t *value = NULL;

    if (size > AVRO_WIDTH_MAX)
        return avro_parser_fail(parser, "more than %d attributes", AVRO_WIDTH_MAX);
    out->items = arena_alloc(&parser->document->memory, size, sizeof(out->items[0]));
    json_object_foreach((json_t *)json, name, value)
    {
        if (is_listed(reserved, name))
            continue;
        weir_buf_clear(&parser->scratch);
        avro_json_text(value, &parser->scratch);
        out->items[out->count++] = (avro_property){
            .name = arena_copy(&parser->document->memory, weir_cstr(name)),
            .value = arena_copy(&parser->document->memory, weir_buf_str(&parser->scratch)),
        };
    }
    return true;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* Properties, and what follows from some of them. */
static bool finish_node(avro_parser *parser, weir_schema *node, const json_t *json)
{
    static const char *const reserved[] = {"type",   "name",    "namespace", "doc",
                                           "fields", "symbols", "items",     "values",
                                           "size",   "aliases", NULL};
    static const char *const reserved_enum[] = {"type",   "name",    "namespace", "doc",
                                                "fields", "symbols", "items",     "values",
                                                "size",   "aliases", "default",   NULL};
    const json_t *connect_name = json_object_get(json, "connect.name");

    if (!avro_parse_properties(parser, json,
                               node->type == WEIR_TYPE_ENUM ? reserved_enum : reserved,
                               &node->properties))
        return false;
    avro_parse_logical(node, json);
    if (json_is_string(connect_name))
        node->connect_name = arena_copy(&parser->document->memory, avro_json_string(connect_name));
    else if (avro_type_is_named(node->type))
        node->connect_name = node->name;
    avro_find_connect(node);
    return true;
}

/* --- Types ------------------------------------------------------------------------------------ */

/* A type by its name: primitive, in the namespace around it, or, as in Java, a whole one without any. */
static weir_schema *parse_reference(avro_parser *parser, weir_str name, weir_str space)
{
    weir_schema *found = NULL, *other = NULL;

    for (weir_type type = WEIR_TYPE_NULL; type <= WEIR_TYPE_STRING; type++) {
        if (!weir_str_eq(avro_type_name(type), name))
            continue;
        if (parser->shared[type] == NULL)
            parser->shared[type] = avro_document_node(parser->document, type);
        parser->shared[type]->is_zero = type == WEIR_TYPE_NULL;
        return parser->shared[type];
    }
    other = weir_map_get(parser->types, name);
    if (space.len > 0 && avro_name_space(name).len == 0) {
        weir_buf_clear(&parser->scratch);
        weir_buf_printf(&parser->scratch, "%.*s.%.*s", WEIR_ARG(space), WEIR_ARG(name));
        found = weir_map_get(parser->types, weir_buf_str(&parser->scratch));
        if (other != NULL && !other->is_complete)
            other = NULL;
    }
    if (found == NULL)
        found = other;
    return found != NULL ? found : avro_await_type(parser, name, space);
}

static bool add_branch(avro_parser *parser, weir_schema *unions, weir_schema *branch)
{
    if (branch->type == WEIR_TYPE_UNION)
        return avro_parser_fail(parser, "a union directly inside a union");
    for (size_t i = 0; i < unions->branch_count; i++)
        if (weir_str_eq(unions->branches[i]->name, branch->name))
            return avro_parser_fail(parser, "a second \"%.*s\" in one union",
                                    WEIR_ARG(branch->name));
    if (branch->type == WEIR_TYPE_NULL)
        unions->null_branch = (int)unions->branch_count;
    unions->branches[unions->branch_count++] = branch;
    return true;
}

static weir_schema *parse_union(avro_parser *parser, const json_t *json, weir_str space)
{
    size_t count = json_array_size(json);
    weir_schema *unions = avro_document_node(parser->document, WEIR_TYPE_UNION);

    if (count > AVRO_BRANCHES_MAX) {
        avro_parser_fail(parser, "a union of more than %d types", AVRO_BRANCHES_MAX);
        return NULL;
    }
    unions->branches = arena_alloc(&parser->document->memory, count, sizeof(struct weir_schema *));
    for (size_t i = 0; i < count; i++) {
        size_t mark = avro_parser_enter_item(parser, NULL, i);
        weir_schema *branch = avro_parse_type(parser, json_array_get(json, i), space);

        if (branch == NULL || !add_branch(parser, unions, branch))
            return NULL;
        avro_parser_leave(parser, mark);
    }
    if (count == 2 && unions->null_branch >= 0)
        unions->unwrapped = unions->branches[1 - unions->null_branch];
    return unions;
}

static weir_schema *parse_container(avro_parser *parser, const json_t *json, weir_type type,
                                    weir_str space)
{
    const char *member = type == WEIR_TYPE_ARRAY ? "items" : "values";
    weir_schema *node = avro_document_node(parser->document, type);
    size_t mark = avro_parser_enter(parser, member);

    node->items = avro_parse_type(parser, json_object_get(json, member), space);
    if (node->items == NULL)
        return NULL;
    avro_parser_leave(parser, mark);
    return finish_node(parser, node, json) ? node : NULL;
}

static bool derived_type(weir_str name, weir_type *out)
{
    static const weir_type types[] = {WEIR_TYPE_RECORD, WEIR_TYPE_ENUM, WEIR_TYPE_FIXED,
                                      WEIR_TYPE_ARRAY, WEIR_TYPE_MAP};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!weir_str_eq(avro_type_name(types[i]), name))
            continue;
        *out = types[i];
        return true;
    }
    *out = WEIR_TYPE_RECORD;
    return weir_str_eq(name, WEIR_STR("error")); /* of a protocol: a record like any other */
}

/* {"type": "...", ...} */
static weir_schema *parse_object(avro_parser *parser, const json_t *json, weir_str space)
{
    const json_t *member = json_object_get(json, "type");
    weir_type type = WEIR_TYPE_NULL;

    if (!json_is_string(member)) {
        avro_parser_fail(parser, "\"type\" is %s, not the name of a type", avro_json_kind(member));
        return NULL;
    }
    weir_str name = avro_json_string(member);

    if (derived_type(name, &type)) {
        weir_schema *node = NULL;

        if (!avro_type_is_named(type))
            return parse_container(parser, json, type, space);
        node = avro_parse_named(parser, json, type, space);
        if (node == NULL || !finish_node(parser, node, json) ||
            !avro_parse_again(parser, node, space))
            return NULL;
        return node;
    }
    weir_schema *found = parse_reference(parser, name, space);

    if (found == NULL || found->type > WEIR_TYPE_STRING || json_object_size(json) == 1)
        return found;
    weir_schema *node = avro_document_node(parser->document, found->type);

    node->is_zero = found->is_zero;
    return finish_node(parser, node, json) ? node : NULL;
}

weir_schema *avro_parse_type(avro_parser *parser, const json_t *json, weir_str space)
{
    weir_schema *node = NULL;

    if (parser->depth >= AVRO_SCHEMA_DEPTH_MAX) {
        avro_parser_fail(parser, "types are nested more than %d deep", AVRO_SCHEMA_DEPTH_MAX);
        return NULL;
    }
    parser->depth++;
    if (json_is_string(json))
        node = parse_reference(parser, avro_json_string(json), space);
    else if (json_is_array(json))
        node = parse_union(parser, json, space);
    else if (json_is_object(json))
        node = parse_object(parser, json, space);
    else
        avro_parser_fail(parser, "a type is %s, not a name, an object or an array",
                         avro_json_kind(json));
    parser->depth--;
    return node;
}

/* --- Texts ------------------------------------------------------------------------------------ */

static json_t *load(weir_str text, weir_error *err)
{
    json_error_t where;
    json_t *json = NULL;

    if (text.len > AVRO_TEXT_MAX) {
        weir_fail(err, WEIR_REJECT, "Avro schema: its text has %zu bytes, more than %u", text.len,
                  AVRO_TEXT_MAX);
        return NULL;
    }
    json = json_loadb(text.ptr == NULL ? "" : text.ptr, text.len,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (json == NULL)
        weir_fail(err, WEIR_REJECT, "Avro schema: not JSON, line %d, column %d: %s", where.line,
                  where.column, where.text);
    return json;
}

/* The named types of a reference, which may be used from now on. */
static bool add_known(avro_parser *parser, const weir_schema *known)
{
    for (weir_schema *node = known->document->nodes; node != NULL; node = node->next) {
        weir_schema *other = NULL;

        if (!avro_type_is_named(node->type))
            continue;
        other = weir_map_get(parser->types, node->name);
        if (other == NULL)
            (void)weir_map_put(parser->types, node->name, node); /* was not there */
        else if (!avro_same_definition(other, node))
            return avro_parser_fail(parser, "two references define type \"%.*s\"",
                                    WEIR_ARG(node->name));
    }
    parser->document->known.items[parser->document->known.count++] =
        arena_copy(&parser->document->memory, known->name);
    return true;
}

static bool add_all_known(avro_parser *parser, const weir_schema *const *known, size_t count)
{
    avro_document *document = parser->document;

    if (count == 0)
        return true;
    if (count > AVRO_KNOWN_MAX)
        return avro_parser_fail(parser, "%zu references, more than %d", count, AVRO_KNOWN_MAX);
    document->known.items = arena_alloc(&document->memory, count, sizeof(weir_str));
    for (size_t i = 0; i < count; i++)
        if (!add_known(parser, known[i]))
            return false;
    return true;
}

/* A text that is only the name of a reference's type: a node of our own, which its user frees. */
static weir_schema *own_root(avro_document *document, weir_schema *root)
{
    weir_schema *own = NULL;

    if (root == NULL || root->document == document)
        return root;
    own = avro_document_node(document, root->type);
    avro_node_become(own, root);
    return own;
}

weir_schema *avro_parse(weir_str json, weir_error *err)
{
    return avro_parse_with(json, NULL, 0, err);
}

static weir_schema *parse_root(avro_parser *parser, const json_t *tree)
{
    weir_schema *root = avro_parse_type(parser, tree, (weir_str){0});

    if (root == NULL || !avro_check_awaited(parser, root))
        return NULL;
    return own_root(parser->document, root);
}

static weir_schema *parse(avro_parser *parser, weir_str json, const weir_schema *const *known,
                          size_t count)
{
    CLEANUP(json_decrefp) json_t *tree = load(json, parser->err);
    weir_schema *root = NULL;

    if (tree == NULL)
        return NULL;
    parser->document = avro_document_new();
    parser->types = weir_map_new();
    parser->awaited = weir_map_new();
    if (add_all_known(parser, known, count))
        root = parse_root(parser, tree);
    if (root != NULL)
        avro_parse_connect_defaults(parser->document);
    parser->document->root = root;
    weir_map_free(parser->types);
    weir_map_free(parser->awaited);
    weir_buf_done(&parser->path);
    weir_buf_done(&parser->scratch);
    if (root == NULL)
        avro_document_free(parser->document);
    return root;
}

weir_schema *avro_parse_with(weir_str json, const weir_schema *const *known, size_t count,
                             weir_error *err)
{
    avro_parser parser = {.err = err};

    return parse(&parser, json, known, count);
}

weir_schema *avro_parse_stored(weir_str json, const weir_schema *const *known, size_t count,
                               weir_error *err)
{
    avro_parser parser = {.err = err, .is_lenient = true};

    return parse(&parser, json, known, count);
}

/* NOLINTEND(misc-no-recursion) */
