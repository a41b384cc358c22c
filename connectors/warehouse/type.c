/* type.c - from schemas to forms and types: three tables, asked in order of how much they say.
 *
 * Names that Debezium and Kafka Connect give a schema come first, then Avro's logical types, then
 * the bare type.
 */
#include "type.h"

#include <assert.h>

#define MILLIS 1000
#define MICROS 1000000
#define NANOS  1000000000

typedef struct named_type {
    const char *name; /* a schema's connect name */
    weir_type base;   /* on which this meaning stands */
    value_form form;
    type_id type;
    int64_t ticks;
} named_type;

static const named_type named_types[] = {
    {"io.debezium.time.Date", WEIR_TYPE_INT, FORM_DAYS, TYPE_DATE, 0},
    {"org.apache.kafka.connect.data.Date", WEIR_TYPE_INT, FORM_DAYS, TYPE_DATE, 0},
    {"io.debezium.time.Time", WEIR_TYPE_INT, FORM_TIME, TYPE_TIME, MILLIS},
    {"org.apache.kafka.connect.data.Time", WEIR_TYPE_INT, FORM_TIME, TYPE_TIME, MILLIS},
    {"io.debezium.time.MicroTime", WEIR_TYPE_LONG, FORM_TIME, TYPE_TIME, MICROS},
    {"io.debezium.time.NanoTime", WEIR_TYPE_LONG, FORM_TIME, TYPE_TIME, NANOS},
    {"io.debezium.time.Timestamp", WEIR_TYPE_LONG, FORM_TIMESTAMP, TYPE_TIMESTAMP, MILLIS},
    {"org.apache.kafka.connect.data.Timestamp", WEIR_TYPE_LONG, FORM_TIMESTAMP, TYPE_TIMESTAMP,
     MILLIS},
    {"io.debezium.time.MicroTimestamp", WEIR_TYPE_LONG, FORM_TIMESTAMP, TYPE_TIMESTAMP, MICROS},
    {"io.debezium.time.NanoTimestamp", WEIR_TYPE_LONG, FORM_TIMESTAMP, TYPE_TIMESTAMP, NANOS},
    {"io.debezium.time.ZonedTimestamp", WEIR_TYPE_STRING, FORM_ZONED_TIMESTAMP, TYPE_TIMESTAMPTZ,
     0},
    {"io.debezium.time.ZonedTime", WEIR_TYPE_STRING, FORM_ZONED_TIME, TYPE_TIMETZ, 0},
    {"io.debezium.time.MicroDuration", WEIR_TYPE_LONG, FORM_DURATION, TYPE_INTERVAL, MICROS},
    {"io.debezium.time.NanoDuration", WEIR_TYPE_LONG, FORM_DURATION, TYPE_INTERVAL, NANOS},
    {"io.debezium.time.Interval", WEIR_TYPE_STRING, FORM_ISO_INTERVAL, TYPE_INTERVAL, 0},
    {"io.debezium.data.Json", WEIR_TYPE_STRING, FORM_TEXT, TYPE_JSONB, 0},
    {"io.debezium.data.Uuid", WEIR_TYPE_STRING, FORM_UUID, TYPE_UUID, 0},
    {"io.debezium.data.VariableScaleDecimal", WEIR_TYPE_RECORD, FORM_VARIABLE_DECIMAL, TYPE_NUMERIC,
     0},
};

typedef struct plain_type {
    value_form form;
    type_id type;
    int64_t ticks;
} plain_type;

static const plain_type logical_types[] = {
    [WEIR_LOGICAL_DECIMAL] = {FORM_DECIMAL, TYPE_NUMERIC, 0},
    [WEIR_LOGICAL_UUID] = {FORM_UUID, TYPE_UUID, 0},
    [WEIR_LOGICAL_DATE] = {FORM_DAYS, TYPE_DATE, 0},
    [WEIR_LOGICAL_TIME_MILLIS] = {FORM_TIME, TYPE_TIME, MILLIS},
    [WEIR_LOGICAL_TIME_MICROS] = {FORM_TIME, TYPE_TIME, MICROS},
    [WEIR_LOGICAL_TIMESTAMP_MILLIS] = {FORM_TIMESTAMP, TYPE_TIMESTAMP, MILLIS},
    [WEIR_LOGICAL_TIMESTAMP_MICROS] = {FORM_TIMESTAMP, TYPE_TIMESTAMP, MICROS},
    [WEIR_LOGICAL_LOCAL_TIMESTAMP_MILLIS] = {FORM_TIMESTAMP, TYPE_TIMESTAMP, MILLIS},
    [WEIR_LOGICAL_LOCAL_TIMESTAMP_MICROS] = {FORM_TIMESTAMP, TYPE_TIMESTAMP, MICROS},
    [WEIR_LOGICAL_DURATION] = {FORM_BYTES, TYPE_BYTES, 0},
};

