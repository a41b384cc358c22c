/* slot.h - the server's side of the stream: its settings and the replication slot.
 *
 * One thread.
 */
#ifndef POSTGRES_CDC_SLOT_H
#define POSTGRES_CDC_SLOT_H

#include "catalog.h"

typedef struct slot_state {
    bool exists;
    bool active;
    bool lost; /* the server has removed WAL that it needs */
    int active_pid;
    uint64_t restart_lsn;   /* what is decoded begins at or behind this */
    uint64_t confirmed_lsn; /* transactions that committed before are not sent again */
} slot_state;

typedef struct slot_created {
    uint64_t consistent_lsn;
    weir_str snapshot; /* its exported name; lives as long as the task */
} slot_created;

/* Refuses a server that can't do it: wal_level, version, a standby. */
WEIR_MUST_CHECK weir_code slot_check_server(PGconn *connection, weir_error *err);

/* Which server this is: the identity of its cluster, and the timeline of its WAL, which a failover or a
 * recovery to a point in time changes. */
typedef struct slot_server {
    uint64_t system;
    uint32_t timeline;
    uint64_t wal_end;
} slot_server;

WEIR_MUST_CHECK weir_code slot_identify(PGconn *replication, slot_server *server, weir_error *err);
/* The same for a role that must not replicate. */
WEIR_MUST_CHECK weir_code slot_identify_by_sql(PGconn *connection, slot_server *server,
                                               weir_error *err);
/* Where the server's history left an older timeline; *fork 0: it does not come from that. */
WEIR_MUST_CHECK weir_code slot_find_fork(PGconn *replication, const slot_server *server,
                                         uint32_t timeline, uint64_t *fork, weir_error *err);
/* The same out of a history file: a line for each timeline that was left, its number, where and why, with
 * tabs between them. Exposed for its test. */
uint64_t slot_fork_in(weir_str history, uint32_t timeline);

WEIR_MUST_CHECK weir_code slot_look(PGconn *connection, const settings *config, slot_state *state,
                                    weir_error *err);

/* Makes the slot, in two steps: it waits for every transaction that is open on the server. */
WEIR_MUST_CHECK weir_code slot_create_begin(PGconn *replication, const settings *config,
                                            weir_error *err);
/* *done: it is there. Waits no longer than this. */
WEIR_MUST_CHECK weir_code slot_create_poll(PGconn *replication, weir_task *task, int64_t timeout_us,
                                           slot_created *created, bool *done, weir_error *err);

/* How many transactions a slot that is being made waits for, and the oldest's process. */
WEIR_MUST_CHECK weir_code slot_waits_for(PGconn *connection, int *count, int *pid, weir_error *err);

#endif
