/* canonical.c - a schema as text: as Java's Schema.toString() writes it, and normalized.
 *
 * The order is type, name, namespace, doc, what the type has, default, properties, aliases. A namespace
 * is written where it differs from the one around, and a named type once: after that, its name.
 */
#include "schema-registry/avro/canonical.h"

#include "schema-registry/avro/canonical_parts.h"
#include "weir/map.h"

#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

typedef struct writer {
    weir_buf *out;
    weir_map *written; /* the named types that the text has already */
    bool is_normal;    /* sorts what has no order of its own */
    bool is_shallow;   /* of named types but the first one only the names */
} writer;

static void write_member(writer *w, weir_str name, weir_str value)
{
    weir_buf_add_str(w->out, WEIR_STR(",\""));
    weir_buf_add_str(w->out, name);
    weir_buf_add_str(w->out, WEIR_STR("\":"));
    weir_buf_add_json(w->out, value);
}

/* --- Lists ------------------------------------------------------------------------------------ */

/* schema: NULL where the properties are a field's. */
static void write_properties(writer *w, const weir_schema *schema,
                             const avro_properties *properties)
{
    if (w->is_normal) {
        avro_normal_properties(schema, properties, w->out);
        return;
    }
    for (size_t i = 0; i < properties->count; i++) {
        weir_buf_add_byte(w->out, ',');
        weir_buf_add_json(w->out, properties->items[i].name);
        weir_buf_add_byte(w->out, ':');
        weir_buf_add_str(w->out, properties->items[i].value);
    }
}

/* True when the last part of a full name alone means the type in the namespace around it, and not one of
 * the language's own. */
static bool is_short(weir_str name, weir_str space)
{
    return space.len > 0 && weir_str_eq(avro_name_space(name), space) &&
           !avro_is_type_name(avro_simple_name(name));
}

/* A list of names; those of types without the namespace that they are in. */
static void write_names(writer *w, const char *member, const avro_names *names, weir_str space)
{
    weir_buf_printf(w->out, ",\"%s\":[", member);
    for (size_t i = 0; i < names->count; i++) {
        weir_str name = names->items[i];

        if (is_short(name, space))
            name = avro_simple_name(name);
        if (i > 0)
            weir_buf_add_byte(w->out, ',');
        weir_buf_add_json(w->out, name);
    }
    weir_buf_add_byte(w->out, ']');
}

static void write_aliases(writer *w, const avro_names *aliases, weir_str space)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf copy = {0};
    avro_names sorted = *aliases;

    if (aliases->count == 0)
        return;
    if (w->is_normal) {
        weir_buf_add(&copy, aliases->items, aliases->count * sizeof(weir_str));
        qsort(copy.ptr, aliases->count, sizeof(weir_str), avro_compare_names);
        sorted.items = (void *)copy.ptr;
    }
    write_names(w, "aliases", &sorted, space);
}

/* --- Types ------------------------------------------------------------------------------------ */

static void write_type(writer *w, const weir_schema *schema, weir_str space);

static void write_field(writer *w, const avro_field *field, weir_str space)
{
    weir_buf_add_str(w->out, WEIR_STR("{\"name\":"));
    weir_buf_add_json(w->out, field->name);
    weir_buf_add_str(w->out, WEIR_STR(",\"type\":"));
    write_type(w, field->schema, space);
    if (field->doc.ptr != NULL)
        write_member(w, WEIR_STR("doc"), field->doc);
    if (field->default_value.ptr != NULL) {
        weir_buf_add_str(w->out, WEIR_STR(",\"default\":"));
        if (w->is_normal)
            avro_normal_default(field->schema, field->default_value, w->out);
        else
            weir_buf_add_str(w->out, field->default_value);
    }
    if (field->order != AVRO_ASCENDING)
        write_member(w, WEIR_STR("order"),
                     field->order == AVRO_IGNORE ? WEIR_STR("ignore") : WEIR_STR("descending"));
    write_aliases(w, &field->aliases, (weir_str){0});
    write_properties(w, NULL, &field->properties);
    weir_buf_add_byte(w->out, '}');
}

static void write_fields(writer *w, const weir_schema *record, weir_str space)
{
    weir_buf_add_str(w->out, WEIR_STR(",\"fields\":["));
    for (size_t i = 0; i < record->field_count; i++) {
        if (i > 0)
            weir_buf_add_byte(w->out, ',');
        write_field(w, &record->fields[i], space);
    }
    weir_buf_add_byte(w->out, ']');
}

