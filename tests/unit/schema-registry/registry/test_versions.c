/* test_versions.c - what is answered about versions, schemas and subjects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

static void versions_are_numbers_or_latest(void **state)
{
    static const struct {
        const char *text;
        int32_t version; /* 0: refused */
    } cases[] = {
        {"1", 1},      {"latest", -1},       {"-1", -1}, {" 7 ", 7}, {"0", 0},
        {"-2", 0},     {"1099511627776", 0}, {"x", 0},   {"", 0},    {"2147483647", INT32_MAX},
        {"LATEST", -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        registry_error error = {0};
        int32_t version = 0;
        bool is_good = registry_version_of(weir_cstr(cases[i].text), &version, &error);

        assert_int_equal(is_good, cases[i].version != 0);
        assert_int_equal(version, cases[i].version);
        assert_int_equal(error.code, is_good ? REGISTRY_OK : REGISTRY_BAD_VERSION);
        registry_error_done(&error);
    }
}

static void a_schema_is_served_with_all_it_was_registered_with(void **state)
{
    const char *answer;

    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    answer = version_of(the_registry, "a", 1, false);
    assert_non_null(strstr(answer, "{\"subject\":\"a\",\"version\":1,\"id\":1,\"guid\":\""));
    assert_non_null(strstr(answer, "\"schemaType\":\"AVRO\",\"schema\":\"\\\"int\\\"\",\"ts\":"));
    answer = schema_of(the_registry, 1, NULL);
    assert_non_null(strstr(answer, "{\"guid\":\""));
    assert_null(strstr(answer, "subject"));
    assert_non_null(strstr(schema_of(the_registry, 1, "a"), "{\"subject\":\"a\",\"version\":1,"));
    assert_string_equal(schema_of(the_registry, 7, NULL), "40403 Schema 7 not found");
    assert_string_equal(schema_of(the_registry, INT64_MAX, NULL),
                        "40403 Schema 9223372036854775807 not found");
}

static void contexts_are_apart(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reply = {0};

    (void)state;
    assert_int_equal(register_id(the_registry, "a", "\"int\""), 1);
    assert_int_equal(register_id(the_registry, ":.c:a", "\"long\""), 1);
    assert_string_equal(subjects_of(the_registry, "", REGISTRY_LIVE), "[\"a\"]");
    assert_string_equal(subjects_of(the_registry, ":.c:", REGISTRY_LIVE), "[\":.c:a\"]");
    assert_string_equal(subjects_of(the_registry, ":*:", REGISTRY_LIVE), "[\":.c:a\",\"a\"]");
    assert_non_null(strstr(schema_of(the_registry, 1, ":.c:"), "\\\"long\\\""));
    registry_list_contexts(the_registry, (weir_str){0}, (registry_page){0}, &reply);
    assert_string_equal(weir_buf_cstr(&reply), "[\".\",\".c\"]");
}

static void a_name_without_context_is_looked_for_in_all(void **state)
{
    (void)state;
    (void)register_text(the_registry, ":.c:only", "\"long\"");
    assert_non_null(
        strstr(version_of(the_registry, "only", 1, false), "{\"subject\":\":.c:only\""));
    assert_non_null(
        strstr(look_up(the_registry, "only", "\"long\"", false), "{\"subject\":\":.c:only\""));
    assert_non_null(strstr(schema_of(the_registry, 1, "only"), "{\"subject\":\":.c:only\""));
}

static void lists_are_sorted_and_come_in_pages(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf reply = {0};

    (void)state;
    (void)register_text(the_registry, "b", "\"int\"");
    (void)register_text(the_registry, "ab", "\"int\"");
    (void)register_text(the_registry, "c", "\"int\"");
    assert_string_equal(subjects_of(the_registry, NULL, REGISTRY_LIVE), "[\"ab\",\"b\",\"c\"]");
    registry_list_subjects(the_registry, (weir_str){0}, &(registry_query){.page = {1, 1}}, &reply);
    assert_string_equal(weir_buf_cstr(&reply), "[\"b\"]");
    assert_string_equal(subjects_of(the_registry, "a", REGISTRY_LIVE), "[\"ab\"]");
    assert_string_equal(schema_subjects(the_registry, 1, false), "[\"ab\",\"b\",\"c\"]");
}

static void schemas_are_listed_by_subject_or_only_their_latest(void **state)
{
    weir_buf reply = {0};
    registry_error error = {0};
    const char *answer;

    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    (void)register_text(the_registry, "a", record_of("x:int y:int=1"));
    registry_list_schemas(the_registry, (weir_str){0}, &(registry_query){.latest_only = true},
                          &reply);
    answer = answer_of(true, &reply, &error);
    assert_null(strstr(answer, "\"version\":1,"));
    assert_non_null(strstr(answer, "[{\"subject\":\"a\",\"version\":2,\"id\":2,"));
}

