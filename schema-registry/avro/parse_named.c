/* parse_named.c - records, enums and fixeds: names, namespaces, fields. */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json.h"
#include "schema-registry/avro/name.h"
#include "schema-registry/avro/parse.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

/* Specification 1.11, "Names": a name with dots is the full name, and "namespace" counts for nothing;
 * else "namespace" is in front, or else the namespace around. */
static bool parse_name(avro_parser *parser, const json_t *json, weir_schema *node, weir_str space)
{
    weir_str name = {0}, own_space = {0};

    if (!avro_parse_text(parser, json, "name", &name) ||
        !avro_parse_text(parser, json, "namespace", &own_space))
        return false;
    if (name.ptr == NULL)
        return avro_parser_fail(parser, "a type \"%.*s\" without a name", WEIR_ARG(node->name));
    if (parser->is_lenient ? !avro_name_is_valid(avro_simple_name(name))
                           : !avro_full_name_is_valid(name))
        return avro_parser_fail(parser,
                                "\"%.*s\" is not a name: letters, digits and _, no digit "
                                "first",
                                WEIR_ARG(name));
    if (own_space.ptr != NULL && own_space.len > 0 && !parser->is_lenient &&
        !avro_full_name_is_valid(own_space))
        return avro_parser_fail(parser, "\"%.*s\" is not a namespace", WEIR_ARG(own_space));
    if (avro_name_space(name).len == 0) {
        weir_str around = own_space.ptr != NULL ? own_space : space;

        weir_buf_clear(&parser->scratch);
        if (around.len > 0)
            weir_buf_printf(&parser->scratch, "%.*s.", WEIR_ARG(around));
        weir_buf_add_str(&parser->scratch, name);
        name = arena_copy(&parser->document->memory, weir_buf_str(&parser->scratch));
    }
    if (avro_is_primitive_name(name))
        return avro_parser_fail(parser, "\"%.*s\" is the name of a primitive type", WEIR_ARG(name));
    node->name = name;
    node->space_len = avro_name_space(name).len;
    if (weir_map_get(parser->types, name) == NULL)
        (void)weir_map_put(parser->types, name, node); /* was not there */
    return true;
}

/* True when the name of a type without a namespace means another one inside this namespace. */
static bool is_hidden(avro_parser *parser, const weir_schema *node, weir_str space)
{
    if (node->space_len > 0 || space.len == 0)
        return false;
    weir_buf_clear(&parser->scratch);
    weir_buf_printf(&parser->scratch, "%.*s.%.*s", WEIR_ARG(space), WEIR_ARG(node->name));
    return weir_map_get(parser->types, weir_buf_str(&parser->scratch)) != NULL;
}

bool avro_parse_again(avro_parser *parser, const weir_schema *node, weir_str space)
{
    const weir_schema *first = weir_map_get(parser->types, node->name);

    if (first == node)
        return true;
    if (first->is_complete && avro_same_definition(first, node) && !is_hidden(parser, node, space))
        return true;
    return avro_parser_fail(parser, "type \"%.*s\" is defined a second time, and differently",
                            WEIR_ARG(node->name));
}

/* A list of names, each once. of_type: aliases of a type, relative to the namespace; else of a field. */
static bool parse_aliases(avro_parser *parser, const json_t *json, const weir_str *space,
                          avro_names *out)
{
    const json_t *list = json_object_get(json, "aliases");
    size_t count = json_array_size(list);
    WEIR_CLEANUP(weir_map_freep) weir_map *seen = list == NULL ? NULL : weir_map_new();

    if (list == NULL)
        return true;
    if (!json_is_array(list) || count > AVRO_WIDTH_MAX)
        return avro_parser_fail(parser, "\"aliases\" is not an array of names");
    out->items = arena_alloc(&parser->document->memory, count, sizeof(out->items[0]));
    for (size_t i = 0; i < count; i++) {
        size_t mark = avro_parser_enter_item(parser, "aliases", i);
        weir_str name = avro_json_string(json_array_get(list, i));

        bool is_good = space != NULL ? avro_full_name_is_valid(name) : avro_name_is_valid(name);

        if (name.ptr == NULL || (!is_good && !parser->is_lenient))
            return avro_parser_fail(parser, "\"%.*s\" is not a name", WEIR_ARG(name));
        weir_buf_clear(&parser->scratch);
        if (space != NULL && space->len > 0 && avro_name_space(name).len == 0)
            weir_buf_printf(&parser->scratch, "%.*s.", WEIR_ARG(*space));
        weir_buf_add_str(&parser->scratch, name);
        if (weir_map_put(seen, weir_buf_str(&parser->scratch), out) == NULL)
            out->items[out->count++] =
                arena_copy(&parser->document->memory, weir_buf_str(&parser->scratch));
        avro_parser_leave(parser, mark);
    }
    return true;
}

/* --- Fields ----------------------------------------------------------------------------------- */

