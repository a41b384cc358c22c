/* test_dead_letter.c - what a sink refuses fails it, or is in the dead letter queue once, as Kafka Connect says. */
#include "tests/unit/runtime/connect/sink_fixture.h"

#include <unistd.h>

static void with_tolerance_none_a_refused_record_fails_the_task(void **state)
{
    weir_error err;
    (void)state;

    make_orders(5);
    sink.refused = "3";
    sink.stop_at = 5;
    assert_int_equal(run_task(&err), WEIR_FATAL);
    assert_non_null(strstr(err.message, "offset 3 of orders-0"));
    assert_non_null(strstr(err.message, "3 is not wanted"));
    assert_int_equal(committed(), -1);
}

static void with_tolerance_all_a_refused_record_is_passed_over(void **state)
{
    (void)state;

    make_orders(5);
    set("errors.tolerance", "all");
    sink.refused = "3";
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_int_equal(committed(), 5);
}

static void dead_letter_settings(void)
{
    set("errors.tolerance", "all");
    set("errors.deadletterqueue.topic.name", "dead");
    set("errors.deadletterqueue.context.headers.enable", "true");
}

static bool has_header(const fake_record *record, const char *name, const char *value)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf wanted = {0};

    /* As RecordBatch v2 has them: zigzag varint lengths, all below 64 here or two bytes long. */
    weir_buf_add_str(&wanted, weir_cstr(name));
    if (strlen(value) < 64)
        weir_buf_add_byte(&wanted, (char)(strlen(value) * 2));
    else
        weir_buf_add(&wanted,
                     (char[]){(char)((strlen(value) * 2 & 127) | 128), (char)(strlen(value) >> 6)},
                     2);
    weir_buf_add_str(&wanted, weir_cstr(value));
    return memmem(record->headers.ptr, record->headers.len, wanted.ptr, wanted.len) != NULL;
}

static void a_dead_letter_has_the_record_and_kafka_connects_headers(void **state)
{
    static const char *const headers[][2] = {
        {"__connect.errors.topic", "orders"},
        {"__connect.errors.partition", "0"},
        {"__connect.errors.offset", "3"},
        {"__connect.errors.connector.name", "dwh"},
        {"__connect.errors.task.id", "0"},
        {"__connect.errors.stage", "TASK_PUT"},
        {"__connect.errors.class.name", "org.apache.kafka.connect.sink.SinkTask"},
        {"__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"},
        {"__connect.errors.exception.message", "3 is not wanted"},
        {"__connect.errors.exception.stacktrace",
         "org.apache.kafka.connect.errors.DataException: 3 is not wanted"},
    };
    fake_record letter;
    (void)state;

    make_orders(5);
    dead_letter_settings();
    sink.refused = "3";
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 1);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &letter));
    assert_true(weir_str_eq(letter.key, WEIR_STR("k")));
    assert_true(weir_str_eq(letter.value, WEIR_STR("3")));
    assert_int_equal(letter.timestamp_ms, 1003);
    assert_int_equal(letter.header_count, 10);
    for (int i = 0; i < 10; i++)
        assert_true(has_header(&letter, headers[i][0], headers[i][1]));
}

static void without_the_setting_a_dead_letter_has_no_headers_of_ours(void **state)
{
    fake_record letter;
    (void)state;

    make_orders(5);
    set("errors.tolerance", "all");
    set("errors.deadletterqueue.topic.name", "dead");
    sink.refused = "3";
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &letter));
    assert_int_equal(letter.header_count, 0);
}

static void a_batch_that_is_put_again_brings_no_second_dead_letter(void **state)
{
    (void)state;

    make_orders(5);
    dead_letter_settings();
    sink.refused = "3";
    sink.failing_puts = 3;
    assert_int_equal(run_until_flushed(5), WEIR_OK);
    assert_int_equal(sink.put_count, 4);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 1);
}

