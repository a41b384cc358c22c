/* test_store_checkpoint.c - what other threads do in the middle of a checkpoint is not lost. */
#include "tests/fixtures/sim_disk.h"
#include "tests/unit/runtime/log/faulty_disk.h"
#include "tests/unit/runtime/log/store_fixture.h"

#include <dirent.h>

enum { LARGE_BYTES = 20000, SEEDS = 40 };

/* A store on a simulated disk, and what happens behind the first sync of a file. */
typedef struct scene {
    disk *disk;
    sim_counts counts;
    store_options options;
    store *store;
    uint64_t syncs_before;
    bool has_happened;
} scene;

static void append(scene *at, const char *topic, size_t size)
{
    store_piece piece = {.partition =
                             store_partition_at(store_topic_find(at->store, weir_cstr(topic)), 0)};
    store_append appended = {.pieces = &piece, .piece_count = 1};
    char *value = calloc(1, size);
    record_fields fields = {.timestamp_ms = 1, .value = {value, size}};
    weir_buf bytes = {0}, scratch = {0};
    record_batch_builder builder;
    weir_error err;

    record_batch_begin(&builder, &bytes);
    record_batch_add(&builder, &fields);
    assert_int_equal(record_batch_end(&builder, RECORD_NONE, &scratch, &err), WEIR_OK);
    piece.bytes = bytes.ptr;
    piece.size = bytes.len;
    if (store_append_now(at->store, &appended, &err) != WEIR_OK)
        fail_msg("%s", err.message);
    weir_buf_done(&bytes);
    free(value);
}

static void open_scene(scene *at)
{
    weir_error err;

    if (store_open(&at->options, &at->store, &err) != WEIR_OK)
        fail_msg("%s", err.message);
}

static void begin(scene *at, uint64_t seed, int64_t segment_bytes)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    weir_error err;

    *at = (scene){.options = {.path = "log",
                              .journal_file_bytes = 1 << 20,
                              .segment_bytes = segment_bytes,
                              .large_bytes = LARGE_BYTES / 2,
                              .seed = seed,
                              .manual = true}};
    at->disk = at->options.disk = sim_disk_new(seed, &at->counts);
    open_scene(at);
    assert_int_equal(store_topic_create(at->store, WEIR_STR("t"), &config, &err), WEIR_OK);
    assert_int_equal(store_checkpoint_now(at->store, &err), WEIR_OK); /* the topic's folders */
}

/* The writer's turn, in the middle of the keeper's: a large append is acknowledged; then the power fails. */
static void append_large_and_crash(void *context)
{
    scene *at = context;

    if (at->has_happened || at->counts.hit[SIM_FDATASYNC][SIM_NONE] == at->syncs_before)
        return;
    at->has_happened = true;
    append(at, "t", LARGE_BYTES);
    sim_disk_set_faults(at->disk, &(sim_faults){.crash_in = 1});
}

static void a_large_append_does_not_rely_on_a_name_that_is_being_synced(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        scene at;

        begin(&at, seed, 65536);
        append(&at, "t", 100);
        while (store_step(at.store, STORE_APPLY))
            ;
        at.syncs_before = at.counts.hit[SIM_FDATASYNC][SIM_NONE];
        sim_disk_set_meanwhile(at.disk, append_large_and_crash, &at);
        (void)store_step(at.store, STORE_CHECKPOINT);
        assert_true(at.has_happened);
        sim_disk_set_meanwhile(at.disk, NULL, NULL);
        store_close(at.store);
        sim_disk_crash(at.disk);
        open_scene(&at);
        assert_int_equal(
            store_end_offset(store_partition_at(store_topic_find(at.store, WEIR_STR("t")), 0)), 2);
        store_close(at.store);
        sim_disk_free(at.disk);
    }
}

/* The keeper's turn, between the writer's write to a segment and its sync: the keeper is told that the disk lost
 * something, and the writer is not. */
static void fail_checkpoint(void *context)
{
    scene *at = context;

    if (at->has_happened || at->counts.hit[SIM_PWRITEV][SIM_NONE] == at->syncs_before)
        return;
    at->has_happened = true;
    sim_disk_set_faults(at->disk, &(sim_faults){.eio_ppm = 1000000});
    (void)store_step(at->store, STORE_CHECKPOINT);
    sim_disk_set_faults(at->disk, &(sim_faults){0});
}

/* Returns whether it was acknowledged. */
static bool try_large(scene *at)
{
    store_partition *partition = store_partition_at(store_topic_find(at->store, WEIR_STR("t")), 0);
    store_piece piece = {.partition = partition};
    store_append appended = {.pieces = &piece, .piece_count = 1};
    char *value = calloc(1, LARGE_BYTES);
    weir_buf bytes = {0};
    weir_error err;
    bool told;

    fixture_batch(&bytes, (weir_str){value, LARGE_BYTES}, 1);
    piece.bytes = bytes.ptr;
    piece.size = bytes.len;
    told = store_append_now(at->store, &appended, &err) == WEIR_OK;
    weir_buf_done(&bytes);
    free(value);
    return told;
}

