/* json_schema_read.c - the Avro schema that AvroData makes of a Connect schema. */
#include "runtime/connect/json_schema_read.h"

#include "runtime/base/text.h"
#include "schema-registry/avro/avro.h"
#include "weir/buf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): schemas nest; AVRO_SCHEMA_DEPTH_MAX bounds it */

#define LOGICAL "org.apache.kafka.connect.data."

typedef struct reading {
    json_t *records; /* full name -> Connect schema: a type is defined where it is used first */
    int unnamed;     /* records that had to be given a name */
    int depth;
    weir_error *err;
} reading;

static json_t *make_type(reading *r, const json_t *connect);

static json_t *fail(reading *r, const char *what)
{
    weir_fail(r->err, WEIR_REJECT, "the message's schema: %s", what);
    return NULL;
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* --- Types that are no structs ----------------------------------------------------------------- */

static json_t *make_plain(const char *type)
{
    static const struct {
        const char *connect, *avro, *kept;
    } types[] = {
        {"boolean", "boolean", NULL}, {"int8", "int", "int8"},    {"int16", "int", "int16"},
        {"int32", "int", NULL},       {"int64", "long", NULL},    {"float", "float", NULL},
        {"double", "double", NULL},   {"string", "string", NULL}, {"bytes", "bytes", NULL},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].connect, type) == 0)
            return types[i].kept == NULL ? json_pack("{s:s}", "type", types[i].avro)
                                         : json_pack("{s:s,s:s}", "type", types[i].avro,
                                                     "connect.type", types[i].kept);
    return NULL;
}

/* Connect's own logical types are Avro's, too. */
static bool add_logical(reading *r, const json_t *connect, const char *name, json_t *out)
{
    const char *scale = text_of(json_object_get(connect, "parameters"), "scale");

    if (name == NULL || strncmp(name, LOGICAL, sizeof(LOGICAL) - 1) != 0)
        return true;
    name += sizeof(LOGICAL) - 1;
    if (strcmp(name, "Decimal") == 0) {
        int64_t number;

        if (scale == NULL || !text_to_int(weir_cstr(scale), &number) || number < 0 ||
            number > 100000)
            return fail(r, "a Decimal has no parameter scale") != NULL;
        json_object_set_new(out, "logicalType", json_string("decimal"));
        json_object_set_new(out, "precision", json_integer(number > 64 ? number : 64));
        json_object_set_new(out, "scale", json_integer(number));
    } else if (strcmp(name, "Date") == 0) {
        json_object_set_new(out, "logicalType", json_string("date"));
    } else if (strcmp(name, "Time") == 0) {
        json_object_set_new(out, "logicalType", json_string("time-millis"));
    } else if (strcmp(name, "Timestamp") == 0) {
        json_object_set_new(out, "logicalType", json_string("timestamp-millis"));
    }
    return true;
}

static json_t *make_array(reading *r, const json_t *connect)
{
    json_t *items = make_type(r, json_object_get(connect, "items"));

    return items != NULL ? json_pack("{s:s,s:o}", "type", "array", "items", items) : NULL;
}

/* A map whose keys are no plain strings is an array of entries. */
static json_t *make_map(reading *r, const json_t *connect)
{
    const json_t *keys = json_object_get(connect, "keys");
    const char *key_type = text_of(keys, "type");
    bool is_plain = key_type != NULL && strcmp(key_type, "string") == 0 &&
                    !json_is_true(json_object_get(keys, "optional"));
    json_t *key = is_plain ? NULL : make_type(r, keys), *value;
    char name[32];

    if (!is_plain && key == NULL)
        return NULL;
    value = make_type(r, json_object_get(connect, "values"));
    if (value == NULL) {
        json_decref(key);
        return NULL;
    }
    if (is_plain)
        return json_pack("{s:s,s:o}", "type", "map", "values", value);
    r->unnamed++;
    snprintf(name, sizeof(name), r->unnamed == 1 ? "MapEntry" : "MapEntry%d", r->unnamed);
    return json_pack("{s:s,s:{s:s,s:s,s:s,s:[{s:s,s:o},{s:s,s:o}],s:s}}", "type", "array", "items",
                     "type", "record", "name", name, "namespace", "io.confluent.connect.avro",
                     "fields", "name", "key", "type", key, "name", "value", "type", value,
                     "connect.internal.type", "MapEntry");
}

/* --- Structs ----------------------------------------------------------------------------------- */

