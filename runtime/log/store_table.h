/* store_table.h - the table of topics in memory, behind store_topics.c: by name, by identity, in order.
 *
 * Changed with the store's lock held, or before there are threads. What was deleted stays in it by its identity.
 */
#ifndef RUNTIME_LOG_STORE_TABLE_H
#define RUNTIME_LOG_STORE_TABLE_H

#include "runtime/log/store_work.h"

#define STORE_METADATA_NAME "__weir_metadata"

/* A topic that nothing knows yet; name and config are copied. */
store_topic *topic_new(store *store, weir_str name, const uint8_t *id,
                       const log_topic_config *config);
void topic_free(store_topic *topic);

/* A new topic; it belongs to the table. */
void table_add(store *store, store_topic *topic);
/* Takes its name away: it is deleted. link gives it back, when the deletion failed. */
void table_remove(store *store, store_topic *topic);
void table_link(store *store, store_topic *topic);

/* The topics in the order of their names: the i-th, and the first whose name is not below, or, with after, above. */
store_topic *table_at(const store *store, size_t i);
size_t table_find(const store *store, weir_str name, bool after);

#endif
