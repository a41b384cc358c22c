/* catalog.h - what the server's system tables say about the tables to capture.
 *
 * Read by plain SQL. What it returns lives as long as the task. One thread.
 */
#ifndef POSTGRES_CDC_CATALOG_H
#define POSTGRES_CDC_CATALOG_H

#include "connection.h"
#include "filter.h"

#include "weir/map.h"
#include "weir/task.h"

typedef struct catalog_column {
    weir_str name;
    uint32_t type; /* as declared: may be a domain */
    int32_t modifier;
    bool not_null;
    bool identity;        /* in the index of its replica identity; as announced: in any but FULL */
    int key_position;     /* in the primary key, from 1; 0: not in it */
    weir_str default_sql; /* the default's expression; empty: none */
} catalog_column;

typedef struct catalog_table {
    uint32_t oid;
    weir_str schema, name;
    char identity;     /* d: default, n: nothing, f: full, i: index */
    bool has_identity; /* its updates and deletes can be published */
    int64_t row_count; /* an estimate; -1: none */
    int64_t page_count;
    bool is_partitioned;
    bool is_added; /* to a publication, at this start; false when it was in another */
    bool was_published;
    bool is_captured;   /* changes come under its name; true behind catalog_load */
    bool is_covered;    /* one of its partitions is in the lists, too */
    weir_str ancestors; /* of a partition: oids as a PostgreSQL array */
    weir_str
        attributes; /* the numbers of the columns that are published, as an array; empty: all */
    weir_str row_filter;     /* a condition in SQL that the published rows meet; empty: all */
    catalog_column *columns; /* without generated ones, which are not sent */
    size_t column_count;
} catalog_table;

typedef struct catalog {
    weir_task *task;
    PGconn *connection;
    const filter *filter;
    weir_map *types; /* by oid: pg_type */
    catalog_table *tables;
    size_t table_count;   /* in the order of "schema.table" */
    bool with_roots;      /* partitioned tables stand for their partitions */
    catalog_table *roots; /* partitioned tables in the lists that are not captured themselves */
    size_t root_count;
} catalog;

/* Reads the tables that are captured, without their columns. With roots, of a partitioned table and its
 * partitions only the topmost that is in the lists; else partitions only, and a warning of a partitioned
 * table in the lists of whose partitions there is none. */
WEIR_MUST_CHECK weir_code catalog_load(catalog *self, bool with_roots, weir_error *err);

/* The same out of the server's answer. Exposed for its test. */
void catalog_take(catalog *self, const PGresult *result, bool with_roots);

/* Whether a table is a partition, at any depth, of another. */
bool catalog_is_below(const catalog_table *table, const catalog_table *root);

/* Reads the columns of a table; a table that is gone has none. */
WEIR_MUST_CHECK weir_code catalog_columns(catalog *self, catalog_table *table, weir_error *err);

/* The column whose values take most room on the disk; empty when that takes too long to find out. */
weir_str catalog_largest_column(catalog *self, const catalog_table *table);

/* Adds what catalog_columns would find, as bytes to compare with what was found before. */
WEIR_MUST_CHECK weir_code catalog_signature(catalog *self, uint32_t table, weir_buf *out,
                                            weir_error *err);

/* Whether others see what a transaction did. A stream has it as soon as its commit is on the disk, which is
 * a little before. While they do not, the query takes two milliseconds. */
WEIR_MUST_CHECK weir_code catalog_sees(catalog *self, uint32_t transaction, bool *seen,
                                       weir_error *err);

/* Whether all captured columns can be sent in the binary form. */
WEIR_MUST_CHECK weir_code catalog_is_binary(catalog *self, const type_options *options,
                                            bool *binary, weir_error *err);

/* The type was altered: it is read again when it is needed. */
void catalog_forget_type(catalog *self, uint32_t oid);

/* Resolves a type, through its domains, to what codecs know; NULL in *type for one that is gone. A
 * domain's own modifier replaces *modifier. */
WEIR_MUST_CHECK weir_code catalog_type(catalog *self, uint32_t oid, const pg_type **type,
                                       int32_t *modifier, weir_error *err);

/* Adds "schema"."table" to SQL. */
void catalog_add_name(weir_buf *sql, weir_str schema, weir_str name);
void catalog_add_identifier(weir_buf *sql, weir_str name);
void catalog_add_literal(weir_buf *sql, weir_str text);

#endif
