/* log_look.c - reads a simulated log and compares it with the model. */
#include "runtime/wire/record_batch.h"
#include "tests/sim/log_world_state.h"

#include <inttypes.h>
#include <string.h>

enum { READ_BYTES = 4096 };

/* A look at one partition: which record must come next. */
typedef struct look {
    world *world;
    int place;
    int64_t next_offset;
    unit *unit; /* NULL: a new one begins */
    int piece, record;
    int64_t last_number[LANES]; /* -1: none yet */
    key_map keys;
} look;

static bool begin_unit(look *at, uint32_t number, uint32_t piece, int64_t offset)
{
    world *self = at->world;
    unit *found = number < self->unit_count ? &self->units[number] : NULL;

    if (found == NULL || piece >= (uint32_t)found->piece_count ||
        found->place[piece] != at->place) {
        world_broken(self, "place %d offset %" PRId64 ": a record that nobody wrote there",
                     at->place, offset);
        return false;
    }
    if ((int64_t)number <= at->last_number[number % LANES])
        world_broken(self, "place %d offset %" PRId64 ": unit %" PRIu32 " behind unit %" PRId64,
                     at->place, offset, number, at->last_number[number % LANES]);
    if (found->state == UNIT_ABSENT)
        world_broken(self, "place %d offset %" PRId64 ": unit %" PRIu32 " was never to be seen",
                     at->place, offset, number);
    if (found->state == UNIT_ACKNOWLEDGED && found->base_offset[piece] != offset)
        world_broken(self,
                     "place %d: unit %" PRIu32 " is at %" PRId64 ", was acknowledged at %" PRId64,
                     at->place, number, offset, found->base_offset[piece]);
    found->found[piece] = found->record_count[piece];
    found->base_offset[piece] = offset;
    at->unit = found;
    at->piece = (int)piece;
    at->record = 0;
    at->last_number[number % LANES] = number;
    return true;
}

static bool look_at_record(look *at, const record_view *record)
{
    world *self = at->world;
    uint32_t front[3];
    char expected[LARGE_BYTES];

    if (topic_of(at->place) == BY_KEY) {
        if (record->offset < at->next_offset)
            world_broken(self, "place %d: offset %" PRId64 " behind %" PRId64, at->place,
                         record->offset, at->next_offset - 1);
        at->next_offset = record->offset + 1;
        return world_look_at_keyed(self, at->place, record, &at->keys);
    }

    if (record->value.len < sizeof(front) || record->value.len > sizeof(expected)) {
        world_broken(self, "place %d offset %" PRId64 ": a record of %zu bytes", at->place,
                     record->offset, record->value.len);
        return false;
    }
    memcpy(front, record->value.ptr, sizeof(front));
    if (record->offset != at->next_offset) {
        world_broken(self, "place %d: offset %" PRId64 " where %" PRId64 " was expected", at->place,
                     record->offset, at->next_offset);
        return false;
    }
    if (at->unit == NULL && !begin_unit(at, front[0], front[1], record->offset))
        return false;
    unit_value(expected, (uint32_t)(at->unit - self->units), at->piece, at->record,
               record->value.len);
    if (memcmp(expected, record->value.ptr, record->value.len) != 0) {
        world_broken(self, "place %d offset %" PRId64 ": not what was written", at->place,
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
            world_broken(at->world, "place %d: %s", at->place, err.message);
            fine = false;
        }
        batches.ptr += records.info.size_bytes;
        batches.len -= fine ? records.info.size_bytes : batches.len;
    }
    weir_buf_done(&scratch);
    return fine;
}

/* Whether reading may fail: of an I/O error, or because meanwhile it was removed. */
static bool may_fail(world *self, const look *at)
{
    return sim_disk_eio_count(self->disk) > 0 || sim_disk_is_down(self->disk) ||
           store_start_offset(self->partitions[at->place]) > at->next_offset;
}

