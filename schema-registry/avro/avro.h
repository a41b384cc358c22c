/* avro.h - parsing and freeing Avro schemas, checking values against them.
 *
 * What connectors see of schemas, and decoding, is weir/schema.h; this is the rest, for the SDK's
 * library, the worker and the registry. The schema language is Avro 1.12. What the specification leaves
 * open is as in Java's Schema.Parser; where the two differ, docs/internals/avro.md says which is followed.
 *
 * A parsed schema never changes. Any thread may read it; whoever parsed it frees it. Its nodes, texts
 * and plans belong to it and go with it. Pure functions: no I/O, no locks, no state beside schemas.
 */
#ifndef SCHEMA_REGISTRY_AVRO_AVRO_H
#define SCHEMA_REGISTRY_AVRO_AVRO_H

#include "weir/base.h"
#include "weir/schema.h"

/* Limits on schemas and values from outside. Values nested deeper are refused, never followed. */
#define AVRO_TEXT_MAX         (16u << 20) /* bytes of schema text */
#define AVRO_SCHEMA_DEPTH_MAX 100         /* types inside types */
#define AVRO_WIDTH_MAX        65535       /* fields, symbols, aliases, properties: each */
#define AVRO_BRANCHES_MAX     1024        /* of one union */
#define AVRO_KNOWN_MAX        1000        /* references of one schema */
#define AVRO_DEPTH_MAX        128   /* records, arrays and maps inside one another, in a value */
#define AVRO_EMPTY_MAX        65536 /* items that take no byte (nulls), in one array */

/* The schema of a JSON text; the caller frees it. NULL with WEIR_REJECT when it is not one: the message
 * names the place, `"/fields/2/type"`, and what is wrong there. */
weir_schema *avro_parse(weir_str json, weir_error *err);

/* As avro_parse, but the text may use the named types of parsed schemas by their names: `known` are its
 * references, in the order in which they were parsed, each with those in front of it known. A type that
 * is defined a second time has to be the same. The known schemas are only read, and must outlive what is
 * returned, which points into them. */
weir_schema *avro_parse_with(weir_str json, const weir_schema *const *known, size_t count,
                             weir_error *err);
/* As avro_parse_with, for what somebody has taken already: defaults need not fit their types, and namespaces
 * and aliases may be any text. As Java parses with NO_VALIDATION and without validating defaults. */
weir_schema *avro_parse_stored(weir_str json, const weir_schema *const *known, size_t count,
                               weir_error *err);
void avro_schema_free(weir_schema *schema); /* of the root, as avro_parse returned it, or NULL */
void avro_schema_freep(weir_schema **schema);

/* WEIR_REJECT when the bytes are not a value of the schema, to the last byte. */
WEIR_MUST_CHECK weir_code avro_validate(const weir_schema *schema, weir_str value, weir_error *err);

/* --- Checking a writer ----------------------------------------------------------------------- */

/* Follows what a writer puts and says at each step whether the schema allows it. It lives where its
 * user puts it, allocates nothing, and belongs to one thread.
 *
 *     avro_check_begin(&checker, schema);
 *     ok = avro_check_put(&checker, AVRO_PUT_LONG, 42, (weir_str){0});
 *     ...
 *     whole = avro_check_complete(&checker);
 *
 * A record takes no put of its own: its fields do, in order. One without fields, or with none but
 * such, takes nothing at all. An array is a block, its items, more blocks with theirs, and a block of
 * 0; a map likewise, with a text before each value. A null takes a put, although it has no bytes. */
typedef enum avro_put {
    AVRO_PUT_NULL,
    AVRO_PUT_BOOLEAN,
    AVRO_PUT_INT, /* also where a long is expected: the bytes are the same */
    AVRO_PUT_LONG,
    AVRO_PUT_FLOAT,
    AVRO_PUT_DOUBLE,
    AVRO_PUT_BYTES,  /* bytes, string, the key of a map's entry */
    AVRO_PUT_FIXED,  /* bytes: the content */
    AVRO_PUT_ENUM,   /* n: the symbol's index */
    AVRO_PUT_BRANCH, /* n: the branch; what it holds is put next */
    AVRO_PUT_BLOCK,  /* n: how many items; 0 ends the array or map */
    AVRO_PUT_RAW,    /* bytes: a whole value of the schema expected here; they are validated */
} avro_put;

typedef struct avro_check_frame {
    const weir_schema *schema; /* a record, array or map that is not complete */
    int64_t at;                /* of a record: the field; else how many items the block still has */
} avro_check_frame;

typedef struct avro_checker {
    const weir_schema *next; /* what is expected; NULL: a block, a key, or nothing more */
    bool is_key;             /* a map's entry begins: its key is expected */
    bool is_block;           /* the next block of the innermost array or map is expected */
    bool is_broken;          /* a put was illegal; nothing is legal from then on */
    int depth;
    avro_check_frame frames[AVRO_DEPTH_MAX];
    char expected[256]; /* see avro_check_expected */
} avro_checker;

void avro_check_begin(avro_checker *checker, const weir_schema *schema);

/* True when the put is legal now. After one that is not, nothing is. */
bool avro_check_put(avro_checker *checker, avro_put kind, int64_t n, weir_str bytes);

/* True when the puts so far are one whole value. */
bool avro_check_complete(const avro_checker *checker);

/* What is or, after an illegal put, was expected, for a message: `long for field "id" of shop.Order`.
 * Valid until the checker is used again. */
const char *avro_check_expected(avro_checker *checker);

/* What a put is called in messages: "boolean", "branch", ... */
const char *avro_put_name(avro_put kind);

#endif
