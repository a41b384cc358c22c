/* log_world.c - one history of a simulated log: its clock, its faults, its operations. */
#include "tests/sim/log_world.h"

#include "runtime/base/mem.h"
#include "tests/sim/log_world_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUND_OPERATIONS = 80, ROUNDS = 3, OPEN_TRIES = 6, MEANWHILE_PERCENT = 4 };

static const char *const TOPIC_NAMES[TOPICS] = {"orders", "items", "stock", "people"};

uint64_t world_dice(world *self, uint64_t sides)
{
    uint64_t value = self->random += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return (value ^ value >> 31) % sides;
}

int64_t world_now_ms(const world *self)
{
    return self->now_us / 1000;
}

static int64_t world_wall(clock_source *clock)
{
    return ((world *)clock)->now_us;
}

static int64_t world_mono(clock_source *clock)
{
    return ((world *)clock)->now_us * 1000;
}

void world_broken(world *self, const char *fmt, ...)
{
    va_list args;

    if (self->failed)
        return;
    self->failed = true;
    va_start(args, fmt);
    vsnprintf(self->message, self->message_bytes, fmt, args);
    va_end(args);
}

/* --- Other threads -------------------------------------------------------------------------- */

static void step(world *self, role as, store_work work)
{
    role before = self->role;

    self->role = as;
    (void)store_step(self->store, work);
    self->role = before;
}

/* In the middle of a thread's I/O: another one goes on. */
static void meanwhile(void *context)
{
    world *self = context;

    if (self->store == NULL || self->role == ROLE_ALL || self->is_meanwhile ||
        world_dice(self, 100) >= MEANWHILE_PERCENT)
        return;
    self->is_meanwhile = true;
    self->totals->meanwhile++;
    switch (world_dice(self, 4)) {
    case 0:
        if (self->role != ROLE_WRITER)
            step(self, ROLE_WRITER, STORE_WRITE);
        break;
    case 1:
        if (self->role != ROLE_APPLIER)
            step(self, ROLE_APPLIER, STORE_APPLY);
        break;
    case 2:
        if (self->role != ROLE_KEEPER)
            step(self, ROLE_KEEPER, STORE_CHECKPOINT);
        break;
    default:
        if (self->role != ROLE_KEEPER) {
            step(self, ROLE_KEEPER, STORE_TEND);
            world_check_kept(self);
        }
        break;
    }
    self->is_meanwhile = false;
}

/* --- Opening, closing, faults ---------------------------------------------------------------- */

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

static void choose_faults(world *self, sim_faults *faults, uint64_t calls)
{
    *faults = (sim_faults){0};
    if (world_dice(self, 2) == 0)
        faults->crash_in = 1 + world_dice(self, calls);
    if (world_dice(self, 3) == 0)
        faults->eio_ppm = 200 + (uint32_t)world_dice(self, 3000);
    if (world_dice(self, 3) == 0)
        faults->full_ppm = 500 + (uint32_t)world_dice(self, 30000);
    if (world_dice(self, 8) == 0)
        faults->capacity_bytes = (int64_t)(150000 + world_dice(self, 400000));
}

static weir_code open_store(world *self, weir_error *err)
{
    int32_t dirty_files = 1 + (int32_t)world_dice(self, 8); /* of up to 10 that are written to */
    store_options options = {
        .path = "log",
        .disk = self->disk,
        .clock = &self->clock,
        .journal_file_bytes = 65536,
        .segment_bytes = 8192,
        .large_bytes = (int64_t)LARGE_BYTES * 2,
        .dirty_files = dirty_files,
        .seed = world_dice(self, UINT64_MAX) |
                1, /* its generator is like ours: not from the same place */
        .manual = true,
        .tend = world_tend,
        .tend_context = self,
    };

    return store_open(&options, &self->store, err);
}

static void open_lanes(world *self)
{
    for (int i = 0; i < LANES; i++)
        self->lanes[i] = store_lane_open(self->store);
}

static void close_lanes(world *self)
{
    for (int i = 0; i < LANES; i++) {
        store_lane_close(self->store, self->lanes[i]);
        self->lanes[i] = NULL;
    }
}

/* What follows when the log could be opened; false when the disk broke down meanwhile. */
static bool take_up(world *self)
{
    sim_disk_set_faults(self->disk, &(sim_faults){0});
    if (sim_disk_is_down(self->disk)) {
        store_close(self->store);
        return false;
    }
    self->totals->recoveries++;
    open_lanes(self);
    self->role = ROLE_NONE;
    return true;
}

