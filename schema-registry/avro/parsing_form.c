/* parsing_form.c - the Parsing Canonical Form of a schema, and its fingerprints.
 *
 * Specification 1.12, "Transforming into Parsing Canonical Form" and "Schema Fingerprints".
 */
#include "schema-registry/avro/canonical.h"
#include "schema-registry/avro/tree.h"
#include "weir/map.h"

#include <openssl/sha.h>

#define EMPTY64 UINT64_C(0xc15d213aa4d7a795) /* the fingerprint of no bytes, and the polynomial */

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

typedef struct writer {
    weir_buf *out;
    weir_map *written; /* the named types that the form has already */
} writer;

static void write_form(writer *w, const weir_schema *schema);

static void write_quoted(writer *w, weir_str name)
{
    weir_buf_add_byte(w->out, '"');
    weir_buf_add_str(w->out, name); /* names have nothing to escape */
    weir_buf_add_byte(w->out, '"');
}

static void write_fields(writer *w, const weir_schema *record)
{
    weir_buf_add_str(w->out, WEIR_STR(",\"fields\":["));
    for (size_t i = 0; i < record->field_count; i++) {
        weir_buf_add_str(w->out, i > 0 ? WEIR_STR(",{\"name\":") : WEIR_STR("{\"name\":"));
        write_quoted(w, record->fields[i].name);
        weir_buf_add_str(w->out, WEIR_STR(",\"type\":"));
        write_form(w, record->fields[i].schema);
        weir_buf_add_byte(w->out, '}');
    }
    weir_buf_add_byte(w->out, ']');
}

static void write_symbols(writer *w, const weir_schema *enumeration)
{
    weir_buf_add_str(w->out, WEIR_STR(",\"symbols\":["));
    for (size_t i = 0; i < enumeration->symbols.count; i++) {
        if (i > 0)
            weir_buf_add_byte(w->out, ',');
        write_quoted(w, enumeration->symbols.items[i]);
    }
    weir_buf_add_byte(w->out, ']');
}

static void write_named(writer *w, const weir_schema *schema)
{
    if (weir_map_put(w->written, schema->name, w) != NULL) {
        write_quoted(w, schema->name);
        return;
    }
    weir_buf_add_str(w->out, WEIR_STR("{\"name\":"));
    write_quoted(w, schema->name);
    weir_buf_add_str(w->out, WEIR_STR(",\"type\":"));
    write_quoted(w, avro_type_name(schema->type));
    if (schema->type == WEIR_TYPE_RECORD)
        write_fields(w, schema);
    else if (schema->type == WEIR_TYPE_ENUM)
        write_symbols(w, schema);
    else
        weir_buf_printf(w->out, ",\"size\":%zu", schema->fixed_size);
    weir_buf_add_byte(w->out, '}');
}

static void write_union(writer *w, const weir_schema *schema)
{
    weir_buf_add_byte(w->out, '[');
    for (size_t i = 0; i < schema->branch_count; i++) {
        if (i > 0)
            weir_buf_add_byte(w->out, ',');
        write_form(w, schema->branches[i]);
    }
    weir_buf_add_byte(w->out, ']');
}

static void write_form(writer *w, const weir_schema *schema)
{
    if (avro_type_is_named(schema->type)) {
        write_named(w, schema);
    } else if (schema->type == WEIR_TYPE_UNION) {
        write_union(w, schema);
    } else if (schema->items != NULL) {
        weir_buf_printf(w->out,
                        "{\"type\":\"%s\",\"%s\":", schema->type == WEIR_TYPE_MAP ? "map" : "array",
                        schema->type == WEIR_TYPE_MAP ? "values" : "items");
        write_form(w, schema->items);
        weir_buf_add_byte(w->out, '}');
    } else {
        write_quoted(w, schema->name);
    }
}

/* NOLINTEND(misc-no-recursion) */

void avro_parsing_form(const weir_schema *schema, weir_buf *out)
{
    WEIR_CLEANUP(weir_map_freep) weir_map *written = weir_map_new();
    writer w = {.out = out, .written = written};

    write_form(&w, schema);
}

uint64_t avro_fingerprint64(const weir_schema *schema)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf form = {0};
    uint64_t result = EMPTY64;

    avro_parsing_form(schema, &form);
    for (size_t i = 0; i < form.len; i++) {
        result ^= (unsigned char)form.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            result = result >> 1 ^ (EMPTY64 & -(result & 1));
    }
    return result;
}

void avro_fingerprint_sha256(const weir_schema *schema, uint8_t out[32])
{
    WEIR_CLEANUP(weir_buf_done) weir_buf form = {0};

    avro_parsing_form(schema, &form);
    SHA256((const unsigned char *)form.ptr, form.len, out);
}
