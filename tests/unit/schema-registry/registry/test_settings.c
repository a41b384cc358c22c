/* test_settings.c - configuration and modes: which counts, what they forbid, what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

static void the_nearest_level_counts(void **state)
{
    (void)state;
    assert_string_equal(get_config(the_registry, NULL, false),
                        "{\"compatibilityLevel\":\"BACKWARD\"}");
    assert_string_equal(get_config(the_registry, "a", false),
                        "40408 Subject 'a' does not have subject-level compatibility configured");
    assert_string_equal(set_config(the_registry, NULL, "{\"compatibility\":\"full\"}"),
                        "{\"compatibility\":\"FULL\"}");
    assert_string_equal(get_config(the_registry, "a", true), "{\"compatibilityLevel\":\"FULL\"}");
    (void)set_config(the_registry, ":.c:", "{\"compatibility\":\"NONE\"}");
    assert_string_equal(get_config(the_registry, ":.c:a", true),
                        "{\"compatibilityLevel\":\"NONE\"}");
    (void)set_config(the_registry, "a", "{\"compatibility\":\"FORWARD\"}");
    registry_again();
    assert_string_equal(get_config(the_registry, "a", true),
                        "{\"compatibilityLevel\":\"FORWARD\"}");
}

static void each_level_has_its_verdict(void **state)
{
    static const struct {
        const char *level;
        bool added_without_default, removed, added_with_default;
    } cases[] = {
        {"NONE", true, true, true},
        {"BACKWARD", false, true, true},
        {"FORWARD", true, false, true},
        {"FULL", false, false, true},
        {"BACKWARD_TRANSITIVE", false, true, true},
        {"FORWARD_TRANSITIVE", true, false, true},
        {"FULL_TRANSITIVE", false, false, true},
    };

    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int y:int"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WEIR_CLEANUP(weir_buf_done) weir_buf body = {0};

        weir_buf_printf(&body, "{\"compatibility\":\"%s\"}", cases[i].level);
        (void)set_config(the_registry, "a", weir_buf_cstr(&body));
        assert_string_equal(check(the_registry, "a", -1, record_of("x:int y:int z:int"), false),
                            cases[i].added_without_default ? "{\"is_compatible\":true}"
                                                           : "{\"is_compatible\":false}");
        assert_string_equal(check(the_registry, "a", 0, record_of("x:int"), false),
                            cases[i].removed ? "{\"is_compatible\":true}"
                                             : "{\"is_compatible\":false}");
        assert_string_equal(check(the_registry, "a", 1, record_of("x:int y:int z:int=1"), false),
                            cases[i].added_with_default ? "{\"is_compatible\":true}"
                                                        : "{\"is_compatible\":false}");
    }
}

static void bad_settings_get_their_code(void **state)
{
    (void)state;
    assert_non_null(strstr(set_config(the_registry, NULL, "{\"compatibility\":\"SOME\"}"),
                           "42203 Invalid compatibility level. Valid values are none, backward"));
    assert_non_null(strstr(set_config(the_registry, NULL, "[]"), "400 "));
    assert_non_null(strstr(set_config(the_registry, NULL, "{\"normalize\":1}"), "400 "));
    assert_non_null(strstr(set_config(the_registry, "__GLOBAL", "{}"), "42208 "));
    assert_non_null(strstr(set_mode(the_registry, NULL, "SOME", false), "42204 Invalid mode."));
    assert_non_null(
        strstr(set_mode(the_registry, "a", "FORWARD", false), "42204 Forward mode only"));
}

static void what_a_change_does_not_name_stays_and_null_takes_away(void **state)
{
    (void)state;
    (void)set_config(the_registry, "a",
                     "{\"compatibility\":\"FULL\",\"alias\":\"b\",\"normalize\":true}");
    assert_string_equal(set_config(the_registry, "a", "{\"alias\":null}"),
                        "{\"normalize\":true,\"compatibility\":\"FULL\"}");
}

static void a_deleted_setting_was_answered_and_is_gone(void **state)
{
    weir_buf reply = {0};
    registry_error error = {0};
    bool is_good;

    (void)state;
    (void)set_config(the_registry, "a", "{\"compatibility\":\"FULL\"}");
    is_good = registry_delete_config(the_registry, WEIR_STR("a"), &reply, &error);
    assert_string_equal(answer_of(is_good, &reply, &error), "{\"compatibilityLevel\":\"FULL\"}");
    registry_again();
    error = (registry_error){0};
    reply = (weir_buf){0};
    is_good = registry_delete_config(the_registry, WEIR_STR("a"), &reply, &error);
    assert_string_equal(answer_of(is_good, &reply, &error), "40401 Subject 'a' not found.");
}

static void read_only_forbids_every_change_but_that_of_the_mode(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(set_mode(the_registry, "a", "READONLY", false), "{\"mode\":\"READONLY\"}");
    registry_again();
    assert_string_equal(register_text(the_registry, "a", "\"long\""),
                        "42205 Subject a in context  is in read-only mode");
    assert_int_equal(register_id(the_registry, "a", "\"int\""), 1); /* it is there already */
    assert_string_equal(delete_subject(the_registry, "a", false),
                        "42205 Subject a in context  is in read-only mode");
    assert_string_equal(set_config(the_registry, "a", "{\"compatibility\":\"NONE\"}"),
                        "42205 Subject a in context  is in read-only mode");
    assert_string_equal(set_mode(the_registry, "a", "READWRITE", false),
                        "{\"mode\":\"READWRITE\"}");
    assert_int_equal(register_id(the_registry, "a", "\"long\""), 2);
}

