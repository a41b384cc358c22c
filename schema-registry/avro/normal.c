/* normal.c - properties and defaults as normalize=true of Confluent's registry leaves them.
 *
 * Objects are sorted by the names of their members; numbers are written as their types would write
 * them. A default that is not a value of the first type of its union is kept; theirs loses it.
 */
#include "runtime/base/mem.h"
#include "schema-registry/avro/canonical_parts.h"
#include "schema-registry/avro/json.h"
#include "schema-registry/avro/parse.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): JSON nests; jansson bounds it */

int avro_compare_names(const void *a, const void *b)
{
    weir_str first = *(const weir_str *)a, second = *(const weir_str *)b;
    int order = memcmp(first.ptr, second.ptr, first.len < second.len ? first.len : second.len);

    return order != 0 ? order : (first.len > second.len) - (first.len < second.len);
}

/* --- Values ----------------------------------------------------------------------------------- */

static void write_value(const weir_schema *schema, const json_t *json, weir_buf *out);

/* The type of an object's member: of a map its values, of a record the field; else none is known. */
static const weir_schema *member_type(const weir_schema *schema, weir_str name)
{
    if (schema == NULL || schema->type == WEIR_TYPE_MAP)
        return schema == NULL ? NULL : schema->items;
    for (size_t i = 0; i < schema->field_count; i++)
        if (weir_str_eq(schema->fields[i].name, name))
            return schema->fields[i].schema;
    return NULL;
}

static void write_object(const weir_schema *schema, const json_t *object, weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf sorted = {0};
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach((json_t *)object, key, value)
    {
        weir_str name = weir_cstr(key);

        weir_buf_add(&sorted, &name, sizeof(name));
    }
    const weir_str *names = (const void *)sorted.ptr;
    size_t count = json_object_size(object);

    if (names != NULL)
        qsort(sorted.ptr, count, sizeof(weir_str), avro_compare_names);
    weir_buf_add_byte(out, '{');
    for (size_t i = 0; names != NULL && i < count; i++) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        weir_buf_add_json(out, names[i]);
        weir_buf_add_byte(out, ':');
        write_value(member_type(schema, names[i]), json_object_get(object, names[i].ptr), out);
    }
    weir_buf_add_byte(out, '}');
}

static void write_array(const weir_schema *schema, const json_t *array, weir_buf *out)
{
    weir_buf_add_byte(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            weir_buf_add_byte(out, ',');
        write_value(schema == NULL ? NULL : schema->items, json_array_get(array, i), out);
    }
    weir_buf_add_byte(out, ']');
}

/* The type of a union that a value is of; NULL is none. */
static const weir_schema *branch_of(const weir_schema *unions, const json_t *json)
{
    for (size_t i = 0; i < unions->branch_count; i++)
        if (avro_default_fits(unions->branches[i], json))
            return unions->branches[i];
    return NULL;
}

/* A number that a float has no room for stays what it is: the text "Infinity" is no default everywhere. */
static bool is_float(const weir_schema *schema, const json_t *json)
{
    return schema->type == WEIR_TYPE_FLOAT && json_is_number(json) &&
           fabs(json_number_value(json)) <= (double)FLT_MAX;
}

static void write_value(const weir_schema *schema, const json_t *json, weir_buf *out)
{
    if (schema != NULL && schema->type == WEIR_TYPE_UNION)
        schema = branch_of(schema, json);
    if (json_is_object(json))
        write_object(schema, json, out);
    else if (json_is_array(json))
        write_array(schema, json, out);
    else if (schema != NULL && is_float(schema, json))
        avro_java_float(out, (float)json_number_value(json));
    else if (schema != NULL && schema->type >= WEIR_TYPE_FLOAT &&
             schema->type <= WEIR_TYPE_DOUBLE && json_is_number(json))
        avro_java_double(out, json_number_value(json));
    else
        avro_json_text(json, out);
}

/* NOLINTEND(misc-no-recursion) */

static json_t *load(weir_str text)
{
    json_t *json = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert(json != NULL); /* the parser wrote it */
    return json;
}

void avro_normal_default(const weir_schema *schema, weir_str text, weir_buf *out)
{
    CLEANUP(json_decrefp) json_t *json = load(text);

    if (schema->type == WEIR_TYPE_FLOAT && json_is_number(json))
        avro_java_float(out, (float)json_number_value(json));
    else
        write_value(schema, json, out);
}

/* --- Properties ------------------------------------------------------------------------------- */

/* True where Java's LogicalTypes has one for the type. */
static bool has_logical_type(const weir_schema *schema)
{
    static const weir_str further[] = {WEIR_STR("\"timestamp-nanos\""),
                                       WEIR_STR("\"local-timestamp-nanos\"")};
    weir_str name = avro_property_find(&schema->properties, WEIR_STR("logicalType"));

    if (schema->logical != WEIR_LOGICAL_NONE)
        return true;
    if (schema->type == WEIR_TYPE_FIXED)
        return schema->fixed_size == 16 && weir_str_eq(name, WEIR_STR("\"uuid\""));
    if (schema->type == WEIR_TYPE_BYTES)
        return weir_str_eq(name, WEIR_STR("\"big-decimal\""));
    return schema->type == WEIR_TYPE_LONG &&
           (weir_str_eq(name, further[0]) || weir_str_eq(name, further[1]));
}

/* What makes a logical type comes first, in this order; 3: anything else. */
static int rank(const weir_schema *schema, weir_str name)
{
    bool is_decimal = schema->logical == WEIR_LOGICAL_DECIMAL;

    if (weir_str_eq(name, WEIR_STR("logicalType")))
        return 0;
    if (is_decimal && weir_str_eq(name, WEIR_STR("precision")))
        return 1;
    return is_decimal && schema->scale != 0 && weir_str_eq(name, WEIR_STR("scale")) ? 2 : 3;
}

static void write_property(const avro_property *property, weir_buf *out)
{
    CLEANUP(json_decrefp) json_t *json = load(property->value);

    weir_buf_add_byte(out, ',');
    weir_buf_add_json(out, property->name);
    weir_buf_add_byte(out, ':');
    write_value(NULL, json, out);
}

void avro_normal_properties(const weir_schema *schema, const avro_properties *properties,
                            weir_buf *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf copy = {0};
    bool is_logical = schema != NULL && has_logical_type(schema);

    if (properties->count == 0)
        return;
    weir_buf_add(&copy, properties->items, properties->count * sizeof(properties->items[0]));
    const avro_property *sorted = (const void *)copy.ptr;

    /* a property begins with its name */
    qsort(copy.ptr, properties->count, sizeof(sorted[0]), avro_compare_names);
    for (int wanted = is_logical ? 0 : 3; wanted <= 3; wanted++)
        for (size_t i = 0; i < properties->count; i++)
            if (wanted == (is_logical ? rank(schema, sorted[i].name) : 3))
                write_property(&sorted[i], out);
}