/* Reads a partition from its start to its end. False: it could not be read. */
static bool look_at_place(world *self, int place, key_map *keys)
{
    store_partition *partition = self->partitions[place];
    int64_t start = store_start_offset(partition), end = store_end_offset(partition);
    look at = {.world = self, .place = place, .next_offset = start, .last_number = {-1, -1}};
    store_cursor cursor = {0};
    weir_buf bytes = {0};
    bool fine = true;

    key_map_init(&at.keys);
    if (start > self->trimmed[place])
        world_broken(self, "place %d begins at %" PRId64 ", was trimmed to %" PRId64, place, start,
                     self->trimmed[place]);
    while (at.next_offset < end && fine && !self->failed) {
        weir_error err;

        weir_buf_clear(&bytes);
        if (store_read(partition, at.next_offset, READ_BYTES, &cursor, &bytes, &err) != WEIR_OK) {
            if (err.code != WEIR_RETRY && !may_fail(self, &at)) /* no room: for opening the file */
                world_broken(self, "place %d offset %" PRId64 ": %s", place, at.next_offset,
                             err.message);
            fine = false;
        } else if (bytes.len == 0 && topic_of(place) == BY_KEY) {
            break; /* the last records were superseded */
        } else if (bytes.len == 0) {
            world_broken(self, "place %d ends at %" PRId64 ", before %" PRId64, place,
                         at.next_offset, end);
        } else {
            fine = look_at_batches(&at, weir_buf_str(&bytes));
        }
    }
    if (fine && at.unit != NULL)
        world_broken(self, "place %d ends inside a unit", place);
    *keys = at.keys;
    weir_buf_done(&bytes);
    return fine;
}

void world_check_running(world *self, int place)
{
    int64_t end = store_end_offset(self->partitions[place]);
    key_map keys;

    if (end != self->next[place]) {
        world_broken(self, "place %d can be read to %" PRId64 ", acknowledged is %" PRId64, place,
                     end, self->next[place]);
        return;
    }
    self->role = ROLE_ALL; /* what is read by key must stand still */
    if (topic_of(place) != BY_KEY)
        self->role = ROLE_NONE;
    if (look_at_place(self, place, &keys) && topic_of(place) == BY_KEY)
        world_check_keys(self, place, &keys);
    self->role = ROLE_NONE;
}

static void settle_unit(world *self, unit *settled, const int64_t *starts)
{
    size_t number = (size_t)(settled - self->units);
    int found = 0, gone = 0;

    for (int i = 0; i < settled->piece_count; i++) {
        bool is_keyed = topic_of(settled->place[i]) == BY_KEY;

        if (settled->state == UNIT_ACKNOWLEDGED && is_keyed) {
            gone++; /* the keys are looked at, not the records */
            continue;
        }
        found += settled->found[i] == settled->record_count[i];
        if (settled->found[i] > 0 && settled->found[i] < settled->record_count[i])
            world_broken(self, "of unit %zu only %d records are at place %d", number,
                         settled->found[i], settled->place[i]);
        gone += settled->state == UNIT_ACKNOWLEDGED && settled->found[i] == 0 &&
                settled->base_offset[i] < starts[settled->place[i]];
        if (settled->state == UNIT_ACKNOWLEDGED && settled->found[i] == 0 &&
            settled->base_offset[i] >= starts[settled->place[i]])
            world_broken(self,
                         "unit %zu was acknowledged at place %d offset %" PRId64 " and is lost",
                         number, settled->place[i], settled->base_offset[i]);
    }
    if (found + gone != 0 && found + gone != settled->piece_count)
        world_broken(self, "of unit %zu only %d of %d parts are there", number, found,
                     settled->piece_count);
    if (settled->state == UNIT_UNKNOWN || settled->state == UNIT_QUEUED) {
        settled->state = found > 0 ? UNIT_ACKNOWLEDGED : UNIT_ABSENT;
        if (found > 0)
            self->totals->kept_unacknowledged++;
        else
            self->totals->lost_unacknowledged++;
    }
}

void world_check_recovered(world *self)
{
    int64_t starts[PLACES];
    key_map keys[PLACES];

    for (uint32_t i = 0; i < self->unit_count; i++)
        memset(self->units[i].found, 0, sizeof(self->units[i].found));
    for (int place = 0; place < PLACES; place++) {
        starts[place] = store_start_offset(self->partitions[place]);
        if (!look_at_place(self, place, &keys[place]) && !self->failed)
            world_broken(self, "place %d cannot be read after recovery", place);
        self->next[place] = store_end_offset(self->partitions[place]);
    }
    for (uint32_t i = 0; i < self->unit_count && !self->failed; i++)
        settle_unit(self, &self->units[i], starts);
    for (int place = BY_KEY * PARTITIONS; place < PLACES && !self->failed; place++)
        world_check_keys(self, place, &keys[place]);
}
