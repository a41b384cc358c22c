/* log_keys.c - the compacted topic: whatever else is gone, a replay gives the last value of every key. */
#include "runtime/wire/record_batch.h"
#include "tests/sim/log_world_state.h"

#include <inttypes.h>
#include <string.h>

void key_map_init(key_map *seen)
{
    for (int key = 0; key < KEYS; key++)
        seen->last[key] = -1;
}

/* Whose record it is, by its header. */
static unit *owner_of(world *self, int place, const record_view *record, uint32_t *front)
{
    weir_str encoded = record->headers;
    weir_header header;
    unit *owner;

    if (!record_header_next(&encoded, &header) || header.value.len != 3 * sizeof(*front))
        return NULL;
    memcpy(front, header.value.ptr, header.value.len);
    if (front[0] >= self->unit_count)
        return NULL;
    owner = &self->units[front[0]];
    if (front[1] >= (uint32_t)owner->piece_count || owner->place[front[1]] != place ||
        front[2] >= (uint32_t)owner->record_count[front[1]])
        return NULL;
    return owner;
}

static bool is_as_written(const unit *owner, const uint32_t *front, const record_view *record)
{
    char expected[LARGE_BYTES];

    if (record->timestamp_ms != owner->time_ms)
        return false;
    if (unit_is_tombstone(front[0], (int)front[1], (int)front[2]))
        return record->value.ptr == NULL;
    if (record->value.ptr == NULL || record->value.len > sizeof(expected))
        return false;
    (void)unit_value(expected, front[0], (int)front[1], (int)front[2], record->value.len);
    return memcmp(expected, record->value.ptr, record->value.len) == 0;
}

bool world_look_at_keyed(world *self, int place, const record_view *record, key_map *seen)
{
    uint32_t front[3] = {0};
    unit *owner = owner_of(self, place, record, front);
    int64_t base;

    if (owner == NULL || owner->state == UNIT_ABSENT || !is_as_written(owner, front, record)) {
        world_broken(self, "place %d offset %" PRId64 ": not what was written", place,
                     record->offset);
        return false;
    }
    base = record->offset - front[2];
    if (owner->state == UNIT_ACKNOWLEDGED && owner->base_offset[front[1]] != base)
        world_broken(self,
                     "place %d: unit %" PRIu32 " is at %" PRId64 ", was acknowledged at %" PRId64,
                     place, front[0], base, owner->base_offset[front[1]]);
    owner->base_offset[front[1]] = base;
    owner->found[front[1]]++;
    seen->last[unit_key(front[0], (int)front[1], (int)front[2])] = record->offset;
    return true;
}

/* The last acknowledged record of a key. */
typedef struct key_end {
    int64_t offset; /* -1: none */
    int64_t time_ms;
    bool is_tombstone;
} key_end;

static void note_piece(const world *self, uint32_t number, int piece, key_end *ends)
{
    const unit *noted = &self->units[number];

    for (int i = 0; i < noted->record_count[piece]; i++) {
        key_end *end = &ends[unit_key(number, piece, i)];

        if (noted->base_offset[piece] + i > end->offset)
            *end = (key_end){.offset = noted->base_offset[piece] + i,
                             .time_ms = noted->time_ms,
                             .is_tombstone = unit_is_tombstone(number, piece, i)};
    }
}

void world_check_keys(world *self, int place, const key_map *seen)
{
    key_end ends[KEYS];

    for (int key = 0; key < KEYS; key++)
        ends[key] = (key_end){.offset = -1};
    for (uint32_t i = 0; i < self->unit_count; i++) {
        for (int piece = 0; piece < self->units[i].piece_count; piece++) {
            if (self->units[i].state == UNIT_ACKNOWLEDGED && self->units[i].place[piece] == place)
                note_piece(self, i, piece, ends);
        }
    }
    for (int key = 0; key < KEYS; key++) {
        bool may_be_gone =
            ends[key].is_tombstone && ends[key].time_ms < world_now_ms(self) - DAY_MS;

        if (seen->last[key] != ends[key].offset && !(may_be_gone && seen->last[key] < 0))
            world_broken(self,
                         "place %d: the last record of key %d is at %" PRId64
                         ", should be at %" PRId64,
                         place, key, seen->last[key], ends[key].offset);
    }
}
