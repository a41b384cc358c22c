/* log_world.c - the operations, the faults and the model of the log's simulation. */
#include "tests/sim/log_world.h"

#include "runtime/base/mem.h"
#include "runtime/log/store.h"
#include "runtime/log/store_keep.h"
#include "runtime/wire/record_batch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS = 3,
    PARTITIONS = 2, /* of each topic */
    PLACES = TOPICS * PARTITIONS,
    MAX_UNITS = 600,
    MAX_PIECES = 4,
    MAX_RECORDS = 5,
    LARGE_BYTES = 3000,
    ROUND_OPERATIONS = 80,
    ROUNDS = 3,
    OPEN_TRIES = 6,
    READ_BYTES = 4096,
};

static const char *const TOPIC_NAMES[TOPICS] = {"orders", "items", "stock"};

typedef enum unit_state { UNIT_QUEUED, UNIT_ACKNOWLEDGED, UNIT_UNKNOWN, UNIT_ABSENT } unit_state;

typedef struct world world;

typedef struct unit {
    store_append append;
    store_piece pieces[MAX_PIECES];
    int place[MAX_PIECES];
    int record_count[MAX_PIECES];
    int64_t base_offset[MAX_PIECES]; /* as acknowledged, or as found after a crash */
    bool found[MAX_PIECES];          /* in this look at the log */
    weir_buf bytes[MAX_PIECES];
    int piece_count;
    unit_state state;
    world *world;
} unit;

struct world {
    clock_source clock;
    int64_t now_us;
    uint64_t random;
    disk *disk;
    store *store;
    store_partition *partitions[PLACES];
    int64_t trimmed[PLACES]; /* the highest start there was */
    int64_t next[PLACES];    /* what the acknowledged units make the next offset */
    unit *units;
    uint32_t unit_count;
    bool dynamic_exists, dynamic_is_sure; /* the topic that comes and goes */
    bool verbose;
    bool failed;
    char *message;
    size_t message_bytes;
    world_totals *totals;
    uint64_t operations;
};

static uint64_t dice(world *self, uint64_t sides)
{
    uint64_t value = self->random += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return (value ^ value >> 31) % sides;
}

static int64_t world_wall(clock_source *clock)
{
    return ((world *)clock)->now_us;
}

static int64_t world_mono(clock_source *clock)
{
    return ((world *)clock)->now_us * 1000;
}

static void broken(world *self, const char *fmt, ...) WEIR_PRINTF(2, 3);

/* The first breach is the one that is told. */
static void broken(world *self, const char *fmt, ...)
{
    va_list args;

    if (self->failed)
        return;
    self->failed = true;
    va_start(args, fmt);
    vsnprintf(self->message, self->message_bytes, fmt, args);
    va_end(args);
}

/* --- Units ---------------------------------------------------------------------------------- */

static void unit_done(store_append *append)
{
    unit *ended = append->context;
    world *self = ended->world;

    switch (append->code) {
    case WEIR_OK:
        ended->state = UNIT_ACKNOWLEDGED;
        self->totals->acknowledged++;
        for (int i = 0; i < ended->piece_count; i++) {
            ended->base_offset[i] = ended->pieces[i].base_offset;
            if (ended->base_offset[i] != self->next[ended->place[i]])
                broken(self, "unit %zu got offset %" PRId64 ", the next one was %" PRId64,
                       (size_t)(ended - self->units), ended->base_offset[i],
                       self->next[ended->place[i]]);
            self->next[ended->place[i]] = ended->base_offset[i] + ended->record_count[i];
        }
        break;
    case WEIR_RETRY:
        ended->state = UNIT_ABSENT; /* it was not being written yet */
        break;
    case WEIR_END:
    case WEIR_REJECT:
    case WEIR_CONFIG:
        broken(self, "an append ended with %s: %s", weir_code_name(append->code),
               append->err.message);
        break;
    case WEIR_FATAL:
        ended->state = UNIT_UNKNOWN;
        break;
    }
}

