/* test_batch.c - what was written is what is read; a batch is bounded; a broken record leaves no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema-registry/avro/avro.h"
#include "sdk/src/batch.h"

static weir_schema *schema_of(const char *json)
{
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(json), &err);

    assert_non_null(schema);
    return schema;
}

static void assert_bytes(weir_str got, const char *expected, size_t size)
{
    assert_int_equal(got.len, size);
    assert_memory_equal(got.ptr, expected, size);
}

static void a_record_is_read_as_it_was_written(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    WEIR_CLEANUP(avro_schema_freep) weir_schema *number = schema_of("\"long\"");
    weir_record record = {0};
    weir_error err;
    (void)state;

    assert_true(weir_record_begin(batch, WEIR_STR("topic")));
    weir_record_timestamp(batch, 1234);
    weir_record_header(batch, WEIR_STR("h"), WEIR_STR("one"));
    weir_record_header(batch, WEIR_STR("h"), WEIR_STR("two"));
    weir_record_header(batch, WEIR_STR("null"), (weir_str){0});
    weir_record_key(batch, number);
    weir_put_long(batch, -1);
    weir_record_value(batch, number);
    weir_put_long(batch, 64);
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);

    assert_true(weir_record_next(batch, &record));
    assert_true(weir_str_eq(record.topic, WEIR_STR("topic")));
    assert_bytes(record.key, "\x01", 1);
    assert_bytes(record.value, "\x80\x01", 2);
    assert_ptr_equal(record.key_schema, number);
    assert_int_equal(record.timestamp_ms, 1234);
    assert_int_equal(record.header_count, 3);
    assert_true(weir_str_eq(weir_record_header_at(batch, &record, 0).value, WEIR_STR("one")));
    assert_true(
        weir_str_eq(weir_record_header_find(batch, &record, WEIR_STR("h")), WEIR_STR("two")));
    assert_null(weir_record_header_at(batch, &record, 2).value.ptr);
    assert_false(weir_record_next(batch, &record));
}

static void texts_of_all_lengths_are_copied_whole_and_no_further(void **state)
{
    char text[100];
    uint8_t copy[102];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i + 1);
    for (size_t size = 0; size <= sizeof(text); size++) {
        memset(copy, 0, sizeof(copy));
        weir_copy(copy + 1, text, size);
        assert_memory_equal(copy + 1, text, size);
        assert_int_equal(copy[0], 0);
        assert_int_equal(copy[size + 1], 0);
    }
}

static void a_value_that_is_never_begun_is_a_tombstone(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    weir_record record = {0};
    weir_error err;
    (void)state;

    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_key(batch, NULL);
    weir_put_raw(batch, WEIR_STR("k"));
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    assert_null(record.value.ptr);
    assert_bytes(record.key, "k", 1);
}

static void a_full_batch_takes_no_more_records(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(1024);
    weir_error err;
    int count = 0;
    (void)state;

    while (weir_record_begin(batch, WEIR_STR("t"))) {
        weir_record_value(batch, NULL);
        weir_put_raw(batch, WEIR_STR("0123456789012345678901234567890123456789"));
        assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
        count++;
    }
    assert_in_range(count, 20, 26);
    assert_true(batch_is_full(batch));
    batch_clear(batch);
    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_cancel(batch);
}

static void a_record_larger_than_the_batch_makes_it_grow_and_fills_it(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(1024);
    static char large[100000];
    weir_record record = {0};
    weir_error err;
    (void)state;

    memset(large, 'x', sizeof(large));
    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_value(batch, NULL);
    weir_put_raw(batch, (weir_str){large, sizeof(large)});
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    assert_false(weir_record_begin(batch, WEIR_STR("t")));
    assert_true(weir_record_next(batch, &record));
    assert_bytes(record.value, large, sizeof(large));
}

static void a_put_that_breaks_the_schema_takes_the_record_out(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(1024);
    WEIR_CLEANUP(avro_schema_freep) weir_schema *number = schema_of("\"long\"");
    weir_error err;
    (void)state;

    batch_set_checked(batch, true);
    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_value(batch, number);
    weir_put_text(batch, WEIR_STR("not a number"));
    assert_int_equal(weir_record_end(batch, &err), WEIR_REJECT);
    assert_int_equal(batch_count(batch), 0);
    assert_int_equal(batch_bytes(batch), 0);

    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_value(batch, number);
    assert_int_equal(weir_record_end(batch, &err), WEIR_REJECT); /* incomplete */
}

