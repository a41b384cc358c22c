/* types.c - chooses the codec of a column's type. */
#include "types.h"

#include "convert.h"
#include "type_mapping.h"

#include <assert.h>

/* pg_type.dat: the oids of built-in types never change. The second number is the array type's. */
#define BUILTIN_TYPES(X)                                                                           \
    X(bool, 16, 1000)                                                                              \
    X(bytea, 17, 1001)                                                                             \
    X(char, 18, 1002)                                                                              \
    X(name, 19, 1003)                                                                              \
    X(int8, 20, 1016)                                                                              \
    X(int2, 21, 1005)                                                                              \
    X(int4, 23, 1007)                                                                              \
    X(text, 25, 1009)                                                                              \
    X(oid, 26, 1028)                                                                               \
    X(json, 114, 199)                                                                              \
    X(xml, 142, 143)                                                                               \
    X(point, 600, 1017)                                                                            \
    X(cidr, 650, 651)                                                                              \
    X(float4, 700, 1021)                                                                           \
    X(float8, 701, 1022)                                                                           \
    X(macaddr8, 774, 775)                                                                          \
    X(money, 790, 791)                                                                             \
    X(macaddr, 829, 1040)                                                                          \
    X(inet, 869, 1041)                                                                             \
    X(bpchar, 1042, 1014)                                                                          \
    X(varchar, 1043, 1015)                                                                         \
    X(date, 1082, 1182)                                                                            \
    X(time, 1083, 1183)                                                                            \
    X(timestamp, 1114, 1115)                                                                       \
    X(timestamptz, 1184, 1185)                                                                     \
    X(interval, 1186, 1187)                                                                        \
    X(timetz, 1266, 1270)                                                                          \
    X(bit, 1560, 1561)                                                                             \
    X(varbit, 1562, 1563)                                                                          \
    X(numeric, 1700, 1231)                                                                         \
    X(uuid, 2950, 2951)                                                                            \
    X(tsvector, 3614, 3643)                                                                        \
    X(jsonb, 3802, 3807)                                                                           \
    X(int4range, 3904, 3905)                                                                       \
    X(numrange, 3906, 3907)                                                                        \
    X(tsrange, 3908, 3909)                                                                         \
    X(tstzrange, 3910, 3911)                                                                       \
    X(daterange, 3912, 3913)                                                                       \
    X(int8range, 3926, 3927)

enum {
#define X(name, oid, array_oid) OID_##name = oid,
    BUILTIN_TYPES(X)
#undef X
};

