/* store_group.h - the appends that are made durable together, from the queue to the disk.
 *
 * store_queue.c takes a group, store_plan.c decides about it, store_write.c writes it. All of it is the
 * writer's, unless it says otherwise.
 */
#ifndef RUNTIME_LOG_STORE_GROUP_H
#define RUNTIME_LOG_STORE_GROUP_H

#include "runtime/log/store_work.h"

/* An append in the group, and what was decided about it. */
typedef struct planned {
    store_append *append;
    bool has_large;         /* of its pieces, some are large */
    uint64_t journal_bytes; /* padded */
} planned;

typedef struct append_group {
    append_list appends;
    bool
        passes; /* goes before others that wait for a full disk, which says nothing of their room */
    weir_buf plans; /* of planned */
    uint64_t journal_bytes;
    size_t piece_count; /* of assigned appends */
    pending_group *pending;
} append_group;

/* --- store_queue.c -------------------------------------------------------------------------- */

void append_list_push(append_list *list, store_append *append);
/* NULL when it is empty. */
store_append *append_list_pop(append_list *list);
/* Tells the submitter; from here on the append may be gone. Not locked. */
void store_end_append(store *store, store_append *append, weir_code code, const weir_error *reason);
/* What was queued, as much as is written at once and need not wait for a full topic. */
void queue_take_group(store *store, append_group *group);
/* What cannot be written now goes back, in front of what came later. */
void queue_give_back(store *store, append_list *rest, const weir_error *reason);

/* --- store_plan.c --------------------------------------------------------------------------- */

/* What an append takes of the journal when so many of its bytes are written there. Any thread. */
uint64_t group_entry_bytes(const store_append *append, size_t bytes);
/* Larger appends would take too much of the journal: all their pieces are large. Any thread. */
bool group_exceeds_journal(const store *store, const store_append *append);
planned *group_plan_at(const append_group *group, size_t i);
size_t group_plan_count(const append_group *group);
/* Decides for each piece which way it is written. */
void group_plan(store *store, append_group *group);
/* Gives places to as many appends as there is room for; the others stay in group->appends. */
WEIR_MUST_CHECK weir_code group_assign(store *store, append_group *group, weir_error *err);

#endif