/* A value says whose it is: unit, piece, place in the piece; then filling that follows from them. */
static size_t fill_value(char *value, uint32_t number, int piece, int record, size_t size)
{
    uint32_t front[3] = {number, (uint32_t)piece, (uint32_t)record};

    memcpy(value, front, sizeof(front));
    for (size_t i = sizeof(front); i < size; i++)
        value[i] = (char)(number * 31 + (uint32_t)i);
    return size;
}

static void build_piece(world *self, unit *made, int piece, size_t value_bytes)
{
    record_batch_builder builder;
    weir_buf scratch = {0};
    char value[LARGE_BYTES];
    weir_error err;
    weir_code code;

    record_batch_begin(&builder, &made->bytes[piece]);
    for (int i = 0; i < made->record_count[piece]; i++) {
        record_fields record = {.timestamp_ms = self->now_us / 1000};

        record.value.ptr = value;
        record.value.len = fill_value(value, (uint32_t)(made - self->units), piece, i, value_bytes);
        record_batch_add(&builder, &record);
    }
    code =
        record_batch_end(&builder, dice(self, 8) == 0 ? RECORD_LZ4 : RECORD_NONE, &scratch, &err);
    assert(code == WEIR_OK);
    weir_buf_done(&scratch);
    made->pieces[piece] = (store_piece){.partition = self->partitions[made->place[piece]],
                                        .bytes = made->bytes[piece].ptr,
                                        .size = made->bytes[piece].len};
}

static void submit(world *self)
{
    unit *made;
    size_t value_bytes = 12 + dice(self, 200);
    int first = (int)dice(self, PLACES);

    if (self->unit_count == MAX_UNITS)
        return;
    made = &self->units[self->unit_count++];
    made->world = self;
    made->piece_count = (int)dice(self, 3) == 0 ? 1 + (int)dice(self, MAX_PIECES) : 1;
    if (dice(self, 10) == 0) {
        value_bytes = LARGE_BYTES - dice(self, 1500);
        self->totals->large++;
    }
    for (int i = 0; i < made->piece_count; i++) {
        made->place[i] = (first + i) % PLACES;
        made->record_count[i] = 1 + (int)dice(self, MAX_RECORDS);
        build_piece(self, made, i, value_bytes);
    }
    made->append = (store_append){.pieces = made->pieces,
                                  .piece_count = (size_t)made->piece_count,
                                  .done = unit_done,
                                  .context = made};
    self->totals->units++;
    store_submit(self->store, &made->append);
}

/* --- Looking -------------------------------------------------------------------------------- */

/* A look at one partition: which record must come next. */
typedef struct look {
    world *world;
    int place;
    int64_t next_offset;
    unit *unit; /* NULL: a new one begins */
    int piece, record;
    uint32_t last_number;
    bool is_first;
} look;

static bool begin_unit(look *at, uint32_t number, uint32_t piece, int64_t offset)
{
    world *self = at->world;
    unit *found = number < self->unit_count ? &self->units[number] : NULL;

    if (found == NULL || piece >= (uint32_t)found->piece_count ||
        found->place[piece] != at->place) {
        broken(self, "place %d offset %" PRId64 ": a record that nobody wrote there", at->place,
               offset);
        return false;
    }
    if (!at->is_first && number <= at->last_number)
        broken(self, "place %d offset %" PRId64 ": unit %" PRIu32 " behind unit %" PRIu32,
               at->place, offset, number, at->last_number);
    if (found->state == UNIT_ABSENT)
        broken(self, "place %d offset %" PRId64 ": unit %" PRIu32 " was never to be seen",
               at->place, offset, number);
    if (found->state == UNIT_ACKNOWLEDGED && found->base_offset[piece] != offset)
        broken(self, "place %d: unit %" PRIu32 " is at %" PRId64 ", was acknowledged at %" PRId64,
               at->place, number, offset, found->base_offset[piece]);
    found->found[piece] = true;
    found->base_offset[piece] = offset;
    at->unit = found;
    at->piece = (int)piece;
    at->record = 0;
    at->last_number = number;
    at->is_first = false;
    return true;
}

