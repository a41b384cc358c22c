/* mapping.c - from a schema to the mapping of an index. */
#include "mapping.h"

#include <jansson.h>
#include <string.h>

enum { MAPPING_DEPTH = 16 };

static const char *type_of(const weir_schema *schema)
{
    switch (weir_schema_type(schema)) {
    case WEIR_TYPE_BOOLEAN:
        return "boolean";
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
        switch (weir_schema_logical(schema)) {
        case WEIR_LOGICAL_TIMESTAMP_MILLIS:
        case WEIR_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
            return "date";
        default: /* every other one is a number of something that "date" would misread */
            return weir_schema_type(schema) == WEIR_TYPE_INT ? "integer" : "long";
        }
    case WEIR_TYPE_FLOAT:
        return "float";
    case WEIR_TYPE_DOUBLE:
        return "double";
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_FIXED:
        return weir_schema_logical(schema) == WEIR_LOGICAL_DECIMAL ? "double" : "binary";
    case WEIR_TYPE_STRING:
        return "text";
    case WEIR_TYPE_ENUM:
        return "keyword";
    case WEIR_TYPE_NULL:
    case WEIR_TYPE_RECORD:
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
    case WEIR_TYPE_UNION:
        return NULL;
    }
    return NULL;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the schema, at most MAPPING_DEPTH */
static void add_properties(const weir_schema *record, int depth, weir_buf *out);

static void add_type(const weir_schema *schema, int depth, weir_buf *out)
{
    const char *type;

    schema = weir_schema_unwrap(schema);
    while (weir_schema_type(schema) == WEIR_TYPE_ARRAY) /* an array is mapped as its items are */
        schema = weir_schema_unwrap(weir_schema_items(schema));
    type = type_of(schema);
    if (weir_schema_type(schema) == WEIR_TYPE_RECORD && depth < MAPPING_DEPTH) {
        weir_buf_add_str(out, WEIR_STR("{\"properties\":"));
        add_properties(schema, depth + 1, out);
        weir_buf_add_byte(out, '}');
    } else if (type == NULL) {
        weir_buf_add_str(out, WEIR_STR("{\"type\":\"object\"}"));
    } else if (strcmp(type, "text") == 0) {
        weir_buf_add_str(out, WEIR_STR("{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":"
                                       "\"keyword\",\"ignore_above\":256}}}"));
    } else {
        weir_buf_printf(out, "{\"type\":\"%s\"}", type);
    }
}

static void add_property(const weir_schema *record, size_t i, int depth, weir_buf *out)
{
    weir_buf_add_json(out, weir_schema_field_name(record, i));
    weir_buf_add_byte(out, ':');
    add_type(weir_schema_field(record, i), depth, out);
}

static void add_properties(const weir_schema *record, int depth, weir_buf *out)
{
    weir_buf_add_byte(out, '{');
    for (size_t i = 0; i < weir_schema_field_count(record); i++) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        add_property(record, i, depth, out);
    }
    weir_buf_add_byte(out, '}');
}

/* NOLINTEND(misc-no-recursion) */

/* Whether the index says itself what becomes of fields that it does not know. */
static bool has_rules(const json_t *mappings)
{
    const json_t *dynamic = json_object_get(mappings, "dynamic");
    const char *text = json_string_value(dynamic);

    return json_array_size(json_object_get(mappings, "dynamic_templates")) > 0 ||
           json_is_false(dynamic) || (text != NULL && strcmp(text, "true") != 0);
}

bool mapping_add_missing(weir_str there, const weir_schema *record, weir_buf *out)
{
    json_t *root = json_loadb(there.ptr != NULL ? there.ptr : "", there.len, 0, NULL);
    const json_t *only = json_object_iter_value(json_object_iter(root));
    const json_t *mappings = json_object_get(only, "mappings");
    const json_t *known = json_object_get(mappings, "properties");
    size_t count = has_rules(mappings) ? 0 : weir_schema_field_count(record);
    char separator = '{';

    for (size_t i = 0; i < count; i++) {
        weir_str name = weir_schema_field_name(record, i);

        if (json_object_getn(known, name.ptr, name.len) != NULL)
            continue;
        weir_buf_add_byte(out, separator);
        separator = ',';
        add_property(record, i, 0, out);
    }
    if (separator == ',')
        weir_buf_add_byte(out, '}');
    json_decref(root);
    return separator == ',';
}
