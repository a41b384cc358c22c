/* crash_fixture.h - a store on the simulated disk, and the power going off in each call of what a test does. */
#ifndef TESTS_CRASH_FIXTURE_H
#define TESTS_CRASH_FIXTURE_H

#include "tests/fixtures/sim_disk.h"
#include "tests/unit/runtime/log/store_fixture.h"

#include <fcntl.h>

enum { CRASH_SEEDS = 4, CRASH_CALLS_MAX = 2000 };

/* What a test does: prepare without faults, act until the power goes off, check what a new start finds. act
 * goes on behind errors, and notes in `told` what it was told to be done. */
typedef struct crash_plan {
    void (*prepare)(fixture *f); /* the store is open; NULL: nothing */
    void (*act)(fixture *f, int *told);
    void (*check)(fixture *f, int told);
    uint64_t seeds; /* ways in which a crash in one call may come out; 0: CRASH_SEEDS */
    store_options options;
} crash_plan;

static inline void crash_begin(fixture *f, const crash_plan *plan, uint64_t seed,
                               sim_counts *counts)
{
    f->options = plan->options;
    f->options.path = "log";
    f->options.seed = seed;
    f->options.disk = sim_disk_new(seed * 1000003, counts);
    if (f->options.journal_file_bytes == 0)
        f->options.journal_file_bytes = 1 << 20;
}

/* A log that stops says so, each time. */
static inline int crash_silence(void)
{
    int kept = dup(2), nowhere = open("/dev/null", O_WRONLY);

    assert_true(kept >= 0 && nowhere >= 0);
    dup2(nowhere, 2);
    close(nowhere);
    return kept;
}

static inline void crash_speak(int kept)
{
    dup2(kept, 2);
    close(kept);
}

/* One run; false: the power never went off. */
static inline bool crash_once(fixture *f, const crash_plan *plan, uint64_t seed, uint64_t in)
{
    sim_counts counts = {0};
    int told = 0;
    bool went_off;
    int silent;

    crash_begin(f, plan, seed, &counts);
    if (plan->prepare != NULL) {
        fixture_open(f, true);
        plan->prepare(f);
    }
    sim_disk_set_faults(f->options.disk, &(sim_faults){.crash_in = in});
    silent = crash_silence();
    plan->act(f, &told);
    fixture_close(f);
    crash_speak(silent);
    went_off = sim_disk_is_down(f->options.disk);
    sim_disk_crash(f->options.disk);
    if (store_open(&f->options, &f->store, &f->err) != WEIR_OK)
        fail_msg("seed %d, call %d: %s", (int)seed, (int)in, f->err.message);
    plan->check(f, told);
    fixture_close(f);
    sim_disk_free(f->options.disk);
    return went_off;
}

/* The power goes off in the first call of act, in the second, ..., and never. */
static inline void crash_everywhere(fixture *f, const crash_plan *plan)
{
    crash_plan with_manual = *plan;

    with_manual.options.manual = true;
    for (uint64_t seed = 1; seed <= (plan->seeds > 0 ? plan->seeds : CRASH_SEEDS); seed++) {
        uint64_t in = 1;

        while (in < CRASH_CALLS_MAX && crash_once(f, &with_manual, seed, in))
            in++;
        assert_true(in > 1 && in < CRASH_CALLS_MAX);
    }
}

/* All values of a partition that may have gaps, with a space between. */
static inline void crash_values(fixture *f, const char *topic, int32_t partition, weir_buf *out)
{
    store_partition *from = fixture_partition(f, topic, partition);
    int64_t offset = store_start_offset(from), end = store_end_offset(from);
    weir_buf bytes = {0}, scratch = {0};
    store_cursor cursor = {0};

    while (offset < end) {
        weir_buf_clear(&bytes);
        if (store_read(from, offset, 10000, &cursor, &bytes, &f->err) != WEIR_OK)
            fail_msg("%s", f->err.message);
        if (bytes.len == 0)
            break;
        for (weir_str rest = weir_buf_str(&bytes); rest.len > 0;) {
            record_iterator records;
            record_view record;

            assert_int_equal(record_iterator_begin(&records, rest, &scratch, 1 << 30, &f->err),
                             WEIR_OK);
            while (record_iterator_next(&records, &record, &f->err) == WEIR_OK) {
                if (out->len > 0)
                    weir_buf_add_byte(out, ' ');
                weir_buf_add_str(out, record.value);
            }
            rest.ptr += records.info.size_bytes;
            rest.len -= records.info.size_bytes;
        }
        offset = cursor.offset;
    }
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
}

#endif