#define X(type_name, type_oid, array_oid)                                                          \
    static const pg_type type_##type_name = {                                                      \
        .oid = type_oid, .kind = 'b', .name = {#type_name, sizeof(#type_name) - 1}};               \
    static const pg_type array_##type_name = {.oid = array_oid,                                    \
                                              .kind = 'b',                                         \
                                              .name = {"_" #type_name, sizeof(#type_name)},        \
                                              .element = &type_##type_name};
BUILTIN_TYPES(X)
#undef X

const pg_type *pg_type_builtin(uint32_t oid)
{
    switch (oid) {
#define X(name, type_oid, array_oid)                                                               \
    case type_oid:                                                                                 \
        return &type_##name;                                                                       \
    case array_oid:                                                                                \
        return &array_##name;
        BUILTIN_TYPES(X)
#undef X
    default:
        return NULL;
    }
}

/* --- Mappings ------------------------------------------------------------------------------- */

#define BOOLEAN .base = WEIR_TYPE_BOOLEAN, .avro = "boolean"
#define INT     .base = WEIR_TYPE_INT, .avro = "int"
#define LONG    .base = WEIR_TYPE_LONG, .avro = "long"
#define STRING  .base = WEIR_TYPE_STRING, .avro = "string"
#define BYTES   .base = WEIR_TYPE_BYTES, .avro = "bytes"

static const type_mapping map_boolean = {BOOLEAN};
static const type_mapping map_int16 = {INT, .connect_type = "int16"};
static const type_mapping map_int32 = {INT};
static const type_mapping map_int64 = {LONG};
static const type_mapping map_float = {.base = WEIR_TYPE_FLOAT, .avro = "float"};
static const type_mapping map_double = {.base = WEIR_TYPE_DOUBLE, .avro = "double"};
static const type_mapping map_string = {STRING};
static const type_mapping map_bytes = {BYTES};
static const type_mapping map_date = {INT, .connect_name = "io.debezium.time.Date"};
static const type_mapping map_time_ms = {INT, .connect_name = "io.debezium.time.Time"};
static const type_mapping map_time_us = {LONG, .connect_name = "io.debezium.time.MicroTime"};
static const type_mapping map_timestamp_ms = {LONG, .connect_name = "io.debezium.time.Timestamp"};
static const type_mapping map_timestamp_us = {LONG,
                                              .connect_name = "io.debezium.time.MicroTimestamp"};
static const type_mapping map_connect_date = {
    INT, .connect_name = "org.apache.kafka.connect.data.Date", .logical = "date"};
static const type_mapping map_connect_time = {
    INT, .connect_name = "org.apache.kafka.connect.data.Time", .logical = "time-millis"};
static const type_mapping map_connect_timestamp = {
    LONG, .connect_name = "org.apache.kafka.connect.data.Timestamp", .logical = "timestamp-millis"};
static const type_mapping map_zoned_time = {STRING, .connect_name = "io.debezium.time.ZonedTime"};
static const type_mapping map_zoned_timestamp = {STRING,
                                                 .connect_name = "io.debezium.time.ZonedTimestamp"};
static const type_mapping map_interval_us = {LONG,
                                             .connect_name = "io.debezium.time.MicroDuration"};
static const type_mapping map_interval_text = {STRING, .connect_name = "io.debezium.time.Interval"};
static const type_mapping map_uuid = {STRING, .connect_name = "io.debezium.data.Uuid"};
static const type_mapping map_json = {STRING, .connect_name = "io.debezium.data.Json"};
static const type_mapping map_xml = {STRING, .connect_name = "io.debezium.data.Xml"};
static const type_mapping map_ltree = {STRING, .connect_name = "io.debezium.data.Ltree"};
static const type_mapping map_tsvector = {STRING, .connect_name = "io.debezium.data.Tsvector"};
static const type_mapping map_enum = {STRING, .connect_name = "io.debezium.data.Enum",
                                      .parameters = PARAMETERS_LABELS};
static const type_mapping map_bits = {BYTES, .connect_name = "io.debezium.data.Bits",
                                      .parameters = PARAMETERS_LENGTH};
static const type_mapping map_decimal = {BYTES,
                                         .connect_name = "org.apache.kafka.connect.data.Decimal",
                                         .logical = "decimal", .parameters = PARAMETERS_DECIMAL};
static const type_mapping map_money = {BYTES,
                                       .connect_name = "org.apache.kafka.connect.data.Decimal",
                                       .logical = "decimal", .parameters = PARAMETERS_MONEY};
static const type_mapping map_variable = {.base = WEIR_TYPE_RECORD,
                                          .connect_name = "io.debezium.data.VariableScaleDecimal"};
static const type_mapping map_point = {.base = WEIR_TYPE_RECORD,
                                       .connect_name = "io.debezium.data.geometry.Point"};
static const type_mapping map_array = {.base = WEIR_TYPE_ARRAY, .avro = "array"};

/* --- Choosing ------------------------------------------------------------------------------- */

static void set(codec *self, const conversion *pair, const type_mapping *mapping)
{
    self->binary = pair->binary;
    self->text = pair->text;
    self->mapping = mapping;
}

static void choose_numeric(codec *self, int32_t modifier)
{
    int scale = 0;
    bool fixed = modifier >= 4;

    if (fixed) {
        self->precision = (modifier - 4) >> 16 & 0xffff;
        scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024; /* 11 bits with a sign since version 15 */
    }
    self->scale = scale;
    if (self->options->decimal == DECIMAL_DOUBLE)
        set(self, &convert_numeric_double, &map_double);
    else if (self->options->decimal == DECIMAL_STRING)
        set(self, &convert_numeric_text, &map_string);
    else if (fixed && scale >= 0 && scale <= self->precision)
        set(self, &convert_decimal, &map_decimal);
    else
        set(self, &convert_variable_decimal, &map_variable);
}

static void choose_money(codec *self)
{
    self->scale = self->options->money_digits;
    if (self->options->decimal == DECIMAL_DOUBLE)
        set(self, &convert_money_double, &map_double);
    else if (self->options->decimal == DECIMAL_STRING)
        set(self, &convert_money_text, &map_string);
    else
        set(self, &convert_money_decimal, &map_money);
}

static void choose_time(codec *self, int32_t modifier)
{
    bool millis = modifier >= 0 && modifier <= 3;

    if (self->options->time == TIME_CONNECT)
        set(self, &convert_time_ms, &map_connect_time);
    else if (self->options->time == TIME_ADAPTIVE && millis)
        set(self, &convert_time_ms, &map_time_ms);
    else
        set(self, &convert_time_us, &map_time_us);
}

static void choose_timestamp(codec *self, int32_t modifier)
{
    bool millis = modifier >= 0 && modifier <= 3;

    if (self->options->time == TIME_CONNECT)
        set(self, &convert_timestamp_ms, &map_connect_timestamp);
    else if (self->options->time != TIME_MICROSECONDS && millis)
        set(self, &convert_timestamp_ms, &map_timestamp_ms);
    else
        set(self, &convert_timestamp_us, &map_timestamp_us);
}

/* Debezium prints as many digits as the column has; one without any, as many as are needed. */
static void choose_timestamptz(codec *self, int32_t modifier)
{
    if (modifier < 0)
        self->scale = 6;
    else
        self->scale = modifier > 0 ? modifier : -1;
    set(self, &convert_zoned_timestamp, &map_zoned_timestamp);
}

static void choose_bits(codec *self, int32_t modifier)
{
    self->precision = modifier > 0 ? modifier : INT32_MAX;
    if (self->precision == 1 && self->type->oid == OID_bit)
        set(self, &convert_bit, &map_boolean);
    else
        set(self, &convert_bits, &map_bits);
}

/* The types whose mapping depends on nothing. */
static const struct {
    uint32_t oid;
    const conversion *conversion;
    const type_mapping *mapping;
} plain_types[] = {
    {OID_bool, &convert_bool, &map_boolean},
    {OID_int2, &convert_int2, &map_int16},
    {OID_int4, &convert_int4, &map_int32},
    {OID_int8, &convert_int8, &map_int64},
    {OID_oid, &convert_oid, &map_int64},
    {OID_float4, &convert_float4, &map_float},
    {OID_float8, &convert_float8, &map_double},
    {OID_char, &convert_char, &map_string},
    {OID_name, &convert_plain_text, &map_string},
    {OID_text, &convert_plain_text, &map_string},
    {OID_bpchar, &convert_plain_text, &map_string},
    {OID_varchar, &convert_plain_text, &map_string},
    {OID_json, &convert_plain_text, &map_json},
    {OID_jsonb, &convert_versioned_text, &map_json},
    {OID_uuid, &convert_uuid, &map_uuid},
    {OID_point, &convert_point, &map_point},
    {OID_inet, &convert_inet, &map_string},
    {OID_cidr, &convert_inet, &map_string},
    {OID_macaddr, &convert_macaddr, &map_string},
    {OID_macaddr8, &convert_macaddr, &map_string},
    {OID_timetz, &convert_zoned_time, &map_zoned_time},
    {OID_xml, &convert_as_text, &map_xml}, /* its binary form may have another declaration */
    {OID_tsvector, &convert_as_text, &map_tsvector},
    {OID_int4range, &convert_as_text, &map_string},
    {OID_int8range, &convert_as_text, &map_string},
    {OID_numrange, &convert_as_text, &map_string},
    {OID_tsrange, &convert_as_text, &map_string},
    {OID_tstzrange, &convert_as_text, &map_string},
    {OID_daterange, &convert_as_text, &map_string},
};

static bool choose_builtin(codec *self, int32_t modifier)
{
    for (size_t i = 0; i < sizeof(plain_types) / sizeof(plain_types[0]); i++) {
        if (plain_types[i].oid == self->type->oid) {
            set(self, plain_types[i].conversion, plain_types[i].mapping);
            return true;
        }
    }
    switch (self->type->oid) {
    case OID_bytea:
        if (self->options->binary == BINARY_BYTES)
            set(self, &convert_bytea, &map_bytes);
        else
            set(self, &convert_bytea_text, &map_string);
        return true;
    case OID_date:
        set(self, &convert_date,
            self->options->time == TIME_CONNECT ? &map_connect_date : &map_date);
        return true;
    case OID_time:
        choose_time(self, modifier);
        return true;
    case OID_timestamp:
        choose_timestamp(self, modifier);
        return true;
    case OID_timestamptz:
        choose_timestamptz(self, modifier);
        return true;
    case OID_interval:
        if (self->options->interval == INTERVAL_NUMERIC)
            set(self, &convert_interval_us, &map_interval_us);
        else
            set(self, &convert_interval_text, &map_interval_text);
        return true;
    case OID_numeric:
        choose_numeric(self, modifier);
        return true;
    case OID_money:
        choose_money(self);
        return true;
    case OID_bit:
    case OID_varbit:
        choose_bits(self, modifier);
        return true;
    default:
        return false;
    }
}

/* A type of an extension is known by its name. */
static bool choose_other(codec *self)
{
    if (self->type->kind == 'e')
        set(self, &convert_plain_text, &map_enum);
    else if (weir_str_eq(self->type->name, WEIR_STR("citext")))
        set(self, &convert_plain_text, &map_string);
    else if (weir_str_eq(self->type->name, WEIR_STR("ltree")))
        set(self, &convert_versioned_text, &map_ltree);
    else if (weir_str_eq(self->type->name, WEIR_STR("hstore")))
        set(self, &convert_hstore, &map_json);
    else if (weir_str_eq(self->type->name, WEIR_STR("isbn")))
        set(self, &convert_as_text, &map_string);
    else
        return false;
    return true;
}

static bool choose_array(codec *self, int32_t modifier)
{
    codec item = {.type = self->type->element, .options = self->options};

    if (item.type->element != NULL || item.type->oid == OID_point ||
        (!choose_builtin(&item, modifier) && !choose_other(&item)))
        return false;
    self->item_binary = item.binary;
    self->item_text = item.text;
    self->item_mapping = item.mapping;
    self->precision = item.precision;
    self->scale = item.scale;
    self->nullable_items = item.mapping != &map_enum; /* as Debezium's schema has it */
    self->binary = item.binary != NULL ? convert_array.binary : NULL;
    self->text = convert_array.text;
    self->mapping = &map_array;
    return true;
}

bool codec_init(codec *self, const pg_type *type, int32_t modifier, const type_options *options,
                weir_buf scratch[CODEC_SCRATCH_COUNT])
{
    *self = (codec){.type = type, .options = options, .scratch = scratch};
    if (type->element != NULL)
        return choose_array(self, modifier);
    return choose_builtin(self, modifier) || choose_other(self);
}

/* --- Stand-ins ------------------------------------------------------------------------------ */

void codec_put_zero(const codec *self, weir_batch *out)
{
    weir_error err;
    weir_code code = WEIR_OK;

    if (self->mapping == &map_zoned_timestamp)
        code = self->text(self, WEIR_STR("1970-01-01 00:00:00"), out, &err);
    else if (self->mapping == &map_zoned_time)
        code = self->text(self, WEIR_STR("00:00:00"), out, &err);
    else if (self->mapping == &map_decimal || self->mapping == &map_money)
        weir_put_bytes(out, (weir_str){"", 1});
    else if (self->mapping == &map_variable)
        code = self->text(self, WEIR_STR("0"), out, &err);
    else if (self->mapping == &map_point)
        code = self->text(self, WEIR_STR("(0,0)"), out, &err);
    else if (self->mapping == &map_interval_text)
        weir_put_text(out, WEIR_STR("P0Y0M0DT0H0M0S"));
    else if (self->mapping->base == WEIR_TYPE_BOOLEAN)
        weir_put_boolean(out, false);
    else if (self->mapping->base == WEIR_TYPE_INT)
        weir_put_int(out, 0);
    else if (self->mapping->base == WEIR_TYPE_LONG)
        weir_put_long(out, 0);
    else if (self->mapping->base == WEIR_TYPE_FLOAT)
        weir_put_float(out, 0);
    else if (self->mapping->base == WEIR_TYPE_DOUBLE)
        weir_put_double(out, 0);
    else if (self->mapping->base == WEIR_TYPE_ARRAY)
        weir_put_block(out, 0);
    else
        weir_put_bytes(out, (weir_str){0});
    assert(code == WEIR_OK);
    (void)code;
}

static bool holds_text_or_bytes(const type_mapping *mapping)
{
    return (mapping->base == WEIR_TYPE_STRING || mapping->base == WEIR_TYPE_BYTES) &&
           mapping->logical == NULL && mapping != &map_bits;
}

/* As Debezium: an array of texts has it as its only item, one of integers its bytes as items. */
bool codec_holds_unsent(const codec *self)
{
    if (self->mapping->base != WEIR_TYPE_ARRAY)
        return holds_text_or_bytes(self->mapping);
    return holds_text_or_bytes(self->item_mapping) || self->item_mapping == &map_int16 ||
           self->item_mapping == &map_int32 || self->item_mapping == &map_int64;
}

void codec_put_unsent(const codec *self, weir_batch *out)
{
    weir_str placeholder = self->options->placeholder;

    assert(codec_holds_unsent(self));
    if (self->mapping->base != WEIR_TYPE_ARRAY) {
        weir_put_bytes(out, placeholder);
        return;
    }
    if (holds_text_or_bytes(self->item_mapping)) {
        weir_put_block(out, 1);
        if (self->nullable_items)
            weir_put_branch(out, 1);
        weir_put_bytes(out, placeholder);
    } else {
        weir_put_block(out, (int64_t)placeholder.len);
        for (size_t i = 0; i < placeholder.len; i++) {
            weir_put_branch(out, 1);
            if (self->item_mapping == &map_int64)
                weir_put_long(out, placeholder.ptr[i]);
            else
                weir_put_int(out, placeholder.ptr[i]);
        }
    }
    weir_put_block(out, 0);
}
