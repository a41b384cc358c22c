/* log_keep.c - what removes from a simulated log: trimming, retention, compaction, deletion; and holds. */
#include "runtime/log/compact.h"
#include "runtime/log/retention.h"
#include "runtime/wire/record_batch.h"
#include "tests/sim/log_world_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const HOLDERS_NAMES[HOLDERS] = {"shop.dwh", "shop.search"};

void world_tend(store *tended, void *context)
{
    world *self = context;

    compact_run(tended, world_now_ms(self));
    retention_run(tended, world_now_ms(self));
}

/* --- Holds ---------------------------------------------------------------------------------- */

void world_say_holds(world *self)
{
    for (int place = 0; place < PLACES; place++) {
        for (int i = 0; i < HOLDERS; i++) {
            if (self->holds[place][i] >= 0)
                store_hold(self->store, weir_cstr(HOLDERS_NAMES[i]), self->partitions[place],
                           self->holds[place][i]);
        }
    }
}

static int64_t held(const world *self, int place)
{
    int64_t lowest = INT64_MAX;

    for (int i = 0; i < HOLDERS; i++) {
        if (self->holds[place][i] >= 0 && self->holds[place][i] < lowest)
            lowest = self->holds[place][i];
    }
    return lowest;
}

void world_change_hold(world *self)
{
    int place = (int)world_dice(self, PLACES), i = (int)world_dice(self, HOLDERS);
    int64_t start = store_start_offset(self->partitions[place]);
    int64_t end = store_end_offset(self->partitions[place]);
    int64_t *kept = &self->holds[place][i];
    int64_t from = *kept > start ? *kept : start;

    *kept = world_dice(self, 3) == 0 ? -1
                                     : from + (int64_t)world_dice(self, (uint64_t)(end - from) + 1);
    store_hold(self->store, weir_cstr(HOLDERS_NAMES[i]), self->partitions[place], *kept);
}

/* --- What was removed ----------------------------------------------------------------------- */

/* All of a piece that is gone since is too old. */
static void check_time(world *self, int place, int64_t start)
{
    for (uint32_t i = 0; i < self->unit_count; i++) {
        const unit *one = &self->units[i];

        for (int j = 0; j < one->piece_count; j++) {
            if (one->place[j] == place && one->state == UNIT_ACKNOWLEDGED &&
                one->base_offset[j] >= self->trimmed[place] && one->base_offset[j] < start &&
                one->time_ms >= world_now_ms(self) - DAY_MS)
                world_broken(self, "place %d: unit %" PRIu32 " was removed before its time", place,
                             i);
        }
    }
}

static void check_removed(world *self, int place, int64_t start)
{
    if (start <= self->asked[place])
        return;
    switch (topic_of(place)) {
    case BY_TIME:
        check_time(self, place, start);
        break;
    case BY_SIZE_WAIT:
    case BY_SIZE_TRIM:
        if (store_size_bytes(self->partitions[place]) < LIMIT_BYTES)
            world_broken(self, "place %d: more was removed than was too much", place);
        break;
    default:
        world_broken(self, "place %d is compacted and was trimmed", place);
    }
}

/* on.full is trim: sinks whose records are gone have failed. */
static void drop_holds(world *self, int place, int64_t start)
{
    for (int i = 0; i < HOLDERS; i++) {
        if (self->holds[place][i] < 0 || self->holds[place][i] >= start)
            continue;
        self->holds[place][i] = -1;
        store_hold(self->store, weir_cstr(HOLDERS_NAMES[i]), self->partitions[place], -1);
    }
}

void world_check_kept(world *self)
{
    for (int place = 0; place < PLACES; place++) {
        int64_t start = store_start_offset(self->partitions[place]);

        if (start > self->trimmed[place])
            check_removed(self, place, start);
        if (start > self->trimmed[place])
            self->trimmed[place] = start;
        if (start <= held(self, place))
            continue;
        if (topic_of(place) != BY_SIZE_TRIM)
            world_broken(self, "place %d begins at %" PRId64 ", but %" PRId64 " is held", place,
                         start, held(self, place));
        drop_holds(self, place, start);
    }
}

static store_partition *metadata_of(world *self)
{
    return store_partition_at(store_topic_find(self->store, WEIR_STR("__weir_metadata")), 0);
}

void world_trim(world *self)
{
    int place = (int)world_dice(self, PLACES);
    store_partition *partition = self->partitions[place];
    int64_t end = store_end_offset(partition), start;
    weir_error err;

    if (world_dice(self, 3) > 0) {
        store_roll(world_dice(self, 6) == 0 ? metadata_of(self) : partition);
        return;
    }
    if (topic_of(place) == BY_KEY)
        return;
    if (end / 2 > self->asked[place])
        self->asked[place] = end / 2;
    self->role = ROLE_KEEPER;
    if (store_trim(partition, end / 2, false, &start, &err) == WEIR_OK)
        self->totals->trims++;
    self->role = ROLE_NONE;
    start = store_start_offset(partition);
    if (start > self->asked[place] && topic_of(place) == BY_TIME && start > self->trimmed[place])
        world_broken(self, "place %d was trimmed to %" PRId64 ", only %" PRId64 " was asked for",
                     place, start, end / 2);
    world_check_kept(self);
}