/* In any case of its letters, as in Java. */
static bool is_word(weir_str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

static bool parse_order(avro_parser *parser, const json_t *json, avro_order *out)
{
    weir_str order = {0};

    if (!avro_parse_text(parser, json, "order", &order))
        return false;
    if (json_object_get(json, "order") == NULL || is_word(order, "ascending"))
        *out = AVRO_ASCENDING;
    else if (is_word(order, "descending"))
        *out = AVRO_DESCENDING;
    else if (is_word(order, "ignore"))
        *out = AVRO_IGNORE;
    else
        return avro_parser_fail(parser, "order \"%.*s\" is none of ascending, descending, ignore",
                                WEIR_ARG(order));
    return true;
}

/* Java takes a text for a number where the field is a float or a double itself: "NaN", "1.5", "1e3". */
static bool parse_number_text(const avro_field *field, const json_t *value, weir_buf *out)
{
    weir_str text = avro_json_string(value);
    double number = 0;

    if (field->schema->type != WEIR_TYPE_FLOAT && field->schema->type != WEIR_TYPE_DOUBLE)
        return false;
    if (!avro_special_number(value, &number)) {
        json_t *parsed =
            text.ptr == NULL ? NULL : json_loadb(text.ptr, text.len, JSON_DECODE_ANY, NULL);
        bool is_number = json_is_number(parsed);

        number = json_number_value(parsed);
        json_decref(parsed);
        if (!is_number)
            return false;
    }
    avro_java_double(out, number);
    return true;
}

static bool refuse_default(avro_parser *parser, const avro_field *field)
{
    bool is_union = field->schema->type == WEIR_TYPE_UNION;
    weir_str text = field->default_value;

    avro_parser_enter(parser, "default");
    return avro_parser_fail(parser, "%.*s is not a value of %s \"%.*s\"",
                            (int)(text.len < 200 ? text.len : 200), text.ptr,
                            is_union ? "any type of the" : "type", WEIR_ARG(field->schema->name));
}

static bool parse_default(avro_parser *parser, const json_t *json, avro_field *field)
{
    const json_t *value = json_object_get(json, "default");
    bool is_number = false;

    if (value == NULL)
        return true;
    weir_buf_clear(&parser->scratch);
    is_number = parse_number_text(field, value, &parser->scratch);
    if (!is_number)
        avro_json_text(value, &parser->scratch);
    field->default_value = arena_copy(&parser->document->memory, weir_buf_str(&parser->scratch));
    return is_number || parser->is_lenient || avro_default_fits(field->schema, value) ||
           refuse_default(parser, field);
}

static void find_original(avro_parser *parser, const json_t *json, avro_field *field)
{
    const json_t *original = json_object_get(json, "weir.name");

    field->original = field->name;
    if (json_is_string(original))
        field->original = arena_copy(&parser->document->memory, avro_json_string(original));
    weir_buf_clear(&parser->scratch);
    weir_buf_add_json(&parser->scratch, field->original);
    weir_buf_add_byte(&parser->scratch, ':');
    field->json_name = arena_copy(&parser->document->memory, weir_buf_str(&parser->scratch));
}

static bool parse_field(avro_parser *parser, const json_t *json, weir_str space, avro_field *field)
{
    static const char *const reserved[] = {"name",  "type",    "doc", "default",
                                           "order", "aliases", NULL};
    size_t mark;

    if (!json_is_object(json))
        return avro_parser_fail(parser, "a field is %s, not an object", avro_json_kind(json));
    if (!avro_parse_text(parser, json, "name", &field->name) ||
        !avro_parse_text(parser, json, "doc", &field->doc))
        return false;
    if (field->name.ptr == NULL)
        return avro_parser_fail(parser, "a field without a name");
    if (!avro_name_is_valid(field->name))
        return avro_parser_fail(parser,
                                "\"%.*s\" is not a name: letters, digits and _, no digit first",
                                WEIR_ARG(field->name));
    mark = avro_parser_enter(parser, "type");
    field->schema = avro_parse_type(parser, json_object_get(json, "type"), space);
    if (field->schema == NULL)
        return false;
    avro_parser_leave(parser, mark);
    if (!parse_default(parser, json, field) || !parse_order(parser, json, &field->order) ||
        !parse_aliases(parser, json, NULL, &field->aliases) ||
        !avro_parse_properties(parser, json, reserved, &field->properties))
        return false;
    find_original(parser, json, field);
    return true;
}

/* Both what the schema spells and what people call the fields are unique. */
static bool check_fields(avro_parser *parser, const weir_schema *record)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *names = weir_map_new();
    WEIR_CLEANUP(weir_map_freep) weir_map *originals = weir_map_new();

    for (size_t i = 0; i < record->field_count; i++) {
        avro_field *field = &record->fields[i];

        if (weir_map_put(names, field->name, field) != NULL)
            return avro_parser_fail(parser, "a second field \"%.*s\"", WEIR_ARG(field->name));
        if (weir_map_put(originals, field->original, field) != NULL)
            return avro_parser_fail(parser, "a second field called \"%.*s\"",
                                    WEIR_ARG(field->original));
    }
    return true;
}

