/* test_register.c - which schema gets which id and version, and that it is so after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/fake_log.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

/* The n-th record of the topic. */
static void assert_record(int64_t offset, const char *key, const char *value)
{
    fake_record record;

    assert_true(fake_log_at(the_log, REGISTRY_TOPIC, 0, offset, &record));
    assert_int_equal(record.key.len, strlen(key));
    assert_memory_equal(record.key.ptr, key, record.key.len);
    if (value == NULL) {
        assert_null(record.value.ptr);
        return;
    }
    assert_int_equal(record.value.len, strlen(value));
    assert_memory_equal(record.value.ptr, value, record.value.len);
}

static void the_first_schema_gets_id_and_version_one(void **state)
{
    (void)state;
    assert_string_equal(register_text(the_registry, "a", "{\"type\" : \"string\"}"),
                        "{\"id\":1,\"version\":1,\"guid\":\"095d71cf-1255-6b9d-5e33-0ad575b3df5d\","
                        "\"schemaType\":\"AVRO\",\"schema\":\"\\\"string\\\"\"}");
}

static void records_are_confluents(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"string\"");
    assert_record(0, "{\"keytype\":\"SCHEMA\",\"subject\":\"a\",\"version\":1,\"magic\":1}",
                  "{\"subject\":\"a\",\"version\":1,\"id\":1,\"md5\":\"CV1xzxJVa51eMwrVdbPfXQ==\","
                  "\"schema\":\"\\\"string\\\"\",\"deleted\":false}");
}

static void the_same_schema_has_one_id_in_all_subjects(void **state)
{
    (void)state;
    assert_int_equal(register_id(the_registry, "a", "\"string\""), 1);
    assert_int_equal(register_id(the_registry, "b", "\"long\""), 2);
    assert_int_equal(register_id(the_registry, "b2", "{\"type\":\"string\"}"), 1);
    assert_string_equal(schema_subjects(the_registry, 1, false), "[\"a\",\"b2\"]");
}

static void registering_again_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(register_id(the_registry, "a", "\"string\""), 1);
    assert_int_equal(register_id(the_registry, "a", "{\"type\":\"string\"}"), 1);
    assert_int_equal(fake_log_count(the_log, REGISTRY_TOPIC, 0), 1);
}

static void versions_count_up(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    (void)register_text(the_registry, "a", record_of("x:int y:int=1"));
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_LIVE), "[1,2]");
    assert_string_equal(version_text(the_registry, "a", -1), record_of("x:int y:int=1"));
}

static void what_was_registered_is_there_after_a_restart(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    (void)register_text(the_registry, "a", record_of("x:int y:int=1"));
    (void)register_text(the_registry, ":.c:a", record_of("x:int"));
    registry_again();
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_LIVE), "[1,2]");
    assert_string_equal(schema_text(the_registry, 2), record_of("x:int y:int=1"));
    assert_int_equal(register_id(the_registry, "b", record_of("x:int y:int=1")), 2);
    assert_int_equal(register_id(the_registry, "c", "\"int\""), 3);
    assert_string_equal(subjects_of(the_registry, NULL, REGISTRY_LIVE),
                        "[\":.c:a\",\"a\",\"b\",\"c\"]");
}

static void an_incompatible_schema_is_refused_with_its_reasons(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    assert_string_equal(
        register_text(the_registry, "a", record_of("x:int y:int")),
        "40901 Schema being registered is incompatible with an earlier schema for subject \"a\", "
        "details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'y' at "
        "path '/fields/1' in the new schema has no default value and is missing in the old "
        "schema', additionalInfo:'y'}, {oldSchemaVersion: 1}, {oldSchema: "
        "'{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}'}, "
        "{validateFields: 'false', compatibility: 'BACKWARD'}]");
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_LIVE), "[1]");
}

