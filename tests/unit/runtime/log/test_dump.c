/* test_dump.c - the records of a topic, one line each: decoded, or as near to readable as they are. */
#include "tests/unit/runtime/log/store_fixture.h"

#include "runtime/log/verify.h"

typedef struct lines {
    weir_buf text;
    int count, limit;
} lines;

static bool take_line(void *context, weir_str line)
{
    lines *taken = context;

    weir_buf_printf(&taken->text, "%.*s\n", WEIR_ARG(line));
    return ++taken->count != taken->limit;
}

/* Of schema 258 every datum is one byte; no other is known. */
static bool decode(void *context, int32_t schema_id, weir_str datum, weir_buf *out)
{
    (void)context;
    weir_buf_add_byte(out, '?'); /* what fails leaves nothing */
    if (schema_id != 258 || datum.len != 1)
        return false;
    out->len--;
    weir_buf_printf(out, "{\"a\":%d}", datum.ptr[0]);
    return true;
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

static void expect(fixture *f, const dump_options *options, const char *expected)
{
    lines taken = {0};
    dump_options with_line = *options;

    with_line.topic = WEIR_STR("t");
    with_line.line = take_line;
    with_line.context = &taken;
    assert_int_equal(dump_topic(f->store, &with_line, &f->err), WEIR_OK);
    assert_string_equal(weir_buf_cstr(&taken.text), expected);
    weir_buf_done(&taken.text);
}

static void a_value_is_shown_by_its_schema_or_as_what_it_is(void **state)
{
    static const struct {
        weir_str value;
        const char *shown;
    } CASES[] = {
        {WEIR_STR("\0\0\0\1\2*"), "{\"a\":42}"},
        {WEIR_STR("\0\0\0\1\2**"),
         "\"\\u0000\\u0000\\u0000\\u0001\\u0002**\""},                         /* no datum of it */
        {WEIR_STR("\0\0\0\1\3*"), "\"\\u0000\\u0000\\u0000\\u0001\\u0003*\""}, /* not known */
        {WEIR_STR("\0\0\0"), "\"\\u0000\\u0000\\u0000\""},
        {WEIR_STR("{\"b\": [1, null]}"), "{\"b\": [1, null]}"},
        {WEIR_STR("say \"hi\""), "\"say \\\"hi\\\"\""},
        {WEIR_STR("\xff\xfe"), "{\"hex\":\"fffe\"}"},
        {WEIR_STR(""), "\"\""},
        {{0}, "null"},
    };
    fixture *f = *state;
    weir_buf expected = {0};

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        append_pair(f, "t", (weir_str){0}, CASES[i].value);
        weir_buf_printf(&expected, "0 %zu 7\tnull\t%s\n", i, CASES[i].shown);
    }
    expect(f, &(dump_options){.partition = -1, .count = -1, .decode = decode},
           weir_buf_cstr(&expected));
    weir_buf_done(&expected);
    fixture_close(f);
}

static void as_json_a_line_is_one_object_with_headers(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    fixture_topic(f, "t", 1);
    append_pair(f, "t", WEIR_STR("plain"), WEIR_STR("\0\0\0\1\2*"));
    append_pair(f, "t", WEIR_STR("gone"), (weir_str){0});
    expect(f, &(dump_options){.partition = -1, .count = -1, .json = true, .decode = decode},
           "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp\":7,\"headers\":[{\"key\":"
           "\"h\",\"value\":\"v\"}],\"key\":\"plain\",\"value\":{\"a\":42}}\n"
           "{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"timestamp\":7,\"headers\":[{\"key\":"
           "\"h\",\"value\":\"v\"}],\"key\":\"gone\",\"value\":null}\n");
    fixture_close(f);
}

static void a_dump_begins_and_ends_where_it_is_told(void **state)
{
    fixture *f = *state;

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    for (int i = 0; i < 10; i++)
        fixture_append(f, "t", 1, "x");
    expect(f, &(dump_options){.partition = 1, .from = 3, .count = 2},
           "1 3 1000\tnull\t\"x\"\n1 4 1000\tnull\t\"x\"\n");
    expect(f, &(dump_options){.partition = 0, .count = -1}, "");
    fixture_close(f);
}

static void a_dump_ends_when_nobody_takes_its_lines(void **state)
{
    fixture *f = *state;
    lines taken = {.limit = 3};
    dump_options options = {
        .topic = WEIR_STR("t"), .partition = -1, .count = -1, .line = take_line, .context = &taken};

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    for (int i = 0; i < 10; i++)
        fixture_append(f, "t", i % 2, "x");
    assert_int_equal(dump_topic(f->store, &options, &f->err), WEIR_OK);
    assert_int_equal(taken.count, 3);
    weir_buf_done(&taken.text);
    fixture_close(f);
}

static void what_is_not_there_is_refused(void **state)
{
    fixture *f = *state;
    dump_options options = {.topic = WEIR_STR("t"), .partition = 2, .line = take_line};

    fixture_open(f, true);
    fixture_topic(f, "t", 2);
    assert_int_equal(dump_topic(f->store, &options, &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "topic \"t\" has no partition 2");
    options.topic = WEIR_STR("nothing");
    assert_int_equal(dump_topic(f->store, &options, &f->err), WEIR_CONFIG);
    assert_string_equal(f->err.message, "there is no topic \"nothing\"");
    fixture_close(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_value_is_shown_by_its_schema_or_as_what_it_is),
        CASE(as_json_a_line_is_one_object_with_headers),
        CASE(a_dump_begins_and_ends_where_it_is_told),
        CASE(a_dump_ends_when_nobody_takes_its_lines),
        CASE(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