/* Opens the log; the first tries meet faults, the last one has to succeed. */
static bool recover(world *self)
{
    weir_error err = {0};

    self->role = ROLE_ALL;
    for (int i = 0; i < OPEN_TRIES; i++) {
        sim_faults faults = {0};

        if (i + 1 < OPEN_TRIES && world_dice(self, 2) == 0)
            choose_faults(self, &faults, 60);
        sim_disk_set_faults(self->disk, &faults);
        if (open_store(self, &err) == WEIR_OK) {
            if (take_up(self))
                return true;
        } else if (faults.crash_in == 0 && faults.eio_ppm == 0 && faults.full_ppm == 0 &&
                   faults.capacity_bytes == 0) {
            break;
        }
        self->store = NULL;
        if (sim_disk_is_down(self->disk) || world_dice(self, 2) == 0) {
            sim_disk_crash(self->disk);
            self->totals->crashes++;
        }
    }
    world_broken(self, "the log cannot be opened: %s", err.message);
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
    self->role = ROLE_ALL;
    if (!by_crash && world_dice(self, 2) == 0) {
        while (store_step(self->store, STORE_WRITE) || store_step(self->store, STORE_APPLY))
            ;
    }
    if (by_crash &&
        !sim_disk_is_down(self->disk)) /* nothing of what close does may reach the disk */
        sim_disk_set_faults(self->disk, &(sim_faults){.crash_in = 1});
    close_lanes(self);
    store_close(self->store);
    self->store = NULL;
    for (uint32_t i = 0; i < self->unit_count; i++) {
        if (self->units[i].state == UNIT_QUEUED)
            world_broken(self, "unit %" PRIu32 " never ended", i);
    }
    if (by_crash || sim_disk_is_down(self->disk)) {
        sim_disk_crash(self->disk);
        self->totals->crashes++;
    }
    sim_disk_set_faults(self->disk, &(sim_faults){0});
}

/* --- Operations ----------------------------------------------------------------------------- */

static void keep(world *self, uint64_t roll)
{
    if (roll < 3)
        world_trim(self);
    else if (roll < 5)
        world_change_hold(self);
    else if (roll < 7)
        world_compact(self);
    else if (roll < 8)
        world_append_passing(self);
    else if (roll < 9)
        world_put_fact(self);
    else
        world_change_topics(self);
}

static void operate(world *self)
{
    uint64_t roll = world_dice(self, 100);

    self->now_us += (int64_t)world_dice(self, 2000000);
    if (world_dice(self, 60) == 0)
        self->now_us += INT64_C(1000) * DAY_MS;
    self->operations++;
    if (roll < 42) {
        world_submit(self);
    } else if (roll < 60) {
        step(self, ROLE_WRITER, STORE_WRITE);
    } else if (roll < 76) {
        step(self, ROLE_APPLIER, STORE_APPLY);
    } else if (roll < 81) {
        step(self, ROLE_KEEPER, STORE_CHECKPOINT);
    } else if (roll < 84) {
        step(self, ROLE_KEEPER, STORE_TEND);
        world_check_kept(self);
    } else if (roll < 89) {
        world_check_running(self, (int)world_dice(self, PLACES));
    } else {
        keep(self, roll - 89);
    }
}

static bool run_round(world *self, bool is_last)
{
    sim_faults faults;
    bool crash;

    if (!recover(self))
        return false;
    if (!find_partitions(self)) {
        world_broken(self, "a topic is lost");
        return false;
    }
    self->role = ROLE_ALL;
    world_check_recovered(self);
    world_check_dynamic(self);
    world_check_facts(self);
    self->role = ROLE_NONE;
    world_say_holds(self);
    choose_faults(self, &faults, 700);
    sim_disk_set_faults(self->disk, &faults);
    for (int i = 0; i < ROUND_OPERATIONS && !self->failed; i++) {
        operate(self);
        if (store_has_stopped(self->store, NULL)) {
            self->totals->stops++;
            if (world_dice(self, 4) > 0)
                break;
        }
    }
    crash = is_last || world_dice(self, 3) > 0;
    end_round(self, crash);
    return !self->failed;
}

static log_topic_config config_of(int topic)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.partitions = PARTITIONS;
    config.retention_ms = topic == BY_TIME ? DAY_MS : -1;
    if (topic == BY_SIZE_WAIT || topic == BY_SIZE_TRIM)
        config.retention_bytes = LIMIT_BYTES;
    config.trim = topic == BY_SIZE_TRIM;
    config.compact = topic == BY_KEY;
    return config;
}

static bool make_log(world *self)
{
    weir_error err;

    if (!recover(self))
        return false;
    self->role = ROLE_ALL;
    for (int i = 0; i < TOPICS; i++) {
        log_topic_config config = config_of(i);

        if (store_topic_create(self->store, weir_cstr(TOPIC_NAMES[i]), &config, &err) != WEIR_OK)
            world_broken(self, "topic '%s': %s", TOPIC_NAMES[i], err.message);
    }
    end_round(self, world_dice(self, 2) == 0);
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
    sim_disk_set_meanwhile(self.disk, meanwhile, &self);
    memset(self.holds, -1, sizeof(self.holds));
    for (int i = 0; i < FACTS; i++)
        self.fact_is_sure[i] = true;
    self.units = mem_zalloc(MAX_UNITS, sizeof(*self.units));
    fine = make_log(&self);
    for (int i = 0; fine && (i < ROUNDS || self.operations < 200); i++)
        fine = run_round(&self, i + 1 >= ROUNDS);
    if (fine && recover(&self)) { /* what the last crash left */
        self.role = ROLE_ALL;
        if (find_partitions(&self))
            world_check_recovered(&self);
        else
            world_broken(&self, "a topic is lost");
        note_stats(&self);
    }
    if (verbose)
        printf("seed %" PRIu64 ": %" PRIu32 " units, %" PRIu64 " operations, %" PRIu64 " calls\n",
               seed, self.unit_count, self.operations, sim_disk_call_count(self.disk));
    self.role = ROLE_ALL;
    if (self.store != NULL)
        close_lanes(&self);
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
