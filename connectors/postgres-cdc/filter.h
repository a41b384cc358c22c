/* filter.h - which schemas, tables and columns are captured.
 *
 * The lists hold regular expressions in Java's syntax, as PCRE2 reads it, that match a whole name
 * whatever its case, as in Debezium. Built once from the settings; then read only.
 */
#ifndef POSTGRES_CDC_FILTER_H
#define POSTGRES_CDC_FILTER_H

#include "settings.h"

#include "weir/task.h"

typedef struct filter filter;

/* Lives as long as the task, but for what filter_done frees. NULL when an expression is wrong. */
filter *filter_new(weir_task *task, const settings *config, weir_error *err);
/* NULL is fine. */
void filter_done(filter *self);

bool filter_takes_table(const filter *self, weir_str schema, weir_str table);
bool filter_takes_column(const filter *self, weir_str schema, weir_str table, weir_str column);

/* The key columns that message.key.columns names for a table, "a,b"; empty when it names none. */
weir_str filter_key_columns(const filter *self, weir_str schema, weir_str table);

#endif
