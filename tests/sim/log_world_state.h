/* log_world_state.h - a simulated log's world from the inside: what its files share. */
#ifndef TESTS_SIM_LOG_WORLD_STATE_H
#define TESTS_SIM_LOG_WORLD_STATE_H

#include "runtime/log/store.h"
#include "runtime/log/store_keep.h"
#include "runtime/wire/record_batch.h"
#include "tests/sim/log_world.h"

enum {
    TOPICS = 4,
    PARTITIONS = 2, /* of each topic */
    PLACES = TOPICS * PARTITIONS,
    MAX_UNITS = 600,
    MAX_PIECES = 4,
    MAX_RECORDS = 5,
    LARGE_BYTES = 3000,
    LANES = 2, /* units take turns */
    HOLDERS = 2,
    KEYS = 7,
    FACTS = 3,
    DAY_MS = 86400000,
    LIMIT_BYTES = 12000, /* of partitions that have one */
};

/* The topics, by what removes their records. */
enum { BY_TIME, BY_SIZE_WAIT, BY_SIZE_TRIM, BY_KEY };

typedef enum unit_state { UNIT_QUEUED, UNIT_ACKNOWLEDGED, UNIT_UNKNOWN, UNIT_ABSENT } unit_state;

typedef struct world world;

typedef struct unit {
    store_append append;
    store_piece pieces[MAX_PIECES];
    int place[MAX_PIECES];
    int record_count[MAX_PIECES];
    int64_t base_offset[MAX_PIECES]; /* as acknowledged, or as found after a crash */
    int found[MAX_PIECES];           /* records, in this look at the log */
    weir_buf bytes[MAX_PIECES];
    int piece_count;
    int64_t time_ms;
    unit_state state;
    world *world;
} unit;

/* Which thread's work is being done: it is not begun again meanwhile. */
typedef enum role { ROLE_NONE, ROLE_WRITER, ROLE_APPLIER, ROLE_KEEPER, ROLE_ALL } role;

struct world {
    clock_source clock;
    int64_t now_us;
    uint64_t random;
    disk *disk;
    store *store;
    store_lane *lanes[LANES];
    role role;
    bool is_meanwhile;
    store_partition *partitions[PLACES];
    int64_t trimmed[PLACES];        /* the highest start there was */
    int64_t asked[PLACES];          /* up to where was trimmed by hand */
    int64_t next[PLACES];           /* what the acknowledged units make the next offset */
    int64_t holds[PLACES][HOLDERS]; /* -1: none */
    unit *units;
    uint32_t unit_count;
    bool dynamic_exists, dynamic_is_sure; /* the topic that comes and goes */
    char dynamic_id[37];
    int64_t dynamic_next, dynamic_unknown; /* its records: acknowledged; perhaps there */
    int64_t facts[FACTS];
    bool fact_is_sure[FACTS];
    bool verbose;
    bool failed;
    char *message;
    size_t message_bytes;
    world_totals *totals;
    uint64_t operations;
};

uint64_t world_dice(world *self, uint64_t sides);
int64_t world_now_ms(const world *self);
/* A promise is broken; the first breach is the one that is told. */
void world_broken(world *self, const char *fmt, ...) WEIR_PRINTF(2, 3);

/* --- log_units.c: what is written ----------------------------------------------------------- */

static inline int topic_of(int place)
{
    return place / PARTITIONS;
}

/* Submits another unit. */
void world_submit(world *self);
/* The value of a record; returns its size. */
size_t unit_value(char *value, uint32_t number, int piece, int record, size_t size);
/* In the topic with keys: which one a record has, and whether it is a tombstone. */
int unit_key(uint32_t number, int piece, int record);
bool unit_is_tombstone(uint32_t number, int piece, int record);

/* --- log_look.c: what is read --------------------------------------------------------------- */

/* While it runs: exactly what was acknowledged can be read. */
void world_check_running(world *self, int place);
/* After a recovery: everything against the model, and what was unknown is known from here on. */
void world_check_recovered(world *self);

/* --- log_keys.c: the topic with keys -------------------------------------------------------- */

/* The last record of every key, in a look at a partition. */
typedef struct key_map {
    int64_t last[KEYS]; /* -1: none */
} key_map;

void key_map_init(key_map *seen);
/* A record of the keyed topic: is it what was written there? Offsets have been looked at. */
bool world_look_at_keyed(world *self, int place, const record_view *record, key_map *seen);
/* What was seen against what was acknowledged. */
void world_check_keys(world *self, int place, const key_map *seen);

/* --- log_keep.c: what removes --------------------------------------------------------------- */

/* As the embedded log's tend: compaction and retention. */
void world_tend(store *store, void *context);
/* Says the holds again, after an opening. */
void world_say_holds(world *self);
/* Nothing is removed that is held, or that is neither old nor too much. */
void world_check_kept(world *self);
void world_trim(world *self);
void world_change_hold(world *self);
void world_compact(world *self);
void world_change_topics(world *self);
void world_append_passing(world *self);
void world_put_fact(world *self);
/* After a recovery. */
void world_check_dynamic(world *self);
void world_check_facts(world *self);

#endif