static bool look_at_record(look *at, const record_view *record)
{
    world *self = at->world;
    uint32_t front[3];
    char expected[LARGE_BYTES];

    if (record->value.len < sizeof(front) || record->value.len > sizeof(expected)) {
        broken(self, "place %d offset %" PRId64 ": a record of %zu bytes", at->place,
               record->offset, record->value.len);
        return false;
    }
    memcpy(front, record->value.ptr, sizeof(front));
    if (record->offset != at->next_offset) {
        broken(self, "place %d: offset %" PRId64 " where %" PRId64 " was expected", at->place,
               record->offset, at->next_offset);
        return false;
    }
    if (at->unit == NULL && !begin_unit(at, front[0], front[1], record->offset))
        return false;
    fill_value(expected, (uint32_t)(at->unit - self->units), at->piece, at->record,
               record->value.len);
    if (memcmp(expected, record->value.ptr, record->value.len) != 0) {
        broken(self, "place %d offset %" PRId64 ": not what was written", at->place,
               record->offset);
        return false;
    }
    at->next_offset++;
    if (++at->record == at->unit->record_count[at->piece])
        at->unit = NULL;
    return true;
}

static bool look_at_batches(look *at, weir_str batches)
{
    weir_buf scratch = {0};
    bool fine = true;

    while (batches.len > 0 && fine) {
        record_iterator records;
        record_view record;
        weir_error err;
        weir_code code = record_iterator_begin(&records, batches, &scratch, 1 << 20, &err);

        while (fine && code == WEIR_OK &&
               (code = record_iterator_next(&records, &record, &err)) == WEIR_OK)
            fine = look_at_record(at, &record);
        if (fine && code != WEIR_END) {
            broken(at->world, "place %d: %s", at->place, err.message);
            fine = false;
        }
        batches.ptr += records.info.size_bytes;
        batches.len -= fine ? records.info.size_bytes : batches.len;
    }
    weir_buf_done(&scratch);
    return fine;
}

/* Reads a partition from its start to its end. False: an I/O error ended it. */
static bool look_at_place(world *self, int place)
{
    store_partition *partition = self->partitions[place];
    int64_t start = store_start_offset(partition), end = store_end_offset(partition);
    look at = {.world = self, .place = place, .next_offset = start, .is_first = true};
    store_cursor cursor = {0};
    weir_buf bytes = {0};
    bool fine = true;

    if (start > self->trimmed[place])
        broken(self, "place %d begins at %" PRId64 ", was trimmed to %" PRId64, place, start,
               self->trimmed[place]);
    while (at.next_offset < end && fine && !self->failed) {
        weir_error err;

        weir_buf_clear(&bytes);
        if (store_read(partition, at.next_offset, READ_BYTES, &cursor, &bytes, &err) != WEIR_OK) {
            if (sim_disk_eio_count(self->disk) == 0 && !sim_disk_is_down(self->disk))
                broken(self, "place %d offset %" PRId64 ": %s", place, at.next_offset, err.message);
            fine = false;
        } else if (bytes.len == 0) {
            broken(self, "place %d ends at %" PRId64 ", before %" PRId64, place, at.next_offset,
                   end);
        } else {
            fine = look_at_batches(&at, weir_buf_str(&bytes));
        }
    }
    if (fine && at.unit != NULL)
        broken(self, "place %d ends inside a unit", place);
    weir_buf_done(&bytes);
    return fine;
}

/* While it runs: exactly what was acknowledged can be read. */
static void check_running(world *self, int place)
{
    int64_t end = store_end_offset(self->partitions[place]);

    if (end != self->next[place])
        broken(self, "place %d can be read to %" PRId64 ", acknowledged is %" PRId64, place, end,
               self->next[place]);
    else
        (void)look_at_place(self, place);
}

