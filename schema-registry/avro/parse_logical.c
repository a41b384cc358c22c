/* parse_logical.c - what a node's attributes make of its type: logical types, and Connect's. */
#include "schema-registry/avro/parse.h"

#include <strings.h>

/* How many decimal digits every number of size bytes has room for: floor(log10(2^(8 size - 1) - 1)). */
static int64_t digits_of(size_t size)
{
    return size == 0 ? 0 : (int64_t)((double)(8 * size - 1) * 0.30102999566398120);
}

static void parse_decimal(weir_schema *node, const json_t *json)
{
    const json_t *precision = json_object_get(json, "precision");
    const json_t *scale = json_object_get(json, "scale");
    json_int_t digits = json_integer_value(precision), fraction = json_integer_value(scale);

    if (node->type != WEIR_TYPE_BYTES && node->type != WEIR_TYPE_FIXED)
        return;
    if (!json_is_integer(precision) || digits < 1 || digits > INT32_MAX)
        return;
    if ((scale != NULL && !json_is_integer(scale)) || fraction < 0 || fraction > digits)
        return;
    if (node->type == WEIR_TYPE_FIXED && digits > digits_of(node->fixed_size))
        return;
    node->logical = WEIR_LOGICAL_DECIMAL;
    node->precision = (int)digits;
    node->scale = (int)fraction;
}

/* Specification 1.11, "Logical Types": one that is unknown or does not fit its type is ignored. */
void avro_parse_logical(weir_schema *node, const json_t *json)
{
    static const struct {
        weir_str name;
        weir_type type;
        weir_logical logical;
    } known[] = {
        {WEIR_STR("uuid"), WEIR_TYPE_STRING, WEIR_LOGICAL_UUID},
        {WEIR_STR("date"), WEIR_TYPE_INT, WEIR_LOGICAL_DATE},
        {WEIR_STR("time-millis"), WEIR_TYPE_INT, WEIR_LOGICAL_TIME_MILLIS},
        {WEIR_STR("time-micros"), WEIR_TYPE_LONG, WEIR_LOGICAL_TIME_MICROS},
        {WEIR_STR("timestamp-millis"), WEIR_TYPE_LONG, WEIR_LOGICAL_TIMESTAMP_MILLIS},
        {WEIR_STR("timestamp-micros"), WEIR_TYPE_LONG, WEIR_LOGICAL_TIMESTAMP_MICROS},
        {WEIR_STR("local-timestamp-millis"), WEIR_TYPE_LONG, WEIR_LOGICAL_LOCAL_TIMESTAMP_MILLIS},
        {WEIR_STR("local-timestamp-micros"), WEIR_TYPE_LONG, WEIR_LOGICAL_LOCAL_TIMESTAMP_MICROS},
        {WEIR_STR("duration"), WEIR_TYPE_FIXED, WEIR_LOGICAL_DURATION},
    };
    const json_t *value = json_object_get(json, "logicalType");

    if (!json_is_string(value))
        return;
    weir_str name = avro_json_string(value);

    if (weir_str_eq(name, WEIR_STR("decimal")))
        parse_decimal(node, json);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].type == node->type && weir_str_eq(known[i].name, name))
            node->logical = known[i].logical;
    if (node->logical == WEIR_LOGICAL_DURATION && node->fixed_size != 12)
        node->logical = WEIR_LOGICAL_NONE;
}

void avro_find_connect(weir_schema *node)
{
    weir_str logical = avro_property_find(&node->properties, WEIR_STR("logicalType"));
    weir_str internal = avro_property_find(&node->properties, WEIR_STR("connect.internal.type"));
    static const weir_str decimal = WEIR_STR("\"decimal\"");

    node->is_decimal = (node->type == WEIR_TYPE_BYTES || node->type == WEIR_TYPE_FIXED) &&
                       logical.len == decimal.len &&
                       strncasecmp(logical.ptr, decimal.ptr, decimal.len) == 0;
    node->is_map_entry = node->type == WEIR_TYPE_RECORD && node->field_count == 2 &&
                         weir_str_eq(node->fields[0].name, WEIR_STR("key")) &&
                         weir_str_eq(node->fields[1].name, WEIR_STR("value")) &&
                         (weir_str_eq(node->name, WEIR_STR("io.confluent.connect.avro.MapEntry")) ||
                          weir_str_eq(internal, WEIR_STR("\"MapEntry\"")));
}
