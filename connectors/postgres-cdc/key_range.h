/* key_range.h - parts of a table by ranges of its primary key: in the offset, and in SQL.
 *
 * A key is packed as the texts of its columns in the order of the index, each as a netstring ("2:17,");
 * the server compares keys, so that every type, collation and number of columns will do. A range goes
 * from a key, which it has, to a key, which it has not; an empty key is no bound.
 *
 * Pure functions; what they return points into what they are given.
 */
#ifndef POSTGRES_CDC_KEY_RANGE_H
#define POSTGRES_CDC_KEY_RANGE_H

#include "catalog.h"

typedef struct key_range {
    weir_str from, to;
} key_range;

#define KEY_COLUMNS_MAX 32 /* of an index of PostgreSQL */

/* The columns of a primary key, in its order. */
typedef struct key_columns {
    const catalog_column *list[KEY_COLUMNS_MAX];
    size_t count; /* 0: the table has none */
} key_columns;

key_columns key_columns_of(const catalog_table *table);

void key_pack(weir_buf *key, weir_str value);
/* Takes the first value off a packed key; false when there is none. */
bool key_unpack(weir_str *key, weir_str *value);

/* Names and types of the columns: ranges that were written for other columns are not read. */
void key_columns_write(const key_columns *columns, weir_buf *out);
bool key_columns_read(const key_columns *columns, weir_str *text);

void key_range_write(const key_range *range, weir_buf *out);
/* Takes the first range off a text; false when there is none that could be read. */
bool key_range_read(const key_columns *columns, weir_str *text, key_range *range);

/* Adds the condition that a row is in the range. */
void key_range_condition(const key_range *range, const key_columns *columns, weir_buf *sql);

/* Adds "a","b": the columns as SQL has them. suffix: behind each, like ::text. */
void key_columns_list(const key_columns *columns, const char *suffix, weir_buf *sql);

#endif
