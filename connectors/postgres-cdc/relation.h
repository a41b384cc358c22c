/* relation.h - a captured table as its events show it: topic, schemas, and how each column is encoded.
 *
 * Compiled once per table and version of it: from the catalog for a snapshot, from a relation message
 * (completed from the catalog) for streaming. Lives as long as the task and never changes.
 */
#ifndef POSTGRES_CDC_RELATION_H
#define POSTGRES_CDC_RELATION_H

#include "adjust.h"
#include "catalog.h"
#include "pgoutput.h"

#define RELATION_KEY_LIMIT 64 /* columns of a key: an index has 32 */

typedef struct relation_column {
    weir_str name;
    weir_str field; /* its name in events */
    codec codec;
    bool supported;       /* its type can be captured */
    bool included;        /* in a row's value: it is captured, and its type can be */
    bool selected;        /* in a row's value or key */
    bool nullable;        /* its schema is a union with null */
    bool identity;        /* in the replica identity, of a table that is streamed */
    bool holds_unsent;    /* its type can hold the placeholder */
    int32_t value_branch; /* of that union */
    bool had_null;        /* a new row had NULL where the schema allows none, and was refused */
    weir_str fallback;    /* stands for NULL where the schema allows none: its default as text */
    int plan_column;      /* of "after" in the plan of the envelope */
} relation_column;

typedef struct relation {
    uint32_t oid;
    weir_str schema, name, topic;
    adjust_mode schema_names;
    char identity;
    relation_column *columns; /* in the server's order */
    size_t column_count;
    size_t key[RELATION_KEY_LIMIT]; /* columns, in the key's order */
    size_t key_count;               /* 0: no key */
    const weir_schema *key_schema;  /* NULL: no key */
    const weir_schema *envelope;
    bool binary;           /* every column can be sent in the binary form */
    weir_str encoded_name; /* the source's fields schema and table, in Avro */
} relation;

/* What relations are compiled with. */
typedef struct relation_context {
    weir_task *task;
    const settings *settings;
    const filter *filter;
    catalog *catalog;
    type_options options;
    weir_buf scratch[CODEC_SCRATCH_COUNT];
    weir_buf text;
    bool quiet; /* no warning of columns whose type is not supported */
} relation_context;

void relation_context_done(relation_context *context);

/* Gives back what conversions of very large values took. */
void relation_context_trim(relation_context *context);

/* Adds the column to the list of a SELECT or COPY in the form that its codec takes: binary, or else the
 * text that a stream has. */
void relation_add_selected(const relation_column *column, weir_buf *sql);

/* NULL on error. The table has its columns. */
relation *relation_new(relation_context *context, const catalog_table *table, weir_error *err);

/* Writes the columns of a row as the fields of Value. Of a new row (unsent), NULL in a column that became NOT
 * NULL since is refused, and the column marked (had_null). fill: a tuple that has what this one lacks
 * because it was not changed, or NULL. unsent: marks what was not sent in the batch's record, unless there
 * is a fill. */
WEIR_MUST_CHECK weir_code relation_put_value(const relation *self, const pgoutput_tuple *tuple,
                                             const pgoutput_tuple *fill, bool unsent,
                                             weir_batch *batch, weir_error *err);

/* Writes the key's columns of a row. */
WEIR_MUST_CHECK weir_code relation_put_key(const relation *self, const pgoutput_tuple *tuple,
                                           weir_batch *batch, weir_error *err);

/* The name of the captured column with the most bytes in a row. */
weir_str relation_largest(const relation *self, const pgoutput_tuple *tuple);

/* Whether the keys of two rows are the same. */
bool relation_same_key(const relation *self, const pgoutput_tuple *a, const pgoutput_tuple *b);

#endif
