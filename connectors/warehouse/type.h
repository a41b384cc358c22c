/* type.h - the types of columns, and which one a field of a record has.
 *
 * A field is described twice. Its *form* says how the bytes of a record are read: the meaning that
 * Avro, Kafka Connect or Debezium gave them (days, microseconds, text of a zoned timestamp). Its
 * natural *type* says what kind of column it becomes. Both follow from the schema alone.
 */
#ifndef WAREHOUSE_TYPE_H
#define WAREHOUSE_TYPE_H

#include "weir/schema.h"

typedef enum type_id {
    TYPE_BOOL,
    TYPE_INT2,
    TYPE_INT4,
    TYPE_INT8,
    TYPE_FLOAT4,
    TYPE_FLOAT8,
    TYPE_NUMERIC,
    TYPE_TEXT, /* and everything whose binary form is its text: varchar, enums, xml */
    TYPE_BYTES,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMETZ,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_INTERVAL,
    TYPE_JSON,
    TYPE_JSONB,
    TYPE_UUID,
    TYPE_OTHER, /* of a column in the destination: written through a cast */
} type_id;

typedef struct column_type {
    type_id id;
    bool is_array; /* of id */
    int precision; /* of a numeric; 0: unbounded */
    int scale;
    int step_micros; /* of times: the least difference that is kept; 0: one microsecond */
} column_type;

typedef enum value_form {
    FORM_BOOLEAN,
    FORM_INTEGER,
    FORM_NUMBER,
    FORM_TEXT,
    FORM_BYTES,
    FORM_ENUM,
    FORM_DECIMAL,          /* unscaled big-endian bytes; the schema has the scale */
    FORM_VARIABLE_DECIMAL, /* a record of scale and unscaled bytes */
    FORM_DAYS,
    FORM_TIME,      /* ticks since midnight */
    FORM_TIMESTAMP, /* ticks since 1970 */
    FORM_ZONED_TIME,
    FORM_ZONED_TIMESTAMP,
    FORM_DURATION, /* ticks */
    FORM_ISO_INTERVAL,
    FORM_UUID,
    FORM_NESTED, /* written as JSON */
} value_form;

/* How one field is read. Of an array: how its items are. */
typedef struct value_source {
    value_form form;
    column_type type; /* natural; is_array when the field is an array */
    int64_t ticks;    /* in a second, of times */
    int scale;        /* of a decimal */
    const weir_schema *schema;
    const weir_schema *array; /* that schema is the items of, without null; NULL: no array */
} value_source;

/* From a schema without null; see weir_schema_unwrap. Any schema has an answer. */
value_source type_of_schema(const weir_schema *schema);

/* The name of a type in PostgreSQL, without brackets and precision: "timestamp". */
const char *type_name(type_id id);

/* The type that PostgreSQL's catalogue calls so: "int4", "bpchar"; TYPE_OTHER when the binary form
 * is not one that this sink writes. */
type_id type_from_catalog(weir_str typname);

#endif
