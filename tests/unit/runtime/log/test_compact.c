/* test_compact.c - of each key the last record stays, at its offset; against the plainest model. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/compact.h"

enum { KEYS = 37, RECORDS = 1500, VALUE_BYTES = 150, NOW_MS = 200000000 };

typedef struct model {
    int64_t last[KEYS]; /* offset of the last record; -1: none */
    bool is_tombstone[KEYS];
    int64_t count;
} model;

static void make_topic(fixture *f)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.compact = true;
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
}

static void put(fixture *f, model *m, const int *keys, int count, bool tombstone, int64_t at_ms)
{
    store_piece piece = {.partition = fixture_partition(f, "t", 0)};
    store_append append = {.pieces = &piece, .piece_count = 1};
    weir_buf bytes = {0}, scratch = {0};
    weir_header header = {WEIR_STR("h"), WEIR_STR("v")};
    record_batch_builder builder;

    record_batch_begin(&builder, &bytes);
    for (int i = 0; i < count; i++) {
        char key[16], value[VALUE_BYTES];
        record_fields record = {.timestamp_ms = at_ms, .headers = &header, .header_count = 1};

        snprintf(key, sizeof(key), "key %d", keys[i]);
        memset(value, 'a' + keys[i] % 26, sizeof(value));
        snprintf(value, 32, "%lld", (long long)m->count);
        record.key = weir_cstr(key);
        if (!tombstone)
            record.value = (weir_str){value, sizeof(value)};
        record_batch_add(&builder, &record);
        m->last[keys[i]] = m->count++;
        m->is_tombstone[keys[i]] = tombstone;
    }
    assert_int_equal(record_batch_end(&builder, m->count % 3 == 0 ? RECORD_ZSTD : RECORD_NONE,
                                      &scratch, &f->err),
                     WEIR_OK);
    piece.bytes = bytes.ptr;
    piece.size = bytes.len;
    assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_OK);
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
}

static void fill(fixture *f, model *m, uint32_t seed, int64_t at_ms)
{
    uint32_t random = seed;

    while (m->count < RECORDS) {
        int keys[5], count;

        random = random * 1664525u + 1013904223u;
        count = 1 + (int)(random >> 16) % 5;
        for (int i = 0; i < count; i++) {
            random = random * 1664525u + 1013904223u;
            keys[i] = (int)(random >> 16) % KEYS;
        }
        put(f, m, keys, count, (random >> 8) % 7 == 0, at_ms);
    }
}

static model new_model(void)
{
    model m = {.count = 0};

    for (int i = 0; i < KEYS; i++)
        m.last[i] = -1;
    return m;
}

/* Reads everything: the last record of each key is the model's. Returns how many records there are. */
/* NOLINTNEXTLINE(readability-function-size): batches of a partition, records of a batch */
static int64_t compare(fixture *f, const model *m, bool tombstones_gone)
{
    store_partition *from = fixture_partition(f, "t", 0);
    int64_t seen[KEYS], count = 0, at = store_start_offset(from), previous = -1;
    weir_buf bytes = {0}, scratch = {0};
    store_cursor cursor = {0};

    memset(seen, 0xff, sizeof(seen));
    for (;;) {
        weir_buf_clear(&bytes);
        assert_int_equal(store_read(from, at, 10000, &cursor, &bytes, &f->err), WEIR_OK);
        if (bytes.len == 0)
            break;
        for (weir_str rest = weir_buf_str(&bytes); rest.len > 0;) {
            record_iterator records;
            record_view record;

            assert_int_equal(record_iterator_begin(&records, rest, &scratch, 1 << 30, &f->err),
                             WEIR_OK);
            while (record_iterator_next(&records, &record, &f->err) == WEIR_OK) {
                int key = -1;
                char text[32] = "", number[32];

                memcpy(text, record.key.ptr, record.key.len);
                /* NOLINTNEXTLINE(cert-err34-c): keys are numbers of ours */
                assert_int_equal(sscanf(text, "key %d", &key), 1);
                assert_true(record.offset > previous);
                assert_int_equal(record.header_count, 1);
                previous = record.offset;
                seen[key] = record.offset;
                snprintf(number, sizeof(number), "%lld", (long long)record.offset);
                if (record.value.ptr != NULL)
                    assert_string_equal(record.value.ptr, number);
                count++;
            }
            at = records.info.last_offset + 1;
            rest.ptr += records.info.size_bytes;
            rest.len -= records.info.size_bytes;
        }
    }
    for (int i = 0; i < KEYS; i++) {
        if (tombstones_gone && m->is_tombstone[i])
            assert_true(seen[i] == -1 || seen[i] == m->last[i]);
        else
            assert_int_equal(seen[i], m->last[i]);
    }
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
    return count;
}