void world_compact(world *self)
{
    int place = BY_KEY * PARTITIONS + (int)world_dice(self, PARTITIONS);
    store_partition *partition =
        world_dice(self, 4) == 0 ? metadata_of(self) : self->partitions[place];
    int64_t removed = 0;
    weir_error err;

    self->role = ROLE_KEEPER;
    if (compact_partition(partition, world_now_ms(self), &removed, &err) == WEIR_OK && removed > 0)
        self->totals->compactions++;
    self->totals->compacted += (uint64_t)removed;
    self->role = ROLE_NONE;
}

/* --- Topics and facts ----------------------------------------------------------------------- */

/* A topic that was made again is another one, and empty. */
static void check_new_topic(world *self)
{
    store_topic *topic = store_topic_find(self->store, WEIR_STR("passing"));

    if (topic == NULL || strcmp(store_topic_info(topic)->id, self->dynamic_id) == 0 ||
        store_end_offset(store_partition_at(topic, 0)) != 0)
        world_broken(self, "topic 'passing' was made again and is not a new one");
    else
        memcpy(self->dynamic_id, store_topic_info(topic)->id, sizeof(self->dynamic_id));
}

void world_change_topics(world *self)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    bool wanted = !self->dynamic_exists;
    weir_error err;
    weir_code code;

    if (!self->dynamic_is_sure)
        return;
    self->role = ROLE_ALL;
    code = wanted ? store_topic_create(self->store, WEIR_STR("passing"), &config, &err)
                  : store_topic_delete(self->store, WEIR_STR("passing"), &err);
    self->role = ROLE_NONE;
    if (wanted)
        self->dynamic_next = self->dynamic_unknown = 0;
    if (code == WEIR_OK) {
        if (wanted)
            check_new_topic(self);
        self->dynamic_exists = wanted;
        *(wanted ? &self->totals->topics_made : &self->totals->topics_deleted) += 1;
    } else {
        self->dynamic_is_sure = false;
    }
}

void world_append_passing(world *self)
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
        world_broken(self, "%s", err.message);
    piece = (store_piece){
        .partition = store_partition_at(topic, 0), .bytes = bytes.ptr, .size = bytes.len};
    self->role = ROLE_ALL;
    switch (store_append_now(self->store, &append, &err)) {
    case WEIR_OK:
        self->dynamic_next = piece.last_offset + 1;
        break;
    case WEIR_RETRY:
        break; /* it was not written */
    case WEIR_FATAL:
        self->dynamic_unknown++;
        break;
    case WEIR_END:
    case WEIR_REJECT:
    case WEIR_CONFIG:
        world_broken(self, "%s", err.message);
        break;
    }
    self->role = ROLE_NONE;
    weir_buf_done(&bytes);
}

/* What was acknowledged is there, and can be read. */
static void check_passing(world *self, store_partition *partition)
{
    int64_t end = store_end_offset(partition), at = store_start_offset(partition);
    store_cursor cursor = {0};
    weir_buf bytes = {0};
    weir_error err;

    if (end < self->dynamic_next || end > self->dynamic_next + self->dynamic_unknown)
        world_broken(self, "topic 'passing' ends at %" PRId64 ", acknowledged is %" PRId64, end,
                     self->dynamic_next);
    for (; at < end && !self->failed; at = cursor.offset) {
        weir_buf_clear(&bytes);
        if (store_read(partition, at, 1000, &cursor, &bytes, &err) != WEIR_OK || bytes.len == 0)
            world_broken(self, "topic 'passing' cannot be read at %" PRId64, at);
    }
    self->dynamic_next = end;
    self->dynamic_unknown = 0;
    weir_buf_done(&bytes);
}

void world_check_dynamic(world *self)
{
    store_topic *topic = store_topic_find(self->store, WEIR_STR("passing"));
    bool exists = topic != NULL;

    if (self->dynamic_is_sure && exists != self->dynamic_exists)
        world_broken(self, "topic 'passing' %s", exists ? "came back" : "is lost");
    if (exists)
        check_passing(self, store_partition_at(topic, 0));
    self->dynamic_exists = exists;
    self->dynamic_is_sure = true;
}

static weir_str fact_name(int i)
{
    static const char *const NAMES[FACTS] = {"one", "two", "three"};

    return weir_cstr(NAMES[i]);
}

void world_put_fact(world *self)
{
    int i = (int)world_dice(self, FACTS);
    int64_t value = self->facts[i] + 1;
    weir_error err;

    if (!self->fact_is_sure[i])
        return;
    self->role = ROLE_ALL;
    if (store_fact_put(self->store, fact_name(i), value, &err) == WEIR_OK)
        self->facts[i] = value;
    else
        self->fact_is_sure[i] = false; /* it may be the old or the new one */
    self->role = ROLE_NONE;
}

void world_check_facts(world *self)
{
    for (int i = 0; i < FACTS; i++) {
        int64_t found = store_fact_get(self->store, fact_name(i), 0);

        if (found != self->facts[i] && (self->fact_is_sure[i] || found != self->facts[i] + 1))
            world_broken(self, "fact %d is %" PRId64 ", was %" PRId64, i, found, self->facts[i]);
        self->facts[i] = found;
        self->fact_is_sure[i] = true;
    }
}
