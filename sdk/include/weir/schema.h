/* schema.h - Avro schemas, as connectors see them, and decoding a value into slots.
 *
 * The schema language is Avro 1.11 with logical types. A weir_schema is one node of a parsed
 * schema: a record node has fields whose schemas are nodes again. Nodes never change after parsing
 * and may be read by any thread. Properties that Avro does not know ("connect.name", "connect.
 * default", ...) are kept as JSON text.
 *
 * A sink does not walk values node by node. It takes the plan of a value's schema, which is
 * compiled once, and decodes a whole value into an array of slots in one pass, without allocating.
 */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H

#include "weir/base.h"
#include "weir/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_schema weir_schema; /* owned by the task or the worker; lives until close */

/* Avro specification 1.11, "Schema Declaration". The numbers are ABI. */
typedef enum weir_type {
    WEIR_TYPE_NULL = 0,
    WEIR_TYPE_BOOLEAN = 1,
    WEIR_TYPE_INT = 2,
    WEIR_TYPE_LONG = 3,
    WEIR_TYPE_FLOAT = 4,
    WEIR_TYPE_DOUBLE = 5,
    WEIR_TYPE_BYTES = 6,
    WEIR_TYPE_STRING = 7,
    WEIR_TYPE_RECORD = 8,
    WEIR_TYPE_ENUM = 9,
    WEIR_TYPE_ARRAY = 10,
    WEIR_TYPE_MAP = 11,
    WEIR_TYPE_UNION = 12,
    WEIR_TYPE_FIXED = 13,
} weir_type;

/* Avro specification 1.11, "Logical Types". One that does not fit its type is WEIR_LOGICAL_NONE, as
 * the specification asks. */
typedef enum weir_logical {
    WEIR_LOGICAL_NONE = 0,
    WEIR_LOGICAL_DECIMAL = 1,
    WEIR_LOGICAL_UUID = 2,
    WEIR_LOGICAL_DATE = 3,
    WEIR_LOGICAL_TIME_MILLIS = 4,
    WEIR_LOGICAL_TIME_MICROS = 5,
    WEIR_LOGICAL_TIMESTAMP_MILLIS = 6,
    WEIR_LOGICAL_TIMESTAMP_MICROS = 7,
    WEIR_LOGICAL_LOCAL_TIMESTAMP_MILLIS = 8,
    WEIR_LOGICAL_LOCAL_TIMESTAMP_MICROS = 9,
    WEIR_LOGICAL_DURATION = 10,
} weir_logical;

WEIR_API weir_type weir_schema_type(const weir_schema *schema);
WEIR_API weir_logical weir_schema_logical(const weir_schema *schema);
/* Of a decimal; 0 for everything else. */
WEIR_API int weir_schema_precision(const weir_schema *schema);
WEIR_API int weir_schema_scale(const weir_schema *schema);

/* The full name of a record, enum or fixed, "com.example.Order"; of any other type its Avro name. */
WEIR_API weir_str weir_schema_name(const weir_schema *schema);

/* What Connect calls the schema: the property "connect.name", or the full name of a named type. Empty
 * when there is neither. "io.debezium.time.MicroTimestamp" and the like are found here. */
WEIR_API weir_str weir_schema_connect_name(const weir_schema *schema);

/* A property that Avro does not know, as JSON text; empty when it is absent. */
WEIR_API weir_str weir_schema_property(const weir_schema *schema, const char *name);

/* Of a record: its fields. field_name is what people call the field (the property "weir.name" where
 * Avro forbids that name), avro_name what the schema spells. */
WEIR_API size_t weir_schema_field_count(const weir_schema *record);
WEIR_API weir_str weir_schema_field_name(const weir_schema *record, size_t index);
WEIR_API weir_str weir_schema_field_avro_name(const weir_schema *record, size_t index);
WEIR_API const weir_schema *weir_schema_field(const weir_schema *record, size_t index);
/* The default as JSON text; empty when there is none. */
WEIR_API weir_str weir_schema_field_default(const weir_schema *record, size_t index);
/* The place of the field that people call name; -1 when there is none. */
WEIR_API int weir_schema_field_index(const weir_schema *record, weir_str name);