static void with_normalize_the_order_of_properties_does_not_matter(void **state)
{
    registry_schema first = {.text = WEIR_STR("{\"type\":\"string\",\"b\":1,\"a\":2}")};

    (void)state;
    assert_non_null(strstr(register_all(the_registry, "a", &first, true),
                           "{\\\"type\\\":\\\"string\\\",\\\"a\\\":2,\\\"b\\\":1}"));
}

static void a_reference_makes_its_types_known(void **state)
{
    registry_schema user = {.text = WEIR_STR("{\"type\":\"array\",\"items\":\"R\"}"),
                            .references =
                                WEIR_STR("[{\"name\":\"R\",\"subject\":\"r\",\"version\":-1}]")};

    (void)state;
    assert_non_null(strstr(register_all(the_registry, "a", &user, false),
                           "42201 Invalid schema of type AVRO, details: No schema reference found "
                           "for subject \"r\" and version -1"));
    (void)register_text(the_registry, "r", record_of("x:int"));
    assert_non_null(strstr(register_all(the_registry, "a", &user, false),
                           "\"references\":[{\"name\":\"R\",\"subject\":\"r\",\"version\":1}],"
                           "\"schema\":\"{\\\"type\\\":\\\"array\\\",\\\"items\\\":\\\"R\\\"}\""));
    assert_non_null(strstr(look_up(the_registry, "a",
                                   "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
                                   "\"R\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}}",
                                   false),
                           "{\"subject\":\"a\",\"version\":1,\"id\":2,"));
    registry_again();
    assert_string_equal(delete_version(the_registry, "r", 1, false),
                        "42206 One or more references exist to the schema "
                        "{magic=1,keytype=SCHEMA,subject=r,version=1}.");
}

static void metadata_and_rules_are_kept_and_make_another_schema(void **state)
{
    registry_schema plain = {.text = WEIR_STR("\"string\"")}, rich = plain;

    (void)state;
    rich.metadata = WEIR_STR("{\"properties\": {\"owner\": \"x\"}}");
    rich.rule_set = WEIR_STR("{\"domainRules\":[{\"name\":\"r\",\"kind\":\"CONDITION\","
                             "\"mode\":\"WRITE\",\"type\":\"CEL\",\"expr\":\"true\"}]}");
    assert_non_null(strstr(register_all(the_registry, "a", &plain, false), "\"id\":1,"));
    assert_non_null(strstr(register_all(the_registry, "a", &rich, false), "\"id\":2,"));
    registry_again();
    assert_non_null(strstr(schema_of(the_registry, 2, NULL),
                           "\"metadata\":{\"properties\":{\"owner\":\"x\"}},\"ruleSet\":{"
                           "\"domainRules\":[{\"name\":\"r\""));
}

static void an_id_can_be_chosen_only_while_importing(void **state)
{
    registry_schema request = {.text = WEIR_STR("\"string\""), .id = 77, .version = 5};
    registry_schema other = {.text = WEIR_STR("\"long\""), .id = 77, .version = 1};

    (void)state;
    assert_string_equal(register_all(the_registry, "a", &request, false),
                        "42205 Subject a in context  is not in import mode");
    assert_string_equal(set_mode(the_registry, NULL, "IMPORT", false), "{\"mode\":\"IMPORT\"}");
    assert_non_null(
        strstr(register_all(the_registry, "a", &request, false), "{\"id\":77,\"version\":5,"));
    assert_string_equal(register_all(the_registry, "b", &other, false),
                        "42205 Overwrite new schema with id 77 in context  is not permitted.");
    assert_string_equal(set_mode(the_registry, NULL, "READWRITE", false),
                        "{\"mode\":\"READWRITE\"}");
    assert_int_equal(register_id(the_registry, "b", "\"long\""), 78);
}

