/* parse.h - what the files of the schema parser share: parse.c, parse_named.c, parse_logical.c,
 * parse_awaited.c, parse_default.c.
 *
 * The parser walks the JSON tree that jansson made and builds nodes in the document's arena. It knows
 * where it is as a JSON pointer, so that every refusal names the place. Belongs to one thread.
 */
#ifndef SCHEMA_REGISTRY_AVRO_PARSE_H
#define SCHEMA_REGISTRY_AVRO_PARSE_H

#include "schema-registry/avro/tree.h"
#include "weir/buf.h"
#include "weir/map.h"

#include <jansson.h>

typedef struct avro_parser {
    avro_document *document;
    weir_map *types;   /* by full name */
    weir_map *awaited; /* used and not defined yet, by full name */
    bool had_awaited;
    bool is_lenient; /* what was taken once: neither defaults nor namespaces are checked */
    weir_schema *shared[WEIR_TYPE_STRING + 1]; /* primitives without attributes: one node each */
    weir_buf path;                             /* "/fields/2/type" */
    weir_buf scratch;
    int depth;
    weir_error *err;
} avro_parser;

/* Goes down to a member, or to an item of one; the result brings avro_parser_leave back. */
size_t avro_parser_enter(avro_parser *parser, const char *member);
size_t avro_parser_enter_item(avro_parser *parser, const char *member, size_t index);
void avro_parser_leave(avro_parser *parser, size_t mark);

/* Fails with the place in front; returns false. */
bool avro_parser_fail(avro_parser *parser, const char *fmt, ...) WEIR_PRINTF(2, 3);

/* What a value is, for messages: "a number", "an array", ..., "missing" for NULL. */
const char *avro_json_kind(const json_t *json);

/* The node of a type; NULL after a failure. space is the namespace around it. */
weir_schema *avro_parse_type(avro_parser *parser, const json_t *json, weir_str space);
/* A record, enum or fixed. */
weir_schema *avro_parse_named(avro_parser *parser, const json_t *json, weir_type type,
                              weir_str space);

/* The node that stands for a type until it is defined: in the namespace around it, where the name has none. */
weir_schema *avro_await_type(avro_parser *parser, weir_str name, weir_str space);
/* False after a failure: a type was used and never defined. The last step of parsing. */
bool avro_check_awaited(avro_parser *parser, const weir_schema *root);
/* The node of a definition: itself, or the one that stood for its name where that was used before. */
weir_schema *avro_parse_awaited(avro_parser *parser, weir_schema *node);

/* False after a failure: the type was defined before, and differently. As in Java, a definition may come
 * again when it is the same, but not inside itself; nor where its name would mean another type. */
bool avro_parse_again(avro_parser *parser, const weir_schema *node, weir_str space);

/* All members of an object that are not in the list of reserved names, a NULL behind the last. */
bool avro_parse_properties(avro_parser *parser, const json_t *json, const char *const *reserved,
                           avro_properties *out);
/* The text of a string, in the document; ptr NULL when the member is missing or, as in Java, null. */
bool avro_parse_text(avro_parser *parser, const json_t *json, const char *member, weir_str *out);

/* The logical type that the attributes of a node give it. */
void avro_parse_logical(weir_schema *node, const json_t *json);
/* What AvroData looks for: any "decimal" of bytes, and records that are the entries of a map. Of a node that has its
 * properties. */
void avro_find_connect(weir_schema *node);

/* True when the JSON is a default for the type: of a union, for one of its types. */
bool avro_default_fits(const weir_schema *schema, const json_t *json);

/* The numbers that JSON has only as text, as Java takes and writes them: "NaN", "Infinity", "-Infinity". */
bool avro_special_number(const json_t *json, double *out);

/* Adds a default, which is JSON as Avro writes defaults, as the JSON that Connect prints of the value.
 * False when AvroData would not take it; then out is as it was. */
bool avro_default_json(const weir_schema *schema, const json_t *json, weir_buf *out);

/* Fills connect_default of all nodes that have a property "connect.default". */
void avro_parse_connect_defaults(avro_document *document);

/* A parsed JSON value as text again, as Jackson writes it: no spaces, numbers as Java prints them. */
void avro_json_text(const json_t *json, weir_buf *out);
weir_str avro_json_string(const json_t *string);

#endif