static void a_dead_letter_is_committed_with_the_offset_behind_it(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT, FAKE_UNKNOWN_LOST, FAKE_UNKNOWN_KEPT};
    fake_record letter, offset;
    (void)state;

    make_orders(5);
    dead_letter_settings();
    sink.refused = "3";
    fake_log_script(the_log, fates, 3);
    for (int i = 0; i < 3; i++) /* each start refuses it again, until its offset is committed */
        assert_int_equal(run_until_flushed(5), WEIR_RETRY);
    append(TOPIC, 0, 5, 1);
    assert_int_equal(run_until_flushed(6), WEIR_OK);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 1);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 0, &letter));
    assert_true(fake_log_at(the_log, DURABLE_OFFSETS, 0, 0, &offset));
    assert_int_equal(letter.unit, offset.unit);
}

static void a_dead_letter_waits_until_its_record_is_done_with(void **state)
{
    weir_error err;
    (void)state;

    make_orders(5);
    dead_letter_settings();
    set("offset.flush.interval.ms", "60000");
    sink.refused = "3";
    sink.partial_flushes = 1000;
    sink.durable_below = 3; /* records below the refused one only */
    sink.in_flush = stop;
    assert_int_equal(run_task(&err), WEIR_OK);
    assert_int_equal(committed(), 3);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 0);
}

static void what_no_converter_reads_is_refused_at_its_stage(void **state)
{
    fake_record letter;
    (void)state;

    make_topic(TOPIC, 1);
    append(TOPIC, 0, 0, 2);
    settings[3].value = WEIR_STR("avro"); /* "0" and "1" are no Avro frames */
    dead_letter_settings();
    assert_int_equal(run_until_flushed(2), WEIR_OK);
    assert_int_equal(sink.seen_count, 0);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 2);
    assert_true(fake_log_at(the_log, WEIR_STR("dead"), 0, 1, &letter));
    assert_true(has_header(&letter, "__connect.errors.stage", "VALUE_CONVERTER"));
    assert_true(has_header(&letter, "__connect.errors.class.name", "avro"));
    assert_int_equal(committed(), 2);
}

static void many_dead_letters_do_not_pile_up(void **state)
{
    (void)state;

    make_orders(3000);
    dead_letter_settings();
    settings[3].value = WEIR_STR("avro");
    set("offset.flush.interval.ms", "60000");
    assert_int_equal(run_until_flushed(3000), WEIR_OK);
    assert_int_equal(fake_log_count(the_log, WEIR_STR("dead"), 0), 3000);
}

/* What run_until_flushed(5) says on standard error, of which this is found, or not. */
static bool is_said(const char *text)
{
    char said[4096];
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    size_t size;

    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    weir_code code = run_until_flushed(5);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(code, WEIR_OK);
    rewind(file);
    size = fread(said, 1, sizeof(said) - 1, file);
    said[size] = 0;
    fclose(file);
    return strstr(said, text) != NULL;
}

/* Its commit comes before that of the letters. */
static void a_destination_that_is_ahead_of_the_queue_is_warned_of(void **state)
{
    (void)state;
    make_orders(5);
    dead_letter_settings();
    sink.resume = 4;
    assert_true(is_said("the destination has orders-0 up to offset 4, but only what was refused "
                        "below 0 is in the dead letter queue dead for sure"));
    sink.resume = 5;
    append(TOPIC, 0, 5, 1);
    assert_false(is_said("dead letter queue"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(with_tolerance_none_a_refused_record_fails_the_task),
        CASE(with_tolerance_all_a_refused_record_is_passed_over),
        CASE(a_dead_letter_has_the_record_and_kafka_connects_headers),
        CASE(a_destination_that_is_ahead_of_the_queue_is_warned_of),
        CASE(without_the_setting_a_dead_letter_has_no_headers_of_ours),
        CASE(a_batch_that_is_put_again_brings_no_second_dead_letter),
        CASE(a_dead_letter_is_committed_with_the_offset_behind_it),
        CASE(a_dead_letter_waits_until_its_record_is_done_with),
        CASE(what_no_converter_reads_is_refused_at_its_stage),
        CASE(many_dead_letters_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
