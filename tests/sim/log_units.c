/* log_units.c - what a simulated log is filled with: units of batches for several partitions. */
#include "runtime/wire/record_batch.h"
#include "tests/sim/log_world_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void count_ways(const unit *ended)
{
    int large = 0;

    for (int i = 0; i < ended->piece_count; i++)
        large += ended->pieces[i].is_large;
    ended->world->totals->large += large > 0;
    ended->world->totals->mixed += large > 0 && large < ended->piece_count;
}

static void unit_done(store_append *append)
{
    unit *ended = append->context;
    world *self = ended->world;

    switch (append->code) {
    case WEIR_OK:
        ended->state = UNIT_ACKNOWLEDGED;
        self->totals->acknowledged++;
        count_ways(ended);
        for (int i = 0; i < ended->piece_count; i++) {
            ended->base_offset[i] = ended->pieces[i].base_offset;
            if (ended->base_offset[i] != self->next[ended->place[i]])
                world_broken(self, "unit %zu got offset %" PRId64 ", the next one was %" PRId64,
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
        world_broken(self, "an append ended with %s: %s", weir_code_name(append->code),
                     append->err.message);
        break;
    case WEIR_FATAL:
        ended->state = UNIT_UNKNOWN;
        break;
    }
}

/* A value says whose it is: unit, piece, place in the piece; then filling that follows from them. */
size_t unit_value(char *value, uint32_t number, int piece, int record, size_t size)
{
    uint32_t front[3] = {number, (uint32_t)piece, (uint32_t)record};

    memcpy(value, front, sizeof(front));
    for (size_t i = sizeof(front); i < size; i++)
        value[i] = (char)(number * 31 + (uint32_t)i);
    return size;
}

static uint32_t mixed(uint32_t number, int piece, int record)
{
    uint32_t value = (number * 31 + (uint32_t)piece) * 31 + (uint32_t)record;

    value = (value ^ value >> 15) * UINT32_C(0x2c1b3c6d);
    return value ^ value >> 13;
}

int unit_key(uint32_t number, int piece, int record)
{
    return (int)(mixed(number, piece, record) % KEYS);
}

bool unit_is_tombstone(uint32_t number, int piece, int record)
{
    return mixed(number, piece, record) / KEYS % 4 == 0;
}

static void add_record(record_batch_builder *builder, const unit *made, int piece, int record,
                       size_t value_bytes)
{
    uint32_t number = (uint32_t)(made - made->world->units);
    bool is_keyed = topic_of(made->place[piece]) == BY_KEY;
    record_fields fields = {.timestamp_ms = made->time_ms};
    char value[LARGE_BYTES], name[12], key[8];
    weir_header header = {WEIR_STR("unit"), {name, sizeof(name)}};

    fields.value.ptr = value;
    fields.value.len = unit_value(value, number, piece, record, value_bytes);
    if (is_keyed) { /* a tombstone has no value that says whose it is */
        (void)unit_value(name, number, piece, record, sizeof(name));
        fields.key.ptr = key;
        fields.key.len =
            (size_t)snprintf(key, sizeof(key), "key %d", unit_key(number, piece, record));
        fields.headers = &header;
        fields.header_count = 1;
        if (unit_is_tombstone(number, piece, record))
            fields.value = (weir_str){0};
    }
    record_batch_add(builder, &fields);
}

static void build_piece(world *self, unit *made, int piece, size_t value_bytes)
{
    record_batch_builder builder;
    weir_buf scratch = {0};
    weir_error err;
    weir_code code;

    record_batch_begin(&builder, &made->bytes[piece]);
    for (int i = 0; i < made->record_count[piece]; i++)
        add_record(&builder, made, piece, i, value_bytes);
    code = record_batch_end(&builder, world_dice(self, 8) == 0 ? RECORD_LZ4 : RECORD_NONE, &scratch,
                            &err);
    assert(code == WEIR_OK);
    weir_buf_done(&scratch);
    made->pieces[piece] = (store_piece){.partition = self->partitions[made->place[piece]],
                                        .bytes = made->bytes[piece].ptr,
                                        .size = made->bytes[piece].len};
}

void world_submit(world *self)
{
    unit *made;
    size_t value_bytes = 12 + world_dice(self, 200);
    int first = (int)world_dice(self, PLACES);

    if (self->unit_count == MAX_UNITS)
        return;
    made = &self->units[self->unit_count++];
    made->world = self;
    made->time_ms = world_now_ms(self);
    made->piece_count = (int)world_dice(self, 3) == 0 ? 1 + (int)world_dice(self, MAX_PIECES) : 1;
    if (world_dice(self, 10) == 0)
        value_bytes = LARGE_BYTES - world_dice(self, 1500);
    for (int i = 0; i < made->piece_count; i++) {
        made->place[i] = (first + i) % PLACES;
        made->record_count[i] = 1 + (int)world_dice(self, MAX_RECORDS);
        build_piece(self, made, i, value_bytes);
    }
    made->append = (store_append){.pieces = made->pieces,
                                  .piece_count = (size_t)made->piece_count,
                                  .lane = self->lanes[self->unit_count % LANES],
                                  .done = unit_done,
                                  .context = made};
    self->totals->units++;
    store_submit(self->store, &made->append);
}
