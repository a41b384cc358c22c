/* test_schema_store.c - ids and versions of schemas, and that they come back from the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/avro/avro.h"
#include "schema-registry/store/schema_store.h"
#include "tests/fixtures/fake_log.h"

#include <string.h>

#define TOPIC WEIR_STR("_schemas")

static log *backend;
static schema_store *store;

static int setup(void **state)
{
    weir_error err;

    (void)state;
    backend = fake_log_new(1);
    return schema_store_open(backend, &store, &err) == WEIR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    schema_store_close(store);
    fake_log_free(backend);
    return 0;
}

static void open_again(void)
{
    weir_error err;

    schema_store_close(store);
    assert_int_equal(schema_store_open(backend, &store, &err), WEIR_OK);
}

static int32_t add(const char *subject, const char *text)
{
    weir_error err;
    weir_schema *schema = avro_parse(weir_cstr(text), &err);
    int32_t id = -1;

    assert_non_null(schema);
    assert_int_equal(schema_store_register(store, weir_cstr(subject), schema, &id, &err), WEIR_OK);
    avro_schema_free(schema);
    return id;
}

static void assert_record(int64_t offset, const char *key, const char *value)
{
    fake_record record;

    assert_true(fake_log_at(backend, TOPIC, 0, offset, &record));
    assert_true(weir_str_eq(record.key, weir_cstr(key)));
    assert_true(weir_str_eq(record.value, weir_cstr(value)));
}

static void one_schema_has_one_id(void **state)
{
    (void)state;
    assert_int_equal(add("a-value", "\"string\""), 1);
    assert_int_equal(add("a-value", "\"long\""), 2);
    assert_int_equal(add("b-value", "\"string\""), 1);
    assert_int_equal(add("a-value", "\"string\""), 1);
    assert_int_equal(fake_log_count(backend, TOPIC, 0), 3);
}

static void records_have_the_format_of_the_schemas_topic(void **state)
{
    (void)state;
    add("a\"b", "\"string\"");
    add("a\"b", "\"long\"");
    assert_record(
        0, "{\"keytype\":\"SCHEMA\",\"subject\":\"a\\\"b\",\"version\":1,\"magic\":1}",
        "{\"subject\":\"a\\\"b\",\"version\":1,\"id\":1,\"schema\":\"\\\"string\\\"\",\"deleted\":"
        "false}");
    assert_record(
        1, "{\"keytype\":\"SCHEMA\",\"subject\":\"a\\\"b\",\"version\":2,\"magic\":1}",
        "{\"subject\":\"a\\\"b\",\"version\":2,\"id\":2,\"schema\":\"\\\"long\\\"\",\"deleted\":"
        "false}");
}

static void ids_and_versions_come_back(void **state)
{
    const weir_schema *found;
    weir_error err;

    (void)state;
    add("a", "\"string\"");
    add("a", "\"long\"");
    open_again();
    assert_int_equal(schema_store_get(store, 2, &found, &err), WEIR_OK);
    assert_true(weir_str_eq(weir_schema_text(found), WEIR_STR("\"long\"")));
    assert_int_equal(add("a", "\"string\""), 1);
    assert_int_equal(add("b", "\"int\""), 3);
    assert_int_equal(fake_log_count(backend, TOPIC, 0), 3);
}

static void an_unknown_id_is_said(void **state)
{
    const weir_schema *found;
    weir_error err;

    (void)state;
    assert_int_equal(schema_store_get(store, 7, &found, &err), WEIR_REJECT);
    assert_string_equal(err.message, "schema id 7 is not in _schemas");
}

static void what_the_log_did_not_take_has_no_id(void **state)
{
    static const fake_fate fates[] = {FAKE_ABORT};
    WEIR_CLEANUP(avro_schema_freep) weir_schema *schema = NULL;
    weir_error err;
    int32_t id;

    (void)state;
    schema = avro_parse(WEIR_STR("\"int\""), &err);
    fake_log_script(backend, fates, 1);
    assert_int_not_equal(schema_store_register(store, WEIR_STR("a"), schema, &id, &err), WEIR_OK);
    assert_int_equal(fake_log_count(backend, TOPIC, 0), 0);
    assert_int_equal(add("a", "\"long\""), 1);
}

static void other_records_are_passed_over(void **state)
{
    log_record foreign = {.topic = TOPIC,
                          .partition = 0,
                          .timestamp_ms = -1,
                          .key = WEIR_STR("{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}"),
                          .value = WEIR_STR("{\"compatibilityLevel\":\"FULL\"}")};
    log_writer *writer;
    weir_error err;

    (void)state;
    assert_int_equal(log_writer_open(backend, WEIR_STR("import"), &writer, &err), WEIR_OK);
    assert_int_equal(log_add(writer, &foreign, &err), WEIR_OK);
    foreign.key = WEIR_STR("no JSON");
    foreign.value = (weir_str){0};
    assert_int_equal(log_add(writer, &foreign, &err), WEIR_OK);
    assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    log_writer_close(writer);
    open_again();
    assert_int_equal(add("a", "\"int\""), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_schema_has_one_id, setup, teardown),
        cmocka_unit_test_setup_teardown(records_have_the_format_of_the_schemas_topic, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(ids_and_versions_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_id_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_log_did_not_take_has_no_id, setup, teardown),
        cmocka_unit_test_setup_teardown(other_records_are_passed_over, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
