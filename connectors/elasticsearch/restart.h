/* restart.h - a snapshot that begins again: what it delivered before is taken out of the index.
 *
 * A large table whose rows cannot be told apart, or whose deletions are not published, is read anew when its
 * snapshot was interrupted; a record with the header weir.restart says so
 * (docs/decisions/0003-keyless-snapshot.md). The documents of the first attempt would stay for ever: where the id is
 * the place in the log, every row would be there twice.
 */
#ifndef ELASTICSEARCH_RESTART_H
#define ELASTICSEARCH_RESTART_H

#include "writer.h"

bool restart_is(const weir_batch *batch, const weir_record *record);

/* Deletes the documents of the record's topic that came before it, with a version that lets those of the new
 * attempt in and keeps what is newer, so that a replay does no harm. Waits for the server. WEIR_FATAL: other
 * topics are written to the index, and the ids do not say whose they are. */
WEIR_MUST_CHECK weir_code restart_empty(writer *self, const weir_batch *batch,
                                        const weir_record *record, weir_error *err);

/* Whether an id that is a place in the log, TOPIC+PARTITION+OFFSET, is one before the record's. Exposed for its
 * test. */
bool restart_precedes(weir_str id, const weir_record *record);

#endif
