/* seen.h - which changes are in the rows of tables that were read under a later state than the slot's.
 *
 * A row with a key may be read at any time: the changes that come again from the stream put it right. Rows
 * of a table without a key can't be told apart, so that a change must not come twice: what the snapshot saw
 * is dropped from the stream. A transaction was seen when it had ended as the snapshot began
 * (PostgreSQL, "Snapshot": xmax and the transactions in progress). Once the stream has passed the end of
 * WAL as of then, everything is new, and the entry is forgotten.
 *
 * An entry's text is "relation:until:xmax:xid,xid,...;". Belongs to one thread.
 */
#ifndef POSTGRES_CDC_SEEN_H
#define POSTGRES_CDC_SEEN_H

#include "weir/buf.h"

typedef struct seen {
    weir_buf text; /* the entries, as they stand in the offset */
} seen;

/* The state that rows were read under. */
typedef struct seen_state {
    uint64_t until;    /* the end of WAL behind its beginning */
    weir_str snapshot; /* as pg_current_snapshot() prints it: xmin:xmax:xid,xid,... */
} seen_state;

void seen_done(seen *self);

/* False when the text is none of ours. */
WEIR_MUST_CHECK bool seen_read(seen *self, weir_str text);

/* The table was read under this state. Another entry of it is replaced. */
void seen_add(seen *self, uint32_t relation, const seen_state *state);

/* Whether a transaction's changes of the table are in the rows that were read. */
bool seen_has(const seen *self, uint32_t relation, uint32_t xid);

/* Every transaction that committed before this was streamed. */
void seen_forget(seen *self, uint64_t commit);

#endif
