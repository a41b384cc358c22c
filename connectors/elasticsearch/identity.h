/* identity.h - whose an index is, as it says itself.
 *
 * Versions only mean something against the source or the log that gave them. So an index keeps in its
 * mapping's _meta which log it is written from and by which rule its versions are made; where they are
 * positions, the identities of the sources (header weir.source); where they are offsets, those of the topics.
 * An index of another identity is refused, because the writes of a log that starts again at 0, or of
 * another database, would look old there and be dropped by Elasticsearch without an error.
 *
 * Pure functions over the answer of GET /INDEX/_mapping.
 */
#ifndef ELASTICSEARCH_IDENTITY_H
#define ELASTICSEARCH_IDENTITY_H

#include "weir/buf.h"
#include "weir/config.h"

/* Who writes an index, and by which rule its versions are made. */
typedef struct identity {
    weir_str log_id;
    bool by_position;
    weir_str topic, topic_id; /* of the log; the id counts where versions are offsets of it */
    weir_str source;          /* it counts where versions are positions */
    weir_list adopt_from;     /* others whose indices are taken over, by position */
} identity;

enum identity_state {
    IDENTITY_OURS,
    IDENTITY_UNMARKED, /* it says nothing yet */
    IDENTITY_EXTENDED /* ours, but this topic was not written to it before, or its identity is adopted */
};

/* What versions are: "source position" or "log offset". */
const char *identity_rule(bool by_position);

/* Reads _meta out of a mapping. WEIR_FATAL: the identity is another one, and the message has the choices; or
 * it is an alias of several indices. */
WEIR_MUST_CHECK weir_code identity_check(weir_str mapping, weir_str index, const identity *who,
                                         enum identity_state *state, weir_error *err);

/* Adds the member "_meta" that marks an index; what mapping, an answer as above or empty, has there already is
 * kept, but for an adopted log. */
void identity_add_meta(weir_str mapping, const identity *who, weir_buf *out);

/* Whether a topic of the log was ever written to the index, and whether others were. */
void identity_look(weir_str mapping, weir_str topic, bool *is_written, bool *is_shared);

/* WEIR_FATAL, with the choices: the index has documents, and does not say whose. */
weir_code identity_refuse_foreign(weir_str index, weir_error *err);

#endif
