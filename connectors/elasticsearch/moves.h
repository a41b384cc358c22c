/* moves.h - deletions that may be the first half of a change of a key.
 *
 * A key that changes comes as two neighbours in their partition, of one version: the old id's deletion, then
 * the new id's document. When that lacks fields, they are in the old document, so this one may be deleted only
 * when the new one is safely there: such deletions are kept for the window's end. A deletion that is its
 * partition's last record of a window is held until the partition's next record, or the second flush, shows
 * what it is. Between two neighbours records of other partitions may come, also the end of a batch.
 *
 * Belongs to the task's thread.
 */
#ifndef ELASTICSEARCH_MOVES_H
#define ELASTICSEARCH_MOVES_H

#include "index.h"

/* A deletion that is not sent yet. */
typedef struct moves_deletion {
    const index_entry *index; /* NULL: there is none */
    weir_buf id;
    int64_t version;
    int32_t partition;
    int64_t offset;
} moves_deletion;

/* One partition of the log, as far as was looked ahead. */
typedef struct moves_partition {
    weir_str topic;
    int32_t number;
    moves_deletion held;
    int held_flushes;     /* since it is held */
    int64_t window;       /* the last window that has records of it */
    uint32_t last;        /* the index of the last of them */
    weir_record deletion; /* that one, when it deletes a document; else its key's ptr is NULL */
} moves_partition;

typedef struct moves {
    weir_task *task;
    weir_map *partitions; /* of moves_partition, in the task's memory */
    moves_partition *recent;
    weir_buf key; /* the one looked for last */
    size_t held_count;
    weir_buf kept; /* of moves_deletion: for the window's end */
    int64_t window;
} moves;

void moves_init(moves *self, weir_task *task);
/* Also of one that was never initialised. */
void moves_done(moves *self);

/* --- Looking ahead: reach and pass for each record of a window -------------------------------- */

void moves_begin_window(moves *self);
/* The partition of the record that comes next. What is held of it is forgotten when the record stands before
 * that: a put that failed is repeated, and the deletion will come again. */
moves_partition *moves_reach(moves *self, const weir_record *record);
/* The deletion that waits and has this version, when it may be the record before; NULL when there is none. */
const moves_deletion *moves_waiting(const moves *self, const moves_partition *from,
                                    const index_entry *index, int64_t version);
/* The record before, when it is in this window and deletes a document; else NULL. */
const weir_record *moves_before(const moves *self, const moves_partition *from);
void moves_pass(moves *self, moves_partition *from, const weir_record *record);

/* --- Deletions ------------------------------------------------------------------------------- */

/* Whether a record of this window is the last one of its partition there. */
bool moves_is_last(moves *self, const weir_record *record);
/* Both take the deletion's id: keeps it for the window's end; holds it back behind that. */
void moves_keep(moves *self, moves_deletion taken);
void moves_hold(moves *self, const weir_record *record, moves_deletion taken);

/* Steps through the partitions with a held deletion; NULL at the end. *at is 0 at first. */
moves_partition *moves_next_held(const moves *self, size_t *at);
/* Whether it is known what the held deletion is: there are records behind it in this window. */
bool moves_is_settled(const moves *self, const moves_partition *from);
/* What was held is kept for the window's end; or it is sent, and forgotten. */
void moves_keep_held(moves *self, moves_partition *from);
void moves_forget_held(moves *self, moves_partition *from);

size_t moves_kept_count(const moves *self);
const moves_deletion *moves_kept_at(const moves *self, size_t place);
void moves_clear_kept(moves *self);

#endif