static const plain_type base_types[] = {
    [WEIR_TYPE_NULL] = {FORM_TEXT, TYPE_TEXT, 0},
    [WEIR_TYPE_BOOLEAN] = {FORM_BOOLEAN, TYPE_BOOL, 0},
    [WEIR_TYPE_INT] = {FORM_INTEGER, TYPE_INT4, 0},
    [WEIR_TYPE_LONG] = {FORM_INTEGER, TYPE_INT8, 0},
    [WEIR_TYPE_FLOAT] = {FORM_NUMBER, TYPE_FLOAT4, 0},
    [WEIR_TYPE_DOUBLE] = {FORM_NUMBER, TYPE_FLOAT8, 0},
    [WEIR_TYPE_BYTES] = {FORM_BYTES, TYPE_BYTES, 0},
    [WEIR_TYPE_STRING] = {FORM_TEXT, TYPE_TEXT, 0},
    [WEIR_TYPE_RECORD] = {FORM_NESTED, TYPE_JSONB, 0},
    [WEIR_TYPE_ENUM] = {FORM_ENUM, TYPE_TEXT, 0},
    [WEIR_TYPE_ARRAY] = {FORM_NESTED, TYPE_JSONB, 0},
    [WEIR_TYPE_MAP] = {FORM_NESTED, TYPE_JSONB, 0},
    [WEIR_TYPE_UNION] = {FORM_NESTED, TYPE_JSONB, 0},
    [WEIR_TYPE_FIXED] = {FORM_BYTES, TYPE_BYTES, 0},
};

static const char *const names[] = {
    [TYPE_BOOL] = "boolean",        [TYPE_INT2] = "smallint",
    [TYPE_INT4] = "integer",        [TYPE_INT8] = "bigint",
    [TYPE_FLOAT4] = "real",         [TYPE_FLOAT8] = "double precision",
    [TYPE_NUMERIC] = "numeric",     [TYPE_TEXT] = "text",
    [TYPE_BYTES] = "bytea",         [TYPE_DATE] = "date",
    [TYPE_TIME] = "time",           [TYPE_TIMETZ] = "timetz",
    [TYPE_TIMESTAMP] = "timestamp", [TYPE_TIMESTAMPTZ] = "timestamptz",
    [TYPE_INTERVAL] = "interval",   [TYPE_JSON] = "json",
    [TYPE_JSONB] = "jsonb",         [TYPE_UUID] = "uuid",
    [TYPE_OTHER] = "text",
};

static const struct {
    const char *typname;
    type_id id;
} catalog[] = {
    {"bool", TYPE_BOOL},           {"int2", TYPE_INT2},
    {"int4", TYPE_INT4},           {"int8", TYPE_INT8},
    {"float4", TYPE_FLOAT4},       {"float8", TYPE_FLOAT8},
    {"numeric", TYPE_NUMERIC},     {"text", TYPE_TEXT},
    {"varchar", TYPE_TEXT},        {"bpchar", TYPE_TEXT},
    {"bytea", TYPE_BYTES},         {"date", TYPE_DATE},
    {"time", TYPE_TIME},           {"timetz", TYPE_TIMETZ},
    {"timestamp", TYPE_TIMESTAMP}, {"timestamptz", TYPE_TIMESTAMPTZ},
    {"interval", TYPE_INTERVAL},   {"json", TYPE_JSON},
    {"jsonb", TYPE_JSONB},         {"uuid", TYPE_UUID},
};

const char *type_name(type_id id)
{
    assert((size_t)id < sizeof(names) / sizeof(names[0]));
    return names[id];
}

type_id type_from_catalog(weir_str typname)
{
    for (size_t i = 0; i < sizeof(catalog) / sizeof(catalog[0]); i++)
        if (weir_str_eq(weir_cstr(catalog[i].typname), typname))
            return catalog[i].id;
    return TYPE_OTHER;
}

static const named_type *find_named(const weir_schema *schema)
{
    weir_str name = weir_schema_connect_name(schema);
    weir_type base = weir_schema_type(schema);

    if (name.len == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(named_types) / sizeof(named_types[0]); i++)
        if (named_types[i].base == base && weir_str_eq(weir_cstr(named_types[i].name), name))
            return &named_types[i];
    return NULL;
}

/* Kafka Connect writes 64 where a decimal's precision is not known. */
static void set_decimal(value_source *source, const weir_schema *schema)
{
    int precision = weir_schema_precision(schema);

    source->scale = weir_schema_scale(schema);
    if (precision > 0 && precision != 64 && precision <= 1000) {
        source->type.precision = precision;
        source->type.scale = source->scale;
    }
}

static bool is_small(const weir_schema *schema)
{
    weir_str type = weir_schema_property(schema, "connect.type");

    return weir_str_eq(type, WEIR_STR("\"int16\"")) || weir_str_eq(type, WEIR_STR("\"int8\""));
}

static value_source scalar(const weir_schema *schema)
{
    value_source source = {.schema = schema};
    const named_type *named = find_named(schema);
    weir_logical logical = weir_schema_logical(schema);
    plain_type plain;

    if (named != NULL)
        plain = (plain_type){named->form, named->type, named->ticks};
    else if (logical != WEIR_LOGICAL_NONE)
        plain = logical_types[logical];
    else
        plain = base_types[weir_schema_type(schema)];
    if (plain.form == FORM_UUID && weir_schema_type(schema) != WEIR_TYPE_STRING)
        plain = base_types[weir_schema_type(schema)];

    source.form = plain.form;
    source.type.id = plain.type;
    source.ticks = plain.ticks;
    if (source.form == FORM_DECIMAL)
        set_decimal(&source, schema);
    else if (source.form == FORM_INTEGER && is_small(schema))
        source.type.id = TYPE_INT2;
    return source;
}

value_source type_of_schema(const weir_schema *schema)
{
    if (weir_schema_type(schema) == WEIR_TYPE_ARRAY) {
        const weir_schema *items = weir_schema_items(schema);
        value_source source = scalar(weir_schema_unwrap(items));

        if (source.form != FORM_NESTED) {
            source.type.is_array = true;
            source.array = schema;
            return source;
        }
    }
    return scalar(schema);
}
