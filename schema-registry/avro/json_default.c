/* json_default.c - defaults, which are JSON as Avro writes them, as the JSON that Connect prints.
 *
 * They differ in bytes (Avro: text of code points 0 to 255; Connect: base64), in unions and in the
 * names that people call fields.
 */
#include "schema-registry/avro/json.h"
#include "schema-registry/avro/json_parts.h"
#include "schema-registry/avro/parse.h"

#include <assert.h>
#include <math.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

/* Text of code points 0 to 255, two bytes each from 128 on, as those bytes. */
static bool latin1_bytes(weir_str text, weir_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x80) {
            if (c > 0xc3 || i + 1 == text.len)
                return false;
            i++;
            c = (unsigned char)((c & 3) << 6 | (text.ptr[i] & 0x3f));
        }
        weir_buf_add_byte(out, (char)c);
    }
    return true;
}

static bool default_bytes(const weir_schema *schema, const json_t *json, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf bytes = {0};

    if (!json_is_string(json) || !latin1_bytes(avro_json_string(json), &bytes))
        return false;
    if (schema->is_decimal && bytes.len == 0)
        return false;
    weir_buf_add_byte(out, '"');
    avro_json_base64(out, schema->is_decimal ? avro_json_unscaled(weir_buf_str(&bytes))
                                             : weir_buf_str(&bytes));
    weir_buf_add_byte(out, '"');
    return true;
}

static bool default_number(const weir_schema *schema, const json_t *json, weir_buf *out)
{
    double number = json_number_value(json);

    if (schema->type == WEIR_TYPE_INT || schema->type == WEIR_TYPE_LONG) {
        if (json_is_integer(json))
            avro_json_long(out, json_integer_value(json));
        return json_is_integer(json);
    }
    if (!json_is_number(json) && !avro_special_number(json, &number))
        return false;
    if (schema->type == WEIR_TYPE_FLOAT)
        avro_json_float(out, (float)number);
    else
        avro_json_double(out, number);
    return true;
}

static bool add_default(const weir_schema *schema, const json_t *json, weir_buf *out);

static bool default_items(const weir_schema *schema, const json_t *json, weir_buf *out)
{
    bool is_map = schema->type == WEIR_TYPE_MAP;
    const char *name = NULL, *between = "";
    json_t *value = NULL;

    if (is_map ? !json_is_object(json) : !json_is_array(json))
        return false;
    weir_buf_add_byte(out, is_map ? '{' : '[');
    for (size_t i = 0; i < json_array_size(json); i++) {
        weir_buf_add_str(out, weir_cstr(i > 0 ? "," : ""));
        if (!add_default(schema->items, json_array_get(json, i), out))
            return false;
    }
    json_object_foreach((json_t *)json, name, value)
    {
        weir_buf_add_str(out, weir_cstr(between));
        between = ",";
        weir_buf_add_json(out, weir_cstr(name));
        weir_buf_add_byte(out, ':');
        if (!add_default(schema->items, value, out))
            return false;
    }
    weir_buf_add_byte(out, is_map ? '}' : ']');
    return true;
}

static bool default_record(const weir_schema *record, const json_t *json, weir_buf *out)
{
    if (!json_is_object(json))
        return false;
    weir_buf_add_byte(out, '{');
    for (size_t i = 0; i < record->field_count; i++) {
        const avro_field *field = &record->fields[i];
        const json_t *value = json_object_getn(json, field->name.ptr, field->name.len);

        weir_buf_add_str(out, weir_cstr(i > 0 ? "," : ""));
        weir_buf_add_str(out, field->json_name);
        if (value == NULL && weir_schema_is_nullable(field->schema))
            weir_buf_add_str(out, WEIR_STR("null"));
        else if (value == NULL || !add_default(field->schema, value, out))
            return false;
    }
    weir_buf_add_byte(out, '}');
    return true;
}

/* Specification 1.11: the default of a union is one of its first branch. */
static bool default_union(const weir_schema *unions, const json_t *json, weir_buf *out)
{
    const char *between = ",";

    if (json_is_null(json) && unions->null_branch >= 0) {
        weir_buf_add_str(out, WEIR_STR("null"));
        return true;
    }
    if (unions->branch_count == 0 || unions->null_branch == 0)
        return false;
    if (!avro_json_is_wrapped(unions))
        return add_default(unions->branches[0], json, out);
    weir_buf_add_byte(out, '{');
    weir_buf_add_json(out, avro_json_branch_name(unions->branches[0]));
    weir_buf_add_byte(out, ':');
    if (!add_default(unions->branches[0], json, out))
        return false;
    for (size_t i = 1; i < unions->branch_count; i++) {
        if ((int)i == unions->null_branch)
            continue;
        weir_buf_add_str(out, weir_cstr(between));
        weir_buf_add_json(out, avro_json_branch_name(unions->branches[i]));
        weir_buf_add_str(out, WEIR_STR(":null"));
    }
    weir_buf_add_byte(out, '}');
    return true;
}

static bool add_default(const weir_schema *schema, const json_t *json, weir_buf *out)
{
    switch (schema->type) {
    case WEIR_TYPE_NULL:
        if (json_is_null(json))
            avro_json_text(json, out);
        return json_is_null(json);
    case WEIR_TYPE_BOOLEAN:
        if (json_is_boolean(json))
            avro_json_text(json, out);
        return json_is_boolean(json);
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
        return default_number(schema, json, out);
    case WEIR_TYPE_STRING:
    case WEIR_TYPE_ENUM:
        if (json_is_string(json))
            avro_json_text(json, out);
        return json_is_string(json);
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_FIXED:
        return default_bytes(schema, json, out);
    case WEIR_TYPE_RECORD:
        return default_record(schema, json, out);
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        return default_items(schema, json, out);
    case WEIR_TYPE_UNION:
        return default_union(schema, json, out);
    }
    assert(!"a type without a default");
    return false;
}

bool avro_default_json(const weir_schema *schema, const json_t *json, weir_buf *out)
{
    size_t begin = out->len;

    if (add_default(schema, json, out))
        return true;
    out->len = begin;
    return false;
}

void avro_parse_connect_defaults(avro_document *document)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf out = {0};

    for (weir_schema *node = document->nodes; node != NULL; node = node->next) {
        weir_str text = avro_property_find(&node->properties, WEIR_STR("connect.default"));

        if (text.ptr == NULL)
            continue;
        WEIR_CLEANUP(json_decrefp)
        json_t *json = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        weir_buf_clear(&out);
        if (json != NULL && !json_is_null(json) && avro_default_json(node, json, &out))
            node->connect_default = arena_copy(&document->memory, weir_buf_str(&out));
    }
}

/* NOLINTEND(misc-no-recursion) */