static void settle_unit(world *self, unit *settled, const int64_t *starts)
{
    size_t number = (size_t)(settled - self->units);
    int found = 0, gone = 0;

    for (int i = 0; i < settled->piece_count; i++) {
        found += settled->found[i];
        gone += settled->state == UNIT_ACKNOWLEDGED && !settled->found[i] &&
                settled->base_offset[i] < starts[settled->place[i]];
        if (settled->state == UNIT_ACKNOWLEDGED && !settled->found[i] &&
            settled->base_offset[i] >= starts[settled->place[i]])
            broken(self, "unit %zu was acknowledged at place %d offset %" PRId64 " and is lost",
                   number, settled->place[i], settled->base_offset[i]);
    }
    if (found + gone != 0 && found + gone != settled->piece_count)
        broken(self, "of unit %zu only %d of %d parts are there", number, found,
               settled->piece_count);
    if (settled->state == UNIT_UNKNOWN || settled->state == UNIT_QUEUED) {
        settled->state = found > 0 ? UNIT_ACKNOWLEDGED : UNIT_ABSENT;
        if (found > 0)
            self->totals->kept_unacknowledged++;
        else
            self->totals->lost_unacknowledged++;
    }
}

/* After a recovery: everything against the model, and what was unknown is known from here on. */
static void check_recovered(world *self)
{
    int64_t starts[PLACES];

    for (uint32_t i = 0; i < self->unit_count; i++)
        memset(self->units[i].found, 0, sizeof(self->units[i].found));
    for (int place = 0; place < PLACES; place++) {
        starts[place] = store_start_offset(self->partitions[place]);
        if (!look_at_place(self, place) && !self->failed)
            broken(self, "place %d cannot be read after recovery", place);
        self->next[place] = store_end_offset(self->partitions[place]);
    }
    for (uint32_t i = 0; i < self->unit_count && !self->failed; i++)
        settle_unit(self, &self->units[i], starts);
}

/* --- Opening, closing, faults --------------------------------------------------------------- */

static bool find_partitions(world *self)
{
    for (int i = 0; i < PLACES; i++) {
        store_topic *topic = store_topic_find(self->store, weir_cstr(TOPIC_NAMES[i / PARTITIONS]));

        if (topic == NULL)
            return false;
        self->partitions[i] = store_partition_at(topic, i % PARTITIONS);
    }
    return true;
}

static void check_dynamic(world *self)
{
    bool exists = store_topic_find(self->store, WEIR_STR("passing")) != NULL;

    if (self->dynamic_is_sure && exists != self->dynamic_exists)
        broken(self, "topic 'passing' %s", exists ? "came back" : "is lost");
    self->dynamic_exists = exists;
    self->dynamic_is_sure = true;
}

static void choose_faults(world *self, sim_faults *faults, uint64_t calls)
{
    *faults = (sim_faults){0};
    if (dice(self, 2) == 0)
        faults->crash_in = 1 + dice(self, calls);
    if (dice(self, 3) == 0)
        faults->eio_ppm = 200 + (uint32_t)dice(self, 3000);
    if (dice(self, 3) == 0)
        faults->full_ppm = 500 + (uint32_t)dice(self, 30000);
    if (dice(self, 8) == 0)
        faults->capacity_bytes = (int64_t)(150000 + dice(self, 400000));
}

static weir_code open_store(world *self, weir_error *err)
{
    store_options options = {
        .path = "log",
        .disk = self->disk,
        .clock = &self->clock,
        .journal_file_bytes = 65536,
        .segment_bytes = 8192,
        .large_bytes = LARGE_BYTES * 2,
        .seed =
            dice(self, UINT64_MAX) | 1, /* its generator is like ours: not from the same place */
        .manual = true,
    };

    return store_open(&options, &self->store, err);
}

