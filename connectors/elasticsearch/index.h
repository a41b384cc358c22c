/* index.h - the indices that documents go to: made on demand, and never written with foreign versions.
 *
 * Versions only mean something against the source or the log that gave them. So an index keeps in its
 * mapping's _meta which log it is written from and by which rule its versions are made; where they are
 * positions, the identities of the sources (header weir.source); where they are offsets, those of the topics.
 * An index of another identity is refused, because the writes of a log that starts again at 0, or of
 * another database, would look old there and be dropped by Elasticsearch without an error.
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

typedef struct index_entry {
    weir_str name;
    uint32_t number;             /* of its topic, in bulk_item.topic */
    bool by_position;            /* versions are positions in the source, not offsets in the log */
    const index_source *sources; /* that were seen */
} index_entry;

/* All indices of a task, by log topic and destination topic. */
typedef struct index_table {
    weir_map *entries; /* of index_entry, in the task's memory */
    weir_map *numbers; /* log topic -> its number + 1 */
    weir_buf topics;   /* of weir_str: the log topic of each number */
    weir_buf key;      /* the one looked for last */
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
 * it is looked up in Elasticsearch: made when it is not there, and its identity is checked. */
WEIR_MUST_CHECK weir_code index_find(index_table *table, const index_context *context,
                                     const weir_record *record, const document_version *version,
                                     const index_entry **out, weir_error *err);

/* Whether a record's topic was ever written to its index, and whether other topics were. */
WEIR_MUST_CHECK weir_code index_look(const index_context *context, const weir_record *record,
                                     bool *is_written, bool *is_shared, weir_error *err);

/* The name of a topic's index: its lower case. WEIR_CONFIG when Elasticsearch forbids it. Exposed for
 * its test. */
WEIR_MUST_CHECK weir_code index_name(weir_str topic, weir_buf *out, weir_error *err);

/* Who writes an index, and by which rule its versions are made. */
typedef struct index_identity {
    weir_str log_id;
    bool by_position;
    weir_str topic, topic_id; /* of the log; the id counts where versions are offsets of it */
    weir_str source;          /* it counts where versions are positions */
    weir_list adopt_from;     /* others whose indices are taken over, by position */
} index_identity;

enum index_state {
    INDEX_OURS,
    INDEX_UNMARKED, /* it has no identity yet */
    INDEX_EXTENDED /* ours, but this topic was not written to it before, or its identity is adopted */
};

/* Reads _meta out of the answer of GET /INDEX/_mapping. WEIR_FATAL: the identity is another one, and the
 * message has the choices; or it is an alias of several indices. Exposed for its test. */
WEIR_MUST_CHECK weir_code index_check_identity(weir_str mapping, weir_str index,
                                               const index_identity *identity,
                                               enum index_state *state, weir_error *err);

/* Adds the member "_meta" that marks an index with an identity; what mapping, an answer as above or empty, has
 * there already is kept, but for an adopted log. Exposed for its test. */
void index_add_meta(weir_str mapping, const index_identity *identity, weir_buf *out);

#endif
