/* batch_state.h - the inside of a batch, shared by batch.c, batch_write.c and batch_read.c only. */
#ifndef SDK_SRC_BATCH_STATE_H
#define SDK_SRC_BATCH_STATE_H

#include "sdk/src/batch.h"

#include "schema-registry/avro/avro.h"

enum {
    BATCH_RECORDS_MAX = 65536,
    BATCH_ARENA_MAX = 1 << 30, /* the largest record, and with it the largest arena */
};

typedef enum batch_part { PART_NONE, PART_RECORD, PART_KEY, PART_VALUE } batch_part;

typedef struct batch_state {
    weir_batch batch; /* first: a weir_batch is the beginning of this */
    uint8_t *arena;
    size_t capacity; /* of the arena now */
    size_t nominal;  /* of the arena as it was made */
    size_t used;     /* by records that are complete, and what belongs to them */

    batch_entry *entries;
    uint32_t count, entries_capacity;
    weir_buf marks;   /* of batch_mark */
    weir_buf topics;  /* of batch_span, into names */
    weir_buf names;   /* the topics' names */
    weir_buf schemas; /* of const weir_schema pointers */
    uint32_t last_topic;

    /* The record that is being written. */
    batch_part part;
    size_t record_start; /* used, when it began */
    size_t part_start;   /* where its open key or value begins */
    bool too_large;
    bool checked;
    bool illegal;        /* a put broke the schema; problem says how */
    const char *misuse;  /* a call that is none of a plugin's where it came; NULL: none did */
    batch_entry nowhere; /* what is said of a record outside of one goes here */
    weir_buf unsent;     /* of uint64_t: the columns that were marked */
    avro_checker checker;
    char problem[400];
} batch_state;

static inline batch_state *batch_state_of(const weir_batch *batch)
{
    return (batch_state *)(uintptr_t)batch;
}

/* Makes room for size bytes behind `used` (no part is open) or behind `at`. False: past the limit. */
bool batch_make_room(batch_state *self, size_t used, size_t size);

/* The next place of the index, which count does not include yet. */
batch_entry *batch_next_entry(batch_state *self);

#endif