static int64_t compact(fixture *f, int64_t now_ms)
{
    int64_t removed;

    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    if (compact_partition(fixture_partition(f, "t", 0), now_ms, &removed, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
    return removed;
}

static void the_last_record_of_each_key_stays_at_its_offset(void **state)
{
    fixture *f = *state;

    for (uint32_t seed = 1; seed <= 3; seed++) {
        model m = new_model();
        int64_t removed, before;

        fixture_open(f, true);
        make_topic(f);
        fill(f, &m, seed, NOW_MS);
        before = compare(f, &m, false);
        assert_int_equal(before, m.count);
        removed = compact(f, NOW_MS);
        assert_true(removed > m.count / 2);
        assert_int_equal(compare(f, &m, false), before - removed);
        fixture_close(f);
        fixture_open(f, true); /* and so it is after a start */
        assert_int_equal(compare(f, &m, false), before - removed);
        assert_int_equal(store_topic_delete(f->store, WEIR_STR("t"), &f->err), WEIR_OK);
        fixture_close(f);
    }
}

static void what_has_no_key_stays(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    make_topic(f);
    for (int i = 0; i < 40; i++)
        fixture_append_size(f, "t", 0, 1000);
    assert_int_equal(compact(f, NOW_MS), 0);
    fixture_expect_count(f, "t", 0, 40);
    fixture_close(f);
}

static void a_second_run_removes_what_came_since(void **state)
{
    fixture *f = *state;
    model m = new_model();
    int64_t first, second;

    fixture_open(f, true);
    make_topic(f);
    fill(f, &m, 9, NOW_MS);
    first = compact(f, NOW_MS);
    assert_int_equal(compact(f, NOW_MS), 0);
    m.count -= RECORDS; /* the model counts offsets: go on where it was */
    m.count += RECORDS;
    for (int i = 0; i < 600; i++)
        put(f, &m, (int[]){i % KEYS}, 1, false, NOW_MS);
    second = compact(f, NOW_MS);
    assert_true(first > 0 && second > 0);
    assert_int_equal(compare(f, &m, false), m.count - first - second);
    fixture_close(f);
}

static void a_tombstone_goes_after_a_day(void **state)
{
    fixture *f = *state;
    model m = new_model();
    int64_t kept, left;

    fixture_open(f, true);
    make_topic(f);
    fill(f, &m, 4, NOW_MS);
    (void)compact(f, NOW_MS + COMPACT_DELETE_RETENTION_MS - 1);
    kept = compare(f, &m, false);
    (void)compact(f, NOW_MS + COMPACT_DELETE_RETENTION_MS + 1);
    left = compare(f, &m, true);
    assert_true(left < kept);
    fixture_close(f);
}

static void run_compacts_what_is_dirty_and_leaves_other_topics_alone(void **state)
{
    fixture *f = *state;
    model m = new_model();
    int64_t before;

    fixture_open(f, true);
    make_topic(f);
    fixture_topic(f, "plain", 1);
    for (int i = 0; i < 100; i++)
        fixture_append_size(f, "plain", 0, 1000);
    fill(f, &m, 5, NOW_MS);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    before = store_size_bytes(fixture_partition(f, "t", 0));
    compact_run(f->store, NOW_MS);
    assert_true(store_size_bytes(fixture_partition(f, "t", 0)) < before / 2);
    fixture_expect_count(f, "plain", 0, 100);
    fixture_close(f);
}

static void what_is_not_behind_a_checkpoint_is_left_alone(void **state)
{
    fixture *f = *state;
    model m = new_model();
    int64_t removed;

    fixture_open(f, true);
    make_topic(f);
    fill(f, &m, 6, NOW_MS);
    assert_int_equal(compact_partition(fixture_partition(f, "t", 0), NOW_MS, &removed, &f->err),
                     WEIR_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(compare(f, &m, false), m.count);
    fixture_close(f);
}

/* --- What a run knows, and what it leaves alone -------------------------------------------------- */

typedef struct bulk {
    record_batch_builder builder;
    weir_buf bytes, scratch;
    int64_t producer_id; /* 0: none */
} bulk;

static void bulk_add(bulk *to, weir_str key)
{
    if (to->bytes.len == 0)
        record_batch_begin(&to->builder, &to->bytes);
    record_batch_add(&to->builder,
                     &(record_fields){.timestamp_ms = NOW_MS, .key = key, .value = WEIR_STR("v")});
}

static void bulk_append(fixture *f, bulk *from)
{
    store_piece piece = {.partition = fixture_partition(f, "t", 0)};
    store_append append = {.pieces = &piece, .piece_count = 1};

    assert_int_equal(record_batch_end(&from->builder, RECORD_NONE, &from->scratch, &f->err),
                     WEIR_OK);
    if (from->producer_id > 0)
        record_batch_set_producer(from->bytes.ptr, from->producer_id, 0, 0);
    piece.bytes = from->bytes.ptr;
    piece.size = from->bytes.len;
    if (store_append_now(f->store, &append, &f->err) != WEIR_OK)
        fail_msg("%s", f->err.message);
    weir_buf_done(&from->bytes);
    weir_buf_done(&from->scratch);
}

/* Two of one key, so many of other keys, and two of the one again; then a segment that is not compacted. */
static void fill_many(fixture *f, int count, size_t key_bytes)
{
    char *key = calloc(1, key_bytes);
    bulk one = {0};

    make_topic(f);
    for (int i = 0; i < count; i++) {
        if (i == 0 || i == count - 1) {
            bulk_add(&one, WEIR_STR("same"));
            bulk_add(&one, WEIR_STR("same"));
        }
        snprintf(key, key_bytes, "%x", i);
        bulk_add(&one, (weir_str){key, key_bytes});
        if (record_batch_bytes(&one.builder) > 1 << 20 || i == count - 1)
            bulk_append(f, &one);
    }
    store_roll(fixture_partition(f, "t", 0));
    fixture_append(f, "t", 0, "last");
    free(key);
}

/* Of "same" only the last one stays, though a round does not know the first and the last of it. */
static void more_keys_than_fit_are_gone_through_in_rounds(void **state)
{
    enum { MANY = (1 << 20) + 30000, LARGE_KEYS = 68, LARGE_KEY = 1 << 20 };
    fixture *f = *state;

    f->options.segment_bytes = 256 << 20;
    f->options.journal_file_bytes = 64 << 20;
    fixture_open(f, true);
    fill_many(f, MANY, 8);
    assert_int_equal(compact(f, NOW_MS), 3);
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("t"), &f->err), WEIR_OK);
    fill_many(f, LARGE_KEYS, LARGE_KEY);
    assert_int_equal(compact(f, NOW_MS), 3);
    fixture_close(f);
}

static void what_an_idempotent_producer_sent_stays_as_it_is(void **state)
{
    fixture *f = *state;
    store_partition *partition;
    store_cursor cursor = {0};
    record_batch_info info;
    weir_buf bytes = {0};

    fixture_open(f, true);
    make_topic(f);
    for (int i = 0; i < 2; i++) {
        bulk one = {.producer_id = 7};

        bulk_add(&one, WEIR_STR("same"));
        bulk_add(&one, WEIR_STR("same"));
        bulk_append(f, &one);
    }
    store_roll(fixture_partition(f, "t", 0));
    fixture_append(f, "t", 0, "last");
    assert_int_equal(compact(f, NOW_MS), 0);
    partition = fixture_partition(f, "t", 0);
    assert_int_equal(store_read(partition, 0, 1, &cursor, &bytes, &f->err), WEIR_OK);
    assert_int_equal(record_batch_peek(weir_buf_str(&bytes), &info, &f->err), WEIR_OK);
    assert_int_equal(info.producer_id, 7);
    assert_int_equal(info.record_count, 2);
    weir_buf_done(&bytes);
    fixture_expect_count(f, "t", 0, 5);
    fixture_close(f);
}

static int setup_small(void **state)
{
    int failed = fixture_setup(state);

    if (!failed)
        ((fixture *)*state)->options.segment_bytes = 16384;
    return failed;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_small, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_last_record_of_each_key_stays_at_its_offset),
        CASE(what_has_no_key_stays),
        CASE(a_second_run_removes_what_came_since),
        CASE(a_tombstone_goes_after_a_day),
        CASE(run_compacts_what_is_dirty_and_leaves_other_topics_alone),
        CASE(what_is_not_behind_a_checkpoint_is_left_alone),
        CASE(more_keys_than_fit_are_gone_through_in_rounds),
        CASE(what_an_idempotent_producer_sent_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
