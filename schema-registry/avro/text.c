/* text.c - a schema as text again.
 *
 * As short as it can be, and in the order in which Java's Schema.toString() writes: type, name,
 * namespace, doc, what the type has, default, properties, aliases. A namespace is written where it
 * differs from the one around, and a named type once: after that, its name.
 */
#include "runtime/base/mem.h"
#include "schema-registry/avro/tree.h"
#include "weir/buf.h"
#include "weir/map.h"

#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

typedef struct writer {
    weir_buf out;
    weir_map *written; /* the named types that the text has already */
} writer;

static void write_member(writer *w, weir_str name, weir_str value)
{
    weir_buf_add_str(&w->out, WEIR_STR(",\""));
    weir_buf_add_str(&w->out, name);
    weir_buf_add_str(&w->out, WEIR_STR("\":"));
    weir_buf_add_json(&w->out, value);
}

static void write_properties(writer *w, const avro_properties *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        weir_buf_add_byte(&w->out, ',');
        weir_buf_add_json(&w->out, properties->items[i].name);
        weir_buf_add_byte(&w->out, ':');
        weir_buf_add_str(&w->out, properties->items[i].value);
    }
}

/* A list of names; those of types without the namespace that they are in. */
static void write_names(writer *w, const char *member, const avro_names *names, weir_str space)
{
    weir_buf_printf(&w->out, ",\"%s\":[", member);
    for (size_t i = 0; i < names->count; i++) {
        weir_str name = names->items[i];

        if (space.len > 0 && weir_str_eq(avro_name_space(name), space))
            name = avro_simple_name(name);
        if (i > 0)
            weir_buf_add_byte(&w->out, ',');
        weir_buf_add_json(&w->out, name);
    }
    weir_buf_add_byte(&w->out, ']');
}

static void write_type(writer *w, const weir_schema *schema, weir_str space);

static void write_field(writer *w, const avro_field *field, weir_str space)
{
    weir_buf_add_str(&w->out, WEIR_STR("{\"name\":"));
    weir_buf_add_json(&w->out, field->name);
    weir_buf_add_str(&w->out, WEIR_STR(",\"type\":"));
    write_type(w, field->schema, space);
    if (field->doc.ptr != NULL)
        write_member(w, WEIR_STR("doc"), field->doc);
    if (field->default_value.ptr != NULL) {
        weir_buf_add_str(&w->out, WEIR_STR(",\"default\":"));
        weir_buf_add_str(&w->out, field->default_value);
    }
    if (field->order != AVRO_ASCENDING)
        write_member(w, WEIR_STR("order"),
                     field->order == AVRO_IGNORE ? WEIR_STR("ignore") : WEIR_STR("descending"));
    if (field->aliases.count > 0)
        write_names(w, "aliases", &field->aliases, (weir_str){0});
    write_properties(w, &field->properties);
    weir_buf_add_byte(&w->out, '}');
}

static void write_fields(writer *w, const weir_schema *record, weir_str space)
{
    weir_buf_add_str(&w->out, WEIR_STR(",\"fields\":["));
    for (size_t i = 0; i < record->field_count; i++) {
        if (i > 0)
            weir_buf_add_byte(&w->out, ',');
        write_field(w, &record->fields[i], space);
    }
    weir_buf_add_byte(&w->out, ']');
}

/* The name of a type that was written before. Its last part alone would mean the type in the namespace
 * around it, or a primitive one. */
static void write_reference(writer *w, const weir_schema *schema, weir_str space)
{
    weir_str simple = avro_simple_name(schema->name);
    weir_str own_space = {schema->name.ptr, schema->space_len};
    bool is_short = weir_str_eq(own_space, space) && !avro_is_primitive_name(simple);

    weir_buf_add_json(&w->out, is_short ? simple : schema->name);
}

static void write_named(writer *w, const weir_schema *schema, weir_str space)
{
    weir_str own_space = {schema->name.ptr, schema->space_len};

    if (weir_map_put(w->written, schema->name, w) != NULL) {
        write_reference(w, schema, space);
        return;
    }
    weir_buf_add_str(&w->out, WEIR_STR("{\"type\":"));
    weir_buf_add_json(&w->out, schema->is_error ? WEIR_STR("error") : avro_type_name(schema->type));
    write_member(w, WEIR_STR("name"), avro_simple_name(schema->name));
    if (!weir_str_eq(own_space, space))
        write_member(w, WEIR_STR("namespace"), own_space);
    if (schema->doc.ptr != NULL)
        write_member(w, WEIR_STR("doc"), schema->doc);
    if (schema->type == WEIR_TYPE_RECORD)
        write_fields(w, schema, own_space);
    if (schema->type == WEIR_TYPE_ENUM)
        write_names(w, "symbols", &schema->symbols, (weir_str){0});
    if (schema->enum_default.ptr != NULL)
        write_member(w, WEIR_STR("default"), schema->enum_default);
    if (schema->type == WEIR_TYPE_FIXED)
        weir_buf_printf(&w->out, ",\"size\":%zu", schema->fixed_size);
    write_properties(w, &schema->properties);
    if (schema->aliases.count > 0)
        write_names(w, "aliases", &schema->aliases, own_space);
    weir_buf_add_byte(&w->out, '}');
}

static void write_union(writer *w, const weir_schema *schema, weir_str space)
{
    weir_buf_add_byte(&w->out, '[');
    for (size_t i = 0; i < schema->branch_count; i++) {
        if (i > 0)
            weir_buf_add_byte(&w->out, ',');
        write_type(w, schema->branches[i], space);
    }
    weir_buf_add_byte(&w->out, ']');
}

static void write_type(writer *w, const weir_schema *schema, weir_str space)
{
    if (avro_type_is_named(schema->type)) {
        write_named(w, schema, space);
        return;
    }
    if (schema->type == WEIR_TYPE_UNION) {
        write_union(w, schema, space);
        return;
    }
    if (schema->items == NULL && schema->properties.count == 0) {
        weir_buf_add_json(&w->out, schema->name);
        return;
    }
    weir_buf_add_str(&w->out, WEIR_STR("{\"type\":"));
    weir_buf_add_json(&w->out, schema->name);
    if (schema->items != NULL) {
        weir_buf_printf(&w->out, ",\"%s\":", schema->type == WEIR_TYPE_MAP ? "values" : "items");
        write_type(w, schema->items, space);
    }
    write_properties(w, &schema->properties);
    weir_buf_add_byte(&w->out, '}');
}

static avro_text *make_text(const weir_schema *schema)
{
    writer w = {.written = weir_map_new()};
    avro_text *text = NULL;

    write_type(&w, schema, (weir_str){0});
    text = mem_zalloc(1, sizeof(*text) + w.out.len + 1);
    text->len = w.out.len;
    memcpy(text->bytes, w.out.ptr, w.out.len);
    weir_map_free(w.written);
    weir_buf_done(&w.out);
    return text;
}

weir_str weir_schema_text(const weir_schema *schema)
{
    weir_schema *node = avro_cache_of(schema);
    avro_text *text = atomic_load_explicit(&node->text, memory_order_acquire);

    if (text == NULL) {
        avro_text *made = make_text(schema);

        if (atomic_compare_exchange_strong(&node->text, &text, made))
            text = made;
        else
            free(made); /* another thread was first: text is its */
    }
    return (weir_str){text->bytes, text->len};
}

/* NOLINTEND(misc-no-recursion) */