static void json_and_protobuf_are_kept_but_not_compared(void **state)
{
    registry_schema json = {.text = WEIR_STR("{ \"type\": \"object\" }"), .type = WEIR_STR("JSON")};
    registry_schema proto = {.text = WEIR_STR("syntax = \"proto3\";\n"),
                             .type = WEIR_STR("PROTOBUF")};

    (void)state;
    assert_non_null(strstr(register_all(the_registry, "j", &json, false),
                           "\"schemaType\":\"JSON\",\"schema\":\"{\\\"type\\\":\\\"object\\\"}\""));
    json.text = WEIR_STR("{\"type\":\"object\"}");
    assert_non_null(strstr(register_all(the_registry, "j", &json, false), "\"version\":1,"));
    json.text = WEIR_STR("{}");
    assert_non_null(strstr(register_all(the_registry, "j", &json, false),
                           "Schemas of type JSON are not compared"));
    (void)set_config(the_registry, "j", "{\"compatibility\":\"NONE\"}");
    assert_non_null(strstr(register_all(the_registry, "j", &json, false), "\"version\":2,"));
    json.text = WEIR_STR("{");
    assert_non_null(strstr(register_all(the_registry, "j", &json, false), "42201 "));
    assert_non_null(strstr(register_all(the_registry, "p", &proto, false), "\"version\":1,"));
}

static void bad_requests_get_their_code(void **state)
{
    registry_schema typed = {.text = WEIR_STR("\"int\""), .type = WEIR_STR("THRIFT")};
    registry_schema late = {.text = WEIR_STR("\"int\""), .version = 7};

    (void)state;
    assert_string_equal(register_text(the_registry, "a", ""), "42201 Empty schema");
    assert_non_null(strstr(register_text(the_registry, "a", "{\"type\":\"recod\"}"),
                           "42201 Invalid schema of type AVRO, details: "));
    assert_string_equal(register_text(the_registry, "__GLOBAL", "\"int\""),
                        "42208 The specified subject '__GLOBAL' is not a valid.");
    assert_string_equal(register_all(the_registry, "a", &typed, false),
                        "42201 Invalid schema type THRIFT");
    assert_string_equal(register_all(the_registry, "a", &late, false),
                        "42201 Version is not one more than previous version");
    assert_int_equal(fake_log_count(the_log, REGISTRY_TOPIC, 0), 0);
}

static void an_aborted_commit_is_sent_again(void **state)
{
    const fake_fate fates[] = {FAKE_ABORT, FAKE_ABORT, FAKE_COMMIT};

    (void)state;
    fake_log_script(the_log, fates, 3);
    assert_int_equal(register_id(the_registry, "a", "\"int\""), 1);
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_LIVE), "[1]");
}

static void an_unknown_outcome_is_an_error_and_its_id_is_not_given_to_another(void **state)
{
    const fake_fate kept = FAKE_UNKNOWN_KEPT, lost = FAKE_UNKNOWN_LOST;

    (void)state;
    fake_log_script(the_log, &kept, 1);
    assert_string_equal(register_text(the_registry, "a", "\"int\""),
                        "50001 Register schema operation failed while writing to the Kafka store");
    assert_int_equal(register_id(the_registry, "b", "\"long\""), 2);
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_LIVE), "[1]");
    fake_log_script(the_log, &lost, 1);
    assert_int_equal(register_id(the_registry, "c", "\"string\""), -50001);
    assert_int_equal(register_id(the_registry, "c", "\"bytes\""), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_setup, registry_teardown)
        TEST(the_first_schema_gets_id_and_version_one),
        TEST(records_are_confluents),
        TEST(the_same_schema_has_one_id_in_all_subjects),
        TEST(registering_again_writes_nothing),
        TEST(versions_count_up),
        TEST(what_was_registered_is_there_after_a_restart),
        TEST(an_incompatible_schema_is_refused_with_its_reasons),
        TEST(with_normalize_the_order_of_properties_does_not_matter),
        TEST(a_reference_makes_its_types_known),
        TEST(metadata_and_rules_are_kept_and_make_another_schema),
        TEST(an_id_can_be_chosen_only_while_importing),
        TEST(json_and_protobuf_are_kept_but_not_compared),
        TEST(bad_requests_get_their_code),
        TEST(an_aborted_commit_is_sent_again),
        TEST(an_unknown_outcome_is_an_error_and_its_id_is_not_given_to_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