static bool parse_fields(avro_parser *parser, const json_t *json, weir_schema *record)
{
    const json_t *list = json_object_get(json, "fields");
    size_t count = json_array_size(list);
    weir_str space = {record->name.ptr, record->space_len};

    if (!json_is_array(list))
        return avro_parser_fail(parser, "\"fields\" is %s, not an array", avro_json_kind(list));
    if (count > AVRO_WIDTH_MAX)
        return avro_parser_fail(parser, "more than %d fields", AVRO_WIDTH_MAX);
    record->fields = arena_alloc(&parser->document->memory, count, sizeof(record->fields[0]));
    bool is_empty = true, is_zero = true; /* of the record only at its end: it may contain itself */

    for (size_t i = 0; i < count; i++) {
        size_t mark = avro_parser_enter_item(parser, "fields", i);
        avro_field *field = &record->fields[i];

        if (!parse_field(parser, json_array_get(list, i), space, field))
            return false;
        is_empty = is_empty && field->schema->is_empty;
        is_zero = is_zero && field->schema->is_zero;
        avro_parser_leave(parser, mark);
    }
    record->field_count = count;
    record->is_empty = is_empty;
    record->is_zero = is_zero;
    return check_fields(parser, record);
}

/* --- Enums and fixeds ------------------------------------------------------------------------- */

static bool parse_symbols(avro_parser *parser, const json_t *json, weir_schema *node)
{
    const json_t *list = json_object_get(json, "symbols");
    size_t count = json_array_size(list);
    WEIR_CLEANUP(weir_map_freep) weir_map *seen = weir_map_new();

    if (!json_is_array(list))
        return avro_parser_fail(parser, "\"symbols\" is %s, not an array", avro_json_kind(list));
    if (count > AVRO_WIDTH_MAX)
        return avro_parser_fail(parser, "more than %d symbols", AVRO_WIDTH_MAX);
    node->symbols.items =
        arena_alloc(&parser->document->memory, count, sizeof(node->symbols.items[0]));
    for (size_t i = 0; i < count; i++) {
        size_t mark = avro_parser_enter_item(parser, "symbols", i);
        weir_str symbol = avro_json_string(json_array_get(list, i));

        if (symbol.ptr == NULL || !avro_name_is_valid(symbol))
            return avro_parser_fail(parser,
                                    "\"%.*s\" is not a symbol: letters, digits and _, no "
                                    "digit first",
                                    WEIR_ARG(symbol));
        if (weir_map_put(seen, symbol, node) != NULL)
            return avro_parser_fail(parser, "a second symbol \"%.*s\"", WEIR_ARG(symbol));
        node->symbols.items[node->symbols.count++] = arena_copy(&parser->document->memory, symbol);
        avro_parser_leave(parser, mark);
    }
    if (!avro_parse_text(parser, json, "default", &node->enum_default))
        return false;
    if (node->enum_default.ptr != NULL && weir_map_get(seen, node->enum_default) == NULL)
        return avro_parser_fail(parser, "default \"%.*s\" is not one of the symbols",
                                WEIR_ARG(node->enum_default));
    return true;
}

static bool parse_size(avro_parser *parser, const json_t *json, weir_schema *node)
{
    const json_t *size = json_object_get(json, "size");
    json_int_t bytes = json_integer_value(size);

    if (!json_is_integer(size) || bytes < 0 || bytes > INT32_MAX)
        return avro_parser_fail(parser, "\"size\" is not a number of bytes");
    node->fixed_size = (size_t)bytes;
    node->is_zero = bytes == 0;
    return true;
}

weir_schema *avro_parse_named(avro_parser *parser, const json_t *json, weir_type type,
                              weir_str space)
{
    weir_schema *node = avro_document_node(parser->document, type);
    bool is_whole = false;

    if (!parse_name(parser, json, node, space) || !avro_parse_text(parser, json, "doc", &node->doc))
        return NULL;
    node = avro_parse_awaited(parser, node);
    weir_str own_space = {node->name.ptr, node->space_len};

    if (!parse_aliases(parser, json, &own_space, &node->aliases))
        return NULL;
    if (type == WEIR_TYPE_RECORD) {
        const json_t *spelled = json_object_get(json, "type");

        node->is_error = weir_str_eq(avro_json_string(spelled), WEIR_STR("error"));
        is_whole = parse_fields(parser, json, node);
    } else {
        assert(type == WEIR_TYPE_ENUM || type == WEIR_TYPE_FIXED);
        is_whole = type == WEIR_TYPE_ENUM ? parse_symbols(parser, json, node)
                                          : parse_size(parser, json, node);
    }
    node->is_complete = is_whole;
    return is_whole ? node : NULL;
}

/* NOLINTEND(misc-no-recursion) */