static void what_was_not_sent_is_marked(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    WEIR_CLEANUP(avro_schema_freep)
    weir_schema *pair = schema_of("{\"type\":\"record\",\"name\":\"p\",\"fields\":["
                                  "{\"name\":\"a\",\"type\":\"int\"},"
                                  "{\"name\":\"b\",\"type\":\"string\"}]}");
    weir_record record = {0};
    weir_slot slots[2];
    weir_error err;
    (void)state;

    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_value(batch, pair);
    weir_put_int(batch, 7);
    weir_put_text(batch, WEIR_STR("placeholder"));
    weir_record_unsent(batch, 1);
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    assert_int_equal(weir_record_decode(&record, slots, &err), WEIR_OK);
    assert_int_equal(slots[0].kind, WEIR_SLOT_INTEGER);
    assert_int_equal(slots[0].integer, 7);
    assert_int_equal(slots[1].kind, WEIR_SLOT_UNSENT);
}

static void cutting_leaves_what_the_last_checkpoint_covers(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    weir_error err;
    (void)state;

    for (int i = 0; i < 3; i++) {
        assert_true(weir_record_begin(batch, WEIR_STR("t")));
        assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
        weir_offset(batch, WEIR_STR("{}"), "{\"n\":%d}", i);
        if (i == 1)
            weir_checkpoint(batch);
    }
    batch_cut_to_checkpoint(batch);
    assert_int_equal(batch_count(batch), 2);
    assert_int_equal(batch_mark_count(batch), 3);
    assert_true(
        weir_str_eq(batch_bytes_of(batch, batch_mark_at(batch, 1)->offset), WEIR_STR("{\"n\":1}")));
}

static void a_log_record_that_does_not_fit_waits_for_the_next_batch(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(1024);
    static char large[900];
    batch_log_record record = {.value = {large, sizeof(large)}};
    (void)state;

    record.topic = batch_topic(batch, WEIR_STR("t"));
    assert_true(batch_add_log_record(batch, &record));
    assert_false(batch_add_log_record(batch, &record));
    assert_int_equal(batch_count(batch), 1);
}

static void an_empty_topic_does_not_make_a_reader_begin_again(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    weir_record record = {0};
    weir_error err;
    (void)state;

    assert_true(weir_record_begin(batch, (weir_str){0}));
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    assert_false(weir_record_next(batch, &record));
}

static void any_column_may_be_marked_as_not_sent(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    weir_record record = {0};
    weir_error err;
    (void)state;

    assert_true(weir_record_begin(batch, WEIR_STR("t")));
    weir_record_value(batch, NULL);
    weir_put_raw(batch, WEIR_STR("x"));
    weir_record_unsent(batch, 100000);
    weir_record_unsent(batch, 3);
    assert_int_equal(weir_record_end(batch, &err), WEIR_OK);
    assert_true(weir_record_next(batch, &record));
    assert_true(weir_record_is_unsent(&record, 100000));
    assert_true(weir_record_is_unsent(&record, 3));
    assert_false(weir_record_is_unsent(&record, 4));
}

static void what_would_make_the_batch_too_large_is_refused(void **state)
{
    WEIR_CLEANUP(batch_freep) weir_batch *batch = batch_new(4096);
    uint8_t *to;
    weir_error err;
    (void)state;

    assert_int_equal(batch_reserve(batch, (size_t)1 << 31, &to, &err), WEIR_REJECT);
    assert_non_null(strstr(err.message, "larger than 1073741824 bytes"));
    assert_int_equal(batch_reserve(batch, 16, &to, &err), WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_topic_does_not_make_a_reader_begin_again),
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(texts_of_all_lengths_are_copied_whole_and_no_further),
        cmocka_unit_test(a_value_that_is_never_begun_is_a_tombstone),
        cmocka_unit_test(a_full_batch_takes_no_more_records),
        cmocka_unit_test(a_record_larger_than_the_batch_makes_it_grow_and_fills_it),
        cmocka_unit_test(a_put_that_breaks_the_schema_takes_the_record_out),
        cmocka_unit_test(what_was_not_sent_is_marked),
        cmocka_unit_test(any_column_may_be_marked_as_not_sent),
        cmocka_unit_test(what_would_make_the_batch_too_large_is_refused),
        cmocka_unit_test(cutting_leaves_what_the_last_checkpoint_covers),
        cmocka_unit_test(a_log_record_that_does_not_fit_waits_for_the_next_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