/* Opens the log; the first tries meet faults, the last one has to succeed. */
static bool recover(world *self)
{
    weir_error err = {0};

    for (int i = 0; i < OPEN_TRIES; i++) {
        sim_faults faults = {0};

        if (i + 1 < OPEN_TRIES && dice(self, 2) == 0)
            choose_faults(self, &faults, 60);
        sim_disk_set_faults(self->disk, &faults);
        if (open_store(self, &err) == WEIR_OK) {
            sim_disk_set_faults(self->disk, &(sim_faults){0});
            if (!sim_disk_is_down(self->disk)) {
                self->totals->recoveries++;
                return true;
            }
            store_close(self->store);
        } else if (faults.crash_in == 0 && faults.eio_ppm == 0 && faults.full_ppm == 0 &&
                   faults.capacity_bytes == 0) {
            break;
        }
        self->store = NULL;
        if (sim_disk_is_down(self->disk) || dice(self, 2) == 0) {
            sim_disk_crash(self->disk);
            self->totals->crashes++;
        }
    }
    broken(self, "the log cannot be opened: %s", err.message);
    return false;
}

static void note_stats(world *self)
{
    store_stats stats;

    store_get_stats(self->store, &stats);
    self->totals->replayed += stats.replayed;
}

/* Ends the run: in order, or by a power failure. */
static void end_round(world *self, bool by_crash)
{
    note_stats(self);
    if (by_crash &&
        !sim_disk_is_down(self->disk)) /* nothing of what close does may reach the disk */
        sim_disk_set_faults(self->disk, &(sim_faults){.crash_in = 1});
    store_close(self->store);
    self->store = NULL;
    for (uint32_t i = 0; i < self->unit_count; i++) {
        if (self->units[i].state == UNIT_QUEUED)
            broken(self, "unit %" PRIu32 " never ended", i);
    }
    if (by_crash || sim_disk_is_down(self->disk)) {
        sim_disk_crash(self->disk);
        self->totals->crashes++;
    }
    sim_disk_set_faults(self->disk, &(sim_faults){0});
}

/* --- Operations ----------------------------------------------------------------------------- */

static void trim_some(world *self)
{
    int place = (int)dice(self, PLACES);
    store_partition *partition = self->partitions[place];
    int64_t end = store_end_offset(partition), start;
    weir_error err;

    if (dice(self, 2) == 0) {
        store_roll(partition);
        return;
    }
    if (store_trim(partition, end / 2, false, &start, &err) == WEIR_OK)
        self->totals->trims++;
    start = store_start_offset(partition);
    if (start > end / 2)
        broken(self, "place %d was trimmed to %" PRId64 ", only %" PRId64 " was asked for", place,
               start, end / 2);
    if (start > self->trimmed[place])
        self->trimmed[place] = start;
}

static void change_topics(world *self)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    bool wanted = !self->dynamic_exists;
    weir_error err;
    weir_code code;

    if (!self->dynamic_is_sure)
        return;
    code = wanted ? store_topic_create(self->store, WEIR_STR("passing"), &config, &err)
                  : store_topic_delete(self->store, WEIR_STR("passing"), &err);
    if (code == WEIR_OK) {
        self->dynamic_exists = wanted;
        *(wanted ? &self->totals->topics_made : &self->totals->topics_deleted) += 1;
    } else {
        self->dynamic_is_sure = false;
    }
}

static void append_passing(world *self)
{
    store_topic *topic = store_topic_find(self->store, WEIR_STR("passing"));
    weir_buf bytes = {0}, scratch = {0};
    record_batch_builder builder;
    store_piece piece;
    store_append append = {.pieces = &piece, .piece_count = 1};
    weir_error err;

    if (topic == NULL)
        return;
    record_batch_begin(&builder, &bytes);
    record_batch_add(&builder, &(record_fields){.value = WEIR_STR("passing")});
    if (record_batch_end(&builder, RECORD_NONE, &scratch, &err) != WEIR_OK)
        broken(self, "%s", err.message);
    piece = (store_piece){
        .partition = store_partition_at(topic, 0), .bytes = bytes.ptr, .size = bytes.len};
    if (store_append_now(self->store, &append, &err) == WEIR_REJECT)
        broken(self, "%s", err.message);
    weir_buf_done(&bytes);
}

