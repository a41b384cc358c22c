/* test_store_topics.c - topics and facts: which are refused, which are there, and for how long. */
#include "tests/unit/runtime/log/crash_fixture.h"

#include "runtime/log/store_work.h"

static void names_and_settings_that_are_none_are_refused(void **state)
{
    static const char *const NAMES[] = {"", ".", "..", "a/b", "a b", "../x", "\xc3\xa4", "a:b"};
    fixture *f = *state;
    log_topic_config config = LOG_TOPIC_DEFAULTS;
    char name[300];

    fixture_open(f, true);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        assert_int_equal(store_topic_create(f->store, weir_cstr(NAMES[i]), &config, &f->err),
                         WEIR_CONFIG);
        assert_non_null(strstr(f->err.message, "is no name for a topic"));
    }
    memset(name, 'n', sizeof(name));
    assert_int_equal(store_topic_create(f->store, (weir_str){name, 250}, &config, &f->err),
                     WEIR_CONFIG);
    config.partitions = 0;
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "topic 't' cannot have 0 partitions");
    config.partitions = 1;
    config.compression = 1; /* gzip */
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "topic 't': compression is none, lz4 or zstd");
    assert_null(store_topic_find(f->store, WEIR_STR("t")));
    fixture_close(f);
}

static void long_names_that_begin_alike_are_different_topics(void **state)
{
    fixture *f = *state;
    char first[250], second[250];

    memset(first, 'n', sizeof(first));
    memcpy(second, first, sizeof(second));
    first[248] = 'a';
    second[248] = 'b';
    first[249] = second[249] = 0;
    fixture_open(f, true);
    fixture_topic(f, first, 1);
    fixture_topic(f, second, 1);
    fixture_append(f, first, 0, "one");
    fixture_append(f, second, 0, "two");
    fixture_close(f);
    fixture_open(f, true);
    fixture_expect(f, first, 0, "one");
    fixture_expect(f, second, 0, "two");
    fixture_close(f);
}

static void a_topic_that_is_there_stays_as_it_is(void **state)
{
    fixture *f = *state;
    log_topic_config config = {.partitions = 3,
                               .retention_ms = 5,
                               .retention_bytes = 6,
                               .trim = true,
                               .compression = RECORD_ZSTD,
                               .max_message_bytes = 7,
                               .key_check = LOG_CHECK_RECORD_NAME,
                               .value_check = LOG_CHECK_TOPIC_RECORD_NAME};
    const log_topic_config *kept;
    char id[37];

    fixture_open(f, true);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("t"), &config, &f->err), WEIR_OK);
    snprintf(id, sizeof(id), "%s", store_topic_info(store_topic_find(f->store, WEIR_STR("t")))->id);
    fixture_topic(f, "t", 9);
    fixture_close(f);
    fixture_open(f, true);
    kept = &store_topic_info(store_topic_find(f->store, WEIR_STR("t")))->config;
    assert_int_equal(kept->partitions, 3);
    assert_false(kept->compact);
    assert_int_equal(kept->retention_ms, 5);
    assert_int_equal(kept->retention_bytes, 6);
    assert_true(kept->trim);
    assert_int_equal(kept->compression, RECORD_ZSTD);
    assert_int_equal(kept->max_message_bytes, 7);
    assert_int_equal(kept->key_check, LOG_CHECK_RECORD_NAME);
    assert_int_equal(kept->value_check, LOG_CHECK_TOPIC_RECORD_NAME);
    assert_string_equal(store_topic_info(store_topic_find(f->store, WEIR_STR("t")))->id, id);
    assert_null(store_partition_at(store_topic_find(f->store, WEIR_STR("t")), 3));
    assert_null(store_partition_at(store_topic_find(f->store, WEIR_STR("t")), -1));
    fixture_close(f);
}

static void topics_are_internal_by_their_names(void **state)
{
    static const char *const NAMES[] = {"__weir_offsets", "_schemas"};
    fixture *f = *state;

    fixture_open(f, true);
    fixture_topic(f, "_schema", 1);
    assert_false(store_topic_is_internal(store_topic_find(f->store, WEIR_STR("_schema"))));
    for (size_t i = 0; i < 2; i++) {
        fixture_topic(f, NAMES[i], 1);
        assert_true(store_topic_is_internal(store_topic_find(f->store, weir_cstr(NAMES[i]))));
    }
    fixture_close(f);
}