static void an_import_begins_empty_unless_it_is_forced(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", "\"int\"");
    assert_string_equal(set_mode(the_registry, NULL, "IMPORT", false),
                        "42205 Cannot import since found existing subjects");
    assert_string_equal(set_mode(the_registry, NULL, "IMPORT", true), "{\"mode\":\"IMPORT\"}");
    (void)set_mode(the_registry, NULL, "READWRITE", false);
    (void)delete_subject(the_registry, "a", false);
    assert_string_equal(set_mode(the_registry, NULL, "IMPORT", false), "{\"mode\":\"IMPORT\"}");
    registry_again();
    assert_string_equal(subjects_of(the_registry, NULL, REGISTRY_WITH_DELETED), "[]");
    (void)set_mode(the_registry, NULL, "READWRITE", false);
    assert_int_equal(register_id(the_registry, "a", "\"int\""), 2);
}

static void a_mode_is_the_subjects_or_the_one_around_it(void **state)
{
    (void)state;
    assert_string_equal(get_mode(the_registry, NULL, false), "{\"mode\":\"READWRITE\"}");
    assert_string_equal(get_mode(the_registry, "a", false),
                        "40409 Subject 'a' does not have subject-level mode configured");
    (void)set_mode(the_registry, ":.__GLOBAL:", "READONLY", false);
    assert_string_equal(get_mode(the_registry, "a", true), "{\"mode\":\"READONLY\"}");
    assert_string_equal(get_mode(the_registry, ":.c:a", true), "{\"mode\":\"READONLY\"}");
}

static void an_alias_stands_for_its_subject(void **state)
{
    WEIR_CLEANUP(weir_buf_done) weir_buf name = {0};

    (void)state;
    (void)set_config(the_registry, "short", "{\"alias\":\"long-name\"}");
    registry_resolve_alias(the_registry, WEIR_STR("short"), &name);
    registry_resolve_alias(the_registry, WEIR_STR("/other"), &name);
    assert_string_equal(weir_buf_cstr(&name), "long-name/other");
}

static void only_versions_of_the_same_group_are_compared(void **state)
{
    registry_schema first = {.metadata = WEIR_STR("{\"properties\":{\"major\":\"1\"}}")};
    registry_schema second = {.metadata = WEIR_STR("{\"properties\":{\"major\":\"2\"}}")};

    (void)state;
    (void)set_config(the_registry, "a", "{\"compatibilityGroup\":\"major\"}");
    first.text = WEIR_STR("\"int\"");
    second.text = WEIR_STR("\"string\"");
    assert_non_null(strstr(register_all(the_registry, "a", &first, false), "\"version\":1,"));
    assert_non_null(strstr(register_all(the_registry, "a", &second, false), "\"version\":2,"));
    first.text = WEIR_STR("\"string\"");
    second.text = WEIR_STR("\"bytes\"");
    assert_non_null(strstr(register_all(the_registry, "a", &second, false), "\"version\":3,"));
}

static void default_and_override_metadata_go_around_the_schemas_own(void **state)
{
    registry_schema schema = {.text = WEIR_STR("\"int\""),
                              .metadata =
                                  WEIR_STR("{\"properties\":{\"b\":\"own\",\"c\":\"own\"}}")};

    (void)state;
    (void)set_config(the_registry, "a",
                     "{\"defaultMetadata\":{\"properties\":{\"a\":\"default\",\"b\":\"default\"}},"
                     "\"overrideMetadata\":{\"properties\":{\"c\":\"forced\"}}}");
    assert_non_null(strstr(register_all(the_registry, "a", &schema, false),
                           "\"metadata\":{\"properties\":{\"a\":\"default\",\"b\":\"own\","
                           "\"c\":\"forced\"}}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_setup, registry_teardown)
        TEST(the_nearest_level_counts),
        TEST(each_level_has_its_verdict),
        TEST(bad_settings_get_their_code),
        TEST(what_a_change_does_not_name_stays_and_null_takes_away),
        TEST(a_deleted_setting_was_answered_and_is_gone),
        TEST(read_only_forbids_every_change_but_that_of_the_mode),
        TEST(an_import_begins_empty_unless_it_is_forced),
        TEST(a_mode_is_the_subjects_or_the_one_around_it),
        TEST(an_alias_stands_for_its_subject),
        TEST(only_versions_of_the_same_group_are_compared),
        TEST(default_and_override_metadata_go_around_the_schemas_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
