/* event.h - writes the records of a change: Debezium's envelope, keys, tombstones.
 *
 * The source block is put together from parts that are encoded once: per task, per transaction, per
 * table. Every record has the header weir.position, a number that grows with each change of a row: the
 * change's LSN, and for a row of a snapshot the position that its slot began to decode at, which is below
 * every change that follows. The header weir.source says within what positions can be compared: SYSTEM/TIMELINE,
 * the cluster and the timeline in which this capture began. It stays when a standby is promoted without a
 * loss, and is another one in any history that may have given the same positions twice. The truncate that a snapshot of a table without a key begins again with has
 * the header weir.restart: sinks that keep its rows have to remove them. Changes also have weir.txid and weir.order, the place in the transaction.
 *
 * One thread. event_done releases what event_init took.
 */
#ifndef POSTGRES_CDC_EVENT_H
#define POSTGRES_CDC_EVENT_H

#include "relation.h"

/* What of a source block and of headers is the same in a whole transaction, encoded. */
typedef struct event_scope {
    const char *snapshot; /* what it was made of; NULL: nothing yet */
    int64_t commit_us, transaction_id;
    uint64_t last_commit_lsn;
    weir_buf head;     /* of the block, up to "sequence" */
    char sequence[32]; /* the text's beginning: ["22798176"," */
    size_t sequence_len;
    uint8_t times[22]; /* ts_us, ts_ns */
    size_t times_len;
    uint8_t id[11]; /* txId */
    size_t id_len;
    char id_text[20]; /* weir.txid */
    size_t id_text_len;
} event_scope;

typedef struct event {
    const settings *settings;
    weir_buf head;     /* version, connector, name */
    weir_buf database; /* db */
    weir_buf source;   /* the source block being written */
    weir_buf topic;    /* of heartbeats */
    weir_buf identity; /* weir.source */
    int64_t now_us;    /* when the records are written: ts_ms of the envelope */

    /* of the transaction, or of the snapshot */
    const char *snapshot; /* "false", "first", ... */
    int64_t commit_us;
    uint64_t last_commit_lsn; /* of the transaction before; 0: none */
    int64_t transaction_id;   /* -1: none */
    uint64_t position_floor;  /* of a snapshot: every row's weir.position */
    event_scope scope;
} event;

/* One change of one row, or of all. */
typedef struct event_change {
    const relation *relation;
    char operation;                /* c, u, d, r, t */
    const pgoutput_tuple *old_row; /* NULL: none */
    const pgoutput_tuple *new_row;
    const pgoutput_tuple *fill; /* the old row, when all of it was sent: for unchanged columns */
    bool restart;               /* a truncate of our own: the table's snapshot begins again */
    uint64_t lsn;
    int64_t order; /* in its transaction, from 1 */
} event_change;

void event_init(event *self, const settings *config);
void event_done(event *self);
/* What weir.source is from now on. */
void event_identify(event *self, uint64_t system, uint32_t timeline);

/* Writes the records of a change: usually one, two of a delete, three when the key changed. *step is
 * where to go on, 0 at first; the batch was full when it is not -1 afterwards, and the same change is
 * to be given again with it. */
WEIR_MUST_CHECK weir_code event_write(event *self, const event_change *change, int *step,
                                      weir_batch *batch, weir_error *err);

/* Writes a heartbeat; *full: it did not fit. */
WEIR_MUST_CHECK weir_code event_heartbeat(event *self, const weir_schema *key,
                                          const weir_schema *value, weir_batch *batch, bool *full,
                                          weir_error *err);

#define EVENT_HEARTBEAT_KEY                                                                        \
    "{\"type\":\"record\",\"name\":\"ServerNameKey\",\"namespace\":"                               \
    "\"io.debezium.connector.common\",\"fields\":[{\"name\":\"serverName\",\"type\":\"string\"}]," \
    "\"connect.version\":1,\"connect.name\":\"io.debezium.connector.common.ServerNameKey\"}"
#define EVENT_HEARTBEAT_VALUE                                                                      \
    "{\"type\":\"record\",\"name\":\"Heartbeat\",\"namespace\":\"io.debezium.connector.common\","  \
    "\"fields\":[{\"name\":\"ts_ms\",\"type\":\"long\"}],\"connect.version\":1,"                   \
    "\"connect.name\":\"io.debezium.connector.common.Heartbeat\"}"

#endif