static void what_another_sync_lost_is_not_acknowledged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int64_t end;
        bool told;
        scene at;

        begin(&at, seed, 65536);
        for (uint64_t i = 0; i <= seed % 2; i++) /* the journal goes first, or the segment */
            append(&at, "t", 100);
        while (store_step(at.store, STORE_APPLY))
            ;
        at.syncs_before = at.counts.hit[SIM_PWRITEV][SIM_NONE];
        sim_disk_set_meanwhile(at.disk, fail_checkpoint, &at);
        told = try_large(&at);
        assert_true(at.has_happened);
        sim_disk_set_meanwhile(at.disk, NULL, NULL);
        store_close(at.store);
        sim_disk_crash(at.disk);
        open_scene(&at);
        end = store_end_offset(store_partition_at(store_topic_find(at.store, WEIR_STR("t")), 0));
        assert_true(!told || end == (int64_t)(seed % 2) + 2);
        store_close(at.store);
        sim_disk_free(at.disk);
    }
}

static void apply_meanwhile(void *context)
{
    scene *at = context;

    if (at->has_happened || at->counts.hit[SIM_FDATASYNC][SIM_NONE] == at->syncs_before)
        return;
    at->has_happened = true;
    append(at, "t", 3000); /* begins the next segment */
    while (store_step(at->store, STORE_APPLY))
        ;
}

static void the_segment_in_which_the_checkpoint_ends_cannot_be_trimmed(void **state)
{
    store_partition *partition;
    weir_error err;
    int64_t start;
    scene at;

    (void)state;
    begin(&at, 1, 16384);
    partition = store_partition_at(store_topic_find(at.store, WEIR_STR("t")), 0);
    for (int i = 0; i < 5; i++)
        append(&at, "t", 3000);
    while (store_step(at.store, STORE_APPLY))
        ;
    at.syncs_before = at.counts.hit[SIM_FDATASYNC][SIM_NONE];
    sim_disk_set_meanwhile(at.disk, apply_meanwhile, &at);
    (void)store_step(at.store, STORE_CHECKPOINT);
    assert_true(at.has_happened);
    sim_disk_set_meanwhile(at.disk, NULL, NULL);
    assert_int_equal(store_trim(partition, 5, false, &start, &err), WEIR_OK);
    assert_int_equal(start, 0);
    assert_int_equal(store_checkpoint_now(at.store, &err), WEIR_OK);
    assert_int_equal(store_trim(partition, 5, false, &start, &err), WEIR_OK);
    assert_int_equal(start, 5);
    store_close(at.store);
    sim_disk_free(at.disk);
}

/* Where space is given to data when it is written back, what was reserved may not be enough. What the system then
 * drops is in the journal still, and a checkpoint would free it. */
static void a_full_disk_in_the_sync_of_a_segment_stops_the_log(void **state)
{
    fixture *f = *state;
    faulty_disk faults = {0};

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    faults.segment_syncs_find_no_room = true;
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_FATAL);
    faults.segment_syncs_find_no_room = false; /* the next sync has nothing to write: it succeeds */
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_FATAL);
    assert_non_null(strstr(f->err.message, "the log has stopped: could not sync: No space left"));
    fixture_close(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "one");
    fixture_close(f);
}

/* Room in segments and journal is reserved; that of index files is not. */
static void without_room_for_an_index_what_is_committed_waits_in_the_journal(void **state)
{
    fixture *f = *state;
    faulty_disk faults = {0};

    faulty_disk_init(&faults);
    f->options.disk = &faults.base;
    f->options.segment_bytes = 16384;
    fixture_open(f, false);
    fixture_topic(f, "t", 1);
    faults.index_finds_no_room = true;
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_expect_count(f, "t", 0, 60);
    assert_false(store_has_stopped(f->store, NULL));
    fixture_close(f); /* without waiting for room */
    assert_int_equal(store_open(&f->options, &f->store, &f->err), WEIR_RETRY);
    assert_non_null(strstr(f->err.message, "No space left on device"));
    faults.index_finds_no_room = false;
    fixture_open(f, false);
    fixture_expect_count(f, "t", 0, 60);
    faults.index_finds_no_room = true;
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    faults.index_finds_no_room = false;
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK); /* it went on */
    fixture_expect_count(f, "t", 0, 120);
    fixture_close(f);
}

static int open_segments(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[300], target[400];
        ssize_t size;

        snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        size = readlink(path, target, sizeof(target) - 1);
        count += size > 4 && memcmp(target + size - 4, ".log", 4) == 0;
    }
    closedir(directory);
    return count;
}

/* Each partition that was written to since the last checkpoint has a file open; the system does not allow any number. */
static void with_many_partitions_few_files_are_open(void **state)
{
    enum { PARTITIONS = 40, DIRTY = 4 };
    fixture *f = *state;

    f->options.dirty_files = DIRTY;
    fixture_open(f, true);
    fixture_topic(f, "t", PARTITIONS);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PARTITIONS; i++)
            fixture_append(f, "t", i, "v");
        while (store_step(f->store, STORE_APPLY))
            ;
        assert_in_range(open_segments(), 1, 2 * DIRTY);
        fixture_abandon(f);
        fixture_open(f, true);
        assert_in_range(open_segments(), 1, 2 * DIRTY);
    }
    for (int i = 0; i < PARTITIONS; i++)
        fixture_expect(f, "t", i, "v v");
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_append_does_not_rely_on_a_name_that_is_being_synced),
        cmocka_unit_test(what_another_sync_lost_is_not_acknowledged),
        cmocka_unit_test(the_segment_in_which_the_checkpoint_ends_cannot_be_trimmed),
        cmocka_unit_test_setup_teardown(a_full_disk_in_the_sync_of_a_segment_stops_the_log,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            without_room_for_an_index_what_is_committed_waits_in_the_journal, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(with_many_partitions_few_files_are_open, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
