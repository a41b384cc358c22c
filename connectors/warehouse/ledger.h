/* ledger.h - how far the log was applied, kept in the destination and in the same transaction as the
 * data: what makes a retry, a crash or a lost answer to a commit harmless.
 *
 * One row for each connector, topic and partition holds the next offset, the log and the topic it
 * counts in, and who may write it: a task claims the row when it gets the partition, by its number and
 * epoch, and a write by anybody else changes no row and so fails. `careful_to`: records below this
 * offset are applied one transaction a time, because one of them was refused by the destination.
 *
 * Belongs to the task's thread. All functions but ledger_open run inside a transaction of the dialect.
 */
#ifndef WAREHOUSE_LEDGER_H
#define WAREHOUSE_LEDGER_H

#include "dialect.h"

typedef struct ledger_row {
    weir_str topic;
    int32_t partition;
    int64_t next;       /* as stored; -1: nothing yet */
    int64_t pending;    /* what the next write stores; -1: unchanged */
    int64_t careful_to; /* -1: no */
    bool is_new;        /* claimed in the transaction that is open */
} ledger_row;

typedef struct ledger {
    dialect *dialect;
    weir_str name;      /* quoted */
    weir_str connector; /* as an SQL literal */
    weir_str log_id;    /* as an SQL literal */
    weir_buf rows;      /* ledger_row, those that this task has claimed */
    weir_buf text;      /* scratch */
    weir_buf cells;     /* scratch */
} ledger;

void ledger_init(ledger *self, dialect *to);
void ledger_done(ledger *self);

/* Makes the table when it is missing. */
weir_code ledger_create(ledger *self, weir_error *err);

/* This task gets a partition. WEIR_FATAL when a newer start has it, or when what is stored counts in
 * another log or another topic of the same name. */
weir_code ledger_claim(ledger *self, weir_str topic, int32_t partition, ledger_row **row,
                       weir_error *err);

/* The row of a claimed partition, NULL when it is not claimed. */
ledger_row *ledger_find(ledger *self, weir_str topic, int32_t partition);
void ledger_forget(ledger *self, weir_str topic, int32_t partition);

/* Stores what is pending. WEIR_FATAL when a row is no longer ours. */
weir_code ledger_write(ledger *self, weir_error *err);
/* After the commit: what was pending is stored. */
void ledger_committed(ledger *self);
/* After a rollback: nothing is pending, and partitions that were claimed in it have to be claimed again. */
void ledger_rolled_back(ledger *self);

/* Stores that records below what is pending shall be applied with care; nothing is pending then. */
weir_code ledger_write_careful(ledger *self, weir_error *err);

/* True while a partition has records to be applied with care. */
bool ledger_is_careful(const ledger *self);

/* Sets or forgets (-1) the offset, whatever log it counted in. */
weir_code ledger_set(ledger *self, weir_str topic, int32_t partition, int64_t next,
                     weir_error *err);

#endif