/* The name of a type that was written before. */
static void write_reference(writer *w, const weir_schema *schema, weir_str space)
{
    weir_buf_add_json(w->out, is_short(schema->name, space) ? avro_simple_name(schema->name)
                                                            : schema->name);
}

static void write_named(writer *w, const weir_schema *schema, weir_str space)
{
    weir_str own_space = {schema->name.ptr, schema->space_len};
    bool is_error = schema->is_error && !w->is_normal;

    bool is_known = w->is_shallow && weir_map_count(w->written) > 0;

    if (weir_map_put(w->written, schema->name, w) != NULL || is_known) {
        write_reference(w, schema, space);
        return;
    }
    weir_buf_add_str(w->out, WEIR_STR("{\"type\":"));
    weir_buf_add_json(w->out, is_error ? WEIR_STR("error") : avro_type_name(schema->type));
    write_member(w, WEIR_STR("name"), avro_simple_name(schema->name));
    if (!weir_str_eq(own_space, space))
        write_member(w, WEIR_STR("namespace"), own_space);
    if (schema->doc.ptr != NULL && (schema->doc.len > 0 || !w->is_normal))
        write_member(w, WEIR_STR("doc"), schema->doc);
    if (schema->type == WEIR_TYPE_RECORD)
        write_fields(w, schema, own_space);
    if (schema->type == WEIR_TYPE_ENUM)
        write_names(w, "symbols", &schema->symbols, (weir_str){0});
    if (schema->enum_default.ptr != NULL)
        write_member(w, WEIR_STR("default"), schema->enum_default);
    if (schema->type == WEIR_TYPE_FIXED)
        weir_buf_printf(w->out, ",\"size\":%zu", schema->fixed_size);
    write_properties(w, schema, &schema->properties);
    write_aliases(w, &schema->aliases, own_space);
    weir_buf_add_byte(w->out, '}');
}

static void write_union(writer *w, const weir_schema *schema, weir_str space)
{
    weir_buf_add_byte(w->out, '[');
    for (size_t i = 0; i < schema->branch_count; i++) {
        if (i > 0)
            weir_buf_add_byte(w->out, ',');
        write_type(w, schema->branches[i], space);
    }
    weir_buf_add_byte(w->out, ']');
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
        weir_buf_add_json(w->out, schema->name);
        return;
    }
    weir_buf_add_str(w->out, WEIR_STR("{\"type\":"));
    weir_buf_add_json(w->out, schema->name);
    if (schema->items != NULL) {
        weir_buf_printf(w->out, ",\"%s\":", schema->type == WEIR_TYPE_MAP ? "values" : "items");
        write_type(w, schema->items, space);
    }
    write_properties(w, schema, &schema->properties);
    weir_buf_add_byte(w->out, '}');
}

static void write_text(const weir_schema *schema, bool with_known, bool is_normal, weir_buf *out)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *written = weir_map_new();
    writer w = {.out = out, .written = written, .is_normal = is_normal};
    const avro_names *known = &schema->document->known;

    for (size_t i = 0; !with_known && i < known->count; i++)
        (void)weir_map_put(written, known->items[i], &w); /* two of one name: the same */
    write_type(&w, schema, (weir_str){0});
}

bool avro_same_definition(const weir_schema *a, const weir_schema *b)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf first = {0};
    WEIR_CLEANUP(weir_buf_done) weir_buf second = {0};
    weir_map *written[2] = {weir_map_new(), weir_map_new()};
    writer w = {.out = &first, .written = written[0], .is_shallow = true};

    write_type(&w, a, (weir_str){0});
    w.out = &second;
    w.written = written[1];
    write_type(&w, b, (weir_str){0});
    weir_map_free(written[0]);
    weir_map_free(written[1]);
    return weir_str_eq(weir_buf_str(&first), weir_buf_str(&second));
}

void avro_canonical(const weir_schema *schema, weir_buf *out)
{
    write_text(schema, false, false, out);
}

void avro_resolved(const weir_schema *schema, weir_buf *out)
{
    write_text(schema, true, false, out);
}

void avro_normalize(const weir_schema *schema, weir_buf *out)
{
    write_text(schema, false, true, out);
}

/* NOLINTEND(misc-no-recursion) */
