/* json_schema.c - Avro schemas as Connect schemas, as JsonConverter prints them.
 *
 * What AvroData.toConnectSchema makes of an Avro schema, with its default settings. The JSON is built
 * as a tree and printed at the end: this runs once for each schema, not for each record.
 */
#include "schema-registry/avro/json.h"
#include "schema-registry/avro/json_parts.h"
#include "schema-registry/avro/parse.h"

#include "schema-registry/avro/avro.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

#define NAMESPACE "io.confluent.connect.avro"

/* A type is printed at each place where it is used, so that a few can get very many. */
#define SCHEMA_MAX 100000

typedef struct builder {
    int depth;
    int count;
    weir_error *err;
    const weir_schema *open[AVRO_DEPTH_MAX]; /* the records around, against one inside itself */
} builder;

/* What is not in the schema itself but where it is used. */
typedef struct usage {
    bool is_optional;
    weir_str default_value; /* of the field, as Avro writes it; ptr NULL: none */
} usage;

static bool fail(builder *b, const weir_schema *schema, const char *why)
{
    weir_fail(b->err, WEIR_REJECT, "%.*s has no Connect schema: %s", WEIR_ARG(schema->name), why);
    return false;
}

static void set_text(json_t *object, const char *member, weir_str text)
{
    json_object_set_new(object, member, json_stringn(text.ptr, text.len));
}

static void set_param(json_t *out, const char *name, weir_str value)
{
    json_t *params = json_object_get(out, "parameters");

    if (params == NULL) {
        params = json_object();
        json_object_set_new(out, "parameters", params);
    }
    set_text(params, name, value);
}

/* A parameter whose name is a prefix and a name. */
static void set_param_of(json_t *out, const char *prefix, weir_str name, weir_str value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf full = {0};

    weir_buf_printf(&full, "%s%.*s", prefix, WEIR_ARG(name));
    set_param(out, weir_buf_cstr(&full), value);
}

static void set_param_number(json_t *out, const char *name, int64_t value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};

    avro_json_long(&text, value);
    set_param(out, name, weir_buf_str(&text));
}

