/* tree.h - the layout of a parsed schema, for the modules of this folder and of compatibility.
 *
 * A schema is a graph of nodes: each place where a named type is used points to the one node that
 * defines it, so a recursive type leads back to itself. All nodes of a text belong to one document,
 * whose arena holds them; only texts and plans, made at the first call, are allocated on their own.
 *
 * Nothing changes after avro_parse, but for the two atomics of a node.
 */
#ifndef SCHEMA_REGISTRY_AVRO_TREE_H
#define SCHEMA_REGISTRY_AVRO_TREE_H

#include "runtime/base/arena.h"
#include "weir/schema.h"

#include <stdatomic.h>

typedef struct avro_document avro_document;

/* An attribute that Avro does not know, in the order of the text. value is JSON. */
typedef struct avro_property {
    weir_str name;
    weir_str value;
} avro_property;

typedef struct avro_properties {
    avro_property *items;
    size_t count;
} avro_properties;

typedef struct avro_names {
    weir_str *items;
    size_t count;
} avro_names;

/* A schema's text, made at the first call of weir_schema_text. */
typedef struct avro_text {
    size_t len;
    char bytes[];
} avro_text;

typedef enum avro_order { AVRO_ASCENDING, AVRO_DESCENDING, AVRO_IGNORE } avro_order;

typedef struct avro_field {
    weir_str name;      /* as the schema spells it */
    weir_str original;  /* the property "weir.name", else the same as name */
    weir_str json_name; /* the original as the member of a JSON object: quoted, with a colon */
    weir_schema *schema;
    weir_str doc;           /* ptr NULL: none */
    weir_str default_value; /* JSON; ptr NULL: none */
    avro_order order;
    avro_names aliases;
    avro_properties properties;
} avro_field;

/* A named type's name is its full name; of a namespace the first space_len bytes of it, the dot not
 * counted. */
struct weir_schema {
    weir_type type;
    weir_logical logical;
    int precision, scale;
    int null_branch;   /* of a union: the null in it; -1: none */
    bool is_error;     /* a record that was declared as an "error" */
    bool is_empty;     /* a record without fields, or with none but empty records */
    bool is_zero;      /* its values take no byte */
    bool is_complete;  /* of a named type: all of it was parsed */
    bool is_decimal;   /* Connect takes it for a decimal, also where Avro does not */
    bool is_map_entry; /* Connect takes an array of these records for a map */
    size_t fixed_size;
    weir_str name;
    size_t space_len;
    weir_str connect_name;
    weir_str doc;          /* ptr NULL: none */
    weir_str enum_default; /* ptr NULL: none */
    avro_names aliases;    /* of a named type: full names */
    avro_properties properties;
    avro_field *fields; /* record */
    size_t field_count;
    weir_schema **branches; /* union */
    size_t branch_count;
    weir_schema *unwrapped; /* see weir_schema_unwrap */
    avro_names symbols;     /* enum */
    weir_schema *items;     /* array: items, map: values */
    avro_document *document;
    weir_schema *next;        /* of the document's nodes */
    weir_str connect_default; /* "connect.default" as Connect prints it; ptr NULL: none */
    _Atomic(avro_text *) text;
    _Atomic(struct weir_plan *) plan;
};

/* --- Building, for the parser ----------------------------------------------------------------- */

struct avro_document {
    arena memory;
    weir_schema *nodes;
    weir_schema *root;
    avro_names known; /* the names of the references that the text was parsed with */
};

avro_document *avro_document_new(void);
void avro_document_free(avro_document *document);
/* A node of this type, as the schema language has it without attributes. */
weir_schema *avro_document_node(avro_document *document, weir_type type);

/* The node becomes as another one is, in its own place in its own document. */
void avro_node_become(weir_schema *node, const weir_schema *other);

/* The same node, to keep in it what was made of it: text and plan, all that changes after parsing. */
weir_schema *avro_cache_of(const weir_schema *schema);

/* Frees what weir_schema_plan made. */
void avro_plan_free(struct weir_plan *plan);

/* True when two definitions of named types are the same, but for how the types in them are defined. */
bool avro_same_definition(const weir_schema *a, const weir_schema *b);

/* --- Reading ---------------------------------------------------------------------------------- */

/* "record", "long", ...: how the schema language spells a type. */
weir_str avro_type_name(weir_type type);
bool avro_type_is_named(weir_type type); /* record, enum, fixed */
bool avro_is_primitive_name(weir_str name);
bool avro_is_type_name(weir_str name); /* one that the language has: "int", "record", "union" */

/* The value of a property, as JSON; ptr NULL when there is none. */
weir_str avro_property_find(const avro_properties *properties, weir_str name);

/* The last part of a full name, and what is in front of the last dot. */
weir_str avro_simple_name(weir_str full_name);
weir_str avro_name_space(weir_str full_name);

#endif