static json_t *make_field(reading *r, const json_t *connect)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf legal = {0};
    const char *name = text_of(connect, "field");
    json_t *type = name != NULL ? make_type(r, connect) : NULL, *field;
    bool differs;

    if (name == NULL)
        return fail(r, "a field of a struct has no name (\"field\")");
    if (type == NULL)
        return NULL;
    differs = weir_legal_name(weir_cstr(name), &legal);
    field = json_pack("{s:s%,s:o}", "name", legal.ptr, legal.len, "type", type);
    if (json_is_true(json_object_get(connect, "optional")))
        json_object_set_new(field, "default", json_null());
    if (differs)
        json_object_set_new(field, "weir.name", json_string(name));
    return field;
}

static json_t *make_record(reading *r, const json_t *connect, const char *full_name)
{
    const json_t *fields = json_object_get(connect, "fields");
    json_t *record = json_pack("{s:s,s:s,s:[]}", "type", "record", "name", full_name, "fields");
    json_t *list = json_object_get(record, "fields"), *item;
    size_t i;

    json_object_set(r->records, full_name, (json_t *)(uintptr_t)connect);
    json_array_foreach((json_t *)(uintptr_t)fields, i, item)
    {
        json_t *field = make_field(r, item);

        if (field == NULL) {
            json_decref(record);
            return NULL;
        }
        json_array_append_new(list, field);
    }
    return record;
}

/* The same struct again is its name; another one of that name gets a name of its own. */
static json_t *make_struct(reading *r, const json_t *connect)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf full = {0};
    const char *name = text_of(connect, "name");
    const json_t *known;
    size_t base;

    if (name != NULL)
        weir_legal_full_name(weir_cstr(name), &full);
    else
        weir_buf_add_str(&full, WEIR_STR("ConnectDefault"));
    base = full.len;
    for (int number = 2; (known = json_object_get(r->records, weir_buf_cstr(&full))) != NULL;
         number++) {
        if (json_equal(json_object_get(known, "fields"), json_object_get(connect, "fields")))
            return json_string(weir_buf_cstr(&full));
        full.len = base;
        weir_buf_printf(&full, "%d", number);
    }
    return make_record(r, connect, weir_buf_cstr(&full));
}

/* --- All types --------------------------------------------------------------------------------- */

static void keep(const json_t *connect, const char *member, json_t *out, const char *property)
{
    json_t *value = json_object_get(connect, member);

    if (value != NULL && !json_is_null(value))
        json_object_set(out, property, value);
}

static json_t *make_inner(reading *r, const json_t *connect)
{
    const char *type = text_of(connect, "type"), *name = text_of(connect, "name");
    json_t *out;

    if (type == NULL)
        return fail(r, "a type is missing");
    if (strcmp(type, "struct") == 0)
        out = make_struct(r, connect);
    else if (strcmp(type, "array") == 0)
        out = make_array(r, connect);
    else if (strcmp(type, "map") == 0)
        out = make_map(r, connect);
    else
        out = make_plain(type);
    if (out == NULL)
        return r->err->code == WEIR_REJECT ? NULL : fail(r, "a type is none of Connect's");
    if (!json_is_object(out))
        return out; /* a name */
    keep(connect, "name", out, "connect.name");
    keep(connect, "version", out, "connect.version");
    keep(connect, "parameters", out, "connect.parameters");
    keep(connect, "doc", out, "connect.doc");
    keep(connect, "default", out, "connect.default");
    if (add_logical(r, connect, name, out))
        return out;
    json_decref(out);
    return NULL;
}

static json_t *make_type(reading *r, const json_t *connect)
{
    json_t *type;

    if (++r->depth > AVRO_SCHEMA_DEPTH_MAX)
        return fail(r, "it nests too deeply");
    type = make_inner(r, connect);
    r->depth--;
    if (type != NULL && json_is_true(json_object_get(connect, "optional")))
        return json_pack("[s,o]", "null", type);
    return type;
}

/* NOLINTEND(misc-no-recursion) */

weir_schema *json_schema_read(const json_t *connect, weir_error *err)
{
    reading r = {.records = json_object(), .err = err};
    weir_schema *schema = NULL;
    json_t *avro;
    char *text;

    err->code = WEIR_OK;
    avro = make_type(&r, connect);
    if (avro != NULL) {
        text = json_dumps(avro, JSON_COMPACT | JSON_ENCODE_ANY);
        schema = avro_parse(weir_cstr(text), err);
        if (schema == NULL)
            weir_wrap(err, "the message's schema");
        free(text);
    }
    json_decref(avro);
    json_decref(r.records);
    return schema;
}
