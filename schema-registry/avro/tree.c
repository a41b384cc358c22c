/* tree.c - the memory of a parsed schema, and what connectors may ask of it. */
#include "schema-registry/avro/tree.h"

#include "runtime/base/mem.h"
#include "schema-registry/avro/avro.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- Documents -------------------------------------------------------------------------------- */

avro_document *avro_document_new(void)
{
    return mem_zalloc(1, sizeof(avro_document));
}

void avro_document_free(avro_document *document)
{
    if (document == NULL)
        return;
    for (weir_schema *node = document->nodes; node != NULL; node = node->next) {
        free(atomic_load(&node->text));
        avro_plan_free(atomic_load(&node->plan));
    }
    arena_done(&document->memory);
    free(document);
}

weir_schema *avro_document_node(avro_document *document, weir_type type)
{
    weir_schema *node = arena_alloc(&document->memory, 1, sizeof(*node));

    node->type = type;
    node->null_branch = -1;
    node->name = avro_type_name(type);
    node->unwrapped = node;
    node->document = document;
    node->next = document->nodes;
    document->nodes = node;
    return node;
}

void avro_node_become(weir_schema *node, const weir_schema *other)
{
    avro_document *document = node->document;
    weir_schema *next = node->next;

    *node = *other;
    node->document = document;
    node->next = next;
    atomic_init(&node->text, NULL);
    atomic_init(&node->plan, NULL);
    if (other->unwrapped == other)
        node->unwrapped = node;
}

weir_schema *avro_cache_of(const weir_schema *schema)
{
    return (weir_schema *)schema;
}

void avro_schema_free(weir_schema *schema)
{
    if (schema == NULL)
        return;
    assert(schema->document->root == schema);
    avro_document_free(schema->document);
}

void avro_schema_freep(weir_schema **schema)
{
    avro_schema_free(*schema);
    *schema = NULL;
}

/* --- Names and properties --------------------------------------------------------------------- */

weir_str avro_type_name(weir_type type)
{
    switch (type) {
    case WEIR_TYPE_NULL:
        return WEIR_STR("null");
    case WEIR_TYPE_BOOLEAN:
        return WEIR_STR("boolean");
    case WEIR_TYPE_INT:
        return WEIR_STR("int");
    case WEIR_TYPE_LONG:
        return WEIR_STR("long");
    case WEIR_TYPE_FLOAT:
        return WEIR_STR("float");
    case WEIR_TYPE_DOUBLE:
        return WEIR_STR("double");
    case WEIR_TYPE_BYTES:
        return WEIR_STR("bytes");
    case WEIR_TYPE_STRING:
        return WEIR_STR("string");
    case WEIR_TYPE_RECORD:
        return WEIR_STR("record");
    case WEIR_TYPE_ENUM:
        return WEIR_STR("enum");
    case WEIR_TYPE_ARRAY:
        return WEIR_STR("array");
    case WEIR_TYPE_MAP:
        return WEIR_STR("map");
    case WEIR_TYPE_UNION:
        return WEIR_STR("union");
    case WEIR_TYPE_FIXED:
        return WEIR_STR("fixed");
    }
    assert(!"a type without a name");
    return WEIR_STR("?");
}

bool avro_type_is_named(weir_type type)
{
    return type == WEIR_TYPE_RECORD || type == WEIR_TYPE_ENUM || type == WEIR_TYPE_FIXED;
}

bool avro_is_primitive_name(weir_str name)
{
    for (weir_type type = WEIR_TYPE_NULL; type <= WEIR_TYPE_STRING; type++)
        if (weir_str_eq(avro_type_name(type), name))
            return true;
    return false;
}

bool avro_is_type_name(weir_str name)
{
    for (weir_type type = WEIR_TYPE_NULL; type <= WEIR_TYPE_FIXED; type++)
        if (weir_str_eq(avro_type_name(type), name))
            return true;
    return false;
}

weir_str avro_property_find(const avro_properties *properties, weir_str name)
{
    for (size_t i = 0; i < properties->count; i++)
        if (weir_str_eq(properties->items[i].name, name))
            return properties->items[i].value;
    return (weir_str){0};
}

weir_str avro_name_space(weir_str full_name)
{
    const char *dot = full_name.len == 0 ? NULL : memrchr(full_name.ptr, '.', full_name.len);

    return (weir_str){full_name.ptr, dot == NULL ? 0 : (size_t)(dot - full_name.ptr)};
}

weir_str avro_simple_name(weir_str full_name)
{
    size_t space = avro_name_space(full_name).len;
    size_t start = space == 0 ? 0 : space + 1;

    return (weir_str){full_name.ptr + start, full_name.len - start};
}

/* --- Asked by connectors ---------------------------------------------------------------------- */

weir_type weir_schema_type(const weir_schema *schema)
{
    return schema->type;
}

weir_logical weir_schema_logical(const weir_schema *schema)
{
    return schema->logical;
}

int weir_schema_precision(const weir_schema *schema)
{
    return schema->precision;
}

int weir_schema_scale(const weir_schema *schema)
{
    return schema->scale;
}

weir_str weir_schema_name(const weir_schema *schema)
{
    return schema->name;
}

weir_str weir_schema_connect_name(const weir_schema *schema)
{
    return schema->connect_name;
}

weir_str weir_schema_property(const weir_schema *schema, const char *name)
{
    return avro_property_find(&schema->properties, weir_cstr(name));
}

size_t weir_schema_field_count(const weir_schema *record)
{
    return record->field_count;
}

static const avro_field *field_at(const weir_schema *record, size_t index)
{
    assert(index < record->field_count);
    return &record->fields[index];
}

weir_str weir_schema_field_name(const weir_schema *record, size_t index)
{
    return field_at(record, index)->original;
}

weir_str weir_schema_field_avro_name(const weir_schema *record, size_t index)
{
    return field_at(record, index)->name;
}

const weir_schema *weir_schema_field(const weir_schema *record, size_t index)
{
    return field_at(record, index)->schema;
}

weir_str weir_schema_field_default(const weir_schema *record, size_t index)
{
    return field_at(record, index)->default_value;
}

int weir_schema_field_index(const weir_schema *record, weir_str name)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (weir_str_eq(record->fields[i].original, name))
            return (int)i;
    return -1;
}

size_t weir_schema_branch_count(const weir_schema *unions)
{
    return unions->branch_count;
}

const weir_schema *weir_schema_branch(const weir_schema *unions, size_t index)
{
    assert(index < unions->branch_count);
    return unions->branches[index];
}

bool weir_schema_is_nullable(const weir_schema *schema)
{
    return schema->type == WEIR_TYPE_NULL || schema->null_branch >= 0;
}

const weir_schema *weir_schema_unwrap(const weir_schema *schema)
{
    return schema->unwrapped;
}

size_t weir_schema_symbol_count(const weir_schema *enumeration)
{
    return enumeration->symbols.count;
}

weir_str weir_schema_symbol(const weir_schema *enumeration, size_t index)
{
    assert(index < enumeration->symbols.count);
    return enumeration->symbols.items[index];
}

const weir_schema *weir_schema_items(const weir_schema *schema)
{
    return schema->items;
}

size_t weir_schema_fixed_size(const weir_schema *fixed)
{
    return fixed->fixed_size;
}
