/* parse_default.c - does a default fit its type? and JSON values as text again. */
#include "schema-registry/avro/avro.h"
#include "schema-registry/avro/json.h"
#include "schema-registry/avro/parse.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

/* NOLINTBEGIN(misc-no-recursion): JSON nests; jansson bounds it */

/* --- JSON as text ----------------------------------------------------------------------------- */

void avro_json_text(const json_t *json, weir_buf *out)
{
    const char *name = NULL, *between = "";
    json_t *value = NULL;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        weir_buf_add_byte(out, '{');
        json_object_foreach((json_t *)json, name, value)
        {
            weir_buf_add_str(out, weir_cstr(between));
            weir_buf_add_json(out, weir_cstr(name));
            weir_buf_add_byte(out, ':');
            avro_json_text(value, out);
            between = ",";
        }
        weir_buf_add_byte(out, '}');
        return;
    case JSON_ARRAY:
        weir_buf_add_byte(out, '[');
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (i > 0)
                weir_buf_add_byte(out, ',');
            avro_json_text(json_array_get(json, i), out);
        }
        weir_buf_add_byte(out, ']');
        return;
    case JSON_STRING:
        weir_buf_add_json(out, avro_json_string(json));
        return;
    case JSON_INTEGER:
        weir_buf_printf(out, "%" PRId64, (int64_t)json_integer_value(json));
        return;
    case JSON_REAL:
        avro_java_double(out, json_real_value(json));
        return;
    case JSON_TRUE:
        weir_buf_add_str(out, WEIR_STR("true"));
        return;
    case JSON_FALSE:
        weir_buf_add_str(out, WEIR_STR("false"));
        return;
    case JSON_NULL:
        weir_buf_add_str(out, WEIR_STR("null"));
        return;
    }
    assert(!"a kind of JSON that jansson does not have");
}

/* --- Defaults --------------------------------------------------------------------------------- */

/* Specification 1.11, "Complex Types": bytes are text whose code points 0 to 255 are the bytes. */
static bool latin1_size(weir_str text, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c > 0xc3)
            return false;
        if (c < 0x80 || c > 0xbf) /* not the second byte of two */
            ++*size;
    }
    return true;
}

static bool fits_text(const weir_schema *schema, const json_t *json)
{
    weir_str text = avro_json_string(json);
    size_t size = 0;

    if (text.ptr == NULL)
        return false;
    if (schema->type == WEIR_TYPE_STRING)
        return true;
    if (schema->type != WEIR_TYPE_ENUM)
        return latin1_size(text, &size) &&
               (schema->type == WEIR_TYPE_BYTES || size == schema->fixed_size);
    for (size_t i = 0; i < schema->symbols.count; i++)
        if (weir_str_eq(schema->symbols.items[i], text))
            return true;
    return false;
}

/* A field that the default leaves out has one of its own, which was checked when it was parsed. A
 * record that is not complete contains itself: such a default would have no end. */
static bool fits_record(const weir_schema *record, const json_t *json)
{
    if (!json_is_object(json) || !record->is_complete)
        return false;
    for (size_t i = 0; i < record->field_count; i++) {
        const avro_field *field = &record->fields[i];
        const json_t *value = json_object_getn(json, field->name.ptr, field->name.len);

        if (value == NULL ? field->default_value.ptr == NULL
                          : !avro_default_fits(field->schema, value))
            return false;
    }
    return true;
}

static bool fits_items(const weir_schema *schema, const json_t *json)
{
    const char *name = NULL;
    json_t *value = NULL;

    if (schema->type == WEIR_TYPE_MAP) {
        json_object_foreach((json_t *)json, name, value)
        {
            if (!avro_default_fits(schema->items, value))
                return false;
        }
        return json_is_object(json);
    }
    for (size_t i = 0; i < json_array_size(json); i++)
        if (!avro_default_fits(schema->items, json_array_get(json, i)))
            return false;
    return json_is_array(json);
}

/* Specification 1.12: a union's default is a value of any of its types. Up to 1.11: of its first. */
static bool fits_union(const weir_schema *unions, const json_t *json)
{
    for (size_t i = 0; i < unions->branch_count; i++)
        if (avro_default_fits(unions->branches[i], json))
            return true;
    return false;
}

bool avro_special_number(const json_t *json, double *out)
{
    weir_str text = avro_json_string(json);

    if (weir_str_eq(text, WEIR_STR("NaN")))
        *out = (double)NAN;
    else if (weir_str_eq(text, WEIR_STR("Infinity")))
        *out = (double)INFINITY;
    else if (weir_str_eq(text, WEIR_STR("-Infinity")))
        *out = -(double)INFINITY;
    else
        return false;
    return true;
}

bool avro_default_fits(const weir_schema *schema, const json_t *json)
{
    switch (schema->type) {
    case WEIR_TYPE_NULL:
        return json_is_null(json);
    case WEIR_TYPE_BOOLEAN:
        return json_is_boolean(json);
    case WEIR_TYPE_INT:
        return json_is_integer(json) && json_integer_value(json) >= INT32_MIN &&
               json_integer_value(json) <= INT32_MAX;
    case WEIR_TYPE_LONG:
        return json_is_integer(json);
    case WEIR_TYPE_FLOAT:
    case WEIR_TYPE_DOUBLE:
        return json_is_number(json);
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_STRING:
    case WEIR_TYPE_ENUM:
    case WEIR_TYPE_FIXED:
        return fits_text(schema, json);
    case WEIR_TYPE_RECORD:
        return fits_record(schema, json);
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        return fits_items(schema, json);
    case WEIR_TYPE_UNION:
        return fits_union(schema, json);
    }
    assert(!"a type without a rule for defaults");
    return false;
}

/* NOLINTEND(misc-no-recursion) */
