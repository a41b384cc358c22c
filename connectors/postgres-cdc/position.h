/* position.h - where the connector resumes: its source offset, read and written.
 *
 * While a snapshot is read, it says which tables are done, and which ranges of one; afterwards, up to which commit everything was
 * delivered and, inside a large transaction, up to which of its changes. A change is named by its LSN and
 * its place among those of the same LSN, because a transaction's changes are older than commits that
 * were delivered before it.
 */
#ifndef POSTGRES_CDC_POSITION_H
#define POSTGRES_CDC_POSITION_H

#include "seen.h"

#include "weir/batch.h"
#include "weir/source.h"

typedef struct position {
    bool known;       /* there was an offset */
    bool in_snapshot; /* the snapshot is not complete */
    weir_str table;   /* the last one that is complete, "schema.table"; empty: none */
    weir_str reading; /* the one that was read in part; empty: none */
    weir_str left;    /* what is missing of that: key columns and ranges; empty: all */
    uint64_t system;  /* the identity of the server's cluster; 0: not known */
    uint32_t timeline;
    uint32_t origin;  /* the timeline in which this capture began */
    uint64_t read_to; /* the snapshot saw what committed up to here; it may lie behind commit */
    uint64_t floor;   /* of a snapshot: weir.position of its rows */
    uint64_t commit;  /* every transaction that committed before this was delivered */
    uint64_t
        open; /* the transaction, by the LSN of its commit, that was delivered in part; 0: none */
    uint64_t change;    /* the last of its changes that was delivered */
    int64_t same_count; /* how many of that LSN were */
    seen seen;          /* which changes are in the rows of tables without a key */
} position;

void position_done(position *self);

/* WEIR_FATAL when the offset is not one of this connector's. */
WEIR_MUST_CHECK weir_code position_read(weir_task *task, weir_str offset, position *out,
                                        weir_error *err);

/* Writes offset and checkpoint into the batch. */
void position_write(const position *self, weir_str partition, weir_batch *batch);

/* Of an offset that is durable: what the slot may be confirmed up to; 0: nothing. */
uint64_t position_confirmed(weir_str offset);

/* Whether all that was delivered lies in the history that a new timeline has in common with ours, which ended
 * at this LSN. */
bool position_survives(const position *self, uint64_t fork);

/* Whether a change was delivered before the restart: it is in the open transaction, at or before its
 * last delivered change. same_index counts the changes of the same LSN from 1. */
bool position_has(const position *self, uint64_t final_lsn, uint64_t change_lsn,
                  int64_t same_index);

#endif