/* Records that wait for their schema are nowhere else: none may go because a newer one has its key. */
static void internal_topics_are_compacted_only_when_that_was_asked_for(void **state)
{
    log_topic_config compacted = LOG_TOPIC_DEFAULTS;
    fixture *f = *state;

    compacted.compact = true;
    fixture_open(f, true);
    fixture_topic(f, "__weir_held.t", 1);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("__weir_status"), &compacted, &f->err),
                     WEIR_OK);
    for (int opened = 0; opened < 2; opened++) {
        assert_false(store_topic_info(store_topic_find(f->store, WEIR_STR("__weir_held.t")))
                         ->config.compact);
        assert_true(store_topic_info(store_topic_find(f->store, WEIR_STR("__weir_status")))
                        ->config.compact);
        fixture_close(f);
        fixture_open(f, true);
    }
    fixture_close(f);
}

static void topics_are_stepped_through_by_name(void **state)
{
    static const char *const NAMES[] = {"b", "a", "ab", "B", "a.b", "c"};
    fixture *f = *state;
    weir_buf names = {0};
    store_topic *topic;
    uint64_t generation;

    fixture_open(f, true);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
        fixture_topic(f, NAMES[i], 1);
    generation = store_topics_generation(f->store);
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("ab"), &f->err), WEIR_OK);
    assert_true(store_topics_generation(f->store) != generation);
    for (topic = store_topic_next(f->store, (weir_str){0}); topic != NULL;
         topic = store_topic_next(f->store, store_topic_info(topic)->name))
        weir_buf_printf(&names, "%.*s ", WEIR_ARG(store_topic_info(topic)->name));
    assert_string_equal(weir_buf_cstr(&names), "B __weir_metadata a a.b b c ");
    weir_buf_done(&names);
    fixture_close(f);
}

static void what_is_not_there_or_needed_is_not_deleted(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("t"), &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "there is no topic 't'");
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("__weir_metadata"), &f->err),
                     WEIR_CONFIG);
    assert_string_equal(f->err.message, "topic __weir_metadata cannot be deleted");
    fixture_close(f);
}

static void identities_as_text_are_read_back(void **state)
{
    static const char *const NONE[] = {
        "", "00000000-0000-0000-0000-00000000000", "000000000-000-0000-0000-000000000000",
        "0000000g-0000-0000-0000-000000000000", "00000000-0000-0000-0000-0000000000000"};
    uint8_t id[STORE_ID_BYTES], again[STORE_ID_BYTES];
    char text[37];
    (void)state;

    for (int i = 0; i < STORE_ID_BYTES; i++)
        id[i] = (uint8_t)(i * 17);
    store_id_text(id, text);
    assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
    assert_true(store_id_parse(weir_cstr(text), again));
    assert_memory_equal(id, again, sizeof(id));
    for (size_t i = 0; i < sizeof(NONE) / sizeof(*NONE); i++)
        assert_false(store_id_parse(weir_cstr(NONE[i]), again));
}

static void facts_are_kept_and_the_last_one_counts(void **state)
{
    fixture *f = *state;
    char key[300];

    memset(key, 'k', sizeof(key));
    fixture_open(f, true);
    assert_int_equal(store_fact_get(f->store, WEIR_STR("a"), -7), -7);
    assert_int_equal(store_fact_put(f->store, WEIR_STR("a"), 1, &f->err), WEIR_OK);
    assert_int_equal(store_fact_put(f->store, WEIR_STR("a"), INT64_MIN, &f->err), WEIR_OK);
    assert_int_equal(store_fact_put(f->store, (weir_str){key, 255}, INT64_MAX, &f->err), WEIR_OK);
    assert_int_equal(store_fact_put(f->store, (weir_str){key, 256}, 1, &f->err), WEIR_CONFIG);
    assert_int_equal(store_fact_put(f->store, WEIR_STR(""), 1, &f->err), WEIR_CONFIG);
    fixture_abandon(f);
    fixture_open(f, true);
    assert_int_equal(store_fact_get(f->store, WEIR_STR("a"), 0), INT64_MIN);
    assert_int_equal(store_fact_get(f->store, (weir_str){key, 255}, 0), INT64_MAX);
    fixture_close(f);
}

/* --- Leftovers -------------------------------------------------------------------------------- */

