/* snapshot_rows.h - delivers the rows of a snapshot, and writes how far it is.
 *
 * A row is held back until the next one is known, because the last row of a table is marked. The offset
 * calls a range done only when its last row was delivered: it is written right behind a delivered row,
 * and what is held then is of a range whose end was not seen.
 *
 * One thread.
 */
#ifndef POSTGRES_CDC_SNAPSHOT_ROWS_H
#define POSTGRES_CDC_SNAPSHOT_ROWS_H

#include "snapshot_readers.h"
#include "source.h"

typedef enum table_step {
    STEP_ASK,   /* how large the next table is */
    STEP_BEGIN, /* the answer is waited for */
    STEP_EMPTY, /* an event that empties what a crash left in the sinks */
    STEP_SPLIT, /* ranges are looked for */
    STEP_READ,
} table_step;

/* Why a step did not go on. */
typedef enum snapshot_pause { PAUSE_NONE, PAUSE_FULL, PAUSE_WAIT } snapshot_pause;

struct snapshot {
    snapshot_readers readers;
    seen_state state;
    bool is_slots_state; /* the changes that follow begin right behind it */
    size_t table;        /* the one being read */
    table_step step;
    size_t splitting; /* the range whose parts are looked for */
    snapshot_table ranges;
    relation *relation;
    pgoutput_value *values;
    bool whole;          /* after a crash it is read again whole */
    bool keyless;        /* and then no change, nor a later reading, puts right what was read */
    bool first;          /* no row of the whole snapshot was delivered yet */
    int64_t row_count;   /* of the table, delivered */
    int64_t total_count; /* of all tables, delivered */
    int64_t estimate;    /* of all tables */
    int64_t undurable_rows, undurable_bytes;
    bool range_ended; /* since the last checkpoint */
    bool was_large;   /* a row of the table was very large */
    bool is_present;  /* the table is known to be what it was in the state */
    weir_buf files;   /* of the table, in the state */
    copy_row held, next;
    weir_buf left; /* as the position has it */
};

/* "schema.table": the order of names is that of the catalog, which offsets rely on. */
weir_str snapshot_label(source *self, const catalog_table *table);

/* Delivers the held row and moves the next one into its place. */
WEIR_MUST_CHECK weir_code snapshot_rows_deliver(source *self, weir_batch *batch,
                                                snapshot_pause *why, weir_error *err);

/* The table is complete, and its last row delivered. */
void snapshot_rows_finish(source *self, weir_batch *batch);

#endif