static void a_schema_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_string_equal(look_up(the_registry, "a", "\"int\"", false),
                        "40401 Subject 'a' not found.");
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(look_up(the_registry, "a", "\"long\"", false), "40403 Schema not found");
    assert_non_null(strstr(look_up(the_registry, "a", "{", false), "42201 "));
    (void)delete_version(the_registry, "a", 1, false);
    assert_string_equal(look_up(the_registry, "a", "\"int\"", false),
                        "40401 Subject 'a' not found.");
    assert_non_null(
        strstr(look_up(the_registry, "a", "\"int\"", true), "{\"subject\":\"a\",\"version\":1,"));
}

static void a_verdict_names_every_reason(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(
        check(the_registry, "a", 1, "\"string\"", true),
        "{\"is_compatible\":false,\"messages\":[\"{errorType:'TYPE_MISMATCH', description:'The "
        "type (path '/') of a field in the new schema does not match with the old schema', "
        "additionalInfo:'reader type: STRING not compatible with writer type: INT'}\","
        "\"{oldSchemaVersion: 1}\",\"{oldSchema: '\\\"int\\\"'}\","
        "\"{validateFields: 'false', compatibility: 'BACKWARD'}\"]}");
    assert_string_equal(check(the_registry, "a", 2, "\"int\"", false),
                        "40402 Version 2 not found.");
    assert_string_equal(check(the_registry, "new", 0, "\"int\"", true),
                        "{\"is_compatible\":true,\"messages\":[]}");
    assert_non_null(strstr(check(the_registry, "a", 0, "{", true),
                           "{\"is_compatible\":false,\"messages\":[\"Invalid schema of type AVRO"));
}

static void who_refers_to_a_version_is_known(void **state)
{
    registry_schema user = {.text = WEIR_STR("{\"type\":\"array\",\"items\":\"R\"}"),
                            .references =
                                WEIR_STR("[{\"name\":\"R\",\"subject\":\"r\",\"version\":1}]")};
    weir_buf reply = {0};
    registry_error error = {0};
    bool is_good;

    (void)state;
    (void)register_text(the_registry, "r", record_of("x:int"));
    (void)register_all(the_registry, "a", &user, false);
    registry_again();
    is_good =
        registry_referenced_by(the_registry, WEIR_STR("r"), 1, REGISTRY_PLAIN, &reply, &error);
    assert_string_equal(answer_of(is_good, &reply, &error), "[2]");
    is_good = registry_get_version_text(the_registry, WEIR_STR("a"), 1,
                                        &(registry_query){.format = WEIR_STR("resolved")}, &reply,
                                        &error);
    assert_string_equal(answer_of(is_good, &reply, &error),
                        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\","
                        "\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}}");
}

static void a_guid_finds_its_schema_in_every_context(void **state)
{
    weir_buf reply = {0};
    registry_error error = {0};
    char guid[37] = "";

    (void)state;
    (void)register_text(the_registry, ":.c:a", "\"long\"");
    memcpy(guid, strstr(version_of(the_registry, ":.c:a", 1, false), "\"guid\":\"") + 8, 36);
    assert_true(registry_get_guid(the_registry, weir_cstr(guid), REGISTRY_PLAIN, &reply, &error));
    assert_non_null(strstr(answer_of(true, &reply, &error), "\"schema\":\"\\\"long\\\"\""));
    registry_get_guid_ids(the_registry, weir_cstr(guid), &reply);
    assert_string_equal(answer_of(true, &reply, &error), "[{\"context\":\".c\",\"id\":1}]");
    assert_false(registry_get_guid(the_registry, WEIR_STR("x"), REGISTRY_PLAIN, &reply, &error));
    assert_string_equal(answer_of(false, &reply, &error), "40403 Schema x not found");
}

static void converters_get_ids_and_schemas(void **state)
{
    const weir_schema *found, *again;
    weir_error err;
    int32_t id;

    (void)state;
    (void)register_text(the_registry, "a", "\"long\"");
    assert_int_equal(registry_avro_of(the_registry, 1, &found, &err), WEIR_OK);
    assert_int_equal(weir_schema_type(found), WEIR_TYPE_LONG);
    assert_int_equal(registry_register_avro(the_registry, WEIR_STR("b"), found, &id, &err),
                     WEIR_OK);
    assert_int_equal(id, 1);
    assert_int_equal(registry_avro_of(the_registry, 1, &again, &err), WEIR_OK);
    assert_ptr_equal(found, again);
    assert_int_equal(registry_avro_of(the_registry, 9, &found, &err), WEIR_REJECT);
    assert_string_equal(err.message, "schema id 9: schema id 9 is not in _schemas");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_setup, registry_teardown)
        TEST(versions_are_numbers_or_latest),
        TEST(a_schema_is_served_with_all_it_was_registered_with),
        TEST(contexts_are_apart),
        TEST(a_name_without_context_is_looked_for_in_all),
        TEST(lists_are_sorted_and_come_in_pages),
        TEST(schemas_are_listed_by_subject_or_only_their_latest),
        TEST(a_schema_that_is_not_there_is_not_found),
        TEST(a_verdict_names_every_reason),
        TEST(who_refers_to_a_version_is_known),
        TEST(a_guid_finds_its_schema_in_every_context),
        TEST(converters_get_ids_and_schemas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
