/* parse_awaited.c - types that are used before they are defined, as Java 1.12 allows it.
 *
 * A node stands for the name, and becomes the type when that is defined: nothing has to be found again.
 */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/name.h"
#include "schema-registry/avro/parse.h"

/* As in Java it is a record as far as defaults go. Its place is kept as its doc. */
weir_schema *avro_await_type(avro_parser *parser, weir_str name, weir_str space)
{
    weir_schema *node;

    weir_buf_clear(&parser->scratch);
    if (space.len > 0 && avro_name_space(name).len == 0)
        weir_buf_printf(&parser->scratch, "%.*s.", WEIR_ARG(space));
    weir_buf_add_str(&parser->scratch, name);
    node = weir_map_get(parser->awaited, weir_buf_str(&parser->scratch));
    if (node != NULL)
        return node;
    node = avro_document_node(parser->document, WEIR_TYPE_RECORD);
    node->name = arena_copy(&parser->document->memory, weir_buf_str(&parser->scratch));
    node->doc = arena_copy(&parser->document->memory, weir_buf_str(&parser->path));
    node->is_complete = true; /* any object is a default of it, as it has no fields */
    weir_map_put(parser->awaited, node->name, node);
    parser->had_awaited = true;
    return node;
}

weir_schema *avro_parse_awaited(avro_parser *parser, weir_schema *node)
{
    weir_schema *awaited = weir_map_remove(parser->awaited, node->name);

    if (awaited == NULL)
        return node;
    avro_node_become(awaited, node);
    weir_map_put(parser->types, awaited->name, awaited);
    node->type = WEIR_TYPE_NULL; /* nobody has it */
    return awaited;
}

/* Fails at the place where a type is used that never was defined: the first one. */
static bool check_defined(avro_parser *parser)
{
    const weir_schema *first = NULL;

    for (const weir_schema *node = parser->document->nodes; node != NULL; node = node->next)
        if (weir_map_get(parser->awaited, node->name) == node)
            first = node; /* the newest stands first */
    if (first == NULL)
        return true;
    weir_buf_clear(&parser->path);
    weir_buf_add_str(&parser->path, first->doc);
    return avro_parser_fail(parser, "type \"%.*s\" is not known here", WEIR_ARG(first->name));
}

/* Sets what is empty of one record anew; true when that has changed. */
static bool settle_record(weir_schema *record)
{
    bool was_empty = record->is_empty, was_zero = record->is_zero;

    record->is_empty = record->is_zero = true;
    for (size_t i = 0; i < record->field_count; i++) {
        const weir_schema *field = record->fields[i].schema;

        record->is_empty = record->is_empty && field != record && field->is_empty;
        record->is_zero = record->is_zero && field != record && field->is_zero;
    }
    return record->is_empty != was_empty || record->is_zero != was_zero;
}

/* Whether a record has bytes is known of its fields' types when these are. Each round gets one further along
 * types that were used before they were defined. */
static bool settle(avro_parser *parser)
{
    bool is_changed = parser->had_awaited;

    for (int i = 0; is_changed && i < AVRO_SCHEMA_DEPTH_MAX; i++) {
        is_changed = false;
        for (weir_schema *node = parser->document->nodes; node != NULL; node = node->next)
            if (node->type == WEIR_TYPE_RECORD && settle_record(node))
                is_changed = true;
    }
    return !is_changed ||
           avro_parser_fail(parser, "types are used before they are defined, more than %d deep",
                            AVRO_SCHEMA_DEPTH_MAX);
}

/* NOLINTBEGIN(misc-no-recursion): this is what bounds it */

/* Follows a schema as its text is written, each named type where it is met first. False when that goes deeper
 * than types may be nested: the text of the schema could not be parsed again. */
static bool is_shallow(weir_map *seen, const weir_schema *schema, int depth)
{
    bool is_good = depth < AVRO_SCHEMA_DEPTH_MAX;

    if (avro_type_is_named(schema->type) && weir_map_put(seen, schema->name, seen) != NULL)
        return true;
    for (size_t i = 0; is_good && i < schema->field_count; i++)
        is_good = is_shallow(seen, schema->fields[i].schema, depth + 1);
    for (size_t i = 0; is_good && i < schema->branch_count; i++)
        is_good = is_shallow(seen, schema->branches[i], depth + 1);
    return is_good && (schema->items == NULL || is_shallow(seen, schema->items, depth + 1));
}

/* NOLINTEND(misc-no-recursion) */

bool avro_check_awaited(avro_parser *parser, const weir_schema *root)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *seen = NULL;

    if (!parser->had_awaited)
        return true;
    if (!check_defined(parser))
        return false;
    seen = weir_map_new();
    if (!is_shallow(seen, root, 0))
        return avro_parser_fail(parser, "types are nested more than %d deep",
                                AVRO_SCHEMA_DEPTH_MAX);
    return settle(parser);
}
