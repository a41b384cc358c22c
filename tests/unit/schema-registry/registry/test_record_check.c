/* test_record_check.c - what a topic that has its schemas checked takes, and what it is refused with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fixtures/fake_log.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

#define TOPIC WEIR_STR("orders")

static log *backend;
static registry *schemas;
static log_writer *writer;
static weir_error err;

static void open_topic(log_schema_check key, log_schema_check value)
{
    log_topic_config config = LOG_TOPIC_DEFAULTS;

    config.key_check = key;
    config.value_check = value;
    assert_int_equal(log_topic_create(backend, TOPIC, &config, &err), WEIR_OK);
}

static int setup(void **state)
{
    (void)state;
    backend = fake_log_new(1);
    assert_int_equal(registry_open(backend, &REGISTRY_DEFAULTS, &schemas, &err), WEIR_OK);
    assert_int_equal(log_writer_open(backend, WEIR_STR("w"), &writer, &err), WEIR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_writer_close(writer);
    registry_close(schemas);
    answers_done();
    fake_log_free(backend);
    return 0;
}

/* A frame with this id, split behind `split` bytes into prefix and content. */
static weir_code add_split(int id, size_t split)
{
    char frame[6] = {0, 0, 0, (char)(id >> 8), (char)id, 'x'};
    log_record record = {.topic = TOPIC, .partition = 0, .timestamp_ms = 1};

    record.value_prefix = (weir_str){split > 0 ? frame : NULL, split};
    record.value = (weir_str){frame + split, sizeof(frame) - split};
    return log_add(writer, &record, &err);
}

static weir_code add(int id)
{
    return add_split(id, 5);
}

static weir_code add_value(weir_str key, weir_str value)
{
    return log_add(
        writer,
        &(log_record){
            .topic = TOPIC, .partition = 0, .timestamp_ms = 1, .key = key, .value = value},
        &err);
}

static void assert_refused(weir_code code, const char *expected)
{
    assert_int_equal(code, WEIR_REJECT);
    assert_string_equal(err.message, expected);
}

static int register_record(const char *subject, const char *fields)
{
    int64_t id = register_id(schemas, subject, record_of(fields));

    assert_true(id > 0);
    return (int)id;
}

static void a_record_with_an_id_of_its_subject_is_taken_however_it_is_framed(void **state)
{
    int id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    id = register_record("orders-value", "a:int");
    for (size_t split = 0; split <= 6; split++)
        assert_int_equal(add_split(id, split), WEIR_OK);
}

static void an_id_that_nobody_has_is_refused_until_it_is_registered(void **state)
{
    int id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    assert_refused(add(1), "topic orders, partition 0: the value's schema id 1 is not known to the "
                           "schema registry, and confluent.value.schema.validation is on: register "
                           "the schema under subject \"orders-value\" there");
    id = register_record("orders-value", "a:int");
    assert_int_equal(id, 1);
    assert_int_equal(add(1), WEIR_OK);
}

static void an_id_of_another_subject_is_refused_with_the_subjects_that_have_it(void **state)
{
    int id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    id = register_record("others-value", "a:int");
    assert_refused(
        add(id), "topic orders, partition 0: the value's schema id 1 is not of subject "
                 "\"orders-value\" but of \"others-value\", and confluent.value.schema.validation "
                 "is on: register the schema under that subject, or set "
                 "confluent.value.subject.name.strategy");
    assert_int_equal(register_record("orders-value", "a:int"), id); /* one schema has one id */
    assert_int_equal(add(id), WEIR_OK);
}

static void a_deleted_version_does_not_count(void **state)
{
    int id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    id = register_record("orders-value", "a:int");
    assert_int_equal(register_record("others-value", "a:int"), id);
    (void)delete_version(schemas, "orders-value", 1, false);
    assert_int_equal(add(id), WEIR_REJECT);
    assert_non_null(strstr(err.message, "but of \"others-value\","));
    (void)delete_version(schemas, "others-value", 1, false);
    assert_int_equal(add(id), WEIR_REJECT);
    assert_non_null(strstr(err.message, "is not known"));
}

static void ids_of_another_context_are_not_known(void **state)
{
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    assert_int_equal(register_record(":.ctx:orders-value", "a:int"), 1);
    assert_int_equal(add(1), WEIR_REJECT);
    assert_non_null(strstr(err.message, "is not known"));
}