/* Of a union: its branches. */
WEIR_API size_t weir_schema_branch_count(const weir_schema *unions);
WEIR_API const weir_schema *weir_schema_branch(const weir_schema *unions, size_t index);
/* True for a union that has a null branch, and for null itself. */
WEIR_API bool weir_schema_is_nullable(const weir_schema *schema);
/* The other branch of a union of null and one more; everything else is returned as it is. */
WEIR_API const weir_schema *weir_schema_unwrap(const weir_schema *schema);

/* Of an enum: its symbols. */
WEIR_API size_t weir_schema_symbol_count(const weir_schema *enumeration);
WEIR_API weir_str weir_schema_symbol(const weir_schema *enumeration, size_t index);

/* Of an array its items, of a map its values. */
WEIR_API const weir_schema *weir_schema_items(const weir_schema *schema);

/* Of a fixed: its size in bytes. */
WEIR_API size_t weir_schema_fixed_size(const weir_schema *fixed);

/* The schema as JSON text, as short as it can be; the same for equal schemas. Lives as long as it. */
WEIR_API weir_str weir_schema_text(const weir_schema *schema);

/* Adds a name that Avro allows to out: the same for a legal one, else one of its own for each original,
 * "Key_x20Id" for "Key Id". True when it differs: then the schema keeps the original in the property
 * "weir.name" (of a field) or "connect.name" (of a type). The second takes a full name and does so
 * between its dots. */
WEIR_API bool weir_legal_name(weir_str original, weir_buf *out);
WEIR_API bool weir_legal_full_name(weir_str original, weir_buf *out);

/* --- Plans and slots ------------------------------------------------------------------------ */

/* A compiled schema. Its columns are the fields of a record in schema order; behind a column that is
 * a record (or a nullable record) follow that record's own columns, and so on, except where a schema
 * contains itself. A schema that is no record has one column, with an empty name. Any thread. */
typedef struct weir_plan weir_plan;

typedef struct weir_column {
    weir_str name;             /* of the field, as people call it */
    weir_str path;             /* from the root, joined by dots: "after.id" */
    const weir_schema *schema; /* null taken away: weir_schema_unwrap */
    bool nullable;
    int parent;      /* the column of the record that this is a field of; -1 at the root */
    int next;        /* the column behind this one's own columns */
    int field_index; /* its place in the parent record */
} weir_column;

/* The plan of a schema: made at the first call and kept with the schema. Never NULL. */
WEIR_API const weir_plan *weir_schema_plan(const weir_schema *schema);
WEIR_API size_t weir_plan_column_count(const weir_plan *plan);
WEIR_API const weir_column *weir_plan_column(const weir_plan *plan, size_t index);
/* The column of a path; -1 when there is none. */
WEIR_API int weir_plan_find(const weir_plan *plan, weir_str path);

typedef enum weir_slot_kind {
    WEIR_SLOT_NULL = 0,
    WEIR_SLOT_BOOLEAN = 1, /* integer: 0 or 1 */
    WEIR_SLOT_INTEGER = 2, /* int and long; enum: the symbol's index */
    WEIR_SLOT_NUMBER = 3,  /* float and double */
    WEIR_SLOT_BYTES = 4,   /* bytes, string, fixed: the content */
    WEIR_SLOT_NESTED =
        5, /* record, array, map, other unions (from the branch on): the Avro bytes */
    WEIR_SLOT_UNSENT = 6, /* the source did not send this field; see weir_record.unsent */
} weir_slot_kind;

typedef struct weir_slot {
    weir_slot_kind kind;
    uint32_t branch; /* of a union of more than null and one type: which branch NESTED has */
    union {
        int64_t integer;
        double number;
    };
    weir_str bytes; /* into the value: the content, or (every kind but NULL) the Avro bytes of it */
} weir_slot;

/* Decodes an Avro value into slots, one for each column of the plan. The columns below a null record
 * are NULL. WEIR_REJECT when the bytes are not a value of the schema, to the last byte. */
WEIR_API WEIR_MUST_CHECK weir_code weir_plan_decode(const weir_plan *plan, weir_str value,
                                                    weir_slot *slots, weir_error *err);

/* Writes the value as JSON, as Kafka Connect's JsonConverter does without its schema: bytes and
 * decimals as base64, enums as their symbol, unions without a wrapper. Takes any schema. */

WEIR_API WEIR_MUST_CHECK weir_code weir_value_json(const weir_schema *schema, weir_str value,
                                                   weir_buf *out, weir_error *err);

#ifdef __cplusplus
}
#endif

#endif