/* The record of a deletion is applied, and a checkpoint made, before who asked for it is told and notes its place. */
static void a_checkpoint_between_a_deletion_and_its_end_does_no_harm(void **state)
{
    fixture *f = *state;
    store_topic *topic;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    topic = store_topic_find(f->store, WEIR_STR("t"));
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("t"), &f->err), WEIR_OK);
    topic->deleted_at = UINT64_MAX; /* as it is until then */
    f->store->doomed = NULL;
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    fixture_abandon(f);
    fixture_open(f, true);
    assert_null(store_topic_find(f->store, WEIR_STR("t")));
    fixture_close(f);
}

/* Nor one before it: then the topic is in the checkpoint, and its records are. */
static void so_does_one_before_a_deletion_is_applied(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    while (store_step(f->store, STORE_APPLY))
        ;
    assert_int_equal(store_topic_delete(f->store, WEIR_STR("t"), &f->err), WEIR_OK);
    assert_true(store_step(f->store, STORE_CHECKPOINT)); /* of what was applied: not the deletion */
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "two");
    fixture_abandon(f);
    fixture_open(f, true);
    fixture_expect(f, "t", 0, "two");
    fixture_close(f);
}

static void directories_that_no_topic_has_are_removed_at_the_start(void **state)
{
    fixture *f = *state;
    char command[600], path[200];

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "one");
    fixture_close(f);
    snprintf(path, sizeof(path), "%s/topics/gone-00112233-4455-6677-8899-aabbccddeeff", f->dir);
    snprintf(command, sizeof(command), "mkdir -p %s/0 && touch %s/0/00000000000000000000.log", path,
             path);
    assert_int_equal(system(command), 0);
    fixture_open(f, true);
    assert_int_equal(access(path, F_OK), -1);
    fixture_expect(f, "t", 0, "one");
    fixture_close(f);
}

/* --- The power goes off ----------------------------------------------------------------------- */

static void make_and_delete(fixture *f, int *told)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    if (store_topic_create(f->store, WEIR_STR("t"), &config, &f->err) != WEIR_OK)
        return;
    *told = 1;
    if (fixture_try(f, "t", 0, WEIR_STR("one"), 1000) != WEIR_OK)
        return;
    *told = 2;
    (void)store_step(f->store, STORE_APPLY);
    (void)store_step(f->store, STORE_CHECKPOINT);
    if (store_topic_delete(f->store, WEIR_STR("t"), &f->err) != WEIR_OK)
        return;
    *told = 3;
    (void)store_step(f->store, STORE_APPLY);
    (void)store_step(f->store, STORE_CHECKPOINT);
    if (store_topic_create(f->store, WEIR_STR("t"), &config, &f->err) == WEIR_OK)
        *told = 4;
}

static void nothing(fixture *f)
{
    (void)f;
}

static void check_topic(fixture *f, int told)
{
    bool is_there = store_topic_find(f->store, WEIR_STR("t")) != NULL;
    int64_t end = is_there ? store_end_offset(fixture_partition(f, "t", 0)) : 0;

    if (told == 1 || told == 4)
        assert_true(is_there);
    if (told == 2 && is_there) /* its deletion may have been under way */
        fixture_expect(f, "t", 0, "one");
    if (told >= 3)
        assert_int_equal(end, 0);
    fixture_topic(f, "t", 1);
    fixture_append(f, "t", 0, "more");
}

static void a_topic_is_there_or_not_wherever_the_power_goes_off(void **state)
{
    crash_everywhere(*state, &(crash_plan){.prepare = nothing,
                                           .act = make_and_delete,
                                           .check = check_topic,
                                           .options.journal_file_bytes = 64 << 10});
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(names_and_settings_that_are_none_are_refused),
        CASE(long_names_that_begin_alike_are_different_topics),
        CASE(a_topic_that_is_there_stays_as_it_is),
        CASE(topics_are_internal_by_their_names),
        CASE(internal_topics_are_compacted_only_when_that_was_asked_for),
        CASE(topics_are_stepped_through_by_name),
        CASE(what_is_not_there_or_needed_is_not_deleted),
        CASE(identities_as_text_are_read_back),
        CASE(facts_are_kept_and_the_last_one_counts),
        CASE(a_checkpoint_between_a_deletion_and_its_end_does_no_harm),
        CASE(so_does_one_before_a_deletion_is_applied),
        CASE(directories_that_no_topic_has_are_removed_at_the_start),
        CASE(a_topic_is_there_or_not_wherever_the_power_goes_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
