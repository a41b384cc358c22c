/* test_remove.c - what deleting takes away, softly and for good, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/fake_log.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

static void a_soft_deleted_version_is_hidden_and_comes_back_as_the_next_one(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(delete_version(the_registry, "a", 1, false), "1");
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_DELETED_ONLY), "[1]");
    assert_string_equal(subjects_of(the_registry, NULL, REGISTRY_LIVE), "[]");
    assert_string_equal(subjects_of(the_registry, NULL, REGISTRY_DELETED_ONLY), "[\"a\"]");
    assert_string_equal(version_of(the_registry, "a", 1, false), "40401 Subject 'a' not found.");
    assert_non_null(strstr(version_of(the_registry, "a", 1, true), "\"deleted\":true"));
    assert_non_null(
        strstr(register_text(the_registry, "a", "\"int\""), "{\"id\":1,\"version\":2,"));
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_WITH_DELETED), "[2]");
}

static void deleting_goes_softly_first(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(delete_version(the_registry, "a", 1, true),
                        "40407 Subject 'a' Version 1 was not deleted first before being "
                        "permanently deleted");
    assert_string_equal(delete_subject(the_registry, "a", true),
                        "40405 Subject 'a' was not deleted first before being permanently "
                        "deleted");
    assert_string_equal(delete_version(the_registry, "a", -1, false), "1");
    assert_string_equal(delete_version(the_registry, "a", 1, false),
                        "40406 Subject 'a' Version 1 was soft deleted.Set permanent=true to "
                        "delete permanently");
    assert_string_equal(delete_subject(the_registry, "a", false),
                        "40404 Subject 'a' was soft deleted.Set permanent=true to delete "
                        "permanently");
    assert_string_equal(delete_version(the_registry, "a", 1, true), "1");
    assert_string_equal(delete_version(the_registry, "a", 1, true), "40401 Subject 'a' not found.");
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(delete_version(the_registry, "a", 9, false), "40402 Version 9 not found.");
    assert_string_equal(delete_version(the_registry, "b", 1, false),
                        "40401 Subject 'b' not found.");
    assert_string_equal(delete_subject(the_registry, "b", false), "40401 Subject 'b' not found.");
}

static void a_subject_goes_with_all_versions_and_its_settings(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    (void)register_text(the_registry, "a", record_of("x:int y:int=1"));
    (void)set_config(the_registry, "a", "{\"compatibility\":\"FULL\"}");
    assert_string_equal(delete_subject(the_registry, "a", false), "[1,2]");
    registry_again();
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_DELETED_ONLY), "[1,2]");
    assert_string_equal(delete_subject(the_registry, "a", true), "[1,2]");
    assert_string_equal(get_config(the_registry, "a", false),
                        "40408 Subject 'a' does not have subject-level compatibility configured");
    registry_again();
    assert_string_equal(subjects_of(the_registry, NULL, REGISTRY_WITH_DELETED), "[]");
}

static void ids_are_not_given_again_even_after_a_restart(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    (void)register_text(the_registry, ":.c:a", "\"int\"");
    (void)delete_subject(the_registry, "a", false);
    (void)delete_subject(the_registry, "a", true);
    assert_string_equal(schema_of(the_registry, 1, NULL), "40403 Schema 1 not found");
    registry_again();
    assert_int_equal(register_id(the_registry, "a", "\"int\""), 2);
    assert_int_equal(register_id(the_registry, ":.c:b", "\"long\""), 2);
}

static void versions_begin_at_one_again_after_a_permanent_deletion(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    (void)delete_subject(the_registry, "a", false);
    (void)delete_subject(the_registry, "a", true);
    (void)register_text(the_registry, "a", "\"long\"");
    registry_again();
    assert_string_equal(versions_of(the_registry, "a", REGISTRY_LIVE), "[1]");
}

static void what_is_referred_to_stays(void **state)
{
    registry_schema user = {.text = WEIR_STR("{\"type\":\"array\",\"items\":\"R\"}"),
                            .references =
                                WEIR_STR("[{\"name\":\"R\",\"subject\":\"r\",\"version\":1}]")};
    const char *refused = "42206 One or more references exist to the schema "
                          "{magic=1,keytype=SCHEMA,subject=r,version=1}.";

    (void)state;
    (void)register_text(the_registry, "r", record_of("x:int"));
    (void)register_all(the_registry, "a", &user, false);
    assert_string_equal(delete_version(the_registry, "r", 1, false), refused);
    assert_string_equal(delete_subject(the_registry, "r", false), refused);
    (void)delete_subject(the_registry, "a", false);
    assert_string_equal(delete_version(the_registry, "r", 1, false), "1");
    assert_string_equal(delete_version(the_registry, "r", 1, true), refused);
    (void)delete_subject(the_registry, "a", true);
    assert_string_equal(delete_version(the_registry, "r", 1, true), "1");
}

static void unknown_members_of_a_record_survive_its_deletion(void **state)
{
    log_record record = {
        .topic = REGISTRY_TOPIC,
        .timestamp_ms = 5,
        .key = WEIR_STR("{\"keytype\":\"SCHEMA\",\"subject\":\"a\",\"version\":1,\"magic\":0}"),
        .value = WEIR_STR("{\"subject\":\"a\",\"version\":1,\"id\":4,\"schema\":\"\\\"int\\\"\","
                          "\"deleted\":false,\"offset\":[1]}")};
    fake_record found;
    log_writer *writer;
    weir_error err;

    (void)state;
    assert_int_equal(log_writer_open(the_log, WEIR_STR(""), &writer, &err), WEIR_OK);
    assert_int_equal(log_add(writer, &record, &err), WEIR_OK);
    assert_int_equal(log_wait(writer, log_commit(writer), 1000, &err), LOG_COMMITTED);
    log_writer_close(writer);
    registry_again();
    assert_string_equal(delete_version(the_registry, "a", 1, false), "1");
    assert_true(fake_log_at(the_log, REGISTRY_TOPIC, 0, 1, &found)); /* the key was not ours */
    assert_null(found.value.ptr);
    assert_true(weir_str_eq(found.key, record.key));
    assert_true(fake_log_at(the_log, REGISTRY_TOPIC, 0, 2, &found));
    assert_non_null(
        memmem(found.value.ptr, found.value.len, "\"deleted\":true,\"offset\":[1]}", 28));
}

static void a_context_goes_when_it_is_empty(void **state)
{
    registry_error error = {0};

    (void)state;
    (void)register_text(the_registry, ":.c:a", "\"int\"");
    assert_false(registry_delete_context(the_registry, WEIR_STR(".c"), &error));
    assert_int_equal(error.code, REGISTRY_CONTEXT_NOT_EMPTY);
    registry_error_done(&error);
    error = (registry_error){0};
    (void)delete_subject(the_registry, ":.c:a", false);
    (void)delete_subject(the_registry, ":.c:a", true);
    assert_true(registry_delete_context(the_registry, WEIR_STR(".c"), &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_setup, registry_teardown)
        TEST(a_soft_deleted_version_is_hidden_and_comes_back_as_the_next_one),
        TEST(deleting_goes_softly_first),
        TEST(what_is_not_there_is_said),
        TEST(a_subject_goes_with_all_versions_and_its_settings),
        TEST(ids_are_not_given_again_even_after_a_restart),
        TEST(versions_begin_at_one_again_after_a_permanent_deletion),
        TEST(what_is_referred_to_stays),
        TEST(unknown_members_of_a_record_survive_its_deletion),
        TEST(a_context_goes_when_it_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
