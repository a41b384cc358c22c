/* test_tag_version.c - a version again, with other tags, metadata or rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema-registry/registry/registry.h"
#include "tests/fixtures/registry_fixture.h"

#include <string.h>

static const char *tag(const char *subject, int32_t version, const char *body)
{
    weir_buf reply = {0};
    registry_error error = {0};
    bool is_good = registry_tag_version(the_registry, weir_cstr(subject), version, weir_cstr(body),
                                        &reply, &error);

    return answer_of(is_good, &reply, &error);
}

static void assert_says(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no %s in %s", part, answer);
}

static void the_next_version_has_the_text_with_tags_and_its_number(void **state)
{
    static const char body[] =
        "{\"newVersion\":2,\"tagsToAdd\":[{\"schemaEntity\":{\"entityPath\":\"R\",\"entityType\":"
        "\"sr_record\"},\"tags\":[\"PII\"]}]}";

    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    assert_says(tag("a", 1, body), "{\"id\":2,\"version\":2,");
    assert_says(version_text(the_registry, "a", 2), "],\"confluent:tags\":[\"PII\"]}");
    assert_says(version_of(the_registry, "a", 2, false),
                "\"properties\":{\"confluent:version\":\"2\"}");
    assert_string_equal(tag("a", -1, body), "42201 Version is not one more than previous version");
}

static void rules_are_replaced_or_changed_but_not_both(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    assert_says(tag("a", 1,
                    "{\"newVersion\":2,\"ruleSet\":{\"domainRules\":[{\"name\":\"r\",\"type\":"
                    "\"CEL\",\"mode\":\"WRITE\"}]}}"),
                "\"version\":2,");
    assert_says(tag("a", 2,
                    "{\"newVersion\":3,\"rulesToMerge\":{\"domainRules\":[{\"name\":\"s\","
                    "\"type\":\"CEL\",\"mode\":\"READ\"}]},\"rulesToRemove\":[\"r\"]}"),
                "\"version\":3,");
    assert_says(version_of(the_registry, "a", 3, false), "\"domainRules\":[{\"name\":\"s\"");
    assert_says(tag("a", 2, "{\"ruleSet\":{},\"rulesToRemove\":[]}"),
                "42210 ruleSet should be omitted");
}

static void what_is_not_there_or_not_meant_is_refused(void **state)
{
    (void)state;
    (void)register_text(the_registry, "a", record_of("x:int"));
    assert_string_equal(tag("b", 1, "{}"), "40401 Subject 'b' not found.");
    assert_string_equal(tag("a", 7, "{}"), "40402 Version 7 not found.");
    assert_says(tag("__EMPTY", 1, "{}"), "42208");
    assert_says(tag("a", 1, "[]"), "400 ");
    assert_says(tag("a", 1, "{\"newVersion\":\"2\"}"), "400 newVersion");
    assert_says(tag("a", 1, "{\"metadata\":[]}"), "400 metadata");
    assert_says(tag("a", 1, "{\"tagsToAdd\":{}}"), "42201 schema tags are not a list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_setup, registry_teardown)
        TEST(the_next_version_has_the_text_with_tags_and_its_number),
        TEST(rules_are_replaced_or_changed_but_not_both),
        TEST(what_is_not_there_or_not_meant_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