static void what_is_not_framed_is_refused_and_what_is_not_there_is_not(void **state)
{
    (void)state;

    open_topic(LOG_CHECK_TOPIC_NAME, LOG_CHECK_TOPIC_NAME);
    assert_refused(
        add_value((weir_str){0}, WEIR_STR("text")),
        "topic orders, partition 0: the value of 4 bytes has no schema id (0x00 and four "
        "bytes), and confluent.value.schema.validation is on: use the avro converter or a "
        "serializer of the schema registry");
    assert_int_equal(add_value((weir_str){0}, WEIR_STR("longer text")), WEIR_REJECT);
    assert_int_equal(add_value(WEIR_STR("key"), (weir_str){0}), WEIR_REJECT);
    assert_non_null(strstr(err.message, "confluent.key.schema.validation"));
    assert_int_equal(add_value((weir_str){0}, (weir_str){0}), WEIR_OK);
}

static void keys_are_checked_apart_from_values(void **state)
{
    int id;
    (void)state;

    open_topic(LOG_CHECK_TOPIC_NAME, LOG_UNCHECKED);
    id = register_record("orders-key", "a:int");
    assert_int_equal(id, 1);
    assert_int_equal(add_value((weir_str){"\0\0\0\0\1", 5}, WEIR_STR("anything")), WEIR_OK);
    assert_int_equal(add_value((weir_str){"\0\0\0\0\2", 5}, WEIR_STR("anything")), WEIR_REJECT);
}

static void the_strategies_make_other_subjects(void **state)
{
    int id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_RECORD_NAME);
    id = register_record("orders-value", "a:int");
    assert_int_equal(add(id), WEIR_REJECT);
    assert_non_null(strstr(err.message, "is not of subject \"R\" but of \"orders-value\""));
    assert_int_equal(register_record("R", "a:int"), id);
    assert_int_equal(add(id), WEIR_OK);
    assert_int_equal(add(77), WEIR_REJECT);
    assert_non_null(strstr(err.message, "id 77 is not known"));
    assert_int_equal(log_topic_delete(backend, TOPIC, &err), WEIR_OK);
    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_RECORD_NAME);
    assert_int_equal(add(id), WEIR_REJECT);
    assert_int_equal(register_record("orders-R", "a:int"), id);
    assert_int_equal(add(id), WEIR_OK);
}

static void a_strategy_of_records_refuses_what_is_none(void **state)
{
    int64_t id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_RECORD_NAME);
    id = register_id(schemas, "x", "\"string\"");
    assert_int_equal(add((int)id), WEIR_REJECT);
    assert_non_null(strstr(err.message, "is no record"));
}

static void a_refused_record_leaves_the_unit_as_it_was(void **state)
{
    size_t before;
    int id;
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    id = register_record("orders-value", "a:int");
    assert_int_equal(add(id), WEIR_OK);
    before = log_unit_bytes(writer);
    assert_int_equal(add(id + 1), WEIR_REJECT);
    assert_int_equal(log_unit_bytes(writer), before);
}

static void without_a_registry_nothing_gets_into_such_a_topic(void **state)
{
    (void)state;

    open_topic(LOG_UNCHECKED, LOG_CHECK_TOPIC_NAME);
    registry_close(schemas);
    schemas = NULL;
    assert_int_equal(add(1), WEIR_FATAL);
    assert_non_null(strstr(err.message, "there is no schema registry"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_record_with_an_id_of_its_subject_is_taken_however_it_is_framed),
        TEST(an_id_that_nobody_has_is_refused_until_it_is_registered),
        TEST(an_id_of_another_subject_is_refused_with_the_subjects_that_have_it),
        TEST(a_deleted_version_does_not_count),
        TEST(ids_of_another_context_are_not_known),
        TEST(what_is_not_framed_is_refused_and_what_is_not_there_is_not),
        TEST(keys_are_checked_apart_from_values),
        TEST(the_strategies_make_other_subjects),
        TEST(a_strategy_of_records_refuses_what_is_none),
        TEST(a_refused_record_leaves_the_unit_as_it_was),
        TEST(without_a_registry_nothing_gets_into_such_a_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
