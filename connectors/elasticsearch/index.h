/* index.h - the indices that documents go to: made on demand, and never written with foreign versions
 * (identity.h).
 */
#ifndef ELASTICSEARCH_INDEX_H
#define ELASTICSEARCH_INDEX_H

#include "client.h"
#include "document.h"

#include "weir/map.h"

/* A source whose positions are versions of an index. */
typedef struct index_source {
    weir_str identity;
    const struct index_source *next;
} index_source;

/* A schema whose fields the index was told of. */
typedef struct index_schema {
    const weir_schema *schema;
    const struct index_schema *next;
} index_schema;

typedef struct index_entry {
    weir_str name;
    weir_str topic, log_topic;   /* as the record had it behind the transforms, and in the log */
    uint32_t number;             /* of its topic, in bulk_item.topic */
    bool by_position;            /* versions are positions in the source, not offsets in the log */
    const index_source *sources; /* that were seen */
    const index_schema *schemas;
    bool is_used; /* since it was looked at last */
} index_entry;

/* All indices of a task, by log topic and destination topic. */
typedef struct index_table {
    weir_map *entries; /* of index_entry, in the task's memory */
    weir_map *numbers; /* log topic -> its number + 1 */
    weir_map *names;   /* name of an index -> weir_str, the topic that has it */
    weir_buf topics;   /* of weir_str: the log topic of each number */
    weir_buf key;      /* the one looked for last */
    int64_t watch_at_ms;
} index_table;

void index_table_init(index_table *table);
void index_table_done(index_table *table);
weir_str index_table_topic(const index_table *table, uint32_t number);

typedef struct index_context {
    weir_task *task;
    const es_settings *settings;
    es_client *client;
} index_context;

/* The index of a record's topic. When it, or the source of the record's version, is seen for the first time,
 * it is looked up in Elasticsearch: made when it is not there, and its identity is checked. When a schema is,
 * fields that the index does not know get their types from it. */
WEIR_MUST_CHECK weir_code index_find(index_table *table, const index_context *context,
                                     const weir_record *record, const document_version *version,
                                     const index_entry **out, weir_error *err);

/* Looks from time to time whether the indices that were written are still those that were found, and says when
 * one was deleted meanwhile: Elasticsearch makes it again, without an identity, when the next document comes. It
 * gets ours. WEIR_FATAL: it is somebody else's now. */
WEIR_MUST_CHECK weir_code index_watch(index_table *table, const index_context *context,
                                      weir_error *err);

/* Whether a record's topic was ever written to its index, and whether other topics were. */
WEIR_MUST_CHECK weir_code index_look(const index_context *context, const weir_record *record,
                                     bool *is_written, bool *is_shared, weir_error *err);

/* The name of a topic's index: its lower case. WEIR_CONFIG when Elasticsearch forbids it. Exposed for
 * its test. */
WEIR_MUST_CHECK weir_code index_name(weir_str topic, weir_buf *out, weir_error *err);

#endif