static void operate(world *self)
{
    uint64_t roll = dice(self, 100);

    self->now_us += (int64_t)dice(self, 2000000);
    self->operations++;
    if (roll < 45)
        submit(self);
    else if (roll < 65)
        (void)store_step(self->store, STORE_WRITE);
    else if (roll < 82)
        (void)store_step(self->store, STORE_APPLY);
    else if (roll < 87)
        (void)store_step(self->store, STORE_CHECKPOINT);
    else if (roll < 89)
        (void)store_step(self->store, STORE_TEND);
    else if (roll < 94)
        check_running(self, (int)dice(self, PLACES));
    else if (roll < 97)
        trim_some(self);
    else if (roll < 98)
        append_passing(self);
    else
        change_topics(self);
}

static bool run_round(world *self, bool is_last)
{
    sim_faults faults;
    bool crash;

    if (!recover(self))
        return false;
    if (!find_partitions(self)) {
        broken(self, "a topic is lost");
        return false;
    }
    check_recovered(self);
    check_dynamic(self);
    choose_faults(self, &faults, 700);
    sim_disk_set_faults(self->disk, &faults);
    for (int i = 0; i < ROUND_OPERATIONS && !self->failed; i++) {
        operate(self);
        if (store_has_stopped(self->store, NULL)) {
            self->totals->stops++;
            if (dice(self, 4) > 0)
                break;
        }
    }
    crash = is_last || dice(self, 3) > 0;
    end_round(self, crash);
    return !self->failed;
}

static bool make_log(world *self)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    config.partitions = PARTITIONS;
    if (!recover(self))
        return false;
    for (int i = 0; i < TOPICS; i++) {
        if (store_topic_create(self->store, weir_cstr(TOPIC_NAMES[i]), &config, &err) != WEIR_OK)
            broken(self, "topic '%s': %s", TOPIC_NAMES[i], err.message);
    }
    end_round(self, dice(self, 2) == 0);
    return !self->failed;
}

bool world_run(uint64_t seed, bool verbose, world_totals *totals, char *message,
               size_t message_bytes)
{
    world self = {.clock = {world_wall, world_mono},
                  .now_us = INT64_C(1700000000000000),
                  .random = seed * 1000003,
                  .verbose = verbose,
                  .message = message,
                  .message_bytes = message_bytes,
                  .dynamic_is_sure = true,
                  .totals = totals};
    bool fine;

    self.disk = sim_disk_new(seed + 77, &totals->counts);
    self.units = mem_zalloc(MAX_UNITS, sizeof(*self.units));
    fine = make_log(&self);
    for (int i = 0; fine && (i < ROUNDS || self.operations < 200); i++)
        fine = run_round(&self, i + 1 >= ROUNDS);
    if (fine && recover(&self)) { /* what the last crash left */
        if (find_partitions(&self))
            check_recovered(&self);
        else
            broken(&self, "a topic is lost");
        note_stats(&self);
    }
    if (verbose)
        printf("seed %" PRIu64 ": %" PRIu32 " units, %" PRIu64 " operations, %" PRIu64 " calls\n",
               seed, self.unit_count, self.operations, sim_disk_call_count(self.disk));
    store_close(self.store);
    for (uint32_t i = 0; i < self.unit_count; i++) {
        for (int j = 0; j < self.units[i].piece_count; j++)
            weir_buf_done(&self.units[i].bytes[j]);
    }
    free(self.units);
    sim_disk_free(self.disk);
    totals->seeds++;
    totals->operations += self.operations;
    if (!self.failed &&
        (totals->least_operations == 0 || self.operations < totals->least_operations))
        totals->least_operations = self.operations;
    return !self.failed;
}
