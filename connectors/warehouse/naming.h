/* naming.h - the name of the table for a topic: table.name.format, taken apart and checked. */
#ifndef WAREHOUSE_NAMING_H
#define WAREHOUSE_NAMING_H

#include "settings.h"
#include "sql.h"

/* Appends table.name.format with the topic in the place of ${topic}. */
void naming_format(const settings *config, weir_str topic, weir_buf *out);

/* "schema.table", or "table"; each part may stand in quotes, and then have dots and quotes of its own. The
 * parts are slices of full, or live as long as the task; schema is empty when there is none. WEIR_CONFIG
 * for everything else: a name of three parts would be another database. */
weir_code naming_split(weir_task *task, weir_str full, weir_str *schema, weir_str *name,
                       weir_error *err);

/* WEIR_CONFIG for a name that the destination would cut: it could then be the name of something else. */
weir_code naming_check_length(const sql_vendor *vendor, weir_str name, const char *remedy,
                              weir_error *err);

#endif