/* A property as a JSON tree; the caller has a reference. NULL: there is none. */
static json_t *property(const weir_schema *schema, const char *name)
{
    weir_str text = avro_property_find(&schema->properties, weir_cstr(name));

    return text.ptr == NULL
               ? NULL
               : json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* --- Types ------------------------------------------------------------------------------------ */

static json_t *build(builder *b, const weir_schema *schema, usage use);

static void set_logical(json_t *out, const char *name)
{
    json_object_set_new(out, "name", json_string(name));
    json_object_set_new(out, "version", json_integer(1));
}

static bool is_logical(const weir_schema *schema, const char *name)
{
    weir_str text = avro_property_find(&schema->properties, WEIR_STR("logicalType"));
    size_t len = strlen(name);

    return text.len == len + 2 && strncasecmp(text.ptr + 1, name, len) == 0;
}

static bool build_bytes(builder *b, const weir_schema *schema, json_t *out)
{
    WEIR_CLEANUP(json_decrefp) json_t *precision = property(schema, "precision");
    WEIR_CLEANUP(json_decrefp) json_t *scale = property(schema, "scale");

    json_object_set_new(out, "type", json_string("bytes"));
    if (schema->is_decimal) {
        set_logical(out, "org.apache.kafka.connect.data.Decimal");
        set_param_number(out, "scale", (int64_t)json_number_value(scale));
        if (precision != NULL && !json_is_number(precision))
            return fail(b, schema, "the precision of a decimal is not a number");
        if (precision != NULL && json_number_value(precision) != 64) /* Connect's own */
            set_param_number(out, "connect.decimal.precision",
                             (int64_t)json_number_value(precision));
    }
    if (schema->type == WEIR_TYPE_FIXED)
        set_param_number(out, "connect.fixed.size", (int64_t)schema->fixed_size);
    return true;
}

static bool build_int(builder *b, const weir_schema *schema, json_t *out)
{
    weir_str logical = avro_property_find(&schema->properties, WEIR_STR("logicalType"));
    weir_str type = avro_property_find(&schema->properties, WEIR_STR("connect.type"));
    bool has_logical = logical.len > 0 && logical.ptr[0] == '"';
    bool has_type = type.len > 0 && type.ptr[0] == '"';
    const char *name = "int32";

    if (is_logical(schema, "date"))
        set_logical(out, "org.apache.kafka.connect.data.Date");
    else if (is_logical(schema, "time-millis"))
        set_logical(out, "org.apache.kafka.connect.data.Time");
    else if (!has_logical && weir_str_eq(type, WEIR_STR("\"int8\"")))
        name = "int8";
    else if (!has_logical && weir_str_eq(type, WEIR_STR("\"int16\"")))
        name = "int16";
    else if (!has_logical && has_type)
        return fail(b, schema, "its connect.type is neither int8 nor int16");
    json_object_set_new(out, "type", json_string(name));
    return true;
}

static void build_enum(const weir_schema *schema, json_t *out)
{
    weir_str simple = avro_simple_name(schema->name);

    json_object_set_new(out, "type", json_string("string"));
    if (schema->doc.ptr != NULL)
        set_param_of(out, NAMESPACE ".enum.doc.", simple, schema->doc);
    if (schema->enum_default.ptr != NULL)
        set_param_of(out, NAMESPACE ".enum.default.", simple, schema->enum_default);
    set_param(out, NAMESPACE ".Enum", schema->name);
    for (size_t i = 0; i < schema->symbols.count; i++)
        set_param_of(out, NAMESPACE ".Enum.", schema->symbols.items[i], schema->symbols.items[i]);
}

static bool set_member(builder *b, json_t *out, const char *member, const weir_schema *schema)
{
    json_t *built = build(b, schema, (usage){0});

    return built != NULL && json_object_set_new(out, member, built) == 0;
}

static bool build_items(builder *b, const weir_schema *schema, json_t *out)
{
    const weir_schema *entry = schema->items;

    if (schema->type == WEIR_TYPE_ARRAY && !entry->is_map_entry) {
        json_object_set_new(out, "type", json_string("array"));
        return set_member(b, out, "items", schema->items);
    }
    json_object_set_new(out, "type", json_string("map"));
    if (schema->type == WEIR_TYPE_ARRAY)
        return set_member(b, out, "keys", entry->fields[0].schema) &&
               set_member(b, out, "values", entry->fields[1].schema);
    json_object_set_new(out, "keys", json_pack("{sssb}", "type", "string", "optional", 0));
    return set_member(b, out, "values", schema->items);
}

/* Adds a member of a struct. */
static bool add_field(builder *b, json_t *fields, weir_str name, const weir_schema *schema,
                      usage use)
{
    json_t *field = build(b, schema, use);

    if (field == NULL)
        return false;
    set_text(field, "field", name);
    json_array_append_new(fields, field);
    return true;
}

/* A field may have "connect.parameters" too: AvroData adds them to those of the field's schema. */
static void add_field_params(const avro_field *field, json_t *out)
{
    weir_str text = avro_property_find(&field->properties, WEIR_STR("connect.parameters"));
    const char *name = NULL;
    json_t *value = NULL;

    if (text.ptr == NULL)
        return;
    WEIR_CLEANUP(json_decrefp)
    json_t *params = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    WEIR_CLEANUP(weir_buf_done) weir_buf other = {0};

    json_object_foreach(params, name, value)
    {
        weir_buf_clear(&other);
        if (!json_is_string(value))
            avro_json_text(value, &other);
        set_param(out, name,
                  json_is_string(value) ? avro_json_string(value) : weir_buf_str(&other));
    }
}

static bool build_record(builder *b, const weir_schema *record, json_t *out)
{
    json_t *fields = json_array();

    json_object_set_new(out, "type", json_string("struct"));
    json_object_set_new(out, "fields", fields);
    for (int i = 0; i < b->depth; i++)
        if (b->open[i] == record)
            return fail(b, record, "it contains itself");
    if (b->depth == AVRO_DEPTH_MAX)
        return fail(b, record, "records are nested too deep");
    b->open[b->depth++] = record;
    if (record->doc.ptr != NULL)
        set_param(out, NAMESPACE ".record.doc", record->doc);
    for (size_t i = 0; i < record->field_count; i++) {
        const avro_field *field = &record->fields[i];

        if (field->doc.ptr != NULL)
            set_param_of(out, NAMESPACE ".field.doc.", field->original, field->doc);
        if (!add_field(b, fields, field->original, field->schema,
                       (usage){.default_value = field->default_value}))
            return false;
        add_field_params(field, json_array_get(fields, i));
    }
    b->depth--;
    return true;
}

static bool build_union(builder *b, const weir_schema *unions, json_t *out)
{
    json_t *fields = json_array();

    json_object_set_new(out, "type", json_string("struct"));
    json_object_set_new(out, "name", json_string(NAMESPACE ".Union"));
    json_object_set_new(out, "fields", fields);
    for (size_t i = 0; i < unions->branch_count; i++) {
        weir_str name = avro_json_branch_name(unions->branches[i]);

        if ((int)i == unions->null_branch)
            continue;
        for (size_t j = 0; j < i; j++)
            if (weir_str_eq(avro_json_branch_name(unions->branches[j]), name))
                return fail(b, unions, "two of its branches have the same simple name");
        if (!add_field(b, fields, name, unions->branches[i], (usage){.is_optional = true}))
            return false;
    }
    return true;
}

static bool build_type(builder *b, const weir_schema *schema, json_t *out)
{
    const char *name = NULL;

    switch (schema->type) {
    case WEIR_TYPE_NULL:
        return fail(b, schema, "null alone is no type there");
    case WEIR_TYPE_BOOLEAN:
        name = "boolean";
        break;
    case WEIR_TYPE_INT:
        return build_int(b, schema, out);
    case WEIR_TYPE_LONG:
        name = "int64";
        if (is_logical(schema, "timestamp-millis"))
            set_logical(out, "org.apache.kafka.connect.data.Timestamp");
        break;
    case WEIR_TYPE_FLOAT:
        name = "float";
        break;
    case WEIR_TYPE_DOUBLE:
        name = "double";
        break;
    case WEIR_TYPE_STRING:
        name = "string";
        break;
    case WEIR_TYPE_BYTES:
    case WEIR_TYPE_FIXED:
        return build_bytes(b, schema, out);
    case WEIR_TYPE_RECORD:
        return build_record(b, schema, out);
    case WEIR_TYPE_ENUM:
        build_enum(schema, out);
        return true;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        return build_items(b, schema, out);
    case WEIR_TYPE_UNION:
        return build_union(b, schema, out);
    }
    json_object_set_new(out, "type", json_string(name));
    return true;
}

/* --- Properties ------------------------------------------------------------------------------- */

static bool set_version(builder *b, const weir_schema *schema, json_t *out)
{
    WEIR_CLEANUP(json_decrefp) json_t *version = property(schema, "connect.version");
    const json_t *own = json_object_get(out, "version");

    if (version == NULL)
        return true;
    if (!json_is_integer(version))
        return fail(b, schema, "its connect.version is not a number");
    if (json_integer_value(version) < 0)
        return true;
    if (own != NULL && json_integer_value(own) != json_integer_value(version))
        return fail(b, schema, "its connect.version is not that of its logical type");
    json_object_set(out, "version", version);
    return true;
}

static bool set_params(builder *b, const weir_schema *schema, json_t *out)
{
    WEIR_CLEANUP(json_decrefp) json_t *params = property(schema, "connect.parameters");
    const char *name = NULL;
    json_t *value = NULL;

    if (params != NULL && !json_is_object(params))
        return fail(b, schema, "its connect.parameters is not an object");
    json_object_foreach(params, name, value)
    {
        if (!json_is_string(value))
            return fail(b, schema, "a value in its connect.parameters is not a string");
        set_param(out, name, avro_json_string(value));
    }
    for (size_t i = 0; i < schema->properties.count; i++) {
        const avro_property *item = &schema->properties.items[i];

        if (item->name.len < 4 || memcmp(item->name.ptr, "avro", 4) != 0)
            continue;
        WEIR_CLEANUP(json_decrefp)
        json_t *text =
            json_loadb(item->value.ptr, item->value.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        set_param_of(out, "", item->name,
                     json_is_string(text) ? avro_json_string(text) : item->value);
    }
    return true;
}

/* The default of the field where Avro has one, else "connect.default"; an unfit one is left out. */
static void set_default(const weir_schema *schema, weir_str field_default, json_t *out)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf text = {0};
    weir_str connect = avro_property_find(&schema->properties, WEIR_STR("connect.default"));

    if (field_default.ptr == NULL) {
        if (schema->connect_default.ptr == NULL)
            return;
        weir_buf_add_str(&text, schema->connect_default);
    } else {
        WEIR_CLEANUP(json_decrefp)
        json_t *json = json_loadb(field_default.ptr, field_default.len,
                                  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        if (connect.ptr == NULL)
            set_param(out, NAMESPACE ".field.default", WEIR_STR("true"));
        if (json_is_null(json) || !avro_default_json(schema, json, &text))
            return;
    }
    json_object_set_new(out, "default",
                        json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
}

static bool set_name(builder *b, const weir_schema *schema, json_t *out)
{
    static const weir_str unnamed = WEIR_STR(NAMESPACE ".ConnectDefault");
    WEIR_CLEANUP(json_decrefp) json_t *name = property(schema, "connect.name");
    const json_t *own = json_object_get(out, "name");
    weir_str text = schema->connect_name;

    if (name != NULL && !json_is_string(name))
        return fail(b, schema, "its connect.name is not a string");
    if (name == NULL && schema->type == WEIR_TYPE_FIXED && schema->is_decimal)
        return true;
    if (text.len == 0 ||
        (text.len >= unnamed.len && memcmp(text.ptr, unnamed.ptr, unnamed.len) == 0))
        return true;
    if (own != NULL && !weir_str_eq(avro_json_string(own), text))
        return fail(b, schema, "its connect.name is not that of its logical type");
    set_text(out, "name", text);
    return true;
}

static bool set_doc(const weir_schema *schema, json_t *out)
{
    WEIR_CLEANUP(json_decrefp) json_t *doc = property(schema, "connect.doc");

    if (json_is_string(doc))
        json_object_set(out, "doc", doc);
    return true;
}

static json_t *build(builder *b, const weir_schema *schema, usage use)
{
    bool has_null = schema->null_branch >= 0;

    if (schema->type == WEIR_TYPE_UNION && schema->branch_count > 0 &&
        !avro_json_is_wrapped(schema)) /* the type inside, and no default of the field */
        return build(b, schema->branch_count == 1 ? schema->branches[0] : schema->unwrapped,
                     (usage){.is_optional = has_null});
    if (++b->count > SCHEMA_MAX) {
        fail(b, schema, "it would be too large");
        return NULL;
    }
    WEIR_CLEANUP(json_decrefp) json_t *out = json_object();

    if (!build_type(b, schema, out) || !set_doc(schema, out) || !set_version(b, schema, out) ||
        !set_params(b, schema, out) || !set_name(b, schema, out))
        return NULL;
    set_default(schema, use.default_value, out);
    json_object_set_new(out, "optional", json_boolean(use.is_optional || has_null));
    return json_incref(out);
}

weir_code avro_json_schema(const weir_schema *schema, weir_buf *out, weir_error *err)
{
    builder b = {.err = err};
    WEIR_CLEANUP(json_decrefp) json_t *built = build(&b, schema, (usage){0});

    if (built == NULL)
        return err->code;
    avro_json_text(built, out);
    return WEIR_OK;
}

/* NOLINTEND(misc-no-recursion) */
