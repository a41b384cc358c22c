/* test_verify.c - a sound log passes, damage is named with its place, and records are shown decoded. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/verify.h"

#include <fcntl.h>

typedef struct lines {
    weir_buf text;
    int count, limit;
} lines;

static void take_problem(void *context, const char *problem)
{
    weir_buf_printf(context, "%s\n", problem);
}

static bool take_line(void *context, weir_str line)
{
    lines *taken = context;

    weir_buf_printf(&taken->text, "%.*s\n", WEIR_ARG(line));
    return ++taken->count != taken->limit;
}

static void a_sound_log_passes(void **state)
{
    fixture *f = *state;
    weir_buf problems = {0};
    verify_result result;

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", i % 2, 1000);
    assert_int_equal(store_checkpoint_now(f->store, &f->err), WEIR_OK);
    fixture_append(f, "t", 0, "not applied");
    verify_log(f->store, take_problem, &problems, &result);
    assert_int_equal(problems.len, 0);
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.topics, 2); /* with __weir_metadata */
    assert_true(result.records >= 62);
    assert_true(result.segments > 3);
    fixture_close(f);
}

static int flip(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    char byte;
    int fd;

    (void)type, (void)ftw;
    if (strstr(path, "/t-") == NULL || strstr(path, "00000000000000000000.log") == NULL ||
        status->st_size < 8000)
        return 0;
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, 5000), 1);
    byte ^= 0x20;
    assert_int_equal(pwrite(fd, &byte, 1, 5000), 1);
    close(fd);
    return 0;
}

static void damage_is_named_with_its_place(void **state)
{
    fixture *f = *state;
    weir_buf problems = {0};
    verify_result result;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (int i = 0; i < 60; i++)
        fixture_append_size(f, "t", 0, 1000);
    fixture_close(f);
    assert_int_equal(nftw(f->dir, flip, 16, FTW_PHYS), 0);
    fixture_open(f, true);
    verify_log(f->store, take_problem, &problems, &result);
    assert_true(result.problems > 0);
    assert_non_null(strstr(weir_buf_cstr(&problems), "topic t partition 0 offset "));
    assert_true(result.records > 20); /* the other segments were read */
    weir_buf_done(&problems);
    fixture_close(f);
}

static void append_pair(fixture *f, const char *topic, weir_str key, weir_str value)
{
    store_piece piece = {.partition = fixture_partition(f, topic, 0)};
    store_append append = {.pieces = &piece, .piece_count = 1};
    weir_header header = {WEIR_STR("h"), WEIR_STR("v")};
    weir_buf bytes = {0}, scratch = {0};
    record_batch_builder builder;

    record_batch_begin(&builder, &bytes);
    record_batch_add(
        &builder,
        &(record_fields){
            .timestamp_ms = 7, .key = key, .value = value, .headers = &header, .header_count = 1});
    assert_int_equal(record_batch_end(&builder, RECORD_LZ4, &scratch, &f->err), WEIR_OK);
    piece.bytes = bytes.ptr;
    piece.size = bytes.len;
    assert_int_equal(store_append_now(f->store, &append, &f->err), WEIR_OK);
    weir_buf_done(&bytes);
    weir_buf_done(&scratch);
}

static void records_are_decoded_by_their_schema(void **state)
{
    fixture *f = *state;
    lines taken = {0};
    dump_options options = {.topic = WEIR_STR("t"), .partition = -1, .count = -1, .json = true};
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    assert_int_equal(store_topic_create(f->store, WEIR_STR("_schemas"), &config, &f->err), WEIR_OK);
    append_pair(f, "_schemas", WEIR_STR("{\"keytype\":\"SCHEMA\"}"),
                WEIR_STR("{\"subject\":\"t-value\",\"version\":1,\"id\":258,\"schema\":"
                         "\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"r\\\",\\\"fields\\\":"
                         "[{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"long\\\"}]}\"}"));
    append_pair(f, "t", WEIR_STR("plain"), WEIR_STR("\0\0\0\1\2\x54"));
    append_pair(f, "t", (weir_str){0}, WEIR_STR("\xff\xfe"));
    append_pair(f, "t", WEIR_STR("gone"), (weir_str){0});
    assert_int_equal(dump_topic(f->store, &options, take_line, &taken, &f->err), WEIR_OK);
    assert_string_equal(
        weir_buf_cstr(&taken.text),
        "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp\":7,\"headers\":[{\"name\":"
        "\"h\",\"value\":\"v\"}],\"key\":\"plain\",\"value\":{\"a\":42}}\n"
        "{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"timestamp\":7,\"headers\":[{\"name\":"
        "\"h\",\"value\":\"v\"}],\"key\":null,\"value\":{\"base64\":\"//4=\"}}\n"
        "{\"topic\":\"t\",\"partition\":0,\"offset\":2,\"timestamp\":7,\"headers\":[{\"name\":"
        "\"h\",\"value\":\"v\"}],\"key\":\"gone\",\"value\":null}\n");
    weir_buf_done(&taken.text);
    fixture_close(f);
}

static void a_dump_begins_and_ends_where_it_is_told(void **state)
{
    fixture *f = *state;
    lines taken = {0};
    dump_options options = {.topic = WEIR_STR("t"), .partition = 1, .from = 3, .count = 2};

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    for (int i = 0; i < 10; i++)
        fixture_append(f, "t", 1, "x");
    assert_int_equal(dump_topic(f->store, &options, take_line, &taken, &f->err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&taken.text), "1:3 1000 null \"x\"\n1:4 1000 null \"x\"\n");
    weir_buf_clear(&taken.text);
    taken = (lines){.text = taken.text, .limit = 1};
    options.count = -1;
    assert_int_equal(dump_topic(f->store, &options, take_line, &taken, &f->err), WEIR_OK);
    assert_int_equal(taken.count, 1);
    options.partition = 2;
    assert_int_equal(dump_topic(f->store, &options, take_line, &taken, &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "topic 't' has no partition 2");
    options.topic = WEIR_STR("nothing");
    assert_int_equal(dump_topic(f->store, &options, take_line, &taken, &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "there is no topic 'nothing'");
    weir_buf_done(&taken.text);
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
        CASE(a_sound_log_passes),
        CASE(damage_is_named_with_its_place),
        CASE(records_are_decoded_by_their_schema),
        CASE(a_dump_begins_and_ends_where_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
