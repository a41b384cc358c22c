/* type_schema.c - describes the codec of a column's type as Avro schema, with its default. */
#include "type_mapping.h"

#include <math.h>

/* More than any default takes whose text is short: a decimal of 1,000 digits, most of them zeros. */
#define DEFAULT_ROOM 2048

static void add_parameters(const codec *self, const type_mapping *mapping, weir_buf *out)
{
    switch (mapping->parameters) {
    case PARAMETERS_NONE:
        break;
    case PARAMETERS_DECIMAL:
        weir_buf_printf(out,
                        ",\"connect.parameters\":{\"scale\":\"%d\","
                        "\"connect.decimal.precision\":\"%d\"}",
                        self->scale, self->precision);
        break;
    case PARAMETERS_MONEY:
        weir_buf_printf(out, ",\"connect.parameters\":{\"scale\":\"%d\"}", self->scale);
        break;
    case PARAMETERS_LENGTH:
        weir_buf_printf(out, ",\"connect.parameters\":{\"length\":\"%d\"}", self->precision);
        break;
    case PARAMETERS_LABELS: {
        const pg_type *type = self->type->element != NULL ? self->type->element : self->type;

        weir_buf_printf(out, ",\"connect.parameters\":{\"allowed\":");
        weir_buf_add_json(out, type->labels);
        weir_buf_add_byte(out, '}');
        break;
    }
    }
}

static const struct {
    const char *name;
    const char *definition;
} records[] = {
    {"io.debezium.data.VariableScaleDecimal",
     "{\"type\":\"record\",\"name\":\"VariableScaleDecimal\","
     "\"namespace\":\"io.debezium.data\",\"fields\":[{\"name\":\"scale\",\"type\":"
     "\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}],\"connect.doc\":\"Variable "
     "scaled decimal\",\"connect.version\":1,\"connect.name\":"
     "\"io.debezium.data.VariableScaleDecimal\"}"},
    {"io.debezium.data.geometry.Point",
     "{\"type\":\"record\",\"name\":\"Point\",\"namespace\":\"io.debezium.data.geometry\","
     "\"fields\":[{\"name\":\"x\",\"type\":\"double\"},{\"name\":\"y\",\"type\":\"double\"},"
     "{\"name\":\"wkb\",\"type\":[\"null\",\"bytes\"],\"default\":null},"
     "{\"name\":\"srid\",\"type\":[\"null\",\"int\"],\"default\":null}],"
     "\"connect.doc\":\"Geometry (POINT)\",\"connect.version\":1,"
     "\"connect.name\":\"io.debezium.data.geometry.Point\"}"},
};

static void add_record(const type_mapping *mapping, unsigned *defined, weir_buf *out)
{
    size_t i = 0;

    while (strcmp(records[i].name, mapping->connect_name) != 0)
        i++;
    if ((*defined >> i & 1) != 0)
        weir_buf_printf(out, "\"%s\"", records[i].name);
    else
        weir_buf_add_str(out, weir_cstr(records[i].definition));
    *defined |= 1u << i;
}

/* NOLINTNEXTLINE(misc-no-recursion): an array's element, which is no array */
static void add_schema(const codec *self, const type_mapping *mapping, weir_str default_json,
                       unsigned *defined, weir_buf *out)
{
    if (mapping->base == WEIR_TYPE_RECORD) {
        add_record(mapping, defined, out);
        return;
    }
    if (mapping->connect_name == NULL && mapping->connect_type == NULL && default_json.len == 0 &&
        mapping->base != WEIR_TYPE_ARRAY) {
        weir_buf_printf(out, "\"%s\"", mapping->avro);
        return;
    }
    weir_buf_printf(out, "{\"type\":\"%s\"", mapping->avro);
    if (mapping->base == WEIR_TYPE_ARRAY) {
        weir_buf_printf(out, ",\"items\":%s", self->nullable_items ? "[\"null\"," : "");
        add_schema(self, self->item_mapping, (weir_str){0}, defined, out);
        if (self->nullable_items)
            weir_buf_add_byte(out, ']');
    }
    if (mapping->parameters == PARAMETERS_DECIMAL)
        weir_buf_printf(out, ",\"scale\":%d,\"precision\":%d", self->scale, self->precision);
    if (mapping->parameters == PARAMETERS_MONEY) /* 64: Connect's when no precision is given */
        weir_buf_printf(out, ",\"scale\":%d,\"precision\":64", self->scale);
    if (mapping->connect_name != NULL)
        weir_buf_printf(out, ",\"connect.version\":1");
    add_parameters(self, mapping, out);
    if (default_json.len > 0)
        weir_buf_printf(out, ",\"connect.default\":%.*s", WEIR_ARG(default_json));
    if (mapping->connect_name != NULL)
        weir_buf_printf(out, ",\"connect.name\":\"%s\"", mapping->connect_name);
    if (mapping->connect_type != NULL)
        weir_buf_printf(out, ",\"connect.type\":\"%s\"", mapping->connect_type);
    if (mapping->logical != NULL)
        weir_buf_printf(out, ",\"logicalType\":\"%s\"", mapping->logical);
    weir_buf_add_byte(out, '}');
}

void codec_schema(const codec *self, weir_str default_json, unsigned *defined, weir_buf *out)
{
    add_schema(self, self->mapping, default_json, defined, out);
}

/* --- Defaults ------------------------------------------------------------------------------- */

static int64_t read_varint(const uint8_t **at)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = *(*at)++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Avro's JSON encoding of bytes: each byte is the code point of its number. */
static void add_json_bytes(weir_buf *out, const uint8_t *at, size_t size)
{
    weir_buf_add_byte(out, '"');
    for (size_t i = 0; i < size; i++)
        weir_buf_printf(out, "\\u%04x", at[i]);
    weir_buf_add_byte(out, '"');
}

bool codec_default(const codec *self, weir_str text, weir_buf *out)
{
    weir_buf *buf = &self->scratch[3];
    weir_error err;

    if (self->mapping->base == WEIR_TYPE_ARRAY || self->mapping->base == WEIR_TYPE_RECORD)
        return false;
    weir_buf_clear(buf);
    size_t room = 2 * text.len + DEFAULT_ROOM;
    uint8_t *start = (uint8_t *)weir_buf_reserve(buf, room);
    weir_batch batch = {.at = start, .end = start + room};
    if (self->text(self, text, &batch, &err) != WEIR_OK)
        return false;

    const uint8_t *at = start;
    float single;
    double number;
    switch (self->mapping->base) {
    case WEIR_TYPE_BOOLEAN:
        weir_buf_printf(out, "%s", *at != 0 ? "true" : "false");
        return true;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_LONG:
        weir_buf_printf(out, "%lld", (long long)read_varint(&at));
        return true;
    case WEIR_TYPE_FLOAT:
        memcpy(&single, at, sizeof(single));
        if (isfinite(single))
            weir_buf_printf(out, "%.9g", (double)single);
        return isfinite(single);
    case WEIR_TYPE_DOUBLE:
        memcpy(&number, at, sizeof(number));
        if (isfinite(number))
            weir_buf_printf(out, "%.17g", number);
        return isfinite(number);
    case WEIR_TYPE_BYTES: {
        size_t size = (size_t)read_varint(&at);
        add_json_bytes(out, at, size);
        return true;
    }
    default: {
        size_t size = (size_t)read_varint(&at);
        weir_buf_add_json(out, (weir_str){(const char *)at, size});
        return true;
    }
    }
}
